"""One net a seed, trained under masks: its parameters at the epochs asked for, and the values of examples by its sub-networks.

Work a step of 784-768-768-768-10, minibatches of 32: 305 MFLOP where nothing is 0. Of MNIST's pixels 19 % are not 0; behind a
mask and ReLU a quarter of the units, behind ReLU alone half. So 32 · 2 · (2 · .19 · 784 + 3 · .25 · 768 + 3 · .5 · 768) · 768 =
100 MFLOP are left, 1.1 ms at sgemm's peak, beside 36 MB that a step reads and writes of weights and their momentum. It took 3.8:
2.5 where these are in second-level cache, the rest is waiting for the third, of which prefetching saved a tenth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.dynamics.net import Net
from empirical.learners.learner import features
from empirical.learners.score import Floats32
from empirical.learners.shared.places import aligned, lined
from empirical.learners.shared.threads import one_thread
from longtail.core import ArgumentError, whole
from longtail.philox import DROPOUT, substream

Ints = NDArray[np.int64]
BLOCK = 4096  # rows scored at a time


@dataclass(frozen=True)
class Trainer:
    """Trains nets on ``x`` (n, d): each a function of its seed alone. ``groups`` are whose masks the examples have, their own by
    default; of ``left_out`` no net learns, though they keep their places in minibatches.

    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> trainer = Trainer.of(Net((6,), epochs=2), Data(x, y, x, y, (0, 1)))
    >>> (w,) = trainer.parameters(seed=0, epochs=(2,))
    >>> trainer.sizes.tolist(), w.shape, trainer.values(w, x).shape
    ([4, 6, 2], (44,), (4, 2))
    """

    net: Net
    x: Floats32 = field(repr=False)
    labels: Ints = field(repr=False)
    classes: int
    groups: Ints = field(repr=False)
    learned: Floats32 = field(repr=False)

    @classmethod
    def of(
        cls, net: Net, data: Data, groups: Sequence[int] | Ints | None = None, left_out: Sequence[int] = ()
    ) -> Trainer:
        """For the training examples of a data set."""
        present = len(np.unique(data.y_train))
        if present < 2:
            raise ArgumentError("y_train", f"{present} class", "give training examples of at least two classes")
        own = np.arange(data.n) if groups is None else np.asarray(groups)
        if own.shape != (data.n,) or own.dtype.kind not in "iu":
            got = f"{own.dtype} of shape {own.shape}"
            raise ArgumentError("groups", got, f"give a whole number for each of the {data.n} examples")
        learned = np.ones(data.n, np.float32)
        for example in left_out:
            learned[whole("left_out", example, 0, data.n - 1)] = 0
        return cls(net, lined(features(data)[0]), data.y_train, data.n_classes, own.astype(np.int64), learned)

    @property
    def sizes(self) -> Ints:
        """Of all layers, features and classes included."""
        return np.array([self.x.shape[1], *self.net.widths, self.classes])

    @one_thread
    def parameters(self, seed: int, epochs: Sequence[int]) -> list[Floats32]:
        """Flat, after each of ``epochs``; training ends with the last."""
        return [w.copy() for w in self.course(seed, epochs)]

    def course(self, seed: int, epochs: Sequence[int]) -> Iterator[Floats32]:
        """The same one by one: one array, trained further."""
        from empirical.dynamics import net_cpu

        net, n = self.net, len(self.labels)
        epochs = net.check_epochs(epochs)
        whole("seed", seed, 0, 2**64 - 1)
        w = lined(net.start(seed, self.x.shape[1], self.classes))
        v = aligned(len(w))
        examples = net_cpu.Examples(self.x, self.labels, self.learned, net.bits(seed, self.groups), net.scales()[0])
        plan = net_cpu.Plan(
            np.float32(net.rate),
            np.float32(net.momentum),
            np.float32(net.decay),
            net.batch,
            np.float32(net.smoothing),
            np.uint64(round(net.dropout * 2**32)),
            np.float32(1 / (1 - net.dropout)),
            net.biases,
            np.uint64(seed),
            np.array([substream(DROPOUT, layer) for layer, _ in enumerate(net.widths, 1)], np.uint32),
        )
        for first, last in pairwise((0, *epochs)):
            orders = np.stack([net.order(seed, epoch, n) for epoch in range(first, last)])
            net_cpu.train(w, v, self.sizes, examples, plan, orders, first)
            yield w

    @one_thread
    def values(self, w: Floats32, x: Floats32, bits: NDArray[np.uint8] | None = None) -> Floats32:
        """Decision values of rows by the sub-networks that ``bits`` (rows, Σ widths) say, by the flipped ones and the whole net:
        (3, rows, K); without ``bits`` by the whole net alone, (rows, K).
        """
        from empirical.dynamics import net_cpu

        tables = self.net.scales()
        some = tables if bits is not None else tables[2:]
        out = np.empty((len(some), len(x), self.classes), np.float32)
        for start in range(0, len(x), BLOCK):
            rows = x[start : start + BLOCK]
            own = np.zeros((len(rows), some.shape[2]), np.uint8) if bits is None else bits[start : start + BLOCK]
            part = np.empty((len(some), len(rows), self.classes), np.float32)
            net_cpu.scores(w, self.sizes, rows, own, some, self.net.biases, self.net.masked[0], part)
            out[:, start : start + len(rows)] = part
        return out if bits is not None else out[0]
