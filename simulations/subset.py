"""The first few thousand examples of the usual image sets: small enough for hundreds of nets on a laptop.

Named on the command line: ``python -m empirical.estimate simulations.subset.fashion_mnist --learner mlp``.
"""

from __future__ import annotations

from empirical.data.data import Data, makes_data
from empirical.data.dataset import Dataset
from simulations.places import data_folder

TRAIN = 5000


@makes_data
def fashion_mnist(seed: int = 0, data_dir: str | None = None) -> Dataset:
    """The first 5,000 to train on, all 10,000 to test on."""
    return _first("fashion_mnist", data_dir)


@makes_data
def mnist(seed: int = 0, data_dir: str | None = None) -> Dataset:
    """The first 5,000 to train on, all 10,000 to test on."""
    return _first("mnist", data_dir)


def _first(name: str, data_dir: str | None) -> Dataset:
    from empirical.data.load import load

    whole = load(name, data_dir=data_dir or data_folder(name)).data
    data = Data(whole.x_train[:TRAIN], whole.y_train[:TRAIN], whole.x_test, whole.y_test, whole.classes)
    return Dataset(f"{name}, first {TRAIN:,}", data)
