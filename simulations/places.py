"""Where the data are that these claims are checked on; where they are not, what needs them is left out and said."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from longtail.core import ArgumentError

if TYPE_CHECKING:
    import pandas as pd

    from empirical.data.data import Data
    from empirical.data.dataset import Dataset

BESIDE = Path("../shared/data")  # of a checkout, where the project keeps its own
SHIPPED = ("digits", "planted")

Case = TypeVar("Case")


class Missing(ArgumentError):
    """Data that are not here: no failure, but what needs them cannot be tried."""


def data_folder(part: str = "") -> str:
    """The folder of real data, LONGTAIL_DATA or else the project's own, with this part of it in place; no downloads."""
    told = os.environ.get("LONGTAIL_DATA")
    folder = Path(told) if told else BESIDE
    if not (folder / part).exists():
        raise Missing(
            "LONGTAIL_DATA",
            told or "nothing",
            f"{part or 'a folder of data'} is not there; set it to the folder of the data sets",
        )
    return str(folder)


def loaded(source: str) -> Dataset:
    """A data set by name, or a file of texts of the project's own, by the coarser of its two labels.

    ``mnist[:10000]`` is its first 10,000 training examples.
    """
    from empirical.data.load import load

    name, _, many = source.partition("[:")
    if many:
        return first(name, int(many.removesuffix("]")))
    if source in SHIPPED or source.startswith("simulations."):
        return load(source)
    if source.endswith(".zip"):
        return load(str(Path(data_folder(source)) / source), label="coarse")
    return load(source, data_dir=data_folder(source.rpartition(".")[2]))


def first(name: str, n: int, data_dir: str | None = None) -> Dataset:
    """The first n to train on, all to test on."""
    from empirical.data.data import Data
    from empirical.data.dataset import Dataset

    whole = whole_of(name, data_dir)
    data = Data(whole.x_train[:n], whole.y_train[:n], whole.x_test, whole.y_test, whole.classes)
    return Dataset(f"{name}, first {n:,}", data)


def whole_of(name: str, data_dir: str | None = None) -> Data:
    """All of a data set, from the folder of real data unless told."""
    from empirical.data.load import load

    return load(name, data_dir=data_dir or data_folder(name)).data


def each(cases: Iterable[Case], run: Callable[[Case], pd.DataFrame]) -> pd.DataFrame:
    """The rows of every case whose data are here, one below the other, each told once it is done."""
    import pandas as pd

    frames, missing = [], []
    for case in cases:
        try:
            frames.append(run(case))
        except Missing as error:
            missing.append(error)
            sys.stderr.write(f"left out: {case}: {error}\n")
        else:
            sys.stderr.write(f"{frames[-1].to_string()}\n")
    if not frames:
        raise missing[0]
    return pd.concat(frames, ignore_index=True)
