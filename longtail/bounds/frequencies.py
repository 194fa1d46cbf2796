"""Where the tail lies, and what that says of τ_1 without solving anything (arXiv 1906.05271, section 2.3).

    weight(π̄, [a, b]) = N E[α·1{a ≤ α ≤ b}]:  the expected mass of subpopulations whose frequency is in [a, b],
    τ_1 ≥ weight(π̄, [1/3n, 2/n]) / (5n),
    τ_1 ≤ 2θ  if  weight(π̄, [θ, t/n]) = 0  for some θ ≤ 1/2n,  with β = weight(π̄, [0, θ]) and t = ln(1/(θβ)) + 2.

The weight is a discontinuous functional of the list, so it is found otherwise than τ. In fixed mode the entries in [a, b]
are counted. In random mode y = log T − log p = −logit α has the mass density Σ_k c_k f(y + log v_k) · α, f the density of
log T on a lattice that resolves it; not by FFT, which would drown few large subpopulations in the rounding of many small
ones. Where T hardly varies, it is put at three points that have its mean and variance, and entries are counted again. Lists
of up to twelve are enumerated. ``error`` says how many digits there are: eight to ten as a rule, three where few frequencies
carry T. What no filter can see, so not ``error`` either, is an atom of T that falls on an end exactly, as sums of a few
dozen integers may: choose ends between the atoms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from longtail.core import AccuracyError, ArgumentError, Estimate, Floats, Prior, Problem, posed, real
from longtail.exact.mellin import Rule, law
from longtail.witnesses import enumeration

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Bound", "frequencies", "lower", "no_tail", "weight"]

NARROW = 1e-3  # sd of log T below which three points stand for its law
SHARPEST = 300.0  # least highest frequency of log T that the density keeps
POOR = 0.05  # a weight less certain than this is no answer
NOISE = 1e-14  # relative: what lies below is the rounding of the law of T, not its tail
ROUNDING = 1e-13  # of sums to 1 of less than a million masses, each to some last places
DEEP = 750.0  # of log value: entries below this beside the largest weigh nothing


@dataclass(frozen=True)
class Bound:
    """A bound on τ_1, whether its condition holds, and why or why not in words. NaN where there is none.

    >>> from longtail import Problem, TwoLevel, bounds
    >>> bounds.no_tail(Problem(TwoLevel(common=100, rare=10**6, ratio=1e-9), n=10_000, mode="fixed")).condition
    'no frequency lies between 1e-11 and 0.003884'
    """

    value: float
    holds: bool
    condition: str


def weight(problem: Problem, low: float, high: float) -> Estimate:
    """N E[α·1{low ≤ α ≤ high}], by which Feldman says how much of the mass lies in the tail.

    >>> from longtail import Problem, Uniform
    >>> round(weight(Problem(Uniform(size=100), n=50), 0.005, 0.02).value, 9)  # every frequency is .01
    1.0
    """
    posed(problem)
    low, high = (real(name, end, 0, 1) for name, end in (("low", low), ("high", high)))
    if low > high:
        raise ArgumentError("low, high", (low, high), "give frequencies with 0 <= low <= high <= 1")
    below, error = mass_below(problem, np.array([low, np.nextafter(high, 2)]))
    total = float(below[1] - below[0])
    bound = float(error.sum())
    if bound > POOR * max(total, 1e-3):
        known = f"under {problem.prior!r} the weight is only known as {total:.3g} ± {bound:.1g}"
        remedy = f"{known}: choose ends that are no subpopulation's frequency"
        raise AccuracyError("low, high", (low, high), remedy)
    return Estimate(max(total, 0.0), bound=bound)


def lower(problem: Problem) -> Bound:
    """τ_1 ≥ weight(π̄, [1/3n, 2/n])/(5n), for every n but 2.

    It needs α(1 − α)^{n−1} ≥ 1/(5n) on [1/3n, 2/n]; at n = 2 the interval reaches α = 1, where that is 0.

    >>> from longtail import Problem, Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=50_000), n=50_000)
    >>> lower(problem).value < exact.tau(problem, 1).value
    True
    """
    n = problem.n
    interval = weight(problem, 1 / (3 * n), min(2 / n, 1.0))
    holds = n != 2
    text = f"{interval.value:.4g} of the mass has frequencies from 1/3n to 2/n" + (
        "" if holds else "; at n = 2 there is no bound"
    )
    return Bound(interval.value / (5 * n) if holds else np.nan, holds, text)


def no_tail(problem: Problem) -> Bound:
    """τ_1 ≤ 2θ where no mass lies between θ and t/n: the least such θ ≤ 1/2n, if there is one.

    >>> from longtail import Problem, TwoLevel, exact
    >>> problem = Problem(TwoLevel(common=100, rare=10**6, ratio=1e-9), n=10_000, mode="fixed")
    >>> exact.tau(problem, 1).value < no_tail(problem).value
    True
    """
    n = problem.n
    least, most = _supports(problem)
    order = np.argsort(least)
    least, most = least[order], np.maximum.accumulate(most[order])
    for theta, above in zip(most, [*least[1:], np.inf], strict=True):
        if theta > 1 / (2 * n):
            break
        if above <= theta:
            continue
        beta = float(mass_below(problem, np.array([theta * (1 + 1e-9)]))[0][0])
        t = np.log(1 / (theta * beta)) + 2
        if above > t / n:
            return Bound(2 * float(theta), True, f"no frequency lies between {theta:.4g} and {t / n:.4g}")
    return Bound(np.nan, False, f"frequencies leave no gap below 1/2n = {1 / (2 * n):.4g} that parts common from rare")


def frequencies(problem: Problem, points: int = 200) -> pd.DataFrame:
    """The law of D(x) as a curve: the mass of the subpopulations below each frequency, and its density per factor of e.

    >>> from longtail import Problem, Zipf
    >>> found = frequencies(Problem(Zipf(alpha=1, size=100), n=100), points=5)
    >>> list(found.columns)
    ['frequency', 'mass_below', 'mass_density', 'error']
    """
    import pandas as pd

    least, most = _supports(problem)
    support = np.geomspace(max(float(least.min()), 1e-300) / 1.01, min(float(most.max()) * 1.01, 1.001), 2 * points)
    below, _ = mass_below(problem, support)
    first, last = np.searchsorted(below, [1e-5, 1 - 1e-9])
    frequency = np.geomspace(support[max(first - 1, 0)], support[min(last, len(support) - 1)], points)
    below, error = mass_below(problem, frequency)
    density = np.gradient(below, np.log(frequency))
    return pd.DataFrame({"frequency": frequency, "mass_below": below, "mass_density": density, "error": error})


def mass_below(problem: Problem, frequency: Floats) -> tuple[Floats, Floats]:
    """N E[α·1{α < a}] for every a, and a bound on the error of each.

    >>> from longtail import Problem, Uniform
    >>> mass_below(Problem(Uniform(size=100), n=50, mode="fixed"), np.array([0.005, 0.02]))[0].round(9).tolist()
    [0.0, 1.0]
    """
    prior = problem.prior
    if prior.size == 1:
        return np.where(frequency > 1, 1.0, 0.0), np.zeros(len(frequency))
    if problem.mode == "fixed":
        return _counted(prior, frequency), np.full(len(frequency), ROUNDING)
    if prior.size <= enumeration.LARGEST and not prior.is_law:
        alpha, probability = enumeration.shares(prior)
        mass = prior.size * alpha * probability
        return np.array([mass[alpha < a].sum() for a in frequency]), np.full(len(frequency), ROUNDING)
    rule = law(prior)
    mean = float(rule.weight @ rule.log_t)
    spread = np.sqrt(max(float(rule.weight @ (rule.log_t - mean) ** 2), 0.0))
    if len(rule.log_t) == 1 or spread < NARROW:
        return _narrow(prior, frequency)
    highest = max(SHARPEST, 12 / spread)
    # Where T has atoms, two filters differ somewhere; and where one lies at an end, so that both give half of it, they
    # differ in how much mass they find around that end.
    window = np.exp(1 / highest)
    places = np.concatenate(
        [frequency, frequency * window, frequency / window, special.expit(np.linspace(-700, 40, 4000))]
    )
    coarse, fine = (_smooth(prior, places, refine * highest) for refine in (0.7, 1.4))
    difference = fine - coarse
    _, after, before = difference[: 3 * len(frequency)].reshape(3, -1)
    return fine[: len(frequency)], np.abs(difference).max() + np.abs(after - before) + ROUNDING


def _counted(prior: Prior, frequency: Floats, log_t: float | None = None) -> Floats:
    """Mass of the entries below each frequency, given T; without one, the list is taken as it is."""
    nodes = prior.nodes()
    top = float(nodes.log_value.max())
    log_total = top + np.log(nodes.count @ np.exp(nodes.log_value - top))
    with np.errstate(divide="ignore"):
        a = np.clip(frequency, 0.0, 1.0)
        edge = np.log(a) + log_total if log_t is None else special.logit(a) + log_t
    edge = np.where(frequency > 1, np.inf, edge)
    order = np.argsort(edge)
    below, mass, out = top - DEEP, 0.0, np.zeros(len(edge))
    for i in order:
        if edge[i] > below:
            part = prior.between(below, edge[i])
            share = np.exp(part.log_value - log_total) if log_t is None else special.expit(part.log_value - log_t)
            mass += float(part.count @ share)
            below = edge[i]
        out[i] = mass
    return out


def _narrow(prior: Prior, frequency: Floats) -> tuple[Floats, Floats]:
    """T at its mean, and at ± √3 standard deviations: exact to its third moment, where the mass below is smooth in T.

    Where it jumps, between two of these points by a third of the jump at most; beyond them, where T lies once in 24, by a 24th.
    """
    nodes = prior.nodes()
    top = float(nodes.log_value.max())
    value, share = np.exp(nodes.log_value - top), nodes.count / nodes.count.sum()
    mean = (prior.size - 1) * float(share @ value)
    deviation = np.sqrt((prior.size - 1) * max(float(share @ value**2) - float(share @ value) ** 2, 0.0))
    if deviation < 1e-12 * mean:
        return _counted(prior, frequency, top + np.log(mean)), np.full(len(frequency), ROUNDING)
    points = [top + np.log(mean + z * deviation) for z in (-8, -np.sqrt(3), 0, np.sqrt(3), 8)]
    far_below, below, middle, above, far_above = (_counted(prior, frequency, log_t) for log_t in points)
    error = np.abs(below - 2 * middle + above) / 3 + np.abs(far_below - 2 * middle + far_above) / 24 + ROUNDING
    return (below + 4 * middle + above) / 6, error


def _smooth(prior: Prior, frequency: Floats, highest: float) -> Floats:
    """Mass below each frequency from the density of y = log T − log p."""
    from scipy.interpolate import make_interp_spline

    y, density = _density(prior, highest)
    cumulative = make_interp_spline(y, density, k=5).antiderivative()
    with np.errstate(divide="ignore"):
        edge = -special.logit(np.clip(frequency, 0.0, 1.0))  # α < a is y > −logit a
    inside = np.clip(edge, y[0], y[-1])
    return np.asarray(np.where(frequency > 0, cumulative(y[-1]) - cumulative(inside), 0.0))


@lru_cache(maxsize=4)
def _density(prior: Prior, highest: float) -> tuple[Floats, Floats]:
    """Mass density of y on a lattice: every node adds its count times the law of T, shifted by its log value."""
    rule: Rule = law(prior, (highest / 8.8) ** 2)
    step = rule.log_t[1] - rule.log_t[0]
    weight = np.where(np.abs(rule.weight) > NOISE * np.abs(rule.weight).max(), rule.weight, 0.0)
    present = np.flatnonzero(weight)
    weight, first = weight[present[0] : present[-1] + 1], rule.log_t[present[0]]
    nodes = prior.nodes(max(1.0, highest / 40))
    top = float(nodes.log_value.max())
    kept = nodes.log_value > top - 80 - np.log(prior.size)
    log_p, count = nodes.log_value[kept], nodes.count[kept]
    start = first - log_p.max() - 8 * step
    shift = (first - log_p - start) / step  # where the law's first node lands, between lattice points
    left = np.floor(shift).astype(np.int64) - 3
    density = np.zeros(int(left.max()) + len(weight) + 8)
    for place, taps in zip(left, (count * _lagrange(shift - left)).T, strict=True):
        density[place : place + len(weight) + 7] += np.convolve(weight, taps)
    y = start + step * np.arange(len(density))
    return y, density * special.expit(-y) / step


def _lagrange(s: Floats) -> Floats:
    """Weights at 0..7 of the polynomial through them, evaluated at s."""
    points = np.arange(8.0)
    return np.stack([np.prod([(s - k) / (j - k) for k in points if k != j], axis=0) for j in points])


def _supports(problem: Problem) -> tuple[Floats, Floats]:
    """For each list value the least and the largest frequency that it can be."""
    prior = problem.prior
    nodes = prior.nodes()
    value = np.exp(nodes.log_value - nodes.log_value.max())
    if problem.mode == "fixed":
        share = value / (nodes.count @ value)
        return share, share
    draws = max(prior.size - 1, 1e-300)
    return value / (value + draws * value.max()), value / (value + draws * value.min())
