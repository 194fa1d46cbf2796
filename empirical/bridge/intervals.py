"""How far a fitted parameter may be from its estimate: Wald's interval from simulated data sets, or the likelihood's.

Where a coordinate moves no bin or none that can be told, or lies where its family ends, and where there are not as many bins as
parameters, there is no standard error: it is NaN, never 0. The interval is then what the likelihood allows, at its best in the
other coordinates: where −2 log L has risen by z² times the largest factor by which simulated histograms vary more than
independent examples would (a composite likelihood is as much too sharp: Varin, Reid & Firth 2011). Where difficulty is fitted,
coordinates hang together along curved ridges, which no parabola follows: intervals are the likelihood's there too, its rise
counted by the factor of the coordinate itself, its variance over that of independent examples. How well the mean of λ is told
depends on how wide its law is: it has the interval of their joint region. An end that the data do not set is the family's own:
0, 1, or infinity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import special, stats

from empirical.bridge.followed import Ridge, ends
from empirical.bridge.model import BROADEST, LAW, WIDE, Model
from longtail.core import Estimate, Floats
from longtail.counts.bins import EXPECTED
from longtail.counts.fit import FAMILIES

UNMOVED = 1e-4  # error of a coordinate, below which it is rounding: to know a logarithm so well takes 10^8 examples
# errors of a logarithm, above which the likelihood is no parabola, and says nothing of an error
VAGUE, OPEN = 0.25, 1.0
LONG = 5.0  # standard error of a logarithm or logit, beyond which it is all the same
BENT, BACK = 2.0, 8  # rise of −2 log L over a parabola's, that the end of an axis may have, and steps back to it
HALVED = (1.0, 0.5, 0.25, 0.0)  # of the way along which x follows a test set that is harder than it seems
FIRST, SHORTEST = 0.25, 0.05  # of a coordinate, where an end is looked for first


@dataclass(frozen=True)
class Reach:
    """How far the fit at coordinates ``x`` may be off: ``error`` are the standard errors of the coordinates, with ``covariance``,
    and ``simulated`` the histograms behind them. ``hard`` is how far x goes if the test set is a standard error harder than it
    seems, for totals are then as much larger than the model's; its square is in the covariance. Where the likelihood has to be
    followed, that is done when it is first asked for: of many fits only one is told at length.

    >>> from empirical.estimates.noise import SubsetNoise
    >>> model, x = Model("Uniform", "lookup", "fresh", 1000, 10, SubsetNoise(100)), np.log(np.array([300.0]))
    >>> seen = model.n * model.probabilities(x)
    >>> one = (np.array([0.05]), np.array([[0.0025]]), 0.95, np.zeros(1))
    >>> found = Reach(model, x, seen, np.tile(seen, (20, 1)), *one)
    >>> size = found.parameters["size"]
    >>> round(size.value), round(size.stderr, 2), [round(end) for end in found.intervals["size"]]
    (300, 15.0, [270, 333])
    """

    model: Model
    x: Floats
    observed: Floats
    simulated: Floats
    error: Floats
    covariance: Floats
    level: float
    hard: Floats

    @cached_property
    def parameters(self) -> dict[str, Estimate]:
        """Every parameter with its standard error."""
        return {one.name: Estimate(one.value, math.nan if one.edge else one.stderr) for one in self._named}

    @cached_property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Intervals of the parameters."""
        return {one.name: self._interval(one) for one in self._named}

    def interval(self, name: str) -> tuple[float, float]:
        """Of one of them, in less time."""
        return next(self._interval(one) for one in self._named if one.name == name)

    @cached_property
    def around(self) -> tuple[tuple[Floats, Floats], ...]:
        """Pairs of coordinates, either way of the fit: what is predicted there says how far off a prediction may be."""
        own = self.covariance - np.multiply.outer(self.hard, self.hard)
        ends = axis_ends(self.model, self.model.inside(self.x), self.observed, own)
        for one in self._named:
            below, above = self._ends(one.i) if one.edge else (None, None)
            if below is not None or above is not None:
                ends.append((self.x if above is None else above, self.x if below is None else below))
        return tuple(ends)

    @cached_property
    def follows(self) -> tuple[Floats, Floats]:
        """Coordinates where the test set is a standard error harder than it seems, and where it is less hard; as far as this
        makes the model likelier.
        """
        aside = self.model.beside
        if aside is None or not self.hard.any():
            return self.x, self.x
        h, at, ends = aside.harder, self.model.inside(self.x), []
        for side in (1, -1):
            harder = replace(h, value=h.value * np.exp(side * h.stderr / h.value))
            model = replace(self.model, beside=replace(aside, harder=harder))
            way = side * np.clip(self.hard, -LONG, LONG)
            loss = [float((model.residuals(at + part * way, self.observed) ** 2).sum()) for part in HALVED]
            ends.append(at + HALVED[int(np.argmin(loss))] * way)
        return ends[0], ends[1]

    @property
    def allowed(self) -> float:
        """How far −2 log L may rise at an edge."""
        return self._z**2 * self._clustering

    def rise(self, steep: Floats) -> float:
        """How far −2 log L may rise along the profile of a function of x with this gradient: z² times its variance, by simulated
        data sets and by how hard the test set may be (``hard``), over that by the likelihood's curvature (Varin, Reid & Firth
        2011, section 2.3); never less than z².
        """
        own = self.curvature(steep) ** 2
        return self._z**2 * max(float(steep @ self.covariance @ steep) / own, 1.0) if own > 0 else self.allowed

    def curvature(self, steep: Floats) -> float:
        """What the curvature alone says of the error of a function of x with this gradient."""
        return math.sqrt(max(float(steep @ self._curved @ steep), 0.0))

    @cached_property
    def _curved(self) -> Floats:
        slope = self.model.linear(self.model.inside(self.x))[1]
        return np.asarray(np.linalg.pinv(slope.T @ slope, rcond=1e-10))

    @cached_property
    def _z(self) -> float:
        # the error is known from so many data sets
        return float(stats.t.ppf((1 + self.level) / 2, len(self.simulated) - 1))

    @cached_property
    def _named(self) -> list[_Named]:
        model, at, family = self.model, self.model.inside(self.x), FAMILIES[self.model.family]
        crowded = bool(np.count_nonzero(model.n * model.probabilities(self.x) >= EXPECTED) <= len(self.x))
        size = _Named("size", model.shapes, lambda y: float(np.exp(min(y, 700.0))), 1.0, np.inf)
        rows = [size] if family.parameter is None else [_Named(family.parameter, 0, family.outward, 0.0, np.inf), size]
        for i, name in enumerate(model.named, model.shapes + 1):
            share = i in model.bounded
            rows.append(_Named(name, i, special.expit if share else np.exp, 0.0, 1.0 if share else np.inf))
        return [one.at(self.x, at, float(self.error[one.i]), crowded, one.i in model.bounded) for one in rows]

    def _interval(self, one: _Named) -> tuple[float, float]:
        model, i, middle, z = self.model, one.i, one.value, self._z
        with np.errstate(over="ignore"):
            low, high = (float(one.outward(self.x[i] + side * z * self.error[i])) for side in (-1, 1))
        if one.edge or model.guess in WIDE or (self.error[i] > VAGUE and i <= model.shapes):
            below, above = self._ends(i)
            low = one.least if below is None else float(one.outward(below[i]))
            high = one.most if above is None else float(one.outward(above[i]))
        elif i in model.bounded and not z * one.stderr < middle < 1 - z * one.stderr:  # the end itself may be the truth
            low, high = max(middle - z * one.stderr, 0.0), min(middle + z * one.stderr, 1.0)
        elif one.name == "size" and high >= BROADEST * model.n:  # a larger list makes the same data
            high = one.most
        return low, high

    def allowance(self, i: int) -> float:
        """How far −2 log L may rise along the profile of coordinate i: ``rise``. Of the mean of a law of λ 2 F/z² times that
        (F is Fisher's quantile, 2 and S − 1 degrees of freedom, S simulated data sets): the region of mean and width together.

        The profile of that mean leads past laws of all widths, and from a law that is a spike the likelihood may rise as far as
        two coordinates let it: with z² alone .89 of 200 intervals held the truth. So .93 do, and .97 of 100 others, by which
        nothing was chosen (``simulations.coverage``).
        """
        one = next(one for one in self._named if one.i == i)
        if one.edge:
            return self.allowed
        of_law = self.model.guess in WIDE and one.name == LAW[0] and LAW[1] in self.model.named
        both = 2 * float(stats.f.ppf(self.level, 2, len(self.simulated) - 1)) / self._z**2
        return self.rise(np.eye(len(self.x))[i]) * (both if of_law else 1.0)

    def _ends(self, i: int) -> tuple[Floats | None, Floats | None]:
        if i not in self._found:
            edge = next(one.edge for one in self._named if one.i == i)
            known = self.model.guess in WIDE and not edge
            allowed = self.allowance(i) if known else self.allowed
            length = float(np.clip(self._z * self.error[i], SHORTEST, LONG)) if known else FIRST
            self._found[i] = ends(self.ridge(i), self.x, i, self.model.limits(i), allowed, length)
        return self._found[i]

    def ridge(self, i: int) -> Ridge:
        """Where the likelihood is at its best for each value of coordinate i."""
        return Ridge(self.model, self.observed, self.x, i, self._slope)

    @cached_property
    def _slope(self) -> Floats:
        return self.model.slopes(self.x, self.observed)

    @cached_property
    def _found(self) -> dict[int, tuple[Floats | None, Floats | None]]:
        return {}

    @cached_property
    def _clustering(self) -> float:
        return _clustering(self.model, self.x, self.simulated)


