"""infl_ij = mean(right on j | i in) − mean(right on j | i out): which training example carries which test example.

Feldman & Zhang (arXiv 2008.03703). Pairs above a threshold are streamed: n × n_test is never held. A pair is of one
class, as published, unless told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from empirical.data.bits import Words, pack
from empirical.designs import Orthogonal
from empirical.estimates import BOUNDED
from empirical.estimates import orthogonal_errors as residuals
from empirical.estimates.cells import Cells
from empirical.estimates.memorization import BLOCK, LEVEL, slices
from empirical.estimates.pairing import Pairing, whole_labels
from empirical.estimates.pairs import pairs as kernel
from empirical.training.trials import Trials
from longtail.core import ArgumentError, Bools, Floats, Integers, real
from longtail.core.arrays import CPU, Device


@dataclass(frozen=True)
class Pairs:
    """Training index, test index and estimate of some pairs; ``in_sum`` where the score is "correct".

    >>> found = Pairs(np.array([3, 4]), np.array([0, 1]), np.array([0.9, 0.1]))
    >>> len(found), found.take(found.influence > 0.5).train.tolist()
    (2, [3])
    """

    train: Integers
    test: Integers
    influence: Floats
    in_sum: Integers | None = None

    def __len__(self) -> int:
        return len(self.train)

    def take(self, chosen: Bools) -> Pairs:
        """Those of the pairs that are chosen."""
        in_sum = None if self.in_sum is None else self.in_sum[chosen]
        return Pairs(self.train[chosen], self.test[chosen], self.influence[chosen], in_sum)


def influence_pairs(trials: Trials, pairing: Pairing, *, level: float = LEVEL, device: Device = CPU) -> pd.DataFrame:
    """Pairs that count, largest first: train_index, test_index, label where there are any, influence, stderr, low, high.

    >>> masks = np.random.default_rng(0).random((200, 5)) < 0.5
    >>> table = influence_pairs(Trials.of(masks, masks, masks[:, [3]]), Pairing(same_class=False, threshold=0.5))
    >>> table[["train_index", "test_index", "influence"]].to_numpy().tolist()
    [[3.0, 0.0, 1.0]]
    """
    possible(pairing.threshold, trials.score)
    found = counted_pairs(trials, pairing, device=device)
    cells = _found_cells(trials, found) if found.in_sum is not None else None
    if cells is None:
        cells = pair_cells(trials, found.train, found.test, pairing.y_train)
    low, high = cells.interval(level)
    label = {} if pairing.y_test is None else {"label": np.asarray(pairing.y_test)[found.test]}
    frame = pd.DataFrame(
        {
            "train_index": found.train,
            "test_index": found.test,
            **label,
            "influence": cells.value,
            "stderr": cells.stderr,
            "low": low,
            "high": high,
        }
    )
    order = np.lexsort((frame["test_index"], frame["train_index"], -frame["influence"]))
    return frame.iloc[order].reset_index(drop=True)


def possible(threshold: float, score: str) -> float:
    """A threshold that an influence can have: of shares and probabilities it lies in [−1, 1]; of other scores anywhere.

    >>> possible(0.15, "correct")
    0.15
    >>> possible(1.5, "correct")
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: threshold: got 1.5; an influence on a score 'correct' lies between -1 and 1; ...
    """
    if score not in BOUNDED:
        return real("threshold", threshold, -np.inf)
    try:
        return real("threshold", threshold, -1.0, 1.0, open_low=True)
    except ArgumentError as error:
        remedy = f"an influence on a score {score!r} lies between -1 and 1; give a number in (-1, 1]"
        raise ArgumentError("threshold", threshold, remedy) from error


def counted_pairs(trials: Trials, pairing: Pairing, *, device: Device = CPU) -> Pairs:
    """All pairs that count; memory is that of the pairs found.

    >>> masks = np.random.default_rng(0).random((200, 5)) < 0.5
    >>> found = counted_pairs(Trials.of(masks, masks, masks[:, [3]]), Pairing(same_class=False, threshold=0.5))
    >>> found.train.tolist(), found.test.tolist(), found.influence.tolist()
    ([3], [0], [1.0])
    """
    parts = list(stream(trials, pairing, device=device))
    if not parts:
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    sums = [p.in_sum for p in parts if p.in_sum is not None]
    return Pairs(
        np.concatenate([p.train for p in parts]),
        np.concatenate([p.test for p in parts]),
        np.concatenate([p.influence for p in parts]),
        np.concatenate(sums) if len(sums) == len(parts) else None,
    )


def _found_cells(trials: Trials, found: Pairs) -> Cells | None:
    """Cells of streamed pairs from the sums they came with; None where the error is to be read off residuals."""
    if residuals.arrays(trials) is not None:
        return None
    n_in, totals = margins(trials)
    return Cells.of_sums(trials.count, n_in[found.train], found.in_sum, totals[found.test])


def margins(trials: Trials) -> tuple[Integers, Integers]:
    """In how many trials each training example was in, and in how many each test example was right.

    >>> inside, right = margins(Trials.of([[1, 0], [1, 1]], [[1, 0], [1, 1]], [[0], [1]]))
    >>> inside.tolist(), right.tolist()
    ([2, 1], [1])
    """
    tested = (trials.test_scores(s).sum(0, dtype=np.int64) for s in slices(trials.n_test))
    return held(trials), np.concatenate([np.zeros(0, np.int64), *tested])


def held(trials: Trials) -> Integers:
    """In how many trials each training example was in.

    >>> held(Trials.of([[True, False], [True, True]], [[True, True]] * 2, [[True]] * 2)).tolist()
    [2, 1]
    """
    return np.concatenate([trials.masks_columns(s).sum(0, dtype=np.int64) for s in slices(trials.n)])


def stream(trials: Trials, pairing: Pairing, *, device: Device = CPU) -> Iterator[Pairs]:
    """Pairs that count, some at a time, class by class, the same on any device; scores that are no bits stay on the CPU.

    >>> masks = np.random.default_rng(0).random((200, 5)) < 0.5
    >>> trials = Trials.of(masks, masks, masks[:, [3, 4]])
    >>> sum(len(found) for found in stream(trials, Pairing(same_class=False, threshold=0.5)))
    2
    """
    if not trials.n_test:
        return
    classes = pairing.classes(trials.n, trials.n_test)
    found = _stream_bits(trials, pairing, classes, device) if trials.score == "correct" else None
    for pairs in _stream_floats(trials, pairing, classes) if found is None else found:
        yield pairs if pairing.kept is None else pairs.take(pairing.kept[pairs.train])


def _stream_bits(
    trials: Trials, pairing: Pairing, classes: tuple[Integers, Integers] | None, device: Device
) -> Iterator[Pairs]:
    inside, right_bits = words(trials, "inside"), words(trials, "test")
    n_in = np.bitwise_count(inside).sum(1, dtype=np.int64)
    totals = np.bitwise_count(right_bits).sum(1, dtype=np.int64)
    found = kernel.pairs(inside, right_bits, trials.count, pairing.threshold, labels=classes, device=device)
    for hits in found:
        value = kernel.influence(hits.in_sum, n_in[hits.train], totals[hits.test], trials.count)
        yield Pairs(hits.train, hits.test, value, hits.in_sum)


def words(trials: Trials, part: str) -> Words:
    """Bits turned around, (examples, ⌈t/64⌉) words, as the kernel wants them, a block of examples at a time.

    >>> words(Trials.of([[1, 0], [1, 1]], [[1, 0], [1, 1]], [[0], [1]]), "inside").tolist()  # an example a row
    [[3], [2]]
    """
    width = trials.n_test if part == "test" else trials.n
    columns = {"inside": trials.masks_columns, "train": trials.train_scores, "test": trials.test_scores}[part]
    return np.concatenate([pack(np.asarray(columns(s), bool)) for s in slices(width, 8 * BLOCK)])


def _stream_floats(trials: Trials, pairing: Pairing, classes: tuple[Integers, Integers] | None) -> Iterator[Pairs]:
    masks = trials.masks()
    groups = [(np.arange(trials.n), np.arange(trials.n_test))]
    if classes is not None:
        left, right = classes
        groups = [(np.flatnonzero(left == c), np.flatnonzero(right == c)) for c in np.intersect1d(left, right)]
    for rows, columns in groups:
        m = masks[:, rows].astype(np.float32)
        n_in = m.sum(0, dtype=float)[:, None]
        for s in slices(len(columns), 256):
            part = columns[s]
            f = np.asarray(trials.test[:, part], np.float32)
            value = trials.sign * kernel.influence(m.T @ f, n_in, f.sum(0, dtype=float), trials.count)
            i, j = np.nonzero(value >= pairing.threshold)
            yield Pairs(rows[i], part[j], value[i, j])


def pair_cells(trials: Trials, train: Any, test: Any, y_train: Any = None) -> Cells:
    """The two cells of given pairs, in their order: memory is that of the pairs and a block of examples.

    >>> masks = [[1, 1], [1, 0], [0, 1], [0, 0]]
    >>> cells = pair_cells(Trials.of(masks, masks, [[1], [1], [1], [0]]), train=[0], test=[0])
    >>> cells.value.tolist(), cells.n_in.tolist()
    ([0.5], [2.0])
    """
    given = {"train": np.asarray(train), "test": np.asarray(test)}
    for name, indices in given.items():
        if indices.size and indices.dtype.kind not in "iu":
            raise ArgumentError(name, f"indices of {indices.dtype}", "give whole numbers")
    i, j = (indices.astype(np.int64) for indices in given.values())
    if i.shape != j.shape or i.ndim != 1:
        raise ArgumentError("train, test", f"shapes {i.shape} and {j.shape}", "give two lists of one length")
    for name, at, width in (("train", i, trials.n), ("test", j, trials.n_test)):
        if at.size and not 0 <= at.min() <= at.max() < width:
            raise ArgumentError(name, f"indices {at.min()}..{at.max()}", f"give whole numbers from 0 to {width - 1}")
    binary = trials.score == "correct"
    n_in, in_sum, total, in_square, square = np.zeros((5, len(i)))
    for s in slices(len(i), 8 * BLOCK):
        masks = columns_at(trials.inside, i[s])
        f = columns_at(trials.test, j[s]) if binary else np.asarray(trials.test[:, j[s]], float)
        n_in[s], total[s], in_sum[s] = masks.sum(0), f.sum(0), (f * masks).sum(0)
        if not binary:
            in_square[s], square[s] = (f * f * masks).sum(0), (f * f).sum(0)
    squares = () if binary else (in_square, square)
    cells = replace(Cells.of_sums(trials.count, n_in, in_sum, total, *squares), sign=trials.sign)
    design = residuals.arrays(trials)
    if design is None:
        return cells
    return replace(cells, residual=_residual(trials, design, i, j, whole_labels("y_train", y_train, trials.n)))


def _residual(trials: Trials, design: Orthogonal, i: Integers, j: Integers, y: Integers | None) -> Floats:
    out = np.full(len(i), np.nan)
    everyone = trials.masks()
    for members in residuals.groups(trials, y):
        mine = np.flatnonzero(np.isin(i, members))
        place = np.zeros(trials.n, np.int64)
        place[members] = np.arange(len(members))
        masks = everyone[:, members]
        order = mine[np.argsort(j[mine], kind="stable")]
        for s in slices(len(order)):
            at = order[s]
            tests, which = np.unique(j[at], return_inverse=True)
            f = columns_at(trials.test, tests) if trials.score == "correct" else trials.test[:, tests]
            out[at] = np.sqrt(residuals.variance(design, masks, f, place[i[at]], which))
    return out


def columns_at(bits: NDArray[np.uint8], at: Integers) -> Bools:
    """Booleans (t, k) of scattered columns of packed rows.

    >>> columns_at(np.packbits([[True, False, True], [False, False, True]], axis=1), np.array([2, 0])).tolist()
    [[True, True], [True, False]]
    """
    return np.asarray((bits[:, at // 8] >> (7 - at % 8).astype(np.uint8)) & 1, bool)


def influence(trials: Trials, test: slice) -> Floats:
    """infl (n, columns) of some test examples, dense: for a look, not for a sweep.

    >>> masks = [[1, 1], [1, 0], [0, 1], [0, 0]]
    >>> trials = Trials.of(masks, masks, [[1], [1], [1], [0]])  # a test example that either of two teaches
    >>> influence(trials, slice(0, 1)).tolist()
    [[0.5], [0.5]]
    """
    m = trials.masks().astype(np.float32)
    f = np.asarray(trials.test_scores(test), np.float32)
    return trials.sign * kernel.influence(m.T @ f, m.sum(0, dtype=float)[:, None], f.sum(0, dtype=float), trials.count)
