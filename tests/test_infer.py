"""The command that reads counts: what it finds, prints and writes, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from longtail import Problem, exact
from longtail.core.record import Run
from longtail.counts import unseen as turing
from longtail.counts.fit import fit
from longtail.counts.tail import tail
from longtail.infer import main

FAST = ["--family", "Uniform", "--family", "Gamma", "--quiet"]


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    """Of 2,000 subpopulations whose frequencies are Gamma of shape .7; many are never seen."""
    rng = np.random.default_rng(0)
    return np.asarray(rng.poisson(rng.gamma(0.7, 3.0, 2000)))


@pytest.fixture(scope="module")
def file(counts: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("counts") / "counts.txt"
    path.write_text("\n".join(map(str, counts)))
    return str(path)


def test_words_say_what_was_fitted_and_whether_to_believe_it(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file, *FAST]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "Best fit: Gamma. It is not refused" in out
    assert "Power-law tail of" in out
    assert main([file, "--family", "Uniform", "--quiet"]) == 0
    assert "Best fit: Uniform. It is refused" in capsys.readouterr().out


def test_json_is_what_the_functions_return(counts: np.ndarray, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file, "--json", "--level", "0.9", *FAST]) == 0
    record = json.loads(capsys.readouterr().out)
    best = fit(counts, "Gamma", level=0.9)
    assert record["prior"] == repr(best.prior)
    assert record["refused"] is False
    assert [f["family"] for f in record["families"]] == ["Gamma", "Uniform"]
    low, high = best.intervals["shape"]
    assert low < 0.7 < high
    shape = next(p for p in record["parameters"] if p["parameter"] == "shape")
    assert (shape["low"], shape["high"]) == (low, high)
    found = tail(counts, level=0.9)
    assert record["power_law"][0]["exponent"] == found.exponent.value
    assert (record["power_law"][0]["low"], record["power_law"][0]["high"]) == found.interval
    assert record["unseen_mass"]["value"] == turing.unseen_mass(counts).value
    assert [row["n_tau"] for row in record["good_turing"]] == turing.table(counts, best)["n_tau"].tolist()
    half = next(row for row in record["prospects"] if row["times"] == 0.5)
    assert half["new_subpopulations"] == turing.prospects(counts, 0.5)["new_subpopulations"].iloc[0]
    assert half["new_subpopulations_fitted"] == turing.fitted_prospects(best, 0.5)["new_subpopulations"].iloc[0]


def test_what_not_memorizing_costs_is_that_of_the_best_fit(
    counts: np.ndarray, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exactly, by its own list; the optimal error near what Good and Turing find without one, z = 5 of theirs."""
    assert main([file, "--json", "--labels", "4", *FAST]) == 0
    record = json.loads(capsys.readouterr().out)
    problem = Problem(fit(counts, "Gamma").prior, int(counts.sum()), 4)
    assert record["cost"] == exact.cost(problem).value
    assert record["optimal_error"] == exact.optimal_error(problem).value
    unseen = turing.unseen_mass(counts)
    assert abs(record["optimal_error"] - 0.75 * unseen.value) < 5 * 0.75 * unseen.stderr
    assert main([file, "--labels", "4", *FAST]) == 0
    said = capsys.readouterr().out
    assert f"with 4 classes not memorizing what is seen once costs {100 * record['cost']:.2f} %" in said


def test_what_out_holds(file: str, tmp_path: Path) -> None:
    assert main([file, "--out", str(tmp_path / "deep/er"), *FAST]) == 0
    run = Run.read(tmp_path / "deep/er")
    assert run.arguments["file"] == file
    assert set(run.frames) == {"families", "parameters", "power_law", "good_turing", "prospects"}
    names = {path.name for path in (tmp_path / "deep/er").iterdir()}
    assert names == {"run.json", "figure.png", "figure.svg", *(f"{name}.csv" for name in run.frames)}
    assert main([file, "--out", str(tmp_path / "bare"), "--no-plot", *FAST]) == 0
    assert not (tmp_path / "bare" / "figure.png").exists()


def test_few_counts_have_no_tail_and_no_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "few.csv").write_text("city,people,cars\na,5,1\nb,3,1\nc,1,2\n")
    assert main([str(tmp_path / "few.csv"), "--column", "people", "--family", "Uniform", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "too few counts to say" in out
    assert "Power-law" not in out


def test_the_readme_shows_what_is_printed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(data / "frequencies/words.txt"), "--quiet"]) == 0
    printed = capsys.readouterr().out.splitlines()
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    shown = text.split("Dick's words it prints")[1].split("```")[1].strip().splitlines()
    assert len(shown) > 8
    assert [line for line in shown if line not in [*printed, "..."]] == []


@pytest.mark.parametrize(
    ("text", "arguments", "named"),
    [
        ("1\n2\n", ["--family", "Zeta"], "family: got Zeta"),
        ("1\n2\n", ["--level", "1"], "--level: got 1.0"),
        ("1\n2\n", ["--labels", "1"], "--labels: got 1"),
        ("a,b\n1,2\n", [], "name one by its column"),
        ("a,b\n1,2\n", ["--column", "c"], "column: got c"),
        ("1.5\n2\n", [], "FILE: got 1.5 in"),
        ("a\nb\n", [], "whose first row has no number"),
        ("4\n4\n4\n4\n", [], "give counts that differ"),
        ("", [], "the file is empty"),
        ("1\n2\n", ["--out", "{file}"], "--out"),
    ],
    ids=str,
)
def test_bad_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, arguments: list[str], named: str
) -> None:
    file = tmp_path / "counts.txt"
    file.write_text(text)
    assert main([str(file), *(a.replace("{file}", str(file)) for a in arguments), "--quiet"]) == 2
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1
