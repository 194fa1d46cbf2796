"""Pairs from the CUDA text, compiled as it is by g++: the CPU's hits in the CPU's order; the real thing where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from empirical.data.bits import pack
from empirical.data.examples import Examples
from empirical.estimates.measure import lowest_threshold, measure
from empirical.estimates.pairs import pairs_cuda
from empirical.estimates.pairs.pairs import pairs
from empirical.learners.knn.knn import KNN
from empirical.training.trials import Trials
from longtail.core import ArgumentError, arrays
from longtail.core.arrays import gpu
from tests.empirical.test_knn import masked, planar
from tests.empirical.test_pairs import drawn
from tests.host_cupy import stand_in


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The stand-in, with tiles of 8 × 8 so that a few examples are many tiles."""
    stand_in(monkeypatch, threads=None)
    monkeypatch.setattr(pairs_cuda, "SIDE", 2)
    pairs_cuda.kernel.cache_clear()
    yield monkeypatch
    pairs_cuda.kernel.cache_clear()


def listed(masks: np.ndarray, correct: np.ndarray, threshold: float, **options: Any) -> np.ndarray:
    found = [
        np.stack([hits.train, hits.test, hits.in_sum], 1)
        for hits in pairs(pack(masks), pack(correct), len(masks), threshold, **options)
    ]
    return np.concatenate([*found, np.zeros((0, 3), np.int64)])


def agree(masks: np.ndarray, correct: np.ndarray, threshold: float, **options: Any) -> int:
    """The same rows in the same order; how many."""
    mine = listed(masks, correct, threshold, device=arrays.Device("gpu"), **options)
    np.testing.assert_array_equal(mine, listed(masks, correct, threshold, **options))
    return len(mine)


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize(("t", "n", "q"), [(2, 1, 1), (64, 8, 8), (300, 33, 70), (1000, 17, 129), (833, 9, 65)])
@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.15, 1.0])
def test_hits_are_the_cpus_in_its_order(t: int, n: int, q: int, threshold: float) -> None:
    agree(*drawn(t, n, q), threshold)


@pytest.mark.usefixtures("host")
def test_only_pairs_of_one_label_and_of_labels_on_both_sides() -> None:
    masks, correct = drawn(200, 40, 90)
    rng = np.random.default_rng(1)
    left, right = rng.integers(0, 3, 40), rng.integers(1, 5, 90)
    assert agree(masks, correct, 0.05, labels=(left, right)) > 5
    one = np.zeros(40, int), np.zeros(90, int)
    assert agree(masks, correct, 0.05, labels=one) == agree(masks, correct, 0.05)
    assert agree(masks, correct, 0.05, labels=(one[0], one[1] + 1)) == 0


@pytest.mark.parametrize("room", [64, 200, 1000])
def test_a_buffer_that_overflows_is_done_again_in_halves(host: pytest.MonkeyPatch, room: int) -> None:
    host.setattr(pairs_cuda, "ROOM", room)
    host.setattr(pairs_cuda, "MOST", 20)
    masks, correct = drawn(100, 37, 150)
    assert agree(masks, correct, -1.0) == 37 * 150 > 5 * room
    assert agree(masks, correct, -1.0, held=10) == 37 * 150
    agree(masks, correct, 0.1)


@pytest.mark.usefixtures("host")
def test_never_in_or_never_out_is_no_hit_and_an_exact_tie_is_one() -> None:
    masks, correct = drawn(100, 8, 8)
    masks[:, 0], masks[:, 1] = False, True
    assert not np.isin(listed(masks, correct, -1.0, device=arrays.Device("gpu"))[:, 0], [0, 1]).any()
    masks = np.array([[True], [True], [True], [True], [False], [False]])
    correct = np.array([[True], [True], [True], [False], [True], [False]])
    assert agree(masks, correct, 1 / 4) == 1
    assert agree(masks, correct, np.nextafter(1 / 4, 1)) == 0


def test_the_tile_that_a_gpu_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, threads=None)
    pairs_cuda.kernel.cache_clear()
    assert agree(*drawn(800, 70, 65), 0.05) > 10
    pairs_cuda.kernel.cache_clear()


@pytest.mark.usefixtures("host")
def test_the_comparison_would_notice_another_count() -> None:
    masks, correct = drawn(200, 20, 30)
    other = correct.copy()
    other[0] = ~other[0]
    assert not np.array_equal(listed(masks, correct, 0, device=arrays.Device("gpu"))[:40], listed(masks, other, 0)[:40])


@pytest.mark.usefixtures("host")
def test_a_run_on_a_gpu_has_the_cpus_tables() -> None:
    data = planar(50, 30)
    masks = masked(120, 50)
    train, test = KNN().prepare(data)(masks, np.arange(120))
    trials = Trials.of(masks, train, test)
    for examples in (Examples(data.y_train, data.y_test), Examples()):
        mine, theirs = (
            measure(trials, examples, threshold=0.1, device=device) for device in (arrays.Device("gpu"), arrays.CPU)
        )
        pd.testing.assert_frame_equal(mine.pairs, theirs.pairs)
        assert len(mine.pairs) > 5
        assert mine.trust.jaccard == theirs.trust.jaccard > 0
    examples = Examples(data.y_train, data.y_test)
    rates = (lowest_threshold(trials, examples, 0.9, device=device) for device in (arrays.Device("gpu"), arrays.CPU))
    assert len(set(rates)) == 1


@pytest.mark.gpu
def test_the_gpu_finds_what_the_cpu_does() -> None:
    try:
        gpu()
    except ArgumentError as error:
        pytest.skip(str(error))
    for t, n, q in ((64, 8, 8), (300, 333, 700), (2000, 5000, 1000)):
        for threshold in (0.0, 0.05, 0.15):
            agree(*drawn(t, n, q), threshold)
