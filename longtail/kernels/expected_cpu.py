"""What a data set would show on average given the frequencies: the sample integrated out, compiled.

Given D, the number of times x is seen is Binomial(n, D_x), so that

    E[|X_ℓ| | D] = Σ_x b_ℓ(D_x),   E[Σ_{X_ℓ} D(x) | D] = Σ_x D_x b_ℓ(D_x),   b_ℓ(α) = C(n, ℓ) α^ℓ (1 − α)^{n−ℓ}

with b_{ℓ+1}/b_ℓ = (n − ℓ)/(ℓ + 1) · α/(1 − α). The frequencies are those of ``census_cpu`` at the same seed.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numba as nb
import numpy as np

from longtail.census import Census
from longtail.kernels.census_cpu import STRIP, TILE, frequencies, total
from longtail.kernels.threads import share

if TYPE_CHECKING:
    from longtail.arrays import Random
    from longtail.kernels import Source


@nb.njit(nogil=True, cache=True)
def binomial(alpha, n, number, mass):
    """Add one cell of frequency ``alpha`` to the expected census; the last row takes the rest."""
    last = len(number) - 1
    top = min(last - 1, n)
    rest = 1.0
    start = n * math.log1p(-alpha) if alpha < 1.0 else -np.inf
    if start > -700.0:
        term = math.exp(start)
        odds = alpha / (1.0 - alpha)
        for k in range(top + 1):
            number[k] += term
            mass[k] += alpha * term
            rest -= term
            term *= (n - k) / (k + 1.0) * odds
    elif n * alpha - 40.0 * math.sqrt(n * alpha) - 800.0 < top:  # b_0 underflows, a later one may not
        for k in range(top + 1):
            if alpha < 1.0:
                term = math.exp(
                    math.lgamma(n + 1.0)
                    - math.lgamma(k + 1.0)
                    - math.lgamma(n - k + 1.0)
                    + k * math.log(alpha)
                    + (n - k) * math.log1p(-alpha)
                )
            else:
                term = 1.0 if k == n else 0.0
            number[k] += term
            mass[k] += alpha * term
            rest -= term
    if n > top:
        number[last] += max(rest, 0.0)
        mass[last] += alpha * max(rest, 0.0)


@nb.njit(nogil=True, cache=True)
def trials(entries, given, size, n, seed, first, number, mass):
    """The expected census of trials first, first + 1, ...: arguments as in ``census_cpu.trials``."""
    words, index = np.empty(STRIP, np.uint32), np.empty(STRIP, np.uint32)
    scratch, before = np.empty(size), np.empty(-(-size // TILE))
    for t in range(len(number)):
        p = scratch
        if len(given) > 0:
            p = given[min(t, len(given) - 1)]
        else:
            frequencies(entries, seed, np.uint64(first + t), words, index, p)
        sum_p = total(p, before)
        number[t] = 0.0
        mass[t] = 0.0
        for i in range(size):
            binomial(p[i] / sum_p, n, number[t], mass[t])


def expected(source: Source, rng: Random, first: int, trials_: int, rows: int, workers: int) -> Census:
    """``kernels.expected`` on this machine's cores."""
    number, mass = np.empty((trials_, rows)), np.empty((trials_, rows))

    def work(a: int, b: int) -> None:
        given = source.given[a:b] if len(source.given) > 1 else source.given
        seed = np.uint64(rng.seed)
        trials(source.entries, given, source.size, source.n, seed, first + a, number[a:b], mass[a:b])

    share(work, trials_, workers)
    return Census(number, mass)
