"""Nets under masks, compiled: what is 0 is left out.

Under a mask half of a layer's units are 0, and of the others ReLU makes half 0 again, so a product with the next layer's weights
needs a quarter of its terms. Forward, a row of values is the sum of the weights' rows of units that are not 0, eight at a time;
backward, a unit's weights get the sum of the rows of errors where it is not 0, and hand on errors to those only. A weight's
gradient is added to its momentum and the step taken in the same pass, so that no gradient is ever in memory. At 768 × 768 and
minibatches of 32, a quarter of the units not 0, that took .27 ms forward and .6 ms back, step included, where BLAS took .44 and
1.07 without it. A layer that fits into first-level cache is BLAS's: at 64 × 64 it takes 2 and 8 µs where looking for zeros alone
takes as long.

Sums are in one order, a function of the example and its place in the minibatch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from empirical.data.compiled_cpu import compiled
from empirical.learners.shared.exponential_cpu import exponential
from empirical.learners.shared.prefetch_cpu import prefetch
from longtail.philox.block_cpu import fill

FREE = {"reassoc", "contract", "nsz"}  # sums in any order, but one order: the compiled one
ROWS = 64  # of weights at a time: 768 wide, they stay in second-level cache
LINE = 16  # numbers of a cache line
MOST = 64  # examples scored at a time
SMALL = 2**14  # weights of a layer that BLAS multiplies: about where both take as long
SHIFT = np.uint64(32)
NONE = np.uint32(0)


class Plan(NamedTuple):
    """How a net is trained: rate, μ and λ; examples a minibatch; label smoothing; of dropout the limit of words that drop a unit,
    and what the others are multiplied by; whether there are biases; the seed, and each layer's stream of words.
    """

    rate: np.float32
    momentum: np.float32
    decay: np.float32
    batch: int
    smoothing: np.float32
    limit: np.uint64
    lift: np.float32
    biases: bool
    seed: np.uint64
    streams: NDArray[np.uint32]


class Examples(NamedTuple):
    """Features (n, d), labels, whether each is learned from (1 or 0), its masks' bits (n, H), and what these scale by (2, H)."""

    x: NDArray[np.float32]
    labels: NDArray[np.int64]
    learned: NDArray[np.float32]
    bits: NDArray[np.uint8]
    scales: NDArray[np.float32]


@compiled(fastmath=FREE)
def _sum(out, o, a, k, rows, at, count):
    """out[o] += Σ a[k, i] rows[i] over the i in ``at[:count]``, eight at a time.

    Here and below, rows are told by number: a view of one has a count of its holders, which costs more than a short row.
    """
    whole, width = count - count % 8, out.shape[1]
    for s in range(0, whole, 8):
        c0, c1, c2, c3 = at[s], at[s + 1], at[s + 2], at[s + 3]
        c4, c5, c6, c7 = at[s + 4], at[s + 5], at[s + 6], at[s + 7]
        a0, a1, a2, a3, a4, a5, a6, a7 = a[k, c0], a[k, c1], a[k, c2], a[k, c3], a[k, c4], a[k, c5], a[k, c6], a[k, c7]
        for j in range(width):
            out[o, j] += (
                (a0 * rows[c0, j] + a1 * rows[c1, j] + a2 * rows[c2, j] + a3 * rows[c3, j])
                + (a4 * rows[c4, j] + a5 * rows[c5, j] + a6 * rows[c6, j] + a7 * rows[c7, j])
            )  # fmt: skip
    if count - whole >= 4:
        c0, c1, c2, c3 = at[whole], at[whole + 1], at[whole + 2], at[whole + 3]
        a0, a1, a2, a3 = a[k, c0], a[k, c1], a[k, c2], a[k, c3]
        for j in range(width):
            out[o, j] += a0 * rows[c0, j] + a1 * rows[c1, j] + a2 * rows[c2, j] + a3 * rows[c3, j]
        whole += 4
    for s in range(whole, count):
        c0 = at[s]
        a0 = a[k, c0]
        for j in range(width):
            out[o, j] += a0 * rows[c0, j]


