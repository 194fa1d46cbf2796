"""Influence of examples on each other above a threshold, from bits, of the models that held the other one out.

With M the masks and C the correctness bits on training examples, over the s_j = Σ_k (1 − M_kj) trials that held j out,

    influence_ij = c_ij / w_ij − (C_j − c_ij) / (s_j − w_ij),
    w_ij = Σ_k M_ki (1 − M_kj),   c_ij = Σ_k M_ki (1 − M_kj) C_kj,   C_j = Σ_k (1 − M_kj) C_kj.

Work: twice that of ``pairs``, n² t / 64 words ANDed and counted for either sum, class by class; examples on which all models that
held them out agree have no influence from anybody, and are left out where the threshold is above 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from empirical.data.bits import Words
from empirical.estimates.pairs.pairs import HELD, Ints, lanes, tiled
from longtail.core import ArgumentError


@dataclass(frozen=True)
class Hits:
    """Teacher, taught, ``inside`` (w_ij) and ``in_sum`` (c_ij) of pairs at or above the threshold.

    >>> found = Hits(train=np.array([3]), taught=np.array([1]), inside=np.array([25]), in_sum=np.array([24]))
    >>> len(found), found.in_sum / found.inside  # how often models with the teacher are right
    (1, array([0.96]))
    """

    train: Ints
    taught: Ints
    inside: Ints
    in_sum: Ints

    def __len__(self) -> int:
        return len(self.train)


def pairs(
    masks: Words, outside: Words, right: Words, threshold: float, *, labels: ArrayLike | None = None, held: int = HELD
) -> Iterator[Hits]:
    """Pairs with influence ≥ threshold, at most ``held`` a yield; of one label only, where labels are given.

    ``outside`` has the bits of trials that held an example out, ``right`` those of them that were right on it.

    >>> from empirical.data.bits import pack
    >>> masks = np.random.default_rng(0).random((200, 3)) < 0.5
    >>> right = masks[:, [0, 2, 2]]  # of the second example where the third was in
    >>> found = list(pairs(pack(masks), pack(~masks), pack(right & ~masks), threshold=0.5))
    >>> [(hits.train.tolist(), hits.taught.tolist()) for hits in found]
    [([2], [1])]
    """
    if not masks.shape == outside.shape == right.shape:
        shapes = f"words of shapes {masks.shape}, {outside.shape} and {right.shape}"
        raise ArgumentError("masks, outside, right", shapes, "give all three for the same examples and trials")
    y = np.zeros(len(masks), np.int64) if labels is None else np.asarray(labels)
    yield from between(masks, outside, right, threshold, (y, y), held=held)


def between(
    masks: Words,
    outside: Words,
    right: Words,
    threshold: float,
    labels: tuple[ArrayLike, ArrayLike],
    *,
    held: int = HELD,
) -> Iterator[Hits]:
    """The same of some teachers, by their ``masks``, and of some that may be taught; indices are those among either.

    >>> word = [[np.array([[bits]], np.uint64)] for bits in (0b0011, 0b1111, 0b0011)]
    >>> [len(hits) for hits in between(*(one for (one,) in word), 0.5, ([0], [0]))]
    [1]
    """
    y, z = (np.asarray(part) for part in labels)
    models, totals = (np.bitwise_count(v).sum(1, dtype=np.int64) for v in (outside, right))
    asked = np.ones(len(z), bool) if threshold <= 0 else (totals > 0) & (totals < models)
    for label in np.unique(z):
        rows, columns = np.flatnonzero(y == label), np.flatnonzero((z == label) & asked)
        if rows.size and columns.size:
            yield from _hits(masks, outside, right, rows, columns, threshold, held)


def _hits(
    masks: Words, outside: Words, right: Words, rows: Ints, columns: Ints, threshold: float, held: int
) -> Iterator[Hits]:
    from empirical.estimates.pairs import held_out_cpu, pairs_cpu

    a, ones = tiled(masks[rows], right[columns])
    out = lanes(outside[columns])
    width = ones.shape[0] * ones.shape[2]
    totals, models = np.zeros(width, np.int64), np.zeros(width, np.int64)
    totals[: len(columns)] = np.bitwise_count(right[columns]).sum(1, dtype=np.int64)
    models[: len(columns)] = np.bitwise_count(outside[columns]).sum(1, dtype=np.int64)
    held = max(held, pairs_cpu.ROWS * pairs_cpu.LANES)
    found = tuple(np.empty(held, np.int64) for _ in range(4))
    step, last = 0, ones.shape[0] * (len(a) // pairs_cpu.ROWS)
    while step < last:
        many, step = held_out_cpu.hits(a, ones, out, (len(rows), totals, models), threshold, step, found)
        if many:
            row, column, count, inside = (part[:many] for part in found)
            yield Hits(rows[row], columns[column], inside.copy(), count.copy())
