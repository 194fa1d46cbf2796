"""The inverse problem: which prior made these counts? Maximum likelihood, intervals, and a test that can say no.

The likelihood is the model's own (``longtail.counts.law``): N subpopulations, each with a count of law P(c; s), of which those
with c = 0 go unseen. With f_b subpopulations whose count falls in bin b and S = Σ f_b,

    log L(prior, s) = log N!/(N − S)! − Σ log f_b! + (N − S) log P(0; s) + Σ_b f_b log P(b; s),

maximized over the prior's parameters, its size among them, and the scale s. The bins are those of
``longtail.counts.bins``. Intervals are Wald's from the curvature at the maximum, or where the number of the unseen is vague, the
likelihood's own (a size may have no upper end: a list that goes on unseen); the goodness of fit is Pearson's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from longtail.core import LARGEST, ArgumentError, Estimate, Floats, Prior
from longtail.core.shown import many
from longtail.counts.bins import Bins, Counts, Goodness
from longtail.counts.law import tied_scale
from longtail.priors import Gamma, Geometric, LogNormal, Pareto, Uniform, Zipf

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FAMILIES", "Bins", "Counts", "Family", "Fit", "Goodness", "fit", "fits", "profiled", "table", "tabled"]

log = logging.getLogger(__name__)
LEVEL = 0.95
# standard error of the logarithm of the unseen, from which on intervals are read off the likelihood itself
VAGUE = 0.25
WORST = 1e15  # stands for infinity, with which a simplex cannot calculate
FARTHEST = 12.0  # of a coordinate from its best value


@dataclass(frozen=True)
class Family:
    """A prior family by ``parameter``: a coordinate without bounds to and from it, and where a search starts.

    >>> sorted(FAMILIES)[:3]
    ['Gamma', 'Geometric', 'LogNormal']
    """

    make: Callable[[float, int], Prior]
    parameter: str | None
    inward: Callable[[float], float]
    outward: Callable[[float], float]
    starts: tuple[float, ...]


def _positive(make: Callable[[float, int], Prior], parameter: str, low: float, high: float, *starts: float) -> Family:
    def outward(y: float) -> float:
        return float(np.exp(np.clip(y, np.log(low), np.log(high))))

    return Family(make, parameter, lambda x: float(np.log(x)), outward, starts)


FAMILIES: dict[str, Family] = {
    "Zipf": _positive(lambda a, size: Zipf(alpha=a, size=size), "alpha", 1e-3, 50.0, 0.4, 0.8, 1.2, 1.8),
    "Pareto": _positive(lambda a, size: Pareto(shape=a, size=size), "shape", 1e-2, 1e3, 0.6, 1.0, 2.0),
    "LogNormal": _positive(lambda a, size: LogNormal(sigma=a, size=size), "sigma", 1e-3, 50.0, 0.5, 1.5, 3.0),
    "Gamma": _positive(lambda a, size: Gamma(shape=a, size=size), "shape", 1e-3, 1e6, 0.1, 0.5, 2.0),
    "Geometric": _positive(  # the coordinate is the range of log frequencies, −size log ratio
        lambda a, size: Geometric(ratio=float(np.exp(-a / size)), size=size), "decay", 1e-6, 600.0, 3.0, 8.0, 20.0
    ),
    "Uniform": Family(lambda _, size: Uniform(size=size), None, float, float, (1.0,)),
}


@dataclass(frozen=True)
class Fit:
    """A prior fitted to counts: ``parameters`` with their errors, and whether it can be believed.

    >>> found = fit(np.repeat([1, 2, 3, 4], [15, 25, 20, 8]), "Uniform")
    >>> found.family, found.n, found.seen, abs(found.parameters["size"].value - 80) < 20
    ('Uniform', 157, 68, True)
    """

    prior: Prior
    family: str
    parameters: Mapping[str, Estimate]
    intervals: Mapping[str, tuple[float, float]]
    log_scale: float
    log_likelihood: float
    goodness: Goodness
    n: int
    seen: int
    evaluations: int = field(repr=False, default=0)
    # whether the unseen are told so well that intervals from the curvature serve; whatever ``intervals`` are from
    sharp: bool = field(repr=False, default=True)
    level: float = field(repr=False, default=LEVEL)  # of the intervals

    @property
    def aic(self) -> float:
        """Akaike's criterion; the scale counts as a parameter."""
        return 2 * (len(self.parameters) + 1) - 2 * self.log_likelihood


def fit(counts: ArrayLike | Counts, family: str | Iterable[str] = tuple(FAMILIES), *, level: float = LEVEL) -> Fit:
    """The prior of greatest likelihood in ``family``; of several families, the one with the least AIC.

    >>> rng = np.random.default_rng(0)
    >>> fit(rng.poisson(3.0, 2000), "Uniform").prior  # 2000 equally frequent subpopulations, some never seen
    Uniform(size=1989)
    """
    given = counts if isinstance(counts, Counts) else Counts.of(counts)
    names = _known([family] if isinstance(family, str) else family)
    if len(names) == 1:
        return _fit(given, names[0], level)
    return profiled(given, fits(given, names, level=level)[0])


