"""Trials that stay in their store: shards are read one at a time, and subsets drawn again, for some examples or some trials.

Held are the bits of test examples, (n_test, ⌈t/64⌉) words, and of a shard that is read some words an example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from empirical.data.bits import Words, pack, unpack
from empirical.designs import recorded
from empirical.designs.design import Columns
from empirical.learners.score import BY_CLASS
from empirical.training.columns import BLOCK, Bits, only_bits, words
from empirical.training.shelf import Shelf
from empirical.training.spans import parts_of, shards_of
from empirical.training.store import Store
from empirical.training.trials import Bytes, judged
from longtail.core import ArgumentError, Integers, whole


@dataclass(frozen=True)
class Shelved:
    """``bits`` of all trials by examples; ``sizes``, how many trials of each shard are meant, and what ``masks`` and ``right``
    give of that shard alone: who was in, and whether models were right, for a part of the training examples.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from empirical.training.job import Job
    >>> from empirical.training.run import fill
    >>> from empirical.data.data import Data
    >>> from empirical.designs import Fixed
    >>> from empirical.learners import KNN
    >>> x, y = np.arange(8.0, dtype=np.float32)[:, None], np.arange(8) % 2
    >>> job = Job(Data(x, y, x, y, (0, 1)), KNN(1), Fixed(0.5), shard=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store.open(Path(folder), job.identity())
    ...     fill(job, 6, store)
    ...     found = Shelved.at(folder, 6)
    >>> found.sizes, found.bits.test_scores().shape
    ((4, 2), (6, 8))
    """

    bits: Bits
    sizes: tuple[int, ...]
    masks: tuple[Columns, ...] = field(repr=False)
    right: Callable[[int, slice], Words] = field(repr=False)

    @classmethod
    def at(
        cls,
        place: str | Path | Shelf,
        models: int,
        *,
        first: int = 0,
        classes: Callable[[], Integers] | None = None,
        y_test: Integers | None = None,
    ) -> Shelved:
        """Trials ``first`` to ``first + models`` of a store; ``classes`` gives the training labels, asked for where subsets are
        stratified, or where models said which class: these are then judged by the labels.
        """
        store = Store.at(place)
        one, design = store.identity, recorded(store.identity.design)
        by_class = one.score in BY_CLASS and classes is not None and y_test is not None
        if not by_class:
            only_bits(one.score)
        shard, n, n_test = (whole(name, getattr(one, name)) for name in ("shard", "n", "n_test"))
        whole("models", models)
        y = classes() if classes is not None and (by_class or getattr(design, "stratified", False)) else None
        asked, there = range(first, first + models), store.spans()
        if len(shards_of(asked, shard)) > len(there):
            got = f"{store.shelf}, where some of {len(shards_of(asked, shard)):,} shards are missing or damaged"
            raise ArgumentError("run", got, "run the same python -m empirical.estimate again, which makes them")
        wanted = parts_of(asked, shard)
        masks = tuple(design.by_example(one.seed, k * shard + np.arange(*span), n, y) for k, span in wanted)
        sizes = tuple(stop - start for _, (start, stop) in wanted)

        def rows(at: int, part: str, labels: Any) -> Bytes:
            number, span = wanted[at]
            found = store.gather(number, span, (part,), there.get(number, ()))
            if found is None:
                got = f"{store.shelf}, where shard {number} is missing or damaged"
                raise ArgumentError("run", got, "run the same python -m empirical.estimate again, which makes it")
            scores = getattr(found, part)
            return judged(one.score, scores, labels) if by_class else scores

        def right(k: int, part: slice) -> Words:
            return words(rows(k, "train", y), n, part)

        def inside(part: slice) -> Words:
            return together([of_shard(part) for of_shard in masks], sizes)

        tests = [words(rows(k, "test", y_test), n_test, slice(0, n_test)) for k in range(len(sizes))]
        return cls(Bits(models, n, inside, together(tests, sizes), design), sizes, masks, right)

    def shards(self) -> Iterator[tuple[int, Words, Words]]:
        """Shard by shard: how many trials, who was in, and whether they were right, for all training examples."""
        everyone = slice(0, self.bits.n)
        for k, (size, masks) in enumerate(zip(self.sizes, self.masks, strict=True)):
            yield size, masks(everyone), self.right(k, everyone)

    def known(self, part: slice) -> Words:
        """Whether models were right on some training examples, in all trials; all shards are read."""
        return together([self.right(k, part) for k in range(len(self.sizes))], self.sizes)

    def share(self, most: int = 64) -> float:
        """The share of examples that the first trials were trained on."""
        seen = count = 0
        for size, masks in zip(self.sizes, self.masks, strict=True):
            take = min(size, most - count)
            bits = pack(np.ones((take, 1), bool))
            held = masks(slice(0, self.bits.n))[:, : bits.shape[1]]
            seen, count = seen + int(np.bitwise_count(held & bits).sum(dtype=np.int64)), count + take
            if count == most:
                break
        return seen / (count * self.bits.n)


def together(parts: Sequence[Words], sizes: Sequence[int]) -> Words:
    """Words of consecutive trials, so many in each part, as those of all.

    >>> one = np.array([[0b11]], np.uint64)
    >>> together([one, one], [2, 3])
    array([[15]], dtype=uint64)
    """
    if all(size % 64 == 0 for size in sizes[:-1]):
        return np.concatenate(parts, axis=1)
    out = np.empty((len(parts[0]), -(-sum(sizes) // 64)), np.uint64)
    for start in range(0, len(out), BLOCK):
        some = slice(start, start + BLOCK)
        out[some] = pack(np.concatenate([unpack(part[some], size) for part, size in zip(parts, sizes, strict=True)]))
    return out
