"""``python -m empirical.attack``: what it prints and writes, and what it refuses before it trains."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from empirical import attack
from empirical.irrelevant import learners, sequences
from empirical.irrelevant.recovery import PARTS, recover
from longtail.irrelevant.attacks import Signs
from longtail.irrelevant.tasks import Hypercube
from longtail.priors import Uniform
from tests.drawn import heights

SMALL = ["--dimension", "200", "--samples", "60", "--rho", "0.4", "--repeats", "3", "--seed", "4", "--quiet"]


def test_it_prints_one_object_and_writes_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--task", "clusters", "--learner", "softmax", "--attack", "signs", *SMALL]
    assert attack.main([*given, "--out", str(tmp_path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == [
        "task", "learner", "attack", "singletons", "recovered", "relevant", "irrelevant", "control", "accuracy", "seconds",
    ]  # fmt: skip
    assert (printed["task"], printed["learner"], printed["attack"]) == ("clusters", "softmax", "signs")
    assert all(set(printed[part]) == {"value", "stderr"} for part in PARTS)
    assert list(printed["accuracy"]) == ["train", "represented", "singletons"]
    found = recover(Hypercube(Uniform(size=60), 200, 0.4), learners.Softmax(), Signs(), 60, 3, 4)
    assert printed["singletons"] == len(found.singletons)
    for part in PARTS:
        assert printed[part] == {"value": found.rate(part).value, "stderr": found.rate(part).stderr}
    assert printed["accuracy"]["singletons"] == found.accuracy("singletons").value
    assert json.loads((tmp_path / "summary.json").read_text()) == printed
    table = pd.read_csv(tmp_path / "singletons.csv")
    pd.testing.assert_frame_equal(table, found.singletons)
    assert (table["relevant_bits"] + table["irrelevant_bits"] == 200).all()
    assert (tmp_path / "attack.png").stat().st_size > 10_000
    assert json.loads((tmp_path / "run.json").read_text())["arguments"]["learner"] == "softmax"


def test_where_there_is_no_terminal_it_says_in_ten_lines_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--dimension", "200", "--samples", "20", "--rho", "0.4", "--repeats", "19", "--seed", "4"]
    assert attack.main(["--task", "clusters", "--learner", "softmax", "--attack", "signs", *small]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if " of 20 models" in line]
    assert said == [f"{number} of 20 models" for number in range(2, 21, 2)]


@pytest.mark.parametrize("task", ["clusters", "boolean", "gaussian"])
def test_it_prints_a_table_for_each_task(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert attack.main(["--task", task, *(v for v in SMALL if v not in ("--rho", "0.4"))]) == 0
    text = capsys.readouterr().out
    assert "of data not seen" in text
    assert ("Fano" in text) == (task == "clusters")


def test_strings_are_read_out_of_a_next_symbol_learner(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--task", "next", "--samples", "50", "--repeats", "2", "--quiet"]
    for learner, least in (("majority", 1.0), ("nearest", 0.9)):
        assert attack.main([*given, "--learner", learner, "--json"]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert printed["irrelevant"]["value"] >= least
        assert printed["control"]["value"] == pytest.approx(0.5, abs=5 * 0.5 / 30)
        assert printed["attack"] == "queries"
    assert attack.main(given) == 0
    assert "Fano" not in capsys.readouterr().out


def test_the_figure_shows_the_rates() -> None:
    from empirical.report.attack_figure import figure

    found = recover(Hypercube(Uniform(size=60), 200, 0.4), learners.Ridge(), Signs(), 60, 2, 4)
    axes = figure(found, "title").axes
    assert heights(axes[0]) == [found.rate(part).value for part in PARTS]
    assert heights(axes[2]) == [found.accuracy(of).value for of in ("train", "represented", "singletons")]


BAD = (
    (["--dimension", "0"], "--dimension"),
    (["--dimension", "2.5"], "--dimension"),
    (["--rho", "1.5"], "--rho"),
    (["--rho", "-0.1"], "--rho"),
    (["--rho", "nan"], "--rho"),
    (["--rho", "0"], "told apart"),
    (["--dimension", "20"], "--dimension"),
    (["--samples", "0"], "--samples"),
    (["--samples", "1e6", "--dimension", "1e6"], "--samples"),
    (["--subpopulations", "1e7"], "--samples"),
    (["--repeats", "0"], "--repeats"),
    (["--seed", "-1"], "--seed"),
    (["--subpopulations", "0"], "--subpopulations"),
    (["--subpopulations", "1"], "alone"),
    (["--alpha", "-1"], "--alpha"),
    (["--alpha", "1", "--prior", "Uniform(size=9)"], "--alpha"),
    (["--prior", "Nothing(1)"], "prior"),
    (["--task", "riddles"], "--task"),
    (["--task", "gaussian", "--rho", "0.1"], "--rho"),
    (["--task", "boolean", "--strength", "2"], "--strength"),
    (["--task", "boolean", "--strength", "0.01"], "told apart"),
    (["--strength", "0.5"], "--strength"),
    (["--noise", "0.5"], "--noise"),
    (["--task", "next", "--rho", "0.5"], "--rho"),
    (["--task", "next", "--attack", "signs"], "--attack"),
    (["--task", "next", "--learner", "softmax"], "--learner"),
    (["--task", "next", "--noise", "1"], "--noise"),
    (["--task", "next", "--noise", "1.2"], "--noise"),
    (["--task", "next", "--dimension", "0"], "--dimension"),
    (["--task", "next", "--subpopulations", "1"], "alone"),
    (["--learner", "knn", "--attack", "signs"], "--attack"),
    (["--learner", "lookup", "--attack", "gradient"], "--attack"),
    (["--learner", "forest"], "--learner"),
    (["--learner", "softmax(steps=x)"], "--learner"),
    (["--learner", "mlp(width=0)"], "width"),
    (["--attack", "guess"], "--attack"),
    (["--attack", "queries(sweeps=0)"], "sweeps"),
    (["--learner", "__import__('os')"], "--learner"),
)


@pytest.mark.parametrize(("options", "named"), BAD, ids=lambda v: " ".join(v) if isinstance(v, list) else v)
def test_bad_input_is_one_line_and_nothing_is_trained_or_written(
    options: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(*_: object) -> None:
        raise AssertionError("trained")

    for kind in (*learners.NAMES.values(), *sequences.NAMES.values()):
        monkeypatch.setattr(kind, "model", trained)
    out = tmp_path / "out"
    try:
        code = attack.main([*options, "--out", str(out), "--quiet"])
    except SystemExit as stopped:  # argparse's own
        code = int(stopped.code or 0)
    assert code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert named in said
    assert not out.exists()
