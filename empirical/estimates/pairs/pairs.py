"""Influence above a threshold, from bits, without ever holding n × q of anything.

Feldman & Zhang (arXiv 2008.03703), algorithm 1: with M the masks, C the correctness bits over t trials,

    influence_ij = in_ij / in_i − (total_j − in_ij) / (t − in_i),      in_ij = Σ_k M_ki C_kj,

so one product gives both sums. ``counts`` is in_ij, dense, for a block of training examples; ``pairs`` streams the
(i, j) with influence ≥ threshold, their memory that of the hits alone. An example never in or never out has no
influence, and is in no pair.

Work and ceiling. n q t / 64 words are ANDed, counted and added: 3 vector operations per 512 trial-pairs, where a
float32 GEMM takes 32 fused multiply-adds. At t = 2,000, n = 20,000, q = 2,000 that is 1.6 × 10^8 steps of 8 words; on
a Zen 4 core at 3.3 GHz (one 512-bit popcount a cycle) at least .05 s; measured .11 s, against 1.7 s for the GEMM at
95 GFLOP/s. The bits are 1/32 of the GEMM's operands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import ArrayLike, NDArray

from empirical.data.bits import Words
from longtail.core import ArgumentError
from longtail.core.arrays import CPU, Device

Ints = NDArray[np.int64]
HELD = 2**16  # pairs a yield


@dataclass(frozen=True)
class Hits:
    """Pairs at or above the threshold: training index, test index, and in how many trials i was in and j right.

    >>> found = Hits(train=np.array([3, 4]), test=np.array([0, 1]), in_sum=np.array([25, 9]))
    >>> len(found)
    2
    """

    train: Ints
    test: Ints
    in_sum: Ints

    def __len__(self) -> int:
        return len(self.train)


def dense(masks: Any, correct: Any) -> Any:
    """in_ij as one float32 product of (t, n) and (t, q), exact to t = 2^24: the oracle, in any array namespace.

    >>> dense(np.array([[1, 0], [1, 1]], bool), np.array([[1], [0]], bool)).tolist()
    [[1.0], [0.0]]
    """
    xp = array_namespace(masks, correct)
    return xp.astype(masks, xp.float32).T @ xp.astype(correct, xp.float32)


def influence(in_sum: ArrayLike, inside: ArrayLike, totals: ArrayLike, trials: int) -> NDArray[np.float64]:
    """in_ij / in_i − (total_j − in_ij) / (t − in_i), NaN where i was never in or never out; arguments broadcast.

    >>> influence(in_sum=7, inside=7, totals=8, trials=10).round(3).tolist()  # right in all 7 with it, in 1 of the 3 without
    0.667
    """
    s, i, total = (np.asarray(v, np.float64) for v in (in_sum, inside, totals))
    with np.errstate(invalid="ignore", divide="ignore"):
        values = s / i - (total - s) / (trials - i)
    return np.where((i > 0) & (i < trials), values, np.nan)


def counts(masks: Words, correct: Words) -> NDArray[np.int32]:
    """in_ij for every pair of (n, w) masks and (q, w) correctness bits: (n, q). Give it a block of rows at a time.

    >>> from empirical.data.bits import pack
    >>> masks, right = np.array([[1, 0], [1, 1]], bool), np.array([[1], [0]], bool)
    >>> counts(pack(masks), pack(right)).tolist()
    [[1], [0]]
    """
    from empirical.estimates.pairs import pairs_cpu

    a, blocks = tiled(masks, correct)
    out = np.empty((len(a), blocks.shape[0] * blocks.shape[2]), np.int32)
    pairs_cpu.counts(a, blocks, out)
    return out[: len(masks), : len(correct)]


def pairs(
    masks: Words,
    correct: Words,
    trials: int,
    threshold: float,
    *,
    labels: tuple[ArrayLike, ArrayLike] | None = None,
    held: int = HELD,
    device: Device = CPU,
) -> Iterator[Hits]:
    """Pairs with influence ≥ threshold, at most ``held`` a yield; of one label only, where labels are given.

    With ``labels`` of both parts, only pairs of one label are ever formed: a K-th of the work. The order is by label, then by
    test block, on either device.

    >>> from empirical.data.bits import pack
    >>> masks = np.random.default_rng(0).random((200, 5)) < 0.5
    >>> found = list(pairs(pack(masks), pack(masks[:, [3]]), trials=200, threshold=0.5))
    >>> [(hits.train.tolist(), hits.test.tolist()) for hits in found]
    [([3], [0])]
    """
    if trials > 64 * masks.shape[1]:
        raise ArgumentError("trials", trials, f"give at most the {64 * masks.shape[1]} that the words hold")
    _check(masks, correct)
    find = _hits_on_gpu if device.arrays.kind == "gpu" else _hits
    if labels is None:
        yield from find(masks, correct, np.arange(len(masks)), np.arange(len(correct)), trials, threshold, held)
        return
    left, right = (np.asarray(part) for part in labels)
    for label in np.intersect1d(left, right):
        yield from find(
            masks, correct, np.flatnonzero(left == label), np.flatnonzero(right == label), trials, threshold, held
        )


def _hits(
    masks: Words, correct: Words, rows: Ints, columns: Ints, trials: int, threshold: float, held: int
) -> Iterator[Hits]:
    from empirical.estimates.pairs import pairs_cpu

    a, blocks = tiled(masks[rows], correct[columns])
    inside = np.bitwise_count(masks[rows]).sum(1, dtype=np.int64)
    totals = np.full(blocks.shape[0] * blocks.shape[2], -1, np.int64)
    totals[: len(columns)] = np.bitwise_count(correct[columns]).sum(1, dtype=np.int64)
    held = max(held, pairs_cpu.ROWS * pairs_cpu.LANES)
    row, column, count = (np.empty(held, np.int64) for _ in range(3))
    counted = pairs_cpu.Counted(inside, totals, trials)
    step, last = 0, blocks.shape[0] * (len(a) // pairs_cpu.ROWS)
    while step < last:
        found, step = pairs_cpu.hits(a, blocks, counted, threshold, step, pairs_cpu.Found(row, column, count))
        real = column[:found] < len(columns)  # padding lanes can only pass where the threshold is 0 or less
        if real.any():
            yield Hits(rows[row[:found][real]], columns[column[:found][real]], count[:found][real])


def _hits_on_gpu(
    masks: Words, correct: Words, rows: Ints, columns: Ints, trials: int, threshold: float, held: int
) -> Iterator[Hits]:
    from empirical.estimates.pairs import pairs_cuda

    for row, column, count in pairs_cuda.hits(masks[rows], correct[columns], trials, threshold):
        for first in range(0, len(row), held):
            some = slice(first, first + held)
            yield Hits(rows[row[some]], columns[column[some]], count[some])


def _check(masks: Words, correct: Words) -> None:
    if masks.ndim != 2 or correct.ndim != 2 or masks.shape[1] != correct.shape[1]:
        raise ArgumentError(
            "correct", f"words of shape {correct.shape} beside {masks.shape}", "give both for the same trials"
        )


def tiled(masks: Words, correct: Words) -> tuple[Words, Words]:
    """Both as the kernels take them.

    >>> masks, right = tiled(np.ones((3, 1), np.uint64), np.ones((2, 1), np.uint64))
    >>> int(masks.sum()), int(right.sum())  # with zeros around
    (3, 2)
    """
    _check(masks, correct)
    return padded(masks), lanes(correct)


def padded(masks: Words) -> Words:
    """Masks padded with zeros to whole blocks of rows and whole passes of words.

    >>> padded(np.ones((3, 1), np.uint64)).sum(axis=1)[:5].tolist()
    [1, 1, 1, 0]
    """
    from empirical.estimates.pairs.pairs_cpu import ROWS, STEP

    return _filled(masks, -(-len(masks) // ROWS) * ROWS, STEP)


def lanes(correct: Words) -> Words:
    """Correctness as (block, word, lane), padded likewise.

    >>> lanes(np.ones((3, 1), np.uint64)).sum(axis=(0, 1))[:5].tolist()  # a test example a lane, zeros beyond
    [1, 1, 1, 0, 0]
    """
    from empirical.estimates.pairs.pairs_cpu import LANES, STEP

    b = _filled(correct, -(-len(correct) // LANES) * LANES, STEP)
    return np.ascontiguousarray(b.reshape(-1, LANES, b.shape[1]).transpose(0, 2, 1))


def _filled(bits: Words, rows: int, step: int) -> Words:
    out = np.zeros((rows, -(-bits.shape[1] // step) * step), np.uint64)
    out[: len(bits), : bits.shape[1]] = bits
    return out
