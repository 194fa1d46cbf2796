"""Memorization by turn-over dropout, at epochs: what an example's flipped sub-network loses on it that its own does not.

mem_i = L(x_i; flipped sub-network of i) − L(x_i; own sub-network of i), its influence on itself, in the softmax loss and in
0/1: a mean over seeds, with the standard error of one over independent nets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from empirical.data.data import Data
from empirical.dynamics.training import Ints, Trainer
from empirical.learners.learner import features
from empirical.learners.score import Floats32
from longtail.core import Bools, Floats

OWN, FLIPPED, WHOLE = 0, 1, 2  # sub-networks, and the whole net


@dataclass(frozen=True)
class Scores:
    """What nets say on the way: of every training example by seed, epoch and sub-network (own, flipped, whole), ``loss`` and
    whether they are ``right``, (seeds, epochs, 3, n); of every test example by the whole net, (seeds, epochs, n_test).

    >>> loss = np.array([[[[0.1, 0.2], [0.5, 0.1], [0.2, 0.2]]]])  # a net, an epoch; own, flipped and whole; two examples
    >>> one = Scores((0,), (5,), loss, loss < 0.3, loss[:, :, 2], loss[:, :, 2] < 0.3)
    >>> one.memorization()[0].round(3).tolist(), one.memorization("correct")[0].tolist()
    ([[0.4, -0.1]], [[1.0, 0.0]])
    """

    seeds: tuple[int, ...]
    epochs: tuple[int, ...]
    loss: Floats32 = field(repr=False)
    right: Bools = field(repr=False)
    loss_test: Floats32 = field(repr=False)
    right_test: Bools = field(repr=False)

    def memorization(self, score: str = "loss") -> tuple[Floats, Floats]:
        """Mean over seeds (epochs, n), and its standard error, NaN of a single seed."""
        if score == "loss":
            each = self.loss[:, :, FLIPPED].astype(float) - self.loss[:, :, OWN]
        else:
            each = self.right[:, :, OWN].astype(float) - self.right[:, :, FLIPPED]
        many = len(each)
        unknown = np.full(each.shape[1:], np.nan)
        return each.mean(0), each.std(0, ddof=1) / np.sqrt(many) if many > 1 else unknown

    def table(self, labels: Sequence[Any]) -> pd.DataFrame:
        """One row an example and epoch: index, label, epoch, memorization_loss, memorization and their standard errors."""
        n, times = self.loss.shape[3], len(self.epochs)
        columns: dict[str, Any] = {"index": np.tile(np.arange(n), times), "label": list(labels) * times}
        columns["epoch"] = np.repeat(self.epochs, n)
        for name, score in (("memorization_loss", "loss"), ("memorization", "correct")):
            value, stderr = self.memorization(score)
            columns |= {name: value.ravel(), f"{name}_stderr": stderr.ravel()}
        return pd.DataFrame(columns)


def joined(parts: Sequence[Scores]) -> Scores:
    """Of several seeds, in their order.

    >>> loss = np.zeros((1, 1, 3, 2), np.float32)
    >>> parts = [Scores((seed,), (5,), loss, loss < 1, loss[:, :, 2], loss[:, :, 2] < 1) for seed in (4, 1)]
    >>> joined(parts).seeds, joined(parts).loss.shape
    ((1, 4), (2, 1, 3, 2))
    """
    ordered = sorted(parts, key=lambda part: part.seeds)
    arrays = ("loss", "right", "loss_test", "right_test")
    return Scores(
        tuple(seed for part in ordered for seed in part.seeds),
        ordered[0].epochs,
        *(np.concatenate([getattr(part, name) for part in ordered]) for name in arrays),
    )


def scored(trainer: Trainer, data: Data, seed: int, epochs: Sequence[int]) -> tuple[Scores, Floats32]:
    """The scores of one seed's net at ``epochs``, and its parameters there, (epochs, P).

    >>> from empirical.dynamics.net import Net
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> data = Data(x, y, x, y, (0, 1))
    >>> scores, parameters = scored(Trainer.of(Net((6,), epochs=2), data), data, seed=0, epochs=(1, 2))
    >>> scores.loss.shape, parameters.shape
    ((1, 2, 3, 4), (2, 44))
    """
    kept = np.stack(trainer.parameters(seed, epochs))
    return of_parameters(trainer, data, seed, epochs, kept), kept


def of_parameters(
    trainer: Trainer, data: Data, seed: int, epochs: Sequence[int], parameters: Iterable[Floats32]
) -> Scores:
    """The scores of a net from its parameters at ``epochs``.

    >>> from empirical.dynamics.net import Net
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> data = Data(x, y, x, y, (0, 1))
    >>> trainer, nothing = Trainer.of(Net((6,)), data), np.zeros((1, 44), np.float32)
    >>> of_parameters(trainer, data, 0, (1,), nothing).loss[0, 0, 0].astype(float).round(4).tolist()  # log 2
    [0.6931, 0.6931, 0.6931, 0.6931]
    """
    tests, bits = features(data)[1], trainer.net.bits(seed, trainer.groups)
    found = []
    for w in parameters:
        train = judged(trainer.values(w, trainer.x, bits), trainer.labels)
        found.append((*train, *judged(trainer.values(w, tests), data.y_test)))
    arrays = (np.stack(some)[None] for some in zip(*found, strict=True))
    return Scores((seed,), tuple(epochs), *arrays)


def judged(values: Floats32, labels: Ints) -> tuple[Floats32, Bools]:
    """Softmax loss, and whether the largest is the label's (ties to the lower class), of decision values (..., rows, K).

    >>> loss, right = judged(np.array([[1.0, 1.0], [0.0, 9.0]], np.float32), np.array([0, 0]))
    >>> loss.astype(float).round(3).tolist(), right.tolist()
    ([0.693, 9.0], [True, False])
    """
    top = values.max(-1)
    own = np.take_along_axis(values, np.broadcast_to(labels[:, None], (*values.shape[:-1], 1)), -1)[..., 0]
    loss = np.log(np.exp(values - top[..., None]).sum(-1)) + (top - own)
    return loss, values.argmax(-1) == labels
