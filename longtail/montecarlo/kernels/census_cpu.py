"""One simulated data set after another, compiled: how many subpopulations were seen ℓ times, and their mass.

For each trial, with T = Σ p and D = p/T:

1. p_x = list[floor(U L)], U uniform and L the list's length (or p given). Sums over tiles of 16 cells are kept.
2. Independent counts k_x ~ Poisson(m D_x), m a little below n; M = Σ k_x. If M > n, again with fresh words.
3. n − M points drawn from D, by search in the tile sums, each moving its cell from k to k + 1.

The counts are Multinomial(n, D) exactly: given M = j, Poisson counts are Multinomial(j, D), whatever m; accepting on
M ≤ n alone keeps that law given M; and Multinomial(j, D) plus an independent Multinomial(n − j, D) is
Multinomial(n, D), the same for every j, so mixing over M changes nothing.

The fraction of U L is uniform and independent of floor(U L), so that one random number serves twice: 1 takes the whole
part of it and 2, at its first attempt, the rest (``kernels.uniforms``).

At m = n − 2√n a fortieth of the attempts are repeated and 2√n points are added. Per cell this costs a random word, a
look-up, an exponential, 13 bytes written and 22 read in the second-level cache. Sums of doubles are taken in an order
written out here, lane by lane, and nothing is left to the compiler: T, and with it everything that is drawn, has the same
bits on every processor, but where a count hangs on the last bit of the C library's exp or log.
"""
# mypy: disable-error-code="no-untyped-def, assignment, arg-type"

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from longtail.core.compiled_cpu import compiled
from longtail.montecarlo.census import Census, Draws
from longtail.montecarlo.kernels.poisson import TURNS, UNSURE
from longtail.montecarlo.kernels.poisson_cpu import Stream, few, means, none, seldom, settle
from longtail.montecarlo.kernels.threads import share
from longtail.montecarlo.kernels.uniforms import LONGEST
from longtail.montecarlo.kernels.uniforms_cpu import look_up, unit
from longtail.philox import CORRECTION, FREQUENCIES, SAMPLE
from longtail.philox.block_cpu import fill

if TYPE_CHECKING:
    from longtail.core.arrays import Random
    from longtail.montecarlo.kernels import Source

TILE: Final = 16  # cells to a partial sum of T
LANES: Final = 8  # sums carried side by side
STRIP: Final = 1024  # cells handled at a time: what they need stays in the first-level cache
_UNSURES = np.uint64(0x8080808080808080)  # the bit that UNSURE has and counts from ``quick`` have not, eight times


class Cells(NamedTuple):
    """Subpopulations: how frequent each is, the sums of tiles before each, and how many they are; the rest are zeros."""

    p: Any
    before: Any
    size: int


class Room(NamedTuple):
    """Where a sample is drawn: random words, counts in bytes, and in full where there is room for them."""

    words: Any
    small: Any
    counts: Any


class Tally(NamedTuple):
    """How many subpopulations were seen ℓ times, and how frequent they are together."""

    number: Any
    mass: Any


class Lists(NamedTuple):
    """``given`` holds the frequencies themselves (one row for all trials or a row each); where it has no rows ``size`` of them
    are drawn from ``entries``.
    """

    entries: Any
    given: Any
    size: int
    n: int


class Kept(NamedTuple):
    """The draws themselves, where these have a row for each trial."""

    frequency: Any
    counts: Any


@compiled()
def tiles(p, before):
    """before[j] = the sum of tile j: cell i and cell i + 8 first, then these eight sums, two at a time."""
    lanes = np.empty(LANES * len(before))
    for j in range(len(before)):
        for lane in range(LANES):
            lanes[LANES * j + lane] = p[TILE * j + lane] + p[TILE * j + lane + LANES]
    for j in range(len(before)):
        i = LANES * j
        low = (lanes[i] + lanes[i + 1]) + (lanes[i + 2] + lanes[i + 3])
        high = (lanes[i + 4] + lanes[i + 5]) + (lanes[i + 6] + lanes[i + 7])
        before[j] = low + high