def fits(
    counts: ArrayLike | Counts, families: Iterable[str] = tuple(FAMILIES), *, level: float = LEVEL
) -> tuple[Fit, ...]:
    """Every family's fit, that of least AIC first, its intervals from the curvature throughout.

    >>> [found.family for found in fits([1] * 60 + [2] * 20 + [3] * 9 + [5] * 7 + [12] * 4, ["Gamma", "Uniform"])]
    ['Uniform', 'Gamma']
    """
    given = counts if isinstance(counts, Counts) else Counts.of(counts)
    found = (_fit(given, name, level, profile=False) for name in _known(families))
    return tuple(sorted(found, key=lambda one: one.aic))


def profiled(counts: ArrayLike | Counts, found: Fit) -> Fit:
    """The fit with the likelihood's own intervals, of the same level, where the unseen are vague, and else as it is.

    >>> counts = [1] * 60 + [2] * 20 + [3] * 9 + [5] * 7 + [12] * 4
    >>> rough = fits(counts, ["Uniform"])[0]
    >>> profiled(counts, rough) == fit(counts, "Uniform")
    True
    """
    if found.sharp:
        return found
    return _fit(counts if isinstance(counts, Counts) else Counts.of(counts), found.family, found.level)


def table(
    counts: ArrayLike | Counts, families: Iterable[str] = tuple(FAMILIES), *, level: float = LEVEL
) -> pd.DataFrame:
    """Every family's fit, the best first: a row each, with the difference in AIC and the p-value of its goodness.

    Intervals are from the curvature throughout; ``fit`` with one family does better where the unseen are vague.

    >>> counts = [1] * 60 + [2] * 20 + [3] * 9 + [5] * 7 + [12] * 4
    >>> table(counts, ["Uniform", "Gamma"])[["family", "aic_difference"]].round(0).values.tolist()
    [['Uniform', 0.0], ['Gamma', 2.0]]
    """
    return tabled(fits(counts, families, level=level))


def tabled(found: Sequence[Fit]) -> pd.DataFrame:
    """Fits, the best first, a row each.

    >>> tabled(fits(np.repeat([1, 2, 3, 4], [15, 25, 20, 8]), ["Uniform"]))["family"].tolist()
    ['Uniform']
    """
    import pandas as pd

    return pd.DataFrame(
        {
            "prior": repr(one.prior),
            "family": one.family,
            "parameter": next((k for k in one.parameters if k != "size"), ""),
            "value": next((e.value for k, e in one.parameters.items() if k != "size"), np.nan),
            "stderr": next((e.stderr for k, e in one.parameters.items() if k != "size"), np.nan),
            "size": one.prior.size,
            "size_low": one.intervals["size"][0],
            "size_high": one.intervals["size"][1],
            "aic_difference": one.aic - found[0].aic,
            "chi_square": one.goodness.statistic,
            "freedom": one.goodness.freedom,
            "p_value": one.goodness.p_value,
        }
        for one in found
    )


def _known(families: Iterable[str]) -> list[str]:
    names = list(dict.fromkeys(families))
    for name in names:
        if name not in FAMILIES:
            raise ArgumentError("family", name, f"give one of {', '.join(FAMILIES)}")
    return names


def _fit(counts: Counts, name: str, level: float, profile: bool = True) -> Fit:
    family = FAMILIES[name]
    shapes = family.parameter is not None
    bins = Bins.of(counts)
    if np.count_nonzero(bins.number) < 2:  # how many lie beyond the one edge tells no scale
        remedy = "as good as all are alike, which any prior can make; give counts that differ"
        raise ArgumentError("counts", f"{many(counts.seen, 'count')} in one bin", remedy)
    calls = 0
    log.info("fitting %s to %s", name, many(counts.seen, "count"))

    def place(x: Floats) -> tuple[Prior, float]:
        """x = (shape's coordinate, log of N − S + 1, log of s against where the expected total is n)."""
        size = round(float(counts.seen + np.expm1(np.clip(x[-2], 0.0, np.log(LARGEST / 2)))))
        prior = family.make(family.outward(x[0]) if shapes else 1.0, max(size, counts.seen))
        return prior, tied_scale(prior, counts.n) + x[-1]

    def loss(x: Floats) -> float:
        nonlocal calls
        calls += 1
        if x[-2] < 0 or x[-2] > np.log(LARGEST / 2):
            return WORST
        try:
            value = -bins.log_likelihood(*place(x))
        except ArgumentError:  # the coordinate left what the family allows
            return WORST
        return min(value, WORST)

    shape_starts = [[family.inward(s)] for s in family.starts] if shapes else [[]]
    unseen_starts = [np.log1p(f * counts.seen) for f in (0.02, 0.3, 2.0)]
    starts = [np.array([*s, u, 0.0]) for s in shape_starts for u in unseen_starts]
    first = min(starts, key=loss)
    steps = np.array([0.3, 0.5, 0.1][-len(first) :])
    for _ in range(2):  # again from the best point: a simplex may have shrunk on a slope
        first, value = simplex(loss, first, steps)
        steps = steps / 8
    if value >= WORST:
        raise ArgumentError("counts", many(counts.seen, "count"), f"no {name} prior can make them; try another family")
    prior, log_scale = place(first)
    covariance = _covariance(loss, first)
    error = np.sqrt(np.diag(covariance))
    sharp = bool(np.isfinite(error).all() and error[-2] < VAGUE)
    wald = sharp or not profile
    parameters, intervals = _parameters(family, first, error, loss, counts.seen, prior.size, level, wald)
    good = bins.goodness(prior, log_scale, fitted=len(first))
    return Fit(prior, name, parameters, intervals, log_scale, -value, good, counts.n, counts.seen, calls, sharp, level)


