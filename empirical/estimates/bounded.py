"""What ``measure`` finds, of trials that stay in their store, in no more than so many bytes: the same to the bit.

Counts add up shard by shard (``counted``); pairs are found in blocks of training examples, whose subsets are drawn again
(``pairs.blocks``); sums of floating-point numbers are made in the blocks, and in the order, that ``measure`` has. Held beside a
block are the bits of test examples, and what has a row an example or a pair.

Work: some ten passes over examples, each of which draws n t keys of subsets again; shards are read twice. Influence of training
examples on each other takes one pass and one reading of all shards more for each block of those that are taught. A block of sums
has 1,024 t numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from empirical.data.bits import Words, pack
from empirical.data.examples import Examples
from empirical.designs.design import Columns
from empirical.estimates import MEMORIZED, THRESHOLD, explained, false_pairs, histogram, taught, totals
from empirical.estimates.cells import Cells
from empirical.estimates.counted import Counts, counted
from empirical.estimates.halves import CURVE, Agreement, compared, growing, point
from empirical.estimates.histogram import Histogram, Left
from empirical.estimates.learning import learning
from empirical.estimates.measure import by_rule, named, with_names
from empirical.estimates.measured import Experiment, Measured, Trust
from empirical.estimates.memorization import BLOCK, table
from empirical.estimates.observed import Observed
from empirical.estimates.pairing import Pairing, whole_labels
from empirical.estimates.pairs import held_out
from empirical.estimates.pairs.blocks import ALIGN, Part, Room, Search
from empirical.estimates.pairs.pairs import influence
from empirical.estimates.streamed import Written, room, write
from empirical.estimates.taught import Taught
from empirical.training.columns import Bits
from empirical.training.shelved import Shelved
from longtail.core import Floats, Integers, real

OF_TESTS, OF_SUMS = 8, 8  # bytes a word of a test example, of halves of the trials; and a number in a block of sums
OF_TAUGHT = 16 * 8  # bytes a word of an example, in a block of training examples on each other


def bounds(
    memory: float, models: int, n_test: int, *, workers: int = 1, score: str = "correct", iid: bool = True
) -> Room:
    """What a block may have of two halves of the trials at once; an ArgumentError where so many bytes are too few.

    >>> bounds(1e8, 2000, 1000).rows % 64
    0
    """
    beside = OF_TESTS * -(-models // 64) * n_test + OF_SUMS * models * BLOCK
    return room(memory, models, n_test, workers=2 * workers, score=score, iid=iid, beside=beside)


@dataclass(frozen=True)
class Bounded:
    """Estimates of ``trials`` on ``examples``, in ``memory`` bytes beside what has a row an example or a pair; pairs are looked
    for by so many threads.

    >>> import tempfile
    >>> from empirical.data.load import load
    >>> from empirical.designs import Fixed
    >>> from empirical.learners import KNN
    >>> from empirical.training.job import Job
    >>> from empirical.training.run import fill
    >>> from empirical.training.store import Store
    >>> job = Job(load("planted", n=60).data, KNN(), Fixed(0.7))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fill(job, 64, Store.open(folder, job.identity()))
    ...     found = Bounded(Shelved.at(folder, 64), Examples(), 1e8)
    ...     found.all.models, sorted(found.table)[:2]
    (64, ['group', 'high'])
    """

    trials: Shelved
    examples: Examples
    memory: float
    workers: int = 1

    @cached_property
    def room(self) -> Room:
        """What a block may have."""
        bits = self.trials.bits
        return bounds(self.memory, bits.count, bits.n_test, workers=self.workers, iid=bits.iid)

    @cached_property
    def counts(self) -> tuple[Counts, Counts, pd.DataFrame]:
        """Of even and of odd trials; and how errors fell as trials grew in number, as ``halves.curve`` has it."""
        rows, at = [], growing(self.trials.bits.count)
        for even, odd in counted(self.trials, at):
            all_of_them = even + odd
            if all_of_them.models in at:
                rows.append(point(all_of_them.models, all_of_them.cells, even.cells, odd.cells))
        return even, odd, pd.DataFrame(rows, columns=CURVE)

    @property
    def curve(self) -> pd.DataFrame:
        """Errors at growing numbers of trials."""
        return self.counts[2]

    @cached_property
    def all(self) -> Counts:
        """Of all trials."""
        return self.counts[0] + self.counts[1]

    @cached_property
    def right(self) -> Integers:
        """How many models were right on each test example."""
        return np.asarray(np.bitwise_count(self.trials.bits.right).sum(1, dtype=np.int64))

    @cached_property
    def table(self) -> pd.DataFrame:
        """Memorization."""
        return table(self.all.cells, whole_labels("y_train", self.examples.y_train, self.trials.bits.n))

    def pairing(self, threshold: float, published_rule: bool) -> Pairing:
        """Pairs of that influence, and of memorized training examples alone by the ``published_rule``."""
        return Pairing.of(self.examples, threshold, by_rule(self.table) if published_rule else None)

    def lowest_threshold(self, rate: float, *, published_rule: bool = False) -> float:
        """As ``measure.lowest_threshold``."""
        real("rate", rate, 0, 1, open_low=True)
        pairing = self.pairing(THRESHOLD, published_rule)
        grid = false_pairs.steps()
        false = self._by_chance(pairing, grid)
        grid = grid[false <= false_pairs.HELD]
        pairs = np.zeros(len(grid))
        for _, value in self._found(self.trials.bits, pairing.at(grid[0])) if grid.size else ():
            pairs += false_pairs.at_least(value, grid)
        return false_pairs.lowest(false_pairs.rates(grid, pairs, self._by_chance(pairing, grid)), rate)

    def write(self, path: Path, threshold: float, *, published_rule: bool = False, keep: int = 0) -> Written:
        """All pairs into a Parquet file; the ``keep`` largest come back."""
        value = self.table["memorization"].to_numpy()

        def told(pairs: pd.DataFrame) -> pd.DataFrame:
            pairs["memorization"] = value[pairs["train_index"]]
            return named(pairs, self.examples)

        how: dict[str, Any] = {"memory": self.memory, "workers": self.workers, "named": told, "keep": keep}
        return write(path, self.trials.bits, self.pairing(threshold, published_rule), **how)

    def measure(
        self,
        experiment: Experiment,
        pairs: pd.DataFrame,
        threshold: float,
        *,
        published_rule: bool = False,
        half: Bits | None = None,
    ) -> Measured:
        """Tables and trust, with the ``pairs`` of that threshold, which were found and named before."""
        pairing, bits = self.pairing(threshold, published_rule), self.trials.bits
        usual = int((pairs["influence"].to_numpy() >= THRESHOLD).sum())
        if threshold > THRESHOLD:  # those between were not kept
            usual = sum(len(part) for part, _ in self._found(bits, pairing.at(THRESHOLD)))
        agreed = self._agreement(pairing)
        false = float(self._by_chance(pairing, np.array([threshold]))[0]) if bits.n_test else 0.0
        observed = self._observed(pairing)
        if bits.n_test:
            parts = [(bits, experiment.fraction)] + ([] if half is None else [(half, experiment.fraction / 2)])
            observed = replace(observed, learning=learning(parts))
        memorized = self.table.copy(deep=False)
        with_names(memorized, observed, self.examples)
        return Measured(
            experiment,
            memorized,
            pairs,
            threshold=threshold,
            least=MEMORIZED if published_rule else 0.0,
            test_accuracy=float(self.right.sum() / (bits.count * bits.n_test)) if bits.n_test else float("nan"),
            accurate_at=experiment.fraction,
            usual_pairs=usual,
            trust=Trust(false, agreed.correlation, agreed.jaccard, agreed.table),
            explained=self._hanging(),
            observed=observed,
        )

    def _by_chance(self, pairing: Pairing, theta: Floats) -> Floats:
        return false_pairs.by_margins(self.trials.bits.count, self.all.n_in, self.right, pairing, theta)

    def _found(self, bits: Bits, pairing: Pairing) -> Iterator[tuple[Part, Floats]]:
        """Pairs and their influence, block by block; of no test examples none."""
        if not bits.n_test:
            return
        right = np.bitwise_count(bits.right).sum(1, dtype=np.int64)
        search = Search(bits.inside, bits.right, bits.n, bits.count, pairing.classes(bits.n, bits.n_test), pairing.kept)
        for part in search.parts(pairing.threshold, self.room, self.workers):
            yield part, influence(part.in_sum, part.n_in, right[part.test], bits.count)

    def _agreement(self, pairing: Pairing) -> Agreement:
        """What two halves of the trials agree on."""
        bits = self.trials.bits
        parts = [(part for part, _ in self._found(bits.half(odd), pairing)) for odd in (0, 1)]
        one, two = (half.cells.value for half in self.counts[:2])
        return compared(one, two, _met(parts[0], parts[1], bits.n, bits.n_test))

    def _observed(self, pairing: Pairing) -> Observed:
        teachers = self._taught(pairing)
        if teachers is not None:
            value = self.table["memorization"].to_numpy()
            teachers.pairs["memorization"] = value[teachers.pairs["train_index"]]
            teachers.pairs["taught_memorization"] = value[teachers.pairs["taught_index"]]
        bits = self.trials.bits
        if not bits.n_test:
            return Observed(taught=teachers)
        ready = replace(bits, inside=_ahead(bits.inside, bits.n, max(self.room.rows // BLOCK, 1) * BLOCK))
        values = [half.cells.value for half in self.counts[:2]]
        return Observed(totals.of_halves([ready.half(0), ready.half(1)], values), self._histogram(pairing), teachers)

    def _taught(self, pairing: Pairing) -> Taught | None:
        """Pairs of training examples, unless most are noise: a block of those that are taught, by blocks of teachers."""
        bits, every = self.trials.bits, self.all
        models, right = bits.count - every.n_in, every.total - every.in_sum
        share = float(every.n_in.sum()) / (bits.count * bits.n)
        false = taught.by_chance(pairing, share, models, right)
        if false > false_pairs.HELD:
            return None
        return taught.of_hits(self._taught_hits(pairing), pairing, models, right, false)

    def _taught_hits(self, pairing: Pairing) -> Iterator[held_out.Hits]:
        bits, labels = self.trials.bits, taught.labels(pairing, self.trials.bits.n)
        y = np.zeros(bits.n, np.int64) if labels is None else labels
        rows = max(int(self.memory / 4 / (OF_TAUGHT * -(-bits.count // 64))) // ALIGN * ALIGN, ALIGN)
        everyone = pack(np.ones((bits.count, 1), bool))
        for column in range(0, bits.n, rows):
            pupils = slice(column, min(column + rows, bits.n))
            outside = ~bits.inside(pupils) & everyone
            right = outside & self.trials.known(pupils)
            for row in range(0, bits.n, rows):
                teachers = slice(row, min(row + rows, bits.n))
                of_both = (y[teachers], y[pupils])
                for hits in held_out.between(bits.inside(teachers), outside, right, pairing.threshold, of_both):
                    yield replace(hits, train=hits.train + row, taught=hits.taught + column)

    def _histogram(self, pairing: Pairing) -> Histogram:
        """As ``histogram.histogram``; held of the pairs within reach of the lowest level are the numbers of both examples."""
        bits = self.trials.bits
        level, groups, reach = histogram.of_levels(pairing.threshold), histogram.grouped(bits), 0.0
        if groups is not None:
            reach = histogram.within(bits.count, self.trials.share())
            if self._by_chance(pairing, level[:1] - reach)[0] > false_pairs.HELD:  # noise is all that there is
                groups = None
        lowest = level[0] if groups is None else level[0] - reach
        pairs, times = np.zeros(len(level)), np.zeros((len(level), bits.n_test), np.int64)
        near: list[tuple[Integers, Integers]] = []
        kind = np.int32 if max(bits.n, bits.n_test) < 2**31 else np.int64
        for part, value in self._found(bits, pairing.at(lowest)):
            if groups is not None:
                near.append((part.train.astype(kind), part.test.astype(kind)))
            seen = value >= level[0] - histogram.TIE
            pairs += false_pairs.at_least(value[seen], level)
            for row, v in zip(times, level, strict=True):
                row += np.bincount(part.test[value >= v - histogram.TIE], minlength=bits.n_test)
        false = self._by_chance(pairing.at(level[0]), level)
        if groups is None:
            return histogram.counted(level, pairs, false, list(times))
        i, j = (np.concatenate([np.zeros(0, kind), *column]) for column in zip(*near, strict=True))
        order = np.argsort(j, kind="stable")
        i, j = i[order], j[order]
        left = Left.drawn(groups, bits.count, level)
        return histogram.counted(level, pairs, false, list(times), left.spread(j, self._reached(left, i, j)))

    def _reached(self, left: Left, i: Integers, j: Integers) -> Any:
        """``Left.reached`` of pairs in order of their tests: found for many at a time, in order of their training examples."""
        bits, rows = self.trials.bits, max(self.room.rows, ALIGN)
        most = max(int(self.memory / 4 / histogram.AGAIN), 1)
        waiting = deque(chunks[[0, -1]] for chunks in histogram.chunks(j))
        held: list[Any] = [0, np.zeros((0, histogram.AGAIN), np.uint8)]

        def filled(start: int, stop: int) -> NDArray[Any]:
            found = np.zeros((stop - start, histogram.AGAIN), np.min_scalar_type(len(left.level)))
            order = np.argsort(i[start:stop], kind="stable") + start
            edges = np.searchsorted(i[order], np.arange(0, bits.n + rows, rows))
            for block, (low, high) in enumerate(pairwise(edges)):
                if low == high:
                    continue
                first = block * rows
                inside = bits.inside(slice(first, min(first + rows, bits.n)))
                for s in range(low, high, histogram.PART):
                    at = order[s : min(s + histogram.PART, high)]
                    found[at - start] = left.reached(inside[i[at] - first], bits.right[j[at]])
            return found

        def reached(start: int, stop: int) -> NDArray[Any]:
            if stop > held[0] + len(held[1]):
                end = stop
                while waiting and waiting[0][1] <= max(start + most, stop):
                    end = int(waiting.popleft()[1])
                held[:] = [start, filled(start, end)]
            found: NDArray[Any] = held[1][start - held[0] : stop - held[0]]
            return found

        return reached

    def _hanging(self) -> pd.DataFrame:
        """As ``explained.hanging``: the answers are counted in one pass, and then explained one by one."""
        bits = self.trials.bits
        which = explained.unsure(bits)
        sums = np.zeros((len(which), bits.n), np.int32)
        for start in range(0, bits.n if which else 0, self.room.rows):
            part = slice(start, min(start + self.room.rows, bits.n))
            masks = bits.inside(part)
            for row, answers in zip(sums, bits.right[which], strict=True):
                row[part] = np.bitwise_count(masks & answers).sum(1, dtype=np.int32)
        found = (
            explained.of_cells(
                bits, self.examples, "test", j, Cells.of_sums(bits.count, self.all.n_in, row, int(self.right[j]))
            )
            for j, row in zip(which, sums, strict=True)
        )
        return explained.listed(found)


def _met(first: Iterator[Part], second: Iterator[Part], n: int, n_test: int) -> list[Integers]:
    """How many pairs of each training example the first, the second and both have, which come in the order of examples."""
    counts = np.zeros((3, n), np.int64)
    parts, ends = (first, second), [0, 0]
    waiting: list[Integers] = [np.zeros(0, np.int64), np.zeros(0, np.int64)]
    while n_test and min(ends) < n:
        k = int(ends[1] < ends[0])
        part = next(parts[k])
        ends[k] = part.stop
        counts[k][part.start : part.stop] += np.bincount(part.train - part.start, minlength=part.stop - part.start)
        waiting[k] = np.append(waiting[k], part.train * n_test + part.test)
        upto = [int(np.searchsorted(codes, min(ends) * n_test)) for codes in waiting]
        both = np.intersect1d(waiting[0][: upto[0]], waiting[1][: upto[1]], assume_unique=True)
        which, times = np.unique(both // n_test, return_counts=True)
        counts[2][which] += times
        waiting = [codes[end:] for codes, end in zip(waiting, upto, strict=True)]
    for rest in parts:
        for _ in rest:  # nothing is left but to end its threads
            pass
    return list(counts)


def _ahead(inside: Columns, n: int, rows: int) -> Columns:
    """The same, of which so many examples are drawn at once and kept for the next parts; for one thread."""
    held: list[Any] = [0, np.zeros((0, 0), np.uint64)]

    def drawn(part: slice) -> Words:
        if not held[0] <= part.start <= part.stop <= held[0] + len(held[1]):
            start = part.start // rows * rows
            held[:] = [start, inside(slice(start, max(part.stop, min(start + rows, n))))]
        found: Words = held[1][part.start - held[0] : part.stop - held[0]]
        return found

    return drawn
