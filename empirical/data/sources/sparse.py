"""A sparse matrix that ``scipy.sparse.save_npz`` wrote, an example a row, and its labels in a file of their own (``--label``).

The labels are an .npy, or text, one a line. Learners that take sparse matrices get it as it is. ``--test`` is another such
matrix, of the same columns: ``--label`` then names two files, y.npy,y_test.npy, or one with the labels of both, in that order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from empirical.data.data import Data
from empirical.data.dataset import Dataset, encoded, finite, one_each, split
from empirical.data.options import TEST_FRACTION, refuse, refuse_share
from empirical.data.sources.arrays import opened, single
from longtail.core import ArgumentError
from longtail.core.opened import content
from longtail.core.shares import percent

PARTS = ("format", "shape", "data", "indices", "indptr")
KINDS = (b"csr", b"csc", "csr", "csc")


def load(source: str, options: dict[str, Any]) -> Dataset:
    """A share of the rows, drawn at random, is tested on, unless ``test`` is a matrix of others."""
    refuse(options, "label", "test", "test_fraction")
    matrix, named = read(source), options.get("test")
    if named is None:
        other, whose = None, f"{matrix.shape[0]:,} labels"
    else:
        refuse_share(options, str(named))
        other = read(str(named), "test")
        if other.shape[1] != matrix.shape[1]:
            got = f"{named} of {other.shape[1]:,} columns"
            raise ArgumentError("test", got, f"give a matrix of {matrix.shape[1]:,}, as {source} is")
        whose = f"{matrix.shape[0]:,} labels and, after a comma, that of the {other.shape[0]:,} of {named}"
    if "label" not in options:
        raise ArgumentError("label", None, f"{source} is a sparse matrix: give the file of its {whose}")
    if other is None:
        labels = _labels(str(options["label"]))
        one_each("label", labels, matrix.shape[0])
        train, test = split(
            len(labels), float(options.get("test_fraction", TEST_FRACTION)), int(options.get("seed", 0))
        )
        x, x_test, y, z = matrix[train], matrix[test], labels[train], labels[test]
    else:
        x, x_test = matrix, other
        y, z = _both(str(options["label"]), x.shape[0], x_test.shape[0])
        train, test = np.arange(len(y)), np.arange(len(z))
    code, tested, classes = encoded("label", y, z)
    filled = (x.nnz + x_test.nnz) / max((len(y) + len(z)) * x.shape[1], 1)
    note = f"sparse, {percent(filled, '.2f')} of {len(y) + len(z):,} × {x.shape[1]:,} values are there"
    data = Data(x, code, x_test, tested, classes)
    return Dataset(Path(source).name, data, tuple(train.tolist()), tuple(test.tolist()), (note,))


def read(source: str, argument: str = "data") -> Any:
    """The matrix as float32, by rows, its parts checked to be of one."""
    from scipy.sparse import csc_array, csr_array

    parts = opened(source, PARTS, PARTS, argument)
    name = parts["format"].item() if parts["format"].ndim == 0 else ""
    if name not in KINDS or parts["data"].dtype.kind not in "fiub":
        got = f"{source}: {name!r} of {parts['data'].dtype}"
        raise ArgumentError(argument, got, "save numbers as csr or csc, by scipy.sparse.save_npz")
    finite(argument, parts["data"])
    kind = csr_array if name in (b"csr", "csr") else csc_array
    try:
        three = (parts["data"].astype(np.float32), parts["indices"], parts["indptr"])
        matrix = kind(three, shape=tuple(parts["shape"].tolist()))
        matrix.check_format(full_check=True)
    except (TypeError, ValueError) as error:
        raise ArgumentError(argument, source, f"it is no sparse matrix ({error}); save it again") from error
    return matrix.tocsr()


def _both(asked: str, n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels to train on and to test on: of two files, or the parts of one."""
    first, comma, second = asked.partition(",")
    if comma and not Path(asked).exists():
        y, z = _labels(first), _labels(second)
        one_each("label", y, n)
        one_each("label", z, m)
        return y, z
    labels = _labels(asked)
    if labels.shape[:1] not in ((n,), (n + m,)):
        one_each("label", labels, n + m)
    if len(labels) == n:
        raise ArgumentError(
            "label", asked, f"it has those to train on: name both, {asked},FILE with the {m:,} to test on"
        )
    return labels[:n], labels[n:]


def _labels(path: str) -> np.ndarray:
    if path.lower().endswith(".npy"):
        return single(path, "label")
    text = content("label", path, 8)
    try:
        words = text.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ArgumentError("label", path, "it is not text in UTF-8: give one label a line, or an .npy") from error
    return np.array([word.strip() for word in words if word.strip()])
