"""Softmax regression for numba: one pass from decision values to probabilities, and one step of L-BFGS."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from empirical.data.compiled_cpu import compiled
from empirical.learners.shared.exponential_cpu import numerators

MEMORY = 8  # pairs of steps and gradient changes kept
FREE = {"reassoc", "contract", "nsz", "arcp"}  # sums in any order, but one order: the compiled one
STATE = np.dtype(
    [
        *((name, np.float64) for name in ("objective", "slope", "length")),
        *((name, np.int64) for name in ("held", "ever", "evaluations")),
    ]
)


class Descents(NamedTuple):
    """Of the model in each place: its weights and the gradient there; the point on trial and the fresh gradient there; the
    direction from the one to the other; the steps and gradient changes kept, with their products; and how far it is:
    objective, slope and length of the step, pairs held and ever made, evaluations.
    """

    w: NDArray[np.float32]
    trial: NDArray[np.float32]
    gradient: NDArray[np.float32]
    fresh: NDArray[np.float32]
    direction: NDArray[np.float32]
    steps: NDArray[np.float32]
    changes: NDArray[np.float32]
    curvature: NDArray[np.float64]
    state: NDArray[Any]


class Aim(NamedTuple):
    """What the descents go down to: sums of features by label, how many examples, the features' eigenvalues, the penalty; and
    where they end.
    """

    sides: NDArray[np.float32]
    members: NDArray[np.int64]
    eigenvalues: NDArray[np.float32]
    penalty: np.float32
    tolerance: float
    evaluations: int


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
def advance(descents, m, metric, loss, tolerance, most):
    """One evaluation's worth of L-BFGS for the model in place ``m``; whether it is done.

    ``loss`` and the fresh gradient are those of the point on trial. ``metric`` begins each two-loop recursion.
    """
    w, trial, gradient = descents.w[m], descents.trial[m], descents.gradient[m]
    fresh, direction = descents.fresh[m], descents.direction[m]
    steps, changes, curvature = descents.steps[m], descents.changes[m], descents.curvature[m]
    state = descents.state[m]
    state.evaluations += 1
    size = w.shape[0]
    if state.evaluations > 1:
        slack = 1e-6 * (abs(loss) + abs(state.objective))
        if not loss <= state.objective + 1e-4 * state.length * state.slope + slack and state.length > 1e-6:
            state.length *= 0.5
            for i in range(size):
                trial[i] = w[i] + np.float32(state.length) * direction[i]
            return state.evaluations >= most
        at = state.ever % MEMORY
        step, change = steps[at], changes[at]
        for i in range(size):
            step[i] = trial[i] - w[i]
            change[i] = fresh[i] - gradient[i]
        curve = _dot(step, change)
        if curve > 1e-10 * np.sqrt(_dot(step, step) * _dot(change, change)):
            curvature[at] = curve
            state.ever += 1
            state.held = min(state.held + 1, MEMORY)
    w[:] = trial
    gradient[:] = fresh
    state.objective = loss
    direction[:] = gradient
    last = state.ever - 1
    share = np.empty(MEMORY)
    for k in range(state.held):
        at = (last - k) % MEMORY
        share[at] = _dot(steps[at], direction) / curvature[at]
        _add(direction, -share[at], changes[at])
    scale = 1.0
    if state.held:
        newest = changes[last % MEMORY]
        scale = curvature[last % MEMORY] / _norm(newest, metric)
    decrement = _norm(gradient, metric)
    for i in range(size):
        direction[i] *= np.float32(scale) * metric[i]
    for k in range(state.held - 1, -1, -1):
        at = (last - k) % MEMORY
        _add(direction, share[at] - _dot(changes[at], direction) / curvature[at], steps[at])
    for i in range(size):
        direction[i] = -direction[i]
        trial[i] = w[i] + direction[i]
    state.slope = _dot(gradient, direction)
    state.length = 1.0
    return decrement <= tolerance or state.evaluations >= most


@compiled()
def turn(busy, descents, aim, loss, spread, done):
    """Complete each busy place's objective and gradient, and advance it; ``done[m]`` where it has arrived."""
    metric = np.empty(descents.w.shape[1], np.float32)
    for m in range(descents.w.shape[0]):
        done[m] = False
        if busy[m]:
            trial, fresh = descents.trial[m], descents.fresh[m]
            total = loss[m] + _complete(trial, fresh, aim.sides[m], aim.eigenvalues.shape[0], aim.penalty)
            _metric(metric, spread[m], aim.eigenvalues, aim.penalty)
            done[m] = advance(descents, m, metric, total, aim.tolerance * aim.members[m], aim.evaluations)
