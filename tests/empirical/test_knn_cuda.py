"""Nearest neighbors by the CUDA text, compiled as it is by g++: the CPU's scores to the bit; the real thing too."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from empirical.data.data import Data
from empirical.learners.knn import knn_cuda
from empirical.learners.knn.knn import KNN
from empirical.learners.score import Score
from longtail.core import ArgumentError, arrays
from longtail.core.arrays import gpu
from tests.empirical.test_knn import masked, planar
from tests.host_cupy import stand_in


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    stand_in(monkeypatch)
    knn_cuda.kernel.cache_clear()
    yield
    knn_cuda.kernel.cache_clear()


def agree(data: Data, k: int, score: Score, masks: np.ndarray) -> None:
    trainer = KNN(k).prepare(data, score, device=arrays.Device("gpu"))
    assert trainer.device.kind == "gpu"
    numbers = np.arange(len(masks))
    for mine, theirs in zip(trainer(masks, numbers), KNN(k).prepare(data, score)(masks, numbers), strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


CASES = [(1, "correct"), (1, "probability"), (1, "margin"), (3, "correct"), (4, "probability"), (5, "margin")]


def problems(n: int = 60) -> Iterator[tuple[Data, np.ndarray]]:
    """Subsets of every kind: a word not full, one member, fewer than k, one class, lists that end too soon."""
    for t in (1, 64, 70):
        data, masks = planar(n), masked(t, n)
        masks[0], masks[0, 5] = False, True
        yield data, masks
    data = planar(400)
    masks = np.zeros((3, 400), bool)
    masks[0, :2] = masks[1, 7:17] = masks[2] = True
    yield data, masks


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize(("k", "score"), CASES)
def test_scores_are_the_cpus(k: int, score: Score) -> None:
    for data, masks in problems():
        agree(data, k, score, masks)


@pytest.mark.gpu
@pytest.mark.parametrize(("k", "score"), CASES)
def test_the_gpus_scores_are_the_cpus(k: int, score: Score, digits: Data) -> None:
    try:
        gpu()
    except ArgumentError as error:
        pytest.skip(str(error))
    for data, masks in [*problems(), (digits, masked(200, digits.n))]:
        agree(data, k, score, masks)
