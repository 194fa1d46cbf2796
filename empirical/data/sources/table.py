"""Your table, .csv or .parquet: a column of labels, the others features; ``--id`` names rows, ``--text`` a column of text,
``--missing`` says what to do with gaps (``gaps``), which are refused else.

Numbers are put on one scale (mean 0, standard deviation 1 over the training rows), because most learners compare columns;
words of at most 32 kinds become one column a kind. The test rows are another file's (``--test``), or a share drawn at random.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.data.dataset import Dataset, encoded, split, unusable
from empirical.data.options import TEST_FRACTION, refuse, refuse_share
from empirical.data.sources import parquet
from empirical.data.sources.delimited import dialect
from empirical.data.sources.gaps import filled, way, whole_rows
from empirical.data.sources.parquet import FEWER
from longtail.core import ArgumentError, Bools, Integers
from longtail.core.opened import reading, regular, shortened, tabular, within
from longtail.core.shown import not_finite

KINDS = 32
SHOWN = 12  # columns of a row in words
VALUE = 28  # bytes of memory that a feature of a row takes while it is brought on a scale


def load(source: str, options: dict[str, Any]) -> Dataset:
    """``label`` names the column of labels; "label" unless told."""
    refuse(options, "label", "id", "text", "test", "test_fraction", "missing")
    gaps = way(options)
    if gaps and "text" in options:
        raise ArgumentError("missing", gaps, "of a column of text gaps are empty texts; leave it out")
    named = options.get("label", "label")
    verbatim = [named, *(options[name] for name in ("id", "text") if name in options)]
    table = read(source, verbatim)
    label = column(source, table, "label", named)
    if options.get("text") == label:
        raise ArgumentError("text", label, "it is the column of labels; name one of text")
    if "test" not in options:
        return framed(source, table, None, options)
    refuse_share(options, str(options["test"]))
    return framed(source, table, (str(options["test"]), read(str(options["test"]), verbatim)), options)


def framed(
    source: str, table: pd.DataFrame, tested: tuple[str, pd.DataFrame] | None, options: dict[str, Any]
) -> Dataset:
    """A data set of a table's rows, and of those of another, ``tested``, which has a name; without it of a share of the rows."""
    gaps, label = way(options), options.get("label", "label")
    needed = [name for name in (label, options.get("id")) if name in table.columns]
    if gaps == "drop":
        table, dropped_rows = whole_rows(table, needed), len(table)
        if len(table) < 3:
            raise ArgumentError(
                "missing", f"drop, which leaves {len(table)} of {dropped_rows} rows", "give median or as-is"
            )
    if tested is not None:
        test, other = tested
        if gaps == "drop":
            other = whole_rows(other, [name for name in needed if name in other.columns])
        missing = [str(c) for c in table.columns if c not in other.columns]
        if missing:
            raise ArgumentError("test", test, f"it lacks the columns {shortened(', '.join(missing))}")
        parts = Parts((table, other[table.columns]), (np.arange(len(table)), np.arange(len(other))))
    else:
        share, seed = float(options.get("test_fraction", TEST_FRACTION)), int(options.get("seed", 0))
        parts = Parts((table, table), split(len(table), share, seed))
    y, z, classes = encoded(f"label column {label}", *(part.to_numpy() for part in parts[label]))
    dropped = [label]
    if "id" in options:
        key = column(source, table, "id", options["id"])
        present("id", source, table[key])
        if tested is not None:
            present("id", test, other[key])
        names = [tuple(part.tolist()) for part in parts[key]]
        dropped.append(key)
    else:
        names = [tuple(index.tolist()) for index in parts.index]  # the row in the file
    if "text" in options:
        from empirical.data.sources.text import worded

        words = column(source, table, "text", options["text"])
        both = ([str(v) for v in part.astype(object).fillna("")] for part in parts[words])
        data, note = worded(y, z, classes, *both)
        return Dataset(
            Path(source).name, data, names[0], names[1], (f"{note}, of {words}; other columns are left out",)
        )
    inputs = table.drop(columns=dropped)
    complete(source, inputs, gaps=bool(gaps))
    order, n = np.concatenate(parts.rows), len(parts.rows[0])
    if tested is not None:
        rest = other[inputs.columns]
        complete(test, rest, inputs, gaps=bool(gaps))
        order = np.arange(len(table) + len(other))
        inputs = pd.concat([inputs, rest])
    shown = Rows(inputs, order[:n]), Rows(inputs, order[n:])
    done: list[str] = []
    if gaps:
        inputs, done = filled(inputs, order[:n], gaps)
    x, x_test, notes = features(inputs, order, n)
    return Dataset(Path(source).name, Data(x, y, x_test, z, classes), names[0], names[1], (*notes, *done), rows=shown)


