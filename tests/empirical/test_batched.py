"""What a GPU would run, in namespaces that stand in for one, gives what the CPU's kernels give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import array_api_strict
import numpy as np
import pytest

from empirical.data.data import Data
from empirical.learners.learner import Learner
from empirical.learners.mlp.mlp import MLP
from empirical.learners.ridge.features import RandomFeatures
from empirical.learners.ridge.kernel import KernelRidge
from empirical.learners.ridge.ridge import Ridge
from empirical.learners.shared.batched import Batched
from empirical.learners.softmax.softmax import Softmax
from longtail.core import ArgumentError, arrays

pytestmark = pytest.mark.kernels

LEARNERS = [
    Ridge(),
    KernelRidge(),
    RandomFeatures(40),
    Softmax(tolerance=1e-8),
    MLP(width=12, epochs=3, batch=16, rate=0.02),
]


class Pretend:
    kind = "gpu"

    def __init__(self, xp: Any) -> None:
        self.xp = xp


@pytest.fixture(params=["strict", pytest.param("torch", marks=pytest.mark.torch)])
def gpu(request: pytest.FixtureRequest) -> Pretend:
    xp = array_api_strict if request.param == "strict" else pytest.importorskip("torch")
    if request.param == "torch":
        xp.set_num_threads(1)
    return Pretend(xp)


@pytest.mark.parametrize("learner", LEARNERS, ids=repr)
def test_margins_are_those_of_the_cpu(small: Data, masks: np.ndarray, learner: Learner, gpu: Any) -> None:
    trainer = learner.prepare(small, "margin", device=gpu)
    assert isinstance(trainer, Batched)
    found = replace(trainer, batch=4)
    a = np.hstack(found(masks[:10], np.arange(10)))
    b = np.hstack(learner.prepare(small, "margin")(masks[:10], np.arange(10)))
    np.testing.assert_allclose(a, b, rtol=2e-3, atol=6e-3)
    part = np.hstack(found(masks[7:9], np.arange(7, 9)))
    if gpu.xp is array_api_strict:
        np.testing.assert_array_equal(part, a[7:9])
    np.testing.assert_allclose(part, a[7:9], atol=1e-5)  # not tried on every library's BLAS to the bit


def test_a_gpu_that_is_absent_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(choice: str, library: str) -> None:
        raise ArgumentError("device", choice, "no CUDA device is present; give cpu")

    monkeypatch.setattr(arrays, "device", absent)
    with pytest.raises(ArgumentError, match="no CUDA device"):
        Ridge().place("gpu")
