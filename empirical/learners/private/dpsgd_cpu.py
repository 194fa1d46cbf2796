"""DP-SGD in numba: one step of ``empirical.learners.private.dpsgd``, BLAS for the products and one pass for all else.

Of a net with one hidden layer the gradient of example i is (x̃_i ⊗ e_i, h̃_i ⊗ d_i), d_i = p − 1{label} and e_i what comes back
to the hidden layer, x̃ and h̃ with a 1 for the biases. So its norm takes no gradient of one example,

    |g_i|² = |x̃_i|² |e_i|² + |h̃_i|² |d_i|²,

and to clip it is to shrink e_i and d_i by min(1, S/|g_i|) before the same two products that sum up the batch.
"""

from __future__ import annotations

import numpy as np

from empirical.data.compiled_cpu import compiled
from empirical.learners.mlp.mlp_cpu import gate, rectify
from empirical.learners.private.normal_cpu import LENGTH, normals
from empirical.learners.shared.exponential_cpu import numerators
from longtail.philox.block_cpu import fill

FREE = {"reassoc", "contract", "nsz", "arcp"}  # sums in any order, but one order: the compiled one
_ONE = np.float32(1)


@compiled()
def _deltas(values, labels, every, total, top):
    """Decision values (K, b) become p − 1{label} in place."""
    numerators(values, every, total, top)
    for i in range(total.shape[0]):
        total[i] = _ONE / total[i]
    for c in range(values.shape[0]):
        line = values[c]
        for i in range(total.shape[0]):
            line[i] *= total[i]
    for i in range(total.shape[0]):
        values[labels[i], i] -= _ONE


@compiled()
def _column_squares(values, out):
    """out[i] = Σ_k values[k, i]²."""
    out[:] = 0
    for k in range(values.shape[0]):
        line = values[k]
        for i in range(out.shape[0]):
            out[i] += line[i] * line[i]


@compiled(fastmath=FREE)
def _square(line):
    total = np.float32(0)
    for j in range(line.shape[0]):
        total += line[j] * line[j]
    return total


@compiled()
def _shrink(values, back, scale):
    """Columns of d (K, b) and rows of e (b, width) times the examples' own factors."""
    for k in range(values.shape[0]):
        line = values[k]
        for i in range(scale.shape[0]):
            line[i] *= scale[i]
    for i in range(back.shape[0]):
        line, s = back[i], scale[i]
        if s < _ONE:
            for j in range(line.shape[0]):
                line[j] *= s


@compiled()
def _column_sums(back, out):
    out[:] = 0
    for i in range(back.shape[0]):
        line = back[i]
        for j in range(out.shape[0]):
            out[j] += line[j]


@compiled()
def _row_sums(values, out):
    for k in range(values.shape[0]):
        total = np.float32(0)
        for i in range(values.shape[1]):
            total += values[k, i]
        out[k] = total


@compiled()
def drawn(inside, chance, words, seed, stream, trial, chosen):
    """The examples of ``inside`` whose word is below ``chance`` (of 2^32), into ``chosen``; how many they are."""
    fill(words, seed, stream, trial, np.uint64(0))
    count = 0
    for i in range(inside.shape[0]):
        chosen[count] = i
        count += 1 if inside[i] and np.uint64(words[i]) < chance else 0
    return count