@dataclass(frozen=True)
class Rows:
    """Rows of a table in words, by number, as they stand in the file: names of columns and values, of the first columns.

    >>> rows = Rows(pd.DataFrame({"age": [30, 41], "color": ["red", None]}), np.array([1, 0]))
    >>> rows[0], len(rows)
    ('age 41, color missing', 2)
    """

    table: pd.DataFrame
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, row: int) -> str:
        place = self.places[row]
        cells = ((name, self.table.iat[place, at]) for at, name in enumerate(self.table.columns[:SHOWN]))
        more = ", …" if self.table.shape[1] > SHOWN else ""
        return ", ".join(f"{name} {_word(value)}" for name, value in cells) + more

    def alike(self, some: Integers, other: Rows, others: Integers) -> tuple[Bools, Bools]:
        """Which of the rows ``some`` say the same in every column, shown or not, as the row of ``other`` in ``others`` beside it,
        a gap being like a gap alone; and which do where a gap in either may hold anything.

        >>> rows = Rows(pd.DataFrame({"age": [30.0, 30.0, np.nan], "color": ["red", "red", "red"]}), np.arange(3))
        >>> [told.tolist() for told in rows.alike(np.array([0, 0, 2]), rows, np.array([1, 2, 2]))]
        [[True, False, True], [True, True, True]]
        """
        same, filled = np.ones((2, len(some)), bool)
        left, right = self.table.iloc[self.places[some]], other.table.iloc[other.places[others]]
        for at in range(left.shape[1]):
            kind = pd.factorize(pd.concat([left.iloc[:, at], right.iloc[:, at]]))[0].reshape(2, -1)
            same &= kind[0] == kind[1]
            filled &= (kind[0] == kind[1]) | (kind < 0).any(0)
        return same, filled

    def kept(self, some: Integers) -> Rows:
        """Some of the rows.

        >>> Rows(pd.DataFrame({"age": [30, 41]}), np.arange(2)).kept(np.array([1]))[0]
        'age 41'
        """
        return Rows(self.table, self.places[some])


def _word(value: Any) -> str:
    if value is None or value is pd.NA or value != value:
        return "missing"
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)


@dataclass(frozen=True)
class Parts:
    """Rows of two tables, which may be one, to train on and to test on; taken a column at a time, for there may be many."""

    tables: tuple[pd.DataFrame, pd.DataFrame]
    rows: tuple[NDArray[np.int64], NDArray[np.int64]]

    def __getitem__(self, name: Any) -> list[pd.Series]:
        return [table[name].iloc[rows] for table, rows in zip(self.tables, self.rows, strict=True)]

    @property
    def index(self) -> list[pd.Index]:
        """How the rows are called."""
        return [table.index[rows] for table, rows in zip(self.tables, self.rows, strict=True)]


def read(source: str, verbatim: Sequence[str] = ()) -> pd.DataFrame:
    """The table; an error where it is empty or not one. Columns read verbatim are text as it is written: "NA" and "None" are
    words, 007 is another name than 7. The first of them, of labels, holds numbers where its text says no more than they do.
    """
    table = parquet.read(source) if source.lower().endswith(".parquet") else _csv(source, verbatim)
    if len(table) < 3 or table.shape[1] < 2:
        raise ArgumentError(
            "data", f"{source}: {len(table)} rows, {table.shape[1]} columns", "give labels and features"
        )
    return table


def _csv(source: str, verbatim: Sequence[str]) -> pd.DataFrame:
    with regular("data", source) as file, reading("data", source):
        tabular("data", source, file)
        how = dialect(file)  # and not in pieces, in which a column may be numbers in one and words in another
        table: pd.DataFrame = pd.read_csv(file, low_memory=False, sep=how.sep, decimal=how.decimal)
        if table.index.nlevels > 1:
            raise ArgumentError("data", source, "its rows have more cells than its first line has names of columns")
        named = [name for name in table.columns if name in verbatim]
        if named:
            file.seek(0)
            words: Any = {"dtype": str, "keep_default_na": False, "na_values": [""], "sep": how.sep}
            text = pd.read_csv(file, usecols=named, **words)
            kept = [name for name in named if name != verbatim[0] or not _numbers(table[name], text[name])]
            table[kept] = text[kept]
    return table


def _numbers(column: pd.Series, text: pd.Series) -> bool:
    """Whether pandas found numbers, and whole ones are as they are written: of 01 and 3e3 they would be other names."""
    if column.dtype.kind not in "fib" or column.isna().all():
        return False
    if column.dtype.kind == "b" or not (column % 1 == 0).all():  # pandas takes the class "NA" for a missing number
        return True
    return bool((text.str.strip().str.replace(r"\.0*$", "", regex=True) == column.map("{:.0f}".format)).all())


def column(source: str, table: pd.DataFrame, argument: str, name: Any) -> Any:
    """The column of that name; an error lists those that are there."""
    if name in table.columns:
        return name
    shown = ", ".join(map(str, table.columns[:12])) + (", ..." if table.shape[1] > 12 else "")
    raise ArgumentError(argument, str(name), f"{Path(source).name} has the columns {shown}")


