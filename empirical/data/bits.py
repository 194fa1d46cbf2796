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
    """(t, n) booleans to (n, ⌈t/64⌉) words."""
    if trials.dtype != np.bool_ or trials.ndim != 2:
        raise ArgumentError("trials", f"{trials.dtype} of shape {trials.shape}", "give booleans of shape (trials, n)")
    t, n = trials.shape
    octets = np.zeros((-(-t // 64) * 8, n), np.uint8)
    octets[: -(-t // 8)] = np.packbits(trials, axis=0, bitorder="little")
    return np.ascontiguousarray(octets.T).view("<u8").astype(np.uint64, copy=False)


def unpack(words: Words, t: int) -> NDArray[np.bool_]:
    """(n, w) words back to (t, n) booleans."""
    octets = np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8)
    return np.ascontiguousarray(np.unpackbits(octets, axis=1, count=t, bitorder="little").T).view(np.bool_)
