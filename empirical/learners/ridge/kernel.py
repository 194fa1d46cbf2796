"""Kernel ridge classification: every subset from one inverse, by leaving a block out.

With A = (K + λI)⁻¹ and α = A Y over all training examples (Y = ±1), the model without the examples O has

    x = A_OO⁻¹ α_O,   left-out rows predict Y_O − x,   others f = F + P_{:O} x,

F being the full model's outputs and P = λA for training rows (there f = Y − λα' with α' = α − A_{:O} x), −K_test A for
test rows. That is one Cholesky of |O| in place of one of n − |O|. Where fewer than 2 of 5 examples are kept, the
subset's own system is the smaller: α_S = (K_SS + λI)⁻¹ Y_S. No intercept, fixed λ and kernel: scikit-learn's
KernelRidge on ±1.

Work a model, digits at 70 % (n = 1,500, |O| = 450, 1,797 rows, K = 10): Cholesky |O|³/3 = 30 MFLOP, solves 4, outputs
2 · 1797 |O| K = 16: 50 MFLOP, .48 ms at sgemm's 105 GFLOP/s on a Zen 4 core, 1.7 ms at the 30 of a Zen 1 core, where 4.2
were measured; scikit-learn factors 1,050³/3 = 386 MFLOP in float64 after making the kernel matrix anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, lapack

from empirical.data.data import Data
from empirical.learners.learner import Learner, Trainer, features
from empirical.learners.score import Floats32, Score
from empirical.learners.shared.batched import Batched
from empirical.learners.shared.places import aligned
from empirical.learners.shared.scores import read
from empirical.learners.shared.threads import one_thread
from longtail.core import ArgumentError, Bools, Floats, real
from longtail.core.arrays import CPU, Device

LARGEST = 20_000  # examples: the kernel matrix and its inverse take 8 n² bytes
EXAMPLES = 128  # rows gathered at a time: few enough to be multiplied while in cache
KEPT = 0.4  # share of examples kept above which leaving out is the smaller system


@dataclass(frozen=True)
class KernelRidge(Learner):
    """``kernel``: "rbf" exp(−γ|x − y|²), "laplacian" exp(−γ|x − y|₁) or "linear"; γ is 1/features unless given.

    >>> from empirical import SubsetEstimator, load
    >>> data = load("planted", n=60).data
    >>> found = SubsetEstimator(KernelRidge(), models=64, random_state=0).fit(data.x_train, data.y_train)
    >>> bool(found.memorization_["memorization"].max() > 0.5)
    True
    """

    penalty: float = 1.0
    kernel: Literal["rbf", "laplacian", "linear"] = "rbf"
    gamma: float | None = None
    scores: ClassVar[tuple[str, ...]] = ("correct", "predicted", "margin")

    def __post_init__(self) -> None:
        object.__setattr__(self, "penalty", real("penalty", self.penalty, 0, open_low=True))
        if self.kernel not in ("rbf", "laplacian", "linear"):
            raise ArgumentError("kernel", self.kernel, "give 'rbf', 'laplacian' or 'linear'")
        if self.gamma is not None:
            object.__setattr__(self, "gamma", real("gamma", self.gamma, 0, open_low=True))

    @one_thread
    def prepare(self, data: Data, score: Score = "correct", *, seed: int = 0, device: Device = CPU) -> Trainer:
        """The inverse, the full model, and P; once a process."""
        self.check(data, score)
        if data.n > LARGEST:
            raise ArgumentError("x_train", f"{data.n} examples", f"give at most {LARGEST}, or use RandomFeatures")
        train, test = features(data)
        rows = np.concatenate([train, test])
        similar = self.similarity(rows, train)
        if device.kind == "gpu":
            return self._on_device(device, score, data, similar)
        own = similar[: data.n]
        inverse = cho_solve(cho_factor(own + self.penalty * np.eye(data.n), lower=True), np.eye(data.n))
        inverse = (inverse + inverse.T) / 2
        targets = 2.0 * np.eye(data.n_classes)[data.y_train] - 1
        outputs = np.concatenate(
            [targets - self.penalty * (inverse @ targets), similar[data.n :] @ (inverse @ targets)]
        )
        moves = np.concatenate([self.penalty * inverse, -similar[data.n :] @ inverse])
        # single precision serves while its rounding, 6e-8 of the largest eigenvalue, is small beside λ
        kind = np.float32 if np.abs(own).sum(1).max() < 1e5 * self.penalty else np.float64
        return Leaving(
            self.penalty,
            score,
            data,
            np.append(data.y_train, data.y_test),
            targets.astype(kind),
            inverse.astype(kind),
            (inverse @ targets).astype(kind),
            np.ascontiguousarray(outputs.T, np.float32),
            np.ascontiguousarray(moves.T, np.float32),
            np.ascontiguousarray(similar.T, np.float32),
        )

    def _on_device(self, device: Device, score: Score, data: Data, similar: Floats) -> Batched:
        targets = 2 * np.eye(data.n_classes)[data.y_train] - 1

        def values(xp: Any, masks: Bools, trials: NDArray[np.int64]) -> Any:
            return outputs(xp.asarray(similar), xp.asarray(targets), xp.asarray(masks), self.penalty)

        return Batched.of(device, values, score, data, 4 * data.n * data.n)

    def similarity(self, rows: Floats32, train: Floats32) -> Floats:
        """The kernel of each row with each training example."""
        x, y = rows.astype(np.float64), train.astype(np.float64)
        gamma = 1 / x.shape[1] if self.gamma is None else self.gamma
        if self.kernel == "linear":
            return np.asarray(x @ y.T)
        if self.kernel == "laplacian":
            from scipy.spatial.distance import cdist

            return np.exp(-gamma * cdist(x, y, "cityblock"))
        gaps = (x * x).sum(1)[:, None] + (y * y).sum(1) - 2 * x @ y.T
        return np.asarray(np.exp(-gamma * np.maximum(gaps, 0)))


@dataclass(frozen=True)
class Leaving(Trainer):
    """Trainer. ``outputs`` (K, rows): the full model's; ``moves`` (n, rows): Pᵀ; ``similar`` (n, rows): the kernel.

    >>> data = Data(np.eye(4), np.array([0, 1, 0, 1]), np.eye(4), np.array([0, 1, 0, 1]), ("a", "b"))
    >>> trainer = KernelRidge().prepare(data)
    >>> isinstance(trainer, Leaving), trainer(np.array([[True, True, True, False]]), np.array([0]))[0].tolist()
    (True, [[True, True, True, False]])
    """

    penalty: float
    score: Score
    data: Data
    labels: NDArray[np.int64]
    targets: NDArray[Any]
    inverse: NDArray[Any]
    alpha: NDArray[Any]
    outputs: Floats32
    moves: Floats32
    similar: Floats32
    batch: int = 1

    def fill(self, masks: Bools, trials: NDArray[np.int64], present: Bools, scores: NDArray[Any]) -> None:
        members = np.count_nonzero(masks, axis=1)
        leave = members >= KEPT * self.data.n
        room = _Room.of(self, int(np.where(leave, self.data.n - members, members).max(initial=0)))
        for k, mask in enumerate(masks):
            if leave[k]:
                self._left_out(room, np.flatnonzero(~mask))
            else:
                self._kept(room, np.flatnonzero(mask))
            read(room.values[None], present[k : k + 1], self.labels, self.score, scores[k : k + 1])

    def _left_out(self, room: _Room, out: NDArray[np.int64]) -> None:
        """Outputs of the model without these examples, to the room's values."""
        system, x = room.system(self.inverse, out)
        x[:] = self.alpha[out].T
        x = _solved(system, x)
        room.values[:] = self.outputs
        room.add(x, self.moves, out)
        room.values[:, out] = self.targets[out].T - x

    def _kept(self, room: _Room, kept: NDArray[np.int64]) -> None:
        """Outputs of the model of these examples alone."""
        system, x = room.system(self.similar, kept)
        system[np.diag_indices(len(kept))] += self.penalty
        x[:] = self.targets[kept].T
        room.values[:] = 0
        room.add(_solved(system, x), self.similar, kept)


