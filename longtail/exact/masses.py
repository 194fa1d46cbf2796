"""The mass seen ℓ times for every ℓ at once, and what learners by their own count err on it.

    err = Σ_ℓ mass_ℓ e(ℓ) = e(∞) + Σ_ℓ mass_ℓ d(ℓ),     d(ℓ) = e(ℓ) − e(∞),     mass_ℓ = N E α B_ℓ(α),

e(ℓ) the error on what was seen ℓ times. Up to ``LOW`` sights mass_ℓ is that of ``longtail.exact.spectrum``, relative digits and
all. Beyond, α = p/(p + T) of every pair of nodes goes to a lattice in θ = 2√n asin√α, in which a binomial count has standard
deviation 1 wherever it lies: what is a function of α through its mean over counts has no frequencies above 9 in θ, so that
Lagrange's polynomials through ``POINTS`` of a lattice of step ``APART`` are exact to 1e-14. One matrix for a problem,

    g(T) = Σ_p count_p α B_ℓ(α)   by T and ℓ,

serves every learner: a curve of a hundred is one product with it. B_ℓ(α) is as even in θ(ℓ) = 2√n asin√(ℓ/n), wherever ℓ and
n − ℓ are ``DIRECT`` or more: there its columns are a lattice of θ(ℓ) as well, and errors by ℓ are gathered to that lattice by
the same polynomials, whatever they are. A million sights take 20,000 columns.

What the law of T may be off by is bounded for g times each learner's d (``mellin.Rule.error``); as in the spectrum, both rules
are laid, and their difference counts too. Where that leaves a learner few digits, rules laid for more sights are tried. What is
seen more often than the last ℓ of a table is its remaining mass, with an error between those of the last ℓ and of n.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from math import comb, factorial

import numpy as np
from scipy import sparse
from scipy.special import gammaln

from longtail.core import Floats, Problem
from longtail.exact.binomials import UNITS, deviance_of
from longtail.exact.mellin import EPS, Rule
from longtail.exact.spectrum import COARSE, FINE, STEP, Grid, grid, spectrum

LOW = 10  # sights up to which the spectrum is asked
MOST = 2**20  # sights told apart at the most
DIRECT = 1000  # sights up to which there is a column for each
APART, POINTS = 0.1, 14
INTERPOLATED = 1e-14  # of what a function with |d| ≤ 1 is off by between the points
WINDOW = 13.0  # of θ: a count is farther from its mean once in e^{42}
SMALL_N = 60  # samples up to which binomials are products of whole numbers
RARE = 0.02  # samples expected of a subpopulation, at which eleven sights of it have probability 1e-26
GOOD = 1e-11  # relative bound that is good enough not to lay finer rules
STEPS = {"random": (STEP, 1e2, 1e3), "fixed": (STEP, 1e2, 1e3, 1e4, 1e5)}


@dataclass(frozen=True)
class Scores:
    """Σ_ℓ mass_ℓ e(ℓ) of each learner, with a bound on its numerical error.

    >>> from longtail import Zipf
    >>> solved = next(masses(Problem(Zipf(alpha=1, size=100), n=50), most=2))
    >>> found = solved.score(np.array([[0.9, 0.9, 0, 0, 0]]), last=np.zeros(1))  # guesses what it saw once or never
    >>> round(float(found.value[0]), 6), bool(found.bound[0] < 1e-10)
    (0.493252, True)
    """

    value: Floats
    bound: Floats


@dataclass(frozen=True)
class Masses:
    """mass_ℓ, ℓ = 0 … ``most``, with what its sums over ℓ may be off by: see ``score``.

    >>> from longtail import Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=100), n=50)
    >>> solved = next(masses(problem, most=50))
    >>> round(float(solved.mass[0]), 8), round(exact.unseen_mass(problem).value, 8), round(float(solved.mass.sum()), 8)
    (0.36404407, 0.36404407, 1.0)
    """

    mass: Floats = field(repr=False)
    low_error: Floats = field(repr=False)  # of each of the first
    coarse: Floats = field(repr=False)  # beyond them, on coarser rules
    by_total: Floats = field(repr=False)  # g by T and column beyond them
    columns: _Columns = field(repr=False)
    rule: Rule = field(repr=False)
    places: float  # how many last places p/T may be off by
    held: float = 1.0  # the mass of all
    held_error: float = 0.0

    def score(self, table: Floats, last: Floats) -> Scores:
        """Errors by ℓ, one learner a row, and its error at n sights: of a table that ends before n errors fall to that."""
        rest = table - last[:, None]
        ell = np.arange(len(self.mass))
        low = len(self.low_error)
        tail = rest[:, low:]
        by_total = self.by_total @ self.columns.gathered(tail).T
        beyond = max(0.0, self.held - float(self.mass.sum())) + EPS * len(ell) + self.held_error
        halfway = beyond * rest[:, -1] / 2
        value = self.held * last + rest @ self.mass + halfway
        size = np.abs(rest)
        rounding = size @ (self.mass * (UNITS + 2 * self.places * np.sqrt(ell + 1.0))) + np.abs(last)
        bound = (
            size[:, :low] @ self.low_error
            + np.abs(tail @ (self.mass[low:] - self.coarse))
            + _law_error(self.rule, by_total.T)
            + 2 * INTERPOLATED * size[:, low:].max(1, initial=0.0)
            + EPS * rounding
            + np.abs(halfway)
            + self.held_error * np.abs(last)
        )
        return Scores(value, bound)


def _law_error(rule: Rule, g: Floats) -> Floats:
    return np.maximum(rule.error(g), rule.error(-g))  # signs only matter to its last term, of what the lattice misses


def masses(problem: Problem, most: int, group: int | None = None) -> Iterator[Masses]:
    """The masses up to ``most`` sights (``MOST``, n), on rules that are finer each time; of one ``group`` of several.

    >>> from longtail import Zipf
    >>> [len(solved.mass) for solved in masses(Problem(Zipf(alpha=1, size=100), n=50), most=3)]  # rules as fine as is of use
    [5]
    """
    reach = min(most, problem.n, MOST)
    for step in STEPS[problem.mode]:
        yield _masses(problem, min(1 << reach.bit_length(), problem.n, MOST), step, group)
        if reach <= LOW:
            return


@lru_cache(maxsize=16)
def _masses(problem: Problem, most: int, step: float, group: int | None = None) -> Masses:
    ell = np.arange(most + 1)
    low = spectrum(problem, ell[: LOW + 1], group=group)
    columns = _columns(problem.n, most)
    many = len(ell) - len(low.ell)
    if problem.prior.size == 1:
        alone = np.where(ell == problem.n, 1.0, 0.0)
        none = np.zeros((1, len(columns.ell)))
        return Masses(alone, low.mass_error, alone[len(low.ell) :], none, columns, Rule.at(0.0), 0.0)
    laid = [grid(problem.prior, problem.mode, step, refine) for refine in (COARSE, FINE)]
    held, held_error = 1.0, 0.0
    if group is not None:
        laid = [rules.where(group) for rules in laid]
        shares = [float(rules.share() @ rules.law.weight) for rules in laid]
        held, held_error = shares[1], abs(shares[1] - shares[0]) + _share_error(laid[1])
    if not many:
        none = np.zeros((1, 0))
        return Masses(low.mass, low.mass_error, np.zeros(0), none, columns, Rule.at(0.0), 0.0, held, held_error)
    nodes = _lattice(problem.n, most)
    spread = [_spread(rules, problem.n, nodes) for rules in laid]
    coarse, fine = (
        _times_chances(part, problem.n, nodes, columns.ell) for part in (laid[0].law.weight @ spread[0], spread[1])
    )
    mass = np.concatenate([low.mass, columns.spread(laid[1].law.weight @ fine)])
    places = _places(laid[1])
    known = columns.spread(coarse[0])
    return Masses(mass, low.mass_error, known, fine, columns, laid[1].law, places, held, held_error)


@dataclass(frozen=True)
class _Columns:
    """The ℓ > LOW that there is a column for, whole or not; ``by_ell`` are the polynomials' weights, columns by ℓ, if not all."""

    ell: Floats
    by_ell: sparse.csr_array | None

    def gathered(self, table: Floats) -> Floats:
        """Rows of what is by ℓ, so that sums over columns are those over ℓ."""
        return table if self.by_ell is None else np.asarray((self.by_ell @ table.T).T)

    def spread(self, values: Floats) -> Floats:
        """By ℓ what is known by column."""
        return values if self.by_ell is None else np.asarray(self.by_ell.T @ values)