def simplex(
    loss: Callable[[Floats], float],
    start: Floats,
    steps: Floats,
    xatol: float = 1e-4,
    fatol: float = 1e-4,
    most: int = 400,
) -> tuple[Floats, float]:
    """Nelder and Mead's search from ``start``: the place it ends at and the loss there. Rounding N to whole does not upset it."""
    corners = np.vstack([start, start + np.diag(steps)])
    options: Any = {"initial_simplex": corners, "xatol": xatol, "fatol": fatol, "maxfev": most}
    found: Any = optimize.minimize(loss, start, method="Nelder-Mead", options=options)
    return np.asarray(found.x, float), float(found.fun)


def _parameters(
    family: Family,
    x: Floats,
    error: Floats,
    loss: Callable[[Floats], float],
    seen: int,
    size: int,
    level: float,
    wald: bool,
) -> tuple[dict[str, Estimate], dict[str, tuple[float, float]]]:
    z = float(stats.norm.ppf((1 + level) / 2))
    parameters, intervals = {}, {}

    def ends(i: int) -> tuple[float, float]:
        return (x[i] - z * error[i], x[i] + z * error[i]) if wald else _profile(loss, x, i, z)

    if family.parameter is not None:
        value = family.outward(x[0])
        parameters[family.parameter] = Estimate(value, value * error[0])
        low, high = ends(0)
        intervals[family.parameter] = (family.outward(low), family.outward(high))
    low, high = ends(len(x) - 2)
    parameters["size"] = Estimate(float(size), float(np.exp(x[-2]) * error[-2]))
    most = seen + float(np.expm1(high))
    intervals["size"] = (seen + float(np.expm1(max(low, 0.0))), most if most < LARGEST / 4 else np.inf)
    return parameters, intervals


def _profile(loss: Callable[[Floats], float], x: Floats, i: int, z: float) -> tuple[float, float]:
    """Where the likelihood, at its best in the other coordinates, has fallen by z²/2; infinite where it never does."""
    others = np.arange(len(x)) != i
    at = loss(x)

    def rise(value: float, start: Floats) -> tuple[float, Floats]:
        def inner(rest: Floats) -> float:
            y = np.empty(len(x))
            y[i], y[others] = value, rest
            return loss(y)

        place, value = simplex(inner, start, np.full(len(start), 0.05), xatol=1e-3, fatol=1e-2, most=150)
        return value - at - z * z / 2, place

    found = []
    for side in (-1.0, 1.0):
        inside, step, start = x[i], 0.25 * side, x[others]
        while True:
            outside = inside + step
            if abs(outside - x[i]) > FARTHEST:
                found.append(side * np.inf)
                break
            above, there = rise(outside, start)
            if above > 0:
                for _ in range(10):
                    middle = (inside + outside) / 2
                    above, _ = rise(middle, start)
                    inside, outside = (inside, middle) if above > 0 else (middle, outside)
                found.append((inside + outside) / 2)
                break
            inside, step, start = outside, step * 2, there
    return found[0], found[1]


def _covariance(loss: Callable[[Floats], float], x: Floats) -> Floats:
    """The inverse of the curvature, from differences over steps that cost about one unit of log likelihood.

    Steps of that size see past the rounding of N to a whole number. NaN where the likelihood is flat or at its edge.
    """
    k = len(x)
    at = loss(x)
    step = np.full(k, 1e-2)
    for i in range(k):
        unit = np.eye(k)[i]
        for _ in range(40):
            rise = loss(x + step[i] * unit) - at
            if 0.3 < rise < 2 or step[i] > 5:
                break
            step[i] *= np.clip(np.sqrt(0.8 / max(rise, 1e-3)), 0.2, 4.0)
    hessian = np.empty((k, k))
    for i in range(k):
        a = np.eye(k)[i] * step
        hessian[i, i] = (loss(x + a) - 2 * at + loss(x - a)) / step[i] ** 2
        for j in range(i):
            b = np.eye(k)[j] * step
            cross = loss(x + a + b) - loss(x + a - b) - loss(x - a + b) + loss(x - a - b)
            hessian[i, j] = hessian[j, i] = cross / (4 * step[i] * step[j])
    if np.abs(hessian).max() > WORST / 1e3 or np.linalg.eigvalsh(hessian)[0] <= 0:
        return np.full((k, k), np.nan)
    return np.asarray(np.linalg.inv(hessian))
