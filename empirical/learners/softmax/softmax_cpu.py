"""Softmax regression for numba: one pass from decision values to probabilities, and one step of L-BFGS."""

from __future__ import annotations

import numpy as np

from empirical.data.compiled_cpu import compiled
from empirical.learners.shared.exponential_cpu import numerators

MEMORY = 8  # pairs of steps and gradient changes kept
FREE = {"reassoc", "contract", "nsz", "arcp"}  # sums in any order, but one order: the compiled one


@compiled()
def probabilities(values, held, present, total):
    """Decision values (K, rows) of one model become p · held in place, ``held`` being 1 for rows trained on, else 0.

    ``total`` (3, rows) is left with Σ e^(value − largest), the largest, and held over the first.
    """
    classes, rows = values.shape
    numerators(values, present, total[0], total[1])
    for i in range(rows):
        total[2, i] = held[i] / total[0, i]
    for c in range(classes):
        line = values[c]
        for i in range(rows):
            line[i] *= total[2, i]


@compiled(fastmath=FREE)
def summed(values, held, total, spread):
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


@compiled()
def pass_over(busy, values, held, present, total, loss, spread):
    """Both of the above for every busy place of a block (models, K, rows)."""
    for m in range(values.shape[0]):
        if busy[m]:
            probabilities(values[m], held[m], present[m], total)
            loss[m] += summed(values[m], held[m], total, spread[m])


@compiled(fastmath=FREE)
def _dot(a, b):
    total = np.float32(0)
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return np.float64(total)


@compiled(fastmath=FREE)
def _norm(a, metric):
    total = np.float32(0)
    for i in range(a.shape[0]):
        total += a[i] * a[i] * metric[i]
    return np.float64(total)


@compiled(fastmath=FREE)
def _add(a, scale, b):
    factor = np.float32(scale)
    for i in range(a.shape[0]):
        a[i] += factor * b[i]


@compiled(fastmath=FREE)
def _complete(trial, fresh, sides, size, penalty):
    """What objective and gradient still lack: the labels' sums and the penalty, from which intercepts are free."""
    linear, square = 0.0, 0.0
    for start in range(0, trial.shape[0], size):
        linear += np.float64(trial[start]) * sides[start]
        fresh[start] -= sides[start]
        for i in range(start + 1, start + size):
            linear += np.float64(trial[i]) * sides[i]
            square += np.float64(trial[i]) * trial[i]
            fresh[i] += penalty * trial[i] - sides[i]
    return 0.5 * np.float64(penalty) * square - linear


@compiled()
def _metric(metric, spread, eigenvalues, penalty):
    """1 / (c_k Λ_j + λ), with a floor for intercepts and for classes that are as good as decided."""
    size, floor = eigenvalues.shape[0], np.float32(1e-7)
    for c in range(spread.shape[0]):
        for j in range(size):
            metric[c * size + j] = np.float32(1) / (spread[c] * eigenvalues[j] + (penalty if j > 0 else floor) + floor)


@compiled()
def advance(w, trial, g, fresh, direction, steps, changes, curvature, state, metric, loss, tolerance, most):
    """One evaluation's worth of L-BFGS for one model, in place; whether it is done.

    ``trial`` is the point evaluated: ``loss`` and ``fresh`` its objective and gradient. ``state`` is (objective, slope,
    step length, pairs held, pairs ever, evaluations). ``metric`` begins each two-loop recursion.
    """
    state[5] += 1
    size = w.shape[0]
    if state[5] > 1:
        slack = 1e-6 * (abs(loss) + abs(state[0]))
        if not loss <= state[0] + 1e-4 * state[2] * state[1] + slack and state[2] > 1e-6:
            state[2] *= 0.5
            for i in range(size):
                trial[i] = w[i] + np.float32(state[2]) * direction[i]
            return state[5] >= most
        at = int(state[4]) % MEMORY
        step, change = steps[at], changes[at]
        for i in range(size):
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
        scale = curvature[last % MEMORY] / _norm(newest, metric)
    decrement = _norm(g, metric)
    for i in range(size):
        direction[i] *= np.float32(scale) * metric[i]
    for k in range(held - 1, -1, -1):
        at = (last - k) % MEMORY
        _add(direction, share[at] - _dot(changes[at], direction) / curvature[at], steps[at])
    for i in range(size):
        direction[i] = -direction[i]
        trial[i] = w[i] + direction[i]
    state[1] = _dot(g, direction)
    state[2] = 1.0
    return decrement <= tolerance or state[5] >= most


@compiled()
def turn(
    busy, w, trial, g, fresh, direction, steps, changes, curvature, state, sides, members, loss, spread,
    eigenvalues, penalty, tolerance, most, done,
):  # fmt: skip
    """Complete each busy place's objective and gradient, and advance it; ``done[m]`` where it has arrived."""
    metric = np.empty(w.shape[1], np.float32)
    for m in range(w.shape[0]):
        done[m] = False
        if busy[m]:
            total = loss[m] + _complete(trial[m], fresh[m], sides[m], eigenvalues.shape[0], penalty)
            _metric(metric, spread[m], eigenvalues, penalty)
            done[m] = advance(
                w[m], trial[m], g[m], fresh[m], direction[m], steps[m], changes[m], curvature[m], state[m],
                metric, total, tolerance * members[m], most,
            )  # fmt: skip
