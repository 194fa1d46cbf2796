"""Laws of masses one probability at a time, where T spans decades, where samples are few, and where there are steps.

Frequencies drawn, a Gamma variable g of shape n does not change the sign of what it multiplies, so with Y = (g/n)(M_ℓ − m)

    Pr[M_ℓ ≤ m] = Pr[Y ≤ 0],

which Davies' sum (``longtail.exact.davies``) takes from E e^{iφY} (``longtail.exact.transforms``). That is the transform of
``longtail.exact.mass_laws``, centered at m itself: what g does need not be undone, which is what takes large n there.

Steps. E e^{iφY} e^{−(hφ)²/2} is that of Y + h times a normal variable; its probability lies between those of M at
m ∓ ``resolution``, that many h: so much a mass is off by, besides the probability's bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from longtail.core import AccuracyError, Estimate, Problem
from longtail.exact.davies import END, LEFT, LONG, WORK, Sum, ends, probability
from longtail.exact.distributions import MassLaw, checked_level
from longtail.exact.mellin import EPS
from longtail.exact.saddle import circles
from longtail.exact.transforms import COARSE, OUT, by_scales, by_sights, on_circles, turn_of

GOOD = 1e-6  # what a probability may be off by
TOLD = 5.4  # standard deviations of h that a mass is off by: 3e-8 is beyond
TOO_FEW = 6.0  # standard deviations: a transform that is followed no farther has not ended
ROUGHEST = 2.0  # of a standard deviation, one in so many may a mass be off by
NEAR = 1e-9  # of a level, at which a quantile is found


@dataclass(frozen=True)
class Pointwise(MassLaw):
    """A law that is computed where it is asked: ``cdf`` takes up to some seconds a value, of a mass to ``resolution``.

    >>> def way(problem, ell, mass):  # of a normal law about .3
    ...     transform = lambda phi: np.exp(1j * phi * (0.3 - mass) - (0.1 * phi) ** 2 / 2)
    ...     return Sum(0.0, 1.0, 1.0, transform, 1.0, transform)
    >>> from longtail import Zipf
    >>> law = Pointwise(Problem(Zipf(alpha=1, size=9), n=100), 0, 0.0, 1.0, Estimate(0.3), Estimate(0.01), 1e-6, 0.0, way)
    >>> round(law.cdf(0.4).value, 6), round(law.quantile(0.5), 6)
    (0.841345, 0.3)
    """

    problem: Problem
    ell: int
    low: float
    high: float
    mean: Estimate
    variance: Estimate
    bound: float
    resolution: float
    way: Callable[[Problem, int, float], Sum | None] = field(repr=False)
    known: dict[float, tuple[float, float]] = field(default_factory=dict, repr=False, compare=False)

    def cdf(self, mass: ArrayLike) -> Estimate:
        found = [self._at(float(m)) for m in np.ravel(np.asarray(mass, float))]
        value, off = (np.array(x) for x in zip(*found, strict=True))
        if np.ndim(mass) == 0:
            return Estimate(float(value[0]), bound=float(off[0]))
        return Estimate(value.reshape(np.shape(mass)), bound=off.reshape(np.shape(mass)))

    def quantile(self, level: float) -> float:
        """Where ``cdf`` gets to ``level``: by secants of its probit against log mass, within a bracket."""
        level, low, high = checked_level(level), self.low, self.high
        target, spread = float(special.ndtri(level)), float(np.sqrt(self.variance.value))
        at = float(self.mean.value) + target * spread
        trail: list[tuple[float, float]] = []
        for _ in range(60):
            if not low < at < high:
                at = (low + high) / 2
            reached, off = self._at(at)
            low, high = (at, high) if reached < level else (low, at)
            if abs(reached - level) <= NEAR * min(level, 1 - level) + off / 4:
                return float(at)
            if high - low <= self.resolution / 4 + 1e-10 * high:
                break
            trail.append((np.log(at + EPS), float(special.ndtri(np.clip(reached, 1e-12, 1 - 1e-12))) - target))
            (x0, y0), (x1, y1) = (
                trail[-2:] if len(trail) > 1 else (trail[0], (np.log(max(self.mean.value, EPS)), -target))
            )
            slope = (y1 - y0) / (x1 - x0) if x1 != x0 else 0.0
            step = np.exp(x1 - y1 / slope) if slope > 0 else np.nan
            at = float(step if len(trail) % 4 else (low + high) / 2)
        return float(high)

    def _at(self, mass: float) -> tuple[float, float]:
        if not self.low < mass < self.high:
            return (0.0 if mass <= self.low else 1.0), LEFT
        if mass not in self.known:
            value, off, ended = self._probability(mass)
            if not off <= self.bound or not ended:
                raise rough(self.problem, self.ell)
            self.known[mass] = float(np.clip(value, 0.0, 1.0)), off
        return self.known[mass]

    def _probability(self, mass: float) -> tuple[float, float, bool]:
        parts = self.way(self.problem, self.ell, mass)
        if parts is None:
            return np.nan, np.inf, False
        return probability(parts, self.resolution * _least(self.problem.n) / TOLD, self.resolution > 0)


def pointwise(
    problem: Problem, ell: int, low: float, high: float, mean: Estimate, spread: Estimate, steps: bool
) -> Pointwise:
    """The law of what is seen ``ell`` times, all of which lies in [low, high], by the first way to sum that is known at its
    ``mean``; an AccuracyError where none is. ``spread`` is its variance, ``steps`` whether it has steps.

    >>> from longtail import Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=3), n=4)
    >>> moments = exact.unseen_mass(problem), exact.mass_variance(problem)
    >>> pointwise(problem, 0, 0.0, 1.0, *moments, steps=True)
    Traceback (most recent call last):
        ...
    longtail.core.checks.AccuracyError: n: got 4; the law of what is seen 0 times under Zipf(alpha=1.0, size=3) has steps...
    """
    at, deviation = float(mean.value), float(np.sqrt(spread.value))
    for way in (by_sights, on_circles, by_scales):
        if (
            way is on_circles
            and turn_of(problem, ell, at) * WORK / circles(problem, COARSE, OUT).points * deviation < TOO_FEW
        ):
            continue
        parts = way(problem, ell, at)
        if parts is None:
            continue
        endless = steps or not ends(parts)
        value, off, ended = (np.nan, np.inf, False) if endless else probability(parts, 0.0, steps)
        resolution = 0.0
        if not ended:
            h = END / (parts.turn * min(LONG, WORK / parts.points))
            resolution = 2 * h * TOLD / _least(problem.n)
            if resolution > np.sqrt(spread.value) / ROUGHEST:
                continue
            value, off, ended = probability(parts, h, True)
        if off <= GOOD and ended:
            law = Pointwise(problem, ell, low, high, mean, spread, GOOD, resolution, way)
            law.known[at] = float(np.clip(value, 0.0, 1.0)), off
            return law
    raise rough(problem, ell, "has steps" if steps else "has a transform that does not end soon")


def rough(problem: Problem, ell: int, why: str = "has more detail than can be resolved") -> AccuracyError:
    """The error to raise where the law of what is seen ``ell`` times cannot be told, and what to do.

    >>> from longtail import Zipf
    >>> rough(Problem(Zipf(alpha=1, size=10), n=5), ell=0).argument
    'n'
    """
    what = f"the law of what is seen {ell} times under {problem.prior!r} {why}; "
    other = (
        ", or mode='fixed' for that of the list itself" if problem.mode == "random" and not problem.prior.is_law else ""
    )
    return AccuracyError(
        "n", problem.n, f"{what}give more samples or subpopulations{other}, or ask exact.mass_variance"
    )


def _least(n: int) -> float:
    """g/n is less with probability 1e-8."""
    return float(special.gammaincinv(float(n), 1e-8) / n) if n < 10**6 else 1 - 5.7 / float(np.sqrt(n))
