"""The model by brute force, for lists of at most twelve: every multiset of the other N − 1 draws, with its probability.

The N^{N−1} draws fall into C(2N−2, N−1) multisets of weight (N−1)!/(Π m_i!) N^{−(N−1)}; at N = 12 there are 705,432. No
law of T, no quadrature, no compressed list: what the other engines are held to.

Whole laws over data sets take every multiset of all N draws, and given its D every count of every subpopulation in turn:
n! Π_x D(x)^{c_x}/c_x! summed over patterns c with Σ c_x = n, by how many c_x are ℓ, with powers of what these hold.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations_with_replacement, product
from math import comb, factorial

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from longtail.core import ArgumentError, Estimate, Floats, Prior, Problem
from longtail.learners import Learner, Seen

LARGEST = 12


def tau(problem: Problem, ell: int = 1) -> Estimate:
    """E[α^{ℓ+1}(1−α)^{n−ℓ}] / E[α^ℓ(1−α)^{n−ℓ}].

    >>> from longtail import Listed, Problem
    >>> round(tau(Problem(Listed([1, 0.05]), n=3)).value, 5)
    0.43715
    """
    return Estimate(_mean(problem, ell, 1) / _mean(problem, ell, 0))


def subpopulations(problem: Problem, ell: int) -> Estimate:
    """N C(n, ℓ) E[α^ℓ(1−α)^{n−ℓ}].

    >>> from longtail import Problem, Uniform
    >>> round(subpopulations(Problem(Uniform(size=2), n=3), 3).value, 12)
    0.25
    """
    return Estimate(problem.prior.size * comb(problem.n, ell) * _mean(problem, ell, 0))


def unseen_mass(problem: Problem) -> Estimate:
    """N E[α(1−α)^n].

    >>> from longtail import Problem, Uniform
    >>> round(unseen_mass(Problem(Uniform(size=2), n=3)).value, 12)  # half of it, in one data set of four
    0.125
    """
    return Estimate(problem.prior.size * _mean(problem, 0, 1))


def optimal_error(problem: Problem) -> Estimate:
    """(1 − 1/K) N E[α(1−α)^n].

    >>> from longtail import Problem, Uniform
    >>> round(optimal_error(Problem(Uniform(size=2), n=3, n_classes=2)).value, 12)
    0.0625
    """
    return Estimate(problem.guess * unseen_mass(problem).value)


def cost(problem: Problem, ell: int = 1) -> Estimate:
    """(1 − 1/K) N C(n, ℓ) E[α^{ℓ+1}(1−α)^{n−ℓ}].

    >>> from longtail import Listed, Problem, exact
    >>> problem = Problem(Listed([1, 0.05, 0.3]), n=4)
    >>> abs(cost(problem).value - exact.cost(problem).value) < 1e-9
    True
    """
    return Estimate(problem.guess * problem.prior.size * comb(problem.n, ell) * _mean(problem, ell, 1))


def error(problem: Problem, learner: Learner) -> Estimate:
    """N Σ_ℓ C(n, ℓ) E[α^{ℓ+1}(1−α)^{n−ℓ}] errors(ℓ), for a learner whose error depends on its own count.

    >>> from longtail import Listed, Problem
    >>> from longtail.learners import Forget, Memorizer
    >>> problem = Problem(Listed([1, 0.05, 0.3]), n=4)
    >>> error(problem, Forget(1)).value > error(problem, Memorizer()).value
    True
    """
    times = np.arange(problem.n + 1)[None, :]
    errors = np.broadcast_to(learner.errors(Seen(times, np.zeros_like(times), problem.n_classes)), times.shape)[0]
    return Estimate(float(errors @ _masses(problem)))


def weight(problem: Problem, low: float, high: float) -> Estimate:
    """N E[α·1{low ≤ α ≤ high}].

    >>> from longtail import Problem, Uniform
    >>> round(weight(Problem(Uniform(size=4), n=3), 0.2, 0.3).value, 9)
    1.0
    """
    alpha, probability = shares(problem.prior)
    inside = (alpha >= low) & (alpha <= high)
    return Estimate(problem.prior.size * float(probability[inside] @ alpha[inside]))


@lru_cache(maxsize=4)
def _masses(problem: Problem) -> Floats:
    """N C(n, ℓ) E[α^{ℓ+1}(1−α)^{n−ℓ}] for ℓ = 0 … n."""
    size, n = problem.prior.size, problem.n
    return np.array([size * comb(n, ell) * _mean(problem, ell, 1) for ell in range(n + 1)])


def law(problem: Problem, ell: int = 1) -> Floats:
    """Pr[|X_ℓ| = k] for k = 0, ..., N, in either mode.

    >>> from longtail import Problem, Uniform
    >>> law(Problem(Uniform(size=2), n=3)).round(12).tolist()  # none alone in one data set of four, one in the others
    [0.25, 0.75, 0.0]
    """
    return _held(problem, ell)[0]


def held(problem: Problem, ell: int = 1) -> Floats:
    """E[M_ℓ; |X_ℓ| = k] for k = 0, ..., N, M_ℓ = Σ_{x ∈ X_ℓ} D(x).

    >>> from longtail import Problem, Uniform
    >>> held(Problem(Uniform(size=2), n=3)).round(12).tolist()
    [0.0, 0.375, 0.0]
    """
    return _held(problem, ell)[1]


def variance(problem: Problem, ell: int = 1) -> Estimate:
    """E (|X_ℓ| − E|X_ℓ|)².

    >>> from longtail import Problem, Uniform
    >>> round(variance(Problem(Uniform(size=2), n=3)).value, 12)
    0.1875
    """
    seen, chance = np.arange(problem.prior.size + 1), law(problem, ell)
    return Estimate(float(chance @ (seen - chance @ seen) ** 2))


def mass_variance(problem: Problem, ell: int = 0) -> Estimate:
    """E M_ℓ² − (E M_ℓ)².

    >>> from longtail import Problem, Uniform
    >>> round(mass_variance(Problem(Uniform(size=2), n=3)).value, 12)
    0.046875
    """
    _, mass, square = _held(problem, ell)
    return Estimate(float(square.sum() - mass.sum() ** 2))


def mass_law(problem: Problem, ell: int = 0) -> tuple[Floats, Floats]:
    """The values that M_ℓ takes, as they come, and the probability of each: every draw, every pattern of counts.

    >>> from longtail import Problem, Uniform
    >>> values, chances = mass_law(Problem(Uniform(size=2), n=3))
    >>> round(float(values @ chances), 12)
    0.125
    """
    values, chances = [], []
    share, probability = _draws(problem)
    for counts in product(range(problem.n + 1), repeat=problem.prior.size):
        if sum(counts) == problem.n:
            c = np.array(counts)
            ways = factorial(problem.n) / np.prod([float(factorial(k)) for k in counts])
            values.append(share @ (c == ell))
            chances.append(probability * ways * np.prod(share**c, axis=1))
    return np.concatenate(values), np.concatenate(chances)


def capacity_excess(problem: Problem, items: int) -> Estimate:
    """(1 − 1/K) E[(1 − B/|X_1|)_+ M_1].

    >>> from longtail import Problem, Uniform
    >>> [round(capacity_excess(Problem(Uniform(size=4), n=4), items).value, 4) for items in (0, 2, 4)]
    [0.3797, 0.0422, 0.0]
    """
    seen = np.arange(1, problem.prior.size + 1)
    return Estimate(problem.guess * float(np.maximum(1 - items / seen, 0) @ held(problem, 1)[1:]))


@lru_cache(maxsize=16)
def _held(problem: Problem, ell: int) -> tuple[Floats, Floats, Floats]:
    """E[M_ℓ^i; |X_ℓ| = k], i = 0, 1, 2."""
    size, n = problem.prior.size, problem.n
    share, probability = _draws(problem)
    # by power of the mass, draw, total of the counts, number that are ℓ
    state = np.zeros((3, len(share), n + 1, size + 1))
    state[0, :, 0, 0] = 1.0
    for x in range(size):
        before, state = state, np.zeros_like(state)
        d = share[:, x, None, None]
        for c in range(n + 1):
            here, kept = d**c / factorial(c), before[:, :, : n + 1 - c]
            if c != ell:
                state[:, :, c:] += here * kept
                continue
            state[0, :, c:, 1:] += here * kept[0][..., :-1]
            state[1, :, c:, 1:] += here * (kept[1] + d * kept[0])[..., :-1]
            state[2, :, c:, 1:] += here * (kept[2] + 2 * d * kept[1] + d * d * kept[0])[..., :-1]
    by_power = factorial(n) * np.einsum("idk,d->ik", state[:, :, n], probability)
    return by_power[0], by_power[1], by_power[2]


def _draws(problem: Problem) -> tuple[Floats, Floats]:
    """D of every multiset of N draws, (draws, N), and its probability; of the list itself, one."""
    value, size = problem.prior.entries(), problem.prior.size
    if problem.mode == "fixed":
        return (value / value.sum())[None, :], np.ones(1)
    drawn = np.array(list(combinations_with_replacement(range(size), size)), np.int64)
    copies = np.stack([(drawn == k).sum(1) for k in range(size)])
    probability = np.exp(gammaln(size + 1) - gammaln(copies + 1).sum(0) - size * np.log(size))
    return value[drawn] / np.sort(value[drawn], axis=1).sum(1)[:, None], probability


def _mean(problem: Problem, ell: int, more: int) -> float:
    """E α^{ℓ+more}(1−α)^{n−ℓ}."""
    alpha, probability = shares(problem.prior)
    rest = shares(problem.prior, rest=True)[0]
    return float(probability @ (alpha ** (ell + more) * rest ** (problem.n - ell)))


@lru_cache(maxsize=4)
def shares(prior: Prior, *, rest: bool = False) -> tuple[Floats, Floats]:
    """Every value that D(x) (or 1 − D(x)) takes in random mode, with its probability."""
    if prior.size > LARGEST:
        raise ArgumentError("size", prior.size, f"enumeration is for lists of at most {LARGEST}")
    value = prior.entries()
    size = len(value)
    draws: NDArray[np.int64] = np.array(list(combinations_with_replacement(range(size), size - 1)), np.int64)
    draws = draws.reshape(len(draws), size - 1)
    total = np.sort(value[draws], axis=1).sum(1)
    copies = np.stack([(draws == k).sum(1) for k in range(size)])
    log_weight = gammaln(size) - gammaln(copies + 1).sum(0) - (size - 1) * np.log(size)
    probability = np.outer(np.full(size, 1 / size), np.exp(log_weight))
    top = np.broadcast_to(total, (size, len(total))) if rest else value[:, None]
    return (top / np.add.outer(value, total)).ravel(), probability.ravel()
