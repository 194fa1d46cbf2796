"""Ridge classification: least squares on ±1 targets with a free intercept, the largest output predicted.

    W = (X_Sᵀ X_S + λ I)⁻¹ X_Sᵀ T_S,   intercept unpenalized: scikit-learn's RidgeClassifier.

Features are shifted by their mean (a free intercept takes it up) and constant ones dropped (their weight is 0), which
is all the preparation there is. Narrow data (≤ 192 features): Σ_{i∈S} x xᵀ for all subsets from tables of partial
sums, then Cholesky with 16 models in the lanes. Wide data: BLAS, the Gram matrix of all downdated by the left-out rows.

Work a model, digits (n = 1,500, D = 62, K = 10, 1,797 rows): Gram 2 n D²/2 = 5.9 MFLOP as a GEMM, predictions
2 · 1797 D K = 2.2 MFLOP, Cholesky and solves .16 MFLOP. One Zen 4 core does 105 GFLOP/s in sgemm: 56 + 21 + 2 = 79 µs
if all ran at that peak. Tables do the Gram in 23 µs, by a third of the instructions; measured 56 µs in all.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from empirical.data.data import Data
from empirical.learners.learner import Change, Learner, Trainer, features
from empirical.learners.score import Floats32, Score
from empirical.learners.shared.batched import Batched
from empirical.learners.shared.linear import score_linear
from empirical.learners.shared.places import MODELS, aligned, lined
from empirical.learners.shared.threads import one_thread
from longtail.core import Bools, real
from longtail.core.arrays import CPU, Device

NARROW = 192  # features up to which a triangle of 16 models stays in second-level cache
TABLE = 2**29  # bytes of x xᵀ kept; more, and BLAS serves


@dataclass(frozen=True)
class Ridge(Learner):
    """RidgeClassifier(alpha=penalty).

    >>> from empirical import SubsetEstimator, load
    >>> data = load("planted", n=60).data
    >>> found = SubsetEstimator(Ridge(), models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
    >>> bool(found.memorization_["memorization"].max() > 0.5)
    True
    """

    penalty: float = 1.0
    scores: ClassVar[tuple[str, ...]] = ("correct", "predicted", "margin")

    def __post_init__(self) -> None:
        object.__setattr__(self, "penalty", real("penalty", self.penalty, 0, open_low=True))

    @one_thread
    def prepare(self, data: Data, score: Score = "correct", *, seed: int = 0, device: Device = CPU) -> Trainer:
        """Rows with a leading 1, and x xᵀ of every training example where that is narrow."""
        self.check(data, score)
        train, test = features(data)
        mean = train.mean(0, dtype=np.float64).astype(np.float32)
        varied = (train != train[0]).any(0)
        rows = np.concatenate([train, test])[:, varied] - mean[varied]
        rows = lined(np.concatenate([np.ones((len(rows), 1), np.float32), rows], axis=1))
        labels = np.append(data.y_train, data.y_test)
        if device.kind == "gpu":
            return on_device(device, self.penalty, score, data, rows)
        size, precision = rows.shape[1], precise(rows[: data.n], self.penalty)
        if size <= NARROW and data.n * size * size * 2 <= TABLE and precision == np.float32:
            return _Narrow(self.penalty, score, data, rows, labels, precision, *_columns(rows[: data.n], data.y_train))
        return Wide(self.penalty, score, data, rows, labels, precision)


@dataclass(frozen=True)
class _Trained(Trainer):
    """Scores of training and test rows by weights (t, K, features), as ``score_linear`` has them."""

    penalty: float
    score: Score
    data: Data
    rows: Floats32
    labels: NDArray[np.int64]
    precision: np.dtype[Any]
    change: Change | None = field(default=None, kw_only=True)

    def fill(self, masks: Bools, trials: NDArray[np.int64], present: Bools, scores: NDArray[Any]) -> None:
        for first in range(0, len(masks), self.batch):
            some = slice(first, first + self.batch)
            weights = self._weights(masks[some])
            if self.change is not None:
                for w in weights:
                    self.change(w[:, 1:])
            score_linear(weights, trials[some], self.rows, present[some], self.labels, self.score, scores[some])
        if self.score == "margin":
            scores *= 2  # weights are for 0/1 targets: with a free intercept, half those for ±1

    @property
    def batch(self) -> int:
        return MODELS

    @abstractmethod
    def _weights(self, masks: Bools) -> Floats32:
        """Weights (t, K, features)."""


@dataclass(frozen=True)
class _Narrow(_Trained):
    """Subset sums by table, Cholesky in lanes. Examples are in order of class, so that class sums come likewise."""

    order: NDArray[np.int64]
    pairs: Floats32
    singles: Floats32

    @property
    def batch(self) -> int:
        return 256

    def _weights(self, masks: Bools) -> Floats32:
        from empirical.learners.ridge import ridge_cpu as cpu
        from empirical.learners.ridge.lanes_cpu import LANES

        size, classes, n = self.rows.shape[1], self.data.n_classes, self.data.n
        t = -(-len(masks) // MODELS) * MODELS
        entries = np.zeros((self.pairs.shape[1] // (cpu.STEP * LANES), t), np.uint64)
        cpu.digits(masks, self.order, entries)
        whole, sides = -(-size // 4) * 4, -(-classes // 4) * 4
        triangle = whole * (whole + 1) // 2
        systems = aligned(t // LANES, (triangle + sides * whole) * LANES)
        room = cpu.Room(aligned(cpu.TABLES * cpu.SIZE), aligned(t * LANES))
        cpu.sums(self.pairs, entries, (0, n), room, cpu.Target(systems, 0, size * (size + 1) // 2))
        ends = np.searchsorted(self.data.y_train[self.order], np.arange(classes + 1))
        for c in range(classes):
            start = triangle + c * whole
            cpu.sums(self.singles, entries, (ends[c], ends[c + 1]), room, cpu.Target(systems, start, size))
        penalty = np.full(whole, self.penalty, np.float32)
        penalty[0] = 0
        penalty[size:] = 1  # padding: rows of the identity
        weights = np.empty((t, classes, size), np.float32)
        cpu.weights(systems, penalty, sides, aligned(16 * LANES), aligned(whole * LANES), weights)
        return weights[: len(masks)]


@dataclass(frozen=True)
class Wide(_Trained):
    """The Gram matrix of the subset itself, or that of all less the left-out rows, whichever is the shorter product.

    >>> x = np.random.default_rng(0).normal(size=(6, 300))
    >>> trainer = Ridge().prepare(Data(x, np.arange(6) % 2, x, np.arange(6) % 2, ("a", "b")))
    >>> isinstance(trainer, Wide), trainer.whole[1].shape  # the Gram matrix of 300 features and the intercept
    (True, (301, 301))
    """

    @cached_property
    def whole(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Training rows in working precision, the Gram matrix of them all and its sides: once a process."""
        from empirical.learners.shared.scores_cpu import class_sums

        train = lined(self.rows[: self.data.n].astype(self.precision, copy=False))
        sides = aligned(self.data.n_classes, train.shape[1], dtype=self.precision)
        class_sums(train, self.data.y_train, sides)
        return train, _routines(self.precision)[0](1.0, train.T, lower=1), sides

    def _weights(self, masks: Bools) -> Floats32:
        """Each model by itself, in the same room: nothing that it is made of is another's."""
        from empirical.learners.shared.scores_cpu import class_sums

        train, whole, all_sides = self.whole
        syrk, posv = _routines(self.precision)
        n, size = train.shape
        weights = np.empty((len(masks), self.data.n_classes, size), np.float32)
        room, gram = aligned(n, size, dtype=self.precision), aligned(size, size, dtype=self.precision).T
        sides, penalty = aligned(self.data.n_classes, size, dtype=self.precision), self.precision.type(self.penalty)
        for out, mask in zip(weights, masks, strict=True):
            fewer = 2 * np.count_nonzero(mask) <= n
            taken = np.flatnonzero(mask if fewer else ~mask)
            some = np.take(train, taken, axis=0, out=room[: len(taken)], mode="clip")
            sides[:] = 0
            class_sums(some, self.data.y_train[taken], sides)
            if fewer:
                gram = syrk(1.0, some.T, 0.0, gram, lower=1, overwrite_c=1)
            else:
                gram[:] = whole
                gram = syrk(-1.0, some.T, 1.0, gram, lower=1, overwrite_c=1)
                np.subtract(all_sides, sides, out=sides)
            gram[np.arange(1, size), np.arange(1, size)] += penalty
            out[:] = posv(gram, sides.T, lower=1, overwrite_a=1, overwrite_b=1)[1].T
        return weights


def _routines(precision: np.dtype[Any]) -> tuple[Any, Any]:
    return (blas.ssyrk, lapack.sposv) if precision == np.float32 else (blas.dsyrk, lapack.dposv)


def precise(train: Floats32, penalty: float) -> np.dtype[Any]:
    """float32 where the condition number, at most Σ x² / λ, is below 10^8; else float64.

    The sum is some ten times the largest eigenvalue, and predictions lose less than weights: on raw digits (3 × 10^6 at
    λ = 1) no prediction of 10^5 differs from float64's.

    >>> train = np.ones((10, 3), np.float32)
    >>> precise(train, penalty=1.0), precise(train, penalty=1e-8)
    (dtype('float32'), dtype('float64'))
    """
    total = float(np.einsum("ij,ij->", train[:, 1:], train[:, 1:], dtype=np.float64))
    return np.dtype(np.float32 if total < 1e8 * penalty else np.float64)


def _columns(train: Floats32, labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats32, Floats32]:
    """Examples in order of class; their x xᵀ (packed triangle) and x, 16 columns a chunk, padded to whole steps."""
    from empirical.learners.ridge.lanes_cpu import LANES
    from empirical.learners.ridge.ridge_cpu import STEP

    order = np.argsort(labels, kind="stable")
    n, size = train.shape
    padded = np.zeros((-(-n // STEP) * STEP, size), np.float32)
    padded[:n] = train[order]
    i, j = np.tril_indices(size)
    chunks = []
    for left, right in ((i, j), (np.arange(size), None)):
        out = aligned(-(-len(left) // LANES), len(padded), LANES)
        for c in range(len(out)):
            some = slice(c * LANES, (c + 1) * LANES)
            block = padded[:, left[some]] if right is None else padded[:, left[some]] * padded[:, right[some]]
            out[c, :, : block.shape[1]] = block
        chunks.append(out.reshape(len(out), -1))
    return order, chunks[0], chunks[1]


def on_device(device: Device, penalty: float, score: Score, data: Data, rows: Floats32) -> Batched:
    """Ridge on ``rows`` (a leading 1, training rows first) in a GPU's namespace.

    >>> x = np.array([[1.0, -1.0], [1.0, 1.0]], np.float32)
    >>> data = Data(x[:, 1:], np.array([0, 1]), x[:, 1:], np.array([0, 1]), ("a", "b"))
    >>> trainer = on_device(CPU, 1.0, "correct", data, np.concatenate([x, x]))  # as on a GPU, by NumPy
    >>> trainer(np.array([[True, True]]), np.array([0]))[1].tolist()
    [[True, True]]
    """
    targets = np.eye(data.n_classes, dtype=np.float32)[data.y_train]

    def outputs(xp: Any, masks: Bools, trials: NDArray[np.int64]) -> Any:
        x = xp.asarray(rows)
        w = weights(x[: data.n, :], xp.asarray(targets), xp.asarray(masks), penalty)
        return 2 * xp.matmul(x, xp.matrix_transpose(w)) - 1

    return Batched.of(device, outputs, score, data, rows.size + rows.shape[1] ** 2)


def weights(rows: Any, targets: Any, masks: Any, penalty: float) -> Any:
    """(t, K, features) from rows with a leading 1, 0/1 targets (n, K) and who is in a subset, ``masks`` (t, n): the oracle, in
    any array namespace.

    >>> rows = np.array([[1.0, -1.0], [1.0, 1.0]])
    >>> weights(rows, np.eye(2), np.array([[True, True]]), penalty=2.0).tolist()
    [[[0.5, -0.25], [0.5, 0.25]]]
    """
    xp = array_namespace(rows, targets, masks)
    size = rows.shape[1]
    held = xp.expand_dims(xp.astype(masks, rows.dtype), axis=2) * rows
    gram = xp.matmul(xp.permute_dims(held, (0, 2, 1)), rows)
    diagonal = xp.eye(size, dtype=rows.dtype, device=rows.device)
    free = xp.astype(xp.arange(size, device=rows.device) > 0, rows.dtype)
    sides = xp.matmul(xp.permute_dims(held, (0, 2, 1)), targets)
    return xp.permute_dims(xp.linalg.solve(gram + penalty * diagonal * free, sides), (0, 2, 1))
