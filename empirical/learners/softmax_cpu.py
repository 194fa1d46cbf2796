"""Softmax regression for numba: one pass from decision values to probabilities, and one step of L-BFGS."""

from __future__ import annotations

import numba as nb
import numpy as np

from empirical.learners.exponential_cpu import exponential

MEMORY = 8  # pairs of steps and gradient changes kept
FREE = {"reassoc", "contract", "nsz", "arcp"}  # sums in any order, but one order: the compiled one


@nb.njit(nogil=True, cache=True)
def probabilities(values, held, present, total):  # type: ignore[no-untyped-def]
    """Decision values (K, rows) of one model become p · held in place, ``held`` being 1 for rows trained on, else 0.

    ``total`` (3, rows) is left with Σ e^(value − largest), the largest, and held over the first.
    """
    classes, rows = values.shape
    scale, top = total[0], total[1]
    top[:] = -np.inf
    scale[:] = 0
    for c in range(classes):
        if present[c]:
            line = values[c]
            for i in range(rows):
                top[i] = max(top[i], line[i])
    for c in range(classes):
        line = values[c]
        if not present[c]:
            line[:] = 0
            continue
        for i in range(rows):
            line[i] = exponential(line[i] - top[i])
            scale[i] += line[i]
    for i in range(rows):
        total[2, i] = held[i] / scale[i]
    for c in range(classes):
        line = values[c]
        for i in range(rows):
            line[i] *= total[2, i]


@nb.njit(nogil=True, cache=True, fastmath=FREE)
def summed(values, held, total, spread):  # type: ignore[no-untyped-def]
    """Σ log Σ e^value over held rows, and Σ p (1 − p) added to ``spread`` for each class."""
    classes, rows = values.shape
    loss = 0.0
    for first in range(0, rows, 32):  # a product of 32 sums of at most K terms: one logarithm for 32 rows
        product, high = 1.0, 0.0
        for i in range(first, min(first + 32, rows)):
            high += np.float64(total[1, i]) * held[i]
            product *= np.float64(total[0, i]) * held[i] + (1.0 - held[i])
        loss += high + np.log(product)
    for c in range(classes):
        line, some = values[c], np.float32(0)
        for i in range(rows):
            some += line[i] * (np.float32(1) - line[i])
        spread[c] += some
    return loss


@nb.njit(nogil=True, cache=True)
def pass_over(values, held, present, total, loss, spread):  # type: ignore[no-untyped-def]
    """Both of the above for every model of a block (models, K, rows)."""
    for m in range(values.shape[0]):
        probabilities(values[m], held[m], present[m], total)
        loss[m] += summed(values[m], held[m], total, spread[m])


@nb.njit(nogil=True, cache=True, fastmath=FREE)
def _dot(a, b):  # type: ignore[no-untyped-def]
    total = np.float32(0)
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return np.float64(total)


@nb.njit(nogil=True, cache=True, fastmath=FREE)
def _add(a, scale, b):  # type: ignore[no-untyped-def]
    factor = np.float32(scale)
    for i in range(a.shape[0]):
        a[i] += factor * b[i]


@nb.njit(nogil=True, cache=True)
def advance(  # type: ignore[no-untyped-def]
    w, trial, g, fresh, direction, steps, changes, curvature, state, loss, spread, eigenvalues, penalty, tolerance, most
):
    """One evaluation's worth of L-BFGS for one model, in place; whether it is done.

    ``trial`` is the point evaluated: ``loss`` and ``fresh`` its objective and gradient. ``state`` is (objective, slope,
    step length, pairs held, pairs ever, evaluations). The metric at the start of each two-loop recursion is the Böhning
    form's diagonal in the features' principal axes, with the model's own Σ p(1 − p) of each class for its ½.
    """
    state[5] += 1
    if state[5] > 1:
        slack = 1e-6 * (abs(loss) + abs(state[0]))
        if not loss <= state[0] + 1e-4 * state[2] * state[1] + slack and state[2] > 1e-6:
            state[2] *= 0.5
            for i in range(w.shape[0]):
                trial[i] = w[i] + np.float32(state[2]) * direction[i]
            return state[5] >= most
        at = int(state[4]) % MEMORY
        step, change = steps[at], changes[at]
        for i in range(w.shape[0]):
            step[i] = trial[i] - w[i]
            change[i] = fresh[i] - g[i]
        curve = _dot(step, change)
        if curve > 1e-10 * np.sqrt(_dot(step, step) * _dot(change, change)):
            curvature[at] = curve
            state[4] += 1
            state[3] = min(state[3] + 1, MEMORY)
    w[:] = trial
    g[:] = fresh
    state[0] = loss
    classes, size = spread.shape[0], eigenvalues.shape[0]
    metric = np.empty(w.shape[0], np.float32)
    floor = np.float32(1e-7)
    for c in range(classes):
        for j in range(size):
            metric[c * size + j] = np.float32(1) / (spread[c] * eigenvalues[j] + (penalty if j > 0 else floor) + floor)
    direction[:] = g
    held, last = int(state[3]), int(state[4]) - 1
    share = np.empty(MEMORY)
    for k in range(held):
        at = (last - k) % MEMORY
        share[at] = _dot(steps[at], direction) / curvature[at]
        _add(direction, -share[at], changes[at])
    scale = 1.0
    if held:
        newest = changes[last % MEMORY]
        scale = curvature[last % MEMORY] / _dot(newest * metric, newest)
    decrement = _dot(g * metric, g)
    for i in range(w.shape[0]):
        direction[i] *= np.float32(scale) * metric[i]
    for k in range(held - 1, -1, -1):
        at = (last - k) % MEMORY
        _add(direction, share[at] - _dot(changes[at], direction) / curvature[at], steps[at])
    for i in range(w.shape[0]):
        direction[i] = -direction[i]
    state[1] = _dot(g, direction)
    state[2] = 1.0
    for i in range(w.shape[0]):
        trial[i] = w[i] + direction[i]
    return decrement <= tolerance or state[5] >= most
