"""The name of a data set: SHA-256 of its labels and examples, so that a run is never resumed on other data."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from empirical.data.data import Data
from longtail.core import ArgumentError

EXACT = (str, bytes, int, float, type(None), type(pd.NA), date, timedelta, Decimal)  # whose repr tells them apart


def digest(data: Data) -> str:
    """Hexadecimal, of x and y, train and test, with their shapes and types.

    >>> one = Data(np.zeros((2, 1)), np.array([0, 1]), np.zeros((1, 1)), np.array([0]), (0, 1))
    >>> digest(one)[:8] == digest(one)[:8]
    True
    """
    state = hashlib.sha256(repr(tuple(str(c) for c in data.classes)).encode())
    read = [part for texts in data.texts or () for part in (texts.raw, texts.ends)]
    for part in (data.x_train, data.y_train, data.x_test, data.y_test, *read):
        for piece in _pieces(part):
            state.update(len(piece).to_bytes(8, "little"))
            state.update(piece)
    return state.hexdigest()


def _pieces(part: Any) -> list[Any]:
    """Bytes that tell one array, sparse matrix, data frame or list of texts from another."""
    if isinstance(part, np.ndarray) and not part.dtype.hasobject:
        return [f"{part.dtype.str}{part.shape}".encode(), np.ascontiguousarray(part).reshape(-1).view(np.uint8).data]
    if hasattr(part, "tocsr"):
        rows = part.tocsr()
        return [str(rows.shape).encode(), *(p for v in (rows.data, rows.indices, rows.indptr) for p in _pieces(v))]
    if isinstance(part, pd.DataFrame):
        return [repr(list(part.columns)).encode(), *(p for _, column in part.items() for p in _column(column))]
    if isinstance(part, EXACT):
        return [repr(part).encode()]
    if isinstance(part, (list, tuple, np.ndarray)):
        values = part.tolist() if isinstance(part, np.ndarray) else part
        return [p for v in values for p in (_pieces(v) if isinstance(v, EXACT) else [b"[", *_pieces(v), b"]"])]
    raise ArgumentError("data", type(part).__name__, "give arrays, sparse matrices, data frames or lists of texts")


def _column(column: pd.Series[Any]) -> list[Any]:
    """Type and values; of categories also those that no example has, and their order."""
    kind = column.dtype
    if isinstance(kind, pd.CategoricalDtype):
        named = [f"category, ordered {kind.ordered}".encode(), *_pieces(kind.categories.to_numpy())]
        return [*named, *_pieces(column.cat.codes.to_numpy())]
    return [str(kind).encode(), *_pieces(column.to_numpy())]
