"""Attributions without a model: numbers at random, which know nothing, and nearness in the space of features.

Nearness of i to j is exp(−d²/2b²), d their distance and b that of j to its ``NEIGHBORS``-th neighbor, positive where the labels
agree, negative elsewhere: as a vote that nearer examples have more of.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.estimates.influence import influence
from empirical.learners.learner import features
from empirical.training.trials import Trials
from longtail.core import Floats

NEIGHBORS = 10


def at_random(data: Data, seed: int = 0) -> Floats:
    """(n, q) normal numbers: the control.

    >>> data = Data(np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([0, 0, 1, 1]), np.array([[2.5]]), np.array([1]), ("a", "b"))
    >>> at_random(data).shape
    (4, 1)
    """
    return np.random.default_rng([seed, 0x5A]).normal(size=(data.n, data.n_test))


def nearness(data: Data) -> Floats:
    """(n, q): near examples of the same label carry, of others hurt.

    >>> data = Data(np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([0, 0, 1, 1]), np.array([[2.5]]), np.array([1]), ("a", "b"))
    >>> nearness(data).round(3).ravel().tolist()
    [-0.607, -0.835, 0.98, 0.835]
    """
    x, z = (part.astype(float) for part in features(data))
    square = (x**2).sum(1)[:, None] + (z**2).sum(1) - 2 * x @ z.T
    square = np.maximum(square, 0)
    k = min(NEIGHBORS, data.n) - 1
    width = np.maximum(np.partition(square, k, axis=0)[k], np.finfo(float).tiny)
    vote: NDArray[np.float64] = np.where(data.y_train[:, None] == data.y_test, 1.0, -1.0)
    return np.asarray(vote * np.exp(-square / (2 * width)))


def estimated(trials: Trials) -> Floats:
    """(n, q): the subset estimator's own influence, of these models, never of those that judge it; 0 where it is not known.

    >>> trials = Trials.of([[True, False], [False, True], [True, True]], np.ones((3, 2)), [[1.0], [2.0], [3.0]], score="margin")
    >>> estimated(trials).ravel().tolist()
    [0.0, 1.5]
    """
    return np.nan_to_num(influence(trials, slice(0, trials.n_test)))
