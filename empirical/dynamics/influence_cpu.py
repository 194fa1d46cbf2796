"""Influence of examples on tests by products of gathered weights, compiled: BLAS for the products, one pass for all else.

Of the first masked layer a test's units are the same for every example, but for which of them are kept; so what the next
layer gets under a mask and under the flipped one sums to what it gets from them all, and only the smaller part is multiplied.
Behind that a masked layer's units are wanted where they are kept only: by either sub-network half of them, so that the two
together are one layer, and no product is taken of what is 0.
"""

from __future__ import annotations

import numpy as np

from empirical.data.compiled_cpu import compiled
from empirical.learners.shared.exponential_cpu import exponential


@compiled()
def _chosen(bits, scales, left, width, at, by):
    """Into ``at`` the units of a layer that a sub-network has, into ``by`` their scales, and how many there are; ``left`` is
    where the layer is.
    """
    count = 0
    for j in range(width):
        at[count] = j
        by[count] = scales[int(bits[left + j]), left + j]
        count += int(by[count] != 0)
    return count


@compiled()
def _activate(z, at, by, out):
    """ReLU and scale of the columns ``at`` of values (q, width), side by side in ``out`` (q, count)."""
    zero, count = np.float32(0), out.shape[1]
    for i in range(z.shape[0]):
        line, units = z[i], out[i]
        if count == z.shape[1]:
            for k in range(count):
                units[k] = max(line[k], zero) * by[k]
        else:
            for k in range(count):
                units[k] = max(line[at[k]], zero) * by[k]


@compiled()
def _raise(z, bias, by):
    """Values (q, count) become ReLU of them and a bias, times ``by``, in place."""
    zero = np.float32(0)
    for i in range(z.shape[0]):
        line = z[i]
        for k in range(z.shape[1]):
            line[k] = max(line[k] + bias[k], zero) * by[k]


@compiled()
def _judge(z, labels, correct, sign, out):
    """out += sign · loss, or sign · (0 where right, 1 where wrong), of decision values (q, K)."""
    for i in range(z.shape[0]):
        line, best, top, total = z[i], 0, z[i, 0], np.float32(0)
        for c in range(1, z.shape[1]):
            if line[c] > top:
                best, top = c, line[c]
        if correct:
            out[i] += sign * np.float32(best != labels[i])
        else:
            for c in range(z.shape[1]):
                total += exponential(line[c] - top)
            out[i] += sign * (np.log(total) + (top - line[labels[i]]))


@compiled()
def part(units, weights, own, scales, left, at, rows, gathered, out):
    """out (q, c) = the product of the fewer of an example's kept and left-out units; whether those were the kept ones.

    ``units`` (a, q) are all tests' of the layer, its columns from ``left`` on; shared ones are in neither part.
    """
    a, q = units.shape
    c, free, count = weights.shape[1], 0, 0
    for u in range(a):
        free += int(scales[0, 0, left + u] == 0)
        count += int(scales[0, 0, left + u] == 0 and own[left + u] == 1)
    kept, count = 2 * count <= free, 0
    for u in range(a):
        at[count] = u
        count += int(scales[0, 0, left + u] == 0 and (own[left + u] == 1) == kept)
    some, by = rows[: count * q].reshape(count, q), gathered[: count * c].reshape(count, c)
    for k in range(count):
        some[k], by[k] = units[at[k]], weights[at[k]]
    if count:
        np.dot(some.T, by, out)
    else:
        out[:] = 0
    return kept


@compiled()
def influence(w, turned, sizes, first, units, fixed, free, bits, scales, labels, biases, correct, out):
    """out (m, q) = loss of each test by each example's flipped sub-network less that by its own.

    ``turned`` is ``w`` with every layer's weights transposed. ``first`` is the first masked layer, ``units`` (a, q) the
    tests' units there; ``fixed`` (q, c) is what the next layer gets from its biases and shared units, ``free`` from all
    others, unscaled.
    """
    depth, q, widest = len(sizes) - 2, units.shape[1], sizes.max()
    a, c = sizes[first], sizes[first + 1]
    left, start = sizes[1:first].sum(), 0
    for layer in range(first):
        start += sizes[layer] * sizes[layer + 1] + (sizes[layer + 1] if biases else 0)
    space = np.empty(q * (2 * widest + a + c), np.float32)
    gathered, bias = np.empty(sizes[1:].max() * widest, np.float32), np.zeros(widest, np.float32)
    at, before = np.empty(widest + 1, np.int64), np.empty(widest + 1, np.int64)
    lift = np.empty(widest + 1, np.float32)
    rows, half = space[: q * a], space[q * a : q * (a + c)].reshape(q, c)
    here, there = space[q * (a + c) : q * (a + c + widest)], space[q * (a + c + widest) :]
    unit = 0
    while scales[0, 0, left + unit] != 0:
        unit += 1
    for m in range(bits.shape[0]):
        own = bits[m]
        kept = part(units, w[start : start + a * c].reshape(a, c), own, scales, left, at, rows, gathered, half)
        out[m] = 0
        for side in range(2):
            by, table = scales[side, 1 - side, left + unit], scales[side]
            z = here[: q * c].reshape(q, c)
            for i in range(q):
                line, one, all_, base = z[i], half[i], free[i], fixed[i]
                if kept == (side == 0):
                    for j in range(c):
                        line[j] = base[j] + by * one[j]
                else:
                    for j in range(c):
                        line[j] = base[j] + by * (all_[j] - one[j])
            weights, column, count = start + a * c + (c if biases else 0), left + a, c
            for layer in range(first + 1, depth + 1):
                width, below = sizes[layer], sizes[layer + 1]
                if layer == first + 1:
                    count = _chosen(own, table, column, width, before, lift)
                    z = there[: q * count].reshape(q, count)
                    _activate(here[: q * c].reshape(q, c), before, lift, z)
                target = here if layer % 2 == (first + 1) % 2 else there
                now, whole = below, count == width
                if layer < depth:
                    now = _chosen(own, table, column + width, below, at, lift)
                if now < below:
                    source = turned[weights : weights + width * below].reshape(below, width)
                    some = gathered[: now * count].reshape(now, count)
                    for k in range(now):
                        to, line = some[k], source[at[k]]
                        if whole:
                            to[:] = line
                        else:
                            for j in range(count):
                                to[j] = line[before[j]]
                    values = target[: q * now].reshape(q, now)
                    np.dot(z, some.T, values)
                else:
                    source = w[weights : weights + width * below].reshape(width, below)
                    some = source
                    if not whole:
                        some = gathered[: count * below].reshape(count, below)
                        for k in range(count):
                            some[k] = source[before[k]]
                    values = target[: q * below].reshape(q, below)
                    np.dot(z, some, values)
                weights += width * below
                if biases:
                    for k in range(now):
                        bias[k] = w[weights + (at[k] if layer < depth else k)]
                    weights += below
                if layer < depth:
                    _raise(values, bias, lift)
                    before[:now] = at[:now]
                else:
                    for i in range(q):
                        for k in range(below):
                            values[i, k] += bias[k]
                column, count, z = column + width, now, values
            _judge(z, labels, correct, np.float32(2 * side - 1), out[m])
