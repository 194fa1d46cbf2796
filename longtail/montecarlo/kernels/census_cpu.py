"""One simulated data set after another, compiled: how many subpopulations were seen ℓ times, and their mass.

For each trial, with T = Σ p and D = p/T:

1. p_x = list[floor(U N)], U uniform (or p given). Sums over tiles of 32 cells are kept.
2. Independent counts k_x ~ Poisson(m D_x), m a little below n; M = Σ k_x. If M > n, again with fresh words.
3. n − M points drawn from D, by search in the tile sums, each moving its cell from k to k + 1.

The counts are Multinomial(n, D) exactly: given M = j, Poisson counts are Multinomial(j, D), whatever m; accepting on
M ≤ n alone keeps that law given M; and Multinomial(j, D) plus an independent Multinomial(n − j, D) is
Multinomial(n, D), the same for every j, so mixing over M changes nothing.

At m = n − 2√n a fortieth of the attempts are repeated and 2√n points are added. Per cell this costs two random words
(8 bytes that stay in cache), a look-up, 13 bytes written and 22 read in the second-level cache, and an exponential.
"""
# mypy: disable-error-code="no-untyped-def, assignment, arg-type"

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from longtail.core.compiled_cpu import compiled
from longtail.montecarlo.census import Census, Draws
from longtail.montecarlo.kernels.poisson import TURNS, UNSURE
from longtail.montecarlo.kernels.poisson_cpu import exact, quick, quick_on, unit
from longtail.montecarlo.kernels.threads import share
from longtail.philox import CORRECTION, FREQUENCIES, SAMPLE
from longtail.philox.block_cpu import fill, word

if TYPE_CHECKING:
    from longtail.core.arrays import Random
    from longtail.montecarlo.kernels import Source

TILE: Final = 32  # cells to a partial sum of T
STRIP: Final = 1024  # cells handled at a time: what they need stays in the first-level cache
_SHIFT = np.uint64(32)
_UNSURES = np.uint64(0x8080808080808080)  # the bit that UNSURE has and counts from ``quick`` have not, eight times
_SECOND = FREQUENCIES | 1 << 8  # the next 32 bits of a FREQUENCIES word


@compiled()
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


@compiled()
def frequencies(entries, seed, trial, words, index, p):
    """Fill ``p`` with independent uniform draws from ``entries``, one to a cell."""
    size = np.uint64(len(entries))
    for a in range(0, len(p), STRIP):
        b = min(a + STRIP, len(p))
        fill(words, seed, np.uint32(FREQUENCIES), trial, np.uint64(a // 4))
        choose(words[: b - a], size, a, seed, trial, index)
        for i in range(b - a):
            p[a + i] = entries[index[i]]


@compiled(fastmath={"reassoc", "nsz", "contract"})
def total(p, before):
    """T = Σ p; before[j] = the sum of what comes before tile j."""
    running = 0.0
    for j in range(len(before)):
        before[j] = running
        part, start = 0.0, j * TILE
        if start + TILE <= len(p):  # a length known when compiled, which is three times as fast
            for i in range(TILE):
                part += p[start + i]
        else:
            for i in range(start, len(p)):
                part += p[i]
        running += part
    return running


@compiled(fastmath={"reassoc", "nsz", "contract"})
def tally(counts, p, number, mass):
    """Add the cells seen at most three times to the census; their points."""
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


@compiled()
def search(p, before, point):
    """The cell in which ``point`` of [0, T) lies."""
    low, length = 0, len(before)
    while length > 1:  # halving without a branch: which way it goes is as good as random
        half = length >> 1
        low += half * np.int64(before[low + half] <= point)
        length -= half
    rest = point - before[low]
    cell = last = low * TILE
    for i in range(cell, min(cell + TILE, len(p))):
        if p[i] > 0.0:
            last = i
            rest -= p[i]
            if rest < 0.0:
                break
    return last


@compiled()
def sample(n, p, before, sum_p, seed, trial, words, small, counts, number, mass):
    """One sample of n points: the census of a trial, and its counts where ``counts`` has room for them.

    Without ``counts`` a cell's count is kept in a byte, which serves a census of at most 255 rows.
    """
    size, last, keep = len(p), len(number) - 1, len(counts) > 0
    rate = max(0.0, n - 2.0 * math.sqrt(n)) / sum_p
    eights = small.view(np.uint64)
    waiting, held = np.empty(4 * STRIP, np.int64), 0
    late, share, found = np.empty(4 * STRIP, np.uint32), np.empty(4 * STRIP), np.empty(4 * STRIP, np.uint8)
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
            for eight in range(a // 8, (b + 7) // 8):
                if eights[eight] & _UNSURES == 0:
                    continue
                for i in range(8 * eight, min(8 * eight + 8, b)):
                    if small[i] == UNSURE:
                        waiting[held], late[held], share[held] = i, words[i - a], p[i]
                        held += 1
            if held > len(waiting) - STRIP or b == size:
                quick_on(late[:held], share[:held], rate, found)
                for j in range(held):
                    i, k = waiting[j], np.int64(found[j])
                    if k == UNSURE:
                        k = exact(p[i] * rate, late[j], seed, trial, attempt, i)
                    number[min(k, last)] += 1
                    mass[min(k, last)] += p[i]
                    drawn += k
                    small[i] = np.uint8(min(k, UNSURE))
                    if keep:
                        counts[i] = k
                held = 0
            if keep:
                for i in range(a, b):
                    if small[i] < UNSURE:
                        counts[i] = small[i]
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


@compiled()
def trials(entries, given, size, n, seed, first, number, mass, frequency, counts):
    """The census of trials first, first + 1, ...: one row of ``number`` and ``mass`` each, ``mass`` as a share of T.

    ``given`` holds the frequencies themselves (one row for all trials or a row each); where it has no rows they are
    drawn from ``entries``. ``frequency`` and ``counts`` take the draws where they have a row for each trial.
    """
    words, index = np.empty(STRIP, np.uint32), np.empty(STRIP, np.uint32)
    scratch, small = np.empty(size), np.zeros(-(-size // 8) * 8, np.uint8)
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
