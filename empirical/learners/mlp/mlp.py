"""A net with one hidden layer of ReLU, trained by Adam on softmax loss at a rate that falls linearly to 0.

On the CPU a model is trained at a time, its parameters (77 KB at 64-256-10) in second-level cache throughout; the
products of its own minibatches are large enough for BLAS, and all else is one fused pass. ``descent`` is the same
training in any array namespace, all models in one batched product: the oracle, and what a GPU runs in float32. Weights
and minibatch orders are Philox words of (seed, trial), the same on every device. In "mixed" precision a GPU trains by
``mlp_cuda``, products of float16 operands summed in float32; ``descent`` with ``half`` is its oracle.

Work a model, 64-256-10 on 1,050 digits: (4 · 64 + 6 · 10) · 256 = 81 kFLOP an example and epoch (no gradient is needed
below the first layer), so 10 epochs are .85 GFLOP, 8.1 ms at sgemm's 105 GFLOP/s; measured 14.0 ms. 784-128-10 on
42,000 MNIST images: .41 MFLOP an example, 10 epochs 172 GFLOP, 1.6 s at that peak, and 14 GFLOP to score 70,000 images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.learners.learner import Change, Learner, Trainer, features
from empirical.learners.mlp.descent import LARGEST, Ints, Round, course, outputs
from empirical.learners.score import Floats32, Score
from empirical.learners.shared.batched import Batched
from empirical.learners.shared.places import aligned, lined
from empirical.learners.shared.scores import held_classes, read
from empirical.learners.shared.threads import one_thread
from longtail.core import ArgumentError, Bools, real, whole
from longtail.core.arrays import CPU, Device
from longtail.philox import WEIGHTS, substream

SHOWN = 4096  # rows scored at a time where all models are trained at once


@dataclass(frozen=True)
class MLP(Learner):
    """``width`` hidden units, ``epochs`` over the subset in minibatches of ``batch``, Adam from ``rate`` down to 0.

    ``penalty`` λ adds ½ λ |weights|² to the mean loss. Features should be of order 1. ``precision`` "mixed" is for a GPU,
    where "float32" leaves its tensor cores idle; test accuracy is that of float32 within .2 %.

    >>> from empirical import SubsetEstimator, load
    >>> data = load("planted", n=60).data
    >>> learner = MLP(width=32, epochs=200, batch=16)
    >>> found = SubsetEstimator(learner, models=8).fit(data.x_train, data.y_train, data.x_test, data.y_test)
    >>> bool(found.memorization_["in_accuracy"].mean() > 0.9)
    True
    """

    width: int = 256
    epochs: int = 15
    batch: int = 64
    rate: float = 0.005
    penalty: float = 1e-4
    precision: Literal["float32", "mixed"] = "float32"
    scores: ClassVar[tuple[str, ...]] = ("correct", "predicted", "probability", "margin", "loss", "probabilities")

    def __post_init__(self) -> None:
        for name in ("width", "epochs", "batch"):
            object.__setattr__(self, name, whole(name, getattr(self, name), 1, 2**20))
        object.__setattr__(self, "rate", real("rate", self.rate, 0, open_low=True))
        object.__setattr__(self, "penalty", real("penalty", self.penalty, 0))
        if self.precision not in ("float32", "mixed"):
            raise ArgumentError("precision", self.precision, "give 'float32' or 'mixed'")

    @property
    def last_epoch(self) -> int:
        """``epochs``. The rate falls over all of them: a net of fewer has another at each."""
        return self.epochs

    def operations(self, data: Data, members: int) -> float:
        """Of products alone: 4 or 6 a weight, example and epoch, and 2 to score one."""
        inputs, classes = data.x_train[0].size, data.n_classes
        trained = self.epochs * members * (4 * inputs + 6 * classes)
        return float(self.width * (trained + 2 * (data.n + data.n_test) * (inputs + classes)))

    def check_epochs(self, epochs: Sequence[int], device: Device = CPU) -> None:
        """Mixed precision runs to its end."""
        super().check_epochs(epochs, device)
        if self.precision == "mixed":
            raise ArgumentError("epochs", tuple(epochs), "mixed precision gives scores at the end only: give 'float32'")

    @one_thread
    def prepare(self, data: Data, score: Score = "correct", *, seed: int = 0, device: Device = CPU) -> Trainer:
        """Nothing is shared but the features."""
        self.check(data, score)
        rows = lined(np.concatenate(features(data)))
        if device.kind == "gpu":
            make = self._mixed if self.precision == "mixed" else self._on_device
            return make(device, score, data, rows, seed)
        if self.precision == "mixed":
            raise ArgumentError("precision", "mixed", "it needs a GPU: give device 'gpu', or precision 'float32'")
        return Descents(self, score, data, rows, np.append(data.y_train, data.y_test), seed)

    def _on_device(self, device: Device, score: Score, data: Data, rows: Floats32, seed: int) -> Batched:
        targets = np.eye(data.n_classes, dtype=np.float32)[data.y_train]

        def values(xp: Any, masks: Bools, trials: Ints) -> Any:
            return self.by_oracle(xp, seed, xp.asarray(rows), xp.asarray(targets), masks, trials)

        def values_at(xp: Any, masks: Bools, trials: Ints, epochs: Sequence[int]) -> Iterator[Any]:
            return self.oracle_at(xp, seed, xp.asarray(rows), xp.asarray(targets), masks, trials, epochs)

        parameters, row = self.width * rows.shape[1], rows.shape[1] + 2 * self.width
        lists, scores = self.epochs * data.n, 5 * len(rows) * data.n_classes
        numbers = 12 * parameters + (self.batch + SHOWN) * row + lists + scores
        return Batched.of(device, values, score, data, numbers, values_at)

    def _mixed(self, device: Device, score: Score, data: Data, rows: Floats32, seed: int) -> Batched:
        largest = float(np.abs(rows).max())
        if largest > LARGEST:
            raise ArgumentError(
                "precision", "mixed", f"features of {largest:g} do not fit float16: scale them to order 1"
            )
        from empirical.learners.mlp import mlp_cuda

        resident = cache(partial(mlp_cuda.Examples.there, rows, data.y_train, data.n_classes))

        def values(xp: Any, masks: Bools, trials: Ints) -> Any:
            present = held_classes(masks, data.y_train, data.n_classes)
            return mlp_cuda.values(self, seed, resident(), present, masks, trials)

        return Batched.of(
            device, values, score, data, mlp_cuda.numbers(self, len(rows), data.n, rows.shape[1], data.n_classes)
        )

    def by_oracle(
        self, xp: Any, seed: int, x: Any, targets: Any, masks: Bools, trials: Ints, half: Round | None = None
    ) -> Any:
        """Decision values (t, rows, K) of nets trained by ``descent``: ``x`` in namespace ``xp``, training rows first."""
        return next(self.oracle_at(xp, seed, x, targets, masks, trials, (self.epochs,), half))

    def oracle_at(
        self,
        xp: Any,
        seed: int,
        x: Any,
        targets: Any,
        masks: Bools,
        trials: Ints,
        epochs: Sequence[int],
        half: Round | None = None,
    ) -> Iterator[Any]:
        """The same after each of ``epochs``."""
        n, classes = targets.shape
        start = np.stack([self.start(seed, k, x.shape[1], classes) for k in trials.tolist()])
        orders = [self.orders(seed, k, mask) for k, mask in zip(trials.tolist(), masks, strict=True)]
        present = xp.matmul(xp.asarray(masks.astype(np.float32)), targets) > 0
        rows = x.shape[0]
        blocks = [x[first : min(first + SHOWN, rows), :] for first in range(0, rows, SHOWN)]
        for w in course(self, xp.asarray(start), x[:n, :], targets, present, orders, epochs, half):
            yield xp.concat([outputs(w, block, self.width, classes, half) for block in blocks], axis=1)

    def start(self, seed: int, trial: int, size: int, classes: int) -> Floats32:
        """Initial parameters: Glorot's uniform weights, biases 0."""
        from longtail.philox.block_cpu import words

        layers = (size, self.width), (self.width, classes)
        drawn = words(seed, substream(WEIGHTS, 0), trial, 0, sum(a * b for a, b in layers))
        parts: list[NDArray[Any]] = []
        first = 0
        for a, b in layers:
            bound = np.float32(np.sqrt(6 / (a + b)))
            unit = drawn[first : first + a * b].astype(np.float32) * np.float32(2.0**-31) - np.float32(1)
            parts += [bound * unit, np.zeros(b, np.float32)]
            first += a * b
        return np.concatenate(parts)

    def orders(self, seed: int, trial: int, mask: Bools) -> Ints:
        """The subset's examples in the order of each epoch: (epochs, members), by sorting words; ties by index."""
        from longtail.philox.block_cpu import words

        members = np.flatnonzero(mask).astype(np.uint64)
        out = np.empty((self.epochs, len(members)), np.int64)
        for epoch in range(self.epochs):
            drawn = words(seed, substream(WEIGHTS, 1 + epoch), trial, 0, len(mask))[mask]
            keys = (drawn.astype(np.uint64) << np.uint64(32)) | members
            out[epoch] = np.sort(keys) & np.uint64(0xFFFFFFFF)
        return out