@compiled()
def total(before):
    """T, and before[j] = the sum of what comes before tile j, where it was that of the tile."""
    running = 0.0
    for j in range(len(before)):
        part = before[j]
        before[j] = running
        running += part
    return running


@compiled()
def frequencies(entries, row, size, seed, trial, words, p, before):
    """Fill ``p`` with independent uniform draws from ``entries``, one to a cell, or with ``row`` if it has any; T.

    What is in ``p`` past ``size``, to a multiple of ``TILE``, must be 0. ``words`` take the fractions that are left, where
    there is room for more than a strip of them, a whole number of strips then.
    """
    for a in range(0, size, STRIP):
        b, end = min(a + STRIP, size), min(a + STRIP, len(p))
        if len(row) > 0:
            for i in range(a, b):  # numba takes three seconds to compile the words of a slice's error
                p[i] = row[i]
        else:
            strip = words[a : a + STRIP] if len(words) > STRIP else words
            fill(strip, seed, np.uint32(FREQUENCIES), trial, np.uint64(a // 4))
            look_up(strip[: b - a], entries, a, seed, trial, p[a:b])
        tiles(p[a:end], before[a // TILE : end // TILE])
    return total(before)


@compiled()
def tally(eights, number):
    """Count the cells seen at most three times, eight to a word and at most 255 words; how many points they are.

    A count below 4 is two bits, UNSURE has the highest: sums of bytes that are 0 or 1 do not run into each other.
    """
    ones = np.uint64(0x0101010101010101)
    sure, odd, high, three = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
    for i in range(len(eights)):
        known = ~(eights[i] >> np.uint64(7)) & ones
        low, next_ = eights[i] & known, (eights[i] >> np.uint64(1)) & known
        sure += known
        odd += low
        high += next_
        three += low & next_
    c, c1, c2, c3 = across(sure), across(odd), across(high), across(three)
    last = len(number) - 1
    number[0] += c - c1 - c2 + c3
    number[min(1, last)] += c1 - c3
    number[min(2, last)] += c2 - c3
    number[min(3, last)] += c3
    return c1 + 2 * c2


@compiled()
def across(bytes_):
    """The sum of a word's eight bytes."""
    found = np.int64(0)
    for i in range(8):
        found += np.int64((bytes_ >> np.uint64(8 * i)) & np.uint64(255))
    return found


@compiled()
def weigh(counts, p, held):
    """held[lane, k] += p over each lane's cells that were seen k times; UNSURE, modulo 8, is 7.

    A lane's sums do not wait for another's: three loads, an addition and a store a cell, on any processor.
    """
    for i in range(0, len(counts), LANES):
        for lane in range(LANES):
            held[lane, counts[i + lane] & np.uint8(7)] += p[i + lane]


@compiled()
def weigh_unseen(counts, p, held):
    """held[i] += p over cells i, i + 128, ... of a strip that were not seen: ``weigh`` for strips of hardly anything else."""
    part = len(held)
    for i in range(part):
        sum_ = held[i]
        for j in range(8):
            sum_ += p[i + part * j] if counts[i + part * j] == 0 else 0.0
        held[i] = sum_


@compiled()
def unsure(counts, eights, out):
    """Where ``counts`` are UNSURE, in order, and how many: eight at a time where none is, else each without a branch."""
    many = 0
    for i in range(len(eights)):
        if eights[i] & _UNSURES != 0:
            for j in range(8 * i, 8 * i + 8):
                out[many] = j
                many += np.int64(counts[j] == UNSURE)
    return many


@compiled()
def search(p, before, point, cell):
    """The cells in which points of [0, T) lie: several searches at a time, as each step of one waits for memory."""
    many = len(point)
    for j in range(many):
        cell[j] = 0
    length = len(before)
    while length > 1:  # halving without a branch: which way it goes is as good as random
        half = length >> 1
        for j in range(many):
            cell[j] += half if before[cell[j] + half] <= point[j] else 0
        length -= half
    for j in range(many):
        start = TILE * cell[j]
        rest, passed = point[j] - before[cell[j]], 0
        for i in range(TILE):
            rest -= p[start + i]
            passed += rest >= 0.0
        last = start + passed
        if passed == TILE:  # rounding alone leads past the end of a tile
            last -= 1
            while last > 0 and p[last] == 0.0:
                last -= 1
        cell[j] = last


@compiled()
def poisson(cells, rate, stream, shared, room, out):
    """Poisson counts, means p·rate, and their census; how many points they are.

    At the first attempt, where ``shared`` is the list's length and not 0, the words are the fractions left of its look-ups.
    A strip after one of which hardly a cell was seen is first searched for cells that may have been.
    """
    p, size, attempt = cells.p, cells.size, stream.attempt
    words, small, counts = room.words, room.small, room.counts
    number, mass = out.number, out.mass
    last, keep = len(number) - 1, len(counts) > 0
    listed = shared if attempt == 0 else 0
    eights, held, unseen = small.view(np.uint64), np.zeros((LANES, 8)), np.zeros(STRIP // 8)
    mean, never = np.empty(STRIP, np.float32), np.empty(STRIP, np.float32)
    where, waiting, many = np.empty(STRIP + 1, np.int64), np.empty(4 * STRIP, np.int64), 0
    late, weight, found = np.empty(4 * STRIP, np.uint32), np.empty(4 * STRIP), np.empty(4 * STRIP, np.int64)
    drawn, seen = np.int64(0), np.int64(STRIP)
    number[:] = 0
    mass[:] = 0.0
    for a in range(0, size, STRIP):
        b, end = min(a + STRIP, size), min(a + STRIP, len(small))
        if listed > 0:
            strip = words[a:b]
        else:
            turn = np.uint32(SAMPLE | (attempt * TURNS) << 8)
            fill(words[:STRIP], stream.seed, turn, stream.trial, np.uint64(a // 4))
            strip = words[: b - a]
        means(p[a:b], rate, mean)
        rare = b == a + STRIP and seen < STRIP // 32
        if rare:
            seldom(strip, mean, listed, small[a:b])
            weigh_unseen(small[a:b], p[a:b], unseen)
        else:
            none(mean[: b - a], never)
            few(strip, mean, never, listed, small[a:b])
            weigh(small[a:end], p[a:end], held)
        zeros = number[0]
        drawn += tally(eights[a // 8 : end // 8], number)
        seen = b - a - (number[0] - zeros)
        for j in range(unsure(small[a:end], eights[a // 8 : end // 8], where)):
            i = where[j]
            if i < b - a:
                waiting[many], late[many], weight[many] = a + i, strip[i], p[a + i]
                many += 1
        if keep:
            for i in range(a, b):
                counts[i] = small[i]
        if many > len(waiting) - STRIP or b == size:
            settle(late[:many], waiting, weight[:many], rate, stream, listed, found)
            for j in range(many):
                i, k = waiting[j], found[j]
                number[min(k, last)] += 1
                mass[min(k, last)] += weight[j]
                drawn += k
                small[i] = np.uint8(min(k, UNSURE))
                if keep:
                    counts[i] = k
            many = 0
    for k in range(4):
        for lane in range(LANES):
            mass[min(k, last)] += held[lane, k]
    for i in range(len(unseen)):
        mass[0] += unseen[i]
    return drawn


@compiled()
def sample(n, cells, sum_p, stream, shared, room, out):
    """One sample of n points: the census of a trial, and its counts where there is room for them.

    Without it a cell's count is kept in a byte, which serves a census of at most 255 rows.
    """
    p, words, small, counts, number, mass = cells.p, room.words, room.small, room.counts, out.number, out.mass
    last, keep = len(number) - 1, len(counts) > 0
    rate = max(0.0, n - 2.0 * math.sqrt(n)) / sum_p
    drawn, attempt = np.int64(n + 1), -1
    while drawn > n:
        attempt += 1
        drawn = poisson(cells, rate, Stream(stream.seed, stream.trial, attempt), shared, room, out)
    point, cell = np.empty(STRIP // 2), np.empty(STRIP // 2, np.int64)
    for a in range(0, n - drawn, STRIP // 2):
        many = min(STRIP // 2, n - drawn - a)
        fill(words[:STRIP], stream.seed, np.uint32(CORRECTION), stream.trial, np.uint64(a // 2))
        for j in range(many):
            point[j] = unit(words[2 * j], words[2 * j + 1]) * sum_p
        search(p, cells.before, point[:many], cell)
        for j in range(many):
            i = cell[j]
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
def trials(lists, seed, first, out, kept):
    """The census of trials first, first + 1, ...: one row of ``out`` each, masses as shares of T."""
    entries, given, size = lists.entries, lists.given, lists.size
    number, mass, frequency, counts = out.number, out.mass, kept.frequency, kept.counts
    shared = len(entries) if len(given) == 0 and len(entries) <= LONGEST else 0
    strips, tiled = -(-size // STRIP), -(-size // TILE)
    words = np.empty(STRIP * (strips if shared > 0 else 1), np.uint32)
    p, before = np.zeros(TILE * tiled), np.empty(tiled)  # beyond ``size`` zeros, and below counts that are never read
    small = np.full(TILE * tiled, UNSURE, np.uint8)
    spare = np.empty(size if number.shape[1] > UNSURE else 0, np.int64)
    sum_p = 0.0
    for t in range(len(number)):
        trial = np.uint64(first + t)
        if t == 0 or len(given) != 1:
            row = given[t] if len(given) > 0 else entries[:0]
            sum_p = frequencies(entries, row, size, seed, trial, words, p, before)
        own = counts[t] if len(counts) > 0 else spare
        cells, room = Cells(p, before, size), Room(words, small, own)
        sample(lists.n, cells, sum_p, Stream(seed, trial, 0), shared, room, Tally(number[t], mass[t]))
        for k in range(number.shape[1]):
            mass[t, k] /= sum_p
        if len(frequency) > 0:
            for i in range(size):
                frequency[t, i] = p[i] / sum_p


def census(source: Source, rng: Random, first: int, trials_: int, rows: int, workers: int) -> Census:
    """``kernels.census`` on this machine's cores."""
    number, mass = np.empty((trials_, rows), np.int64), np.empty((trials_, rows))
    _launch(source, rng, first, Tally(number, mass), Kept(np.empty((0, 0)), np.empty((0, 0), np.int64)), workers)
    return Census(number, mass)


def draws(source: Source, rng: Random, first: int, trials_: int, workers: int) -> Draws:
    """``kernels.draws`` on this machine's cores."""
    number, mass = np.empty((trials_, 2), np.int64), np.empty((trials_, 2))
    frequency, counts = np.empty((trials_, source.size)), np.empty((trials_, source.size), np.int64)
    _launch(source, rng, first, Tally(number, mass), Kept(frequency, counts), workers)
    return Draws(counts, frequency)


def _launch(source: Source, rng: Random, first: int, tally: Tally, kept: Kept, workers: int) -> None:
    def work(a: int, b: int) -> None:
        given = source.given[a:b] if len(source.given) > 1 else source.given
        lists = Lists(source.entries, given, source.size, source.n)
        own = Tally(tally.number[a:b], tally.mass[a:b])
        trials(lists, np.uint64(rng.seed), first + a, own, Kept(kept.frequency[a:b], kept.counts[a:b]))

    share(work, len(tally.number), workers)
