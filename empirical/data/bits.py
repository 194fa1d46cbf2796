"""Trials as bits: one row per example, one bit per trial, 64 trials a word.

A shard of 64 trials is exactly one word per example, so shards concatenate as columns of words. Bit k of word w is
trial 64 w + k; the bits past the last trial are 0, and so count for nothing in any AND.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from longtail.core import ArgumentError

Words = NDArray[np.uint64]


def pack(trials: NDArray[np.bool_]) -> Words:
    """(t, n) booleans to (n, ⌈t/64⌉) words.

    >>> pack(np.array([[True, False, True]]))
    array([[1],
           [0],
           [1]], dtype=uint64)
    """
    if trials.dtype != np.bool_ or trials.ndim != 2:
        raise ArgumentError("trials", f"{trials.dtype} of shape {trials.shape}", "give booleans of shape (trials, n)")
    t, n = trials.shape
    octets = np.zeros((-(-t // 64) * 8, n), np.uint8)
    octets[: -(-t // 8)] = np.packbits(trials, axis=0, bitorder="little")
    return np.ascontiguousarray(octets.T).view("<u8").astype(np.uint64, copy=False)


def column_sums(rows: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each bit is set in (t, b) packed rows: (8b,), as ``np.packbits`` lays them, by adders of whole rows.

    Three rows of one weight are their sum bit and their carry, a row of it and a row of twice the weight (Harley & Seal); each
    such step leaves a row less, so that t rows take t steps of five operations, and only the last few rows are unpacked.

    >>> column_sums(np.packbits([[True, False], [True, True], [True, False]], axis=1))[:2].tolist()
    [3, 1]
    """
    t, width = rows.shape
    level = np.zeros((t, -(-width // 8) * 8), np.uint8)
    level[:, :width] = rows
    level = level.view(np.uint64)
    total, weight = np.zeros(8 * width, np.int64), 1
    while len(level):
        carries = [level[:0]]
        while len(level) > 2:
            third = len(level) // 3
            a, b, c = (level[k * third : (k + 1) * third] for k in range(3))
            odd = a ^ b
            carries.append((a & b) | (odd & c))
            level = np.concatenate([odd ^ c, level[3 * third :]])
        total += weight * np.unpackbits(level.view(np.uint8)[:, :width], axis=1).sum(0, dtype=np.int64)
        level, weight = np.concatenate(carries), 2 * weight
    return total


def unpack(words: Words, t: int) -> NDArray[np.bool_]:
    """(n, w) words back to (t, n) booleans.

    >>> unpack(pack(np.array([[True, False, True]])), 1)
    array([[ True, False,  True]])
    """
    octets = np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8)
    return np.ascontiguousarray(np.unpackbits(octets, axis=1, count=t, bitorder="little").T).view(np.bool_)
