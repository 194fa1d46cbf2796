"""A power law's tail: Pr[C = c] = c^{−γ} / ζ(γ, c_min) for c ≥ c_min (Clauset, Shalizi & Newman, arXiv 0706.1062).

γ by maximum likelihood at every candidate c_min at once, c_min where the Kolmogorov–Smirnov distance to the tail is least.
Everything is a function of the distinct counts, so five million counts cost what their few thousand values cost. A Zipf
list of exponent α makes such tails with γ = 1 + 1/α.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from longtail.core import ArgumentError, Estimate, Floats, whole
from longtail.core.shown import many
from longtail.counts.fit import LEVEL, Counts

FEWEST = 50  # counts in a tail, below which its exponent is anybody's guess
STEEPEST = 30.0
COARSE = 64  # points of a first look at the distance, which is a lower bound of it


@dataclass(frozen=True)
class Tail:
    """γ, where the tail starts, how many counts lie in it, and its Kolmogorov–Smirnov distance.

    >>> found = tail(np.round(np.arange(1, 5000) ** -0.5 * 5000), start=100)  # ranks to the power −½: exponent 1 + 2
    >>> found.interval[0] < 3 < found.interval[1]
    True
    """

    exponent: Estimate
    interval: tuple[float, float]
    start: int
    count: int
    distance: float

    @property
    def alpha(self) -> Estimate:
        """The exponent of the Zipf list with this tail, 1/(γ − 1)."""
        beyond = self.exponent.value - 1
        return Estimate(1 / beyond, self.exponent.stderr / beyond**2)


def tail(counts: ArrayLike | Counts, start: int | None = None, *, level: float = LEVEL) -> Tail:
    """The power-law tail of ``counts``; ``start`` fixes c_min instead of searching for it.

    >>> tail(np.repeat([1, 2, 3, 4, 5, 10], [600, 150, 67, 38, 24, 121]), start=1).count
    1000
    """
    given = counts if isinstance(counts, Counts) else Counts.of(counts)
    value, number = given.times, given.number
    above = np.cumsum(number[::-1])[::-1]
    if start is not None:
        least = whole("start", start)
        candidates = np.array([np.searchsorted(value, least)])
        starts = np.array([float(least)])
        if candidates[0] >= len(value) - 1 or above[candidates[0]] < FEWEST:
            raise ArgumentError(
                "start", start, f"fewer than {FEWEST} counts of two values lie beyond; give a lower one"
            )
    else:
        candidates = np.flatnonzero((above >= FEWEST) & (np.arange(len(value)) < len(value) - 1))
        starts = value[candidates]
        if not len(candidates):
            raise ArgumentError("counts", many(given.seen, "count"), f"give at least {FEWEST}, of two values or more")
    log_mean = np.cumsum((number * np.log(value))[::-1])[::-1][candidates] / above[candidates]
    exponent = _exponents(starts, log_mean)
    best, distance = _nearest(value, number, candidates, starts, exponent)
    gamma, first, size = float(exponent[best]), float(starts[best]), int(above[candidates[best]])
    step = 1e-4
    bend = np.diff(np.log(special.zeta(gamma + step * np.arange(-1, 2), first)), 2)[0] / step**2
    stderr = float(1 / np.sqrt(size * bend))
    z = float(stats.norm.ppf((1 + level) / 2))
    return Tail(Estimate(gamma, stderr), (gamma - z * stderr, gamma + z * stderr), int(first), size, distance)


def _exponents(start: Floats, log_mean: Floats) -> Floats:
    """Solves −ζ'(γ, start)/ζ(γ, start) = the mean log count, by bisection of all at once."""
    low, high = np.full(len(start), 1 + 1e-6), np.full(len(start), STEEPEST)
    for _ in range(45):
        middle = (low + high) / 2
        step = 1e-5 * (middle - 1)
        mean = np.log(special.zeta(middle - step, start) / special.zeta(middle + step, start)) / (2 * step)
        steeper = mean > log_mean
        low, high = np.where(steeper, middle, low), np.where(steeper, high, middle)
    return np.asarray((low + high) / 2)


def _nearest(value: Floats, number: Floats, candidates: Floats, start: Floats, exponent: Floats) -> tuple[int, float]:
    """The candidate of least distance, and that distance. Few points bound it from below; most candidates end there."""

    def distance(i: int, most: int) -> float:
        first = int(candidates[i])
        x, f = value[first:], number[first:]
        at = np.arange(len(x)) if len(x) <= most else np.unique(np.geomspace(1, len(x), most).astype(int)) - 1
        share = (np.cumsum(f) / f.sum())[at]
        law = 1 - special.zeta(exponent[i], x[at] + 1) / special.zeta(exponent[i], start[i])
        return float(np.abs(share - law).max())

    bound = np.array([distance(i, COARSE) for i in range(len(candidates))])
    best, least = -1, np.inf
    for i in np.argsort(bound):
        if bound[i] >= least:
            break
        there = distance(int(i), len(value))
        if there < least:
            best, least = int(i), there
    return best, float(least)
