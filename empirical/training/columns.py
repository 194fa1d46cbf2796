"""Trials by examples: packed bits of some examples in all trials, 64 trials a word, from memory or from a store.

Over a store nothing of n examples is held but what is asked for: subsets are drawn again for those examples alone, and of a
shard its test scores are read, (shard, n_test) bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from empirical.data.bits import Words, pack, unpack
from empirical.designs.design import Columns, Design
from empirical.training.trials import Bytes, Trials, unpacked_columns
from longtail.core import ArgumentError, Bools

BLOCK = 8192  # examples unpacked at a time


@dataclass(frozen=True)
class Bits:
    """Of ``count`` trials: masks of a part of the n training examples, by ``inside``; ``right``, whether test examples were.

    >>> bits = Bits.of(Trials.of([[1, 0], [1, 1], [0, 1]], np.ones((3, 2)), [[1], [1], [0]]))
    >>> bits.count, bits.inside(slice(0, 1)).tolist(), bits.right.tolist()  # trials 0 and 1, as bits
    (3, [[3]], [[3]])
    """

    count: int
    n: int
    inside: Columns
    right: Words
    design: Design | None = None
    score: ClassVar[str] = "correct"
    sign: ClassVar[int] = 1

    @property
    def n_test(self) -> int:
        """How many test examples."""
        return len(self.right)

    @property
    def iid(self) -> bool:
        """Whether trials are independent of each other."""
        return self.design is None or self.design.iid

    @classmethod
    def of(cls, trials: Trials) -> Bits:
        """Of trials that are held."""
        only_bits(trials.score)

        def inside(part: slice) -> Words:
            return words(trials.inside, trials.n, part)

        right = words(trials.test, trials.n_test, slice(0, trials.n_test))
        return cls(trials.count, trials.n, inside, right, trials.design)

    def masks_columns(self, columns: slice) -> Bools:
        """Who was in, for some examples: (t, columns)."""
        return unpack(self.inside(columns), self.count)

    def test_scores(self, columns: slice = slice(None)) -> Bools:
        """Whether models were right on test examples, (t, n_test) or some columns of it."""
        return unpack(self.right[columns], self.count)

    def half(self, odd: int) -> Bits:
        """Every other trial, from the first on or from the second.

        >>> trials = Trials.of([[True], [False], [False]], [[True]] * 3, [[True], [False], [True]])
        >>> half = Bits.of(trials).half(0)
        >>> half.masks_columns(slice(0, 1)).ravel().tolist(), half.test_scores().ravel().tolist()
        ([True, False], [True, True])
        """

        def inside(part: slice) -> Words:
            return every_other(self.inside(part), self.count, odd)

        count = len(range(odd, self.count, 2))
        return Bits(count, self.n, inside, every_other(self.right, self.count, odd), self.design)


def words(rows: Bytes, width: int, part: slice) -> Words:
    """Columns of packed rows as words, some at a time.

    >>> words(np.packbits([[True, False], [True, True]], axis=1), 2, slice(0, 2)).tolist()
    [[3], [2]]
    """
    out = np.empty((part.stop - part.start, -(-len(rows) // 64)), np.uint64)
    for start in range(part.start, part.stop, BLOCK):
        stop = min(start + BLOCK, part.stop)
        out[start - part.start : stop - part.start] = pack(unpacked_columns(rows, width, slice(start, stop)))
    return out


def every_other(bits: Words, count: int, odd: int) -> Words:
    """Of ``count`` trials, a word 64 of them, every second one, from number ``odd`` on.

    >>> every_other(np.array([[0b1101]], np.uint64), 4, 0).tolist()
    [[3]]
    """
    kept = len(range(odd, count, 2))
    out = np.zeros((len(bits), -(-kept // 64)), np.uint64)
    for start in range(0, len(bits), BLOCK):
        out[start : start + BLOCK] = pack(unpack(bits[start : start + BLOCK], count)[odd::2])
    return out


def only_bits(score: str) -> None:
    """Refuse scores that are not right or wrong.

    >>> only_bits("correct")
    >>> only_bits("margin")
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: memory: got scores of kind margin; ...
    """
    if score != "correct":
        remedy = (
            "pairs are looked for in blocks where scores are right or wrong: leave out memory, or take score correct"
        )
        raise ArgumentError("memory", f"scores of kind {score}", remedy)
