"""Subsets for numba: Philox words as ``longtail.philox`` has them, and the smallest keys by counting.

Of n keys, uniform on 64 bits, the highest bits say which of some n/8 bins each falls in; the bin that the m-th smallest
is in holds about eight, and only those are sorted. Work a trial: 2 n words of ten rounds, n keys read three times.

A block of examples of all trials is had without the others: ``near`` finds by one pass which key of a trial is the m-th
smallest, and holds those about it alone, √n of them; ``below`` then draws the block's keys again and compares.
"""

from __future__ import annotations

import numpy as np

from empirical.data.compiled_cpu import compiled
from longtail.philox.block_cpu import fill

CHUNK = 4096  # keys drawn at a time: they stay in first-level cache


@compiled()
def smallest(keys, members, m, chosen):
    """Set ``chosen`` at the ``m`` smallest keys among ``members``; of equal keys the first go in."""
    n = len(members)
    bits = 4
    while bits < 16 and 8 << bits < n:
        bits += 1
    shift = np.uint64(64 - bits)
    count = np.zeros(1 << bits, np.int64)
    for i in range(n):
        count[np.int64(keys[members[i]] >> shift)] += 1
    edge, below = 0, 0
    while below + count[edge] < m:
        below += count[edge]
        edge += 1
    inside, found = np.empty(count[edge], np.uint64), 0
    for i in range(n):
        key = keys[members[i]]
        at = np.int64(key >> shift)
        chosen[members[i]] = at < edge
        if at == edge:
            inside[found] = key
            found += 1
    for k in range(1, found):  # by insertion: they are few, and numba's sort takes longer to compile than all else here
        key, j = inside[k], k
        while j > 0 and inside[j - 1] > key:
            inside[j] = inside[j - 1]
            j -= 1
        inside[j] = key
    last = inside[m - below - 1]
    left = m - below
    for k in range(found):
        left -= inside[k] < last
    for i in range(n):
        key = keys[members[i]]
        if np.int64(key >> shift) == edge:
            if key < last:
                chosen[members[i]] = True
            elif key == last and left > 0:
                chosen[members[i]] = True
                left -= 1


@compiled()
def fixed(seed, stream, trials, order, starts, sizes, out):
    """Row r: of trial ``trials[r]``'s keys the ``sizes[r, c]`` smallest of group c, ``order[starts[c]:starts[c + 1]]``."""
    n = out.shape[1]
    words, keys = np.empty(-(-2 * n // 4) * 4, np.uint32), np.empty(n, np.uint64)
    for r in range(len(trials)):
        fill(words, seed, stream, np.uint64(trials[r]), np.uint64(0))
        for i in range(n):
            keys[i] = np.uint64(words[2 * i]) << np.uint64(32) | np.uint64(words[2 * i + 1])
        for c in range(sizes.shape[1]):
            if sizes[r, c] > 0:
                smallest(keys, order[starts[c] : starts[c + 1]], sizes[r, c], out[r])


@compiled()
def coins(seed, stream, trials, threshold, out):
    """Row r: where the words of trial ``trials[r]`` are below ``threshold``."""
    n = out.shape[1]
    words = np.empty(-(-n // 4) * 4, np.uint32)
    for r in range(len(trials)):
        fill(words, seed, stream, np.uint64(trials[r]), np.uint64(0))
        for i in range(n):
            out[r, i] = words[i] < threshold


@compiled()
def near(seed, stream, trial, n, low, high, keys, places):
    """How many of a trial's n keys are below ``low``, and how many from there to ``high``, which are put down with their places
    as long as there is room.
    """
    words = np.empty(2 * CHUNK, np.uint32)
    under, found = 0, 0
    for first in range(0, n, CHUNK):
        fill(words, seed, stream, np.uint64(trial), np.uint64(first // 2))
        for i in range(min(CHUNK, n - first)):
            key = np.uint64(words[2 * i]) << np.uint64(32) | np.uint64(words[2 * i + 1])
            if key < low:
                under += 1
            elif key <= high:
                if found < len(keys):
                    keys[found], places[found] = key, first + i
                found += 1
    return under, found


@compiled()
def below(seed, stream, trials, last, place, start, out):
    """Bit k of out[w, i]: whether the key of example ``start + i`` in trial 64 w + k is below that trial's ``last``, or equals it
    at a place up to ``place``; ``start`` is even.
    """
    words = np.empty(2 * CHUNK, np.uint32)
    size = out.shape[1]
    for w in range(out.shape[0]):
        for first in range(0, size, CHUNK):
            for k in range(min(64, len(trials) - 64 * w)):
                r, bit = 64 * w + k, np.uint64(k)
                fill(words, seed, stream, np.uint64(trials[r]), np.uint64((start + first) // 2))
                edge, tie = last[r], place[r] - start - first
                for i in range(min(CHUNK, size - first)):
                    key = np.uint64(words[2 * i]) << np.uint64(32) | np.uint64(words[2 * i + 1])
                    out[w, first + i] |= np.uint64((key < edge) | ((key == edge) & (i <= tie))) << bit


@compiled()
def coins_below(seed, stream, trials, threshold, start, out):
    """The same of ``coins``; ``start`` is a multiple of 4."""
    words = np.empty(CHUNK, np.uint32)
    size = out.shape[1]
    for w in range(out.shape[0]):
        for first in range(0, size, CHUNK):
            for k in range(min(64, len(trials) - 64 * w)):
                fill(words, seed, stream, np.uint64(trials[64 * w + k]), np.uint64((start + first) // 4))
                for i in range(min(CHUNK, size - first)):
                    out[w, first + i] |= np.uint64(words[i] < threshold) << np.uint64(k)
