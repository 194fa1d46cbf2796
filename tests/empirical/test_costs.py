"""What a run costs is counted as it is done, its page says what the code does, and --dry-run writes nothing."""

from __future__ import annotations

import json
import math
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from empirical import estimate
from empirical.command.keeping import There
from empirical.estimates import costs
from empirical.estimates.costs import Case, Rates, stages
from empirical.learners import KNN, MLP
from empirical.training.job import Job
from empirical.training.run import run
from tests.empirical.runs import opened

PAGE = Path(__file__).parents[2] / "docs" / "size.md"


def test_pairs_and_words_are_those_that_are_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    from empirical.estimates.pairs import pairs_cpu

    rng = np.random.default_rng(0)
    y, z = rng.integers(0, 5, 300), rng.integers(1, 7, 500)
    case = Case.of(y, z, 100)
    assert case.pairs == sum(int(a == b) for a in y for b in z)
    assert case.among == sum(int(a == b) for a in y for b in y)
    passed = []
    kernel = pairs_cpu.hits

    def counting(a: Any, lanes: Any, counted: Any, *rest: Any) -> Any:
        passed.append(len(counted.inside) * int((counted.totals >= 0).sum()))
        return kernel(a, lanes, counted, *rest)

    monkeypatch.setattr(pairs_cpu, "hits", counting)
    costs.found(costs.made_up(300, 500, 100), costs.Pairing(y, z, 0.99))
    words = sum(passed[:4]) * case.words + sum(passed[4:]) * Case.of(y, z, 50).words
    assert len(passed) == 3 * 4  # four classes that both have, in all models and in two halves
    assert sum(passed) == 3 * case.pairs
    assert words == 2 * case.pairs * case.words
    assert Case.of(np.arange(600) % 6, np.arange(90) % 6, 100) == Case.even(600, 90, 6, 100)


def test_bytes_are_those_of_the_store(job: Job, tmp_path: Path) -> None:
    run(job, 64, store=opened(job, tmp_path))
    data = job.data
    counted = stages(Case.of(data.y_train, data.y_test, 64, shard=job.shard))[1].bytes
    files = sorted(tmp_path.glob("shard-*.npz"))
    written = sum(file.stat().st_size for file in files)
    assert counted <= written <= counted + len(files) * (1500 + job.shard * 2)


def test_a_net_counts_its_products() -> None:
    from empirical.data.data import Data

    x, y = np.zeros((1050, 64), np.float32), np.zeros(1050, np.int64)
    data = Data(x, y, x[:1], y[:1], tuple(range(10)))
    told = MLP(256, epochs=10).operations(data, 1050)
    assert told == 10 * 1050 * 256 * (4 * 64 + 6 * 10) + 2 * 1051 * 256 * 74
    assert KNN().operations(data, 1050) is None


def test_stages_scale_as_their_counts_do() -> None:
    case = Case.even(1000, 100, 10, 640, per_model=5.0)
    rates = Rates(*(10.0**-k for k in range(6)))
    one, twice = stages(case, rates), stages(replace(case, models=1280), rates)
    assert [s.seconds for s in twice] == pytest.approx([2 * s.seconds for s in one])
    assert [s.operations for s in twice] == [2 * (s.operations or 0) for s in one]
    assert one[0].seconds == 640
    found, both = 2 * 10_000 * 10, 1100
    assert one[2].seconds == pytest.approx(found * 1e-2 + 2 * both * 640 * 1e-3)
    assert one[2].hours == one[2].seconds / 3600
    assert all(math.isnan(s.seconds) for s in stages(case))


def test_rates_are_found_for_small_and_for_odd_sizes() -> None:
    for sizes in ((2, 1, 1, 4), (130, 33, 2, 70)):
        rates = costs.calibrated(Case.even(*sizes), 0.5)
        assert rates.model == 0.5
        assert all(np.isfinite(v) and v >= 0 for v in astuple(rates))


