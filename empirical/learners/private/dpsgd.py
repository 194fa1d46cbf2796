"""A net, or softmax regression, by differentially private gradient descent (Abadi et al., CCS 2016, arXiv 1607.00133).

A step takes each example of the subset with chance q = batch/m on its own (a Poisson batch), clips the gradient of its loss
to norm S, adds normal noise of standard deviation zS to the sum, and goes by that over ``batch``:

    v ← μ v + (Σ_i g_i min(1, S/|g_i|) + zS N(0, 1)) / batch,     w ← w − rate · v,     ``epochs`` m/batch steps.

The subset's size m, to two digits, and the list of classes are taken as known to everybody; so a class that the subset lacks is
predicted too.
Noise, batches and first weights are Philox words of (seed, trial, step): a model is a function of its trial, which is what
measuring asks for. To publish a model takes secret randomness.

Work a step, b = 64 of width h = 128 on digits (d = 64, K = 10): (4 d h + 6 h K) b = 2.6 MFLOP, 30 µs at the 86 GFLOP/s that
sgemm had while others used the machine, beside normal noise for 9,610 parameters (4 ns: 38 µs), a draw for each of 1,500 examples
(2 µs) and three passes over the parameters (3 µs): 73 µs. Measured then 122 µs, without noise 64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.learners.learner import Change, Learner, Trainer, features
from empirical.learners.mlp.mlp import MLP
from empirical.learners.private import accountant
from empirical.learners.private.accountant import Privacy
from empirical.learners.score import Floats32, Score
from empirical.learners.shared.places import aligned, lined
from empirical.learners.shared.scores import read
from empirical.learners.shared.threads import one_thread
from longtail.core import ArgumentError, Bools, real, whole
from longtail.core.arrays import CPU, Device
from longtail.philox import BATCH, PRIVACY, substream


@dataclass(frozen=True)
class DPSGD(Learner):
    """``width`` hidden units (0: softmax regression), gradients clipped to ``clip``; ``noise`` is z, or ``epsilon`` asks for it.

    Without noise ``clip`` may be inf: plain gradient descent. Features should be of order 1.
    """

    width: int = 128
    epochs: int = 20
    batch: int = 64
    rate: float = 0.5
    momentum: float = 0.0
    clip: float = 1.0
    noise: float | None = None
    epsilon: float | None = None
    delta: float = 1e-5
    scores: ClassVar[tuple[str, ...]] = ("correct", "predicted", "probability", "margin", "loss", "probabilities")
    devices: ClassVar[tuple[str, ...]] = ("cpu",)

    def __post_init__(self) -> None:
        for name, least in (("width", 0), ("epochs", 1), ("batch", 1)):
            object.__setattr__(self, name, whole(name, getattr(self, name), least, 2**20))
        object.__setattr__(self, "rate", real("rate", self.rate, 0, open_low=True))
        object.__setattr__(self, "momentum", real("momentum", self.momentum, 0, 1, open_high=True))
        object.__setattr__(self, "delta", real("delta", self.delta, 0, 1, open_low=True, open_high=True))
        if self.noise is not None and self.epsilon is not None:
            raise ArgumentError("noise", self.noise, "give noise or epsilon, not both")
        if self.epsilon is not None:
            object.__setattr__(self, "epsilon", real("epsilon", self.epsilon, 0, open_low=True))
        else:
            object.__setattr__(self, "noise", real("noise", 1.0 if self.noise is None else self.noise, 0))
        if self.clip != math.inf:
            object.__setattr__(self, "clip", real("clip", self.clip, 0, open_low=True))
        elif self.noise != 0:
            raise ArgumentError("clip", self.clip, "noise is in proportion to it: give a number, or noise=0")

    def chance(self, m: int) -> float:
        """q, of an example in a batch: that of a subset of ``m`` to two digits, all that is told of its size.

        >>> DPSGD(batch=60).chance(1234)
        0.05
        """
        return min(1.0, self.batch / float(f"{m:.1e}"))

    def steps(self, m: int) -> int:
        """As many as make ``epochs`` on average."""
        return max(1, round(self.epochs / self.chance(m)))

    def multiplier(self, m: int) -> float:
        """z, as given or as ``epsilon`` takes it."""
        if self.epsilon is None:
            return float(self.noise or 0.0)
        return accountant.noise(self.epsilon, self.delta, self.chance(m), self.steps(m))

    def privacy(self, m: int, n_classes: int = 0) -> Privacy:
        """Of a model trained on ``m`` examples, of however many classes: one example more or less."""
        z, chance, steps = self.multiplier(m), self.chance(m), self.steps(m)
        return Privacy(
            "DP-SGD", accountant.epsilon(z, self.delta, chance, steps), self.delta, self.clip, z, chance, steps
        )

    @one_thread
    def prepare(self, data: Data, score: Score = "correct", *, seed: int = 0, device: Device = CPU) -> Trainer:
        """Nothing is shared but the features and their norms."""
        self.check(data, score)
        self.check_device(device)
        rows = lined(np.concatenate(features(data)))
        squares = np.einsum("ij,ij->i", rows[: data.n], rows[: data.n], dtype=np.float64) + 1
        labels = np.append(data.y_train, data.y_test)
        return Descents(self, score, data, rows, squares.astype(np.float32), labels, seed)

    def start(self, seed: int, trial: int, size: int, classes: int) -> Floats32:
        """Initial parameters: the net's, or 0."""
        if self.width:
            return MLP(self.width).start(seed, trial, size, classes)
        return np.zeros(classes * (size + 1), np.float32)


