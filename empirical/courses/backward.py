"""A net with one hidden layer run forward and back: every example's own gradient in closed form, without writing it down.

h = ReLU(x W + b), values h V + c, p their softmax over the classes held, e = p − 1{y}, δ = 1{h > 0} (e Vᵀ). Of one example's loss

    ∂W = x δᵀ, ∂b = δ, ∂V = h eᵀ, ∂c = e,

so that two examples' gradients have the product (1 + x·x')(δ·δ') + (1 + h·h')(e·e'), and a group's mean gradient is two matrix
products. The penalty, the same for all, is left out.

The second derivative by the input, wherever no hidden unit is at its kink, is H = Jᵀ (diag p − p pᵀ) J with J = (1{h > 0} V)ᵀ Wᵀ,
and ‖H‖² = tr(S G S G) with S = diag p − p pᵀ and G = J Jᵀ, which is K by K. In double precision throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from empirical.data.data import Data
from empirical.designs.design import Design
from empirical.designs.everything import Everything
from empirical.learners.learner import Learner
from empirical.learners.mlp.mlp import MLP, Descents
from empirical.learners.shared.scores import held_classes
from empirical.learners.shared.threads import one_thread
from longtail.core import ArgumentError, Bools, Floats, Integers

R = TypeVar("R")
BLOCK = 256  # examples at a time, where each takes a matrix


@dataclass(frozen=True)
class Backward:
    """Examples ``x`` (n, d), hidden units and their gradients δ (n, width), probabilities and errors e (n, K), and the weights
    W (d, width) and V (width, K).

    >>> x, labels = np.array([[1.0, 2.0]]), np.array([0])
    >>> one = Backward.of(np.zeros(7), x, labels, np.array([True, True]))  # one hidden unit, two classes, all parameters 0
    >>> one.chances.tolist(), one.norms().round(4).tolist(), one.mean([0]).tolist()
    ([[0.5, 0.5]], [0.7071], [0.0, 0.0, 0.0, 0.0, 0.0, -0.5, 0.5])
    """

    x: Floats = field(repr=False)
    hidden: Floats = field(repr=False)
    back: Floats = field(repr=False)
    chances: Floats = field(repr=False)
    error: Floats = field(repr=False)
    into: Floats = field(repr=False)
    out: Floats = field(repr=False)

    @classmethod
    def of(cls, weights: Any, x: Any, labels: Integers, present: Bools) -> Backward:
        """Of flat parameters (W, b, V, c), as a net's trainer gives them; ``present`` (K,) says which classes the net knows."""
        w, rows = np.asarray(weights, float), np.asarray(x, float)
        d, classes = rows.shape[1], len(present)
        width = (len(w) - classes) // (d + 1 + classes)
        a, b, c = d * width, (d + 1) * width, (d + 1) * width + width * classes
        into, lift, out, shift = w[:a].reshape(d, width), w[a:b], w[b:c].reshape(width, classes), w[c:]
        hidden = np.maximum(rows @ into + lift, 0)
        values = np.where(present, hidden @ out + shift, -np.inf)
        chances = np.exp(values - values.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        error = chances - np.eye(classes)[labels]
        return cls(rows, hidden, (error @ out.T) * (hidden > 0), chances, error, into, out)

    def norms(self) -> Floats:
        """‖gradient‖ of every example's loss (n,)."""
        inner = (1 + _squares(self.x)) * _squares(self.back)
        return np.asarray(np.sqrt(inner + (1 + _squares(self.hidden)) * _squares(self.error)), float)

    def mean(self, rows: Any) -> Floats:
        """The gradient of the mean loss of some examples, flat as parameters are."""
        x, hidden, back, error = self.x[rows], self.hidden[rows], self.back[rows], self.error[rows]
        parts = (x.T @ back, back.sum(0), hidden.T @ error, error.sum(0))
        return np.concatenate([part.ravel() for part in parts]) / len(x)

    def curvatures(self) -> Floats:
        """‖H‖², the sum of squares of the second derivatives of every example's loss by its input (n,)."""
        into = self.into if len(self.into) <= self.into.shape[1] else np.linalg.qr(self.into, mode="r")
        found = np.empty(len(self.x))
        for first in range(0, len(found), BLOCK):
            at = slice(first, first + BLOCK)
            p = self.chances[at]
            jacobian = into @ ((self.hidden[at] > 0)[:, :, None] * self.out)
            gram = jacobian.transpose(0, 2, 1) @ jacobian
            spread = p[:, :, None] * (gram - (p[:, None, :] @ gram))
            found[at] = np.einsum("nab,nba->n", spread, spread)
        return found


@dataclass(frozen=True)
class Nets:
    """Nets of one kind, each on its subset: the same, to the bit, that a run with this seed and design trains.

    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> nets = Nets.of(MLP(3, epochs=2), Data(x, y, x, y, (0, 1)))
    >>> nets.mask(0).tolist(), nets.read(0, (1, 2), lambda back: back.hidden.shape)
    ([True, True, True, True], [(4, 3), (4, 3)])
    """

    net: MLP
    data: Data
    seed: int
    design: Design

    @classmethod
    def of(cls, learner: Learner, data: Data, *, seed: int = 0, design: Design | None = None) -> Nets:
        """Of a learner that is a net, by default on everything."""
        if not isinstance(learner, MLP):
            raise ArgumentError("learner", learner, "gradients are known of MLP(...) only")
        return cls(learner, data, seed, design or Everything())

    def mask(self, model: int) -> Bools:
        """What one of them trains on (n,)."""
        drawn: Bools = self.design.subsets(self.seed, model, self.data.n, self.data.y_train)[0]
        return drawn

    @one_thread
    def read(self, model: int, epochs: Sequence[int], reading: Callable[[Backward], R]) -> list[R]:
        """What ``reading`` finds in one of them, run back on all training examples, after each of ``epochs``."""
        self.net.check_epochs(epochs)
        trainer = self.net.prepare(self.data, "loss", seed=self.seed)
        assert isinstance(trainer, Descents)
        mask, labels = self.mask(model), self.data.y_train
        present = held_classes(mask[None], labels, self.data.n_classes)[0]
        rows, course = trainer.rows[: self.data.n], trainer.weights_at(mask, model, present, epochs)
        return [reading(Backward.of(weights, rows, labels, present)) for weights in course]


def _squares(v: Floats) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", v, v), float)
