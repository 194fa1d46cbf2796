"""Listed: frequencies that somebody counted: words of a text, sizes of cities, images per class."""

from __future__ import annotations

import csv
import hashlib
import io
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TextIO

import numpy as np
from numpy.typing import ArrayLike

from longtail.core import ArgumentError, Floats, Nodes, Prior
from longtail.core.opened import CELL, extent, reading, regular, shortened, within

POINTS = 16
WIDTH = 0.7  # of log value in a bin that holds more than POINTS distinct values
DOUBLE = 8  # bytes
SHOWN = 8  # entries that the repr writes out


@dataclass(frozen=True, eq=False, repr=False)
class Listed(Prior):
    """The given frequencies, in any order and up to scale; zeros and negative numbers are refused.

    ``Listed(file="words.txt")`` reads counts, one a line or in a column; ``Listed([3, 2, 1])`` takes an array. Two are equal
    when their numbers are; the repr names the file and a digest of the numbers, which is checked where it is given.

    >>> Listed([1, 4, 2]).entries().tolist()
    [1.0, 0.5, 0.25]
    """

    values: ArrayLike | None = None
    file: str | None = None
    column: str | None = None
    digest: str = ""
    _sorted: Floats = field(init=False)

    def __post_init__(self) -> None:
        if (self.values is None) == (self.file is None):
            raise ArgumentError(
                "values", self.values, "give an array of frequencies, or file='counts.csv', one of the two"
            )
        if self.file is not None:
            values = read_counts(self.file, self.column)
        else:
            try:
                values = np.asarray(self.values, float).ravel()
            except (TypeError, ValueError) as error:
                raise ArgumentError("values", self.values, "give an array of numbers") from error
        name = self.file or "values"
        if not len(values):
            raise ArgumentError(name, "no frequencies", "give at least one")
        bad = ~((values > 0) & (values < np.inf))
        if bad.any():
            entry = int(np.argmax(bad)) + 1
            raise ArgumentError(name, f"{values[entry - 1]:g} as entry {entry}", "give positive, finite frequencies")
        ordered = np.sort(values)[::-1].copy()
        ordered.setflags(write=False)
        digest = hashlib.sha256(ordered.tobytes()).hexdigest()[:12]
        if self.digest and self.digest != digest:
            raise ArgumentError("digest", digest, f"the frequencies of {name} are not those of digest {self.digest}")
        object.__setattr__(self, "values", None if self.file else tuple(ordered[:SHOWN].tolist()))
        object.__setattr__(self, "_sorted", ordered)
        object.__setattr__(self, "digest", digest)

    @property
    def size(self) -> int:  # type: ignore[override]  # a property where others have a field: read all the same
        return len(self._sorted)

    @property
    def total(self) -> float:
        """The sum of the frequencies as they were given: of counts, how many samples they are of."""
        return float(self._sorted.sum())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listed) and np.array_equal(self._sorted, other._sorted)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        if self.file is not None:
            column = f", column={self.column!r}" if self.column is not None else ""
            return f"Listed(file={self.file!r}{column}, digest={self.digest!r})"
        if self.size <= SHOWN:
            return f"Listed({self._sorted.tolist()})"
        return f"Listed(<{self.size} values>, digest={self.digest!r})"

    def nodes(self, refine: float = 1.0) -> Nodes:
        return _compress(self._sorted, refine)

    def between(self, low: float, high: float) -> Nodes:
        log_value = np.log(self._sorted)
        return _compress(self._sorted[(log_value >= low) & (log_value < high)], 1.0)

    def entries(self) -> Floats:
        return np.asarray(self._sorted / self._sorted[0])


def _compress(values: Floats, refine: float) -> Nodes:
    """Distinct values as they are where a bin of log value holds few, by a Gauss rule where it holds many."""
    if not len(values):
        return Nodes(np.empty(0), np.empty(0))
    first = np.flatnonzero(np.append(True, values[1:] != values[:-1]))  # they are sorted, largest first
    value, count = values[first][::-1], np.diff(first, append=len(values))[::-1]
    log_value = np.log(value)
    span = float(np.ptp(log_value)) * (1 + 1e-9) or WIDTH
    width = min(WIDTH, span) / refine  # a finer rule has other bins, however narrow the list
    bins = np.floor((log_value - log_value[0]) / width).astype(np.int64)
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    parts = [
        (log_value[a:b], count[a:b].astype(float)) if b - a <= POINTS else _gauss(log_value[a:b], count[a:b])
        for a, b in zip(starts, [*starts[1:], len(bins)], strict=True)
    ]
    return Nodes(np.concatenate([x for x, _ in parts]), np.concatenate([c for _, c in parts]))


