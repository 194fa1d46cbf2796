"""Scores as 16-bit keys, counted, and what a model's guesses come to."""

from __future__ import annotations

import numpy as np

from empirical.data.compiled_cpu import compiled

ZERO = 0x8000  # the key of 0
LARGEST = 0x7BFF  # of 65,504, from 0's


@compiled()
def keys(bits, out):
    """Keys of single-precision numbers, given as their bits: 11 binary digits, from 2^−14 to 65,504, what is less being 0."""
    for k in range(bits.shape[0]):
        for i in range(bits.shape[1]):
            size = np.int32((bits[k, i] & np.uint32(0x7FFFFFFF)) + np.uint32(0x1000) >> np.uint32(13)) - np.int32(
                112 << 10
            )
            size = min(max(size, np.int32(0)), np.int32(LARGEST))
            negative = bits[k, i] >> np.uint32(31) != 0 and size > 0
            out[k, i] = np.uint16(ZERO - 1 - size if negative else ZERO + size)


@compiled()
def count(key, masks, members, others):
    """Add the members and others of a block to those with their key."""
    for k in range(key.shape[0]):
        for i in range(key.shape[1]):
            if masks[k, i]:
                members[key[k, i]] += 1
            else:
                others[key[k, i]] += 1


@compiled()
def tally(key, masks, thresholds, shares, below, above, rates, places, caught):
    """Of each model the guesses at every threshold (rates[k, j] of members and others) and the summed places of both.

    ``caught`` adds up the members that the last threshold finds, by example.
    """
    for k in range(key.shape[0]):
        row, inside = key[k], masks[k]
        for j in range(thresholds.shape[0]):
            most, share, a, b = thresholds[j], shares[j], 0.0, 0.0
            for i in range(row.shape[0]):
                guess = 1.0 if row[i] > most else (share if row[i] == most else 0.0)
                part = guess if inside[i] else 0.0
                a += part
                b += guess - part
            rates[k, j, 0], rates[k, j, 1] = a, b
        low, high = 0.0, 0.0
        for i in range(row.shape[0]):
            if inside[i]:
                low += below[row[i]]
                caught[i] += 1.0 if row[i] > most else (share if row[i] == most else 0.0)
            else:
                high += above[row[i]]
        places[k, 0], places[k, 1] = low, high
