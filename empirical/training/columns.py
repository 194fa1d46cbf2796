"""Trials by examples: packed bits of some examples in all trials, 64 trials a word, from memory or from a store.

Over a store nothing of n examples is held but what is asked for: subsets are drawn again for those examples alone, and of a
shard its test scores are read, (shard, n_test) bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from empirical.data.bits import Words, pack
from empirical.designs import recorded
from empirical.designs.design import Columns, Design
from empirical.training.spans import parts_of
from empirical.training.store import Store
from empirical.training.trials import Trials, unpacked_columns
from longtail.core import ArgumentError, Integers, whole

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

    @property
    def n_test(self) -> int:
        """How many test examples."""
        return len(self.right)

    @classmethod
    def of(cls, trials: Trials) -> Bits:
        """Of trials that are held."""
        only_bits(trials.score)

        def inside(part: slice) -> Words:
            return _packed(trials.inside, trials.n, part)

        right = _packed(trials.test, trials.n_test, slice(0, trials.n_test))
        return cls(trials.count, trials.n, inside, right, trials.design)

    @classmethod
    def at(
        cls, folder: str | Path, models: int, *, first: int = 0, classes: Callable[[], Integers] | None = None
    ) -> Bits:
        """Of trials ``first`` to ``first + models`` of a store; ``classes`` gives the training labels of stratified subsets."""
        store = Store.at(folder)
        one, design = store.identity, recorded(store.identity.design)
        only_bits(one.score)
        shard, n, n_test = (whole(name, getattr(one, name)) for name in ("shard", "n", "n_test"))
        number = np.arange(first, first + whole("models", models))
        y = classes() if getattr(design, "stratified", False) and classes is not None else None
        rows, there = np.empty((models, -(-n_test // 8)), np.uint8), store.spans()
        for k, span in parts_of(range(first, first + models), shard):
            found = store.gather(k, span, ("test",), there.get(k, ()))
            if found is None:
                remedy = "run the same python -m empirical.estimate again, which makes it"
                raise ArgumentError("run", f"{folder}, where shard {k} is missing or damaged", remedy)
            at = k * shard - first
            rows[at + span[0] : at + span[1]] = found.test
        right = _packed(rows, n_test, slice(0, n_test))
        return cls(models, n, design.by_example(one.seed, number, n, y), right, design)


def _packed(rows: np.ndarray[tuple[int, int], np.dtype[np.uint8]], width: int, part: slice) -> Words:
    """Columns of packed rows as words, some at a time."""
    out = np.empty((part.stop - part.start, -(-len(rows) // 64)), np.uint64)
    for start in range(part.start, part.stop, BLOCK):
        stop = min(start + BLOCK, part.stop)
        out[start - part.start : stop - part.start] = pack(unpacked_columns(rows, width, slice(start, stop)))
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
