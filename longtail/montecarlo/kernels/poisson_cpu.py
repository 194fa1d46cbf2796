"""Poisson counts for the CPU, by the method of ``kernels.poisson``."""
# mypy: disable-error-code="no-untyped-def, assignment"

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np

from longtail.core.compiled_cpu import compiled
from longtail.montecarlo.kernels.poisson import HEAVY, LIMIT, MARGIN, SERIES, TURNS, UNSURE
from longtail.montecarlo.kernels.uniforms_cpu import parts, unit
from longtail.philox import DOUBT, FREQUENCIES, SAMPLE
from longtail.philox.block_cpu import block, word

FURTHER: Final = 16
_UNITS = 2.0**24  # probabilities in single precision are in units of 2^-24, as the upper 24 bits of a word are
_A0, _A1, _A2, _A3, _A4, _A5, _A6 = (np.float32(8 * c / 8**i) for i, c in enumerate(SERIES))  # for mean/8, and 8th root
_LIMIT, _HALF, _THIRD = np.float32(LIMIT), np.float32(1 / 2), np.float32(1 / 3)
_INVERSE = 1 / np.maximum(np.arange(128.0), 1)  # beyond 127, at a mean below HEAVY, is no mass a double can add
_LOG_2PI = math.log(2 * math.pi)


class Stream(NamedTuple):
    """Which random words: of what seed, trial and attempt."""

    seed: Any
    trial: Any
    attempt: int


@compiled()
def means(p, rate, mean):
    """mean = p·rate in single precision."""
    for i in range(len(p)):
        mean[i] = np.float32(p[i] * rate)


@compiled(fastmath={"contract"})
def none(mean, never):
    """never = e^(−mean), up to means of ``LIMIT``: 16 operations a cell, in lanes."""
    for i in range(len(mean)):
        x = mean[i]
        y = x * x  # the series in three parts, which do not wait for each other
        e = ((_A0 + x * _A1) + y * (_A2 + x * _A3)) + (y * y) * ((_A4 + x * _A5) + y * _A6)
        e = e * e
        e = e * e
        e = e * e
        never[i] = e


@compiled(fastmath={"contract"})
def seldom(words, mean, listed, out):
    """0 where a cell was surely not seen, as u < 1 − mean ≤ e^(−mean); else UNSURE: 6 operations a cell, in lanes."""
    margin = np.float32((MARGIN + listed * 2.0**-32) * _UNITS)
    units = np.float32(_UNITS)
    for i in range(len(words)):
        u = np.float32(np.int32(words[i] >> np.uint32(8)))
        out[i] = np.uint8(0) if u + mean[i] * units + margin < units else np.uint8(UNSURE)


@compiled(fastmath={"contract"})
def few(words, mean, never, listed, out):
    """out[x] = the count of cell x at ``words[x]``, UNSURE where single precision cannot tell: 30 operations, in lanes.

    A word's further bits add less than max(1, ``listed``)/2^32 to it.
    """
    margin = np.float32((MARGIN + listed * 2.0**-32) * _UNITS)
    for i in range(len(words)):
        u = np.float32(np.int32(words[i] >> np.uint32(8)))
        x, t0 = mean[i], never[i]
        term = t0 * x
        t1 = t0 + term
        term = term * (x * _HALF)
        t2 = t1 + term
        t3 = t2 + term * (x * _THIRD)
        d0, d1, d2 = u - t0, u - t1, u - t2
        clear = min(min(abs(d0), abs(d1)), min(abs(d2), t3 - u))  # from t3 on, sure is only what lies below
        count = np.int32(np.int32(np.int32(d0 >= 0) + np.int32(d1 >= 0)) + np.int32(d2 >= 0))
        unsure = (clear < margin) | (x > _LIMIT)
        out[i] = np.uint8(UNSURE) if unsure else np.uint8(count)


@compiled()
def quick(words, p, rate, out, listed=0):
    """out[x] = the count of cell x, mean p[x]·rate, at ``words[x]``; UNSURE where single precision cannot tell."""
    mean, never = np.empty(len(words), np.float32), np.empty(len(words), np.float32)
    means(p, rate, mean)
    none(mean, never)
    few(words, mean, never, listed, out)


@compiled(fastmath={"contract"})
def next_threshold(u, mean, inverse, term, threshold, clear, count):
    """One threshold more for all cells: 8 operations a cell, in lanes."""
    for i in range(len(u)):
        step = term[i] * (mean[i] * inverse)
        reached = threshold[i] + step
        over, least = u[i] - reached, clear[i]
        near = abs(over)
        term[i], threshold[i] = step, reached
        clear[i] = near if near < least else least
        count[i] = np.int32(count[i] + np.int32(over >= 0))


