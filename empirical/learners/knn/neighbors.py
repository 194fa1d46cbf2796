"""Neighbor lists: training examples in order of Euclidean distance, ties to the lower index.

Candidates come from one float32 product a block, |x|² + |y|² − 2 x·y; the order is settled by Σ (x − y)² in float64,
term by term in one order, so that duplicates tie exactly and the tie rule means something. Candidates are kept with
room for the product's rounding (a worst-case bound), so a list is the true one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from empirical.learners.score import Floats32

BLOCK = 2**24  # distances held at a time


def neighbors(queries: Floats32, train: Floats32, length: int) -> NDArray[np.int32]:
    """The ``length`` nearest training examples of each query, nearest first: (q, length).

    >>> neighbors(np.array([[0.9]], np.float32), np.array([[0.0], [1.0], [3.0]], np.float32), 2).tolist()
    [[1, 0]]
    """
    lists = np.empty((len(queries), length), np.int32)
    for rows, order in _blocks(queries, train, length):
        lists[rows] = order
    return lists


def _blocks(queries: Floats32, train: Floats32, length: int) -> Iterator[tuple[slice, NDArray[np.int32]]]:
    center = train.mean(0)  # distances do not move, their rounding shrinks
    y = train - center
    squares = (y * y).sum(1)
    rounding = 4 * (train.shape[1] + 8) * np.finfo(np.float32).eps
    step = max(1, BLOCK // len(train))
    for first in range(0, len(queries), step):
        rows = slice(first, min(first + step, len(queries)))
        x = queries[rows] - center
        own = (x * x).sum(1)
        near = squares - 2 * (x @ y.T)
        order = np.empty((len(x), length), np.int32)
        limit = np.full(len(x), np.inf)
        if length < len(train):
            limit = np.partition(near, length - 1, axis=1)[:, length - 1] + rounding * (own + squares.max())
        for i in range(len(x)):
            candidates = np.flatnonzero(near[i] <= limit[i])
            gap = train[candidates].astype(np.float64) - queries[first + i]
            order[i] = candidates[np.argsort((gap * gap).sum(1), kind="stable")[:length]]
        yield rows, order
