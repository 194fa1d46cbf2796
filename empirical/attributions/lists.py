"""Scores in a Parquet file of lists: a row a training example, in it a score for each test example (``estimate --matrix``).

The footer is read first: how many numbers it promises has to fit into memory. Rows are then taken a few at a time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from longtail.core import ArgumentError
from longtail.core.opened import reading, regular, within

NAMES = ("influence", "scores")
ORDER = "train_index"
BATCH = 256  # rows taken at a time
REMEDY = "give a column influence or scores of lists of numbers, all of one length"
# of an array's shape the columns that are wanted; None: all
Picked = Callable[[tuple[int, ...]], NDArray[np.int64] | None]


def read(source: str, picked: Picked = lambda shape: None) -> NDArray[np.float32]:
    """The scores, or the ``picked`` columns of them.

    >>> import tempfile
    >>> import pyarrow
    >>> from pyarrow import parquet
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     parquet.write_table(pyarrow.table({"scores": [[0.5, 0.0], [0.0, 0.25]]}), f"{folder}/s.parquet")
    ...     read(f"{folder}/s.parquet").tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    try:
        from pyarrow import parquet, types
    except ImportError as error:
        remedy = "reading it needs the extra parquet: pip install 'longtail[parquet]'"
        raise ArgumentError("scores", source, remedy) from error
    with regular("scores", source) as file, reading("scores", source, REMEDY):
        opened = parquet.ParquetFile(file)
        footer, held = opened.metadata, {field.name: field.type for field in opened.schema_arrow}
        lists = [
            name
            for name, kind in held.items()
            if (types.is_list(kind) or types.is_fixed_size_list(kind))
            and (types.is_floating(kind.value_type) or types.is_integer(kind.value_type))
        ]
        name = next((name for name in NAMES if name in lists), lists[0] if len(lists) == 1 else "")
        rows = footer.num_rows
        groups = [footer.row_group(k) for k in range(footer.num_row_groups)]
        values = sum(
            group.column(at).num_values
            for group in groups
            for at in range(group.num_columns)
            if name and group.column(at).path_in_schema.partition(".")[0] == name
        )
        width = values // max(rows, 1)
        if not name or rows < 1 or width < 1 or values != rows * width:
            raise ValueError(f"its columns are {', '.join(held)}, of {values} numbers in {rows} lists")
        columns = picked((rows, width))
        kept = width if columns is None else len(columns)
        within("scores", source, 9 * rows * kept + 64 * BATCH * width, "give fewer scores, or --tests")
        out, at = np.empty((rows, kept), np.float32), 0
        for batch in opened.iter_batches(BATCH, columns=[name, *(one for one in (ORDER,) if one in held)]):
            batch.validate(full=True)
            piece = batch.column(0)
            numbers = piece.flatten()
            if piece.null_count or numbers.null_count or len(numbers) != len(piece) * width:
                raise ValueError(f"lists of {name} are of several lengths, or empty")
            if ORDER in held and batch.column(1).to_pylist() != list(range(at, at + len(piece))):
                raise ValueError(f"{ORDER} is not 0, 1, 2, ...")
            block = numbers.to_numpy(zero_copy_only=False).reshape(len(piece), width)
            out[at : at + len(piece)] = block if columns is None else block[:, columns]
            at += len(piece)
        if at != rows:
            raise ValueError(f"it has {at} rows where its footer promises {rows}")
    return out