@compiled()
def clipped(w, x, squares, y, chosen, every, width, clip, g, room):
    """g = Σ over the chosen of their gradients, each of norm ``clip`` at most; width 0 is a net without a hidden layer.

    ``room`` is for b (d + 2 width + K + 3) numbers.
    """
    b, d, classes = chosen.shape[0], x.shape[1], every.shape[0]
    first = b * d
    rows = room[:first].reshape(b, d)
    labels = np.empty(b, np.int64)
    z = room[first : first + classes * b].reshape(classes, b)
    first += classes * b
    total, top, scale = room[first : first + b], room[first + b : first + 2 * b], room[first + 2 * b : first + 3 * b]
    first += 3 * b
    for i in range(b):
        rows[i] = x[chosen[i]]
        labels[i] = y[chosen[i]]
    if width == 0:
        a = d * classes
        np.dot(w[:a].reshape(classes, d), rows.T, z)
        for k in range(classes):
            z[k] += w[a + k]
        _deltas(z, labels, every, total, top)
        _column_squares(z, scale)
        for i in range(b):
            norm = np.sqrt(squares[chosen[i]] * scale[i])
            scale[i] = clip / norm if norm > clip else _ONE
        _shrink(z, rows[:0], scale)
        np.dot(z, rows, g[:a].reshape(classes, d))
        _row_sums(z, g[a:])
        return
    hidden = room[first : first + b * width].reshape(b, width)
    back = room[first + b * width : first + 2 * b * width].reshape(b, width)
    a, o = d * width, d * width + width
    c = o + width * classes
    np.dot(rows, w[:a].reshape(d, width), hidden)
    rectify(hidden, w[a:o])
    out = w[o:c].reshape(width, classes)
    np.dot(out.T, hidden.T, z)
    for k in range(classes):
        z[k] += w[c + k]
    _deltas(z, labels, every, total, top)
    _column_squares(z, scale)
    np.dot(z.T, out.T, back)
    gate(back, hidden, g[a:o])
    for i in range(b):
        norm = np.sqrt(squares[chosen[i]] * _square(back[i]) + (_ONE + _square(hidden[i])) * scale[i])
        scale[i] = clip / norm if norm > clip else _ONE
    _shrink(z, back, scale)
    np.dot(rows.T, back, g[:a].reshape(d, width))
    _column_sums(back, g[a:o])
    np.dot(hidden.T, z.T, g[o:c].reshape(width, classes))
    _row_sums(z, g[c:])


@compiled()
def train(
    w, x, squares, y, inside, every, chance, width, batch, rate, momentum, clip, noise, seed, streams, trial, vectors, room
):  # fmt: skip
    """Train flat parameters ``w`` in place, a step for each column of ``streams``: those of the batch and of its noise.

    ``squares`` are |x̃|². ``vectors`` (4, as w in whole eights) and ``room``, for ``clipped`` with as many rows as are taken at a
    time, are work space; of a larger batch the rest is added.
    """
    size = w.shape[0]
    most = room.shape[0] // (x.shape[1] + 2 * width + every.shape[0] + 3)
    g, more, speed, normal = vectors[0, :size], vectors[1, :size], vectors[2, :size], vectors[3]
    speed[:] = 0
    normal[:] = 0
    chosen, words = np.empty(inside.shape[0] + 1, np.int64), np.empty(LENGTH, np.uint32)
    lots = np.empty(-(-inside.shape[0] // 4) * 4, np.uint32)
    share, scale = np.float32(1.0 / batch), np.float32(noise * clip) if noise > 0 else np.float32(0)
    for step in range(streams.shape[1]):
        count = drawn(inside, chance, lots, seed, streams[0, step], trial, chosen)
        g[:] = 0
        for start in range(0, count, most):
            some = chosen[start : min(start + most, count)]
            if start == 0:
                clipped(w, x, squares, y, some, every, width, clip, g, room)
            else:
                clipped(w, x, squares, y, some, every, width, clip, more, room)
                for i in range(size):
                    g[i] += more[i]
        if noise > 0:
            normals(normal, words, seed, streams[1, step], trial)
        for i in range(size):
            speed[i] = momentum * speed[i] + (g[i] + scale * normal[i]) * share
            w[i] -= rate * speed[i]


@compiled()
def linear_values(w, x, out):
    """Decision values (K, rows) of a net without a hidden layer."""
    classes, d = out.shape[0], x.shape[1]
    np.dot(w[: classes * d].reshape(classes, d), x.T, out)
    for k in range(classes):
        out[k] += w[classes * d + k]
