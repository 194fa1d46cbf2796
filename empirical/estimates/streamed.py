"""Pairs streamed to a Parquet file, found in blocks, in no more than a given memory (``pairs.blocks``).

The rows are those of ``influence_pairs``, with the same values to the bit, in the order of training and test example; the file is
the same, byte for byte, whatever the memory and the number of threads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from empirical.estimates.cells import Cells
from empirical.estimates.influence import possible
from empirical.estimates.memorization import LEVEL
from empirical.estimates.pairing import Pairing
from empirical.estimates.pairs.blocks import Part, Room, Search
from empirical.training.columns import Bits, only_bits
from longtail.core import ArgumentError, Integers, whole
from longtail.core.files import whole_file
from longtail.core.opened import available

GROUP = 2**17  # pairs a row group of the file
SHARE = 3  # of the free memory one part in so many is taken, if nothing is said
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
Frames = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Written:
    """How many pairs are in the file, and the ``largest`` of them, the most influential first.

    >>> Written(3, pd.DataFrame({"influence": [0.9, 0.4]})).largest["influence"].tolist()  # of three pairs two were kept
    [0.9, 0.4]
    """

    pairs: int
    largest: pd.DataFrame


def memory(asked: str | float | None = None, argument: str = "memory") -> float:
    """Bytes: of "2G" or "500M", or a third of what is free.

    >>> memory("2G"), memory("500 MB")
    (2000000000.0, 500000000.0)
    """
    if asked is None or asked == "":
        return available() / SHARE
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]*)?)\s*([kMGT]?)(?:i?B)?\s*", str(asked))
    if found is None or not float(found[1]):
        raise ArgumentError(argument, asked, "give bytes, as 2G or 500M")
    return float(found[1]) * UNITS[found[2]]


def room(
    memory: float,
    models: int,
    n_test: int,
    *,
    workers: int = 1,
    score: str = "correct",
    iid: bool = True,
    beside: int = 0,
) -> Room:
    """What a block may have in so many bytes, of which some are for what is held ``beside`` it; an ArgumentError where they are
    too few, or where pairs are found in no blocks.

    >>> room(1e9, models=2000, n_test=10_000).rows
    131072
    """
    only_bits(score)
    if not iid:
        remedy = "errors under it are read off all trials at once: leave memory out, or take another design"
        raise ArgumentError("memory", "an orthogonal design", remedy)
    return Room.within(memory, -(-models // 64), n_test, whole("workers", workers), beside)


def parquet(argument: str, got: str) -> None:
    """Refuse where there is no writer of Parquet files.

    >>> parquet("out", "pairs.parquet")  # silent where pyarrow is there
    """
    try:
        import_module("pyarrow.parquet")
    except ImportError as error:
        raise ArgumentError(argument, got, "Parquet needs pyarrow: pip install 'longtail[parquet]'") from error


def raised(found: Written, threshold: float, most: int) -> float:
    """The least threshold, that or above, at which there are no more than ``most`` pairs; ``most`` + 1 were kept.

    >>> found = Written(3, pd.DataFrame({"influence": [0.9, 0.4, 0.2]}))
    >>> raised(found, 0.1, most=3), raised(found, 0.1, most=1) > 0.4
    (0.1, True)
    """
    if found.pairs <= most:
        return threshold
    return float(np.nextafter(found.largest["influence"].to_numpy()[most], np.inf))


def _frames(
    bits: Bits, pairing: Pairing, room: Room, *, workers: int = 1, level: float = LEVEL
) -> Iterator[pd.DataFrame]:
    """The pairs that count, at most ``GROUP`` a frame: the columns of ``influence_pairs``."""
    classes = pairing.classes(bits.n, bits.n_test)
    search = Search(bits.inside, bits.right, bits.n, bits.count, classes, pairing.kept)
    totals = np.bitwise_count(bits.right).sum(1, dtype=np.int64)
    for part in search.parts(pairing.threshold, room, workers):
        for start in range(0, len(part), GROUP):
            yield _frame(bits.count, part, slice(start, start + GROUP), totals, pairing, level)


def _frame(trials: int, part: Part, some: slice, totals: Integers, pairing: Pairing, level: float) -> pd.DataFrame:
    train, test = part.train[some], part.test[some]
    cells = Cells.of_sums(trials, part.n_in[some], part.in_sum[some], totals[test])
    low, high = cells.interval(level)
    label = {} if pairing.y_test is None else {"label": np.asarray(pairing.y_test)[test]}
    found = {"influence": cells.value, "stderr": cells.stderr, "low": low, "high": high}
    return pd.DataFrame({"train_index": train, "test_index": test, **label, **found})


def write(
    path: Path,
    bits: Bits,
    pairing: Pairing,
    *,
    memory: float,
    workers: int = 1,
    named: Frames = lambda frame: frame,
    keep: int = 0,
) -> Written:
    """All pairs into ``path``, whole or not at all; ``named`` adds columns, or gives classes their names. The ``keep`` largest
    come back.

    >>> import tempfile
    >>> from empirical.training.trials import Trials
    >>> masks = np.random.default_rng(0).random((200, 5)) < 0.5
    >>> bits = Bits.of(Trials.of(masks, masks, masks[:, [3]]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = write(Path(folder) / "pairs.parquet", bits, Pairing(same_class=False, threshold=0.5), memory=2e8, keep=10)
    >>> found.pairs, found.largest[["train_index", "test_index"]].to_numpy().tolist()
    (1, [[3, 0]])
    """
    parquet("memory", str(path))
    import pyarrow as pa
    import pyarrow.parquet as pq

    possible(pairing.threshold, "correct")
    within = room(memory, bits.count, bits.n_test, workers=workers, iid=bits.design is None or bits.design.iid)
    first = named(_first(bits, pairing))
    schema = pa.Schema.from_pandas(first, preserve_index=False).remove_metadata()
    waiting: list[Any] = []
    top: list[pd.DataFrame] = []
    count = 0
    with whole_file(path) as temporary, pq.ParquetWriter(temporary, schema) as file:
        for frame in _frames(bits, pairing, within, workers=workers):
            told = named(frame)
            count += len(told)
            if keep and len(told):
                top.append(told)
                if sum(map(len, top)) > 2 * keep + GROUP:
                    top = [_largest(top, keep)]
            waiting.append(pa.Table.from_pandas(told, schema, preserve_index=False))
            waiting = _flush(file, waiting, GROUP)
        _flush(file, waiting, 1)
    return Written(count, _largest(top or [first.iloc[:0]], keep).reset_index(drop=True))


def _flush(file: Any, waiting: list[Any], least: int) -> list[Any]:
    """Write whole row groups of what is waiting, or all of it; what is left."""
    import pyarrow as pa

    if sum(table.num_rows for table in waiting) < least:
        return waiting
    table = pa.concat_tables(waiting)
    for start in range(0, table.num_rows, GROUP):
        if start + GROUP > table.num_rows and least > 1:
            return [table.slice(start).combine_chunks()]
        file.write_table(table.slice(start, GROUP), row_group_size=GROUP)
    return []


def _first(bits: Bits, pairing: Pairing) -> pd.DataFrame:
    """A frame of the first pair there is, found or not: by it the file knows its columns."""
    one = np.zeros(1, np.int64)
    return _frame(bits.count, Part(0, 1, one, one, one, one), slice(0, 1), one, pairing, LEVEL)


def _largest(frames: list[pd.DataFrame], keep: int) -> pd.DataFrame:
    """By influence, then by training and test example, as ``influence_pairs`` has them."""
    frame = pd.concat(frames) if len(frames) > 1 else frames[0]
    order = np.lexsort((frame["test_index"], frame["train_index"], -frame["influence"]))
    return frame.iloc[order[:keep]]
