"""A sparse matrix that ``scipy.sparse.save_npz`` wrote, an example a row, and its labels in a file of their own (``--label``).

The labels are an .npy, or text, one a line. Learners that take sparse matrices get it as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from empirical.data.data import Data
from empirical.data.dataset import Dataset, encoded, finite, one_each, split
from empirical.data.options import TEST_FRACTION, refuse
from empirical.data.sources.npz import opened, single
from longtail.core import ArgumentError
from longtail.core.opened import content
from longtail.core.shares import percent

PARTS = ("format", "shape", "data", "indices", "indptr")
KINDS = (b"csr", b"csc", "csr", "csc")


def load(source: str, options: dict[str, Any]) -> Dataset:
    """A share of the rows, drawn at random, is tested on."""
    refuse(options, "label", "test_fraction")
    matrix = read(source)
    n = matrix.shape[0]
    if "label" not in options:
        raise ArgumentError("label", None, f"{source} is a sparse matrix: give the file of its {n:,} labels")
    labels = _labels(str(options["label"]))
    one_each("label", labels, n)
    share, seed = float(options.get("test_fraction", TEST_FRACTION)), int(options.get("seed", 0))
    train, test = split(n, share, seed)
    y, z, classes = encoded("label", labels[train], labels[test])
    data = Data(matrix[train], y, matrix[test], z, classes)
    filled = matrix.nnz / max(n * matrix.shape[1], 1)
    note = f"sparse, {percent(filled, '.2f')} of {n:,} × {matrix.shape[1]:,} values are there"
    return Dataset(Path(source).name, data, tuple(train.tolist()), tuple(test.tolist()), (note,))


def read(source: str) -> Any:
    """The matrix as float32, by rows, its parts checked to be of one."""
    from scipy.sparse import csc_array, csr_array

    parts = opened(source, PARTS, PARTS)
    name = parts["format"].item() if parts["format"].ndim == 0 else ""
    if name not in KINDS or parts["data"].dtype.kind not in "fiub":
        got = f"{source}: {name!r} of {parts['data'].dtype}"
        raise ArgumentError("data", got, "save numbers as csr or csc, by scipy.sparse.save_npz")
    finite("data", parts["data"])
    kind = csr_array if name in (b"csr", "csr") else csc_array
    try:
        three = (parts["data"].astype(np.float32), parts["indices"], parts["indptr"])
        matrix = kind(three, shape=tuple(parts["shape"].tolist()))
        matrix.check_format(full_check=True)
    except (TypeError, ValueError) as error:
        raise ArgumentError("data", source, f"it is no sparse matrix ({error}); save it again") from error
    return matrix.tocsr()


def _labels(path: str) -> np.ndarray:
    if path.lower().endswith(".npy"):
        return single(path, "label")
    text = content("label", path, 8)
    try:
        words = text.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ArgumentError("label", path, "it is not text in UTF-8: give one label a line, or an .npy") from error
    return np.array([word.strip() for word in words if word.strip()])
