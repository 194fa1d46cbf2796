"""Scores of linear models, many at a time: one product per 16 models and some 1,024 rows, then one pass over its
values.

The products are of one shape, the last rows reaching back, and each trial has a place of its own in them
(``empirical.learners.shared.places``), so that its rounding never depends on which it is scored with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.learners.score import Floats32, Score
from empirical.learners.shared.places import MODELS, aligned, seated
from empirical.learners.shared.scores import read
from longtail.core import Bools

ROWS = 1024  # rows a product at most: their values stay in second-level cache


def width(rows: int) -> int:
    """Rows a product: an even share of them all."""
    return -(-rows // -(-rows // ROWS))


def score_linear(
    weights: Floats32,
    trials: NDArray[np.int64],
    rows: Floats32,
    present: Bools,
    labels: NDArray[np.int64],
    score: Score,
    out: NDArray[Any],
) -> None:
    """Scores of rows (rows, features) by the trials' weights (t, K, features) into ``out`` (t, rows)."""
    classes, size, wide = weights.shape[1], rows.shape[1], width(len(rows))
    block, values = aligned(MODELS, classes, size), aligned(MODELS, classes, wide)
    for some, places in seated(trials):
        block[places] = weights[some]
        for start in range(0, len(rows), wide):
            start = min(start, len(rows) - wide)
            here = slice(start, start + wide)
            np.matmul(block.reshape(-1, size), rows[here].T, out=values.reshape(-1, wide))
            held = out[some, here]  # a view of rows in a slice, else a copy
            read(values[places], present[some], labels[here], score, held)
            if not isinstance(some, slice):
                out[some, here] = held