def _gauss(x: Floats, weight: ArrayLike) -> tuple[Floats, Floats]:
    """The Gauss rule of POINTS nodes for a discrete measure, by Lanczos with full reorthogonalization."""
    w = np.asarray(weight, float)
    center, half = (x[0] + x[-1]) / 2, (x[-1] - x[0]) / 2
    t = (x - center) / half
    basis = np.zeros((POINTS + 1, len(x)))
    basis[0] = np.sqrt(w / w.sum())
    jacobi = np.zeros((POINTS, POINTS))
    for k in range(POINTS):
        residual = t * basis[k]
        jacobi[k, k] = basis[k] @ residual
        residual -= basis[: k + 1].T @ (basis[: k + 1] @ residual)
        if k + 1 < POINTS:
            norm = np.linalg.norm(residual)
            jacobi[k + 1, k] = norm
            basis[k + 1] = residual / norm
    node, vector = np.linalg.eigh(jacobi)
    return center + half * node, w.sum() * vector[0] ** 2


def read_counts(file: str, column: str | None = None) -> Floats:
    """Numbers from a text file, one a line, or from a CSV's one numeric column (``column`` names it where there are more).

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/words.csv"
    ...     np.savetxt(path, [3, 1], fmt="%d", header="count", comments="")
    ...     read_counts(path).tolist()
    [3.0, 1.0]
    """
    remedy = "give a readable text file of counts"
    with regular("counts", file) as raw, reading("counts", file, remedy):
        found = extent(raw)
        # a line as cells; the numbers as they grow, and sorted
        needed = CELL * (found.longest + 1) + 3 * DOUBLE * found.lines
        within("counts", file, needed, "give fewer counts, one a line")
        with io.TextIOWrapper(raw, encoding="utf-8-sig") as text:
            return _numbers(file, _rows(text), column)


def _numbers(file: str, rows: Iterator[tuple[int, list[str]]], column: str | None) -> Floats:
    first = next(rows, None)
    if first is None:
        raise ArgumentError("counts", file, "the file is empty: give one count a line")
    header = first[1] if not any(_number(cell) is not None for cell in first[1]) else None
    names = header or [str(i + 1) for i in range(len(first[1]))]
    top = next(rows, None) if header else first
    if top is None:
        raise ArgumentError("counts", file, "the file holds a header and no counts: give one count a line")
    chosen = _chosen(file, names, top[1], column)
    numbers = array("d")
    for line, row in chain([top], rows):
        number = _number(row[chosen]) if chosen < len(row) else None
        if number is None:
            got = repr(shortened(row[chosen])) if chosen < len(row) else "a short row"
            raise ArgumentError("counts", f"{got} in row {line} of {file}", "give one positive number a line")
        numbers.append(number)
    return np.array(numbers)


def _rows(text: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, one at a time, with the numbers of their lines."""
    reader = csv.reader(text)
    return ((reader.line_num, row) for row in reader if any(cell.strip() for cell in row))


def _chosen(file: str, names: list[str], top: list[str], column: str | None) -> int:
    """Which column to read: the one named, or the only one with a number in its first row."""
    if column is not None:
        if column not in names:
            raise ArgumentError("column", column, f"give one of {shortened(', '.join(names))}")
        return names.index(column)
    numeric = [i for i, cell in enumerate(top) if _number(cell) is not None]
    if not numeric:
        raise ArgumentError(
            "counts", f"{file}, whose first row has no number", "give one count a line, or a CSV with them"
        )
    if len(numeric) > 1:
        raise ArgumentError(
            "counts",
            f"{file} with {len(numeric)} numeric columns",
            "name one by its column: Listed(file=..., column=...), or --column of longtail.infer",
        )
    return numeric[0]


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
