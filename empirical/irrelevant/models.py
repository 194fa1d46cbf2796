"""A trained net as an attack sees it: one hidden layer of sigmoid units."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from empirical.irrelevant.sigmoid_cpu import sigmoid
from longtail.core import Integers
from longtail.irrelevant.models import Floats32, pull


@dataclass(frozen=True)
class Net:
    """Scores V σ(W x + b) + c.

    >>> net = Net(*(np.ones(shape, np.float32) for shape in ((2, 3), 2, (4, 2), 4)))  # 3 inputs, 2 units, 4 classes
    >>> net.query(np.zeros((1, 3), np.float32)).shape, net.weights().tolist()[0]
    ((1, 4), [2.0, 2.0, 2.0])
    """

    w: Floats32 = field(repr=False)
    b: Floats32 = field(repr=False)
    v: Floats32 = field(repr=False)
    c: Floats32 = field(repr=False)

    def query(self, x: Floats32) -> Floats32:
        return np.asarray(_sigmoid(self.begun(x)) @ self.v.T + self.c)

    def weights(self) -> Floats32:
        """V W, as of a net whose units are all linear, up to a factor."""
        return self.v @ self.w

    def slope(self, x: Floats32, classes: Integers) -> Floats32:
        z = _sigmoid(self.begun(x))
        return np.asarray((pull(z @ self.v.T + self.c, classes) @ self.v * z * (1 - z)) @ self.w)

    def begun(self, x: Floats32) -> Floats32:
        return np.asarray(x @ self.w.T + self.b)

    def column(self, i: int) -> Floats32:
        return np.asarray(self.w[:, i])

    def ended(self, sums: Floats32) -> Floats32:
        return np.asarray(_sigmoid(sums.copy()) @ self.v.T + self.c)


def _sigmoid(sums: Floats32) -> Floats32:
    """In place."""
    sigmoid(sums.reshape(-1))
    return sums
