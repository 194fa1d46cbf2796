"""Poisson counts for the CPU, by the method of ``kernels.poisson``."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import Final

import numba as nb
import numpy as np

from longtail.core.compiled_cpu import compiled
from longtail.montecarlo.kernels.poisson import (
    HEAVY,
    LIMIT,
    MARGIN,
    SERIES,
    TURNS,
    UNSURE,
)
from longtail.philox import DOUBT, SAMPLE
from longtail.philox.block_cpu import block, word

FURTHER: Final = 16
_A0, _A1, _A2, _A3, _A4, _A5, _A6 = (np.float32(c) for c in SERIES)
_LIMIT, _MARGIN = np.float32(LIMIT), np.float32(MARGIN)
_EIGHTH, _HALF, _THIRD, _UNIT = np.float32(1 / 8), np.float32(1 / 2), np.float32(1 / 3), np.float32(2.0**-24)
_INVERSE = 1 / np.maximum(np.arange(128.0), 1)  # beyond 127, at a mean below HEAVY, is no mass a double can add
_LOG_2PI = math.log(2 * math.pi)


@compiled(fastmath={"contract"})
def quick(words, p, rate, out):
    """out[x] = the count of cell x, mean p[x]·rate, at ``words[x]``; UNSURE where single precision cannot tell."""
    for i in range(len(words)):
        mean = np.float32(p[i] * rate)
        u = np.float32(words[i] >> np.uint32(8)) * _UNIT
        x = mean * _EIGHTH
        e = _A0 + x * (_A1 + x * (_A2 + x * (_A3 + x * (_A4 + x * (_A5 + x * _A6)))))
        e = e * e
        e = e * e
        e = e * e
        threshold, term = e, e * mean
        count = np.int32(u >= threshold)
        gap = abs(u - threshold)
        threshold, term = threshold + term, term * mean * _HALF
        count += np.int32(u >= threshold)
        gap = min(gap, abs(u - threshold))
        threshold, term = threshold + term, term * mean * _THIRD
        count += np.int32(u >= threshold)
        gap = min(gap, abs(u - threshold))
        threshold = threshold + term
        count += np.int32(u >= threshold)
        gap = min(gap, abs(u - threshold))
        unsure = (gap < _MARGIN) | (mean > _LIMIT) | (count == 4)
        out[i] = np.uint8(UNSURE) if unsure else np.uint8(count)


@compiled(fastmath={"contract"})
def quick_on(words, p, rate, out):
    """``quick`` for the few cells that were seen more often: counts below ``FURTHER``, a threshold at a time."""
    many = len(words)
    mean, u, threshold, term, gap = np.empty((5, many), np.float32)
    for i in range(many):
        mean[i] = np.float32(p[i] * rate)
        u[i] = np.float32(words[i] >> np.uint32(8)) * _UNIT
        x = mean[i] * _EIGHTH
        e = _A0 + x * (_A1 + x * (_A2 + x * (_A3 + x * (_A4 + x * (_A5 + x * _A6)))))
        e = e * e
        e = e * e
        e = e * e
        threshold[i] = e
        term[i] = e
        gap[i] = abs(u[i] - e)
        out[i] = np.uint8(u[i] >= e)
    for k in range(1, FURTHER):
        inverse = np.float32(_INVERSE[k])
        for i in range(many):
            term[i] = term[i] * mean[i] * inverse
            threshold[i] = threshold[i] + term[i]
            gap[i] = min(gap[i], abs(u[i] - threshold[i]))
            out[i] += np.uint8(u[i] >= threshold[i])
    for i in range(many):
        if (gap[i] < _MARGIN) | (mean[i] > _LIMIT) | (out[i] == FURTHER):
            out[i] = np.uint8(UNSURE)


@nb.njit(inline="always")
def unit(high, low):
    """A double in [0, 1) from two words, a multiple of 2^-53."""
    return np.float64(((np.uint64(high) << np.uint64(32)) | np.uint64(low)) >> np.uint64(11)) * 2.0**-53


@compiled()
def log_law(k, mean):
    """log of the Poisson probability of k, for k ≥ 0 and mean ≥ HEAVY, to 1e-13 and better."""
    if k < 16:
        return k * math.log(mean) - mean - math.lgamma(k + 1.0)
    x = (k - mean) / mean
    if abs(x) < 0.1:  # (1 + x) log(1 + x) - x = Σ (-x)^j / (j (j - 1)), without the cancellation
        deviance, power, j = 0.0, x * x, 2.0
        while True:
            step = power / (j * (j - 1))
            deviance += step
            if abs(step) <= 1e-17 * deviance:
                break
            power *= -x
            j += 1
    else:
        deviance = (1 + x) * math.log1p(x) - x
    r = 1.0 / k
    stirling = r * (1 / 12 - r * r * (1 / 360 - r * r * (1 / 1260 - r * r / 1680)))
    return -mean * deviance - stirling - 0.5 * (_LOG_2PI + math.log(np.float64(k)))


@compiled()
def heavy(mean, seed, trial, attempt, cell):
    """PTRS at a mean ≥ HEAVY: block ``cell`` of streams of this attempt's own, one for each round of rejection."""
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse = 1.1239 + 1.1328 / (b - 3.4)
    squeeze = 0.9277 - 3.6224 / (b - 2)
    shift = np.uint64(32)
    turn = 1
    while True:
        stream = np.uint32(SAMPLE | (attempt * TURNS + turn) << 8)
        w0, w1, w2, w3 = block(
            np.uint32(cell),
            stream,
            np.uint32(trial),
            np.uint32(trial >> shift),
            np.uint32(seed),
            np.uint32(seed >> shift),
        )
        turn += 1
        u, v = unit(w0, w1) - 0.5, unit(w2, w3)
        us = 0.5 - abs(u)
        if us <= 0.0:
            continue
        k = math.floor((2 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= squeeze:
            return np.int64(k)
        if k < 0 or (us < 0.013 and v > us):
            continue
        if math.log(v * inverse / (a / (us * us) + b)) <= log_law(k, mean):
            return np.int64(k)


@compiled()
def exact(mean, first, seed, trial, attempt, cell):
    """The count of ``cell``, whose word is ``first``, in doubles."""
    if mean >= HEAVY:
        return heavy(mean, seed, trial, attempt, cell)
    u = np.float64(first) * 2.0**-32
    term = math.exp(-mean)
    threshold = term
    k = 0
    while u >= threshold and k < len(_INVERSE) - 1:
        k += 1
        term *= mean * _INVERSE[k]
        threshold += term
    if threshold - u < 2.0**-32:  # 32 bits do not tell this count from the next: take the others
        u = unit(first, word(seed, np.uint32(DOUBT | attempt << 8), trial, cell))
        while u >= threshold and k < len(_INVERSE) - 1:
            k += 1
            term *= mean * _INVERSE[k]
            threshold += term
    return np.int64(k)
