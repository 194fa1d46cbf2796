"""Groups of examples in the training of nets under masks (turn-over dropout): how they fare, and how fast, by group and epoch.

Of each net, that is each seed, a group has means over its examples: of accuracy and loss by the examples' own sub-networks, which
are what is trained, by the flipped ones and by the whole net, and of memorization, one less the other. Errors are over nets.
With g_i the gradient of example i's loss under its own mask and without dropout, Ḡ the mean over the group and R̄ over all others,

    norm = mean ‖g_i‖,   coherence = ‖Ḡ‖ / norm,   alignment = Ḡ·R̄ / (‖Ḡ‖ ‖R̄‖),

as in ``empirical.courses.gradients``. An example's gradient of a layer's weights is h bᵀ, of its biases b, h what comes in and b
the loss's derivative by what goes out; so ‖g_i‖² = Σ_layers (‖h‖² + 1) ‖b‖², and a group's mean gradient is a matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from empirical.courses.course import Course
from empirical.courses.groups import Groups
from empirical.courses.speeds import Curves
from empirical.dynamics.descent import scaled
from empirical.dynamics.scores import FLIPPED, OWN, WHOLE, Scores
from empirical.dynamics.training import Trainer
from empirical.learners.score import Floats32
from empirical.learners.shared.threads import one_thread
from longtail.core import Floats
from longtail.core.opened import within

MOVES = ("norm", "coherence", "alignment")


@dataclass(frozen=True)
class Gradients:
    """Asked of a net's seed and parameters at some epochs, it gives (epochs, groups, 3).

    >>> from empirical.data.data import Data
    >>> from empirical.dynamics.net import Net
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> trainer = Trainer.of(Net((6,), epochs=2), Data(x, y, x, y, (0, 1)))
    >>> moves = Gradients(trainer, Groups(("zeros", "ones"), y))(3, np.stack(trainer.parameters(3, (1, 2))))
    >>> moves.shape, bool((moves[:, :, 1] <= 1).all())  # epochs, groups, and norm, coherence and alignment
    ((2, 2, 3), True)
    """

    trainer: Trainer
    groups: Groups

    def __post_init__(self) -> None:
        self.groups.check(len(self.trainer.labels))
        sizes, many = self.trainer.sizes, len(self.groups.names) + 1
        room = 4 * many * int((sizes[:-1] * sizes[1:]).max()) + 8 * len(self.trainer.labels) * int(sizes.sum())
        within("groups", f"{many - 1} of them, of {len(self.trainer.labels)} examples", room, "give fewer")

    @one_thread
    def __call__(self, seed: int, parameters: Floats32) -> Floats:
        return np.stack([self.at(seed, w) for w in parameters])

    def at(self, seed: int, w: Floats32) -> Floats:
        """(groups, 3) of one net; NaN where a group is everyone, or has no gradient."""
        many = len(self.groups.names)
        member = np.where(self.groups.of < 0, many, self.groups.of)
        sizes = np.bincount(member, minlength=many + 1)
        squares, inner = np.zeros(len(member)), np.zeros((many + 1, many + 1))
        for h, b in self.layers(seed, w):
            lifted = np.hstack([h, np.ones((len(h), 1), np.float32)]) if self.trainer.net.biases else h
            squares += _squares(lifted) * _squares(b)
            sums = np.stack([(lifted[member == g].T @ b[member == g]).ravel() for g in range(many + 1)])
            inner += (sums @ sums.T).astype(float)
        norms = np.bincount(member, np.sqrt(squares), many + 1)[:many]
        own = np.diag(inner)[:many]
        cross = inner.sum(axis=1)[:many] - own
        rest = inner.sum() - 2 * inner.sum(axis=1)[:many] + own
        with np.errstate(invalid="ignore", divide="ignore"):
            aligned = np.where(sizes[:many] < len(member), cross / np.sqrt(own * rest), np.nan)
            return np.stack([norms / sizes[:many], np.sqrt(own) / norms, aligned], axis=1)

    def layers(self, seed: int, w: Floats32) -> list[tuple[Floats32, Floats32]]:
        """h (n, in) and b (n, out) of every layer, from the last on, each example under its own mask."""
        trainer, net = self.trainer, self.trainer.net
        scale = scaled(net, net.bits(seed, trainer.groups))[OWN]
        parts, first, inputs, z = [], 0, [trainer.x], trainer.x
        for p, q in net.shapes(trainer.x.shape[1], trainer.classes):
            parts.append(w[first : first + p * q].reshape(p, q))
            first += p * q
        weights = parts[::2] if net.biases else parts
        lifts: list[Any] = parts[1::2] if net.biases else [np.float32(0)] * len(parts)
        for into, lift, columns in zip(weights, lifts, net.columns(), strict=False):
            z = np.maximum(z @ into + lift, np.float32(0)) * scale[:, columns]
            inputs.append(z)
        z = z @ weights[-1] + lifts[-1]
        e = np.exp(z - z.max(axis=1, keepdims=True))
        wanted = (1 - net.smoothing) * np.eye(trainer.classes, dtype=np.float32)[trainer.labels]
        back = (e / e.sum(axis=1, keepdims=True) - wanted - np.float32(net.smoothing / trainer.classes)).astype(
            np.float32
        )
        found, spans = [], [slice(0, 0), *net.columns()]
        for layer in reversed(range(len(weights))):
            found.append((inputs[layer], back))
            if layer:
                back = np.where(inputs[layer] > 0, (back @ weights[layer].T) * scale[:, spans[layer]], np.float32(0))
        return found


def by_group(scores: Scores, groups: Groups, moves: Sequence[Floats] = ()) -> pd.DataFrame:
    """One row a group and epoch: group, epoch, examples, and columns with their ``_stderr`` over nets, NaN of one net; ``moves``
    is what ``Gradients`` found in each net, in the order of seeds.

    >>> loss = np.tile(np.array([0.1, 0.3, 0.9, 1.5], np.float32), (2, 1, 3, 1))  # the same of two nets and by each sub-network
    >>> scores = Scores((0, 1), (5,), loss, loss < 1, loss[:, :, 0], loss[:, :, 0] < 1)
    >>> table = by_group(scores, Groups(("easy", "hard"), np.array([0, 0, 1, 1])))
    >>> table[["group", "epoch", "own_accuracy", "own_loss"]].round(2).values.tolist()
    [['easy', 5, 1.0, 0.2], ['hard', 5, 0.5, 1.2]]
    """
    n = scores.loss.shape[3]
    member = np.eye(len(groups.names))[groups.check(n).of] * (groups.of >= 0)[:, None]
    sizes = member.sum(axis=0)
    right, loss = (part.astype(float) @ member / sizes for part in (scores.right, scores.loss))
    columns = {
        "own_accuracy": right[:, :, OWN],
        "flipped_accuracy": right[:, :, FLIPPED],
        "train_accuracy": right[:, :, WHOLE],
        "own_loss": loss[:, :, OWN],
        "train_loss": loss[:, :, WHOLE],
        "memorization": right[:, :, OWN] - right[:, :, FLIPPED],
        "memorization_loss": loss[:, :, FLIPPED] - loss[:, :, OWN],
    }
    columns |= {name: np.stack([one[:, :, k] for one in moves]) for k, name in enumerate(MOVES)} if len(moves) else {}
    rows: list[dict[str, Any]] = []
    for e, epoch in enumerate(scores.epochs):
        for g, name in enumerate(groups.names):
            row: dict[str, Any] = {"group": name, "epoch": epoch, "examples": int(sizes[g])}
            for column, each in columns.items():
                some = each[:, e, g]
                error = some.std(ddof=1) / np.sqrt(len(some)) if len(some) > 1 else np.nan
                row |= {column: some.mean(), f"{column}_stderr": error}
            rows.append(row)
    return pd.DataFrame(rows)


def speeds(scores: Scores, groups: Groups, n_classes: int, level: float = 0.95) -> pd.DataFrame:
    """One row a group: the epoch by which the mean loss of its own sub-networks is ½ log K, on straight lines between the epochs
    asked for, with its interval over nets; and how many times longer than the first group it takes, ``slower``, a geometric mean
    with its interval (``empirical.courses.speeds``). NaN for a group that some net never half-learned.

    >>> own = np.array([[[0.0, 0.75], [0.0, 0.25]], [[0.5, 1.0], [0.0, 0.25]]], np.float32)  # nets, epochs, examples
    >>> loss = np.log(4) * np.stack([own, own, own], axis=2)
    >>> scores = Scores((0, 1), (2, 4), loss, loss < 0.1, loss[:, :, 0], loss[:, :, 0] < 0.1)
    >>> table = speeds(scores, Groups(("a", "b"), np.array([0, 1])), n_classes=4)
    >>> table[["group", "half_learned", "slower"]].round(3).values.tolist()
    [['a', 1.5, 1.0], ['b', 3.167, 2.236]]
    """
    own, n = scores.loss[:, :, OWN], scores.loss.shape[3]
    course = Course("loss", scores.epochs, np.ones((len(own), n), bool), own)
    times = Curves.of(course, groups, n_classes).times()
    rows = []
    for g, name in enumerate(groups.names):
        half, low, high = _interval(times[:, g], level)
        ratio = np.exp(_interval(np.log(times[:, g] / times[:, 0]), level))
        rows.append((name, half, low, high, *ratio))
    return pd.DataFrame(rows, columns=["group", "half_learned", "low", "high", "slower", "slower_low", "slower_high"])


def _interval(each: Floats, level: float) -> tuple[float, float, float]:
    """Mean over nets and its interval by Student's t, NaN of one net."""
    mean, many = float(each.mean()), len(each)
    if many < 2:
        return mean, float("nan"), float("nan")
    width = float(student.ppf((1 + level) / 2, many - 1) * each.std(ddof=1) / np.sqrt(many))
    return mean, mean - width, mean + width


def _squares(v: Floats32) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", v, v, dtype=float), float)