@lru_cache(maxsize=16)
def _columns(n: int, most: int) -> _Columns:
    whole = np.arange(LOW + 1.0, most + 1)
    top = min(most, n - DIRECT)
    if top < 2 * DIRECT:
        return _Columns(whole, None)
    inner = np.arange(DIRECT + 1.0, top + 1)
    place = 2 * np.sqrt(n) * np.arcsin(np.sqrt(inner / n))
    first = place[0] - APART * (POINTS // 2)
    place = (place - first) / APART
    start = place.astype(np.int64) - (POINTS // 2 - 1)
    lattice = n * np.sin((first + APART * np.arange(start[-1] + POINTS)) / (2 * np.sqrt(n))) ** 2
    below, above = DIRECT - LOW, most - top
    weights = np.concatenate([np.ones(below), *_lagrange(place - start), np.ones(above)])
    rows = [np.arange(below), *(below + start + k for k in range(POINTS)), below + len(lattice) + np.arange(above)]
    of = [np.arange(below), *[below + np.arange(len(inner))] * POINTS, below + len(inner) + np.arange(above)]
    ell = np.concatenate([whole[:below], lattice, whole[len(whole) - above :]])
    by_ell = sparse.csr_array((weights, (np.concatenate(rows), np.concatenate(of))), shape=(len(ell), len(whole)))
    return _Columns(ell, by_ell)


def _places(laid: Grid) -> float:
    return float(laid.off_p.max() + laid.off_t.max())


def _share_error(laid: Grid) -> float:
    return float(_law_error(laid.law, laid.share()[None, :])[0]) + EPS * (UNITS + _places(laid))


def _lattice(n: int, most: int) -> Floats:
    """θ from below 0, where functions of α go on evenly, to where ``most`` sights are too few, or α = 1."""
    end = min(2 * np.sqrt(n) * np.arcsin(np.sqrt(most / n)) + WINDOW, np.pi * np.sqrt(n))
    return np.asarray(APART * np.arange(-POINTS // 2, int(np.ceil(end / APART)) + POINTS // 2 + 1))


def _spread(laid: Grid, n: int, nodes: Floats) -> Floats:
    """Σ_p count α by T and point of the lattice."""
    totals = laid.odds.shape[1]
    out = np.zeros(totals * len(nodes))
    likely = np.flatnonzero(laid.odds.max(1) > RARE / n)
    for start in range(0, len(likely), 256):
        rows = likely[start : start + 256]
        odds = laid.odds[rows]
        alpha = 1 / (1 + 1 / np.maximum(odds, 1e-300))
        place = (2 * np.sqrt(n) * np.arctan(np.sqrt(odds)) - nodes[0]) / APART
        inside = np.flatnonzero((place < len(nodes) - POINTS // 2) & (odds > RARE / n))
        place = place.ravel()[inside]
        first = place.astype(np.int64) - (POINTS // 2 - 1)
        weight = (laid.count[rows, None] * alpha).ravel()[inside]
        at = (inside % totals) * len(nodes) + first
        for k, share in enumerate(_lagrange(place - first)):
            if len(out) < 4 * len(at):
                out += np.bincount(at + k, weights=share * weight, minlength=len(out))
            else:
                np.add.at(out, at + k, share * weight)
    return out.reshape(totals, len(nodes))


def _lagrange(t: Floats) -> list[Floats]:
    """Weights of the points 0, 1, … for the value of a polynomial at t."""
    apart = [t - j for j in range(POINTS)]
    below = list(accumulate(apart[:-1], np.multiply, initial=np.ones_like(t)))
    above = list(accumulate(apart[:0:-1], np.multiply, initial=np.ones_like(t)))[::-1]
    last = POINTS - 1
    signs = [(-1) ** (last - k) * factorial(k) * factorial(last - k) for k in range(POINTS)]
    return [low * high / scale for low, high, scale in zip(below, above, signs, strict=True)]


def _times_chances(spread: Floats, n: int, nodes: Floats, ell: Floats) -> Floats:
    """``spread`` by point times B_ℓ(α) by point and ℓ, in blocks of points with the ℓ that are likely there."""
    spread = np.atleast_2d(spread)
    out = np.zeros((len(spread), len(ell)))
    for start in range(0, len(nodes), 64):
        angle = np.abs(nodes[start : start + 64]) / (2 * np.sqrt(n))
        away = WINDOW / (2 * np.sqrt(n))
        ends = np.clip([np.minimum(angle, np.pi - angle).min() - away, angle.max() + away], 0, np.pi / 2)
        inside = slice(*np.searchsorted(ell, n * np.sin(ends) ** 2 + [-1, 1]))
        if inside.start < inside.stop:
            out[:, inside] += spread[:, start : start + 64] @ _binomial(n, ell[inside], angle)
    return out


def _binomial(n: int, ell: Floats, angle: Floats) -> Floats:
    """B_ℓ(sin² angle), angles by ℓ: products of whole numbers for few samples, else by Loader's saddle point."""
    alpha, rest = np.sin(angle)[:, None] ** 2, np.cos(angle)[:, None] ** 2
    if n <= SMALL_N:
        ways = np.array([float(comb(n, int(k))) for k in ell])
        return np.asarray(ways * alpha**ell * rest ** (n - ell))
    x = np.asarray(ell, float)
    y = n - x
    inner = np.maximum(y, 1.0)
    scale = _stirling(np.array([float(n)])) - _stirling(x) - _stirling(inner) + np.log(n / (2 * np.pi * x * inner)) / 2
    with np.errstate(divide="ignore"):
        log = scale - deviance_of(x, n * alpha) - deviance_of(inner, n * rest)
        every = np.broadcast_to(n * np.log(alpha), log.shape)
    return np.exp(np.where(y > 0, log, every))


def _stirling(x: Floats) -> Floats:
    """log x! − log(√(2πx) (x/e)^x), x ≥ 1."""
    square = x * x
    series = (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / (1188 * square)) / square) / square) / square) / x
    small = np.minimum(x, 16.0)
    direct = gammaln(small + 1) - (small + 0.5) * np.log(small) + small - np.log(2 * np.pi) / 2
    return np.where(x < 16, direct, series)
