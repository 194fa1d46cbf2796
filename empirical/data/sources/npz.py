"""Your arrays in one .npz: X_train, y_train, X_test, y_test, and train_ids, test_ids if you like."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from empirical.data.data import Data
from empirical.data.dataset import Dataset, encoded, finite, one_each
from empirical.data.options import refuse
from empirical.data.sources import sparse
from empirical.data.sources.arrays import REMEDY, opened
from empirical.data.sources.zipped import archived
from longtail.core import ArgumentError

WANTED = ("X_train", "y_train", "X_test", "y_test")
NAMED = ("train_ids", "test_ids")


def load(source: str, options: dict[str, Any]) -> Dataset:
    """Features become float32; nothing is unpickled. A sparse matrix, as SciPy saves it, is ``sparse``'s."""
    if is_sparse(source):
        return sparse.load(source, options)
    refuse(options)
    parts = opened(source, (*WANTED, *NAMED), WANTED)
    for side in ("train", "test"):
        x = parts[f"X_{side}"]
        if x.dtype.kind not in "fiub" or x.ndim < 2:
            raise ArgumentError(f"X_{side}", f"{x.dtype} of shape {x.shape}", "give numbers, one example a row")
        finite(f"X_{side}", x)
    y, z, classes = encoded("y_train, y_test", parts["y_train"], parts["y_test"])
    x, x_test = (parts[name].astype(np.float32) for name in ("X_train", "X_test"))
    for name, labels in (("train_ids", y), ("test_ids", z)):
        one_each(name, parts.get(name), len(labels))
    ids = [tuple(parts[name].tolist()) if name in parts else None for name in NAMED]
    return Dataset(source, Data(x, y, x_test, z, classes), ids[0], ids[1])


def is_sparse(source: str) -> bool:
    """Whether an .npz is what ``scipy.sparse.save_npz`` writes, by the names in it."""
    with suppress(ArgumentError), archived("data", source, REMEDY) as (_, archive):
        names = {member.filename for member in archive.infolist()}
        return {"format.npy", "shape.npy", "data.npy"} <= names
    return False
