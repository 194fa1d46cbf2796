"""Bits of the examples that a learner holds, the task known: I(X; M | P) of Brown et al. (arXiv 2012.06421), exactly.

P are the frequencies, and which bits of a cluster are fixed to what; d bits, a share ρ of them fixed. Of a cluster with ℓ
examples, f ~ Bin(d, 1 − ρ) bits being free, a learner holds

    all its examples (lookup, nearest neighbor), in no order     E_f[ℓ f − log2 ℓ! + 2^f E log2 c!],  c ~ Bin(ℓ, 2^{−f})
    the bits on which they agree, and what they are there        (1 − ρ) d (h(2^{1−ℓ}) + 2^{1−ℓ}),    h the entropy of a coin

The first is what it was given; the second is all that the best learner looks at, (1 − ρ) d of a singleton and half as much or
less of each further count. Sums over a population take E|X_ℓ| from ``longtail.exact``.

The line is (1 − ρ) d E|X_1|, the own bits of all singletons: Ω(nd) where E|X_1| = Ω(n). Brown et al. prove that an accurate
enough learner is on it up to a constant, and conjecture that up to a factor 1 − o(1). The room below it at a given excess error
is at least what three learners leave, each of which keeps of a singleton

    Thinned   the same k coordinates of each: (1 − ρ) k bits, its neighbors found with chance nearest_right(k, ρ)
    Blurred   each bit flipped with chance q: (1 − ρ) d (1 − h(q)) bits, neighbors found with chance nearest_right(d, (1 − 2q) ρ)
    Forgotten all of it, but of a share of the singletons only: that share of the bits, and of being right on them
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy import special, stats

from longtail.core import Estimate, Floats, Integers, Problem, real, whole
from longtail.irrelevant.reachable import held_bits, nearest_right, singleton_bits

if TYPE_CHECKING:
    import pandas as pd

MOST = 60  # examples of a cluster that are told one by one: the best learner holds 2^-60 of a bit of more


def kept_bits(dimension: int, fixed: float, ell: int) -> float:
    """Of a learner that keeps all ``ell`` examples of a cluster.

    >>> round(kept_bits(10, 0.5, 1), 9)
    5.0
    """
    d, ell = whole("dimension", dimension), whole("ell", ell, 0)
    free = np.arange(d + 1)
    chance = stats.binom.pmf(free, d, 1 - real("fixed", fixed, 0.0, 1.0))
    c = np.arange(2, ell + 1)
    twice = stats.binom.pmf(c, ell, 2.0 ** -free[:, None].astype(float))
    with np.errstate(over="ignore", invalid="ignore"):
        alike = np.where(twice > 0, twice * 2.0 ** free[:, None].astype(float), 0.0) @ _log2_factorial(c)
    return float(chance @ (ell * free - _log2_factorial(ell) + alike))


def agreed_bits(dimension: int, fixed: float, ell: int) -> float:
    """Of one that keeps the bits on which all ``ell`` examples of a cluster agree, and which these are.

    >>> agreed_bits(10, 0.5, 1), round(agreed_bits(10, 0.5, 2), 2)
    (5.0, 7.5)
    """
    whole("ell", ell)
    share = 2.0 ** (1 - min(ell, 1000))
    return held_bits(dimension, fixed) * (coin(share) + share)


def majority_bits(dimension: int, strength: float, ell: int, flipped: float = 0.0) -> float:
    """d (h(q ∗ m) − (1 − t) h(q) − t): of a learner of ``mixtures.Boolean`` that keeps, of ``ell`` examples of a cluster whose
    center is known, each bit's majority, ties by a coin, flipped with chance q. m is the chance that a majority is not its
    center's, t that of a tie, a ∗ b = a(1 − b) + b(1 − a). One example leaves d h((1 − λ)/2), many next to nothing once λ² ℓ is
    large.

    >>> majority_bits(1000, 0.0, 1), round(majority_bits(1000, 0.4, 51), 1)
    (1000.0, 14.9)
    """
    q, strength = real("flipped", flipped, 0.0, 0.5), real("strength", strength, 0.0, 1.0)
    ell = whole("ell", ell)
    wrong = stats.binom(ell, (1 - strength) / 2)
    tie = 0.0 if ell % 2 else float(wrong.pmf(ell // 2))
    m = float(wrong.sf(ell // 2)) + tie / 2
    return whole("dimension", dimension) * (coin(q * (1 - m) + m * (1 - q)) - (1 - tie) * coin(q) - tie)


def coin(chance: float) -> float:
    """h: the entropy of a coin, in bits.

    >>> coin(0.5), round(coin(0.1), 4)
    (1.0, 0.469)
    """
    return float(stats.entropy([chance, 1 - chance], base=2))


def held(problem: Problem, dimension: int, fixed: float) -> pd.DataFrame:
    """By ℓ: subpopulations, their share of fresh samples, and the bits that keeping all and keeping the agreed hold of them.

    Rows end where no more than a bit in 10^9 is left of the agreed.

    >>> from longtail import Uniform
    >>> held(Problem(Uniform(size=100), n=100), dimension=10, fixed=0.5)[["ell", "agreed_bits"]].round(1).values[:3].tolist()
    [[1.0, 184.9], [2.0, 138.6], [3.0, 32.4]]
    """
    import pandas as pd

    from longtail import exact

    rows = []
    for ell in range(1, min(problem.n, MOST) + 1):
        number, tau = exact.subpopulations(problem, ell), exact.tau(problem, ell)
        kept, agreed = kept_bits(dimension, fixed, ell), agreed_bits(dimension, fixed, ell)
        rows.append((ell, number.value, number.value * tau.value, number.value * kept, number.value * agreed))
        if ell > 2 and rows[-1][-1] < 1e-9 * sum(row[-1] for row in rows):
            break
    return pd.DataFrame(rows, columns=["ell", "subpopulations", "mass", "kept_bits", "agreed_bits"])


def line(problem: Problem, dimension: int, fixed: float) -> Estimate:
    """(1 − ρ) d E|X_1|: the own bits of all singletons, in the mean over data sets; ``dimension`` is d, ``fixed`` ρ.

    >>> from longtail import Uniform
    >>> round(line(Problem(Uniform(size=2), n=2), dimension=10, fixed=0.5).value, 9)  # both clusters seen once, one time in two
    5.0
    """
    return singleton_bits(problem, dimension, fixed)


def room(problem: Problem, dimension: int, fixed: float, rivals: int, points: int = 33) -> pd.DataFrame:
    """What the three learners hold of the line, and the error that each adds, singletons' mass times what is lost on them.

    ``rivals`` are the other clusters that a fresh member may be taken for.

    >>> from longtail import Uniform
    >>> found = room(Problem(Uniform(size=100), n=100), dimension=100, fixed=0.5, rivals=50, points=3)
    >>> found[found["learner"] == "Forgotten"][["share_of_bits", "excess_error"]].round(3).values.tolist()
    [[0.0, 0.361], [0.5, 0.181], [1.0, 0.0]]
    """
    import pandas as pd

    from longtail import exact

    d, share, points = whole("dimension", dimension), real("fixed", fixed, 0.0, 1.0), whole("points", points, 3)
    mass = float(exact.subpopulations(problem, 1).value * exact.tau(problem).value)
    every = nearest_right(d, share, rivals)
    guess = 1 / (rivals + 1)
    part = np.linspace(0, 1, points)
    thin = np.unique(np.round(part * d).astype(int))
    thinned = [(k / d, nearest_right(int(k), share, rivals) if k else guess) for k in thin]
    flips = np.array([flip(bits) for bits in part])
    blurred = [(1 - coin(q), nearest_right(d, (1 - 2 * q) * share, rivals)) for q in flips]
    forgotten = [(kept, kept * every + (1 - kept) * guess) for kept in part]
    rows = [
        (name, bits, mass * (every - right), right)
        for name, some in (("Thinned", thinned), ("Blurred", blurred), ("Forgotten", forgotten))
        for bits, right in some
    ]
    return pd.DataFrame(rows, columns=["learner", "share_of_bits", "excess_error", "singletons_right"])


def flip(bits: float) -> float:
    """q in [0, ½] at which a coin leaves so many of one bit: 1 − h(q) = bits.

    >>> flip(0.0), flip(1.0)
    (0.5, 0.0)
    """
    bits = real("bits", bits, 0.0, 1.0)
    low, high = 0.0, 0.5
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 - coin(middle) > bits else (low, middle)
    return 0.5 if bits == 0 else 0.0 if bits == 1 else (low + high) / 2


def least_share(problem: Problem, dimension: int, fixed: float, rivals: int, excess: float) -> float:
    """The least part of the line's bits that one of the three needs, so as to add no more than ``excess`` to the error.

    >>> from longtail import Uniform
    >>> round(least_share(Problem(Uniform(size=100), n=100), dimension=100, fixed=0.5, rivals=50, excess=0.01), 2)
    0.6
    """
    from longtail import exact

    excess = real("excess", excess, 0.0)
    d, share = whole("dimension", dimension), real("fixed", fixed, 0.0, 1.0)
    mass = float(exact.subpopulations(problem, 1).value * exact.tau(problem).value)
    every, guess = nearest_right(d, share, rivals), 1 / (rivals + 1)
    wanted = every - excess / mass
    if wanted <= guess:
        return 0.0
    ways = (
        lambda part: nearest_right(max(1, int(part * d)), share, rivals),
        lambda part: nearest_right(d, (1 - 2 * flip(part)) * share, rivals),
        lambda part: part * every + (1 - part) * guess,
    )
    return min(_least(way, wanted - 1e-12) for way in ways)


def _least(right: Callable[[float], float], wanted: float) -> float:
    """The least part at which ``right``, which does not fall with it, is as ``wanted``: to 2^-14, from above."""
    low, high = 0.0, 1.0
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (low, middle) if right(middle) >= wanted else (middle, high)
    return high


def _log2_factorial(count: int | Integers) -> Floats:
    return np.asarray(special.gammaln(np.asarray(count, float) + 1) / np.log(2))