@dataclass(frozen=True)
class _Room:
    """Memory for one model at a time: each is computed where the last one was, by products of its own."""

    values: Floats32
    product: Floats32
    factors: Floats32
    rows: Floats32
    square: NDArray[Any]
    sides: NDArray[Any]

    @classmethod
    def of(cls, trainer: Leaving, largest: int) -> _Room:
        """For systems of at most so many examples."""
        (classes, rows), kind = trainer.outputs.shape, trainer.inverse.dtype
        return cls(
            values=aligned(classes, rows),
            product=aligned(classes, rows),
            factors=aligned(classes, EXAMPLES),
            rows=aligned(EXAMPLES, rows),
            square=aligned(largest * largest, dtype=kind),
            sides=aligned(classes * largest, dtype=kind),
        )

    def system(self, table: NDArray[Any], which: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The table's rows and columns of these examples, and room for the classes' right-hand sides."""
        count, classes = len(which), len(self.values)
        system = self.square[: count * count].reshape(count, count)
        for first in range(0, count, EXAMPLES):
            some = slice(first, first + EXAMPLES)
            system[some] = np.take(table[which[some]], which, axis=1)
        return system, self.sides[: classes * count].reshape(classes, count)

    def add(self, x: NDArray[Any], table: Floats32, which: NDArray[np.int64]) -> None:
        """x (K, which) times those rows of the table, added to the values."""
        for first in range(0, len(which), EXAMPLES):
            some = which[first : first + EXAMPLES]
            rows = np.take(table, some, axis=0, out=self.rows[: len(some)], mode="clip")
            factors = self.factors.ravel()[: len(x) * len(some)].reshape(len(x), -1)
            factors[:] = x[:, first : first + EXAMPLES]
            np.matmul(factors, rows, out=self.product)
            self.values[...] += self.product


def _solved(system: NDArray[Any], sides: NDArray[Any]) -> NDArray[Any]:
    """system⁻¹ sidesᵀ, transposed, by Cholesky in place: a symmetric matrix is its own in the order LAPACK wants."""
    if not len(system):
        return sides
    posv = lapack.sposv if system.dtype == np.float32 else lapack.dposv
    _, x, info = posv(system.T, sides.T, lower=1, overwrite_a=1, overwrite_b=1)
    if info:
        raise ArgumentError("penalty", "a kernel matrix that is not positive definite", "raise the penalty")
    return np.asarray(x.T)


def outputs(similar: Any, targets: Any, masks: Any, penalty: float) -> Any:
    """(t, rows, K) outputs from kernel rows (rows, n), the first n those of training examples: the oracle.

    Each subset's own system, bordered by the identity where an example is out; in any array namespace.

    >>> outputs(np.eye(2), np.array([[1.0, -1.0], [-1.0, 1.0]]), np.array([[True, False]]), penalty=1.0).tolist()
    [[[0.5, -0.5], [0.0, 0.0]]]
    """
    xp = array_namespace(similar, targets, masks)
    n = similar.shape[1]
    held = xp.astype(masks, similar.dtype)
    both = xp.expand_dims(held, axis=2) * xp.expand_dims(held, axis=1)
    eye = xp.eye(n, dtype=similar.dtype, device=similar.device)
    system = both * similar[:n, :] + eye * xp.expand_dims(penalty * held + (1 - held), axis=1)
    alpha = xp.linalg.solve(system, xp.expand_dims(held, axis=2) * targets)
    return xp.matmul(similar, alpha)
