"""What learners can reach on these tasks, in closed sums: how often the best is right, on what it saw once and more often.

Hypercube clusters. Two members agree on a bit with chance (1 + ρ)/2, strangers with ½. Among rivals with one example each a
nearest neighbor is right, ties at random, with chance

    Σ_k B(k; d, (1+ρ)/2) · E[1/(1 + T); no rival above k],   = (F(k)^{r+1} − F(k−1)^{r+1})/((r+1) f(k)) for the mean,

F and f those of B(d, ½), r rivals, T of them at k. With ℓ examples of each cluster only bits on which all ℓ agree tell
anything: such a bit is fixed with chance φ = ρ/(ρ + (1 − ρ) 2^{1−ℓ}), so that a fresh member shares it with chance
p = (1 + φ)/2 and a stranger with ½. The best learner adds log 2p for each shared and log 2(1 − p) for each other; with ℓ = 1 that
is nearest neighbor. How many bits all agree on, and how many of them are shared, are two binomials, so its chance is a sum.

Next symbol. The best learner takes the majority of what it saw at that place of its string.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from longtail.core import ArgumentError, Estimate, Floats, Problem, real, whole

SAME = 1e-9  # scores that differ by less are one


def nearest_right(dimension: int, fixed: float, rivals: int) -> float:
    """How often a nearest neighbor finds the cluster of a fresh member, one example a cluster.

    >>> round(nearest_right(1000, 0.174, 183), 4)
    0.9949
    """
    d, share, others = whole("dimension", dimension), real("fixed", fixed, 0.0, 1.0), whole("rivals", rivals, 0)
    k = np.arange(d + 1)
    own = stats.binom.pmf(k, d, (1 + share) / 2)
    return float(own @ _first(stats.binom.cdf(k, d, 0.5), stats.binom.pmf(k, d, 0.5), others))


def optimal_right(dimension: int, fixed: float, rivals: int, ell: int = 1) -> float:
    """How often the best learner finds the cluster of a fresh member, ``ell`` examples of each cluster.

    >>> round(optimal_right(100, 0.3, 50, ell=1), 4) == round(nearest_right(100, 0.3, 50), 4)
    True
    """
    d, share = whole("dimension", dimension, 1, 4096), real("fixed", fixed, 0.0, 1.0)
    others, ell = whole("rivals", rivals, 0), whole("ell", ell)
    agreed = share + (1 - share) * 2.0 ** (1 - ell)
    p = (1 + share / agreed) / 2
    u, a = (v.ravel() for v in np.meshgrid(np.arange(d + 1), np.arange(d + 1), indexing="ij"))
    possible = a <= u
    u, a = u[possible], a[possible]
    known = stats.binom.pmf(u, d, agreed)
    own, stranger = (known * stats.binom.pmf(a, u, chance) for chance in (p, 0.5))
    with np.errstate(divide="ignore", invalid="ignore"):
        score = a * np.log(2 * p) + np.where(u > a, (u - a) * np.log(2 * (1 - p)), 0.0)
    order = np.argsort(score, kind="stable")
    score, own, stranger = score[order], own[order], stranger[order]
    with np.errstate(invalid="ignore"):  # −∞ less itself: of one kind
        new = np.append(0, np.flatnonzero(~(np.diff(score) <= SAME) & (score[1:] > -np.inf)) + 1)
    own, stranger = (np.add.reduceat(part, new) for part in (own, stranger))
    return float(own @ _first(np.minimum(np.cumsum(stranger), 1.0), stranger, others))


def _first(cdf: Floats, pmf: Floats, rivals: int) -> Floats:
    """E[1/(1 + T)] on no rival above, T those level: (F^{r+1} − (F − f)^{r+1})/((r+1) f), nothing lost to subtraction."""
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.minimum(pmf / cdf, 1.0)
        mean = -np.expm1((rivals + 1) * np.log1p(-part)) / ((rivals + 1) * part)
    return np.where(cdf > 0, cdf**rivals * np.where(part > 0, mean, 1.0), 0.0 if rivals else 1.0)


def next_symbol_right(dimension: int, noise: float, ell: int = 1) -> float:
    """How often the best learner says the next bit, flips and all, of a string that it saw ``ell`` prefixes of.

    A prefix of uniform length, with its next bit, shows place t with chance 1 − t/d; of k sights of it the majority is right
    with chance Σ_j B(j; k, 1 − δ/2) [j > k/2], half where even; and the answer is flipped as well.

    >>> round(next_symbol_right(100, noise=0.0, ell=1), 4), round(next_symbol_right(100, noise=0.1, ell=5), 4)
    (0.7525, 0.8599)
    """
    d, delta, ell = whole("dimension", dimension), real("noise", noise, 0.0, 1.0), whole("ell", ell, 0)
    kept = 1 - delta / 2
    k = np.arange(ell + 1)
    j = k[:, None]
    wins = np.where(2 * j > k, 1.0, np.where(2 * j == k, 0.5, 0.0))
    majority = np.sum(stats.binom.pmf(j, k, kept) * wins, axis=0)
    shown = 1 - np.arange(d) / d
    true = np.mean(stats.binom.pmf(k, ell, shown[:, None]) @ majority)
    return float(kept * true + (1 - kept) * (1 - true))


def held_bits(dimension: int, fixed: float) -> float:
    """(1 − ρ) d: what an example's own bits are worth to one who knows its cluster; a model that keeps the example holds them.

    They are all irrelevant to the label. Lookup and nearest neighbor keep every example.

    >>> held_bits(1000, fixed=0.25)
    750.0
    """
    return (1 - real("fixed", fixed, 0.0, 1.0)) * whole("dimension", dimension)


def singleton_bits(problem: Problem, dimension: int, fixed: float) -> Estimate:
    """(1 − ρ) d E|X_1|: the irrelevant bits of the examples that are alone in their cluster, in the mean over data sets.

    >>> from longtail import Uniform
    >>> round(singleton_bits(Problem(Uniform(size=2), n=2), dimension=10, fixed=0.5).value, 9)
    5.0
    """
    from longtail import exact

    alone = exact.subpopulations(problem, 1)
    bits = held_bits(dimension, fixed)
    return Estimate(alone.value * bits, bound=alone.bound * bits)


def mean_bits(dimension: int, n: int, noise: float) -> float:
    """(d/2) log2(1 + 1/(n s²)): what the mean of n unit Gaussians plus N(0, s²) tells of them, their law known.

    >>> mean_bits(100, 4, 0.5)
    50.0
    """
    s = real("noise", noise, 0.0, open_low=True)
    return whole("dimension", dimension) / 2 * float(np.log1p(1 / (whole("n", n) * s * s)) / np.log(2))


def mean_error(dimension: int, n: int, noise: float) -> float:
    """d (1/n + s²): its squared distance from the true mean; d s² of it is what holding fewer bits costs.

    >>> mean_error(100, n=4, noise=0.5)
    50.0
    """
    return whole("dimension", dimension) * (1 / whole("n", n) + real("noise", noise, 0.0) ** 2)


def mean_noise(dimension: int, n: int, bits: float) -> float:
    """The noise that leaves so many bits: s² = 1/(n (4^{bits/d} − 1)).

    >>> round(mean_noise(100, n=4, bits=50), 9)  # and ``mean_bits`` goes back
    0.5
    """
    per = real("bits", bits, 0.0, open_low=True) / whole("dimension", dimension)
    return float(1 / np.sqrt(whole("n", n) * np.expm1(2 * np.log(2) * per)))


def recovered_bits(rate: float, bits: float) -> float:
    """bits · (1 − h(rate)), h the entropy of a coin: the least that a model tells of ``bits`` uniform bits if from it they are
    found at this rate (Fano's inequality for each, and Jensen's).

    >>> recovered_bits(0.5, 100), recovered_bits(1.0, 100)
    (0.0, 100.0)
    """
    q = real("rate", rate, 0.0, 1.0)
    if q < 0.5:
        raise ArgumentError("rate", rate, "below one half the answers are better turned round: give 1 less that")
    return float(bits * (1 - stats.entropy([q, 1 - q], base=2)))
