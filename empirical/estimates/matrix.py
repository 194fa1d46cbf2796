"""The influence of every training example on every test example, (n, q), written block by block: a zarr array or a Parquet file.

    infl_ij = mean(score on j | i in) − mean(score on j | i out)        float32; NaN where i was in all trials, or in none

(Feldman & Zhang, arXiv 2008.03703). No more is held at a time than a block of training examples for each thread, beside the
trials. What is written is the same to the bit whatever the memory and the number of threads, and there whole or not at all.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.bits import Words
from empirical.estimates.pairs import pairs as kernel
from empirical.training.columns import Bits
from empirical.training.trials import Trials
from longtail.core import ArgumentError, whole
from longtail.core.files import json_text, path_of, whole_file
from longtail.core.opened import size

ROWS, COLUMNS = 512, 1024  # of a chunk of zarr
TILE = 128  # training examples whose influences are found at a time; a row group of Parquet
STEP = 1024  # trials whose scores that are no bits are added at a time
PER_CELL = 56  # bytes of a cell while it is found: counts, and parts of the formula
WRITING = 2**24  # bytes for compressing and handing on
SUFFIXES = (".zarr", ".parquet")
Floats32 = NDArray[np.float32]
Sums = Callable[[slice, slice], NDArray[Any]]


def checked(path: str | Path, argument: str = "matrix") -> Path:
    """A path that a matrix can be written to, by a library that is there.

    >>> checked("influence.csv")
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: matrix: got influence.csv; call it NAME.zarr or NAME.parquet
    """
    target = path_of(argument, path)
    if target.suffix not in SUFFIXES:
        raise ArgumentError(argument, str(path), "call it NAME.zarr or NAME.parquet")
    try:
        import_module("zarr" if target.suffix == ".zarr" else "pyarrow.parquet")
    except ImportError as error:
        extra = target.suffix[1:]
        raise ArgumentError(
            argument, str(path), f"it needs the extra {extra}: pip install 'longtail[{extra}]'"
        ) from error
    if not target.absolute().parent.is_dir():
        raise ArgumentError(argument, str(path), f"there is no folder {target.parent}")
    if target.suffix == ".zarr" and target.exists() and not (target / "zarr.json").is_file():
        raise ArgumentError(argument, str(path), "it is there and no zarr array: give another name")
    if target.suffix == ".parquet" and target.is_dir():
        raise ArgumentError(argument, str(path), "it is a folder: give another name")
    return target


def needed(models: int, n_test: int, *, workers: int = 1, score: str = "correct") -> int:
    """Bytes that are held beside the trials.

    >>> needed(2_000, 10_000) < 100e6
    True
    """
    words = -(-models // 64)
    held = n_test * 24 * words if score == "correct" else 0
    sums = ROWS * words * 96 if score == "correct" else STEP * (TILE + COLUMNS) * 16 + ROWS * models
    return held + WRITING + 2 * ROWS * n_test * 4 + workers * (ROWS * n_test * 4 + TILE * COLUMNS * PER_CELL + sums)


def enough(memory: float, models: int, n_test: int, *, workers: int = 1, score: str = "correct") -> None:
    """Refuse a ``memory`` in which the matrix cannot be found.

    >>> enough(1e6, 2_000, 10_000)
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: memory: got 1 MB, where the matrix of 10,000 test examples needs ... or more
    """
    least = needed(models, n_test, workers=workers, score=score)
    if memory < least:
        got = f"{size(memory)}, where the matrix of {n_test:,} test examples needs {size(least)}"
        raise ArgumentError("memory", got, f"give {size(1.05 * least).replace(' ', '')} or more")


def write(
    path: str | Path, trials: Trials, *, memory: float, workers: int = 1, told: Mapping[str, Any] | None = None
) -> Path:
    """The matrix at ``path``, NAME.zarr or NAME.parquet, with what is ``told`` of it.

    >>> masks = np.arange(8)[:, None] // [1, 2, 4] % 2 == 0  # eight models of three examples
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write(f"{folder}/influence.parquet", Trials.of(masks, masks, masks[:, :1]), memory=1e9)
    ...     path.name, path.is_file()
    ('influence.parquet', True)
    """
    target = checked(path)
    if not trials.n_test:
        raise ArgumentError("matrix", str(path), "there are no test examples whom training examples may influence")
    enough(memory, trials.count, trials.n_test, workers=whole("workers", workers), score=trials.score)
    about = {"models": trials.count, "score": trials.score, **(told or {})}
    with (_zarr if target.suffix == ".zarr" else _parquet)(target, trials.n, trials.n_test, about) as put:
        for start, block in blocks(trials, workers):
            put(start, block)
    return target


def blocks(trials: Trials, workers: int = 1) -> Iterator[tuple[int, Floats32]]:
    """Rows of the matrix, ``ROWS`` at a time, with the number of the first: as many blocks at once as there are ``workers``.

    >>> masks = np.arange(8)[:, None] // [1, 2, 4] % 2 == 0
    >>> [(start, rows.tolist()) for start, rows in blocks(Trials.of(masks, masks, masks[:, :1]))]
    [(0, [[1.0], [0.0], [0.0]])]
    """
    rows_of = _of_bits(trials) if trials.score == "correct" else _of_numbers(trials)
    with ThreadPoolExecutor(workers) as pool:  # the kernels leave the interpreter's lock
        waiting: deque[tuple[int, Future[Floats32]]] = deque()
        try:
            for start in range(0, trials.n, ROWS):
                if len(waiting) == workers:
                    first, done = waiting.popleft()
                    yield first, done.result()
                waiting.append((start, pool.submit(rows_of, slice(start, min(start + ROWS, trials.n)))))
            while waiting:
                first, done = waiting.popleft()
                yield first, done.result()
        finally:
            for _, future in waiting:
                future.cancel()


@dataclass(frozen=True)
class Tested:
    """Some test examples: which, their bits as the kernel has them, and the sums of their scores over all trials.

    >>> Tested(slice(0, 2), np.zeros((1, 1, 8), np.uint64), np.array([3, 5])).totals.tolist()
    [3, 5]
    """

    columns: slice
    lanes: Words
    totals: NDArray[np.int64]


def _of_bits(trials: Trials) -> Callable[[slice], Floats32]:
    from empirical.estimates.pairs import pairs_cpu

    bits, q = Bits.of(trials), trials.n_test
    tests = []
    for at in range(0, q, COLUMNS):
        some = bits.right[at : at + COLUMNS]
        totals = np.bitwise_count(some).sum(1, dtype=np.int64)
        tests.append(Tested(slice(at, at + len(some)), kernel.lanes(some), totals))

    def rows_of(rows: slice) -> Floats32:
        masks = bits.inside(rows)
        n_in = np.bitwise_count(masks).sum(1, dtype=np.int64)
        out = np.empty((len(masks), q), np.float32)
        for at in range(0, len(masks), TILE):
            some = kernel.padded(masks[at : at + TILE])
            count = min(TILE, len(masks) - at)
            for one in tests:
                sums = np.empty((len(some), one.lanes.shape[0] * one.lanes.shape[2]), np.int32)
                pairs_cpu.counts(some, one.lanes, sums)
                inside, found = n_in[at : at + count, None], sums[:count, : len(one.totals)]
                out[at : at + count, one.columns] = kernel.influence(found, inside, one.totals, trials.count)
        return out

    return rows_of


def _of_numbers(trials: Trials) -> Callable[[slice], Floats32]:
    q, totals = trials.n_test, np.asarray(trials.test_scores().sum(0, dtype=float))

    def rows_of(rows: slice) -> Floats32:
        masks = trials.masks_columns(rows)
        n_in = masks.sum(0, dtype=np.int64)
        out = np.empty((rows.stop - rows.start, q), np.float32)
        for at in range(0, masks.shape[1], TILE):
            count = min(TILE, masks.shape[1] - at)
            for column in range(0, q, COLUMNS):
                columns = slice(column, min(column + COLUMNS, q))
                sums = np.zeros((count, columns.stop - column))
                for first in range(0, trials.count, STEP):
                    some = slice(first, first + STEP)
                    sums += masks[some, at : at + count].T.astype(float) @ trials.test[some, columns].astype(float)
                value = kernel.influence(sums, n_in[at : at + count, None], totals[columns], trials.count)
                out[at : at + count, columns] = trials.sign * value
        return out

    return rows_of


@contextmanager
def _zarr(path: Path, n: int, q: int, told: Mapping[str, Any]) -> Iterator[Callable[[int, Floats32], None]]:
    """A folder beside ``path`` that becomes it when all is written; what was there goes then."""
    import zarr

    made = Path(tempfile.mkdtemp(dir=path.absolute().parent, prefix=f".{path.name}."))
    try:
        array: Any = zarr.create_array(
            str(made / "new"),
            shape=(n, q),
            chunks=(min(ROWS, n), min(COLUMNS, q)),
            dtype="float32",
            fill_value=np.nan,  # of a chunk that is lost: it is no influence of 0
            dimension_names=("train", "test"),
            attributes=dict(told),
            zarr_format=3,
        )

        def put(start: int, block: Floats32) -> None:
            array[start : start + len(block)] = block

        yield put
        if path.exists():
            path.rename(made / "old")
        (made / "new").rename(path)
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _parquet(path: Path, n: int, q: int, told: Mapping[str, Any]) -> Iterator[Callable[[int, Floats32], None]]:
    """A row a training example: its index, and a list of its q influences."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [("train_index", pa.int64()), ("influence", pa.list_(pa.float32(), q))]
    schema = pa.schema(columns, {"longtail": json_text(dict(told))})
    how: dict[str, Any] = {"compression": "zstd", "use_dictionary": False}
    with whole_file(path) as temporary, pq.ParquetWriter(temporary, schema, **how) as file:

        def put(start: int, block: Floats32) -> None:
            values = pa.FixedSizeListArray.from_arrays(pa.array(block.reshape(-1)), q)
            index = pa.array(np.arange(start, start + len(block)))
            file.write_table(pa.Table.from_arrays([index, values], schema=schema), row_group_size=TILE)

        yield put
