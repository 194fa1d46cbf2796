"""The model to more digits than a double holds, with what these references may be off by themselves.

Enumeration in extended precision where a list is short; closed forms in fifty decimals; fixed mode as a sum over entries.
"""

from __future__ import annotations

from decimal import Decimal, getcontext
from fractions import Fraction
from functools import lru_cache
from itertools import combinations_with_replacement
from math import comb, factorial

import numpy as np

from longtail import Prior

getcontext().prec = 50
LONG = np.longdouble
PLACE = float(np.finfo(LONG).eps)  # 1e-19 where a long double has 64 bits
BERNOULLI = [Fraction(*b) for b in ((1, 6), (-1, 30), (1, 42), (-1, 30), (5, 66), (-691, 2730), (7, 6), (-3617, 510))]


class Enumerated:
    """Every draw of the other N − 1 of a list, in long doubles: log α, log(1 − α) and the probability of each."""

    def __init__(self, prior: Prior) -> None:
        values, copies = np.unique(prior.entries(), return_counts=True)
        self.size, kinds = prior.size, len(values)
        v = values.astype(LONG)
        counts = np.array(
            [np.bincount(draw, minlength=kinds) for draw in combinations_with_replacement(range(kinds), self.size - 1)]
        ).reshape(-1, kinds)
        total = (counts * v).sum(1)
        ways = [factorial(self.size - 1)] * len(counts)
        for i, row in enumerate(counts.tolist()):
            for k, c in enumerate(row):
                ways[i] = ways[i] // factorial(c) * int(copies[k]) ** c
        probability = np.array([LONG(str(w)) for w in ways]) / LONG(self.size) ** (self.size - 1)
        odds = v[:, None] / total
        self.probability = (copies.astype(LONG)[:, None] * probability).ravel()  # Σ over the N of p, times the law of T
        self.rest = -np.log1p(odds).ravel()
        self.alpha = -np.log1p(1 / odds).ravel()

    def seen(self, n: int, ell: int) -> tuple[LONG, LONG, float]:
        """N C(n, ℓ) E α^ℓ (1 − α)^{n−ℓ}, the same with another α, and by which share both may be off."""
        choose = log_choose(n, ell)
        exponent = choose + ell * self.alpha + (n - ell) * self.rest
        terms = self.probability * np.exp(exponent)
        size = float(np.abs(choose) - np.min(np.where(exponent > exponent.max() - 60, exponent, 0))) + 100
        return terms.sum(), (terms * np.exp(self.alpha)).sum(), 8 * PLACE * size


class Fixed(Enumerated):
    """The list itself: T is the sum of the others, which is added up without the one that it leaves out."""

    def __init__(self, prior: Prior) -> None:
        v = np.sort(prior.entries()).astype(LONG)
        others = np.append(0, np.cumsum(v)[:-1]) + np.append(np.cumsum(v[::-1])[::-1][1:], 0)
        self.rest, self.alpha = -np.log1p(v / others), -np.log1p(others / v)
        self.probability, self.size = np.ones(len(v), LONG), len(v)


@lru_cache(maxsize=1 << 12)
def log_choose(n: int, ell: int) -> LONG:
    """log C(n, ℓ)."""
    return LONG(str(ways(n, ell)))


def ways(n: int, ell: int) -> Decimal:
    """log C(n, ℓ) in decimals."""
    if min(ell, n - ell) <= 30:
        return Decimal(comb(n, ell)).ln()
    return log_gamma(Decimal(n + 1)) - log_gamma(Decimal(ell + 1)) - log_gamma(Decimal(n - ell + 1))


@lru_cache(maxsize=1 << 14)
def log_gamma(x: Decimal) -> Decimal:
    """log Γ(x) by Stirling's series from 10^3 on, where eight terms leave 1e-50, and x(x + 1)... below."""
    product = Decimal(1)
    while x < 1000:
        product *= x
        x += 1
    series, power = Decimal(0), x
    for k, b in enumerate(BERNOULLI, 1):
        series += Decimal(b.numerator) / (b.denominator * 2 * k * (2 * k - 1)) / power
        power *= x * x
    return (x - Decimal("0.5")) * x.ln() - x + HALF_LOG_TWO_PI + series - product.ln()


HALF_LOG_TWO_PI = Decimal("0.91893853320467274178032973640561763986139747363778")


def dirichlet(shape: float, size: int, n: int, ell: int) -> Decimal:
    """log E|X_{Z#ℓ}| where frequencies are Gamma(shape): N C(n, ℓ) B(a + ℓ, (N − 1)a + n − ℓ)/B(a, (N − 1)a)."""
    a, others = Decimal(shape), Decimal(shape) * (size - 1)
    up = log_gamma(a + ell) - log_gamma(a) + log_gamma(others + n - ell) - log_gamma(others)
    return Decimal(size).ln() + ways(n, ell) + up - log_gamma(a + others + n) + log_gamma(a + others)


def uniform(size: int, n: int, ell: int) -> Decimal:
    """log N C(n, ℓ) (1/N)^ℓ (1 − 1/N)^{n−ℓ}."""
    rest = (n - ell) * (1 - 1 / Decimal(size)).ln() if n > ell else Decimal(0)
    return ways(n, ell) + (1 - ell) * Decimal(size).ln() + rest
