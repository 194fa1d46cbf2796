"""The name of a data set: SHA-256 of its labels and examples, so that a run is never resumed on other data."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from empirical.data import Data
from longtail.core import ArgumentError


def digest(data: Data) -> str:
    """Hexadecimal, of x and y, train and test, with their shapes and types.

    >>> one = Data(np.zeros((2, 1)), np.array([0, 1]), np.zeros((1, 1)), np.array([0]), (0, 1))
    >>> digest(one)[:8] == digest(one)[:8]
    True
    """
    state = hashlib.sha256(repr(tuple(str(c) for c in data.classes)).encode())
    for part in (data.x_train, data.y_train, data.x_test, data.y_test):
        for piece in pieces(part):
            state.update(len(piece).to_bytes(8, "little"))
            state.update(piece)
    return state.hexdigest()


def pieces(part: Any) -> list[Any]:
    """Bytes that tell one array, sparse matrix or list of texts from another."""
    if isinstance(part, np.ndarray) and not part.dtype.hasobject:
        return [
            f"{part.dtype.str}{part.shape}".encode(),
            np.ascontiguousarray(part).reshape(-1).view(np.uint8).data,
        ]
    if hasattr(part, "tocsr"):
        rows = part.tocsr()
        return [str(rows.shape).encode(), *(p for v in (rows.data, rows.indices, rows.indptr) for p in pieces(v))]
    if hasattr(part, "to_numpy") and hasattr(part, "columns"):
        return [repr(list(part.columns)).encode(), *(p for c in part for p in pieces(part[c].to_numpy()))]
    if isinstance(part, (list, tuple, np.ndarray)) and all(isinstance(v, (str, bytes, int, float)) for v in part):
        return [repr(v).encode() for v in part]
    raise ArgumentError("data", type(part).__name__, "give arrays, sparse matrices, data frames or lists of texts")
