"""Following a likelihood: where it is at its best for each value of one coordinate, and how far off it has fallen too far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from longtail.core import Floats

FARTHEST = 12.0  # of a coordinate from its best value
LOOKS, NEAR_END = 14, 0.1  # for an end, at the most, and of how far is allowed, what it may be off by
REFITTED = 24  # evaluations in which the other coordinates follow
LONGEST, SETTLED = 1.0, 0.01  # of their steps; and of −2 log L, a change that makes no difference


class _Followed(Protocol):
    """What has residuals, whose squares add up to −2 log L, and their slopes."""

    def residuals(self, x: Floats, observed: Floats) -> Floats: ...

    def slopes(self, x: Floats, observed: Floats, along: Sequence[int] | None = None) -> Floats: ...


class Ridge:
    """Where −2 log L is least for each value of one coordinate: Gauss and Newton, with Broyden's slopes (1965).

    >>> from empirical.bridge.model import Model
    >>> from empirical.estimates.noise import SubsetNoise
    >>> model, x = Model("Uniform", "fixed", "fresh", 1000, 10, SubsetNoise(100)), np.array([6.0, 1.0])  # log N, logit of λ
    >>> worse, there = Ridge(model, model.n * model.probabilities(x), x, 0).best(6.1, x)
    >>> worse > 0, there[0], bool(there[1] != 1)
    (True, np.float64(6.1), True)
    """

    def __init__(
        self, model: _Followed, observed: Floats, x: Floats, i: int | None = None, slope: Floats | None = None
    ) -> None:
        self.model, self.observed, self.i = model, observed, i
        self.others = np.arange(len(x)) != (-1 if i is None else i)
        self.slope = self._slopes(x) if slope is None else slope[:, self.others]

    def best(self, value: float, start: Floats) -> tuple[float, Floats]:
        """−2 log L, up to a constant, and all coordinates, those of ``start`` to begin with."""
        x = start.copy()
        x[self.i] = value
        return self.settled(x)

    def settled(self, start: Floats) -> tuple[float, Floats]:
        """The same from a start whose coordinate is to be held, or none is."""
        x = start
        r = self.model.residuals(x, self.observed)
        if not self.others.any():
            return float(r @ r), x
        damping, fresh = 0.0, False
        for _ in range(REFITTED):
            push = self.slope.T @ self.slope
            push += np.diag(np.maximum(damping * np.diag(push), 1e-12))
            step = np.clip(-_solved(push, self.slope.T @ r), -LONGEST, LONGEST)
            there = x.copy()
            there[self.others] += step
            new = self.model.residuals(there, self.observed)
            fallen = float(r @ r - new @ new)
            off = np.multiply.outer(new - r - self.slope @ step, step) / max(float(step @ step), 1e-12)
            self.slope = self.slope + off
            damping = damping / 4 if fallen > 0 else max(4 * damping, 0.1)
            if fallen > 0:
                x, r = there, new
            if abs(fallen) < SETTLED:
                if fresh:
                    break
                self.slope, damping = self._slopes(x), 0.0
            fresh = abs(fallen) < SETTLED
        return float(r @ r), x

    def _slopes(self, x: Floats) -> Floats:
        along = np.flatnonzero(self.others).tolist()
        return self.model.slopes(x, self.observed, along)[:, self.others] if along else np.empty((0, 0))


def _solved(push: Floats, pull: Floats) -> Floats:
    """The step; the shortest, where coordinates make one difference between them and no digit tells them apart."""
    try:
        return np.asarray(np.linalg.solve(push, pull))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(push, pull, rcond=None)[0])


def ends(
    ridge: Ridge, x: Floats, i: int, limits: tuple[float, float], allowed: float, length: float
) -> tuple[Floats | None, Floats | None]:
    """Coordinates, the i-th below and above that of x, where the likelihood, at its best in the others, has fallen as far as is
    allowed; None where it never does. ``length`` is how far off that may be.

    >>> from empirical.bridge.model import Model
    >>> from empirical.estimates.noise import SubsetNoise
    >>> model, x = Model("Uniform", "lookup", "fresh", 1000, 10, SubsetNoise(100)), np.log(np.array([300.0]))
    >>> ridge = Ridge(model, model.n * model.probabilities(x), x, 0)
    >>> [round(float(np.exp(end[0]))) for end in ends(ridge, x, 0, model.limits(0), 3.84, 0.05)]
    [287, 315]
    """
    first = float(np.clip(x[i], *limits))
    best, start = ridge.best(first, x)
    slope, found = ridge.slope, []
    for side, farthest in ((-1, first - limits[0]), (1, limits[1] - first)):
        ridge.slope = slope
        found.append(_end(ridge, first, side, best, start, allowed, length, min(FARTHEST, farthest)))
    return found[0], found[1]


def _end(
    ridge: Ridge, first: float, side: int, best: float, start: Floats, allowed: float, length: float, farthest: float
) -> Floats | None:
    """On one side; a parabola through what was found says where to look next."""
    inside, outside = (0.0, 0.0, start), None  # a search sets out from inside: what is beyond may lie in another valley
    for _ in range(LOOKS):
        length = min(length, farthest)
        worse, there = ridge.best(first + side * length, inside[2])
        rise = worse - best
        if rise <= allowed:
            if length >= farthest:
                return None
            inside = length, rise, there
        else:
            outside = length, rise, there
        if abs(rise / allowed - 1) < NEAR_END:
            return there
        length *= float(np.clip(np.sqrt(allowed / max(rise, 1e-9)), 0.3, 3.0))
        if outside is not None:
            step = outside[0] - inside[0]
            length = float(np.clip(length, inside[0] + step / 8, outside[0] - step / 8))
    return None if outside is None else outside[2]
