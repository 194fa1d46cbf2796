"""How many subpopulations are seen ℓ times, and what mass they hold: the two sequences every other quantity is read from.

    seen_ℓ = E|X_{Z#ℓ}|            = N E B_ℓ(α),       B_ℓ(α) = C(n, ℓ) α^ℓ (1 − α)^{n−ℓ},
    mass_ℓ = E Σ_{x ∈ X_{Z#ℓ}} D(x) = N E α B_ℓ(α),     so that τ_ℓ = mass_ℓ / seen_ℓ.

α = D(x) = p/(p + T) with p a list node and T a node of the law of the other N − 1 draws (``mode="random"``), or the sum of
the list's others (``mode="fixed"``): one double sum over a few hundred by a few hundred nodes, whatever N and n.

Computed twice, the second time on rules finer throughout, with the law of T on another lattice. The bound that each value
carries is the sum of three: the difference of the two, which sees what the list lost in compression; what the finer law of T may
be off by (``mellin.Rule.error``); and rounding, added up over all terms, each with the condition of its exponents and of p/T.
Where that leaves few digits, T is summed draw by draw (``longtail.exact.compositions``) or, where there are too many, both rules
are laid again for the one ℓ, at its saddle point. Among 23,564 values of lists of two to seven, n ≤ 10^6, none is off by more
than its bound says
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from longtail.core import AccuracyError, ArgumentError, Floats, Integers, Nodes, Prior, Problem, compressed, posed
from longtail.exact.binomials import UNITS, log_binomial
from longtail.exact.compositions import composed
from longtail.exact.mellin import DECADES, EPS, Rule, law

# no simple ratio: with 1.25, every fifth block of a list ends where one of the coarse rule does
COARSE, FINE = 1.0, 1.27
DIGITS = 1e-8
SMALLEST = 1e-290
RETRY = 1e-10  # relative bound above which a value is computed again on rules laid for it
CLOSER = 100.0  # ten times as many nodes of a list that is taken as it is
HIGHEST = {"random": 1000, "fixed": 10**12}
SHARPEST = 2e4  # where log B_ℓ bends harder than this in log T, the value is below any double
SERIES, SPARSE, TERMS = 0.25, 0.03, 14  # C(n + 13, 14) x^14 is a rounding error where n x < SERIES and x < SPARSE
FLUSHED = -700.0  # log of what a double loses digits below
STEP = 10.0  # nodes laid for ℓ = 10 serve every smaller ℓ; larger ones, √(ℓ/10) times as many


@dataclass(frozen=True)
class Spectrum:
    """``seen`` and ``mass`` by ``ell``, each with a bound on its numerical error.

    >>> from longtail import Uniform
    >>> found = spectrum(Problem(Uniform(size=2), n=3), np.array([0, 3]))
    >>> found.seen.round(9).tolist(), found.mass.round(9).tolist()
    ([0.25, 0.25], [0.125, 0.125])
    """

    ell: NDArray[np.int64]
    seen: Floats
    mass: Floats
    seen_error: Floats
    mass_error: Floats


def spectrum(problem: Problem, ell: NDArray[np.int64], *, checked: bool = True, group: int | None = None) -> Spectrum:
    """seen_ℓ and mass_ℓ for every ``ell``, from S_ℓ, the expected number seen ℓ times in n + 1 samples:

    α B_ℓ(n) = (ℓ+1)/(n+1) B_{ℓ+1}(n+1) and (1 − α) B_ℓ(n) = (n+1−ℓ)/(n+1) B_ℓ(n+1), so no term is subtracted.

    Unchecked, it is computed once and not tilted: enough for a curve, with errors that say nothing. With ``group``, of that part
    of a list made of several alone.

    >>> from longtail import Gamma
    >>> found = spectrum(Problem(Gamma(shape=1, size=100), n=50), np.array([0, 1]))
    >>> (found.mass / found.seen).round(10).tolist()  # τ_ℓ = (1 + ℓ)/150
    [0.0066666667, 0.0133333333]
    """
    if posed(problem).prior.size == 1 or not (ell <= problem.n).any():  # the one there is is seen n times
        seen = np.where((ell == problem.n) & (problem.prior.size == 1), 1.0, 0.0)
        return Spectrum(ell, seen, seen, np.zeros(len(ell)), np.zeros(len(ell)))
    more = problem.n + 1
    needed = np.unique(np.concatenate([ell, ell + 1]))
    needed = needed[needed <= more]
    fine, error = _sequence(problem, more, needed, checked, group)
    error = error + 4 * EPS * fine
    possible = ell <= problem.n
    here, above = (np.searchsorted(needed, np.where(possible, ell + i, needed[0])) for i in (0, 1))
    kept, gained = np.where(possible, (more - ell) / more, 0.0), np.where(possible, (ell + 1) / more, 0.0)
    return Spectrum(
        ell,
        kept * fine[here] + gained * fine[above],
        gained * fine[above],
        kept * error[here] + gained * error[above],
        gained * error[above],
    )


def _sequence(
    problem: Problem, n: int, ell: NDArray[np.int64], checked: bool, group: int | None
) -> tuple[Floats, Floats]:
    """N E B_ℓ(α), and a bound on the error of each; unchecked, on coarse rules, and without bounds."""
    value, bound = np.zeros(len(ell)), np.zeros(len(ell))
    for step in np.unique(_step(ell)):
        here = _step(ell) == step
        if group is not None:
            value[here], bound[here] = _twice(problem, n, ell[here], float(step), group=group)
        elif checked:
            value[here], bound[here] = _twice(problem, n, ell[here], float(step))
        else:
            value[here] = grid(problem.prior, problem.mode, float(step), COARSE).seen(n, ell[here])[0]
    if checked and group is None:
        for j in np.flatnonzero(~(bound <= RETRY * value)):
            (again,), (doubt,) = _again(problem, n, ell[j : j + 1])
            if again > 0 and not (bound[j] <= doubt / again * value[j]):
                value[j], bound[j] = again, doubt
    return value, bound


def _again(problem: Problem, n: int, ell: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """One value where it is exponentially small: term by term where they are few, else on rules laid for it."""
    if problem.mode == "fixed":
        return _twice(problem, n, ell, CLOSER * max(STEP, float(ell[0])))
    listed = _composed(problem.prior)
    if listed is not None:
        return listed.seen(n, ell, bounded=True)
    laid = _saddle(problem.prior, n, int(ell[0]))
    return (np.zeros(1), np.full(1, np.inf)) if laid is None else _twice(problem, n, ell, *laid)


def _twice(
    problem: Problem, n: int, ell: NDArray[np.int64], step: float, tilt: float = 0.0, group: int | None = None
) -> tuple[Floats, Floats]:
    """Values on finer rules, each with its bound: their own, and the difference from coarser ones."""
    coarse, fine = (grid(problem.prior, problem.mode, step, refine, tilt) for refine in (COARSE, FINE))
    if group is not None:
        coarse, fine = coarse.where(group), fine.where(group)
    value, bound = fine.seen(n, ell, bounded=True)
    return value, bound + np.abs(value - coarse.seen(n, ell)[0])


def _step(ell: NDArray[np.int64]) -> NDArray[np.float64]:
    """The power of ten that a rule is laid for: 10, 100, 1000, ..., each good for one sighting more."""
    return STEP ** np.maximum(np.ceil(np.log10(np.maximum(ell - 1, 1)) - 1e-12), 1)


def digits(problem: Problem, ell: NDArray[np.int64], value: Floats, error: Floats, what: str) -> None:
    """An AccuracyError that names the argument, unless every value that can be other than 0 has eight digits.

    >>> from longtail import Zipf
    >>> problem = Problem(Zipf(alpha=1, size=100), n=50)
    >>> digits(problem, np.array([1]), np.array([0.5]), np.array([1e-12]), "the mass")  # nothing to say
    >>> digits(problem, np.array([1]), np.array([0.5]), np.array([1e-3]), "the mass")
    Traceback (most recent call last):
        ...
    longtail.core.checks.AccuracyError: n: got 50; the mass at ell = 1 is only known as 0.5 ± 0.001 under Zipf(...
    """
    poor = (ell <= problem.n) & ~((error <= DIGITS * value) & (value > SMALLEST))
    if problem.prior.size == 1:  # seen n times, and exactly never otherwise
        poor &= ell == problem.n
    if not poor.any():
        return
    j = int(np.argmax(poor))
    if abs(value[j]) <= SMALLEST:
        remedy = f"{what} at ell = {ell[j]} is below 1e-290 under {problem.prior!r}, out of a double's range; "
    else:
        remedy = f"{what} at ell = {ell[j]} is only known as {value[j]:.3g} ± {error[j]:.1g} under {problem.prior!r}; "
    if ell[j] > 1:
        raise AccuracyError("ell", int(ell[j]), remedy + "ask for fewer sightings")
    raise AccuracyError("n", problem.n, remedy + "give fewer samples or more subpopulations")


@dataclass(frozen=True)
class Grid:
    """Nodes of (p, T): the odds p/T, the count of each row, the law of the columns.

    ``off_p`` and ``off_t`` are how many last places p and T may be off by; ``group``, of a list made of several, each row's.

    >>> from longtail import Uniform
    >>> laid = grid(Uniform(size=4), "random", STEP, COARSE)
    >>> laid.odds.round(9).tolist(), laid.count.tolist()  # p against the sum of three others
    ([[0.333333333]], [4.0])
    """

    odds: Floats
    count: Floats
    law: Rule
    off_p: Floats
    off_t: Floats
    group: Integers | None = None

    def where(self, group: int) -> Grid:
        """The rows of one group of a list that is made of several."""
        rows = np.zeros(len(self.count), np.bool_) if self.group is None else self.group == group
        return replace(self, odds=self.odds[rows], count=self.count[rows], off_p=self.off_p[rows], group=None)

    def share(self) -> Floats:
        """Σ_p count · p/(p + T), by T: the mass of these rows."""
        return np.asarray(self.count @ (1 / (1 + 1 / np.maximum(self.odds, 1e-300))))

    def seen(self, n: int, ell: NDArray[np.int64], *, bounded: bool = False) -> tuple[Floats, Floats]:
        """N E B_ℓ(α) = N C(n, ℓ) E (p/T)^ℓ (1 − α)^n for ``ell`` in ascending order; ``bounded``, what each may be off by."""
        rarest = self.odds.max(1)
        plain = np.ndim(self.law.log_factor) == 0  # not tilted: no factor that could overflow before the rest undoes it
        series = (rarest < min(SERIES / n, SPARSE)) & plain
        g = self._series(n, ell, rarest[series], self.count[series])  # Σ_p count · B_ℓ(p/(p + T)), by ℓ and T
        off = np.zeros_like(g)  # in last places
        if bounded:
            off += g * (UNITS + ell * (4 + np.log1p(ell) * np.sqrt(ell)))[:, None]
            off += g * np.outer(ell + 1, self.off_t + self.off_p.max())
        rest = np.flatnonzero(~series)
        for start in range(0, len(rest), 64):  # a block of rows that stays in cache
            rows = rest[start : start + 64]
            odds, count = self.odds[rows], self.count[rows]
            log_rest = -np.log1p(odds)  # log(1 − α)
            exponent = n * log_rest
            flushed = bool(exponent.min() < FLUSHED)
            power, done, choose = np.exp(exponent), 0, 1.0  # (p/T)^ℓ (1 − α)^n, and C(n, ℓ)
            steady, loosest = np.empty(0), 2 + self.off_p[rows].max()
            if bounded:
                steady = np.add.outer(self.off_p[rows], self.off_t)
                steady *= n * odds / (1 + odds)
                steady -= 2 * exponent
            for j, sightings in enumerate(ell):
                if plain and sightings - done <= 2 and sightings <= 2 * STEP < n and (n > 1000 or not flushed):
                    for k in range(done, sightings):
                        power *= odds
                        choose *= (n - k) / (k + 1)
                    direct = choose * (count @ power)
                    g[j] += direct
                    if bounded:  # log B_ℓ moves by ℓ − nα with log p/T
                        off[j] += choose * (count @ (power * steady)) + sightings * (loosest + self.off_t) * direct
                    if bounded and flushed:  # and falls from where (1 − α)^n was lost on
                        lost = FLUSHED + sightings * np.log(np.expm1(-FLUSHED / n))
                        off[j] += choose * np.exp(lost) / EPS * count.sum()
                    done = int(sightings)
                    continue
                log_b, size = log_binomial(n, int(sightings), odds, log_rest)
                power = count[:, None] * np.exp(np.minimum(log_b + self.law.log_factor, 600.0))  # the bound sees that
                g[j] += power.sum(0)
                if bounded:
                    places = np.add.outer(self.off_p[rows], self.off_t + UNITS)
                    size += places * np.abs(sightings - n * odds / (1 + odds)) + 3 * self.law.exponent
                    off[j] += (power * size).sum(0)
        value = g @ self.law.weight
        if not bounded:
            return value, np.zeros(len(ell))
        return value, EPS * ((off + UNITS * g) @ np.abs(self.law.weight)) + self.law.error(g)

    def _series(self, n: int, ell: NDArray[np.int64], rarest: Floats, count: Floats) -> Floats:
        """g for rows with few sightings expected: (1 + x)^{−n} = Σ_k C(−n, k) x^k parts into moments of p, and powers of 1/T."""
        out = np.zeros((len(ell), self.odds.shape[1]))
        if not len(rarest):
            return out
        highest = int(ell[-1]) + TERMS
        row = np.argmax(self.odds[:, 0])
        column = np.vander(self.odds[row] / self.odds[row].max(), highest, increasing=True)  # powers of T_min/T
        moment = count @ np.vander(n * rarest, highest, increasing=True)
        i = np.arange(highest)
        falling = np.exp(np.cumsum(np.log1p(-np.minimum(i, n) / n * (i < n)) - np.log(i + 1)))  # C(n, i+1)/n^{i+1}
        falling = np.append(1.0, np.where(i < n, falling, 0.0))
        k = np.arange(TERMS)
        sign = np.append(1.0, np.cumprod(-(1 + k[:-1] / n) / (k[:-1] + 1)))  # C(−n, k)/n^k
        for j, sightings in enumerate(ell):
            terms = slice(sightings, sightings + TERMS)
            out[j] = falling[sightings] * (column[:, terms] @ (sign * moment[terms]))
        return out


@lru_cache(maxsize=4)  # one takes hundreds of MB where the law of T is wide
def grid(prior: Prior, mode: str, ell: float, refine: float, tilt: float = 0.0) -> Grid:
    nodes = compressed(prior, refine * max(1.0, float(np.sqrt(ell / STEP))))
    if mode == "random":
        return _random(nodes, law(prior, ell, refine, tilt))
    value = np.exp(nodes.log_value - nodes.log_value.max())
    mass = nodes.count * value
    others = mass.sum() - value
    # its others are summed without it: subtracting would lose them where it is nearly all
    first = int(np.argmax(value))
    others[first] = np.delete(mass, first).sum() + (nodes.count[first] - 1) * value[first]
    with np.errstate(divide="ignore"):
        odds = (value / others)[:, None]
    off_p = _places(nodes)
    return Grid(
        odds, nodes.count, Rule.at(0.0), off_p, off_p.max(keepdims=True) + 2 * np.log2(len(mass) + 1), nodes.group
    )


@lru_cache(maxsize=8)
def _composed(prior: Prior) -> Grid | None:
    rule = composed(prior)
    return None if rule is None else _random(compressed(prior), rule)


def _random(nodes: Nodes, rule: Rule) -> Grid:
    """Every list node beside every T, with the log values' own rounding, and that of their differences from the largest."""
    top = nodes.log_value.max()
    off_p = _places(nodes)
    off_t = off_p.max() + 4 * np.abs(rule.log_t) + 4 * np.abs(rule.log_t - top)
    odds = np.multiply.outer(np.exp(nodes.log_value - top), np.exp(top - rule.log_t))
    return Grid(odds, nodes.count, rule, off_p, off_t, nodes.group)


def _places(nodes: Nodes) -> Floats:
    """How many last places each value, e^{log value − top}, may be off by."""
    top = nodes.log_value.max()
    size = np.minimum(np.abs(nodes.log_value), abs(top) + DECADES)
    return np.asarray(4 + 2 * size + np.minimum(top - nodes.log_value, DECADES))


def _saddle(prior: Prior, n: int, ell: int) -> tuple[float, float] | None:
    """How finely, and with which tilt, to lay the law of T where N E B_ℓ(α) is exponentially small: at its saddle in (p, T).

    For a list node p and a tilt κ, log B_ℓ(p/(p + t)) − (κt − K(κ)), t = K'(κ) the tilted mean of T, K its log-Laplace
    transform and κt − K the rate at which T ≈ t grows rare; the largest over both is where the value comes from.
    """
    nodes = compressed(prior)
    value = np.exp(np.maximum(nodes.log_value - nodes.log_value.max(), -600.0))
    share, draws = nodes.count / nodes.count.sum(), prior.size - 1
    if np.ptp(value) == 0:
        return None  # T is one number

    def tilted(tilt: Floats) -> tuple[Floats, Floats]:
        """K'(κ) and κ K'(κ) − K(κ)."""
        exponent = np.multiply.outer(tilt, value)
        peak = exponent.max(1)
        terms = np.exp(exponent - peak[:, None]) * share
        t = draws * (terms @ value) / terms.sum(1)
        return t, tilt * t - draws * (np.log(terms.sum(1)) + peak)

    start = np.log(1e-3 / (draws * float(share @ value)))
    up = np.exp(np.arange(start, np.log(600.0), 0.5))
    down = np.exp(np.arange(start, np.log(600.0 / draws / value.min()), 0.5))
    t, rate = tilted(np.concatenate([-down[::-1], [0.0], up]))
    odds = np.divide.outer(value, t)
    height = ell * np.log(odds) - n * np.log1p(odds) - rate + np.log(nodes.count)[:, None]
    p = value[int(np.argmax(height.max(1)))]

    # κ less the slope of log B_ℓ in T rises through 0 where both are flat
    low, high = -ell / (draws * value.min()), 600.0
    for _ in range(100):
        kappa = (low + high) / 2
        at = float(tilted(np.array([kappa]))[0][0])
        low, high = (kappa, high) if kappa < (n * p / (p + at) - ell) / at else (low, kappa)
    sharp = n * p * at / (p + at) ** 2 + abs(kappa) * at  # minus the second derivative in log T, there, for κ > 0
    if kappa < 0:  # T^{−ℓ} and e^{|κ|T} blow up beyond the ends of the law: a narrow fade lets neither go far
        sharp = max(sharp, min(float(ell) ** 2, SHARPEST))
    step = max(4 * STEP, float(ell), sharp)
    return (step, kappa) if step <= SHARPEST else None


def sightings(problem: Problem, ell: object) -> NDArray[np.int64]:
    """``ell`` as an array of whole numbers that this mode can answer for.

    >>> from longtail import Zipf
    >>> sightings(Problem(Zipf(alpha=1, size=100), n=50), [0, 1.0]).tolist()
    [0, 1]
    """
    asked = np.atleast_1d(np.asarray(ell))
    most = HIGHEST[posed(problem).mode]
    if asked.ndim != 1 or asked.dtype.kind not in "iuf" or not (asked == np.floor(asked)).all():
        raise ArgumentError("ell", ell, "give whole numbers of sightings")
    if len(asked) and not 0 <= asked.min() <= asked.max() <= most:
        raise ArgumentError("ell", ell, f"give whole numbers from 0 to {most} in mode={problem.mode!r}")
    return asked.astype(np.int64)
