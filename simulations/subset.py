"""The first few thousand examples of the usual image sets: small enough for hundreds of nets on a laptop.

Named on the command line: ``python -m empirical.estimate simulations.subset.fashion_mnist --learner mlp``.
"""

from __future__ import annotations

from empirical.data.data import Data, makes_data
from empirical.data.dataset import Dataset
from longtail.core import Integers
from simulations.places import data_folder

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

    whole = _whole("mnist", data_dir)
    wanted = np.round(MOST * (LEAST / MOST) ** (np.arange(10) / 9)).astype(int)
    return Dataset("mnist, imbalanced", kept(whole, wanted))


def first(name: str, n: int, data_dir: str | None = None) -> Dataset:
    """The first n to train on, all to test on."""
    whole = _whole(name, data_dir)
    data = Data(whole.x_train[:n], whole.y_train[:n], whole.x_test, whole.y_test, whole.classes)
    return Dataset(f"{name}, first {n:,}", data)


def kept(whole: Data, wanted: Integers) -> Data:
    """The first so many training examples of each class, all to test on."""
    import numpy as np

    rows = np.sort(np.concatenate([np.flatnonzero(whole.y_train == c)[:many] for c, many in enumerate(wanted)]))
    return Data(whole.x_train[rows], whole.y_train[rows], whole.x_test, whole.y_test, whole.classes)


def _whole(name: str, data_dir: str | None) -> Data:
    from empirical.data.load import load

    return load(name, data_dir=data_dir or data_folder(name)).data
