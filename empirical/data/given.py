"""Examples as they are given in Python: arrays, lists, data frames and sparse matrices."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pandas as pd

from empirical.data.data import Data
from empirical.data.dataset import encoded, finite
from empirical.data.examples import Examples
from longtail.core import ArgumentError
from longtail.core.shown import many


def given(X: Any, y: Any, X_test: Any, y_test: Any, *, frames: bool) -> tuple[Data, Examples]:
    """The data and who the examples are; ``frames``: the learner takes data frames as they are. Without ``X_test`` there is
    nothing to test on.

    >>> X = pd.DataFrame({"length": [1.0, 2.0, 3.0]}, index=["a", "b", "c"])
    >>> data, who = given(X, ["cat", "dog", "cat"], None, None, frames=False)
    >>> data.x_train.tolist(), data.y_train.tolist(), who.train_ids
    ([[1.0], [2.0], [3.0]], [0, 1, 0], ('a', 'b', 'c'))
    """
    tested = X_test is not None
    if y is None:
        raise ArgumentError("y", None, "requires y to be passed, but the target y is None: give each example's label")
    for name, part in (("X", X), *([("X_test", X_test)] if tested else [])):
        if isinstance(part, str | bytes | dict | set | frozenset) or not (
            hasattr(part, "__len__") or hasattr(part, "shape")
        ):
            raise ArgumentError(name, part, "give an array, list, data frame or sparse matrix, one example a row")
    for name, labels in (("y", y), ("y_test", y_test)):
        _unmasked(name, labels)
    X, X_test = (part.tocsr() if hasattr(part, "tocsr") else part for part in (X, X_test))
    if not tested:
        X_test, y_test = X[:0], np.asarray(y).ravel()[:0]
    ids = [tuple(part.index) if _is_frame(part) else None for part in (X, X_test)]
    X_test = _aligned(X, X_test)
    whole = frames and _is_frame(X) and _is_frame(X_test)
    x = _examples("X", X, frames=whole)
    z = _examples("X_test", X_test, frames=whole) if tested else x[:0]  # not of X, which as a list says no width
    if x.shape[:1] == (1,) if hasattr(x, "shape") else len(x) == 1:
        raise ArgumentError("X", "n_samples = 1", "give two examples or more, of two classes at least")
    if width(x) == 0:
        got = f"0 feature(s) (shape={tuple(np.shape(X))}) while a minimum of 1 is required"
        raise ArgumentError("X", got, "give each example at least one")
    a, b, classes = encoded("y, y_test" if tested else "y", y, y_test)
    data = Data(x, a, z, b, classes, tested=tested)
    return data, Examples(data.y_train, data.y_test, classes, *ids)


def width(X: Any) -> int:
    """How many features an example has; 1 of texts.

    >>> width(np.zeros((3, 5))), width(["a text", "another"])
    (5, 1)
    """
    try:
        shape = np.shape(X) if not hasattr(X, "shape") else X.shape
    except ValueError:  # lists of different lengths
        return 1
    return int(shape[1]) if len(shape) > 1 else 1


def columns(X: Any) -> Any:
    """Names of features, where all are words; None where there are none.

    >>> columns(pd.DataFrame({"length": [1.0], "weight": [2.0]})).tolist(), columns(np.zeros((3, 5)))
    (['length', 'weight'], None)
    """
    names = list(X.columns) if _is_frame(X) else []
    return np.array(names, dtype=object) if names and all(isinstance(name, str) for name in names) else None


def _aligned(X: Any, X_test: Any) -> Any:
    """``X_test`` with its columns in the order of those of ``X``: a table's features go by name."""
    if not (hasattr(X, "columns") and hasattr(X_test, "columns")) or list(X.columns) == list(X_test.columns):
        return X_test
    names, found = list(X.columns), list(X_test.columns)
    if len(names) != len(found) or len(set(names)) != len(names) or set(names) != set(found):
        odd = [str(name) for name in [*names, *found] if (name in names) != (name in found)]
        got = f"other columns than X ({', '.join(odd[:5])})" if odd else "columns of the same name"
        raise ArgumentError("X_test", got, "give both tables the same columns")
    return X_test[names]


def _examples(argument: str, x: Any, *, frames: bool) -> Any:
    """Arrays, lists and tables of numbers as float32. Texts and tables of more pass through; with ``frames``, any table."""
    if _is_frame(x) and (frames or not all(pd.api.types.is_numeric_dtype(kind) for kind in x.dtypes)):
        return x
    _unmasked(argument, x)
    given = x.to_numpy() if hasattr(x, "to_numpy") else x
    if _is_frame(x) and given.dtype == object:  # booleans beside numbers, or numbers that may be missing
        given = x.to_numpy(np.float64, na_value=np.nan)
    if isinstance(given, (list, tuple)) and given and isinstance(given[0], (str, bytes)):
        return given
    if hasattr(x, "tocsr"):
        _examples(argument, x.data, frames=False)  # refuses what is no number
        return x
    try:
        values = np.asarray(given)
    except ValueError:  # lists of different lengths
        return given
    if values.dtype.kind == "c":
        raise ArgumentError(argument, "complex numbers", "Complex data not supported: give their parts as features")
    if values.dtype == object and values.ndim > 1:  # numbers one by one
        with contextlib.suppress(TypeError, ValueError):
            values = values.astype(np.float64)
    if values.dtype.kind not in "fiub":
        return given
    finite(argument, values)
    return values.astype(np.float32, copy=False)


def _unmasked(argument: str, x: Any) -> None:
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        got = many(int(np.ma.getmaskarray(x).sum()), "masked value")
        raise ArgumentError(argument, got, "drop or fill them first: what is below a mask would be learned from")


def _is_frame(x: Any) -> bool:
    return hasattr(x, "iloc") and hasattr(x, "columns")