def test_the_page_has_the_tables() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, case in costs.PUBLISHED.items():
        assert f"## {name}\n" in page
        assert costs.markdown(case) in page


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    base = ["planted", "--n", "60", "--trials", "20", "--learner", "mlp(8, epochs=2)", "--out", str(out), "--quiet"]
    assert estimate.main([*base, "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [s["name"] for s in told["stages"]] == ["train", "store", "pairs", "taught", "report"]
    assert told["case"]["n"] == 60
    assert all(s["seconds"] >= 0 and s["machine_hours"] == s["seconds"] / 3600 for s in told["stages"])
    assert told["stages"][0]["operations"] > 0
    assert estimate.main([*base, "--dry-run", "--workers", "2"]) == 0
    said = f"20 models; 0 of them are in {out / 'trials'}, 20 are left to train; nothing was written"
    assert said in capsys.readouterr().out
    assert not out.exists()
    assert not list(tmp_path.iterdir())
    for wrong in (["--score", "margin"], ["--workers", "0"]):
        assert estimate.main([*base, "--dry-run", *wrong]) == 2
    assert estimate.main(["--masks", "none.npz", "--dry-run"]) == 2
    capsys.readouterr()


def test_what_comes_after_training_grows_with_the_examples():
    """Of one round a stage by a clock that says 1 s of pairs, then 2 s of tables: by hand."""
    small, large = (costs.Case.even(n, 100, 10, 128) for n in (500, 5000))
    ticks = iter([0.0, 1.0, 1.0, 3.0])
    rates = costs.rough(small, clock=lambda: next(ticks))
    assert rates.word == 1 / (2 * 500 * 100 * 2)
    assert rates.table == 2 / (5 * 500 * 128)
    assert costs.afterwards(small, rates) == pytest.approx(costs.FIGURES + 0.1 + 2)  # a tenth: ten classes
    assert costs.afterwards(large, rates) == pytest.approx(costs.FIGURES + 1 + 20)


def test_two_models_do_for_the_time_afterwards():
    rates = costs.rough(costs.Case.even(20, 3, 2, 2))
    assert rates.table > 0
    assert costs.afterwards(costs.Case.even(20, 3, 2, 2), rates) > costs.FIGURES


def test_a_dry_run_counts_what_is_there_already(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "calibrated", lambda *_: Rates(*[1.0] * 6))
    base = ["planted", "--n", "60", "--learner", "knn", "--shard", "8", "--quiet"]
    kept, other = tmp_path / "kept", tmp_path / "other"
    for where, first in ((kept, "0"), (other, "24")):
        more = ["--first", first, "--trials", "16", "--no-plot", "--out", str(where)]
        assert estimate.main([*base, *more]) == 0
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}

    def dry(*more: str) -> Any:
        assert estimate.main([*base, "--dry-run", "--json", "--trials", "50", *more]) == 0
        return json.loads(capsys.readouterr().out)

    capsys.readouterr()
    fresh, there = dry("--store", str(tmp_path / "new")), dry("--store", f"{kept}/trials")
    both = dry("--out", str(kept), "--merge", str(other))
    found = [(one["case"]["store"]["models"], one["case"]["store"]["missing"]) for one in (fresh, there, both)]
    assert found == [(0, 50), (16, 34), (32, 18)]
    train = [one["stages"][0]["seconds"] for one in (fresh, there, both)]
    stored = [one["stages"][1]["operations"] for one in (fresh, there, both)]
    assert train == [50, 34, 18]
    np.testing.assert_allclose(np.divide(stored, train), stored[0] / 50)
    assert dry()["case"] == {k: v for k, v in fresh["case"].items() if k != "store"}
    for wrong, said in ((["--seed", "1"], "seed is 0 there, 1 now"), (["--no-resume"], "trials are there already")):
        assert estimate.main([*base, "--dry-run", "--out", str(kept), *wrong]) == 2
        assert said in capsys.readouterr().err
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    assert str(There("s3://one/two", 1, 8)) == "1 of them are in the bucket s3://one/two, 8 are left to train"
