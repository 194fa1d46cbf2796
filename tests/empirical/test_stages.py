"""What --dry-run counts of turnover, remove and limit is what they then do, and it writes nothing."""

from __future__ import annotations

import json
from dataclasses import astuple, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from empirical import estimate, limit, remove, turnover
from empirical.data.data import Data
from empirical.data.load import load
from empirical.designs import Fixed
from empirical.dynamics import stages as masked
from empirical.dynamics.net import AUTHORS, Net
from empirical.dynamics.parse import parse_net
from empirical.dynamics.store import Identity, Nets
from empirical.dynamics.training import Trainer
from empirical.estimates import removal_stages
from empirical.learners import KNN, MLP
from empirical.limits import stages as limited
from empirical.training.job import Job
from empirical.training.stages import Stage, text

SIZES = (784, 768, 768, 768, 10)


def products(sizes: tuple[int, ...], n: int) -> float:
    """Multiplications and additions of n rows through a net, layer by layer."""
    return float(sum(2 * n * a * b for a, b in pairwise(sizes)))


def test_a_step_counts_as_the_trainer_says() -> None:
    """305 MFLOP for 32 examples (``dynamics.training``), and 1.07 TFLOP for influence (``dynamics.influence``)."""
    one = masked.Case(32, 1, 1, 1, tests=200).trained(replace(AUTHORS, epochs=1), SIZES)
    assert one == products(SIZES, 32) * 3 - 2 * 32 * 784 * 768
    assert one == pytest.approx(305e6, rel=2e-3)
    assert 3000 * 200 * masked.per_pair(AUTHORS, SIZES) == pytest.approx(1.07e12, rel=3e-3)
    both = masked.Case(50, 20, 3, 2, grouped=True)
    assert both.scored(SIZES) == 3 * 2 * (3 * products(SIZES, 50) + products(SIZES, 20))
    assert both.followed(SIZES) == 3 * 2 * 3 * products(SIZES, 50)
    assert replace(both, grouped=False).followed(SIZES) == 0


def test_influence_counts_the_products_that_are_taken() -> None:
    """By the plain way: of a layer that a sub-network has half of, half is multiplied, by either sub-network."""
    for widths, layers in (((8,), ()), ((8, 6), ()), ((8, 6, 4), (1, 3)), ((8, 6, 4), (2,))):
        shape = parse_net(f"Net(widths={widths}, masks=Masks(layers={layers}))")
        sizes, first = (5, *widths, 3), shape.masked[0]
        kept = dict.fromkeys(shape.masked, 0.5)
        plain = 0.5 * sizes[first] * sizes[first + 1]  # the smaller part, whichever sub-network has it
        for _ in ("own", "flipped"):
            for into in range(first + 1, len(sizes) - 1):
                plain += kept.get(into, 1) * sizes[into] * kept.get(into + 1, 1) * sizes[into + 1]
        assert masked.per_pair(shape, sizes) == 2 * plain


def test_bytes_are_those_of_nets_on_disk(small: Data, tmp_path: Path) -> None:
    shape = Net(widths=(12, 9), epochs=3)
    trainer, epochs = Trainer.of(shape, small), (1, 3)
    from empirical.dynamics.run import trained

    trained(trainer, small, [0, 1], epochs, Nets.open(tmp_path / "nets", Identity.of(trainer, small, epochs)))
    counted = masked.Case(small.n, small.n_test, 2, 2).bytes(shape, trainer.sizes.tolist())
    written = sum(path.stat().st_size for path in (tmp_path / "nets").glob("seed-*.npz"))
    assert counted <= written <= counted + 2 * 3000


def test_rates_are_found_for_small_and_for_odd_sizes(small: Data) -> None:
    for shape in (Net(widths=(3,), epochs=1), Net(widths=(8, 5), epochs=4)):
        rates = masked.calibrated(Trainer.of(shape, small), small.x_test[:3].reshape(3, -1))
        assert rates.group == 0
        assert all(np.isfinite(v) and v >= 0 for v in astuple(rates))
        assert min(rates.train, rates.score, rates.influence, rates.byte, rates.row, rates.pair) > 0
    for learner in (KNN(), MLP(4, epochs=1)):
        *found, words = astuple(removal_stages.calibrated(small, learner))
        assert all(v > 0 for v in found)
        assert words == 0  # of no texts
    said = replace(small, texts=([f"text {i}" for i in range(small.n)], ["text 1"] * small.n_test))
    assert removal_stages.calibrated(said, KNN()).words > 0


