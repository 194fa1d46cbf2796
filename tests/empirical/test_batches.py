"""What a trial gives is a function of itself: the same bits alone, first, last or in the middle of any block, in any order.

BLAS rounds a row of a product by its place. Its kernels differ in how, so blocks are tried under each that runs here, and
under a product made to round worse than any: differently at every place.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from empirical.learners.knn.knn import KNN
from empirical.learners.learner import Learner
from empirical.learners.mlp.mlp import MLP
from empirical.learners.private.dpsgd import DPSGD
from empirical.learners.private.output import PrivateRidge, PrivateSoftmax
from empirical.learners.pruned import Pruned
from empirical.learners.ridge import ridge
from empirical.learners.ridge.features import RandomFeatures
from empirical.learners.ridge.kernel import KernelRidge
from empirical.learners.ridge.ridge import Ridge
from empirical.learners.shared import linear
from empirical.learners.shared.places import MODELS, seated
from empirical.learners.softmax.softmax import Softmax
from tests.empirical.batches import apart, few

LEARNERS: tuple[Learner, ...] = (
    KNN(1),
    KNN(3),
    Ridge(),
    Ridge(1e-6),  # in double precision
    KernelRidge(),
    KernelRidge(kernel="laplacian"),
    KernelRidge(kernel="linear"),
    KernelRidge(1e-4),  # in double precision
    RandomFeatures(40),
    Softmax(),
    MLP(12, epochs=2, batch=32),
    DPSGD(12, epochs=2, batch=32),
    DPSGD(0, epochs=2, batch=32),
    PrivateRidge(epsilon=1.0, delta=0.0),
    PrivateSoftmax(epsilon=1.0, delta=0.0),
    Pruned(MLP(12, epochs=2, batch=32), 0.5),
    Pruned(Softmax(), 0.5),
    Pruned(Ridge(), 0.5),
)
BRIEF = Softmax(evaluations=8)  # by crooked products it would not converge
CASES = [(learner, score) for learner in LEARNERS for score in learner.scores]


@pytest.mark.parametrize(("learner", "score"), CASES, ids=repr)
def test_a_trial_does_not_depend_on_its_block(learner: Learner, score: Any) -> None:
    assert apart(learner, score) == 0


@pytest.mark.parametrize("score", Ridge.scores)
def test_nor_where_a_narrow_table_is_trained_as_a_wide_one(score: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ridge, "NARROW", 0)
    assert isinstance(Ridge().prepare(few()), ridge.Wide)
    assert apart(Ridge(), score) == 0


@pytest.fixture
def crooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product whose rows are off by their place: what a kernel may do in the last bit, a thousand times as much."""
    straight = np.matmul

    def product(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        found = straight(a, b, out=out)
        found *= 1 + np.float32(2**-13) * np.arange(found.shape[-2], dtype=np.float32)[:, None]
        return np.asarray(found)

    monkeypatch.setattr(np, "matmul", product)


@pytest.mark.usefixtures("crooked")
@pytest.mark.parametrize("learner", [Ridge(), RandomFeatures(40), KernelRidge(), BRIEF], ids=repr)
def test_a_trial_has_a_place_of_its_own_in_products(learner: Learner) -> None:
    assert apart(learner, "margin") == 0


@pytest.mark.usefixtures("crooked")
@pytest.mark.parametrize("learner", [Ridge(), RandomFeatures(40), BRIEF], ids=repr)
def test_models_placed_as_they_come_are_told_apart(learner: Learner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: one product of 16 models in the order of the block, as it was once."""

    def as_they_come(trials: NDArray[np.int64]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        for first in range(0, len(trials), MODELS):
            rows = np.arange(first, min(first + MODELS, len(trials)))
            yield rows, rows - first

    monkeypatch.setattr(linear, "seated", as_they_come)
    assert apart(learner, "margin") > 0


def test_every_trial_is_seated_once() -> None:
    rng = np.random.default_rng(0)
    for count in (1, 15, 16, 40):
        for trials in (rng.permutation(1000)[:count], 5 + np.arange(count), 48 + np.arange(count), np.full(count, 3)):
            rounds = [(np.arange(count)[rows], np.arange(MODELS)[places]) for rows, places in seated(trials)]
            assert sorted(np.concatenate([rows for rows, _ in rounds]).tolist()) == list(range(count))
            for rows, places in rounds:
                np.testing.assert_array_equal(places, trials[rows] % MODELS)
                assert (np.diff(places) > 0).all()
    assert len(list(seated(np.arange(48, 112)))) == 4
    assert list(seated(np.arange(0))) == []


KERNELS = {"Prescott": "pni", "Nehalem": "sse4_2", "Sandybridge": "avx", "Haswell": "avx2", "SkylakeX": "avx512dq"}


def runs(needed: str) -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    return platform.machine() == "x86_64" and cpuinfo.exists() and f" {needed} " in cpuinfo.read_text()


@pytest.mark.parametrize("kernel", KERNELS)
def test_under_other_kernels(kernel: str) -> None:
    """What OpenBLAS would run on other processors; another BLAS does not heed it, and passes as it is."""
    if not runs(KERNELS[kernel]):
        pytest.skip(f"this processor has no {KERNELS[kernel]}")
    root = Path(__file__).parents[2]
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernel, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.empirical.batches"], env=environment, cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["0"] * 13
