"""Split-half agreement: the same estimates from two halves of the trials.

Two halves share no randomness but the data, so what they agree on is not noise. Published for CIFAR-100, two halves of
2000 models: 1095 and 1062 pairs, Jaccard ≥ .7 (Feldman & Zhang, arXiv 2008.03703). Correlation r between halves gives
2r/(1+r) for the whole (Spearman 1910, Brown 1910). Trials of an orthogonal array are halved by arrays; one array alone
is cut in two, and its halves then disagree more than two independent ones would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from empirical.designs import Orthogonal
from empirical.estimates.cells import Cells, root_mean_square
from empirical.estimates.influence import counted_pairs, possible
from empirical.estimates.memorization import memorization_cells
from empirical.estimates.pairing import Pairing
from empirical.training.trials import Trials
from longtail.core import ArgumentError, Floats, Integers
from longtail.core.arrays import CPU, Device

CURVE = ["trials", "stderr", "disagreement"]


@dataclass(frozen=True)
class Agreement:
    """Memorization of either half, its correlation, and how many pairs either half and both found.

    ``table`` has a row a training example: both memorizations and its pairs in the first, the second and both halves.

    >>> masks = np.random.default_rng(0).random((200, 5)) < 0.5
    >>> found = agreement(Trials.of(masks, masks, masks[:, [3]]), Pairing(same_class=False))
    >>> found.pairs_first, found.pairs_second, found.jaccard
    (1, 1, 1.0)
    """

    first: Floats = field(repr=False)
    second: Floats = field(repr=False)
    correlation: float
    pairs_first: int
    pairs_second: int
    pairs_both: int
    table: pd.DataFrame = field(repr=False)

    @property
    def jaccard(self) -> float:
        """Pairs in both halves over pairs in either; NaN where neither has any."""
        either = self.pairs_first + self.pairs_second - self.pairs_both
        return self.pairs_both / either if either else float("nan")

    @property
    def reliability(self) -> float:
        """The share of the spread of memorization, over all trials, that is not noise."""
        return 2 * self.correlation / (1 + self.correlation)


def halves(trials: Trials) -> tuple[Trials, Trials]:
    """Even and odd trials; of orthogonal arrays, even and odd arrays where there are two or more.

    >>> masks = np.eye(4, dtype=bool)
    >>> [part.number.tolist() for part in halves(Trials.of(masks, masks, masks))]
    [[0, 2], [1, 3]]
    """
    if trials.count < 2:
        raise ArgumentError("trials", trials.count, "give at least two to make two halves")
    half = np.arange(trials.count) % 2
    if isinstance(trials.design, Orthogonal):
        array = trials.number // trials.design.rows
        place = np.unique(array, return_inverse=True)[1]
        if place.max() > 0:
            half = place % 2
    return trials.take(half == 0), trials.take(half == 1)


def agreement(trials: Trials, pairing: Pairing, *, device: Device = CPU) -> Agreement:
    """What two halves of the trials agree on.

    >>> rng = np.random.default_rng(0)
    >>> masks, luck = rng.random((400, 4)) < 0.5, rng.random((400, 4))
    >>> right = masks | (luck < np.array([0.0, 0.3, 0.6, 0.9]))  # held out, some are right more often
    >>> agreement(Trials.of(masks, right, masks[:, [3]]), Pairing(same_class=False)).correlation > 0.9
    True
    """
    possible(pairing.threshold, trials.score)
    parts = halves(trials)
    first, second = (memorization_cells(part).value for part in parts)
    codes: list[Integers] = []
    for part in parts:
        pairs = counted_pairs(part, pairing, device=device)
        codes.append(pairs.train * trials.n_test + pairs.test)
    codes.append(np.intersect1d(codes[0], codes[1], assume_unique=True))
    counts = [np.bincount(code // max(trials.n_test, 1), minlength=trials.n) for code in codes]
    return compared(first, second, counts)


def compared(first: Floats, second: Floats, counts: Sequence[Integers]) -> Agreement:
    """Of both memorizations and, example by example, the pairs in the first, the second and both halves.

    >>> found = compared(np.array([0.0, 1.0]), np.array([0.0, 1.0]), [np.array([1, 1]), np.array([1, 0]), np.array([1, 0])])
    >>> round(found.correlation, 9), found.jaccard
    (1.0, 0.5)
    """
    both = np.isfinite(first) & np.isfinite(second)
    spread = both.sum() > 1 and first[both].std() > 0 and second[both].std() > 0
    correlation = float(np.corrcoef(first[both], second[both])[0, 1]) if spread else float("nan")
    columns = dict(zip(("pairs_first", "pairs_second", "pairs_both"), counts, strict=True))
    table = pd.DataFrame({"index": np.arange(len(first)), "first": first, "second": second, **columns})
    one, two, both_halves = (int(count.sum()) for count in counts)
    return Agreement(first, second, correlation, one, two, both_halves, table)


def curve(trials: Trials, points: int = 8) -> pd.DataFrame:
    """trials, stderr (as reported) and disagreement (of two halves, halved: the error of the whole), at ``points`` growing t.

    >>> masks = np.random.default_rng(0).random((64, 5)) < 0.5
    >>> curve(Trials.of(masks, masks, masks), points=3)["trials"].tolist()
    [16, 31, 64]
    """
    rows = []
    for t in growing(trials.count, trials.design.rows if isinstance(trials.design, Orthogonal) else 1, points):
        part = trials.take(slice(0, t))
        rows.append(point(t, memorization_cells(part), *(memorization_cells(half) for half in halves(part))))
    return pd.DataFrame(rows, columns=CURVE)


def growing(count: int, step: int = 1, points: int = 8) -> list[int]:
    """Numbers of trials, up to all of them, in whole steps.

    >>> growing(100, points=3)
    [16, 40, 100]
    """
    most = count // step
    counts = np.unique(np.geomspace(min(max(1, 16 // step), most), most, points).astype(int)) * step
    return [int(t) for t in counts if t >= 4]


def point(t: int, cells: Cells, first: Cells, second: Cells) -> tuple[int, float, float]:
    """A row of the curve, from the cells of t trials and of two halves of them.

    >>> one, two = (Cells.of_sums(4, [2], [k], k) for k in (2, 1))
    >>> point(8, one, one, two)[2]
    0.25
    """
    one, two = first.value, second.value
    with np.errstate(invalid="ignore"):
        known = np.isfinite(one) & np.isfinite(two)
        apart = float(np.sqrt(np.mean((one - two)[known] ** 2)) / 2) if known.any() else float("nan")
        said = root_mean_square(cells.stderr)
    return t, float("nan") if said is None else said, apart
