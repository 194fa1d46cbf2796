"""What an attack may see of a model, and the models that need no training: linear ones, and those that keep their examples.

An input is a row of d numbers −1 or 1, one for each bit. A model tells

    Queried    its scores of each class at inputs of the asker's choice
    Weighted   the weights that class scores are linear in (or nearest to, for a net)
    Sloped     the gradient of its confidence at an input
    Layered    its first layer, so that the scores after a flip of one bit need not be had from the start

Its confidence in class j at scores s is the log-odds of the softmax, s_j − log Σ_{k≠j} e^{s_k}: it grows with the probability,
and does not lose its digits where that is near 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from longtail.core import Integers

Bits = NDArray[np.uint8]
Floats32 = NDArray[np.float32]
UNSEEN = -1e9  # the score of a class without an example
SHARPNESS = 0.1  # of a nearest neighbor's scores, a bit


@runtime_checkable
class Queried(Protocol):
    """Scores (rows, classes) of inputs (rows, d).

    >>> class Coin:  # a model of your own
    ...     def query(self, x):
    ...         return np.zeros((len(x), 2), np.float32)
    >>> isinstance(Coin(), Queried), isinstance(Coin(), Weighted)
    (True, False)
    """

    def query(self, x: Floats32) -> Floats32: ...


@runtime_checkable
class Weighted(Protocol):
    """Weights (classes, d).

    >>> model = Linear(np.array([[1.0, -2.0]], np.float32), np.zeros(1, np.float32))
    >>> isinstance(model, Weighted), model.weights().tolist()
    (True, [[1.0, -2.0]])
    """

    def weights(self) -> Floats32: ...


@runtime_checkable
class Sloped(Protocol):
    """The gradient (rows, d) of the confidence in each row's class.

    >>> model = Linear(np.array([[1.0, -2.0], [0.0, 1.0]], np.float32), np.zeros(2, np.float32))
    >>> isinstance(model, Sloped), model.slope(np.ones((1, 2), np.float32), np.array([0])).tolist()
    (True, [[1.0, -3.0]])
    """

    def slope(self, x: Floats32, classes: Integers) -> Floats32: ...


@runtime_checkable
class Layered(Protocol):
    """``begun`` (rows, h): the first layer's sums at x, of which bit i moves ``column(i)`` (h,); scores are ``ended`` of them.

    >>> model, x = Linear(np.array([[1.0, -2.0]], np.float32), np.zeros(1, np.float32)), np.ones((1, 2), np.float32)
    >>> flipped = model.ended(model.begun(x) - 2 * model.column(1))  # bit 1 turned from 1 to −1
    >>> isinstance(model, Layered), flipped.tolist(), model.query(np.array([[1.0, -1.0]], np.float32)).tolist()
    (True, [[3.0]], [[3.0]])
    """

    def begun(self, x: Floats32) -> Floats32: ...

    def column(self, i: int) -> Floats32: ...

    def ended(self, sums: Floats32) -> Floats32: ...


def signs(bits: Bits) -> Floats32:
    """Bits 0 and 1 as −1 and 1.

    >>> signs(np.array([0, 1, 1])).tolist()
    [-1.0, 1.0, 1.0]
    """
    return np.where(bits, np.float32(1), np.float32(-1))


def confidence(scores: Floats32, classes: Integers) -> Floats32:
    """Log-odds of each row's class.

    >>> round(float(confidence(np.log(np.array([[0.8, 0.1, 0.1]], np.float32)), np.array([0]))[0]), 4)
    1.3863
    """
    rows = np.arange(len(scores))
    own = scores[rows, classes]
    rest = scores.copy()
    rest[rows, classes] = -np.inf
    top = rest.max(1, keepdims=True)
    rest -= top
    np.exp(rest, out=rest)
    return np.asarray(own - top[:, 0] - np.log(rest.sum(1)), np.float32)


def pull(scores: Floats32, classes: Integers) -> Floats32:
    """The gradient of the log-odds by the scores: 1 for the class, and for the others −softmax among themselves.

    >>> pull(np.log(np.array([[0.8, 0.15, 0.05]], np.float32)), np.array([0])).round(3).tolist()
    [[1.0, -0.75, -0.25]]
    """
    rows = np.arange(len(scores))
    out = scores.copy()
    out[rows, classes] = -np.inf
    out -= out.max(1, keepdims=True)
    np.exp(out, out=out)
    out /= -out.sum(1, keepdims=True)
    out[rows, classes] = 1
    return out


@dataclass(frozen=True)
class Linear:
    """Scores W x + b.

    >>> model = Linear(np.array([[1.0, -2.0], [0.0, 1.0]], np.float32), np.array([0.5, 0.0], np.float32))
    >>> model.query(np.array([[1.0, 1.0]], np.float32)).tolist()  # two bits, both 1; a score a class
    [[-0.5, 1.0]]
    """

    w: Floats32 = field(repr=False)
    b: Floats32 = field(repr=False)

    def query(self, x: Floats32) -> Floats32:
        return np.asarray(x @ self.w.T + self.b)

    def weights(self) -> Floats32:
        return self.w

    def slope(self, x: Floats32, classes: Integers) -> Floats32:
        return pull(self.query(x), classes) @ self.w

    def begun(self, x: Floats32) -> Floats32:
        return self.query(x)

    def column(self, i: int) -> Floats32:
        return np.asarray(self.w[:, i])

    def ended(self, sums: Floats32) -> Floats32:
        return sums


@dataclass(frozen=True)
class Nearest:
    """Nearest neighbor: a class scores by the agreement of its nearest example, classes without one not at all.

    >>> model = Nearest(signs(np.array([[1, 0, 1], [0, 0, 1]])), np.array([0, 2]), classes=3)  # of class 1 no example
    >>> model.query(signs(np.array([[1, 0, 1]]))).astype(float).round(2).tolist()
    [[0.3, -1000000000.0, 0.1]]
    """

    x: Floats32 = field(repr=False)
    label: Integers = field(repr=False)
    classes: int

    def query(self, x: Floats32) -> Floats32:
        order = np.argsort(self.label, kind="stable")
        seen, first = np.unique(self.label[order], return_index=True)
        agreed = np.maximum.reduceat(x @ self.x[order].T, first, axis=1)
        scores = np.full((len(x), self.classes), UNSEEN, np.float32)
        scores[:, seen] = np.float32(SHARPNESS) * agreed
        return scores


@dataclass(frozen=True)
class Lookup:
    """Knows its examples by heart and nothing else: score 1 for the label of the very example, 0 for all else.

    >>> model = Lookup(signs(np.array([[1, 0, 1], [0, 0, 1]])), np.array([0, 1]), classes=2)
    >>> model.query(signs(np.array([[1, 0, 1], [1, 1, 1]]))).tolist()  # one that it has, and one that it has not
    [[1.0, 0.0], [0.0, 0.0]]
    """

    x: Floats32 = field(repr=False)
    label: Integers = field(repr=False)
    classes: int

    def query(self, x: Floats32) -> Floats32:
        scores = np.zeros((len(x), self.classes), np.float32)
        row, example = np.nonzero(x @ self.x.T == x.shape[1])
        scores[row, self.label[example]] = 1
        return scores
