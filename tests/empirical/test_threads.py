"""What a learner gives does not depend on how many threads BLAS was left with."""

from __future__ import annotations

import numpy as np
import pytest
import threadpoolctl

from empirical.data.data import Data
from empirical.learners.learner import Learner
from empirical.learners.mlp.mlp import MLP
from empirical.learners.ridge.features import RandomFeatures
from empirical.learners.ridge.kernel import KernelRidge
from empirical.learners.ridge.ridge import Ridge
from empirical.learners.softmax.softmax import Softmax

pytestmark = pytest.mark.kernels


@pytest.mark.parametrize(
    "learner", [Ridge(), KernelRidge(), RandomFeatures(100), Softmax(), MLP(64, epochs=1)], ids=repr
)
def test_one_thread_and_two_give_the_same_bits(digits: Data, learner: Learner) -> None:
    masks = np.random.default_rng(0).random((20, digits.n)) < 0.7
    found = []
    for count in (1, 2):
        with threadpoolctl.threadpool_limits(count):
            found.append(np.hstack(learner.prepare(digits, "margin")(masks, np.arange(20))))
    np.testing.assert_array_equal(*found)
