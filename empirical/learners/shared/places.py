"""Where a model's numbers lie in memory, so that its last bits are a function of itself.

BLAS takes the rows of a product in groups (of twelve, Haswell's sgemm) and the last ones otherwise, so what a row rounds
to depends on where it stands, and on nothing that stands beside it: an element of A B is made of one row of A and one
column of B, by operations that the shapes and its own place decide. Hence two rules. A product is of one model alone; or
it is of ``MODELS``, always as many, and trial k has place k mod ``MODELS`` in it, whether others are there or not. Either
way shape, strides and place are functions of the trial, and so is its rounding. Some kernels also go by alignment, which
``aligned`` fixes: BLAS has no vectors longer than a cache line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Index = slice | NDArray[np.int64]
MODELS = 16  # models a product
LINE = 64  # bytes a cache line, and a vector: one that straddles two lines takes twice the time


def aligned(*shape: int, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Zeros that begin on a cache line."""
    kind = np.dtype(dtype)
    count = kind.itemsize * math.prod(shape)
    room = np.zeros(count + LINE, np.uint8)
    start = -room.ctypes.data % LINE
    return room[start : start + count].view(kind).reshape(shape)


def lined(values: NDArray[Any]) -> NDArray[Any]:
    """A copy that begins on a cache line, rows contiguous."""
    out = aligned(*values.shape, dtype=values.dtype)
    out[...] = values
    return out


def seated(trials: NDArray[np.int64], count: int = MODELS) -> Iterator[tuple[Index, Index]]:
    """Rounds of trials that want different places, k mod ``count``: their rows and those places, in order of place.

    Slices where the trials follow each other, as a run's do.

    >>> list(seated(np.arange(30, 34)))
    [(slice(0, 2, None), slice(14, 16, None)), (slice(2, 4, None), slice(0, 2, None))]
    >>> [(rows.tolist(), places.tolist()) for rows, places in seated(np.array([17, 3, 1, 0]))]
    [([3, 0, 1], [0, 1, 3]), ([2], [1])]
    """
    size = len(trials)
    if size and np.array_equal(trials, trials[0] + np.arange(size)):
        for start in range(-(int(trials[0]) % count), size, count):
            first, last = max(start, 0), min(start + count, size)
            yield slice(first, last), slice(first - start, last - start)
        return
    places = trials % count
    waiting = np.argsort(places, kind="stable")
    while len(waiting):
        wanted = places[waiting]
        first_of = np.append(True, wanted[1:] != wanted[:-1])
        yield waiting[first_of], wanted[first_of]
        waiting = waiting[~first_of]
