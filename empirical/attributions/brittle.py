"""Brittleness: how many answers turn wrong where the k examples that are said to carry them most are left out of training.

Of test examples that a model of all the data is right on, each is asked of models trained without its own k of the largest
scores, and, the control, without k at random (Ilyas et al., ICML 2022, section 4.2; Singla & Feizi 2023). The larger the share
that turns, the better the scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.data.data import Data
from empirical.learners.learner import Learner
from longtail.core import ArgumentError, Integers, whole
from longtail.core.intervals import wilson

if TYPE_CHECKING:
    import pandas as pd

REMOVED = (1, 2, 4, 8, 16, 32, 64)


def brittleness(
    data: Data,
    learner: Learner,
    scores: Any,
    count: int = 50,
    *,
    tests: Integers | None = None,
    removed: tuple[int, ...] = REMOVED,
    seed: int = 0,
) -> pd.DataFrame:
    """removed, tests, turned (the share of answers that turn wrong), low, high, and turned_random, of ``count`` test examples.

    >>> from empirical.learners import KNN
    >>> data = Data(np.arange(8.0)[:, None], np.repeat([0, 1], 4), np.array([[4.1]]), np.array([1]), ("a", "b"))
    >>> scores = np.array([[0, 0, 0, 0, 4, 3, 2, 1.0]]).T
    >>> brittleness(data, KNN(), scores, 1, removed=(1, 3))["turned"].tolist()
    [0.0, 1.0]
    """
    import pandas as pd

    a, many = np.asarray(scores, float), whole("count", count, 1, 10**6)
    at = np.arange(data.n_test) if tests is None else tests
    sizes = [k for k in removed if k < data.n - 1]
    trainer = learner.prepare(data, "correct", seed=seed)
    right = trainer(np.ones((1, data.n), bool), np.zeros(1, np.int64))[1][0][at]
    rng = np.random.default_rng([seed, 0xB1])
    asked = rng.permutation(np.flatnonzero(right))[:many]
    if not asked.size:
        raise ArgumentError("scores", "no answer that is right", "brittleness asks which right answers turn wrong")
    rows = []
    for k in sizes:
        masks = np.ones((2 * len(asked), data.n), bool)
        for row, column in enumerate(asked):
            masks[2 * row, np.argsort(-a[:, column], kind="stable")[:k]] = False
            masks[2 * row + 1, rng.choice(data.n, k, replace=False)] = False
        answers = trainer(masks, np.arange(1, len(masks) + 1))[1]
        own = answers[np.arange(len(masks)), np.repeat(at[asked], 2)].reshape(-1, 2)
        turned, chance = (~np.asarray(own, bool)).mean(0)
        low, high = wilson(turned, len(asked))
        rows.append((k, len(asked), float(turned), float(low), float(high), float(chance)))
    return pd.DataFrame(rows, columns=["removed", "tests", "turned", "low", "high", "turned_random"])