@dataclass(frozen=True)
class _Named:
    """A parameter: ``outward`` of coordinate i, from ``least`` to ``most``. At an ``edge`` the data set no standard error."""

    name: str
    i: int
    outward: Callable[[float], float]
    least: float
    most: float
    value: float = math.nan
    stderr: float = math.nan
    edge: bool = False

    def at(self, x: Floats, inside: Floats, error: float, crowded: bool, bounded: bool) -> _Named:
        """With its value and error at x, the slope being taken ``inside`` of the family's ends."""
        i = self.i
        with np.errstate(over="ignore"):
            slope = (self.outward(inside[i] + 1e-4) - self.outward(inside[i] - 1e-4)) / 2e-4
            value = float(self.outward(x[i]))
        edge = crowded or error < UNMOVED or slope == 0 or (error > OPEN and not bounded)
        return replace(self, value=value, stderr=float(abs(slope) * error), edge=bool(edge))


def _clustering(model: Model, x: Floats, simulated: Floats) -> float:
    """The largest factor, over directions, by which histograms vary more than those of independent examples; 1 at least."""
    expected = model.n * model.probabilities(x)
    kept = expected >= EXPECTED
    residual = ((simulated - expected) / np.sqrt(expected))[:, kept]
    return max(float(np.linalg.eigvalsh(residual.T @ residual / len(residual))[-1]), 1.0) if kept.any() else 1.0


