"""Softmax regression, and three things that its gradients say each training example does for each test example.

Of weights θ = (w_1, ..., w_K), p = softmax(Wx), the loss of example i has gradient (p_i − y_i) ⊗ x_i, and the sum of losses with
its penalty the Hessian H = Σ_i (diag p_i − p_i p_iᵀ) ⊗ x_i x_iᵀ + λI. The margin m_j, the label's output less the largest other,
has gradient v_j ⊗ z_j with v_j = e_label − e_other.

- ``influence``: without i the weights move by about H⁻¹∇ℓ_i, so that i does −∇m_jᵀH⁻¹∇ℓ_i for the margin (Cook & Weisberg 1982;
  Koh & Liang, ICML 2017), H exact and at the optimum.
- ``tracin``: Σ ∇ℓ_i·∇ℓ_j over checkpoints of training (Pruthi et al., NeurIPS 2020).
- ``trak``: with φ the gradient of log p/(1 − p) of the label, projected to k random directions, Φ those of training examples,
  φ_jᵀ(ΦᵀΦ)⁻¹φ_i (1 − p_i), either factor averaged over models that each saw half of the data (Park et al., ICML 2023).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from empirical.data.data import Data
from empirical.learners.shared.scores import held_classes
from empirical.learners.softmax.softmax import Descent, Softmax
from longtail.core import Floats, whole

CHECKPOINTS = (2, 4, 8, 16, 32, 1000)  # evaluations of the descent
STEPS = 20  # Newton steps with one Hessian, at most


@dataclass(frozen=True)
class Fitted:
    """Training rows ``x``, test rows ``z``, in principal axes with a leading 1; ``weights`` (K, features), and ``penalty``.

    >>> data = Data(np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([0, 0, 1, 1]), np.array([[2.5]]), np.array([1]), ("a", "b"))
    >>> fits(data, np.ones((1, 4), bool))[0][0].chances(np.array([[1.0, 0.0]])).round(3).tolist()
    [[0.5, 0.5]]
    """

    data: Data
    x: Floats = field(repr=False)
    z: Floats = field(repr=False)
    weights: Floats = field(repr=False)
    penalty: float

    def chances(self, rows: Floats) -> Floats:
        """Probabilities of the classes."""
        values = rows @ self.weights.T
        values -= values.max(1, keepdims=True)
        held = np.exp(values)
        return np.asarray(held / held.sum(1, keepdims=True))

    @property
    def slopes(self) -> Floats:
        """(n, K): of each training example's loss by its outputs."""
        return np.asarray(self.chances(self.x) - np.eye(self.data.n_classes)[self.data.y_train])

    @property
    def asked(self) -> Floats:
        """(q, K): of each test example's margin by its outputs."""
        values, own = self.z @ self.weights.T, np.eye(self.data.n_classes)[self.data.y_test]
        other = np.where(own > 0, -np.inf, values).argmax(1)
        return np.asarray(own - np.eye(self.data.n_classes)[other])

    @property
    def ridge(self) -> Floats:
        """(features,): the penalty, none on the intercept but what keeps it from running off where all K move alike."""
        return np.where(np.arange(self.x.shape[1]) > 0, self.penalty, 1e-9)

    def hessian(self) -> Floats:
        """H, dense, by class and within it by feature."""
        p, (classes, size) = self.chances(self.x), self.weights.shape
        out = np.empty((classes * size, classes * size))
        for a in range(classes):
            for b in range(a + 1):
                block = (self.x * (p[:, a] * (float(a == b) - p[:, b]))[:, None]).T @ self.x
                rows, columns = (slice(c * size, (c + 1) * size) for c in (a, b))
                out[rows, columns], out[columns, rows] = block, block.T
        out[np.diag_indices_from(out)] += np.tile(self.ridge, classes)
        return out

    def gradient(self) -> Floats:
        """Of the sum of losses and its penalty: 0 at the optimum."""
        return (self.slopes.T @ self.x + self.weights * self.ridge).reshape(-1)


def fits(data: Data, masks: Any, penalty: float = 1.0, epochs: Iterable[int] = ()) -> list[list[Fitted]]:
    """Models of the subsets ``masks`` (t, n), by epoch (the end, unless told) and subset.

    >>> data = Data(np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([0, 0, 1, 1]), np.array([[2.5]]), np.array([1]), ("a", "b"))
    >>> [[len(some), some[0].weights.shape] for some in fits(data, np.ones((2, 4), bool), epochs=(1, 1000))]
    [[2, (2, 2)], [2, (2, 2)]]
    """
    learner = Softmax(penalty, tolerance=1e-8)
    trainer = cast(Descent, learner.prepare(data, "margin"))
    m = np.asarray(masks, bool)
    present = held_classes(m, data.y_train, data.n_classes)
    weights, _ = trainer.weights(m, np.arange(len(m)), present, tuple(epochs) or (learner.evaluations,))
    rows = trainer.rows.astype(float)
    x, z = rows[: data.n], rows[data.n :]
    return [[Fitted(data, x, z, w.astype(float), penalty) for w in some] for some in weights]


