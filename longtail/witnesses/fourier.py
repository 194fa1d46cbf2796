"""The model by a uniform Fourier grid: the witness of ``longtail.exact``, sharing nothing with it but core and priors.

    log E e^{iuT} = (N−1) log1p(Σ_k (c_k/N) expm1(iu v_k)),   times exp(−36 (u/u_max)^8), inverted by an FFT on [0, 2 T_max).

What is averaged over T is smooth, so the filtered law gives it to rounding, atoms or not, as long as the grid resolves the
smallest T that carries weight: u_max T_min ≥ 100. Where T spans more than a few thousandfold that grid is too long, and
this engine says so; ``longtail.exact``, whose grid is in log T, has no such limit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import special

from longtail.core import AccuracyError, Estimate, Floats, Prior, Problem

LONGEST = 2**18  # grid points
RARE = -36.0  # log of the probability with which T may leave the grid


def tau(problem: Problem, ell: int = 1) -> Estimate:
    """E[α^{ℓ+1}(1−α)^{n−ℓ}] / E[α^ℓ(1−α)^{n−ℓ}].

    >>> from longtail import Problem, Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=12), n=12)
    >>> bool(abs(tau(problem).value / exact.tau(problem).value - 1) < 1e-8)
    True
    """
    coarse, fine = (_expectation(problem, ell, 1, points) / _expectation(problem, ell, 0, points) for points in (1, 2))
    return Estimate(fine, bound=abs(fine - coarse))


def subpopulations(problem: Problem, ell: int) -> Estimate:
    """N C(n, ℓ) E[α^ℓ(1−α)^{n−ℓ}].

    >>> from longtail import Problem, Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=12), n=12)
    >>> bool(abs(subpopulations(problem, 1).value / exact.subpopulations(problem, 1).value - 1) < 1e-8)
    True
    """
    coarse, fine = (_expectation(problem, ell, 0, points) for points in (1, 2))
    return Estimate(fine, bound=abs(fine - coarse))


def unseen_mass(problem: Problem) -> Estimate:
    """N E[α(1−α)^n].

    >>> from longtail import Problem, Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=12), n=12)
    >>> bool(abs(unseen_mass(problem).value / exact.unseen_mass(problem).value - 1) < 1e-8)
    True
    """
    coarse, fine = (_expectation(problem, 0, 1, points) for points in (1, 2))
    return Estimate(fine, bound=abs(fine - coarse))


def cost(problem: Problem, ell: int = 1) -> Estimate:
    """(1 − 1/K) N C(n, ℓ) E[α^{ℓ+1}(1−α)^{n−ℓ}].

    >>> from longtail import Problem, Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=12), n=12)
    >>> bool(abs(cost(problem).value / exact.cost(problem).value - 1) < 1e-8)
    True
    """
    coarse, fine = (problem.guess * _expectation(problem, ell, 1, points) for points in (1, 2))
    return Estimate(fine, bound=abs(fine - coarse))


def _expectation(problem: Problem, ell: int, more: int, refine: int) -> float:
    """N C(n, ℓ) E[α^{ℓ+more}(1−α)^{n−ℓ}]."""
    n = problem.n
    t, weight = _law(problem.prior, refine)
    nodes = problem.prior.nodes(1.0 + refine)
    log_choose = sum(np.log((n - i) / (i + 1)) for i in range(ell))  # gammaln(n) would lose digits to cancellation
    total = 0.0
    for log_value, count in zip(nodes.log_value, nodes.count, strict=True):
        value = np.exp(log_value - nodes.log_value.max())
        power = (ell + more) * np.log(value / (value + t)) + (n - ell) * np.log1p(-value / (value + t))
        total += count * float(weight @ np.exp(log_choose + power))
    return total


@lru_cache(maxsize=8)
def _law(prior: Prior, refine: int) -> tuple[Floats, Floats]:
    """The filtered law of T on a uniform grid, the list scaled to largest value 1."""
    nodes = prior.nodes(1.0 + refine)
    value, share = np.exp(nodes.log_value - nodes.log_value.max()), nodes.count / nodes.count.sum()
    draws = prior.size - 1

    def log_mean(s: float) -> float:
        return draws * float(special.logsumexp(s * value, b=share))

    s = np.exp(np.linspace(-30, 6.5, 300))
    high = min(float(draws), min((log_mean(x) - RARE) / x for x in s))
    s = np.exp(np.linspace(-30, 60, 600))
    low = max(draws * value.min(), max((RARE - log_mean(-x)) / x for x in s))
    points = 2 ** int(np.ceil(np.log2(refine * 2 * high * 100 / np.pi / low)) + 1)
    if points > LONGEST * refine:
        remedy = f"its sum spans a factor of {high / low:.1g}, too much for a uniform grid; use longtail.exact"
        raise AccuracyError("prior", prior, remedy)
    step = 2 * high / points
    u = 2 * np.pi / (points * step) * np.arange(points // 2 + 1)
    log_characteristic = np.zeros(len(u), complex)
    for v, p in zip(value, share, strict=True):
        half = np.sin(u * v / 2)
        log_characteristic += p * (-2 * half * half + 1j * np.sin(u * v))
    log_characteristic = draws * special.log1p(log_characteristic)
    law = np.fft.irfft(np.exp(np.conj(log_characteristic) - 36 * (u / u[-1]) ** 8), points)
    inside = slice(max(int(low / 2 / step), 1), None)
    return step * np.arange(points)[inside], law[inside]
