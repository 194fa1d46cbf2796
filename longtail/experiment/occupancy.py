"""How many subpopulations are seen c times, and with what mass: the exact solution, as what is predicted needs it.

Each number of copies by itself (``occupancy``) is the double sum of ``longtail.exact.spectrum``. Where something smooth in the
number of copies is summed over all of them (``smooth``), the law of one frequency α = D(x) is enough: its weights go to the
points of a lattice in log α, by Lagrange's polynomials, and from there to copies,

    seen_c = Σ_j w_j B_c(α_j),     mass_c = Σ_j w_j α_j B_c(α_j),     B_c(α) = C(n, c) α^c (1 − α)^{n−c},

with numbers of copies beyond ``DENSE`` divided between the two nearest of a few, so that number and total are kept. The matrix
depends on n alone, and what is left to do for a prior is the law of T. That law, laid for ten sightings, is good to every
digit shown for what is smooth in log T, however many copies there are.

Where a share ν of all examples is dust (``longtail.experiment.coupling``), a frequency is (1 − ν)α, which shifts the lattice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from math import factorial

import numpy as np
from scipy import special
from scipy.interpolate import CubicSpline

from longtail.core import Floats, Problem
from longtail.exact.spectrum import COARSE, STEP, grid, spectrum

HIGHEST = 1000  # times seen, up to which subpopulations are told apart
DENSE = 30  # up to here each solved for; beyond, by a spline of logarithms over steps of a tenth, or in blocks
TINY = 1e-14
BLOCKS = 80  # of numbers of copies beyond DENSE, where nothing jumps
SPACING = 0.02  # of the lattice, in log α
POINTS = np.arange(-2, 4)  # of the lattice about a frequency, which its weight is divided between
NOTHING = 1e-15  # weight of a value of T, which any sum does without
ONCE = 500_000  # pairs of a frequency and a value of T at a time
RAREST = 40.0  # −log nα, beyond which a subpopulation is never seen


@dataclass(frozen=True)
class Occupancy:
    """Expected number and mass of subpopulations seen ``copies`` = 0, 1, 2, ... times; the last stands for all beyond.

    >>> from longtail import Problem, Uniform
    >>> round(float(occupancy(Problem(Uniform(size=100), n=50)).mass.sum()), 6)
    1.0
    """

    copies: Floats = field(repr=False)
    subpopulations: Floats = field(repr=False)
    mass: Floats = field(repr=False)
    n: int
    dust: float = 0.0  # share of all examples, and of all mass, that is not among these

    @property
    def examples(self) -> Floats:
        """The share of training examples that have so many copies, themselves included."""
        return self.copies * self.subpopulations / self.n


@lru_cache(maxsize=32)
def occupancy(problem: Problem, dust: float = 0.0) -> Occupancy:
    """The exact solution, summed up beyond ``HIGHEST``."""
    if dust > 0:
        return smooth(problem, dust=dust)
    n, highest = problem.n, min(problem.n, HIGHEST)
    steps = np.round(np.geomspace(DENSE, max(highest, DENSE), 40)).astype(np.int64)
    ell = np.unique(np.concatenate([np.arange(min(highest, DENSE) + 1), steps[steps <= highest]]))
    solved = spectrum(problem, ell, checked=False)
    copies = np.arange(highest + 1.0)

    def spread(value: Floats) -> Floats:
        if len(ell) == len(copies):
            return value
        there = np.flatnonzero(value[1:] > TINY) + 1  # where a law ends, its logarithm has no spline
        if len(there) < 2:
            return np.where(copies == 0, value[0], 0.0)
        line = CubicSpline(np.log(ell[there]), np.log(value[there]), extrapolate=False)
        return np.append(value[0], np.nan_to_num(np.exp(line(np.log(copies[1:])))))

    return _with_rest(copies, spread(solved.seen), spread(solved.mass), n)


@lru_cache(maxsize=256)
def smooth(problem: Problem, spacing: float = SPACING, dust: float = 0.0) -> Occupancy:
    """The same for what is smooth in the number of copies: many in blocks, at copies that depend on n alone."""
    n = problem.n
    copies, chances = _chances(n, spacing)
    if problem.prior.size == 1 and not dust:  # the one there is is seen n times
        alone = np.zeros(len(copies))
        alone[-1] = float(n <= HIGHEST)
        return _with_rest(copies, alone, alone, n)
    at = _lattice(n, spacing)
    lattice = np.zeros(len(at))
    if problem.prior.size == 1:
        _lay(np.ones(1), np.array([np.log1p(-dust)]), at, lattice)
    else:
        laid = grid(problem.prior, problem.mode, STEP, COARSE)
        kept = np.abs(laid.law.weight) > NOTHING
        least = np.exp(at[0])
        some = laid.odds[:, kept].max(1) > least  # the others are never seen
        rows = np.flatnonzero(some)
        for part in np.array_split(rows, max(len(rows) * int(kept.sum()) // ONCE, 1)):
            weight = np.multiply.outer(laid.count[part], laid.law.weight[kept]).ravel()
            odds = laid.odds[part][:, kept]
            log_alpha = -np.log1p(1 / np.maximum(odds, least)).ravel() + np.log1p(-dust)
            _lay(weight, log_alpha, at, lattice)
        lattice[0] += float(laid.count[~some].sum()) * float(laid.law.weight[kept].sum())
    return _with_rest(copies, chances @ lattice, chances @ (np.exp(at) * lattice), n, dust)


def _lay(weight: Floats, log_alpha: Floats, at: Floats, lattice: Floats) -> None:
    """Divide weights between the points about them."""
    place = np.maximum((log_alpha - at[0]) / (at[1] - at[0]), 0.0)
    first = np.clip(place.astype(np.int64) + POINTS[0], 0, len(at) - len(POINTS))
    for k, share in enumerate(_lagrange(place - first)):
        lattice += np.bincount(first + k, weights=share * weight, minlength=len(at))


def _with_rest(copies: Floats, seen: Floats, mass: Floats, n: int, dust: float = 0.0) -> Occupancy:
    rest = max(n * (1 - dust) - float(copies @ seen), 0.0)
    rest_mass = max(1 - dust - float(mass.sum()), 0.0)
    beyond = 3.0 * copies[-1]  # where exactly hardly matters: nothing is memorized there
    return Occupancy(np.append(copies, beyond), np.append(seen, rest / beyond), np.append(mass, rest_mass), n, dust)


def _lattice(n: int, spacing: float) -> Floats:
    """log α from where nothing is seen to 0."""
    count = int(np.ceil((np.log(n) + RAREST) / spacing)) + 1
    return np.linspace(-np.log(n) - RAREST, 0.0, count)


def _lagrange(t: Floats) -> list[Floats]:
    """Weights of the points 0, 1, ... of a lattice for the value of a polynomial at t."""
    apart = [t - j for j in range(len(POINTS))]
    below = list(accumulate(apart[:-1], np.multiply, initial=np.ones_like(t)))
    above = list(accumulate(apart[:0:-1], np.multiply, initial=np.ones_like(t)))[::-1]
    last = len(POINTS) - 1
    signs = [(-1) ** (last - k) * factorial(k) * factorial(last - k) for k in range(last + 1)]
    return [low * high / scale for low, high, scale in zip(below, above, signs, strict=True)]


@lru_cache(maxsize=16)
def _chances(n: int, spacing: float) -> tuple[Floats, Floats]:
    """Copies, and Σ_c φ_k(c) B_c(α) of each by α, φ_k the hat of copies k between its neighbors."""
    highest = min(n, HIGHEST)
    single = np.arange(min(highest, DENSE) + 1.0)
    blocks = np.unique(np.round(np.geomspace(DENSE, max(highest, DENSE), BLOCKS + 1)))[1:]
    copies = np.concatenate([single, blocks[blocks > single[-1]]])
    log_alpha = _lattice(n, spacing)
    log_ways = np.append(0.0, np.cumsum(np.log((n - np.arange(highest)) / np.arange(1.0, highest + 1))))

    def chance(c: Floats, at: Floats) -> Floats:
        exponent = log_ways[c.astype(int), None] + np.multiply.outer(c, at)
        return np.exp(exponent + special.xlog1py(n - c[:, None], -np.exp(at)))

    out = np.zeros((len(copies), len(log_alpha)))
    out[: len(single)] = chance(single, log_alpha)
    often = log_alpha > -np.log(n)  # rarer ones are not seen thirty times
    every = np.arange(single[-1] + 1, highest + 1)
    if len(every):
        hats = np.maximum(
            1 - np.abs(np.interp(every, copies, np.arange(len(copies))) - np.arange(len(copies))[:, None]), 0
        )
        out[:, often] += hats @ chance(every, log_alpha[often])
    return copies, out