@compiled()
def _bring(a, first, last):
    """Rows of a matrix are wanted soon."""
    start, width = a.ctypes.data, a.shape[1]
    for u in range(first, last):
        for j in range(0, width, LINE):
            prefetch(np.uintp(start + 4 * (u * width + j)))  # type: ignore[call-arg]  # numba gives the first


@compiled()
def product(units, weights, bias, out, at):
    """out = units · weights + bias, from the units that are not 0; each row brings a part of the next weights nearer."""
    b, size = units.shape
    if weights.size <= SMALL:
        np.dot(units, weights, out)
        for i in range(b):
            for j in range(out.shape[1]):
                out[i, j] += bias[j]
        return
    for i in range(b):
        for j in range(out.shape[1]):
            out[i, j] = bias[j]
    for first in range(0, size, ROWS):
        last = min(first + ROWS, size)
        after = min(last + ROWS, size) - last
        for i in range(b):
            _bring(weights, last + after * i // b, last + after * (i + 1) // b)
            count = 0
            for u in range(first, last):
                at[count] = u
                count += int(units[i, u] != 0)
            _sum(out, i, units, i, weights, at, count)


@compiled(fastmath=FREE)
def _both(down, u, weights, back, a, at, count, scale, g):
    """down[i, u] = scale[i, u] · back[i] · weights[u] and g += a[u, i] back[i] for the i in ``at[:count]``.

    Each row is read once, four at a time: with eight LLVM would have to tell more rows apart than it is willing to.
    """
    zero, width = np.float32(0), weights.shape[1]
    whole = count - count % 4
    for s in range(0, whole, 4):
        i0, i1, i2, i3 = at[s], at[s + 1], at[s + 2], at[s + 3]
        a0, a1, a2, a3 = a[u, i0], a[u, i1], a[u, i2], a[u, i3]
        t0, t1, t2, t3 = zero, zero, zero, zero
        for j in range(width):
            b0, b1, b2, b3, w = back[i0, j], back[i1, j], back[i2, j], back[i3, j], weights[u, j]
            t0 += b0 * w
            t1 += b1 * w
            t2 += b2 * w
            t3 += b3 * w
            g[0, j] += a0 * b0 + a1 * b1 + a2 * b2 + a3 * b3
        down[i0, u], down[i1, u] = t0 * scale[i0, u], t1 * scale[i1, u]
        down[i2, u], down[i3, u] = t2 * scale[i2, u], t3 * scale[i3, u]
    for s in range(whole, count):
        i0, t0 = at[s], zero
        a0 = a[u, i0]
        for j in range(width):
            t0 += back[i0, j] * weights[u, j]
            g[0, j] += a0 * back[i0, j]
        down[i0, u] = t0 * scale[i0, u]


@compiled(fastmath=FREE)
def _learn(units, w, v, back, down, scale, below, plan, at, turned, g, gradient):
    """A layer's errors ``back`` (b, out) to those of the units below and, in the same pass, to a step of its weights."""
    b, size = units.shape
    if w.size <= SMALL:
        if below:
            np.dot(back, w.T, down)
            for i in range(b):
                for u in range(size):
                    down[i, u] *= scale[i, u]
        all_ = gradient[: w.size].reshape(w.shape)
        np.dot(units.T, back, all_)
        for u in range(size):
            for j in range(w.shape[1]):
                v[u, j] = plan.momentum * v[u, j] + plan.decay * w[u, j] + all_[u, j]
                w[u, j] -= plan.rate * v[u, j]
        return
    # a cache line of each row at a time: a column alone would take one for every number
    for first in range(0, size, LINE):
        last = min(first + LINE, size)
        for i in range(b):
            for u in range(first, last):
                turned[u, i] = units[i, u]
                if below:
                    down[i, u] = 0
    for u in range(size):
        after = min(u + 1, size - 1)
        _bring(w, after, after + 1)
        _bring(v, after, after + 1)
        count = 0
        for i in range(b):
            at[count] = i
            count += int(turned[u, i] != 0)
        for j in range(w.shape[1]):
            g[0, j] = plan.momentum * v[u, j] + plan.decay * w[u, j]
        if below:
            _both(down, u, w, back, turned, at, count, scale, g)
        else:
            _sum(g, 0, turned, u, back, at, count)
        for j in range(w.shape[1]):
            v[u, j] = g[0, j]
            w[u, j] -= plan.rate * g[0, j]


@compiled()
def _softmax(z, labels, learned, smoothing):
    """Decision values (b, K) become (p − wanted) · learned / b in place."""
    b, classes = z.shape
    off = smoothing / np.float32(classes)
    one = np.float32(1) / np.float32(b)
    for i in range(b):
        line, top, total = z[i], z[i].max(), np.float32(0)
        for c in range(classes):
            line[c] = exponential(line[c] - top)
            total += line[c]
        over = np.float32(1) / total
        for c in range(classes):
            line[c] = line[c] * over - off
        line[labels[i]] -= np.float32(1) - smoothing
        for c in range(classes):
            line[c] *= learned[i] * one


@compiled()
def _units(z, scale):
    """Values become scale · ReLU of them, and ``scale`` 0 where they are not positive."""
    zero = np.float32(0)
    for i in range(z.shape[0]):
        line, by = z[i], scale[i]
        for j in range(line.shape[0]):
            on = line[j] > zero
            by[j] = by[j] if on else zero
            line[j] = line[j] * by[j] if on else zero


@compiled()
def _drop(scale, plan, stream, trials, words):
    """Ordinary dropout: scale (b, width) times 0, or else times ``plan.lift``."""
    zero = np.float32(0)
    for i in range(scale.shape[0]):
        fill(words, plan.seed, stream, trials[i], np.uint64(0))
        line = scale[i]
        for j in range(line.shape[0]):
            line[j] = line[j] * plan.lift if np.uint64(words[j]) >= plan.limit else zero


@compiled()
def train(w, v, sizes, examples, plan, orders, first):
    """Train flat parameters ``w``, momentum ``v``, in place: one row of ``orders`` an epoch, of which ``first`` went before.

    ``sizes`` are those of all layers, features and classes included.
    """
    n, depth, classes = orders.shape[1], len(sizes) - 2, sizes[-1]
    batch = min(plan.batch, n)
    hidden, widest = sizes[1:-1].sum(), sizes.max()
    space = np.empty(batch * (sizes[0] + 3 * hidden + 2 * classes), np.float32)
    at = np.empty(max(batch, ROWS) + 8, np.int64)
    turned, g = np.empty(batch * widest, np.float32), np.empty(widest, np.float32)
    gradient = np.empty(SMALL, np.float32)
    words, trials = np.empty(-(-widest // 8) * 8, np.uint32), np.empty(batch, np.uint64)
    labels, learned, zeros = np.empty(batch, np.int64), np.empty(batch, np.float32), np.zeros(widest, np.float32)
    for epoch in range(orders.shape[0]):
        for start in range(0, n, batch):
            b = min(batch, n - start)
            own = orders[epoch, start : start + b]
            rows = space[: b * sizes[0]].reshape(b, sizes[0])
            for i in range(b):
                rows[i] = examples.x[own[i]]
                labels[i], learned[i] = examples.labels[own[i]], examples.learned[own[i]]
                trials[i] = (np.uint64(first + epoch) << SHIFT) + np.uint64(own[i])
            units, weights, left = rows, 0, 0  # left: of the first masked column
            room = b * sizes[0]
            for layer in range(depth + 1):
                a, c = sizes[layer], sizes[layer + 1]
                z = space[room : room + b * c].reshape(b, c)
                bias = w[weights + a * c : weights + a * c + c] if plan.biases else zeros[:c]
                product(units, w[weights : weights + a * c].reshape(a, c), bias, z, at)
                room += b * c
                weights += a * c + (c if plan.biases else 0)
                if layer < depth:
                    scale = space[room : room + b * c].reshape(b, c)
                    for i in range(b):
                        bits, line = examples.bits[own[i]], scale[i]
                        for j in range(c):
                            line[j] = examples.scales[np.int64(bits[left + j]), left + j]
                    if plan.limit > 0:
                        _drop(scale, plan, plan.streams[layer], trials, words[: -(-c // 8) * 8])
                    _units(z, scale)
                    room += b * c
                    left += c
                units = z
            _softmax(units, labels[:b], learned[:b], plan.smoothing)
            back, spare = units, room
            room -= b * classes
            for layer in range(depth, -1, -1):
                a, c = sizes[layer], sizes[layer + 1]
                weights -= a * c + (c if plan.biases else 0)
                if plan.biases:
                    bias, moment = w[weights + a * c : weights + a * c + c], v[weights + a * c : weights + a * c + c]
                    for j in range(c):
                        g[j] = plan.momentum * moment[j] + plan.decay * bias[j]
                    for i in range(b):
                        for j in range(c):
                            g[j] += back[i, j]
                    for j in range(c):
                        moment[j] = g[j]
                        bias[j] -= plan.rate * g[j]
                here = w[weights : weights + a * c].reshape(a, c)
                there = v[weights : weights + a * c].reshape(a, c)
                if layer == 0:
                    _learn(
                        rows,
                        here,
                        there,
                        back,
                        rows,
                        rows,
                        False,
                        plan,
                        at,
                        turned[: b * a].reshape(a, b),
                        g[:c].reshape(1, c),
                        gradient,
                    )
                else:
                    scale = space[room - b * a : room].reshape(b, a)
                    units = space[room - 2 * b * a : room - b * a].reshape(b, a)
                    room -= 2 * b * a
                    down = space[spare : spare + b * a].reshape(b, a)
                    spare += b * a
                    _learn(
                        units,
                        here,
                        there,
                        back,
                        down,
                        scale,
                        True,
                        plan,
                        at,
                        turned[: b * a].reshape(a, b),
                        g[:c].reshape(1, c),
                        gradient,
                    )
                    back = down


@compiled()
def scores(w, sizes, x, bits, tables, biases, shared, out):
    """Decision values ``out`` (tables, rows, K) of rows by each of the scales (tables, 2, H), training rows being none's own.

    What comes before the ``shared``-th hidden layer's scales, on which all tables agree, is computed once.
    """
    depth, hidden = len(sizes) - 2, sizes[1:-1].sum()
    space, kept = np.empty(MOST * hidden, np.float32), np.empty(MOST * hidden, np.float32)
    at, zeros = np.empty(ROWS + 8, np.int64), np.zeros(sizes.max(), np.float32)
    for start in range(0, x.shape[0], MOST):
        b = min(MOST, x.shape[0] - start)
        for k in range(tables.shape[0]):
            units, weights, left = x[start : start + b], 0, 0
            for layer in range(depth + 1):
                a, c = sizes[layer], sizes[layer + 1]
                z = out[k, start : start + b] if layer == depth else space[b * left : b * (left + c)].reshape(b, c)
                before = kept[b * left : b * (left + c)].reshape(b, c) if layer < depth else z
                if k > 0 and layer < shared:
                    z[:] = before
                else:
                    bias = w[weights + a * c : weights + a * c + c] if biases else zeros[:c]
                    product(units, w[weights : weights + a * c].reshape(a, c), bias, z, at)
                    if layer < shared:
                        before[:] = z
                weights += a * c + (c if biases else 0)
                if layer < depth:
                    for i in range(b):
                        line, own = z[i], bits[start + i]
                        for j in range(c):
                            by = tables[k, np.int64(own[left + j]), left + j]
                            line[j] = max(line[j], np.float32(0)) * by
                    left += c
                units = z
