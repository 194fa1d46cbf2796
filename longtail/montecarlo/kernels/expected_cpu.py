"""What a data set would show on average given the frequencies: the sample integrated out, compiled.

Given D, the number of times x is seen is Binomial(n, D_x), so that

    E[|X_ℓ| | D] = Σ_x b_ℓ(D_x),   E[Σ_{X_ℓ} D(x) | D] = Σ_x D_x b_ℓ(D_x),   b_ℓ(α) = C(n, ℓ) α^ℓ (1 − α)^{n−ℓ}

with b_{ℓ+1}/b_ℓ = (n − ℓ)/(ℓ + 1) · α/(1 − α). The frequencies are those of ``census_cpu`` at the same seed.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from longtail.core.compiled_cpu import compiled
from longtail.montecarlo.census import Census
from longtail.montecarlo.kernels.census_cpu import STRIP, TILE, frequencies
from longtail.montecarlo.kernels.threads import share

if TYPE_CHECKING:
    from longtail.core.arrays import Random
    from longtail.montecarlo.kernels import Source

SMALL: Final = 0.05  # largest frequency, and
DEEP: Final = 40.0  # largest number of expected points, whose (1 − α)^n is had in lanes


@compiled()
def binomial(alpha, n, ratio, number, mass):
    """Add one cell of frequency ``alpha`` to the expected census; the last row takes the rest. ratio[ℓ] = (n−ℓ)/(ℓ+1)."""
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
            term *= ratio[k] * odds
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


@compiled(fastmath={"contract"})
def light(p, sum_p, n, term, odds):
    """term = (1 − α)^n and odds = α/(1 − α) of cells with α ≤ ``SMALL`` and nα ≤ ``DEEP``; −1 where they are larger.

    −log(1 − α) = 2 artanh(α/(2 − α)) by its series; e^(−x) as (Σ (−x/2^10)^j/j!)^(2^10), good to 1e-13: in lanes.
    """
    for i in range(len(p)):
        alpha = p[i] / sum_p
        fits = (alpha <= SMALL) & (n * alpha <= DEEP)
        alpha = alpha if fits else 0.0
        z = alpha / (2.0 - alpha)
        y = z * z
        x = n * 2.0 * z * (1.0 + y * (1 / 3 + y * (1 / 5 + y * (1 / 7 + y * (1 / 9 + y * (1 / 11)))))) * 2.0**-10
        # e = e^(−x) − 1, doubled as (1 + e)² = 1 + e(2 + e), which keeps the digits 1 + e would lose while e is small …
        e = -x * (1.0 - x * (1 / 2 - x * (1 / 6 - x * (1 / 24 - x * (1 / 120 - x * (1 / 720 - x / 5040))))))
        e = e * (2.0 + e)
        e = e * (2.0 + e)
        e = e * (2.0 + e)
        e = e * (2.0 + e)
        e = e * (2.0 + e)
        e = e * (2.0 + e)
        power = 1.0 + e  # … and squared, which keeps those that e near −1 would
        power = power * power
        power = power * power
        power = power * power
        power = power * power
        odds[i] = alpha / (1.0 - alpha)
        term[i] = power if fits else -1.0


@compiled(fastmath={"reassoc", "nsz", "contract"})
def row(term, odds, share, factor):
    """Σ b_ℓ and Σ α b_ℓ over cells, α = odds/(1 + odds); ``term`` goes on to b_{ℓ+1}."""
    many, much = 0.0, 0.0
    for i in range(len(term)):
        many += term[i]
        much += term[i] * share[i]
        term[i] = term[i] * odds[i] * factor
    return many, much


@compiled()
def trials(entries, given, size, n, seed, first, number, mass):
    """The expected census of trials first, first + 1, ...: arguments as in ``census_cpu.trials``."""
    words, tiled = np.empty(STRIP, np.uint32), -(-size // TILE)
    p, before = np.zeros(TILE * tiled), np.empty(tiled)
    term, odds, share = np.empty(STRIP), np.empty(STRIP), np.empty(STRIP)
    last = number.shape[1] - 1
    ratio = np.empty(last + 1)
    for k in range(last + 1):
        ratio[k] = (n - k) / (k + 1.0)
    sum_p = 0.0
    for t in range(len(number)):
        if t == 0 or len(given) != 1:
            own = given[t] if len(given) > 0 else entries[:0]
            sum_p = frequencies(entries, own, size, seed, np.uint64(first + t), words, p, before)
        number[t] = 0.0
        mass[t] = 0.0
        for a in range(0, size, STRIP):
            b = min(a + STRIP, size)
            light(p[a:b], sum_p, n, term, odds)
            cells, held = 0, 0.0
            for i in range(b - a):  # what is too large for lanes goes alone, what stays closes up
                alpha = p[a + i] / sum_p
                if term[i] < 0.0:
                    binomial(alpha, n, ratio, number[t], mass[t])
                else:
                    term[cells], odds[cells], share[cells] = term[i], odds[i], alpha
                    cells += 1
                    held += alpha
            rest, left = np.float64(cells), held
            for k in range(min(last - 1, n) + 1):
                many, much = row(term[:cells], odds[:cells], share[:cells], ratio[k])
                number[t, k] += many
                mass[t, k] += much
                rest -= many
                left -= much
            if n >= last:
                number[t, last] += max(rest, 0.0)
                mass[t, last] += max(left, 0.0)


def expected(source: Source, rng: Random, first: int, trials_: int, rows: int, workers: int) -> Census:
    """``kernels.expected`` on this machine's cores."""
    number, mass = np.empty((trials_, rows)), np.empty((trials_, rows))

    def work(a: int, b: int) -> None:
        given = source.given[a:b] if len(source.given) > 1 else source.given
        seed = np.uint64(rng.seed)
        trials(source.entries, given, source.size, source.n, seed, first + a, number[a:b], mass[a:b])

    share(work, trials_, workers)
    return Census(number, mass)
