"""The command: what it prints and writes, and how it refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from longtail import Problem, Zipf, exact
from longtail.command.problems import curve
from longtail.core.record import Run
from longtail.cost import main
from longtail.exact import limits, noise
from longtail.exact.subgroups import Group, subgroups
from longtail.learners import Capacity, Limited, Private

PROBLEM = Problem(Zipf(alpha=1, size=500), 500)
QUICK = ["--subpopulations", "500", "--samples", "500"]
GROUPS = {
    "groups": [
        {"name": "most", "prior": "Zipf(alpha=1, size=50)", "share": 0.75},
        {"name": "few", "prior": "Uniform(size=20)", "share": 0.25, "labels": 3, "kappa": 0.9},
    ]
}


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_privacy(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, *QUICK, "--alpha", "1", "--epsilon", "0.1:10", "--delta", "1e-5", "--within", "0.01")
    assert list(found) == ["prior", "samples", "labels", "mode", "optimal_error", "cost", "curve", "within"]
    assert (found["prior"], found["samples"]) == ("Zipf(alpha=1.0, size=500)", 500)
    assert (found["labels"], found["mode"]) == (10, "random")
    assert found["optimal_error"] == exact.optimal_error(PROBLEM).value
    assert found["cost"] == exact.cost(PROBLEM).value
    assert len(found["curve"]) == 25
    assert list(found["curve"][0]) == ["epsilon", "delta", "excess_error"]
    assert [found["curve"][at]["epsilon"] for at in (0, 12, 24)] == [0.1, 1, 10]
    error = exact.error(PROBLEM, Private(1.0, 1e-5)).value - found["optimal_error"]
    assert found["curve"][12]["excess_error"] == pytest.approx(error, rel=1e-9)
    assert found["within"] == {"excess_error": 0.01, "epsilon": limits.least_epsilon(PROBLEM, 0.01, 1e-5)}


def test_other_limits(capsys: pytest.CaptureFixture[str]) -> None:
    rows = printed(capsys, *QUICK, "--limit", "0:1:0.5")["curve"]
    assert [row["gamma"] for row in rows] == [0, 0.5, 1]
    assert rows[1]["excess_error"] == pytest.approx(
        exact.error(PROBLEM, Limited(0.5)).value - exact.optimal_error(PROBLEM).value, rel=1e-9
    )
    found = printed(capsys, *QUICK, "--capacity", "1:100", "--within", "0.02")
    assert found["curve"][0]["capacity"] == 1
    assert found["curve"][-1] == {
        "capacity": 100,
        "excess_error": pytest.approx(exact.capacity_excess(PROBLEM, 100).value, abs=1e-15),
    }
    assert found["within"]["capacity"] == limits.least_capacity(PROBLEM, 0.02)
    found = printed(capsys, *QUICK, "--noise", "0.6", "--against", "noisy")
    want = noise.noise(PROBLEM, 0.6, "noisy").iloc[0]
    assert found["curve"][0]["kappa"] == 0.6
    assert found["curve"][0]["excess_error"] == pytest.approx(want["excess_error"])
    assert found["crossover"] == {"0.6": 3}


def test_groups(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "groups.json"
    file.write_text(json.dumps(GROUPS))
    groups = [Group("most", Zipf(alpha=1, size=50), 0.75), Group("few", exact_uniform(), 0.25, n_classes=3, kappa=0.9)]
    found = printed(capsys, "--groups", str(file), "--limit", "0.3", "--samples", "80", "--mode", "fixed")
    want = subgroups(groups, 80, Limited(0.3), "fixed")
    assert [row["name"] for row in found["groups"]] == ["most", "few"]
    for column in ("optimal_error", "excess_error"):
        assert [row[column] for row in found["groups"]] == pytest.approx(want[column].tolist())
    found = printed(capsys, "--groups", str(file), "--capacity", "7", "--samples", "80")
    want = subgroups(groups, 80, Capacity(7))
    assert [row["excess_error"] for row in found["groups"]] == pytest.approx(want["excess_error"].tolist())
    assert (
        main(["--groups", str(file), "--noise", "0.5", "--samples", "80", "--out", str(tmp_path / "out"), "--quiet"])
        == 0
    )
    text = capsys.readouterr().out
    assert "most" in text
    assert "times as much as" in text
    assert sorted(os.listdir(tmp_path / "out")) == ["figure.png", "figure.svg", "groups.csv", "run.json"]


def exact_uniform() -> Any:
    from longtail import Uniform

    return Uniform(size=20)


def test_table_figure_and_record(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([*QUICK, "--epsilon", "0.1:10", "--within", "0.05", "--out", str(tmp_path), "--quiet"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Zipf(alpha=1.0, size=500), 500 samples, 10 labels, random frequencies\nOptimal error ")
    assert f"from ε = {limits.least_epsilon(PROBLEM, 0.05):.10g} on" in out
    assert sorted(os.listdir(tmp_path)) == ["curve.csv", "figure.png", "figure.svg", "run.json"]
    svg = (tmp_path / "figure.svg").read_text()
    for words in ("(logarithmic)", "privacy $\\epsilon$", "10⁰", "error added to the optimum"):
        assert words in svg or "<!-- " + words in svg
    run = Run.read(tmp_path)
    frame = run.frames["curve"]
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == 25
    assert (frame["groups"] <= frame["excess_error"] + 1e-12).all()
    assert run.arguments["epsilon"] == "0.1:10"


def test_several_problems(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([*QUICK, "--alpha", "0.5:1:0.5", "--noise", "0.5:1", "--json", "--out", str(tmp_path), "--quiet"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert (tmp_path / "figure.png").exists()


def test_ranges() -> None:
    assert curve("--epsilon", "1:100")[::12] == [1, 10, 100]
    assert curve("--limit", "0:1", steps="even")[12] == 0.5
    assert curve("--epsilon", "1:3:1") == [1, 2, 3]


def written(folder: Path, content: Any) -> str:
    file = folder / "groups.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(file)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--epsilon", "-1"], "--epsilon: got -1.0; give a number in [0"),
        (["--epsilon", "0:1"], "--epsilon: got 0:1; give"),
        (["--epsilon", "2:1"], "--epsilon: got 2:1; give"),
        (["--epsilon", "one"], "--epsilon: got one; give"),
        (["--epsilon", "1", "--delta", "1"], "--delta: got 1.0; give a number in [0, 1)"),
        (["--limit", "0.5", "--delta", "0.1"], "--delta: got 0.1; goes with --epsilon"),
        (["--capacity", "501"], "--capacity: got 501; no more than the 500 samples"),
        (["--capacity", "-3"], "--capacity: got -3; give a whole number"),
        (["--capacity", "2.5"], "--capacity: got 2.5; give a whole number"),
        (["--limit", "1.5"], "--limit: got 1.5; give a number in [0, 1]"),
        (["--noise", "2"], "--noise: got 2.0; give a number in [0, 1]"),
        (["--noise", "0.5", "--within", "0.1"], "--within: got 0.1; goes with"),
        (["--within", "0"], "--within: got 0.0; no epsilon costs nothing"),
        (["--within", "a"], "--within: got a; give a number"),
        (["--epsilon", "1", "--limit", "1"], "not allowed with argument"),
    ],
)
def test_bad_input_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], said: str
) -> None:
    refused(capsys, [*QUICK, *arguments, "--out", str(tmp_path / "out")], said)
    assert not list((tmp_path / "out").glob("*"))


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, error = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert error.count("\n") == 1
    assert said in error


MOST = GROUPS["groups"][0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "holds no object"),
        ({"group": []}, 'give {"groups"'),
        ({"groups": []}, 'give {"groups"'),
        ({"groups": [MOST]}, "sum to 1"),
        ({"groups": [{**MOST, "share": 1, "size": 3}]}, "'size' in group 1"),
        ({"groups": [{**MOST, "share": "1"}]}, "share '1' in group 1"),
        ({"groups": [{**MOST, "share": 1, "prior": "Zipff(alpha=1, size=5)"}]}, "Zipff in group 1"),
        ({"groups": [{**MOST, "share": 1, "prior": "os.system(a=1)"}]}, "os.system in group 1"),
        ({"groups": [{**MOST, "share": 1, "kappa": 0}]}, "kappa 0 in group 1"),
        ({"groups": [{**MOST, "share": 1, "labels": 1}]}, "n_classes 1 in group 1"),
        ({"groups": [{"name": "a", "share": 1}]}, "group 1 of"),
        ({"groups": [{**MOST, "share": 0.5}, {**MOST, "share": 0.5}]}, "a name of its own"),
        ({"groups": [MOST] * 101}, "at most 100"),
        ({"groups": [[[[]]]]}, 'give {"groups"'),
        ("[" * 10_000, "cannot be read"),
    ],
    ids=str,
)
def test_a_bad_group_file_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: Any, said: str
) -> None:
    refused(capsys, ["--groups", written(tmp_path, content)], said)


def test_what_groups_do_not_go_with(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = written(tmp_path, GROUPS)
    for arguments, said in (
        (["--alpha", "1"], "--alpha: got 1; the file of --groups says that"),
        (["--labels", "3"], "--labels: got 3; the file"),
        (["--within", "0.1"], "--within: got 0.1; goes without --groups"),
        (["--limit", "0:1"], "--limit: got 0:1; give"),
        (["--limit", "0:1:0.5"], "--limit: got 0:1:0.5; give one value"),
        (["--capacity", "-3"], "--capacity: got -3; give a whole number"),
    ):
        refused(capsys, ["--groups", file, *arguments], said)
    refused(capsys, ["--groups", str(tmp_path / "none.json")], "No such file")
    refused(capsys, ["--groups", str(tmp_path)], "folder")
    refused(capsys, ["--groups", "/dev/zero"], "device")
