"""One simulated data set after another, compiled: how many subpopulations were seen ℓ times, and their mass.

For each trial, with T = Σ p and D = p/T:

1. p_x = list[floor(U N)], U uniform (or p given). Sums over tiles of 64 cells are kept.
2. Independent counts k_x ~ Poisson(m D_x), m a little below n; M = Σ k_x. If M > n, again with fresh words.
3. n − M points drawn from D, by search in the tile sums, each moving its cell from k to k + 1.

The counts are Multinomial(n, D) exactly: given M = j, Poisson counts are Multinomial(j, D), whatever m; accepting on
M ≤ n alone keeps that law given M; and Multinomial(j, D) plus an independent Multinomial(n − j, D) is
Multinomial(n, D), the same for every j, so mixing over M changes nothing.

At m = n − 2√n a fortieth of the attempts are repeated and 2√n points are added. Per cell this costs two random words
(8 bytes that stay in cache), a look-up, 13 bytes written and 22 read in the second-level cache, and an exponential.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numba as nb
import numpy as np

from longtail.census import Census, Draws
from longtail.kernels.poisson import TURNS, UNSURE
from longtail.kernels.poisson_cpu import exact, quick, unit
from longtail.kernels.threads import share
from longtail.philox import CORRECTION, FREQUENCIES, SAMPLE
from longtail.philox.block_cpu import fill, word

if TYPE_CHECKING:
    from longtail.arrays import Random
    from longtail.kernels import Source

TILE: Final = 64
STRIP: Final = 1024  # cells handled at a time: what they need stays in the first-level cache
_SHIFT = np.uint64(32)
_SECOND = FREQUENCIES | 1 << 8  # the next 32 bits of a FREQUENCIES word


@nb.njit(nogil=True, cache=True)
def choose(words, size, first, seed, trial, index):
    """index = floor(U·size), U = words/2^32 and, where that leaves doubt, 32 bits more: uniform to size/2^64."""
    top = np.uint32(0)
    for i in range(len(words)):
        scaled = np.uint64(words[i]) * size
        index[i] = np.uint32(scaled >> _SHIFT)
        top = max(top, np.uint32(scaled))
    if np.uint64(top) + size > np.uint64(2**32):
        for i in range(len(words)):
            low = (np.uint64(words[i]) * size) & np.uint64(2**32 - 1)
            if low + size > np.uint64(2**32):
                more = word(seed, np.uint32(_SECOND), trial, first + i)
                index[i] += np.uint32((low + ((np.uint64(more) * size) >> _SHIFT)) >> _SHIFT)


@nb.njit(nogil=True, cache=True)
def frequencies(entries, seed, trial, words, index, p):
    """Fill ``p`` with independent uniform draws from ``entries``, one to a cell."""
    size = np.uint64(len(entries))
    for a in range(0, len(p), STRIP):
        b = min(a + STRIP, len(p))
        fill(words, seed, np.uint32(FREQUENCIES), trial, np.uint64(a // 4))
        choose(words[: b - a], size, a, seed, trial, index)
        for i in range(b - a):
            p[a + i] = entries[index[i]]


@nb.njit(nogil=True, cache=True, fastmath={"reassoc", "nsz", "contract"})
def total(p, before):
    """T = Σ p; before[j] = the sum of what comes before tile j."""
    running = 0.0
    for j in range(len(before)):
        before[j] = running
        part = 0.0
        for i in range(j * TILE, min((j + 1) * TILE, len(p))):
            part += p[i]
        running += part
    return running


@nb.njit(nogil=True, cache=True, fastmath={"reassoc", "nsz", "contract"})
def tally(counts, p, number, mass):
    """Add the cells that ``quick`` decided to the census."""
    m0, m1, m2, m3 = 0.0, 0.0, 0.0, 0.0
    c0, c1, c2, c3 = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
    for i in range(len(counts)):
        k, x = counts[i], p[i]
        m0 += x if k == 0 else 0.0
        m1 += x if k == 1 else 0.0
        m2 += x if k == 2 else 0.0
        m3 += x if k == 3 else 0.0
    for i in range(len(counts)):
        k = counts[i]
        c0 += np.int32(k == 0)
        c1 += np.int32(k == 1)
        c2 += np.int32(k == 2)
        c3 += np.int32(k == 3)
    last = len(number) - 1
    for k, c, m in ((0, c0, m0), (1, c1, m1), (2, c2, m2), (3, c3, m3)):
        number[min(k, last)] += c
        mass[min(k, last)] += m
    return c1 + 2 * c2 + 3 * c3


@nb.njit(nogil=True, cache=True)
def search(p, before, point):
    """The cell in which ``point`` of [0, T) lies."""
    low, high = 0, len(before) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if before[middle] <= point:
            low = middle
        else:
            high = middle - 1
    rest = point - before[low]
    cell = last = low * TILE
    for i in range(cell, min(cell + TILE, len(p))):
        if p[i] > 0.0:
            last = i
            rest -= p[i]
            if rest < 0.0:
                break
    return last


@nb.njit(nogil=True, cache=True)
def sample(n, p, before, sum_p, seed, trial, words, small, counts, number, mass):
    """One sample of n points: the census of a trial, and its counts where ``counts`` has room for them.

    Without ``counts`` a cell's count is kept in a byte, which serves a census of at most 255 rows.
    """
    size, last, keep = len(p), len(number) - 1, len(counts) > 0
    rate = max(0.0, n - 2.0 * math.sqrt(n)) / sum_p
    attempt = 0
    while True:
        drawn = np.int64(0)
        number[:] = 0
        mass[:] = 0.0
        for a in range(0, size, STRIP):
            b = min(a + STRIP, size)
            fill(words, seed, np.uint32(SAMPLE | (attempt * TURNS) << 8), trial, np.uint64(a // 4))
            quick(words[: b - a], p[a:b], rate, small[a:b])
            drawn += tally(small[a:b], p[a:b], number, mass)
            for i in range(a, b):
                k = np.int64(small[i])
                if k == UNSURE:
                    k = exact(p[i] * rate, words[i - a], seed, trial, attempt, i)
                    number[min(k, last)] += 1
                    mass[min(k, last)] += p[i]
                    drawn += k
                    if k < UNSURE:
                        small[i] = np.uint8(k)
                if keep:
                    counts[i] = k
        if drawn <= n:
            break
        attempt += 1
    for j in range(n - drawn):
        turn = j % (STRIP // 2)
        if turn == 0:
            fill(words, seed, np.uint32(CORRECTION), trial, np.uint64(j // 2))
        i = search(p, before, unit(words[2 * turn], words[2 * turn + 1]) * sum_p)
        k = counts[i] if keep else np.int64(small[i])
        if keep:
            counts[i] = k + 1
        elif k < UNSURE:
            small[i] = np.uint8(k + 1)
        if k < last:
            number[k] -= 1
            mass[k] = mass[k] - p[i] if number[k] > 0 else 0.0
            number[k + 1] += 1
            mass[k + 1] += p[i]


@nb.njit(nogil=True, cache=True)
def trials(entries, given, size, n, seed, first, number, mass, frequency, counts):
    """The census of trials first, first + 1, ...: one row of ``number`` and ``mass`` each, ``mass`` as a share of T.

    ``given`` holds the frequencies themselves (one row for all trials or a row each); where it has no rows they are
    drawn from ``entries``. ``frequency`` and ``counts`` take the draws where they have a row for each trial.
    """
    words, index = np.empty(STRIP, np.uint32), np.empty(STRIP, np.uint32)
    scratch, small = np.empty(size), np.empty(size, np.uint8)
    before = np.empty(-(-size // TILE))
    spare = np.empty(size if number.shape[1] > UNSURE else 0, np.int64)
    for t in range(len(number)):
        trial = np.uint64(first + t)
        p = scratch
        if len(given) > 0:
            p = given[min(t, len(given) - 1)]
        else:
            frequencies(entries, seed, trial, words, index, p)
        sum_p = total(p, before)
        row = counts[t] if len(counts) > 0 else spare
        sample(n, p, before, sum_p, seed, trial, words, small, row, number[t], mass[t])
        for k in range(number.shape[1]):
            mass[t, k] /= sum_p
        if len(frequency) > 0:
            for i in range(size):
                frequency[t, i] = p[i] / sum_p


def census(source: Source, rng: Random, first: int, trials_: int, rows: int, workers: int) -> Census:
    """``kernels.census`` on this machine's cores."""
    number, mass = np.empty((trials_, rows), np.int64), np.empty((trials_, rows))
    _launch(source, rng, first, number, mass, np.empty((0, 0)), np.empty((0, 0), np.int64), workers)
    return Census(number, mass)


def draws(source: Source, rng: Random, first: int, trials_: int, workers: int) -> Draws:
    """``kernels.draws`` on this machine's cores."""
    number, mass = np.empty((trials_, 2), np.int64), np.empty((trials_, 2))
    frequency, counts = np.empty((trials_, source.size)), np.empty((trials_, source.size), np.int64)
    _launch(source, rng, first, number, mass, frequency, counts, workers)
    return Draws(counts, frequency)


def _launch(
    source: Source,
    rng: Random,
    first: int,
    number: Any,
    mass: Any,
    frequency: Any,
    counts: Any,
    workers: int,
) -> None:
    def work(a: int, b: int) -> None:
        given = source.given[a:b] if len(source.given) > 1 else source.given
        trials(
            source.entries,
            given,
            source.size,
            source.n,
            np.uint64(rng.seed),
            first + a,
            number[a:b],
            mass[a:b],
            frequency[a:b],
            counts[a:b],
        )

    share(work, len(number), workers)
