"""Estimates of trials that stay in their store are those of the same trials in memory, to the bit, in however small blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from empirical import estimate
from empirical.data.bits import pack
from empirical.data.examples import Examples
from empirical.designs import Bernoulli, Design, Fixed
from empirical.estimates import explained, histogram
from empirical.estimates.bounded import Bounded, _ahead, _met, bounds
from empirical.estimates.counted import counted
from empirical.estimates.halves import curve, halves
from empirical.estimates.measure import lowest_threshold, measure, of_trials
from empirical.estimates.measured import Measured
from empirical.estimates.memorization import memorization_cells
from empirical.estimates.pairs.blocks import ALIGN, Part, Room
from empirical.training import run as running
from empirical.training.job import Job
from empirical.training.run import fill
from empirical.training.shard import Shard
from empirical.training.shelved import Shelved, together
from empirical.training.store import Identity, Store
from empirical.training.stored import stored
from empirical.training.trials import Trials
from longtail.core import ArgumentError
from tests.empirical.runs import opened

pytestmark = pytest.mark.kernels
N, Q = 700, 90
LABELS = np.arange(N) % 3, np.arange(Q) % 3
EXAMPLES = Examples(*LABELS, classes=("a", "b", "c"), train_ids=tuple(f"x{i}" for i in range(N)))
LITTLE = 300_000  # bytes, of which blocks of training examples on each other get some hundred rows, and pairs likewise


def kept(folder: Path, design: Design, shard: int, models: int, score: str = "correct") -> None:
    """A store of models that are right on what they saw, and where an example of the same number helps a test."""
    rng = np.random.default_rng(0)
    bits = score == "correct"
    store = Store.open(folder, Identity("", "", repr(design), 1, score, "uint8", shard, N, Q))
    for k in range(-(-models // shard)):
        number = np.arange(k * shard, (k + 1) * shard)
        masks = design.subsets(1, number, N, LABELS[0])
        train = masks | (rng.random((shard, N)) < np.linspace(0, 1, N))
        train[:, 1:40:2] |= masks[:, 0:40:2]  # even ones teach the next
        test = rng.random((shard, Q)) < np.linspace(0, 1, Q)
        test[:, :80] |= masks[:, :80] & (rng.random((shard, 80)) < 0.6)
        both = (train, LABELS[0]), (test, LABELS[1])
        scores = [np.packbits(v, 1) if bits else np.where(v, y, 3 - y).astype(np.uint8) for v, y in both]
        store.write(Shard(k, *scores))


def same(got: Measured, want: Measured) -> None:
    for name in ("memorization", "pairs", "explained"):
        pd.testing.assert_frame_equal(getattr(got, name), getattr(want, name), check_exact=True)
    assert got.trust.halves is not None
    pd.testing.assert_frame_equal(got.trust.halves, want.trust.halves, check_exact=True)
    told, wanted = got.observed, want.observed
    assert (told.taught is None) == (wanted.taught is None)
    if told.taught is not None and wanted.taught is not None:
        assert (told.taught.false, told.taught.threshold) == (wanted.taught.false, wanted.taught.threshold)
        pd.testing.assert_frame_equal(told.taught.pairs, wanted.taught.pairs, check_exact=True)
    for part in ("totals", "histogram", "learning"):
        for name, value in vars(getattr(told, part)).items():
            np.testing.assert_array_equal(value, getattr(getattr(wanted, part), name), err_msg=f"{part}.{name}")
    assert got.summary == want.summary


def bounded(trials: Shelved, rows: int = ALIGN, workers: int = 1) -> Bounded:
    """In blocks of so many training examples, and of as few pairs as there may be."""
    found = Bounded(trials, EXAMPLES, LITTLE, workers)
    found.__dict__["room"] = Room(rows, 4 * Q)
    return found


CASES: dict[str, tuple[Design, int, int, float, bool, int | None]] = {
    "whole words": (Fixed(0.7), 64, 0, 0.15, False, None),
    "shards of any size, noise": (Fixed(0.7), 24, 5, 0.15, True, 20),
    "stratified": (Fixed(0.6, True), 16, 3, 0.3, False, None),
    "coins": (Bernoulli(0.5), 64, 64, 0.2, True, None),
}


@pytest.mark.parametrize(("design", "shard", "first", "threshold", "rule", "held"), CASES.values(), ids=CASES.keys())
def test_all_that_is_measured_is_that_of_trials_in_memory(
    design: Design,
    shard: int,
    first: int,
    threshold: float,
    rule: bool,
    held: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if held is not None:  # pairs of training examples and errors of counts are left out where noise is more than that
        for module in ("histogram", "false_pairs", "measure"):
            monkeypatch.setattr(f"empirical.estimates.{module}.HELD", held)
    monkeypatch.setattr(histogram, "PART", 60)
    monkeypatch.setattr(explained, "BITS", 1)  # few answers
    models = 100
    kept(tmp_path, design, shard, first + models)
    trials = stored(tmp_path, models, first=first, classes=lambda: LABELS[0])
    shelved = Shelved.at(tmp_path, models, first=first, classes=lambda: LABELS[0])
    pytest.importorskip("pyarrow")
    want = measure(trials, EXAMPLES, threshold=threshold, published_rule=rule)
    assert (want.observed.taught is None) == (held is not None)
    assert want.observed.histogram is not None
    assert np.isnan(want.observed.histogram.covariance).all() == (held is not None)
    large = Bounded(shelved, EXAMPLES, 1e8)
    done = large.write(tmp_path / "pairs.parquet", threshold, published_rule=rule, keep=10**5)
    for found in (bounded(shelved, 2 * ALIGN, 2), large)[: 2 if held else 1]:
        same(found.measure(of_trials(trials, EXAMPLES), done.largest, threshold, published_rule=rule), want)
    pd.testing.assert_frame_equal(found.curve, curve(trials), check_exact=True)


def test_counts_of_halves_and_of_fewer_trials_are_sums_over_them(tmp_path: Path) -> None:
    kept(tmp_path, Fixed(0.7), 24, 150)
    trials, shelved = stored(tmp_path, 140, first=7), Shelved.at(tmp_path, 140, first=7)
    at = (4, 17, 18, 90, 140)
    for t, found in zip(at, counted(shelved, at), strict=True):
        part = trials.take(slice(0, t))
        for counts, half in zip((*found, found[0] + found[1]), (*halves(part), part), strict=True):
            assert counts.models == half.count
            for name, value in vars(memorization_cells(half)).items():
                np.testing.assert_array_equal(getattr(counts.cells, name), value, err_msg=name)
    for odd, half in enumerate(halves(trials)):
        bits = shelved.bits.half(odd)
        np.testing.assert_array_equal(bits.inside(slice(64, N)), pack(half.masks()[:, 64:]))
        np.testing.assert_array_equal(bits.test_scores(), half.test_scores())
    np.testing.assert_array_equal(shelved.known(slice(64, 200)), pack(np.asarray(trials.train_scores(slice(64, 200)))))
    assert shelved.share() == trials.masks(slice(0, 64)).mean()
    drawn = _ahead(shelved.bits.inside, N, 256)
    for part in (slice(0, 64), slice(64, 192), slice(128, 320), slice(640, N)):
        np.testing.assert_array_equal(drawn(part), shelved.bits.inside(part))


def test_thresholds_by_the_share_of_false_pairs_are_the_same(tmp_path: Path) -> None:
    kept(tmp_path, Fixed(0.7), 64, 128)
    trials, found = stored(tmp_path, 128), bounded(Shelved.at(tmp_path, 128))
    for rate, rule in ((0.05, False), (0.3, True), (1e-9, False)):
        want = lowest_threshold(trials, EXAMPLES, rate, published_rule=rule)
        np.testing.assert_equal(found.lowest_threshold(rate, published_rule=rule), want)
    assert 0.1 < lowest_threshold(trials, EXAMPLES, 0.3) < lowest_threshold(trials, EXAMPLES, 0.05) < 1


def test_models_that_said_which_class_are_judged_shard_by_shard(tmp_path: Path) -> None:
    for score in ("correct", "predicted"):
        kept(tmp_path / score, Fixed(0.7), 32, 100, score)
    trials = stored(tmp_path / "correct", 100)
    shelved = Shelved.at(tmp_path / "predicted", 100, classes=lambda: LABELS[0], y_test=LABELS[1])
    np.testing.assert_array_equal(shelved.bits.test_scores(), trials.test_scores())
    np.testing.assert_array_equal(shelved.known(slice(0, N)), pack(np.asarray(trials.train_scores())))
    with pytest.raises(ArgumentError, match="memory: got scores of kind predicted"):
        Shelved.at(tmp_path / "predicted", 100)


def test_pairs_of_two_streams_meet_whatever_their_blocks() -> None:
    rng = np.random.default_rng(0)
    codes = [np.flatnonzero(rng.random(N * Q) < share) for share in (0.05, 0.2)]

    def parts(code: Any, edges: list[int]) -> Any:
        for start, stop in zip(edges, [*edges[1:], N], strict=True):
            some = code[(code >= start * Q) & (code < stop * Q)]
            yield Part(start, stop, some // Q, some % Q, some, some)

    want = [np.bincount(code // Q, minlength=N) for code in (*codes, np.intersect1d(*codes))]
    for one, two in (([0], [0]), ([0, 64, 650], [0, 3, 64, 100]), (list(range(0, N, 7)), [0])):
        np.testing.assert_array_equal(_met(parts(codes[0], one), parts(codes[1], two), N, Q), want)
    one = np.ones((2, 1), np.uint64)
    np.testing.assert_array_equal(together([one, one, one], [3, 60, 2]), [[1 | 1 << 3 | 1 << 63, 0]] * 2)


def test_a_store_is_filled_and_nothing_is_kept_in_memory(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(Trials, "__init__", lambda *_: pytest.fail("trials are put together"))
    store = opened(job, tmp_path)
    fill(job, 40, store, progress=lambda now: seen.append(now.done))
    assert store.spans() == {0: ((0, 16),), 1: ((0, 16),), 2: ((0, 8),)}
    assert seen == [0, 16, 32, 40]
    (tmp_path / "shard-000001.npz").write_bytes(b"")  # damaged: done again
    before = (tmp_path / "shard-000002-0-8.npz").stat().st_mtime_ns
    fill(job, 40, store)
    assert store.read(1) is not None
    assert (tmp_path / "shard-000002-0-8.npz").stat().st_mtime_ns == before
    with pytest.raises(pytest.fail.Exception):
        running.run(job, 40, store=store)


@pytest.mark.parametrize("more", [[], ["--learning-curve", "--score", "predicted", "--first", "5", "--shard", "24"]])
def test_the_command_holds_no_trials_and_writes_the_same_tables(
    more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    base = ["planted", "--n", "120", "--trials", "70", "--learner", "knn", "--quiet", "--no-plot", *more]
    assert estimate.main([*base, "--out", str(tmp_path / "plain")]) == 0
    monkeypatch.setattr(running, "joined", lambda *_: pytest.fail("trials are put together"))
    assert estimate.main([*base, "--out", str(tmp_path / "bounded"), "--memory", "100M"]) == 0
    tables = [p.name for p in (tmp_path / "plain").iterdir() if p.suffix == ".csv" or p.name == "observed.json"]
    tables = [name for name in tables if not name.startswith("issues")]  # these want all that models said
    assert len(tables) >= 7
    for name in tables:
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "bounded" / name).read_bytes(), name


def test_room_is_for_tests_and_sums_too() -> None:
    small, large = (bounds(1e8, models, 100) for models in (100, 2000))
    assert small.rows >= large.rows >= ALIGN
    with pytest.raises(ArgumentError, match="memory: got 60 MB, where pairs"):
        bounds(6e7, 10_000, 100)
