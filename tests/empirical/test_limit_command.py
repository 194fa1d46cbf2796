"""``python -m empirical.limit``: what it prints and writes, that it goes on where it stopped, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from empirical import limit

RUN = ["digits", "--learner", "ridge", "--trials", "8", "--shard", "4", "--simulations", "2"]
LIMITS = [
    "--private",
    "30",
    "--private",
    "300",
    "--delta",
    "0",
    "--prune",
    "0.5:0.9:0.4",
    "--limited",
    "ridge(penalty=1000)",
]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("limits")
    assert limit.main([*RUN, *LIMITS, "--out", str(target), "--quiet"]) == 0
    return target


def test_it_writes_tables_figure_and_record(out: Path) -> None:
    table = pd.read_csv(out / "arms.csv")
    assert table["kind"].tolist() == ["unlimited", "private", "private", "pruned", "pruned", "other"]
    assert table["epsilon"].dropna().tolist() == [30, 300]
    assert (table["delta"].dropna() == 0).all()
    assert (table.loc[table["kind"] == "private", ["clip", "noise"]] > 0).all(axis=None)
    assert table["sparsity"].dropna().tolist() == [0.5, 0.9]
    lost = table.set_index("arm")["lost"]
    assert lost["unlimited"] == 0
    assert lost["ε = 30"] > lost["ε = 300"] > 0
    assert lost["90 % pruned"] > lost["50 % pruned"]
    groups, bins = (pd.read_csv(out / f"{name}.csv") for name in ("groups", "bins"))
    assert len(groups) == 5 * 10
    assert len(bins) == 5 * 5
    for arm, part in groups.groupby("arm"):
        mean = np.average(part["lost"], weights=part["tests"])
        assert mean == pytest.approx(lost[arm], abs=1e-6)
    assert (out / "limits.png").stat().st_size > 10_000
    assert json.loads((out / "run.json").read_text())["arguments"]["private"] == ["30", "300"]


def test_started_again_it_reads_what_was_trained_and_says_the_same(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards = {path: path.stat().st_mtime_ns for path in out.rglob("shard-*.npz")}
    tables = {name: (out / f"{name}.csv").read_bytes() for name in ("arms", "bins", "groups")}
    assert len(shards) == 6 * 2
    next(iter(shards)).unlink()  # as if stopped before
    assert limit.main([*RUN, *LIMITS, "--out", str(out), "--no-plot", "--json", "--quiet"]) == 0
    printed = json.loads(capsys.readouterr().out)
    for name, before in tables.items():
        assert (out / f"{name}.csv").read_bytes() == before
    assert sum(path.stat().st_mtime_ns == time for path, time in shards.items()) == len(shards) - 1
    assert printed["data"] == "digits"
    assert [row["arm"] for row in printed["arms"]] == pd.read_csv(out / "arms.csv")["arm"].tolist()
    assert printed["arms"][0]["epsilon"] is None
    assert set(printed) == {"data", "n", "n_test", "arms", "bins", "groups", "theory"}


def test_it_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert limit.main([*RUN, "--prune", "0.9", "--quiet"]) == 0
    text = capsys.readouterr().out
    assert "90 % pruned" in text
    assert "By memorization" in text


@pytest.mark.parametrize("models", [2, 4])
def test_a_few_models_say_what_they_can(models: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Half of them do not say who is memorized, or are too few for theory to say what that is worth."""
    assert (
        limit.main(["digits", "--learner", "ridge", "--trials", str(models), "--prune", "0.9", "--quiet", "--json"])
        == 0
    )
    printed = json.loads(capsys.readouterr().out)
    assert printed["arms"][1]["lost"] > 0
    assert all(row["in_predicted"] is None for row in printed["bins"])


def test_groups_may_be_a_column_of_the_users(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 300)
    table = pd.DataFrame({"label": label, "x": label + rng.normal(size=300), "y": rng.normal(size=300)})
    table["hospital"] = rng.choice(["north", "south"], 300)
    table.to_csv(tmp_path / "table.csv", index=False)
    given = [str(tmp_path / "table.csv"), *RUN[1:], "--prune", "0.5", "--quiet", "--json"]
    assert limit.main([*given, "--groups", "hospital"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert sorted(row["group"] for row in printed["groups"]) == ["north", "south"]
    assert limit.main([*given, "--groups", "clinic"]) == 2
    assert "--groups" in capsys.readouterr().err
    assert limit.main(["digits", *given[1:], "--groups", "hospital"]) == 2
    assert "--groups" in capsys.readouterr().err


BAD = (
    (["--private", "-1"], "--private"),
    (["--private", "0"], "--private"),
    (["--private", "1", "--delta", "1"], "--delta"),
    (["--private", "few"], "--private"),
    (["--prune", "1"], "--prune"),
    (["--prune", "0.5:1:0.25"], "--prune"),
    (["--prune", "-0.5"], "--prune"),
    (["--private", "1", "--mechanism", "knn"], "mechanism"),
    (["--limited", "nothing"], "learner"),
    (["--prune", "0.5", "--trials", "1"], "--trials"),
    (["--prune", "0.5", "--fraction", "1"], "--fraction"),
    (["--prune", "0.5", "--prune", "0.5"], "--prune"),
    ([], "--private"),
)


@pytest.mark.parametrize(("options", "named"), BAD, ids=lambda v: " ".join(v) if isinstance(v, list) else v)
def test_bad_input_is_one_line_and_nothing_is_written(
    options: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out"
    assert limit.main(["digits", "--learner", "ridge", *options, "--out", str(target), "--quiet"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert named in said
    assert not target.exists() or not any(target.iterdir())


def test_without_data_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert limit.main(["--prune", "0.5"]) == 2
    assert "DATA" in capsys.readouterr().err


def test_what_cannot_be_pruned_is_said_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert limit.main(["digits", "--learner", "knn", "--prune", "0.5", "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert "no weights to prune" in capsys.readouterr().err
    assert not list((tmp_path / "out").rglob("shard-*.npz"))
