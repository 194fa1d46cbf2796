"""Test examples that nearly stand in the training set: as near as training examples hardly ever are to each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.data.sources.text import tfidf
from longtail.core import Bools, Floats

NEAR = 0.05  # quantile of the distances of training examples to their nearest other
BLOCK = 1024


def near_duplicates(data: Data, quantile: float = NEAR) -> Bools:
    """Test examples whose nearest training example is as near as the nearest twentieth of training examples are.

    Texts are compared by TF-IDF; of what are neither numbers nor texts none is known to be a near-duplicate.

    >>> from empirical import load
    >>> int(near_duplicates(load("digits").data).sum())
    12
    """
    x, z = data.x_train, data.x_test
    try:
        if isinstance(x, (list, np.ndarray)) and isinstance(x[0], str):
            x, z = tfidf(list(x), list(z))
        x, z = (np.asarray(part, np.float32).reshape(len(part), -1) for part in (x, z))
    except (TypeError, ValueError):
        return np.zeros(data.n_test, bool)
    among = nearest(x, x, own=True)
    return np.asarray(nearest(z, x) <= np.quantile(among, quantile))


def nearest(z: NDArray[Any], x: NDArray[Any], own: bool = False) -> Floats:
    """Euclidean distance of each row of ``z`` to the nearest of ``x``; with ``own`` the rows are the same and not their own."""
    square = (x**2).sum(1)
    out = np.empty(len(z))
    for start in range(0, len(z), BLOCK):
        block = z[start : start + BLOCK]
        distance = square - 2 * (block @ x.T)
        if own:
            rows = np.arange(len(block))
            distance[rows, start + rows] = np.inf
        at = distance.argmin(1)
        out[start : start + BLOCK] = np.sqrt(((block - x[at]) ** 2).sum(1))
    return out
