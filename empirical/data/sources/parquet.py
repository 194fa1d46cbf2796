"""Tables in .parquet, whose footer says how many values they hold, before any is unpacked.

Values may be stored once and pointed to (a dictionary), so that a file of kilobytes is a table of gigabytes: the footer counts
numbers, but how long text will be is known only from the dictionaries. They are looked through where it could matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from longtail.core import ArgumentError
from longtail.core.opened import CELL, COLUMN, available, reading, regular, within

if TYPE_CHECKING:
    import pandas as pd

COPIES = 4  # of text, in Arrow's columns, pandas' and Python's strings
FEWER = "leave out rows or columns, or save numbers in an .npz"


def read(source: str) -> pd.DataFrame:
    """The whole table, all text in it checked to be UTF-8."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ArgumentError("data", source, "reading .parquet needs pyarrow: pip install pyarrow") from error
    with regular("data", source) as file, reading("data", source):
        opened = parquet.ParquetFile(file)
        held, text = needs(opened)
        if held + text > available():  # at worst, were every text the longest
            text = COPIES * written(file, opened) if held <= available() else 0
        footer = opened.metadata
        shape = f"{source} ({footer.num_rows:,} rows, {footer.num_columns:,} columns)"
        within("data", shape, held + text, FEWER)
        table = opened.read()
        table.validate(full=True)
        frame: pd.DataFrame = table.to_pandas()
    return frame


def needs(opened: Any) -> tuple[int, int]:
    """Bytes of memory by what the footer says: for all but text, and for text at the most."""
    footer = opened.metadata
    held = COLUMN * footer.num_columns + CELL * max(footer.num_rows, 0) * footer.num_columns
    text = 0
    for place, column in _columns(opened):
        width = max(opened.schema.column(place).length, 0) if column.physical_type == "FIXED_LEN_BYTE_ARRAY" else 0
        count, packed = max(column.num_values, 0), max(column.total_uncompressed_size, 0)
        held += (CELL + COPIES * width) * count + 2 * packed
        text += COPIES * count * packed if column.physical_type == "BYTE_ARRAY" else 0
    return held, text


def _columns(opened: Any) -> Iterator[tuple[int, Any]]:
    """Every column of every group of rows."""
    footer = opened.metadata
    for group in range(footer.num_row_groups):
        rows = footer.row_group(group)
        for place in range(rows.num_columns):
            yield place, rows.column(place)


def written(file: BinaryIO, opened: Any) -> int:
    """Bytes of all text, each as often as it stands in the table, from the dictionaries and how often they are pointed to."""
    import pyarrow
    from pyarrow import compute, parquet

    names = opened.schema_arrow.names
    if opened.metadata.num_columns != len(names):
        raise ValueError("lists or records of text, which may be of any length")
    places = {p for p, column in _columns(opened) if column.physical_type == "BYTE_ARRAY"}
    total = 0
    coded = parquet.ParquetFile(file, read_dictionary=[names[p] for p in places])
    for group in range(coded.metadata.num_row_groups):
        for column in coded.read_row_group(group, columns=[names[p] for p in places]).columns:
            for chunk in column.chunks:
                if not pyarrow.types.is_dictionary(chunk.type):
                    total += chunk.nbytes
                    continue
                lengths = compute.binary_length(chunk.dictionary).fill_null(0).to_numpy(zero_copy_only=False)
                times = np.bincount(chunk.indices.drop_null().to_numpy(), minlength=len(lengths))
                total += int(times @ lengths.astype(np.int64))
    return total
