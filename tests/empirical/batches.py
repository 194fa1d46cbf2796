"""One set of trials in many blocks; as a program, with the learners whose products are BLAS's, under the kernels in force."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from empirical.data.data import Data
from empirical.learners.learner import Learner
from empirical.learners.mlp.mlp import MLP
from empirical.learners.private.dpsgd import DPSGD
from empirical.learners.private.output import PrivateRidge, PrivateSoftmax
from empirical.learners.pruned import Pruned
from empirical.learners.ridge import ridge
from empirical.learners.ridge.features import RandomFeatures
from empirical.learners.ridge.kernel import KernelRidge
from empirical.learners.ridge.ridge import Ridge
from empirical.learners.softmax.softmax import Softmax

TRIALS = 40
FIRST = 5  # a run may begin anywhere


def few() -> Data:
    """Digits: ten classes, of which no kernel takes a whole number of groups."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    return Data(x[:203], y[:203], x[203:302], y[203:302], tuple(range(10)))


def drawn(n: int) -> NDArray[np.bool_]:
    """Subsets of few and of many: KernelRidge solves the smaller system of the two."""
    masks = np.random.default_rng(2).random((TRIALS, n)) < np.linspace(0.2, 0.9, TRIALS)[:, None]
    return masks[np.random.default_rng(3).permutation(TRIALS)]


def blocks() -> list[NDArray[np.int64]]:
    """Rows of the trials: alone; first, last and in the middle of 16, 17 and 40; blocks of any size in any order."""
    rng = np.random.default_rng(4)
    found = [np.array([k]) for k in (0, 7, TRIALS - 1)]
    for size in (16, 17, TRIALS):
        for place in (0, size // 2, size - 1):
            others = rng.permutation(np.delete(np.arange(TRIALS), 7))[: size - 1]
            found.append(np.insert(others, place, 7))
    found += [np.arange(a, b) for a, b in ((3, 19), (11, 28), (22, TRIALS))]
    return found + [rng.permutation(TRIALS)[: rng.integers(2, TRIALS)] for _ in range(4)]


def apart(learner: Learner, score: Any) -> int:
    """How many numbers differ in any bit from those of the trials in one block, over all the blocks."""
    data = few()
    masks, trials = drawn(data.n), FIRST + np.arange(TRIALS)
    trainer = learner.prepare(data, score, seed=5)
    whole = np.hstack(trainer(masks, trials))
    return sum(int((np.hstack(trainer(masks[rows], trials[rows])) != whole[rows]).sum()) for rows in blocks())


def main() -> None:
    """Print how many differ, of each."""
    nets = MLP(12, epochs=2, batch=32), DPSGD(12, epochs=2, batch=32), DPSGD(0, epochs=2, batch=32)
    private = PrivateRidge(epsilon=1.0, delta=0.0), PrivateSoftmax(epsilon=1.0, delta=0.0)
    pruned = Pruned(Softmax(), 0.5), Pruned(Ridge(), 0.5)
    learners = Ridge(), KernelRidge(), KernelRidge(1e-4), RandomFeatures(40), Softmax(), *nets, *private, *pruned
    found = [apart(learner, "margin") for learner in learners]
    ridge.NARROW = 0
    found.append(apart(Ridge(), "margin"))
    sys.stdout.write(" ".join(map(str, found)) + "\n")


if __name__ == "__main__":
    main()