@compiled()
def quick_on(words, p, rate, out, listed=0):
    """``quick`` for the few cells that were seen more often: counts below ``FURTHER``, a threshold at a time."""
    many = len(words)
    mean, u, threshold = np.empty(many, np.float32), np.empty(many, np.float32), np.empty(many, np.float32)
    term, clear, count = np.empty(many, np.float32), np.empty(many, np.float32), np.empty(many, np.int32)
    means(p, rate, mean)
    none(mean, term)
    for i in range(many):
        u[i] = np.float32(np.int32(words[i] >> np.uint32(8)))
        threshold[i] = term[i]
        clear[i] = abs(u[i] - term[i])
        count[i] = np.int32(u[i] >= term[i])
    for k in range(1, FURTHER):
        next_threshold(u, mean, np.float32(_INVERSE[k]), term, threshold, clear, count)
    margin = np.float32((MARGIN + listed * 2.0**-32) * _UNITS)
    for i in range(many):
        unsure = (clear[i] < margin) | (mean[i] > _LIMIT) | (count[i] == FURTHER)
        out[i] = np.uint8(UNSURE) if unsure else np.uint8(count[i])


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
def heavies(means_, cells, seed, trial, attempt, out):
    """``heavy`` for many cells at a time, in lanes, where its first round is quick; −1 elsewhere, as below ``HEAVY``."""
    shift = np.uint64(32)
    stream = np.uint32(SAMPLE | (attempt * TURNS + 1) << 8)
    many = len(means_)
    u, v = np.empty(many), np.empty(many)
    for i in range(many):
        w0, w1, w2, w3 = block(
            np.uint32(cells[i]),
            stream,
            np.uint32(trial),
            np.uint32(trial >> shift),
            np.uint32(seed),
            np.uint32(seed >> shift),
        )
        u[i], v[i] = unit(w0, w1) - 0.5, unit(w2, w3)
    for i in range(many):
        mean = max(means_[i], HEAVY)
        b = 0.931 + 2.53 * math.sqrt(mean)
        a = -0.059 + 0.02483 * b
        squeeze = 0.9277 - 3.6224 / (b - 2)
        us = 0.5 - abs(u[i])
        k = math.floor((2 * a / us + b) * u[i] + mean + 0.43)
        quick_ = (us >= 0.07) & (v[i] <= squeeze) & (means_[i] >= HEAVY)
        out[i] = np.int64(k) if quick_ else np.int64(-1)


@compiled()
def exact(mean, first, seed, trial, attempt, cell, listed=0):
    """The count of ``cell``, whose word is ``first``, in doubles.

    Where ``listed`` is not 0 the word is what a look-up in so long a list has left.
    """
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
    if threshold - u < max(1, listed) * 2.0**-32:  # 32 bits do not tell this count from the next: take the others
        if listed > 0:
            whole = parts(word(seed, np.uint32(FREQUENCIES), trial, cell), np.uint64(listed), seed, trial, cell)
            u = np.float64(whole[1] >> np.uint64(11)) * 2.0**-53
        else:
            u = unit(first, word(seed, np.uint32(DOUBT | attempt << 8), trial, cell))
        while u >= threshold and k < len(_INVERSE) - 1:
            k += 1
            term *= mean * _INVERSE[k]
            threshold += term
    return np.int64(k)


@compiled()
def settle(words, cells, p, rate, stream, listed, found):
    """found = the counts of cells that ``few`` has left: in single precision, then a round of ``heavy``, then ``exact``."""
    many, left = len(words), 0
    byte, which = np.empty(many, np.uint8), np.empty(many + 1, np.int64)
    quick_on(words, p, rate, byte, listed)
    for j in range(many):
        found[j] = byte[j]
        which[left] = j
        left += np.int64(byte[j] == UNSURE)
    mean, late, count = np.empty(left), np.empty(left, np.int64), np.empty(left, np.int64)
    for i in range(left):
        mean[i], late[i] = p[which[i]] * rate, cells[which[i]]
    seed, trial, attempt = stream
    heavies(mean, late, seed, trial, attempt, count)
    for i in range(left):
        j, k = which[i], count[i]
        found[j] = k if k >= 0 else exact(mean[i], words[j], seed, trial, attempt, late[i], listed)
