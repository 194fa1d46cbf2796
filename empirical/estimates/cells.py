"""The two cells of every estimate: models that trained on an example, models that did not.

Feldman & Zhang (arXiv 2008.03703), section 2.1: estimate = mean(score | i in) − mean(score | i out), whose variance is
q_in(1 − q_in)/n_in + q_out(1 − q_out)/n_out for scores of 0 and 1, the sample variances in their place otherwise.
Intervals for 0/1 scores are Newcombe's (Statistics in Medicine 17, 1998, method 10), of two Wilson intervals: they do
not shrink to nothing where a cell is all right or all wrong. A cell without trials gives NaN, never 0. Where residuals
give the error (orthogonal arrays) and no cell has FEW right and FEW wrong, these are too few to tell it: the interval
is then no narrower than Newcombe's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from longtail.core import Floats, real
from longtail.core.intervals import wilson

FEW = 10.0  # right or wrong in a cell


@dataclass(frozen=True)
class Cells:
    """Arrays of one shape: trials, mean score and mean squared score, in and out. ``residual`` is another stderr.

    >>> cells = Cells.of_sums(trials=10, n_in=7, in_sum=7, total=8)  # right in all 7 that it was in, and in 1 of the 3 others
    >>> float(cells.value.round(3)), [float(end.round(2)) for end in cells.interval()]
    (0.667, [0.09, 0.94])
    """

    n_in: Floats
    n_out: Floats
    in_mean: Floats
    out_mean: Floats
    in_square: Floats
    out_square: Floats
    binary: bool = True
    residual: Floats | None = None
    sign: int = 1

    @classmethod
    def of_sums(
        cls,
        trials: int,
        n_in: Any,
        in_sum: Any,
        total: Any,
        in_square: Any = None,
        square: Any = None,
        residual: Any = None,
    ) -> Cells:
        """From sums over trials, in and all; squares are the sums themselves for scores of 0 and 1."""
        binary = in_square is None
        parts = (n_in, in_sum, total, in_sum if binary else in_square, total if binary else square)
        inside, a, b, a2, b2 = np.broadcast_arrays(*(np.asarray(v, float) for v in parts))
        outside = trials - inside
        with np.errstate(invalid="ignore", divide="ignore"):
            means = (a / inside, (b - a) / outside, a2 / inside, (b2 - a2) / outside)
        in_mean, out_mean, in_sq, out_sq = means
        return cls(inside, outside, in_mean, out_mean, in_sq, out_sq, binary)

    @property
    def value(self) -> Floats:
        """mean in − mean out, the other way round for a loss, so that more is better; NaN where one cell is empty."""
        return self.sign * (self.in_mean - self.out_mean)

    @property
    def stderr(self) -> Floats:
        """From residuals where trials depend on each other; else sample variances, NaN below two trials in a cell."""
        if self.residual is not None:
            return np.where((self.n_in == 0) | (self.n_out == 0), np.nan, self.residual)
        with np.errstate(invalid="ignore", divide="ignore"):
            inner = np.maximum(self.in_square - self.in_mean**2, 0) / (self.n_in - 1)
            outer = np.maximum(self.out_square - self.out_mean**2, 0) / (self.n_out - 1)
        few = (self.n_in < 2) | (self.n_out < 2)
        return np.where(few, np.nan, np.sqrt(np.where(few, 0, inner) + np.where(few, 0, outer)))

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Low and high ends that hold the truth with chance ``level``."""
        z = float(ndtri((1 + real("level", level, 0, 1, open_low=True, open_high=True)) / 2))
        down = up = z * self.stderr
        if self.binary:
            in_low, in_high = wilson(self.in_mean, self.n_in, z)
            out_low, out_high = wilson(self.out_mean, self.n_out, z)
            lower = np.hypot(self.in_mean - in_low, out_high - self.out_mean)
            upper = np.hypot(in_high - self.in_mean, self.out_mean - out_low)
            if self.residual is None:
                down, up = lower, upper
            else:
                few = self.rarer < FEW
                down, up = (np.where(few, np.maximum(w, down), down) for w in (lower, upper))
        low, high = self.value - down, self.value + up
        return (np.maximum(low, -1), np.minimum(high, 1)) if self.binary else (low, high)

    @property
    def rarer(self) -> Floats:
        """How often scores of 0 and 1 were the rarer of the two, in the cell where that is more."""
        inside, outside = (
            n * np.minimum(q, 1 - q) for n, q in ((self.n_in, self.in_mean), (self.n_out, self.out_mean))
        )
        return np.maximum(inside, outside)


def root_mean_square(error: Floats) -> float | None:
    """√(mean of error²), of the errors that are known; None where none is.

    >>> root_mean_square(np.array([3.0, np.nan, 3.0]))
    3.0
    """
    known = error[np.isfinite(error)]
    return float(np.sqrt(np.mean(known**2))) if known.size else None