@dataclass(frozen=True)
class Descents(Trainer):
    """Trainer: one model after the other, its parameters in second-level cache.

    >>> data = Data(np.eye(4), np.array([0, 1, 0, 1]), np.eye(4), np.array([0, 1, 0, 1]), ("a", "b"))
    >>> trainer = DPSGD(width=0, epochs=2, batch=2, noise=0.5).prepare(data)
    >>> trainer.weights(np.array([True, True, True, False]), trial=0).shape  # of 4 features and 2 classes, and intercepts
    (10,)
    """

    learner: DPSGD
    score: Score
    data: Data
    rows: Floats32
    squares: Floats32
    labels: NDArray[np.int64]
    seed: int
    change: Change | None = None

    def fill(self, masks: Bools, trials: NDArray[np.int64], present: Bools, scores: NDArray[Any]) -> None:
        from empirical.learners.mlp import mlp_cpu
        from empirical.learners.private import dpsgd_cpu

        classes, width = self.data.n_classes, self.learner.width
        every = np.ones((1, classes), bool)  # which classes a subset holds is not told
        values = np.empty((1, classes, len(self.rows)), np.float32)
        room = aligned(mlp_cpu.SHOWN * (width + classes))
        for k, (mask, trial) in enumerate(zip(masks, trials.tolist(), strict=True)):
            w = self.weights(mask, trial)
            if self.change is not None:
                self.change(w)
            if width:
                mlp_cpu.values(w, self.rows, width, room, values[0])
            else:
                dpsgd_cpu.linear_values(w, self.rows, values[0])
            read(values, every, self.labels, self.score, scores[k : k + 1])

    def weights(self, mask: Bools, trial: int) -> Floats32:
        """Flat parameters of one trained model."""
        from empirical.learners.private import dpsgd_cpu

        net, n, d, classes = self.learner, self.data.n, self.rows.shape[1], self.data.n_classes
        m = int(np.count_nonzero(mask))
        most = min(n, net.batch + 6 * math.isqrt(net.batch) + 16)  # rows at a time: a batch is seldom larger
        w = lined(net.start(self.seed, trial, d, classes))
        chance, steps = np.uint64(net.chance(m) * 2.0**32), net.steps(m)
        streams = np.array([[substream(p, 0) | s << 8 for s in range(steps)] for p in (BATCH, PRIVACY)], np.uint32)
        dpsgd_cpu.train(
            w, self.rows[:n], self.squares, self.data.y_train, mask, np.ones(classes, bool), chance, net.width, net.batch,
            np.float32(net.rate), np.float32(net.momentum), np.float32(net.clip), np.float32(net.multiplier(m)),
            np.uint64(self.seed), streams, np.uint64(trial), aligned(4, -(-len(w) // 8) * 8),
            aligned(most * (d + 2 * net.width + classes + 3)),
        )  # fmt: skip
        return w
