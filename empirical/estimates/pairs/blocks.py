"""Pairs above a threshold in blocks of training examples, in so much memory and no more: the same pairs as ``pairs`` finds.

The bits of test examples are held, (q, ⌈t/64⌉) words; those of training examples are asked for block by block, and hits are
handed on in the order of (training, test) examples, which no memory, block or number of threads changes. A block whose hits
would not fit is cut in two.

Work. Each block passes all test examples of its classes: n q t/64 words are ANDed and counted (an K-th of them by K equal
classes), and each pair is compared once with the threshold; n t/8 bytes of masks are read once, and q t/8 of tests as often as
there are blocks, from cache.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from empirical.data.bits import Words
from empirical.estimates.pairs import pairs_cpu
from empirical.estimates.pairs.pairs import Ints, lanes, padded
from longtail.core import ArgumentError, Bools
from longtail.core.opened import size

ALIGN, LEAST = 64, 4  # examples a block is a multiple of, and a part of one that is cut
MOST_ROWS, MOST_HITS = 2**17, 2**21  # of a block: larger ones are no faster
PER_WORD, PER_ROW, PER_HIT = 8 * 4, 64, 8 * 16  # bytes held of a block, in copies of its masks and its hits
APART = 2**25  # bytes for handing on and writing
MARGIN = pairs_cpu.ROWS * pairs_cpu.LANES  # hits that the kernel must have room for to go on


@dataclass(frozen=True)
class Part:
    """Hits of training examples ``start`` to ``stop``, in order of (train, test): indices, in how many trials ``train`` was in
    and ``test`` right, and in how many ``train`` was in.

    >>> one = np.array([7])
    >>> len(Part(start=0, stop=64, train=one, test=np.array([2]), in_sum=np.array([40]), n_in=np.array([45])))
    1
    """

    start: int
    stop: int
    train: Ints
    test: Ints
    in_sum: Ints
    n_in: Ints

    def __len__(self) -> int:
        return len(self.train)


@dataclass(frozen=True)
class Room:
    """What a block may have: training examples and hits.

    >>> Room.within(1e9, words=32, n_test=10_000, workers=1).rows
    131072
    """

    rows: int
    hits: int

    @classmethod
    def within(cls, memory: float, words: int, n_test: int, workers: int, beside: int = 0) -> Room:
        """What ``memory`` bytes are enough for, beside the bits of ``n_test`` tests, ``words`` words each, and more."""
        held = _bytes_of_tests(words, n_test) + APART + beside
        least = max(LEAST * n_test, 1024)
        needed = held + workers * (ALIGN * (PER_WORD * words + PER_ROW) + least * PER_HIT)
        if memory < needed:
            got = f"{size(memory)}, where pairs with {n_test:,} test examples need {size(needed)}"
            raise ArgumentError("memory", got, f"give {size(1.05 * needed).replace(' ', '')} or more")
        each = (memory - held) / workers
        hits = int(min(max(each / 2 / PER_HIT, least), MOST_HITS))
        rows = int((each - hits * PER_HIT) / (PER_WORD * words + PER_ROW)) // ALIGN * ALIGN
        return cls(min(max(rows, ALIGN), MOST_ROWS), max(hits, least))


def _bytes_of_tests(words: int, n_test: int) -> int:
    """Bytes of the bits of test examples, as they are and by class."""
    return n_test * (16 * words + 32)


@dataclass(frozen=True)
class _Tests:
    """Test examples of one label: which, their bits as the kernel has them, and in how many trials each was right."""

    columns: Ints
    lanes: Words
    totals: Ints


@dataclass(frozen=True)
class Search:
    """All pairs of a training and a test example, of one label where there are ``labels`` of both parts; of training examples
    in ``kept`` alone, where that is given. ``inside`` gives the packed masks of a part of the n training examples.

    >>> from empirical.data.bits import pack
    >>> masks = pack(np.random.default_rng(0).random((200, 5)) < 0.5)
    >>> search = Search(lambda part: masks[part], masks[[3]], n=5, trials=200)  # a test example that hangs on the fourth
    >>> [part.train.tolist() for part in search.parts(0.5, Room(64, 10**4))]
    [[3]]
    """

    inside: Callable[[slice], Words]
    right: Words
    n: int
    trials: int
    labels: tuple[Ints, Ints] | None = None
    kept: Bools | None = None

    def parts(self, threshold: float, room: Room, workers: int = 1) -> Iterator[Part]:
        """Hits block by block, in order."""
        groups = self._tests()
        with ThreadPoolExecutor(workers) as pool:  # the kernels leave the interpreter's lock
            waiting: deque[Future[tuple[Part, int]]] = deque()
            start, rows = 0, room.rows
            try:
                while start < self.n or waiting:
                    while start < self.n and len(waiting) < workers:
                        stop = min(start + rows, self.n)
                        waiting.append(pool.submit(self._part, groups, slice(start, stop), threshold, room.hits))
                        start = stop
                    found, wanted = waiting.popleft().result()
                    if found.stop < wanted:  # the rest of it comes next
                        rest = slice(found.stop, wanted)
                        waiting.appendleft(pool.submit(self._part, groups, rest, threshold, room.hits))
                    rows = _fitting(found, room)
                    yield found
            finally:
                for future in waiting:
                    future.cancel()

    def _tests(self) -> dict[int, _Tests]:
        right = np.zeros(len(self.right), np.int64) if self.labels is None else self.labels[1]
        totals = np.bitwise_count(self.right).sum(1, dtype=np.int64)
        found = {}
        for label in np.unique(right):
            columns = np.flatnonzero(right == label)
            bits = lanes(self.right[columns])
            filled = np.full(bits.shape[0] * bits.shape[2], -1, np.int64)
            filled[: len(columns)] = totals[columns]
            found[int(label)] = _Tests(columns, bits, filled)
        return found

    def _part(self, groups: dict[int, _Tests], part: slice, threshold: float, most: int) -> tuple[Part, int]:
        """Hits of a part, or of so many of its first examples that they are no more than ``most``; and where it was to end."""
        masks = self.inside(part)
        n_in = np.bitwise_count(masks).sum(1, dtype=np.int64)
        size = len(masks)
        while True:
            found = self._hits(groups, part.start, masks[:size], n_in[:size], threshold, most)
            if found is not None:
                return found, part.stop
            step = ALIGN if size >= 2 * ALIGN else LEAST
            size = max(size // 2 // step * step, LEAST)

    def _hits(
        self, groups: dict[int, _Tests], start: int, masks: Words, n_in: Ints, threshold: float, most: int
    ) -> Part | None:
        """Hits of some training examples; None where they are more than ``most``."""
        size = len(masks)
        chosen = np.ones(size, bool) if self.kept is None else np.asarray(self.kept[start : start + size])
        label = np.zeros(size, np.int64) if self.labels is None else self.labels[0][start : start + size]
        buffer = pairs_cpu.Found(*(np.empty(most + MARGIN, np.int64) for _ in range(3)))
        held = 0
        for one in np.unique(label[chosen]):
            tests = groups.get(int(one))
            if tests is None:
                continue
            rows = np.flatnonzero(chosen & (label == one))
            a, counted = padded(masks[rows]), pairs_cpu.Counted(n_in[rows], tests.totals, self.trials)
            step, last = 0, tests.lanes.shape[0] * (len(a) // pairs_cpu.ROWS)
            while step < last:
                rest = pairs_cpu.Found(*(column[held:] for column in buffer))
                found, step = pairs_cpu.hits(a, tests.lanes, counted, threshold, step, rest)
                row, column, times = (values[:found] for values in rest)
                real = column < len(tests.columns)  # padding lanes can only pass where the threshold is 0 or less
                count = int(real.sum())
                if held + count > most:
                    return None
                row[:count], column[:count], times[:count] = rows[row[real]], tests.columns[column[real]], times[real]
                held += count
        train, test, in_sum = (values[:held] for values in buffer)
        order = np.lexsort((test, train))
        train = train[order]
        return Part(start, start + size, train + start, test[order], in_sum[order], n_in[train])


def _fitting(found: Part, room: Room) -> int:
    """Training examples of which as many hits a piece are half of what there is room for."""
    rows = int((found.stop - found.start) * room.hits / (2 * len(found) + 1)) // ALIGN * ALIGN
    return min(max(rows, ALIGN), room.rows)
