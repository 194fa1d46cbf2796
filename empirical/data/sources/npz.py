"""Your arrays in one .npz: X_train, y_train, X_test, y_test, and train_ids, test_ids if you like."""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np

from empirical.data.data import Data
from empirical.data.dataset import Dataset, encoded, finite, one_each
from longtail.core import ArgumentError

WANTED = ("X_train", "y_train", "X_test", "y_test")


def load(source: str, options: dict[str, Any]) -> Dataset:
    """Features become float32; nothing is unpickled."""
    from empirical.data.load import refuse

    refuse(options)
    parts = arrays(source)
    for side in ("train", "test"):
        x, y = parts[f"X_{side}"], parts[f"y_{side}"]
        if x.dtype.kind not in "fiub" or x.ndim < 2:
            raise ArgumentError(f"X_{side}", f"{x.dtype} of shape {x.shape}", "give numbers, one example a row")
        finite(f"X_{side}", x)
    y, z, classes = encoded("y_train, y_test", parts["y_train"], parts["y_test"])
    x, x_test = (parts[name].astype(np.float32) for name in ("X_train", "X_test"))
    for name, labels in (("train_ids", y), ("test_ids", z)):
        one_each(name, parts.get(name), len(labels))
    ids = [tuple(parts[name].tolist()) if name in parts else None for name in ("train_ids", "test_ids")]
    return Dataset(source, Data(x, y, x_test, z, classes), ids[0], ids[1])


def opened(source: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name; nothing is unpickled."""
    try:
        with open(source, "rb") as file, np.load(file, allow_pickle=False) as loaded:
            return {str(name): loaded[name] for name in loaded.files}
    except (AttributeError, TypeError) as error:
        raise ArgumentError("data", source, "one array only; save several by np.savez") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ArgumentError("data", source, f"cannot be read: {error}; pickled objects are not opened") from error


def arrays(source: str) -> dict[str, np.ndarray]:
    """X_train, y_train, X_test and y_test, and whatever else is there; an error names those that are not."""
    found = opened(source)
    lacking = [name for name in WANTED if name not in found]
    if lacking:
        raise ArgumentError(
            "data", f"{source} with {', '.join(found) or 'nothing'}", f"save {', '.join(lacking)} in it too"
        )
    return found
