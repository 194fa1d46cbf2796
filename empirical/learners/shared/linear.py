"""Scores of linear models, many at a time: one product per 16 models and some 1,024 rows, then one pass over its
values.

The blocks are of one shape whatever the batch, the last ones padded or reaching back, so that a model's rounding never
depends on which models it is scored with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.learners.learner import Floats32, Score
from empirical.learners.shared.scores import read
from longtail.core import Bools

MODELS = 16  # models a product
ROWS = 1024  # rows a product at most: their values stay in second-level cache


def width(rows: int) -> int:
    """Rows a product: an even share of them all."""
    return -(-rows // -(-rows // ROWS))


def score_linear(
    weights: Floats32, rows: Floats32, present: Bools, labels: NDArray[np.int64], score: Score, out: NDArray[Any]
) -> None:
    """Scores of rows (rows, features) by weights (t, K, features) into ``out`` (t, rows)."""
    classes, size, wide = weights.shape[1], rows.shape[1], width(len(rows))
    values = np.empty((MODELS * classes, wide), np.float32)
    block = np.zeros((MODELS * classes, size), np.float32)
    for first in range(0, len(weights), MODELS):
        held = min(MODELS, len(weights) - first)
        block[: held * classes] = weights[first : first + held].reshape(-1, size)
        for start in range(0, len(rows), wide):
            start = min(start, len(rows) - wide)
            np.matmul(block, rows[start : start + wide].T, out=values)
            read(
                values.reshape(MODELS, classes, wide)[:held],
                present[first : first + held],
                labels[start : start + wide],
                score,
                out[first : first + held, start : start + wide],
            )
