"""``python -m empirical.judge``: what it prints, writes and refuses."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from empirical import estimate, judge
from empirical.attributions.judged import judged
from empirical.attributions.ridge import left_out
from empirical.command.opening import kept
from empirical.report.judged_figure import judged_figure
from empirical.report.judged_text import report

ARGUMENTS = (
    "planted",
    "--n",
    "120",
    "--trials",
    "128",
    "--shard",
    "32",
    "--learner",
    "kernel",
    "--score",
    "margin",
    "--fraction",
    "0.5",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with margins, and two attributions beside it: one that leaves each out, and one at random."""
    folder = tmp_path_factory.mktemp("judged")
    assert estimate.main([*ARGUMENTS, "--no-plot", "--quiet", "--out", str(folder / "run")]) == 0
    data = kept(judge.parser().parse_args([str(folder / "run"), "x"])).dataset().data
    np.save(folder / "ridge.npy", left_out(data))
    np.save(folder / "random.npy", np.random.default_rng(0).normal(size=(data.n, data.n_test)))
    np.save(folder / "short.npy", left_out(data)[:, :7])
    (folder / "flipped.txt").write_text("3\n7\n11\n")
    return folder


def called(capsys, *arguments):
    code = judge.main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_it_says_and_writes_what_the_function_finds(capsys, run, tmp_path):
    both = (run / "ridge.npy", run / "random.npy")
    how = ("--skip", "28", "--flipped", run / "flipped.txt", "--retrain", "5", "--quiet")
    code, out, _ = called(capsys, run / "run", *both, *how, "--json", "--out", tmp_path)
    assert code == 0
    record = json.loads(out)
    first, second = (dict(one) for one in record["judged"])
    trials = kept(judge.parser().parse_args([str(run / "run"), "x"])).trials.take(slice(28, None))
    found = judged(trials, np.load(run / "ridge.npy"), flipped=np.array([3, 7, 11]))
    brittle = first.pop("brittle")
    assert {"scores": str(both[0]), **found.summary, "brittle": None} == {**first, "brittle": None}
    assert first["models"] == 100
    assert first["lds"] > 0.2 > second["lds"]
    assert [row["removed"] for row in brittle] == [1, 2, 4, 8, 16, 32, 64]
    assert json.loads((tmp_path / "judged.json").read_text())["judged"] == record["judged"]
    table = pd.read_csv(tmp_path / "judged.csv")
    assert set(table["scores"]) == {str(one) for one in both}
    assert list(table)[:5] == ["index", "lds", "stderr", "low", "high"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "brittle.csv",
        "judged.csv",
        "judged.json",
        "judged.png",
        "judged.svg",
    ]
    code, of_all, _ = called(capsys, run / "run", both[0], "--tests", "0:5", "--quiet")  # those of these five are taken
    assert code == 0
    np.save(tmp_path / "five.npy", np.load(both[0])[:, :5])
    code, out, _ = called(capsys, run / "run", tmp_path / "five.npy", "--tests", "0:5", "--quiet")
    assert code == 0
    assert out.replace("five.npy", "ridge.npy").split() == of_all.split()
    assert "5 of 5 test examples" in out
    assert "noise ceiling" in out


def test_models_trained_elsewhere_judge_too(capsys, tmp_path):
    rng = np.random.default_rng(1)
    masks, w = rng.random((200, 30)) < 0.5, rng.normal(size=(30, 4))
    np.savez(tmp_path / "m.npz", masks=masks, correct_train=masks * 1.0, correct_test=masks @ w)
    np.save(tmp_path / "w.npy", w)
    code, out, _ = called(capsys, tmp_path / "m.npz", tmp_path / "w.npy", "--score", "margin", "--json", "--quiet")
    assert code == 0
    assert json.loads(out)["judged"][0]["lds"] == pytest.approx(1, abs=1e-3)
    code, _, err = called(
        capsys, tmp_path / "m.npz", tmp_path / "w.npy", "--score", "margin", "--retrain", "2", "--quiet"
    )
    assert code == 2
    assert "models trained elsewhere come without their data" in err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (["none.npy"], "SCORES: got none.npy; No such file"),
        (["{run}/ridge.npy", "--skip", "128"], "--skip: got 128; the run has 128 models"),
        (["{run}/ridge.npy", "--skip", "-1"], "--skip: got -1"),
        (["{run}/ridge.npy", "--tests", "9:2"], "--tests: got 9:2; give start:stop"),
        (["{run}/ridge.npy", "--tests", "a:b"], "--tests: got a:b; No such file"),
        (["{run}/short.npy", "--tests", "{run}/flipped.txt"], "SCORES: got shape"),
        (["{run}/ridge.npy", "--flipped", "{run}/ridge.npy"], "--flipped: got"),
        (["{run}/ridge.npy", "--flipped", "{run}/run/summary.json"], "--flipped: got .*whole number a line"),
        (["{run}/ridge.npy", "--score", "margin"], "--score: got margin; a run knows"),
        (["{run}/ridge.npy", "--retrain", "x"], "argument --retrain: invalid int"),
        (["os.getcwd"], "SCORES: got os.getcwd; os is a module of Python's own"),
    ],
)
def test_bad_input_is_one_line(capsys, run, tmp_path, change, says):
    arguments = [part.format(run=run) for part in change]
    try:
        code, out, err = called(capsys, run / "run", *arguments, "--out", tmp_path / "new", "--quiet")
    except SystemExit as stopped:
        code, (out, err) = stopped.code, capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("python -m empirical.judge: error: ")
    assert pd.Series(err).str.contains(says).all(), err
    assert err.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_the_figure_has_a_line_for_each(run):
    trials = kept(judge.parser().parse_args([str(run / "run"), "x"])).trials
    every = {name: judged(trials, np.load(run / name)) for name in ("ridge.npy", "random.npy")}
    axes = judged_figure(every, "a $run").axes[0]
    shown, *_ = axes.lines
    np.testing.assert_array_equal(shown.get_xdata(), np.sort(every["ridge.npy"].table["lds"].dropna()))
    assert len(axes.lines) == 3
    said = report(every, "a run")
    assert f"{float(every['ridge.npy'].lds.value):.3f} ±" in said
    assert "unknown" in said  # no labels are known to be wrong
