"""One hidden layer trained by Adam, in numba: BLAS for the products, one pass each for softmax, ReLU and Adam.

Decision values are kept class by row, (K, b), so that softmax runs along contiguous rows. All parameters are one flat
vector (weights in, biases in, weights out, biases out), and so are gradient and moments: Adam is one loop.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from empirical.data.compiled_cpu import compiled
from empirical.learners.shared.exponential_cpu import numerators

SHOWN = 512  # rows scored at a time


class Plan(NamedTuple):
    """How a net is trained: hidden units, examples a minibatch, the first step's rate, and the penalty."""

    width: int
    batch: int
    rate: float
    penalty: np.float32


class Room(NamedTuple):
    """What training works in: the gradient and its two moments, as long as the parameters; a minibatch, b (d + 2 width + K)
    numbers; and what the decays of both moments have come to.
    """

    moments: NDArray[np.float32]
    minibatch: NDArray[np.float32]
    decays: NDArray[np.float64]


@compiled()
def _softmax(values, labels, present, scale, top):
    """Decision values (K, b) become (p − 1{label}) / b in place, over present classes."""
    classes, b = values.shape
    numerators(values, present, scale, top)
    one = np.float32(1) / np.float32(b)
    for i in range(b):
        scale[i] = one / scale[i]
    for c in range(classes):
        line = values[c]
        for i in range(b):
            line[i] *= scale[i]
    for i in range(b):
        values[labels[i], i] -= one


@compiled()
def rectify(hidden, bias):
    """ReLU(hidden + bias), in place."""
    zero = np.float32(0)
    for i in range(hidden.shape[0]):
        line = hidden[i]
        for j in range(bias.shape[0]):
            line[j] = max(line[j] + bias[j], zero)


@compiled()
def gate(back, hidden, bias):
    """back where hidden > 0, else 0, in place; its column sums to ``bias``."""
    zero = np.float32(0)
    bias[:] = 0
    for i in range(hidden.shape[0]):
        line, h = back[i], hidden[i]
        for j in range(bias.shape[0]):
            line[j] = line[j] if h[j] > zero else zero
            bias[j] += line[j]


@compiled()
def _adam(w, g, mean, square, rate, first, second):
    """One step: moments with decay .9 and .999; ``first`` and ``second`` are 1 − decay^step."""
    b1, b2, eps = np.float32(0.9), np.float32(0.999), np.float32(1e-8)
    a1, a2 = np.float32(0.1), np.float32(0.001)
    step, unbias = np.float32(rate / first), np.float32(1 / second)
    for i in range(w.shape[0]):
        mean[i] = b1 * mean[i] + a1 * g[i]
        square[i] = b2 * square[i] + a2 * (g[i] * g[i])
        w[i] -= step * mean[i] / (np.sqrt(square[i] * unbias) + eps)


@compiled()
def _decay(w, g, penalty):
    for i in range(w.shape[0]):
        g[i] += penalty * w[i]


@compiled()
def train(w, x, y, orders, present, plan, room, some):
    """Train flat parameters ``w`` in place: one row of ``orders`` an epoch, the rate falling linearly to 0 over all of them.

    ``some`` are the first epoch and the one to end before: what came earlier is in ``w`` and ``room``, new at epoch 0.
    """
    epochs, members = orders.shape
    d, classes = x.shape[1], present.shape[0]
    width, batch, rate, penalty = plan.width, plan.batch, plan.rate, plan.penalty
    if some[0] == 0:
        room.moments[:] = 0
        room.decays[:] = 1
    g, mean, square = room.moments[0], room.moments[1], room.moments[2]
    a, b = d * width, d * width + width
    c = b + width * classes
    into, lift = w[:a].reshape(d, width), w[a:b]
    out, shift = w[b:c].reshape(width, classes), w[c:]
    g_into, g_lift = g[:a].reshape(d, width), g[a:b]
    g_out, g_shift = g[b:c].reshape(width, classes), g[c:]
    first, last = batch * width, 2 * batch * width
    space = room.minibatch
    hidden, back = space[:first].reshape(batch, width), space[first:last].reshape(batch, width)
    rows, store = space[last : last + batch * d].reshape(batch, d), space[last + batch * d :]
    labels, scale, top = np.empty(batch, np.int64), np.empty(batch, np.float32), np.empty(batch, np.float32)
    steps = epochs * -(-members // batch)
    step, decay, slow = some[0] * -(-members // batch), room.decays[0], room.decays[1]
    for epoch in range(some[0], some[1]):
        for start in range(0, members, batch):
            size = min(batch, members - start)
            for i in range(size):
                at = orders[epoch, start + i]
                rows[i] = x[at]
                labels[i] = y[at]
            r, h, e = rows[:size], hidden[:size], back[:size]
            z = store[: classes * size].reshape(classes, size)
            np.dot(r, into, h)
            rectify(h, lift)
            np.dot(out.T, h.T, z)
            for k in range(classes):
                z[k] += shift[k]
            _softmax(z, labels[:size], present, scale[:size], top[:size])
            np.dot(h.T, z.T, g_out)
            for k in range(classes):
                total = np.float32(0)
                for i in range(size):
                    total += z[k, i]
                g_shift[k] = total
            np.dot(z.T, out.T, e)
            gate(e, h, g_lift)
            np.dot(r.T, e, g_into)
            if penalty > 0:
                _decay(w[:a], g[:a], penalty)
                _decay(w[b:c], g[b:c], penalty)
            decay *= 0.9
            slow *= 0.999
            _adam(w, g, mean, square, rate * (1.0 - step / steps), 1.0 - decay, 1.0 - slow)
            step += 1
    room.decays[0], room.decays[1] = decay, slow


@compiled()
def values(w, x, width, room, out):
    """Decision values (K, rows) of every row; ``room`` is for SHOWN (width + K) numbers."""
    d, classes, rows = x.shape[1], out.shape[0], x.shape[0]
    a, b = d * width, d * width + width
    c = b + width * classes
    into, lift, outward, shift = w[:a].reshape(d, width), w[a:b], w[b:c].reshape(width, classes), w[c:]
    block = min(SHOWN, rows)
    hidden = room[: block * width].reshape(block, width)
    z = room[block * width : block * (width + classes)].reshape(classes, block)
    for start in range(0, rows, block):
        start = min(start, rows - block)
        np.dot(x[start : start + block], into, hidden)
        rectify(hidden, lift)
        np.dot(outward.T, hidden.T, z)
        for k in range(classes):
            for i in range(block):
                out[k, start + i] = z[k, i] + shift[k]
