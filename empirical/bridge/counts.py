"""Between what numbers a count that is predicted may be met, the prediction's own error included."""

from __future__ import annotations

import numpy as np
from scipy import stats

from longtail.core import Floats


def between(mean: Floats, variance: Floats, stderr: Floats, level: float = 0.95) -> tuple[Floats, Floats]:
    """Ends of an interval for a count that is predicted as ``mean``: what counting spreads, and what the mean is off by.

    A negative binomial of that mean and of both variances together, a Poisson law about a mean that is itself not known; and
    at the top never less than −log(1 − level), for even where none is expected, three may be met with one chance in twenty.

    >>> between(np.array([0.0, 10.0]), np.array([0.0, 10.0]), np.array([0.0, 0.0]))
    (array([0., 4.]), array([ 3., 17.]))
    """
    more = np.maximum(variance - mean, 0.0) + stderr**2
    r = mean**2 / np.maximum(more, 1e-9 * np.maximum(mean, 1e-9))  # → ∞, a Poisson law, where nothing is added
    chance = r / (r + np.maximum(mean, 1e-12))
    ends = [stats.nbinom.ppf(q, np.maximum(r, 1e-12), chance) for q in ((1 - level) / 2, (1 + level) / 2)]
    low, high = (np.nan_to_num(end) for end in ends)
    # an error may be a normal one
    half = stats.norm.ppf((1 + level) / 2) * np.sqrt(np.maximum(variance, mean) + stderr**2)
    low = np.where(stderr > 0, np.minimum(low, np.floor(np.maximum(mean - half, 0.0))), low)
    high = np.where(stderr > 0, np.maximum(high, np.ceil(mean + half)), high)
    return low, np.maximum(high, np.ceil(-np.log(1 - level)))
