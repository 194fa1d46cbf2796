"""The GPU's half of ``pairs``: ``pairs.cu``, compiled by NVRTC through CuPy at first use; the same hits in the same order.

A block of 256 threads takes 64 × 64 pairs, a thread 4 × 4 of them; 12 words of either side lie in shared memory. Three
words go through a full adder, so that 2 population counts serve 3 words. What passes the threshold takes a place in a
buffer by an atomic counter; where more pass than the buffer holds, the count says so and the part is done again in
halves. Keys are (block of 64 tests, row, lane), so that sorted hits are in the CPU's order.

On paper, not measured, n = 60,000, q = 10,000, t = 4,000 on an H200 (132 SMs at 1.8 GHz; a clock of an SM does 16
32-bit population counts, 64 logical operations): n q t/32 = 7.5 × 10^10 words, two thirds of them counted are 13 ms, and
8/3 logical operations and 4/3 additions a word 13 to 20 ms beside them. The same product at 16 bit is 4.8 PFLOP, 4.9 ms
at the peak of 989 TFLOP/s and 8 to 12 ms at what products reach, .6 GB of masks unpacked and 2.4 GB of sums written and
read at 4.8 TB/s 1.2 ms more. So the product gains a factor of 2 at most for pairs of any two classes; of one class of
ten, as published, either is 2 ms, less than the 35 MB of bits take to arrive. Bits were taken: nothing dense is held,
sums are whole numbers at any t, and the very text below runs under test without a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import numpy as np

from empirical.data.bits import Words
from empirical.estimates.pairs.pairs_cpu import LANES

SIDE = 16  # threads to a side of a tile
EACH: Final = 4  # rows, and columns, to a thread
CHUNK: Final = 12  # words in shared memory at a time: whole threes
ROOM = 2**22  # hits in the buffer
MOST = 2**30  # tiles a launch

Found = tuple[Any, Any, Any]


def source() -> str:
    """The CUDA text; the tests run it with a smaller side, too."""
    numbers = {"SIDE": SIDE, "EACH": EACH, "TILE": SIDE * EACH, "CHUNK": CHUNK, "LANES": f"{LANES}ULL"}
    defined = "".join(f"#define {name} {value}\n" for name, value in numbers.items())
    return defined + (files("empirical.estimates.pairs") / "pairs.cu").read_text(encoding="utf-8")


@lru_cache(maxsize=8)
def kernel(device: int) -> Any:
    """The compiled kernel."""
    import cupy

    with cupy.cuda.Device(device):
        return cupy.RawModule(code=source(), options=("--std=c++14",)).get_function("hits")


def hits(masks: Words, correct: Words, trials: int, threshold: float) -> Iterator[Found]:
    """Row, column and in_sum of the pairs at or above the threshold, at most ``ROOM`` (64 or more) at a time."""
    import cupy

    n, q = len(masks), len(correct)
    a, b = cupy.asarray(masks), cupy.asarray(correct)
    inside, totals = (cupy.asarray(np.bitwise_count(v).sum(1, dtype=np.uint32)) for v in (masks, correct))
    room = min(ROOM, n * q)
    key, count = cupy.empty(room, cupy.uint64), cupy.empty(room, cupy.uint32)
    whole, run = cupy.uint64, kernel(cupy.cuda.Device().id)
    waiting = [(0, n, 0, q)] if n and q else []
    while waiting:
        part = waiting.pop()
        first_row, last_row, first_column, last_column = part
        tiles = -(-(last_row - first_row) // (SIDE * EACH)) * -(-(last_column - first_column) // (SIDE * EACH))
        if tiles > MOST:
            waiting += reversed(halved(*part))
            continue
        found = cupy.zeros(1, cupy.uint64)
        bounds = (*(whole(v) for v in part), whole(trials), cupy.float64(threshold), whole(room))
        run((tiles,), (SIDE * SIDE,), (a, b, whole(masks.shape[1]), inside, totals, *bounds, key, count, found))
        total = int(found.get()[0])
        if total > room:
            waiting += reversed(halved(*part))
        elif total:
            order = cupy.argsort(key[:total])
            yield located(key[:total][order].get(), count[:total][order].get())


def located(key: Words, count: Any) -> Found:
    """Sorted keys as rows and columns."""
    row = (key >> np.uint64(6)) & np.uint64(2**32 - 1)
    column = (key >> np.uint64(38)) * np.uint64(LANES) + key % np.uint64(LANES)
    return row.astype(np.int64), column.astype(np.int64), count.astype(np.int64)


def halved(
    first_row: int, last_row: int, first_column: int, last_column: int
) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Two parts that follow one another in the CPU's order: whole blocks of columns, then rows of one block."""
    blocks = -(-(last_column - first_column) // LANES)
    if blocks > 1:
        middle = first_column + blocks // 2 * LANES
        return (first_row, last_row, first_column, middle), (first_row, last_row, middle, last_column)
    middle = (first_row + last_row) // 2
    return (first_row, middle, first_column, last_column), (middle, last_row, first_column, last_column)