@dataclass(frozen=True)
class Descents(Trainer):
    """Trainer: one model after the other.

    >>> data = Data(np.eye(4), np.array([0, 1, 0, 1]), np.eye(4), np.array([0, 1, 0, 1]), ("a", "b"))
    >>> trainer = MLP(width=2, epochs=3).prepare(data, "margin")
    >>> [part.shape for part in trainer(np.ones((5, 4), bool), np.arange(5))]  # five models
    [(5, 4), (5, 4)]
    """

    learner: MLP
    score: Score
    data: Data
    rows: Floats32
    labels: Ints
    seed: int
    batch: int = 1
    change: Change | None = None

    def fill(self, masks: Bools, trials: NDArray[np.int64], present: Bools, scores: NDArray[Any]) -> None:
        self.fill_at(masks, trials, present, (self.learner.epochs,), scores[None])

    def fill_at(
        self, masks: Bools, trials: NDArray[np.int64], present: Bools, epochs: Sequence[int], scores: NDArray[Any]
    ) -> None:
        from empirical.learners.mlp import mlp_cpu

        values = np.empty((1, self.data.n_classes, len(self.rows)), np.float32)
        room = aligned(mlp_cpu.SHOWN * (self.learner.width + self.data.n_classes))
        for k, (mask, trial) in enumerate(zip(masks, trials.tolist(), strict=True)):
            for e, w in enumerate(self.weights_at(mask, trial, present[k], epochs)):
                if self.change is not None:
                    w = lined(w)  # training goes on from what was not changed
                    self.change(w)
                mlp_cpu.values(w, self.rows, self.learner.width, room, values[0])
                read(values, present[k : k + 1], self.labels, self.score, scores[e, k : k + 1])

    def weights(self, mask: Bools, trial: int, present: Bools) -> Floats32:
        """Flat parameters of one trained model."""
        return next(self.weights_at(mask, trial, present, (self.learner.epochs,)))

    def weights_at(self, mask: Bools, trial: int, present: Bools, epochs: Sequence[int]) -> Iterator[Floats32]:
        """The same after each of ``epochs``: one array, trained further."""
        from empirical.learners.mlp import mlp_cpu

        net = self.learner
        w = lined(net.start(self.seed, trial, self.rows.shape[1], self.data.n_classes))
        minibatch = aligned(net.batch * (self.rows.shape[1] + 2 * net.width + self.data.n_classes))
        plan = mlp_cpu.Plan(net.width, net.batch, net.rate, np.float32(net.penalty))
        room = mlp_cpu.Room(aligned(3, len(w)), minibatch, np.ones(2))
        x, y, orders = self.rows[: self.data.n], self.data.y_train, net.orders(self.seed, trial, mask)
        for some in pairwise((0, *epochs)):
            mlp_cpu.train(w, x, y, orders, present, plan, room, some)
            yield w