def axis_ends(model: Model, at: Floats, observed: Floats, covariance: Floats) -> list[tuple[Floats, Floats]]:
    """Principal axes of one standard error's length either way; of what the data leave open, as far as it matters.

    Where coordinates hang together a straight line leaves the ridge that the data allow, and what is predicted at its end never
    was. So an end is no farther off than where −2 log L has risen ``BENT`` times as much as a parabola would have it, and by 1
    at the least.

    >>> from empirical.estimates.noise import SubsetNoise
    >>> model, x = Model("Uniform", "lookup", "fresh", 1000, 10, SubsetNoise(100)), np.array([6.0])
    >>> up, down = axis_ends(model, x, model.n * model.probabilities(x), np.array([[0.0001]]))[0]
    >>> abs(up - down).round(4).tolist()
    [0.02]
    """
    variance, direction = np.linalg.eigh(covariance)
    axes = np.clip(direction * np.sqrt(np.maximum(variance, 0.0)), -LONG, LONG).T
    _, slope, _ = model.linear(at)
    least = float((model.residuals(at, observed) ** 2).sum())

    def end(axis: Floats) -> Floats:
        allowed, length = BENT * max(float(((slope @ axis) ** 2).sum()), 1.0), 1.0
        for _ in range(BACK):
            rise = float((model.residuals(at + length * axis, observed) ** 2).sum()) - least
            if rise <= 2 * allowed:
                break
            length *= max(np.sqrt(allowed / rise), 0.1)
        return np.asarray(at + length * axis)

    return [(end(axis), end(-axis)) for axis in axes]
