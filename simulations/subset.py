"""The first few thousand examples of the usual image sets: small enough for hundreds of nets on a laptop.

Named on the command line: ``python -m empirical.estimate simulations.subset.fashion_mnist --learner mlp``.
"""

from __future__ import annotations

from empirical.data.data import Data, makes_data
from empirical.data.dataset import Dataset
from longtail.core import Integers
from simulations.places import first, whole_of

TRAIN = 5000
MOST, LEAST = 2000, 20  # examples of the commonest and of the rarest class


@makes_data
def fashion_mnist(seed: int = 0, data_dir: str | None = None) -> Dataset:
    """The first 5,000 to train on, all 10,000 to test on."""
    return first("fashion_mnist", TRAIN, data_dir)


@makes_data
def mnist(seed: int = 0, data_dir: str | None = None) -> Dataset:
    """The first 5,000 to train on, all 10,000 to test on."""
    return first("mnist", TRAIN, data_dir)


@makes_data
def unequal_mnist(seed: int = 0, data_dir: str | None = None) -> Dataset:
    """Of MNIST's zeros the first 2,000, of each next digit a like share of the last one's number, of nines the first 20."""
    import numpy as np

    whole = whole_of("mnist", data_dir)
    wanted = np.round(MOST * (LEAST / MOST) ** (np.arange(10) / 9)).astype(int)
    return Dataset("mnist, imbalanced", kept(whole, wanted))


def kept(whole: Data, wanted: Integers) -> Data:
    """The first so many training examples of each class, all to test on."""
    import numpy as np

    rows = np.sort(np.concatenate([np.flatnonzero(whole.y_train == c)[:many] for c, many in enumerate(wanted)]))
    return Data(whole.x_train[rows], whole.y_train[rows], whole.x_test, whole.y_test, whole.classes)
