"""Full-batch gradient descent with Nesterov's momentum on softmax loss, as Brown et al. train (their section 6, and their code):

    v ← μ v + g,   w ← w − rate (g + μ v),   g the gradient of Σ_i c_i loss_i / Σ c,

c_i how often example i counts. First weights are uniform within ±1/√inputs, from Philox words of (seed, number).

Every gradient of a first layer is a sum of examples, so it goes in coefficients A of them: w = w_0 + Aᵀ X, and its sums at the
examples are H = X w_0ᵀ + (X Xᵀ) A, one product of n² h for 2 n d h operations. Work a step at the published sizes: softmax
2 n² K = .25 GFLOP (of n d K · 4 = 1 GFLOP plainly); the net 2 n² h + 6 n h K = 3.0 GFLOP (of 5.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from empirical.irrelevant.models import Net
from empirical.irrelevant.sigmoid_cpu import pulled_back, sigmoid
from longtail import philox
from longtail.core import Integers
from longtail.irrelevant.models import Floats32, Linear


@dataclass(frozen=True)
class Course:
    """``rate`` for the first ``slower`` steps and ``factor`` times it from then on; ``momentum`` μ; ``steps`` in all.

    >>> course = Course(steps=100, rate=0.1, momentum=0.9, slower=50, factor=0.5)
    >>> round(float(course.at(0)), 3), round(float(course.at(50)), 3)
    (0.1, 0.05)
    """

    steps: int
    rate: float
    momentum: float
    slower: int | None = None
    factor: float = 1.0

    def at(self, step: int) -> np.float32:
        """The rate of a step, from 0."""
        late = self.slower is not None and step >= self.slower
        return np.float32(self.rate * (self.factor if late else 1.0))


@dataclass(frozen=True)
class Examples:
    """Signs ``x`` (n, d), their labels among ``classes``, and how often each ``counts``.

    >>> Examples(np.ones((2, 4), np.float32), np.array([0, 1]), 2, counts=np.array([3.0, 1.0], np.float32)).shares.tolist()
    [0.75, 0.25]
    """

    x: Floats32
    label: Integers
    classes: int
    counts: Floats32

    @property
    def shares(self) -> Floats32:
        """c_i / Σ c."""
        return np.asarray(self.counts / self.counts.sum(), np.float32)


class _Layer:
    """Weights that start at ``first`` (units, inputs + 1) and move within the span of the rows (n, inputs + 1)."""

    def __init__(self, rows: Floats32, first: Floats32) -> None:
        self.first = first
        self.spanned = len(rows) < 2 * rows.shape[1]
        self.rows = rows
        self.basis = rows @ rows.T if self.spanned else rows
        self.start = rows @ first.T
        self.moved = np.zeros((self.basis.shape[1], len(first)), np.float32)
        self.speed = np.zeros_like(self.moved)

    def sums(self) -> Floats32:
        return np.asarray(self.basis @ self.moved + self.start, np.float32)

    def step(self, pull: Floats32, rate: np.float32, momentum: np.float32) -> None:
        """``pull`` (n, units): the gradient by the layer's sums."""
        _nesterov(self.moved, self.speed, pull if self.spanned else self.rows.T @ pull, rate, momentum)

    def weights(self) -> Floats32:
        change: Floats32 = self.moved.T @ self.rows if self.spanned else self.moved.T
        return self.first + change


def _nesterov(w: Floats32, v: Floats32, g: Floats32, rate: np.float32, momentum: np.float32) -> None:
    v *= momentum
    v += g
    w -= rate * (g + momentum * v)


def _pull(scores: Floats32, examples: Examples) -> Floats32:
    """The gradient of the loss by the scores, in their place: (p − y) c / Σ c."""
    scores -= scores.max(1, keepdims=True)
    np.exp(scores, out=scores)
    scores *= (examples.shares / scores.sum(1))[:, None]
    scores[np.arange(len(scores)), examples.label] -= examples.shares
    return scores


def softmax(examples: Examples, course: Course, at: Sequence[int], seed: int, number: int) -> Iterator[Linear]:
    """Softmax regression after each of the steps ``at``; its first weights are those of (seed, number).

    >>> examples = Examples(np.eye(4, dtype=np.float32) * 2 - 1, np.arange(4) % 2, 2, np.ones(4, np.float32))
    >>> start, end = softmax(examples, Course(50, 0.5, 0.9), at=[0, 50], seed=0, number=0)
    >>> end.query(examples.x).argmax(1).tolist()
    [0, 1, 0, 1]
    """
    rows = _ones(examples.x)
    layer = _Layer(rows, first_weights(examples.classes, rows.shape[1], seed, number, 0))
    for step in range(course.steps + 1):
        if step in at:
            w = layer.weights()
            yield Linear(w[:, :-1], w[:, -1])
        if step < course.steps:
            layer.step(_pull(layer.sums(), examples), course.at(step), np.float32(course.momentum))


def net(examples: Examples, width: int, course: Course, at: Sequence[int], seed: int, number: int) -> Iterator[Net]:
    """A net of ``width`` sigmoid units after each of the steps ``at``; its first weights are those of (seed, number).

    >>> examples = Examples(np.eye(4, dtype=np.float32) * 2 - 1, np.arange(4) % 2, 2, np.ones(4, np.float32))
    >>> start, end = net(examples, 8, Course(200, 0.1, 0.9), at=[0, 200], seed=0, number=0)
    >>> end.query(examples.x).argmax(1).tolist()
    [0, 1, 0, 1]
    """
    rows = _ones(examples.x)
    layer = _Layer(rows, first_weights(width, rows.shape[1], seed, number, 0))
    v = np.ascontiguousarray(first_weights(examples.classes, width + 1, seed, number, 1).T)
    v_speed = np.zeros_like(v)
    z = np.ones((len(rows), width + 1), np.float32)
    for step in range(course.steps + 1):
        if step in at:
            w = layer.weights()
            yield Net(w[:, :-1], w[:, -1], np.ascontiguousarray(v[:-1].T), v[-1].copy())
        if step == course.steps:
            return
        sums = layer.sums()
        sigmoid(sums.reshape(-1))
        z[:, :-1] = sums
        pull = _pull(z @ v, examples)
        rate, momentum = course.at(step), np.float32(course.momentum)
        back = pull @ v[:-1].T
        pulled_back(back.reshape(-1), sums.reshape(-1))
        layer.step(back, rate, momentum)
        _nesterov(v, v_speed, z.T @ pull, rate, momentum)


def first_weights(units: int, inputs: int, seed: int, number: int, layer: int) -> Floats32:
    """(units, inputs) uniform within ±1/√(inputs − 1); the last input is the constant 1.

    >>> w = first_weights(units=3, inputs=17, seed=0, number=0, layer=0)  # 16 inputs and the constant 1
    >>> w.shape, bool(np.abs(w).max() <= 1 / 4)
    ((3, 17), True)
    """
    u = philox.uniforms(seed, philox.substream(philox.WEIGHTS, layer), number, 0, units * inputs)
    return np.asarray((2 * u - 1) / np.sqrt(max(inputs - 1, 1)), np.float32).reshape(units, inputs)


def _ones(x: Floats32) -> Floats32:
    """Rows with a constant 1 behind them, for intercepts."""
    return np.concatenate([x, np.ones((len(x), 1), np.float32)], axis=1)
