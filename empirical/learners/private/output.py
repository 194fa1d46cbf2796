"""Ridge and softmax regression made private by noise on what they find: output perturbation.

Both minimize Σ_i ℓ(W; x_i, y_i) + ½ λ |W|², x_i with a 1 for the intercept, which pays the penalty too, and shrunk to norm R at
most. One example more or less moves the minimizer by Δ at most.

- Softmax: the objective is λ-strongly convex, and the gradient of one loss is (p − e_y) ⊗ x, of norm √2 R at most, so Δ = √2 R/λ
  (Chaudhuri, Monteleoni & Sarwate, JMLR 2011, Corollary 8, there for the mean of the losses and an example replaced). A
  minimizer found only until the gradient's norm is g may be off by g/λ, on either side: Δ = (√2 R + 2g)/λ.
- Ridge, ℓ = ½ |W x − t|² with t = e_y − 1/K: with A = Σ x xᵀ + λ and W of the m examples without x, the step to that with x is
  (t − W x) xᵀA⁻¹/(1 + xᵀA⁻¹x). With s = xᵀA⁻¹x, |A⁻¹x|² ≤ s/λ, and √(s/λ)/(1 + s) is at most R/(λ + R²) where R² ≤ λ, else
  1/(2√λ). As |W| ≤ |t| √m/(2√λ), the residual is at most |t| (1 + R √m/(2√λ)), |t| = √(1 − 1/K). Δ is the product of both.

Noise added to W: of density ∝ e^{−ε|b|/Δ} for ε-privacy (their Algorithm 1: |b| ~ Γ(number of weights), any direction), normal
of standard deviation zΔ for (ε, δ) with δ > 0, z by the accountant. ε = inf is the same without noise.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize, special

from empirical.data.data import Data
from empirical.learners.learner import Learner, Trainer, features
from empirical.learners.private import accountant
from empirical.learners.private.accountant import Privacy
from empirical.learners.score import Score
from empirical.learners.shared.places import lined
from empirical.learners.shared.scores import read
from empirical.learners.shared.threads import one_thread
from longtail import philox
from longtail.core import ArgumentError, Bools, Floats, real
from longtail.core.arrays import CPU, Device

NEAR = 1e-3  # the gradient's norm, over √2 R, at which softmax regression ends


@dataclass(frozen=True)
class Perturbed(Learner):
    """``penalty`` is λ, ``norm`` R.

    >>> learner = PrivateRidge(epsilon=2.0, delta=0.0)
    >>> isinstance(learner, Perturbed), learner.multiplier()
    (True, 0.5)
    """

    penalty: float = 10.0
    norm: float = 1.0
    epsilon: float = 1.0
    delta: float = 1e-5
    scores: ClassVar[tuple[str, ...]] = ("correct", "predicted", "margin")
    devices: ClassVar[tuple[str, ...]] = ("cpu",)

    def __post_init__(self) -> None:
        for name in ("penalty", "norm"):
            object.__setattr__(self, name, real(name, getattr(self, name), 0, open_low=True))
        if self.epsilon != math.inf:
            object.__setattr__(self, "epsilon", real("epsilon", self.epsilon, 0, open_low=True))
        object.__setattr__(self, "delta", real("delta", self.delta, 0, 1, open_high=True))

    @abstractmethod
    def sensitivity(self, m: int, n_classes: int) -> float:
        """Δ, of the minimizer for ``m`` examples at most."""

    @abstractmethod
    def minimizer(self, x: Floats, y: NDArray[np.int64], n_classes: int) -> Floats:
        """W (K, features), of rows that are shrunk."""

    def multiplier(self) -> float:
        """The noise over Δ: z, or 1/ε of pure privacy."""
        if self.epsilon == math.inf:
            return 0.0
        return accountant.noise(self.epsilon, self.delta) if self.delta > 0 else 1 / self.epsilon

    def privacy(self, m: int, n_classes: int) -> Privacy:
        """Of a model trained on ``m`` examples: one more or less of them."""
        z = self.multiplier()
        reached = accountant.epsilon(z, self.delta) if self.delta > 0 else self.epsilon
        return Privacy("output perturbation", reached, self.delta, self.sensitivity(m, n_classes), z)

    def noise(self, seed: int, trial: int, shape: tuple[int, int], sensitivity: float) -> Floats:
        """What is added to W."""
        from empirical.learners.private.normal_cpu import LENGTH, normals

        count, z = math.prod(shape), self.multiplier()
        if z == 0:
            return np.zeros(shape)
        drawn, stream = np.empty(-(-count // 8) * 8, np.float32), np.uint32(philox.substream(philox.PRIVACY, 0))
        normals(drawn, np.empty(LENGTH, np.uint32), np.uint64(seed), stream, np.uint64(trial))
        direction = drawn[:count].astype(np.float64).reshape(shape)
        if self.delta > 0:
            return direction * (sensitivity * z)
        lots = philox.uniforms(seed, philox.substream(philox.PRIVACY, 1), trial, 0, count)
        length = -np.log1p(-lots).sum()  # Γ(count), a sum of exponential numbers
        return np.asarray(direction * (sensitivity * z * length / np.linalg.norm(direction)))

    @one_thread
    def prepare(self, data: Data, score: Score = "correct", *, seed: int = 0, device: Device = CPU) -> Trainer:
        """Rows with a 1, shrunk; nothing of the data but their shape goes into them."""
        self.check(data, score)
        self.check_device(device)
        rows = np.concatenate(features(data)).astype(np.float64)
        rows = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
        rows *= np.minimum(1.0, self.norm / np.linalg.norm(rows, axis=1))[:, None]
        return Minimizers(self, score, data, lined(rows), np.append(data.y_train, data.y_test), seed)


@dataclass(frozen=True)
class Minimizers(Trainer):
    """Trainer: one model after the other.

    >>> data = Data(np.eye(4), np.array([0, 1, 0, 1]), np.eye(4), np.array([0, 1, 0, 1]), ("a", "b"))
    >>> trainer = PrivateRidge(penalty=1.0, epsilon=math.inf).prepare(data)
    >>> trainer.weights(np.ones(4, bool), trial=0)[:, :4].round(2).tolist()  # of each class, without intercepts
    [[0.24, -0.24, 0.24, -0.24], [-0.24, 0.24, -0.24, 0.24]]
    """

    learner: Perturbed
    score: Score
    data: Data
    rows: Floats
    labels: NDArray[np.int64]
    seed: int

    def fill(self, masks: Bools, trials: NDArray[np.int64], present: Bools, scores: NDArray[Any]) -> None:
        every = np.ones((1, self.data.n_classes), bool)  # which classes a subset holds is not told
        for k, (mask, trial) in enumerate(zip(masks, trials.tolist(), strict=True)):
            values = (self.weights(mask, trial) @ self.rows.T).astype(np.float32)
            read(values[None], every, self.labels, self.score, scores[k : k + 1])

    def weights(self, mask: Bools, trial: int) -> Floats:
        """W of one trained model, its noise added."""
        data, learner = self.data, self.learner
        x = lined(self.rows[: data.n][mask])
        found = learner.minimizer(x, data.y_train[mask], data.n_classes)
        moved = learner.sensitivity(len(x), data.n_classes)
        return found + learner.noise(self.seed, trial, found.shape, moved)


@dataclass(frozen=True)
class PrivateSoftmax(Perturbed):
    """Softmax regression by L-BFGS in double precision.

    >>> round(PrivateSoftmax(penalty=10).sensitivity(m=1000, n_classes=10), 4)  # what one example moves its weights by
    0.1417
    """

    def sensitivity(self, m: int, n_classes: int) -> float:
        return math.sqrt(2) * self.norm * (1 + 2 * NEAR) / self.penalty

    def minimizer(self, x: Floats, y: NDArray[np.int64], n_classes: int) -> Floats:
        sides = np.eye(n_classes)[y].T @ x
        shape = sides.shape

        def objective(flat: Floats) -> tuple[float, Floats]:
            w = flat.reshape(shape)
            z = w @ x.T
            total = special.logsumexp(z, axis=0)
            gradient = np.exp(z - total) @ x - sides + self.penalty * w
            return float(total.sum() - np.vdot(w, sides) + 0.5 * self.penalty * np.vdot(w, w)), gradient.ravel()

        near = math.sqrt(2) * self.norm * NEAR
        options: Any = {"gtol": near / math.sqrt(sides.size), "ftol": 0.0, "maxiter": 10_000, "maxfun": 20_000}
        found = optimize.minimize(objective, np.zeros(sides.size), jac=True, method="L-BFGS-B", options=options)
        left = float(np.linalg.norm(found.jac))
        if left > near:
            remedy = (
                f"softmax regression ended with a gradient of norm {left:.2g} where {near:.2g} was to be had; give more"
            )
            raise ArgumentError("penalty", self.penalty, remedy)
        return np.asarray(found.x.reshape(shape))


@dataclass(frozen=True)
class PrivateRidge(Perturbed):
    """Least squares on e_y − 1/K, by Cholesky in double precision.

    >>> round(PrivateRidge(penalty=100).sensitivity(m=1000, n_classes=10), 4)  # what one example moves its weights by
    0.0242
    """

    penalty: float = 100.0

    def sensitivity(self, m: int, n_classes: int) -> float:
        r, root = self.norm, math.sqrt(self.penalty)
        step = r / (self.penalty + r * r) if r <= root else 0.5 / root
        return math.sqrt(1 - 1 / n_classes) * (1 + r * math.sqrt(m) / (2 * root)) * step

    def minimizer(self, x: Floats, y: NDArray[np.int64], n_classes: int) -> Floats:
        targets = np.eye(n_classes)[y] - 1 / n_classes
        gram = x.T @ x + self.penalty * np.eye(x.shape[1])
        return np.asarray(linalg.solve(gram, x.T @ targets, assume_a="pos").T)
