"""AND and popcount in numba: how many trials two examples share.

Lanes are test examples: word w of 64 of them is 8 vectors, against which 4 words of 4 training examples are
broadcast, so that no sum ever runs across a vector and each load serves 4 training examples. A block of 64 tests × 4
words stays in first-level cache while all training examples pass. LLVM turns the population count into ``vpopcntq``
where the CPU has it, and into table look-ups where it does not.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba as nb
import numpy as np
from numba.extending import intrinsic
from numpy.typing import NDArray

from empirical.data.compiled_cpu import compiled

LANES = 64  # test examples a block
ROWS = 4  # training examples a block
STEP = 4  # words a pass


class Counted(NamedTuple):
    """In how many of so many trials each training example was in, and in how many each test example was right."""

    inside: NDArray[np.int64]
    totals: NDArray[np.int64]
    trials: int


class Found(NamedTuple):
    """Pairs: places of the training and the test example, and in how many trials the one was in and the other right."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    times: NDArray[np.int64]


def _popcount(typing: Any, word: Any) -> Any:
    """Bits set in a 64-bit word."""
    return nb.types.uint64(nb.types.uint64), lambda context, builder, signature, args: builder.ctpop(args[0])


popcount: Any = intrinsic(_popcount)


@compiled()
def shared(a, b, first, sums):
    """Counts of ones in a[first + r] & b[:, j], for 4 rows r and 64 columns j."""
    s0, s1, s2, s3 = sums[0], sums[1], sums[2], sums[3]
    for j in range(LANES):
        s0[j] = 0
        s1[j] = 0
        s2[j] = 0
        s3[j] = 0
    a0, a1, a2, a3 = a[first], a[first + 1], a[first + 2], a[first + 3]
    for w in range(0, b.shape[0], STEP):
        x00, x01, x02, x03 = a0[w], a0[w + 1], a0[w + 2], a0[w + 3]
        x10, x11, x12, x13 = a1[w], a1[w + 1], a1[w + 2], a1[w + 3]
        x20, x21, x22, x23 = a2[w], a2[w + 1], a2[w + 2], a2[w + 3]
        x30, x31, x32, x33 = a3[w], a3[w + 1], a3[w + 2], a3[w + 3]
        b0, b1, b2, b3 = b[w], b[w + 1], b[w + 2], b[w + 3]
        for j in range(LANES):
            y0, y1, y2, y3 = b0[j], b1[j], b2[j], b3[j]
            s0[j] += (popcount(x00 & y0) + popcount(x01 & y1)) + (popcount(x02 & y2) + popcount(x03 & y3))
            s1[j] += (popcount(x10 & y0) + popcount(x11 & y1)) + (popcount(x12 & y2) + popcount(x13 & y3))
            s2[j] += (popcount(x20 & y0) + popcount(x21 & y1)) + (popcount(x22 & y2) + popcount(x23 & y3))
            s3[j] += (popcount(x30 & y0) + popcount(x31 & y1)) + (popcount(x32 & y2) + popcount(x33 & y3))


@compiled()
def counts(a, blocks, out):
    """out[i, j] = ones in a[i] & b[j]; ``blocks`` is b as (block, word, lane), ``out`` as wide as its lanes."""
    sums = np.empty((ROWS, LANES), np.uint64)
    for c in range(blocks.shape[0]):
        for i in range(0, a.shape[0], ROWS):
            shared(a, blocks[c], i, sums)
            for r in range(ROWS):
                for j in range(LANES):
                    out[i + r, c * LANES + j] = sums[r, j]


@compiled()
def hits(a, blocks, counted, threshold, start, pairs):
    """Fill ``pairs`` with those at or above ``threshold`` from step ``start`` on; how many, and where to
    go on.

    A pair is tried in whole numbers first: influence ≥ θ where count ≥ (θ + total/out) / (1/in + 1/out), less a margin
    for rounding; those that pass are judged by the dense formula itself, so that hits are the dense computation's.
    """
    sums = np.empty((ROWS, LANES), np.uint64)
    passed = np.empty(LANES, np.uint8)
    inside, totals, trials = counted
    row, column, count = pairs
    n, found = inside.shape[0], 0
    steps = a.shape[0] // ROWS
    for step in range(start, blocks.shape[0] * steps):
        if found + ROWS * LANES > row.shape[0]:
            return found, step
        c, i = step // steps, step % steps * ROWS
        shared(a, blocks[c], i, sums)
        for r in range(min(ROWS, n - i)):
            within = inside[i + r]
            without = trials - within
            if within == 0 or without == 0:
                continue
            slope = 1.0 / (1.0 / within + 1.0 / without)
            offset, rate = threshold * slope - 1e-6, slope / without
            line, total = sums[r], totals[c * LANES : (c + 1) * LANES]
            some = 0
            for j in range(LANES):
                passed[j] = np.float64(line[j]) >= offset + rate * total[j]
                some += passed[j]
            if some == 0:
                continue
            for j in range(LANES):
                if passed[j]:
                    here = np.int64(line[j])
                    if here / within - (total[j] - here) / without >= threshold:
                        row[found], column[found], count[found] = i + r, c * LANES + j, here
                        found += 1
    return found, blocks.shape[0] * steps
