"""Training labels replaced by chance: each with chance ``share``, by one of the other K − 1 classes or by any of the K.

With the other classes a share of 5, 10 or 20 % gives the mislabeled examples that detectors are judged by; with any class, 100 %
gives random labels, and a share s leaves 1 − s + s/K as they were. Words of (seed, example) decide, so that what is replaced at
one share is replaced likewise at every larger one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from empirical.data.data import Data
from longtail import philox
from longtail.core import ArgumentError, Bools, flag, real


@dataclass(frozen=True)
class Relabeled:
    """The data with their new labels, and which labels are other than they were.

    >>> from empirical import load
    >>> int(relabeled(load("digits").data, 0.1).changed.sum())
    153
    """

    data: Data
    changed: Bools


def relabeled(data: Data, share: float, *, seed: int = 0, others: bool = True) -> Relabeled:
    """Labels are drawn anew with chance ``share``, among the ``others`` or among all classes; test labels stay.

    >>> import numpy as np
    >>> data = Data(np.zeros((4, 1)), np.array([0, 1, 2, 0]), np.zeros((1, 1)), np.array([0]), ("a", "b", "c"))
    >>> relabeled(data, 1.0).changed.all(), relabeled(data, 0.0).changed.any()
    (np.True_, np.False_)
    """
    share, others, classes = real("share", share, 0, 1), flag("others", others), data.n_classes
    if classes < 2:
        raise ArgumentError("data", f"{classes} class", "give data of two classes or more: there is no other label")
    drawn = philox.words(seed, philox.substream(philox.NOISE, 1), np.arange(data.n), 0, 2).astype(np.int64)
    chosen = drawn[:, 0] < round(share * 2**32)
    steps = (1 + (drawn[:, 1] * (classes - 1) >> 32)) if others else (drawn[:, 1] * classes >> 32)
    labels = np.where(chosen, (data.y_train + steps) % classes, data.y_train)
    return Relabeled(replace(data, y_train=labels), labels != data.y_train)