def present(argument: str, file: str, values: pd.Series, more: str = "") -> None:
    """Refuse a column with empty cells, by their rows in the file (the first below the header is 1)."""
    rows = np.flatnonzero(values.isna()) + 1
    if rows.size:
        shown = ", ".join(map(str, rows[:5])) + (", ..." if rows.size > 5 else "")
        got = f"{rows.size} empty cells in column {values.name} of {Path(file).name} (rows below the header: {shown})"
        raise ArgumentError(argument, got, f"fill them, or drop those rows{more}")


def complete(file: str, table: pd.DataFrame, like: pd.DataFrame | None = None, *, gaps: bool = False) -> None:
    """Refuse numbers that are missing or infinite and words that are missing, by their row in the file (the first below
    the header is 1), lists, and words where another file has numbers. ``gaps``: what is missing may be.
    """
    kinds = [kind.kind for kind in table.dtypes]  # not select_dtypes, which takes long where there are many columns
    numbers = [place for place, kind in enumerate(kinds) if kind in "fiu"]
    values = _only(table, numbers).to_numpy(float, na_value=np.nan)
    bad = unusable(values) & ~(np.isnan(values) if gaps else np.False_)
    if bad.any():
        row, place = np.argwhere(bad)[0]
        where = f"row {row + 1} below the header, column {table.columns[numbers[place]]}"
        got = f"{not_finite(int(bad.sum()))} in {Path(file).name} (first in {where})"
        raise ArgumentError("data", got, "drop or fill them first, or give --missing median, drop or as-is")
    for kind, (name, column) in zip(kinds, table.items(), strict=True):
        if kind in "fiu":
            continue
        if column.dtype == object and column.map(pd.api.types.is_list_like).any():
            got = f"lists in column {name} of {Path(file).name}"
            raise ArgumentError("data", got, "give each of their numbers a column, or save arrays in an .npz")
        if column.array.isna().any() and not gaps:
            present("data", file, column, "; NA and None in a .csv are empty too, so write another word for nothing")
    for name, kind, wanted in [] if like is None else zip(table.columns, kinds, like.dtypes, strict=True):
        if wanted.kind in "fiu" and kind not in "fiub":
            raise ArgumentError("test", f"words in column {name} of {file}", "it holds numbers in the training file")


def _only(table: pd.DataFrame, places: list[int]) -> pd.DataFrame:
    """Some columns, or the table itself where they are all."""
    return table if len(places) == table.shape[1] else table.iloc[:, places]


def features(table: pd.DataFrame, order: NDArray[np.int64], n: int) -> tuple[Any, Any, tuple[str, ...]]:
    """The rows in this order, the first n of them to train on, as float32 on their scale; and what was done to words."""
    numbers = [place for place, kind in enumerate(table.dtypes) if kind.kind in "fiub"]
    coded = [(name, *kinds_of(values)) for name, values in table.items() if values.dtype.kind not in "fiub"]
    many = [str(name) for name, code, count in coded if count > KINDS and len(np.unique(code[order[:n]])) > KINDS]
    if many:
        raise ArgumentError(
            "data",
            f"words in {shortened(', '.join(many))}",
            f"more than {KINDS} kinds: drop the column, encode it, or name it by --id or --text",
        )
    width = len(numbers) + sum(count for *_, count in coded)
    within(
        "data", f"{len(order):,} rows, {width:,} columns with one a kind of words", VALUE * len(order) * width, FEWER
    )
    values = np.empty((width, len(order)))  # a row here is a column of the table
    values[: len(numbers)] = _only(table, numbers).to_numpy(float).T[:, order]
    filled = len(numbers)
    for _, code, count in coded:
        values[filled : filled + count] = code[order] == np.arange(count)[:, None]
        filled += count
    top = values.T[:n]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of columns that are empty in all training rows
        mean, deviation = (np.nanmean, np.nanstd) if np.isnan(values).any() else (np.mean, np.std)
        center, spread = mean(top, 0)[:, None], deviation(top, 0)[:, None]
    values -= center
    values /= np.where(spread > 0, spread, 1)
    scaled = values.astype(np.float32).T
    notes = ["numbers are scaled to mean 0 and standard deviation 1 over the training rows"]
    if coded:
        notes.append(f"one column a kind of {shortened(', '.join(str(name) for name, *_ in coded))}")
    return scaled[:n], scaled[n:], tuple(notes)


def kinds_of(words: pd.Series) -> tuple[NDArray[Any], int]:
    """Each value as the number of its kind, in order of the kinds if they have one, and how many there are."""
    if isinstance(words.dtype, pd.CategoricalDtype):
        return words.cat.codes.to_numpy(), len(words.cat.categories)
    values = words.to_numpy(object)
    try:
        code, kinds = pd.factorize(values, sort=True)
    except TypeError:  # of dates in one file and words in the other none comes first
        code, kinds = pd.factorize(values)
    return code, len(kinds)
