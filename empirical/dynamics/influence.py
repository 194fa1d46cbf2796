"""infl(i→z) = L(z; flipped sub-network of i) − L(z; own sub-network of i), of all examples on all tests (arXiv 2012.04207).

Positive where learning from i lowers the loss at z. L is the softmax loss, or 1 where z is predicted wrong and 0 where right.

Work for one of n examples, through 784-768-768-768-10 with masks of p = ½ after the first and the last hidden layer, on q
tests: up to the first mask all have the same; then q · 768 · 384 multiplications (the smaller part of the second layer), q ·
2 · 768 · 384 (of the third, half by either sub-network) and q · 2 · 384 · 10. For n = 3,000 and q = 200 that is 1.07 TFLOP,
where two passes of the whole net take 4.29; weights gathered for it are 3.5 MB an example. Measured: 5.3 ms an example, .75
of sgemm's peak.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from empirical.dynamics.training import Trainer
from empirical.learners.score import Floats32
from empirical.learners.shared.places import lined
from empirical.learners.shared.threads import one_thread
from longtail.core import ArgumentError, Bools, Floats, real

Ints = NDArray[np.int64]
Loss = Literal["loss", "correct"]
TESTS = 256  # a product: their units stay in second-level cache
STRONGEST = 1000  # of so many pairs one is strongest
BLOCK = 128  # examples a block of the mean over seeds


@dataclass(frozen=True)
class Probes:
    """Tests as one trained net sees them, whichever example's masks it is asked under.

    >>> from empirical.data.data import Data
    >>> from empirical.dynamics.net import Net
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> trainer = Trainer.of(Net((6,), epochs=2), Data(x, y, x, y, (0, 1)))
    >>> probes = Probes.of(trainer, 0, trainer.parameters(0, (2,))[0], x[:3], y[:3])
    >>> probes.influence().shape, probes.influence([2], score="correct").shape  # examples, tests
    ((4, 3), (1, 3))
    """

    trainer: Trainer
    seed: int
    w: Floats32 = field(repr=False)
    turned: Floats32 = field(repr=False)
    labels: Ints = field(repr=False)
    units: Floats32 = field(repr=False)
    fixed: Floats32 = field(repr=False)
    free: Floats32 = field(repr=False)

    @classmethod
    @one_thread
    def of(cls, trainer: Trainer, seed: int, w: Floats32, x: Floats32, labels: Ints) -> Probes:
        """Tests ``x`` (q, d) by the net of a seed whose flat parameters are ``w``."""
        net, sizes = trainer.net, trainer.sizes.tolist()
        wanted = net.parameters(sizes[0], sizes[-1])
        if w.shape != (wanted,):
            raise ArgumentError("w", f"{w.size} parameters", f"the net has {wanted}: give those of a net of this kind")
        if x.ndim != 2 or x.shape[1] != sizes[0]:
            raise ArgumentError("x", f"shape {x.shape}", f"give rows of {sizes[0]} features")
        if len(labels) != len(x) or not len(x):
            raise ArgumentError("labels", f"{len(labels)} labels for {len(x)} tests", "give one for each, and some")
        layers, first, turned = [], 0, []
        for a, b in pairwise(sizes):
            into, lift = w[first : first + a * b].reshape(a, b), np.zeros(b, np.float32)
            first += a * b
            turned.append(into.T.reshape(-1))
            if net.biases:
                lift = w[first : first + b]
                first += b
                turned.append(lift)
            layers.append((into, lift))
        z = x
        for into, lift in layers[: net.masked[0]]:
            z = np.maximum(z @ into + lift, np.float32(0))
        into, lift = layers[net.masked[0]]
        shared = net.masks.untouched(z.shape[1])
        fixed, free = z[:, :shared] @ into[:shared] + lift, z[:, shared:] @ into[shared:]
        return cls(trainer, seed, w, np.concatenate(turned), labels, lined(z), lined(fixed), lined(free))

    @one_thread
    def influence(self, examples: Ints | Sequence[int] | slice | None = None, score: Loss = "loss") -> Floats32:
        """(examples, tests), of all training examples by default."""
        from empirical.dynamics import influence_cpu

        if score not in ("loss", "correct"):
            raise ArgumentError("score", score, "give loss or correct")
        trainer, net = self.trainer, self.trainer.net
        groups = trainer.groups if examples is None else trainer.groups[examples]
        bits, first = net.bits(self.seed, groups), net.masked[0]
        out = np.empty((len(groups), len(self.labels)), np.float32)
        for start in range(0, len(self.labels), TESTS):
            some = slice(start, start + TESTS)
            found = np.empty((len(groups), len(self.labels[some])), np.float32)
            influence_cpu.influence(
                self.w, self.turned, trainer.sizes, first, lined(self.units[some].T), self.fixed[some], self.free[some],
                bits, net.scales()[:2], self.labels[some], net.biases, score == "correct", found,
            )  # fmt: skip
            out[:, some] = found
        return out


def averaged(nets: Sequence[Probes], score: Loss = "loss") -> Iterator[tuple[slice, Floats, Floats]]:
    """Blocks of examples, with the mean over nets (examples, tests) and its standard error, NaN of a single net.

    >>> from empirical.data.data import Data
    >>> from empirical.dynamics.net import Net
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> trainer = Trainer.of(Net((6,), epochs=2), Data(x, y, x, y, (0, 1)))
    >>> nets = [Probes.of(trainer, seed, trainer.parameters(seed, (2,))[0], x[:3], y[:3]) for seed in range(3)]
    >>> [(rows, mean.shape, stderr.shape) for rows, mean, stderr in averaged(nets)]
    [(slice(0, 4, None), (4, 3), (4, 3))]
    """
    n, many = len(nets[0].trainer.labels), len(nets)
    for start in range(0, n, BLOCK):
        block = slice(start, min(start + BLOCK, n))
        total, square = (np.zeros((block.stop - start, len(nets[0].labels))) for _ in range(2))
        base = nets[0].influence(block, score)
        for net in nets:
            apart = (base if net is nets[0] else net.influence(block, score)) - base.astype(float)
            total += apart
            square += apart**2
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = np.maximum(square - total**2 / many, 0) / np.float64(many - 1)
        yield block, base + total / many, np.sqrt(variance / many)


def pairs(nets: Sequence[Probes], threshold: float, score: Loss = "loss") -> pd.DataFrame:
    """Pairs of influence ``threshold`` or more: train, test, influence, stderr; the matrix is never in memory.

    >>> from empirical.data.data import Data
    >>> from empirical.dynamics.net import Net
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> trainer = Trainer.of(Net((6,), epochs=2), Data(x, y, x, y, (0, 1)))
    >>> nets = [Probes.of(trainer, seed, trainer.parameters(seed, (2,))[0], x[:3], y[:3]) for seed in range(3)]
    >>> len(pairs(nets, -np.inf)), pairs(nets, 100.0).columns.tolist()
    (12, ['train', 'test', 'influence', 'stderr'])
    """
    least, found = real("threshold", threshold, -np.inf), []
    for block, mean, stderr in averaged(nets, score):
        i, j = np.nonzero(mean >= least)
        found.append(
            pd.DataFrame({"train": i + block.start, "test": j, "influence": mean[i, j], "stderr": stderr[i, j]})
        )
    return pd.concat(found, ignore_index=True)


def by_epoch(influence: Floats32, stderr: Floats32, epochs: Sequence[int], same: Bools) -> pd.DataFrame:
    """Of (epochs, tests, n), a row an epoch and kind of pair, of one class (``same``, tests × n) or not: how many, their mean and
    its error over tests, the mean of the thousandth that is strongest, and ``noise``, the root mean square of their errors.

    >>> influence = np.array([[[0.3, 0.0], [0.1, 0.2]]], np.float32)  # an epoch, two tests, two training examples
    >>> table = by_epoch(influence, influence * 0, epochs=[5], same=np.array([[True, False], [False, True]]))
    >>> table[["epoch", "pairs_of", "pairs", "mean", "strongest"]].round(2).values.tolist()
    [[5, 'own class', 2, 0.25, 0.3], [5, 'other classes', 2, 0.05, 0.1]]
    """
    rows = []
    for at, epoch in enumerate(epochs):
        for kind, chosen in (("own class", same), ("other classes", ~same)):
            if not chosen.any():
                continue
            value, held = influence[at][chosen].astype(np.float64), chosen.sum(1)
            each = np.where(chosen, influence[at], 0).sum(1, dtype=np.float64)[held > 0] / held[held > 0]
            most = -(-len(value) // STRONGEST)
            rows.append(
                {
                    "epoch": int(epoch),
                    "pairs_of": kind,
                    "pairs": len(value),
                    "mean": float(each.mean()),
                    "stderr": float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else np.nan,
                    "strongest": float(np.partition(value, len(value) - most)[len(value) - most :].mean()),
                    "noise": float(np.sqrt(np.mean(stderr[at][chosen].astype(np.float64) ** 2))),
                }
            )
    return pd.DataFrame(rows)