def test_stages_scale_as_their_counts_do() -> None:
    case = masked.Case(100, 20, 2, 3, tests=10, grouped=True)
    rates = masked.Rates(*(10.0**-k for k in range(7)))
    one, twice = (masked.stages(replace(case, nets=nets), AUTHORS, SIZES, rates) for nets in (2, 4))
    assert [s.name for s in one] == ["train", "scores", "store", "influence", "report"]
    assert [s.seconds for s in twice[:4]] == pytest.approx([2 * s.seconds for s in one[:4]])
    assert twice[4] == one[4]  # of means over nets
    assert [s.name for s in masked.stages(replace(case, tests=0), AUTHORS, SIZES)][3] == "report"


def test_a_removal_counts_its_models() -> None:
    data = load("planted", n=60).data
    gone = [np.arange(60) < 10, np.arange(60) < 30]
    case = removal_stages.RemovalCase.of(data, gone, 4)
    assert case.members == (60, 50, 50, 30, 30)
    assert case.models == 20
    assert case.trained(3.0, 2.0) == pytest.approx(4 * (3 + 2 * (2 + 20 / 30) + 2 * 2))  # the middle of 0 and 60 is 30
    assert case.trained(9.0, 1.0) == pytest.approx(4 * (9 + 2 * (1 + 8 * 20 / 30) + 2))
    learner = MLP(8, epochs=2)
    train, near, report = removal_stages.stages(
        case, learner, data, removal_stages.RemovalRates(1.0, 3.0, 2.0, 1e-9, 1e-3)
    )
    assert train.operations == 4 * sum(learner.operations(data, m) for m in case.members)
    assert train.seconds == pytest.approx(1 + case.trained(3.0, 2.0))
    assert near.operations == 2 * data.x_train[0].size * (60 * 60 + 60 * data.n_test)
    assert report.operations == 20 * data.n_test
    texts = removal_stages.stages(replace(case, texts=True), learner, data)[1]
    assert texts.operations == 2 * data.x_train[0].size * 60 * data.n_test
    rates = removal_stages.RemovalRates(1.0, 3.0, 2.0, 1e-9, 1e-3, words=0.1)
    own = [removal_stages.stages(replace(case, texts=texts), learner, data, rates)[1] for texts in (True, False)]
    assert own[0].seconds == pytest.approx(1e-9 * own[0].operations + 0.1 * (60 + data.n_test))
    assert own[1].seconds == near.seconds
    assert removal_stages.stages(case, KNN(), data)[0].operations is None


def test_a_limits_arms_are_counted_one_by_one(small: Data) -> None:
    jobs = [Job(small, learner, Fixed(0.7), shard=8) for learner in (MLP(8, epochs=2), KNN())]
    unlimited, other, store, report = limited.stages(jobs, ["unlimited", "neighbors"], 6)
    assert unlimited.operations == 6 * (MLP(8, epochs=2).operations(small, round(0.7 * small.n)) or 0)
    assert (other.name, other.operations) == ("train neighbors", None)
    assert store.bytes == 2 * 6 * (small.n + small.n_test) / 8
    assert report.operations == 2 * limited.BITS * small.n * 6


def test_workers_share_what_is_trained() -> None:
    done = (
        Stage("train a", 1.0, "FLOP", 0, 6.0),
        Stage("train b", None, "FLOP", 0, 2.0),
        Stage("store", 1, "x", 0, 1.0),
    )
    assert "Training by 4 workers, 3 s by the clock." in text("head", done, 4)
    assert "head; nothing was written" in text("head", done)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("measured")
    asked = ["planted", "--n", "80", "--trials", "64", "--learner", "mlp(8, epochs=2)", "--no-plot", "--quiet"]
    assert estimate.main([*asked, "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize("door", [turnover, limit, remove], ids=["turnover", "limit", "remove"])
def test_a_dry_run_writes_nothing(
    door: Any, measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, data = str(tmp_path / "out"), ["planted", "--n", "60", "--quiet"]
    asked = {
        turnover: [*data, "--net", "Net(widths=(8,), epochs=4)", "--seeds", "3", "--influence", "--out", out, "--json"],
        limit: [*data, "--learner", "mlp(8, epochs=2)", "--limited", "mlp(2)", "--trials", "4", "--out", out, "--json"],
        remove: [str(measured), "--threshold", "0.9", "--quiet"],
    }[door]
    before = {path: path.stat().st_mtime_ns for path in measured.rglob("*")}
    assert door.main([*asked, "--dry-run"]) == 0
    said = capsys.readouterr().out
    if door is not remove:
        told = json.loads(said)
        assert told["case"]["n"] == 60
        assert all(s["seconds"] >= 0 and s["machine_hours"] == s["seconds"] / 3600 for s in told["stages"])
        assert told["stages"][0]["operations"] > 0
    else:
        assert "duplicates" in said
        assert "15 models; nothing was written" in said
    assert not list(tmp_path.iterdir())
    assert before == {path: path.stat().st_mtime_ns for path in measured.rglob("*")}
    assert door.main([*asked, "--dry-run", "--workers", "0"]) == 2
    assert "--workers: got 0" in capsys.readouterr().err
