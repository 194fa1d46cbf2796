"""Softmax regression (multinomial logistic): one strictly convex problem a subset, solved from zero.

    minimize  Σ_{i∈S} −log p(y_i | x_i) + ½ λ |W|²,   intercepts free: scikit-learn's LogisticRegression(C=1/λ).

16 models at a time take turns at one product: W Xᵀ, probabilities, P X. Each has its own L-BFGS, whose metric is
Böhning's bound (Annals of the Institute of Statistical Mathematics 1992) on the Hessian made sharper: in the
principal axes of the features the Gram matrix is its eigenvalues Λ, and class k's block is near c_k Λ + λ with c_k
the model's own mean p(1 − p). So the metric is a diagonal, shared work is label-free, and on digits 20 evaluations do
what scikit-learn's 65 to 75 do (43 if pixels go to 16: the penalty is then weak, and scikit-learn's 100 do not end it).
A model that is done leaves its place to the next that is bound for it (``empirical.learners.shared.places``); every start
is zero, so that nothing of a held-out label is ever seen.

Work an evaluation, digits (n = 1,500, D = 62, K = 10): 4 n D K = 3.7 MFLOP (35 µs at sgemm's 105 GFLOP/s), n K
exponentials (5 µs), 2 × 8 vectors of 620 (5 µs); measured 65 µs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.learners.learner import Change, Learner, Trainer, features
from empirical.learners.score import Floats32, Score
from empirical.learners.shared.batched import Batched
from empirical.learners.shared.linear import score_linear, width
from empirical.learners.shared.places import MODELS, aligned, lined
from empirical.learners.shared.threads import one_thread
from longtail.core import ArgumentError, Bools, real, whole
from longtail.core.arrays import CPU, Device

if TYPE_CHECKING:
    from empirical.learners.softmax.softmax_cpu import Aim, Descents

DENSE = 4000  # weights a dense Hessian may have on a GPU


@dataclass(frozen=True)
class Softmax(Learner):
    """``tolerance`` bounds the squared gradient in the metric, per example: some twice the loss yet to be gained.

    >>> from empirical import SubsetEstimator, load
    >>> data = load("planted", n=60).data
    >>> found = SubsetEstimator(Softmax(penalty=0.01), models=32).fit(data.x_train, data.y_train)
    >>> bool(found.memorization_["memorization"].max() > 0.5)
    True
    """

    penalty: float = 1.0
    tolerance: float = 1e-5
    evaluations: int = 1000
    scores: ClassVar[tuple[str, ...]] = ("correct", "predicted", "probability", "margin", "loss", "probabilities")

    def __post_init__(self) -> None:
        object.__setattr__(self, "penalty", real("penalty", self.penalty, 0, open_low=True))
        object.__setattr__(self, "tolerance", real("tolerance", self.tolerance, 0, open_low=True))
        object.__setattr__(self, "evaluations", whole("evaluations", self.evaluations))

    @property
    def last_epoch(self) -> int:
        """An epoch is an evaluation, which passes over the subset once."""
        return self.evaluations

    def check_epochs(self, epochs: Sequence[int], device: Device = CPU) -> None:
        """Newton's method, which a GPU runs, has no evaluations that are these."""
        super().check_epochs(epochs, device)
        if device.kind == "gpu":
            raise ArgumentError("epochs", tuple(epochs), "Softmax gives scores on the way on the CPU only: give cpu")

    @one_thread
    def prepare(self, data: Data, score: Score = "correct", *, seed: int = 0, device: Device = CPU) -> Trainer:
        """Rows in the principal axes of the training features, a leading 1, once a process."""
        self.check(data, score)
        train, test = features(data)
        x = np.concatenate([train, test]).astype(np.float64)
        x -= x[: data.n].mean(0)
        eigenvalues, axes = np.linalg.eigh(x[: data.n].T @ x[: data.n])
        kept = eigenvalues > 1e-10 * eigenvalues[-1]  # along the rest every weight is 0
        rows = np.ones((len(x), 1 + np.count_nonzero(kept)), np.float32)
        rows[:, 1:] = x @ axes[:, kept]
        if device.kind == "gpu":
            return self._on_device(device, score, data, rows)
        wide = width(data.n)
        padded = aligned(-(-data.n // wide) * wide, rows.shape[1])
        padded[: data.n] = rows[: data.n]
        spectrum = np.append(1.0, eigenvalues[kept] / data.n).astype(np.float32)
        labels = np.append(data.y_train, data.y_test)
        return Descent(self, score, data, lined(rows), padded, spectrum, labels, axes[:, kept].astype(np.float32))

    def _on_device(self, device: Device, score: Score, data: Data, rows: Floats32) -> Batched:
        """Newton's method in float64: the Hessian has to fit."""
        unknowns = rows.shape[1] * data.n_classes
        if unknowns > DENSE:
            raise ArgumentError(
                "device", "gpu", f"with {unknowns} weights use cpu: at most {DENSE} fit Newton's method"
            )
        targets = np.eye(data.n_classes)[data.y_train]

        def outputs(xp: Any, masks: Bools, trials: NDArray[np.int64]) -> Any:
            x = xp.asarray(rows.astype(np.float64))
            w = weights(x[: data.n, :], xp.asarray(targets), xp.asarray(masks), self.penalty)
            return xp.matmul(x, xp.matrix_transpose(w))

        return Batched.of(device, outputs, score, data, 4 * (unknowns * unknowns + rows.size))


@dataclass(frozen=True)
class Descent(Trainer):
    """Trainer: models wait in line, each for its own of 16 places.

    >>> data = Data(np.eye(4), np.array([0, 1, 0, 1]), np.eye(4), np.array([0, 1, 0, 1]), ("a", "b"))
    >>> trainer, masks = Softmax().prepare(data), np.ones((1, 4), bool)
    >>> weights, evaluations = trainer.weights(masks, np.array([0]), np.ones((1, 2), bool), epochs=(1, 1000))
    >>> weights.shape, bool(evaluations[0] > 1)  # after one evaluation and at the end
    ((2, 1, 2, 4), True)
    """

    learner: Softmax
    score: Score
    data: Data
    rows: Floats32
    padded: Floats32
    eigenvalues: Floats32
    labels: NDArray[np.int64]
    axes: Floats32
    batch: int = 64
    change: Change | None = None

    def fill(self, masks: Bools, trials: NDArray[np.int64], present: Bools, scores: NDArray[Any]) -> None:
        self.fill_at(masks, trials, present, (self.learner.evaluations,), scores[None])

    def fill_at(
        self, masks: Bools, trials: NDArray[np.int64], present: Bools, epochs: Sequence[int], scores: NDArray[Any]
    ) -> None:
        weights, _ = self.weights(masks, trials, present, epochs)
        for some, out in zip(weights, scores, strict=True):
            if self.change is not None:
                for w in some:  # each by itself: nothing of it is another's
                    own = w[:, 1:] @ self.axes.T  # of the features themselves, less their means
                    self.change(own)
                    w[:, 1:] = own @ self.axes
            score_linear(some, trials, self.rows, present, self.labels, self.score, out)

    def weights(
        self, masks: Bools, trials: NDArray[np.int64], present: Bools, epochs: Sequence[int]
    ) -> tuple[Floats32, NDArray[np.int64]]:
        """Weights (epochs, t, K, features) in the principal axes, and how many evaluations each took.

        A descent that arrives before an epoch has there the weights that it arrived at.
        """
        t, classes, size = len(masks), self.data.n_classes, self.rows.shape[1]
        places = _Places.empty(self.padded, classes, self.eigenvalues, self.learner, epochs[-1])
        weights, evaluations = np.empty((len(epochs), t, classes, size), np.float32), np.zeros(t, np.int64)
        between = {epoch: e for e, epoch in enumerate(epochs[:-1])}
        holder = np.full(MODELS, -1)
        lines = [iter(np.flatnonzero(trials % MODELS == m).tolist()) for m in range(MODELS)]
        while True:
            for m in np.flatnonzero(holder < 0).tolist():
                k = next(lines[m], None)
                if k is not None:
                    holder[m] = k
                    places.begin(m, masks[k], present[k], self.data.y_train)
            if not (holder >= 0).any():
                return weights, evaluations
            done = places.turn(holder >= 0)
            if between:
                for m in np.flatnonzero(holder >= 0).tolist():
                    e = between.get(int(places.descents.state[m]["evaluations"]))
                    if e is not None:
                        weights[e, holder[m]] = places.descents.w[m].reshape(classes, size)
            for m in np.flatnonzero(done).tolist():
                evaluations[holder[m]] = places.descents.state[m]["evaluations"]
                left = np.searchsorted(epochs, evaluations[holder[m]])
                weights[left:, holder[m]] = places.descents.w[m].reshape(classes, size)
                holder[m] = -1


@dataclass(frozen=True)
class _Places:
    """Places for 16 descents; ``begin`` clears one for the next model, ``turn`` evaluates and advances all."""

    padded: Floats32
    blocks: list[Floats32]
    held: Floats32
    present: Bools
    descents: Descents
    aim: Aim
    part: Floats32
    values: Floats32

    @classmethod
    def empty(cls, padded: Floats32, classes: int, eigenvalues: Floats32, learner: Softmax, most: int) -> _Places:
        from empirical.learners.softmax import softmax_cpu as cpu

        rows, size = padded.shape
        wide, length = width(rows), classes * size
        w, trial, gradient, fresh, direction = (aligned(MODELS, length) for _ in range(5))
        steps, changes = (aligned(MODELS, cpu.MEMORY, length) for _ in range(2))
        kept, state = np.ones((MODELS, cpu.MEMORY)), np.zeros(MODELS, cpu.STATE)
        descents = cpu.Descents(w, trial, gradient, fresh, direction, steps, changes, kept, state)
        ends = (np.float32(learner.penalty), learner.tolerance, most)
        return cls(
            padded,
            [lined(padded[start : start + wide].T) for start in range(0, rows, wide)],
            held=aligned(MODELS, rows),
            present=np.ones((MODELS, classes), bool),
            descents=descents,
            aim=cpu.Aim(aligned(MODELS, length), np.ones(MODELS, np.int64), eigenvalues, *ends),
            part=aligned(MODELS, length),
            values=aligned(MODELS, classes, wide),
        )

    def begin(self, m: int, mask: Bools, present: Bools, labels: NDArray[np.int64]) -> None:
        from empirical.learners.shared.scores_cpu import class_sums

        self.held[m] = 0
        self.held[m, : len(mask)] = mask
        self.present[m] = present
        members, sides = np.flatnonzero(mask), self.aim.sides[m]
        self.aim.members[m] = len(members)
        sides[:] = 0
        class_sums(self.padded[members], labels[members], sides.reshape(len(present), -1))
        self.descents.trial[m] = 0
        self.descents.state[m] = 0

    def turn(self, busy: Bools) -> Bools:
        """Evaluate every trial point and advance its descent; which have arrived."""
        from empirical.learners.softmax import softmax_cpu as cpu

        classes, wide, size = self.present.shape[1], self.values.shape[2], self.padded.shape[1]
        point, part = (v.reshape(MODELS * classes, size) for v in (self.descents.trial, self.part))
        flat, fresh = self.values.reshape(MODELS * classes, wide), self.descents.fresh
        loss, spread = np.zeros(MODELS), np.zeros((MODELS, classes), np.float32)
        total = np.empty((3, wide), np.float32)
        for k, block in enumerate(self.blocks):
            some = slice(k * wide, (k + 1) * wide)
            np.matmul(point, block, out=flat)
            cpu.pass_over(busy, self.values, self.held[:, some], self.present, total, loss, spread)
            np.matmul(flat, self.padded[some], out=part)
            np.add(fresh if k else 0, self.part, out=fresh)
        done = np.zeros(MODELS, bool)
        cpu.turn(busy, self.descents, self.aim, loss, spread, done)
        return done


def weights(rows: Any, targets: Any, masks: Any, penalty: float, steps: int = 15) -> Any:
    """(t, K, features) by Newton's method with the dense Hessian and halved steps: the oracle, in any array namespace.

    ``rows`` have a leading 1; ``targets`` (n, K) are 0/1; ``masks`` (t, n) say who is in a subset, of whose models each takes so
    many ``steps``. Classes that a subset lacks keep weight 0 and probability 0.

    >>> rows = np.array([[1.0, -1.0], [1.0, 1.0]])
    >>> weights(rows, np.eye(2), np.array([[True, True]]), penalty=1.0)[0, :, 1].round(3).tolist()  # intercepts are 0
    [-0.521, 0.521]
    """
    xp = array_namespace(rows, targets, masks)
    size = rows.shape[1]
    classes = targets.shape[1]
    free = xp.astype(xp.arange(size) > 0, rows.dtype)
    ridge = penalty * xp.reshape(xp.ones((classes, 1), dtype=rows.dtype) * free, (-1,)) + 1e-9
    held = xp.astype(masks, rows.dtype)
    present = xp.matmul(held, targets) > 0
    sides = xp.matmul(xp.expand_dims(held, axis=1) * targets.T, rows)

    def objective(w: Any) -> tuple[Any, Any]:
        values = xp.matmul(w, rows.T)
        values = xp.where(xp.expand_dims(present, axis=2), values, -xp.inf)
        top = xp.max(values, axis=1, keepdims=True)
        total = xp.sum(xp.exp(values - top), axis=1, keepdims=True)
        loss = xp.sum(held * (xp.log(total) + top)[:, 0, :], axis=1) - xp.sum(w * sides, axis=(1, 2))
        flat = xp.reshape(w, (w.shape[0], -1))
        return loss + 0.5 * xp.sum(flat * flat * ridge, axis=1), xp.exp(values - top) / total

    w = xp.zeros((masks.shape[0], classes, size), dtype=rows.dtype)
    value, p = objective(w)
    for _ in range(steps):
        kept = p * xp.expand_dims(held, axis=1)
        gradient = xp.matmul(kept, rows) - sides
        flat = xp.reshape(gradient, (w.shape[0], -1)) + ridge * xp.reshape(w, (w.shape[0], -1))
        blocks = []
        for a in range(classes):
            line = []
            for b in range(classes):
                curve = kept[:, a, :] * ((1.0 if a == b else 0.0) - p[:, b, :])
                line.append(xp.matmul(xp.expand_dims(curve, axis=1) * rows.T, rows))
            blocks.append(xp.concat(line, axis=2))
        hessian = xp.concat(blocks, axis=1) + xp.eye(classes * size, dtype=rows.dtype) * ridge
        move = xp.reshape(xp.linalg.solve(hessian, xp.expand_dims(flat, axis=2)), w.shape)
        scale = xp.ones((w.shape[0], 1, 1), dtype=rows.dtype)
        for _ in range(20):
            after, chance = objective(w - scale * move)
            worse = after > value + 1e-12 * (1 + xp.abs(value))
            if not xp.any(worse):
                break
            scale = xp.where(xp.reshape(worse, (-1, 1, 1)), scale / 2, scale)
        w, value, p = w - scale * move, after, chance
    return w
