"""Philox4x32-10 for numba: the words of ``longtail.philox``, one block at a time, for the ``*_cpu`` kernels."""

from __future__ import annotations

import numba as nb
import numpy as np

from longtail.core.compiled_cpu import compiled
from longtail.philox import MULTIPLIERS, ROUNDS, WEYL, Words

_M0, _M1 = (np.uint64(m) for m in MULTIPLIERS)
_W0, _W1 = (np.uint32(w) for w in WEYL)
_SHIFT, _LOW = np.uint64(32), np.uint64(2**32 - 1)
_U32 = nb.types.uint32


@nb.njit(inline="always")
def block(c0, c1, c2, c3, k0, k1):
    """The four words of counter (c0, c1, c2, c3) under key (k0, k1), all uint32."""
    for _ in range(ROUNDS):
        p0 = np.uint64(c0) * _M0
        p1 = np.uint64(c2) * _M1
        c0, c1 = np.uint32(p1 >> _SHIFT) ^ c1 ^ k0, np.uint32(p1)
        c2, c3 = np.uint32(p0 >> _SHIFT) ^ c3 ^ k1, np.uint32(p0)
        k0 = np.uint32(k0 + _W0)
        k1 = np.uint32(k1 + _W1)
    return c0, c1, c2, c3


@nb.njit(inline="always")
def word(seed, stream, trial, i):
    """Word ``i`` of (seed, stream, trial): seed and trial uint64, i an integer."""
    a, b, c, d = block(
        np.uint32(np.uint64(i) >> np.uint64(2)),
        np.uint32(stream),
        np.uint32(trial),
        np.uint32(trial >> _SHIFT),
        np.uint32(seed),
        np.uint32(seed >> _SHIFT),
    )
    lane = np.uint64(i) & np.uint64(3)
    if lane == 0:
        return a
    if lane == 1:
        return b
    if lane == 2:
        return c
    return d


@nb.njit(inline="always")
def wide(c0, c1, c2, c3, k0, k1):
    """A round of ``block`` on words each alone in 64 bits, as vectors of products have them."""
    p0, p1 = c0 * _M0, c2 * _M1
    return (p1 >> _SHIFT) ^ c1 ^ np.uint64(k0), p1 & _LOW, (p0 >> _SHIFT) ^ c3 ^ np.uint64(k1), p0 & _LOW


@compiled()
def fill(out, seed, stream, trial, first):
    """Write words 4·first, 4·first + 1, ... of (seed, stream, trial) to ``out``, whose length is a multiple of 4.

    In lanes, two blocks in each: a round waits for its products, and the other block's are made meanwhile.
    """
    s, t0, t1 = np.uint64(stream), trial & _LOW, trial >> _SHIFT
    pairs = out.view(np.uint64)
    half = len(out) // 8
    for b in range(half):
        a0, a1, a2, a3 = (np.uint64(first) + np.uint64(b)) & _LOW, s, t0, t1
        b0, b1, b2, b3 = (np.uint64(first) + np.uint64(b + half)) & _LOW, s, t0, t1
        k0, k1 = np.uint32(seed), np.uint32(seed >> _SHIFT)
        for _ in range(ROUNDS):
            a0, a1, a2, a3 = wide(a0, a1, a2, a3, k0, k1)
            b0, b1, b2, b3 = wide(b0, b1, b2, b3, k0, k1)
            k0, k1 = np.uint32(k0 + _W0), np.uint32(k1 + _W1)
        pairs[2 * b], pairs[2 * b + 1] = a0 | a1 << _SHIFT, a2 | a3 << _SHIFT
        pairs[2 * (b + half)], pairs[2 * (b + half) + 1] = b0 | b1 << _SHIFT, b2 | b3 << _SHIFT
    for b in range(2 * half, len(out) // 4):
        w0, w1, w2, w3 = block(
            np.uint32(first + b), np.uint32(s), np.uint32(t0), np.uint32(t1), np.uint32(seed), np.uint32(seed >> _SHIFT)
        )
        out[4 * b], out[4 * b + 1], out[4 * b + 2], out[4 * b + 3] = w0, w1, w2, w3


def words(seed: int, stream: int, trial: int, start: int, count: int) -> Words:
    """``longtail.philox.words`` for one trial, compiled."""
    first, last = start // 4, -(-(start + count) // 4)
    out = np.empty(4 * (last - first), np.uint32)
    fill(out, np.uint64(seed), np.uint32(stream), np.uint64(trial), np.uint64(first))
    return out[start - 4 * first : start - 4 * first + count]