def optimum(data: Data, penalty: float = 1.0) -> tuple[Fitted, Any]:
    """The model of all training examples, in double precision, and the Cholesky factor of its Hessian.

    >>> data = Data(np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([0, 0, 1, 1]), np.array([[2.5]]), np.array([1]), ("a", "b"))
    >>> bool(np.abs(optimum(data)[0].gradient()).max() < 1e-9)
    True
    """
    fit = fits(data, np.ones((1, data.n), bool), penalty)[0][0]
    factor = cho_factor(fit.hessian(), lower=True, overwrite_a=True)
    for _ in range(STEPS):
        move = cho_solve(factor, fit.gradient()).reshape(fit.weights.shape)
        fit = Fitted(data, fit.x, fit.z, fit.weights - move, penalty)
        if np.abs(move).max() < 1e-12:
            break
    return fit, factor


def influence(data: Data, penalty: float = 1.0) -> Floats:
    """(n, q): what each training example does for each margin, by the exact Hessian at the optimum.

    >>> data = Data(np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([0, 0, 1, 1]), np.array([[2.5]]), np.array([1]), ("a", "b"))
    >>> influence(data).round(3).ravel().tolist()
    [-0.094, -0.383, 0.541, 0.192]
    """
    fit, factor = optimum(data, penalty)
    v, (classes, size) = fit.asked, fit.weights.shape
    solved = cho_solve(factor, (v[:, :, None] * fit.z[:, None, :]).reshape(len(v), -1).T).reshape(classes, size, len(v))
    slopes = fit.slopes
    return np.asarray(-sum(slopes[:, [c]] * (fit.x @ solved[c]) for c in range(classes)))


def tracin(data: Data, penalty: float = 1.0, epochs: tuple[int, ...] = CHECKPOINTS) -> Floats:
    """(n, q): the products of loss gradients, added over checkpoints of one training.

    >>> data = Data(np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([0, 0, 1, 1]), np.array([[2.5]]), np.array([1]), ("a", "b"))
    >>> (tracin(data, epochs=(1000,)).round(2) + 0.0).ravel().tolist()
    [0.0, -0.07, 0.21, 0.09]
    """
    models = [some[0] for some in fits(data, np.ones((1, data.n), bool), penalty, epochs)]
    alike = models[0].x @ models[0].z.T
    own = np.eye(data.n_classes)[data.y_test]
    return np.asarray(alike * sum(fit.slopes @ (fit.chances(fit.z) - own).T for fit in models))


def trak(data: Data, penalty: float = 1.0, *, directions: int = 512, models: int = 5, seed: int = 0) -> Floats:
    """(n, q): TRAK of so many models, by so many random directions each.

    >>> data = Data(np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([0, 0, 1, 1]), np.array([[2.5]]), np.array([1]), ("a", "b"))
    >>> trak(data, directions=1).shape
    (4, 1)
    """
    rng = np.random.default_rng([seed, 0x7A])
    masks = rng.random((whole("models", models), data.n)) < 0.5
    return averaged(fits(data, masks, penalty)[0], whole("directions", directions), rng)


def averaged(models: Iterable[Fitted], directions: int, rng: np.random.Generator) -> Floats:
    """TRAK of models that are there.

    >>> data = Data(np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([0, 0, 1, 1]), np.array([[2.5]]), np.array([1]), ("a", "b"))
    >>> averaged(fits(data, np.ones((1, 4), bool))[0], 2, np.random.default_rng(0)).round(2).ravel().tolist()
    [-0.01, -0.04, 0.06, 0.02]
    """
    kernels, unsure = [], []
    for fit in models:
        axes = rng.normal(size=(*fit.weights.shape, directions)).astype(np.float32)
        train, test = (_projected(fit, *part, axes) for part in ((fit.x, fit.data.y_train), (fit.z, fit.data.y_test)))
        kernels.append(train @ np.linalg.solve(train.T @ train, test.T))
        unsure.append(1 - fit.chances(fit.x)[np.arange(len(fit.x)), fit.data.y_train])
    return np.asarray(np.mean(kernels, axis=0) * np.mean(unsure, axis=0)[:, None])


def _projected(fit: Fitted, rows: Floats, labels: Any, axes: Any) -> Floats:
    """Gradients of log p/(1 − p) of the labels along ``axes`` (K, features, k): by outputs, 1 for it, else −p_c/(1 − p)."""
    p, own = fit.chances(rows), np.eye(fit.data.n_classes)[labels]
    others = np.maximum((p * (1 - own)).sum(1, keepdims=True), np.finfo(float).tiny)
    slopes = (own - (1 - own) * p / others).astype(np.float32)
    small = rows.astype(np.float32)
    return np.asarray(sum(slopes[:, [c]] * (small @ axes[c]) for c in range(len(axes))), float)
