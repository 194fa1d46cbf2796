"""Your table, .csv or .parquet: a column of labels, the others features; ``--id`` names rows, ``--text`` a column of text.

Numbers are put on one scale (mean 0, standard deviation 1 over the training rows), because most learners compare columns;
words of at most 32 kinds become one column a kind. The test rows are another file's (``--test``), or a share drawn at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from empirical.data.data import Data
from empirical.data.dataset import Dataset, encoded, split, unusable
from longtail.core import ArgumentError

KINDS = 32
TEST_FRACTION = 0.2


def load(source: str, options: dict[str, Any]) -> Dataset:
    """``label`` names the column of labels; "label" unless told."""
    from empirical.data.load import refuse, refuse_share

    refuse(options, "label", "id", "text", "test", "test_fraction")
    named = options.get("label", "label")
    verbatim = [named, *(options[name] for name in ("id", "text") if name in options)]
    table = read(source, verbatim)
    label = column(source, table, "label", named)
    if options.get("text") == label:
        raise ArgumentError("text", label, "it is the column of labels; name one of text")
    if "test" in options:
        refuse_share(options, str(options["test"]))
        other = read(str(options["test"]), verbatim)
        missing = [c for c in table.columns if c not in other.columns]
        if missing:
            raise ArgumentError("test", str(options["test"]), f"it lacks the columns {', '.join(map(str, missing))}")
        parts = (table, other[table.columns])
    else:
        train, test = split(len(table), float(options.get("test_fraction", TEST_FRACTION)), int(options.get("seed", 0)))
        parts = (table.iloc[train], table.iloc[test])
    y, z, classes = encoded(f"label column {label}", parts[0][label].to_numpy(), parts[1][label].to_numpy())
    dropped = [label]
    if "id" in options:
        key = column(source, table, "id", options["id"])
        present("id", source, table[key])
        if "test" in options:
            present("id", str(options["test"]), parts[1][key])
        names = [tuple(part[key].tolist()) for part in parts]
        dropped.append(key)
    else:
        names = [tuple(part.index.tolist()) for part in parts]  # the row in the file
    if "text" in options:
        from empirical.data.sources.text import tfidf

        words = column(source, table, "text", options["text"])
        x, x_test = tfidf(*([str(v) for v in part[words].astype(object).fillna("")] for part in parts))
        notes: tuple[str, ...] = (f"{x.shape[1]} words of {words} by TF-IDF; other columns are left out",)
    else:
        inputs = [part.drop(columns=dropped) for part in (*parts, table)]
        complete(source, inputs[2])
        if "test" in options:
            complete(str(options["test"]), inputs[1], inputs[0])
        x, x_test, notes = features(inputs[0], inputs[1])
    return Dataset(Path(source).name, Data(x, y, x_test, z, classes), names[0], names[1], notes)


def read(source: str, verbatim: Sequence[str] = ()) -> pd.DataFrame:
    """The table; an error where it is empty or not one. Columns read verbatim are text as it is written: "NA" and "None" are
    words, 007 is another name than 7. The first of them, of labels, holds numbers where its text says no more than they do.
    """
    try:
        table = pd.read_parquet(source) if source.lower().endswith(".parquet") else _csv(source, verbatim)
    except ImportError as error:
        raise ArgumentError("data", source, "reading .parquet needs pyarrow: pip install pyarrow") from error
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise ArgumentError("data", source, f"cannot be read ({str(error).splitlines()[0]})") from error
    if len(table) < 3 or table.shape[1] < 2:
        raise ArgumentError(
            "data", f"{source}: {len(table)} rows, {table.shape[1]} columns", "give labels and features"
        )
    return table


def _csv(source: str, verbatim: Sequence[str]) -> pd.DataFrame:
    table = pd.read_csv(source)
    named = [name for name in table.columns if name in verbatim]
    if named:
        text = pd.read_csv(source, usecols=named, dtype=str, keep_default_na=False, na_values=[""])
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


def complete(file: str, table: pd.DataFrame, like: pd.DataFrame | None = None) -> None:
    """Refuse numbers that are missing or infinite and words that are missing, by their row in the file (the first below
    the header is 1), lists, and words where another file has numbers.
    """
    numbers = table.select_dtypes("number")
    bad = unusable(numbers.to_numpy(float, na_value=np.nan))
    if bad.any():
        row, place = np.argwhere(bad)[0]
        where = f"row {row + 1} below the header, column {numbers.columns[place]}"
        got = f"{int(bad.sum())} values that are NaN or infinite in {Path(file).name} (first in {where})"
        raise ArgumentError("data", got, "drop or fill them first")
    for name in table.columns.difference(numbers.columns, sort=False):
        if table[name].map(pd.api.types.is_list_like).any():
            got = f"lists in column {name} of {Path(file).name}"
            raise ArgumentError("data", got, "give each of their numbers a column, or save arrays in an .npz")
        present("data", file, table[name], "; NA and None in a .csv are empty too, so write another word for nothing")
    for name in [] if like is None else like.select_dtypes("number").columns:
        if table[name].dtype.kind not in "fiub":
            raise ArgumentError("test", f"words in column {name} of {file}", "it holds numbers in the training file")


def features(train: pd.DataFrame, test: pd.DataFrame) -> tuple[Any, Any, tuple[str, ...]]:
    """Both parts as float32 on the training rows' scale, and what was done to words."""
    words = [c for c in train.columns if train[c].dtype.kind not in "fiub"]
    many = [str(c) for c in words if train[c].nunique() > KINDS]
    if many:
        raise ArgumentError(
            "data",
            f"words in {', '.join(many)}",
            f"more than {KINDS} kinds: drop the column, encode it, or name it by --id or --text",
        )
    both = pd.get_dummies(pd.concat([train, test]), columns=words, dtype=float) if words else pd.concat([train, test])
    values = both.to_numpy(float)
    top = values[: len(train)]
    spread = top.std(0)
    scaled = ((values - top.mean(0)) / np.where(spread > 0, spread, 1)).astype(np.float32)
    notes = ["numbers are scaled to mean 0 and standard deviation 1 over the training rows"]
    if words:
        notes.append(f"one column a kind of {', '.join(map(str, words))}")
    return scaled[: len(train)], scaled[len(train) :], tuple(notes)
