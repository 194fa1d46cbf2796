"""Ridge for numba: subset sums by table, and Cholesky with sixteen models in the lanes.

``sums``: the four Russians' trick. Four examples have 16 subsets; a table of their 16 sums of a vector of 16 columns
turns four multiply-adds a model into one addition. Eight tables (8 KB) at a time stay in first-level cache while all
models pass. n C/4 table additions a model in place of n C multiply-adds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from empirical.data.compiled_cpu import compiled
from empirical.learners.ridge.lanes_cpu import (
    LANES,
    add,
    add_entries,
    inverse_root,
    multiply,
    products,
    take,
    take_rows,
)

BITS = 4
TABLES = 8
STEP = BITS * TABLES  # examples a step
SIZE = LANES << BITS  # floats a table


class Room(NamedTuple):
    """What sums are made in: the tables of a step, and 16 floats a model."""

    tables: NDArray[np.float32]
    total: NDArray[np.float32]


class Target(NamedTuple):
    """Where they go: of ``systems`` (blocks of 16 models, floats) as many ``columns`` from vector ``start`` on."""

    systems: NDArray[np.float32]
    start: int
    columns: int


@compiled()
def digits(masks, order, out):
    """Table entries out[step, model], eight to a word: bit 8 g + 3 + b is example order[step · STEP + g · BITS + b]."""
    models, n = masks.shape
    for m in range(models):
        for s in range(out.shape[0]):
            word = np.uint64(0)
            for e in range(min(STEP, n - s * STEP)):
                word |= np.uint64(masks[m, order[s * STEP + e]]) << np.uint64(e // BITS * 8 + e % BITS + 3)
            out[s, m] = word


@compiled()
def _kept(first, last):
    """A word with the bits of examples first..last − 1 of its step."""
    word = np.uint64(0)
    for e in range(max(first, 0), min(last, STEP)):
        word |= np.uint64(1) << np.uint64(e // BITS * 8 + e % BITS + 3)
    return word


@compiled()
def sums(columns, entries, span, room, target):
    """Σ of columns[chunk, i] over the examples i of ``span``, first to last, that a model trains on, to its lane of ``target``.

    A chunk of 16 columns is dealt out while ``room.total`` is in first-level cache.
    """
    first, last = span
    tables, total, systems, start, count = room.tables, room.total, target.systems, target.start, target.columns
    for chunk in range(columns.shape[0]):
        z = columns[chunk]
        total[:] = 0
        for s in range(first // STEP, -(-last // STEP)):
            for g in range(TABLES):
                for b in range(BITS):
                    row = (s * STEP + g * BITS + b) * LANES
                    for e in range(1 << b):
                        add(tables, g * SIZE + (e + (1 << b)) * LANES, tables, g * SIZE + e * LANES, z, row)
            keep = _kept(first - s * STEP, last - s * STEP)
            line = entries[s]
            for m in range(entries.shape[1]):
                add_entries(total, m * LANES, tables, line[m] & keep, SIZE)
        width = min(LANES, count - chunk * LANES)
        at = (start + chunk * LANES) * LANES
        for block in range(systems.shape[0]):
            system = systems[block]
            for c in range(width):
                for lane in range(LANES):
                    system[at + c * LANES + lane] = total[(block * LANES + lane) * LANES + c]


@compiled()
def solve(system, size, sides, penalty, tile, inverse):
    """Cholesky in place of a packed lower triangle with ``sides`` right-hand rows after it; those become solutions.

    ``size`` and ``sides`` are multiples of 4. Row i of the triangle starts at vector i(i + 1)/2, side r at
    size(size + 1)/2 + r size. ``penalty`` (size,) is added to the diagonal. The sides are eliminated as further rows of
    the factor (forward substitution), then substituted backward.
    """
    triangle = size * (size + 1) // 2
    starts = np.empty(size + sides, np.int64)
    for i in range(size + sides):
        starts[i] = LANES * (i * (i + 1) // 2 if i < size else triangle + (i - size) * size)
    for i in range(size):
        at = starts[i] + i * LANES
        for lane in range(LANES):
            system[at + lane] += penalty[i]
    one = np.full(LANES, 1, np.float32)
    for i in range(0, size + sides, 4):
        for j in range(0, min(i + 1, size), 4):
            products(tile, system, starts[i : i + 4], starts[j : j + 4], j)
            for c in range(4):
                for r in range(c if i == j else 0, 4):
                    here = starts[i + r] + (j + c) * LANES
                    take(system, here, tile, (4 * r + c) * LANES, one, 0)
                    for k in range(c):
                        take(
                            system,
                            here,
                            system,
                            starts[i + r] + (j + k) * LANES,
                            system,
                            starts[j + c] + (j + k) * LANES,
                        )
                    if i + r == j + c:
                        inverse_root(inverse, (j + c) * LANES, system, here)
                    multiply(system, here, system, here, inverse, (j + c) * LANES)
    here = np.empty(4, np.int64)
    for r in range(size, size + sides):
        for i in range(size - 4, -1, -4):
            for c in range(3, -1, -1):
                here[c] = starts[r] + (i + c) * LANES
                multiply(system, here[c], system, here[c], inverse, (i + c) * LANES)
                for k in range(c):
                    take(system, here[c] - (c - k) * LANES, system, starts[i + c] + (i + k) * LANES, system, here[c])
            take_rows(system, starts[r], i, starts[i : i + 4], here)


@compiled()
def weights(systems, penalty, sides, tile, inverse, out):
    """Solutions out[model, class, feature] of systems (blocks of 16 models), which are overwritten.

    ``penalty`` has a whole number of fours, ``sides`` likewise; both are at least what ``out`` needs.
    """
    classes, size = out.shape[1], out.shape[2]
    whole = penalty.shape[0]
    triangle = whole * (whole + 1) // 2
    for block in range(systems.shape[0]):
        system = systems[block]
        solve(system, whole, sides, penalty, tile, inverse)
        for c in range(classes):
            for i in range(size):
                at = (triangle + c * whole + i) * LANES
                for lane in range(LANES):
                    out[block * LANES + lane, c, i] = system[at + lane]
