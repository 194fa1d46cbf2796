"""How far a fitted parameter may be from its estimate: Wald's interval from simulated data sets, or the likelihood's at an edge.

Where a coordinate moves no bin or none that can be told, or lies where its family ends, and where there are not as many bins as
parameters, there is no standard error: it is NaN, never 0. The interval is then what the likelihood allows, at its best in the
other coordinates: where −2 log L has risen by z² times the largest factor by which simulated histograms vary more than
independent examples would (a composite likelihood is as much too sharp: Varin, Reid & Firth 2011). An end that the data do not
set is the family's own: 0, 1, or infinity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import special, stats

from empirical.bridge.model import BROADEST, Model
from longtail.core import Estimate, Floats
from longtail.counts.bins import EXPECTED
from longtail.counts.fit import FAMILIES

UNMOVED = 1e-4  # error of a coordinate, below which it is rounding: to know a logarithm so well takes 10^8 examples
VAGUE, OPEN = (
    0.25,
    1.0,
)  # errors of a logarithm, above which the likelihood is no parabola, and says nothing of an error
LONG = 5.0  # standard error of a logarithm or logit, beyond which it is all the same
BENT, BACK = 2.0, 8  # rise of −2 log L over a parabola's, that the end of an axis may have, and steps back to it
FARTHEST = 12.0  # of a coordinate from its best value
REFITTED = 24  # evaluations in which the other coordinates follow
LONGEST, SETTLED = 1.0, 0.01  # of their steps; and of −2 log L, a change that makes no difference


@dataclass(frozen=True)
class Known:
    """Parameters with errors and intervals; ``ends`` are coordinates at the ends of intervals that the likelihood set."""

    parameters: dict[str, Estimate]
    intervals: dict[str, tuple[float, float]]
    ends: list[tuple[Floats, Floats]] = field(default_factory=list)


def known(model: Model, x: Floats, observed: Floats, simulated: Floats, error: Floats, level: float) -> Known:
    """Every parameter of the fit at x, of which ``error`` are the standard errors of the coordinates."""
    count = len(simulated)
    z = float(stats.t.ppf((1 + level) / 2, count - 1))  # the error itself is known from so many data sets
    at = model.inside(x)
    found = Known({}, {})
    crowded = np.count_nonzero(model.n * model.probabilities(x) >= EXPECTED) <= len(x)

    def put(name: str, i: int, outward: Callable[[float], float], least: float, most: float) -> None:
        with np.errstate(over="ignore"):
            middle, slope = float(outward(x[i])), (outward(at[i] + 1e-4) - outward(at[i] - 1e-4)) / 2e-4
            stderr = float(abs(slope) * error[i])
            low, high = float(outward(x[i] - z * error[i])), float(outward(x[i] + z * error[i]))
        edge = crowded or error[i] < UNMOVED or slope == 0 or (error[i] > OPEN and i not in model.bounded)
        if edge or (error[i] > VAGUE and i <= model.shapes):
            allowed = z**2 * _clustering(model, x, simulated)
            below, above = (_end(model, x, observed, i, side, allowed) for side in (-1, 1))
            low = least if below is None else float(outward(below[i]))
            high = most if above is None else float(outward(above[i]))
            stderr = float("nan") if edge else stderr
            if edge and (below is not None or above is not None):
                found.ends.append((x if above is None else above, x if below is None else below))
        elif i in model.bounded and not z * stderr < middle < 1 - z * stderr:  # the end itself may be the truth
            low, high = max(middle - z * stderr, 0.0), min(middle + z * stderr, 1.0)
        elif name == "size" and high >= BROADEST * model.n:  # a larger list makes the same data
            high = most
        found.parameters[name] = Estimate(middle, stderr)
        found.intervals[name] = (low, high)

    family = FAMILIES[model.family]
    if family.parameter is not None:
        put(family.parameter, 0, family.outward, 0.0, np.inf)
    put("size", model.shapes, lambda y: float(np.exp(min(y, 700.0))), 1.0, np.inf)
    for i, name in enumerate(model.named, model.shapes + 1):
        share = i in model.bounded
        put(name, i, special.expit if share else np.exp, 0.0, 1.0 if share else np.inf)
    return found


def _clustering(model: Model, x: Floats, simulated: Floats) -> float:
    """The largest factor, over directions, by which histograms vary more than those of independent examples; 1 at least."""
    expected = model.n * model.probabilities(x)
    kept = expected >= EXPECTED
    residual = ((simulated - expected) / np.sqrt(expected))[:, kept]
    return max(float(np.linalg.eigvalsh(residual.T @ residual / len(residual))[-1]), 1.0) if kept.any() else 1.0


def _end(model: Model, x: Floats, observed: Floats, i: int, side: int, allowed: float) -> Floats | None:
    """Coordinates where the likelihood, at its best in the others, has fallen as far as is allowed; None where it never does."""
    low, high = model.limits(i)
    ridge = Ridge(model, observed, x, i)
    first = float(np.clip(x[i], low, high))
    best, there = ridge.best(first, x)
    inside, step = there, 0.25
    while True:
        at = first + side * step
        if not low <= at <= high or step > FARTHEST:
            return None
        worse, there = ridge.best(at, inside)
        if worse - best > allowed:
            break
        inside, step = there, 2 * step
    outside = there
    for _ in range(5):
        worse, there = ridge.best((inside[i] + outside[i]) / 2, inside)
        inside, outside = (inside, there) if worse - best > allowed else (there, outside)
    return outside


class Ridge:
    """Where −2 log L is least for each value of one coordinate: Gauss and Newton, with Broyden's slopes (1965).

    >>> from empirical.estimates.noise import SubsetNoise
    >>> model, x = Model("Uniform", "fixed", "fresh", 1000, 10, SubsetNoise(100)), np.array([6.0, 1.0])  # log N, logit of λ
    >>> worse, there = Ridge(model, model.n * model.probabilities(x), x, 0).best(6.1, x)
    >>> worse > 0, there[0], bool(there[1] != 1)
    (True, np.float64(6.1), True)
    """

    def __init__(self, model: Model, observed: Floats, x: Floats, i: int) -> None:
        self.model, self.observed, self.i = model, observed, i
        self.others = np.arange(len(x)) != i
        self.slope = model.slopes(x, observed)[:, self.others]

    def best(self, value: float, start: Floats) -> tuple[float, Floats]:
        """−2 log L, up to a constant, and all coordinates, those of ``start`` to begin with."""
        x = start.copy()
        x[self.i] = value
        r = self.model.residuals(x, self.observed)
        if not self.others.any():
            return float(r @ r), x
        damping, fresh = 0.0, False
        for _ in range(REFITTED):
            push = self.slope.T @ self.slope
            push += np.diag(np.maximum(damping * np.diag(push), 1e-12))
            step = np.clip(-np.linalg.solve(push, self.slope.T @ r), -LONGEST, LONGEST)
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
                self.slope, damping = self.model.slopes(x, self.observed)[:, self.others], 0.0
            fresh = abs(fallen) < SETTLED
        return float(r @ r), x


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
