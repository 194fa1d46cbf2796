"""Accuracy lost to a limit, paired: both learners were trained on the same subsets and are judged by the same examples.

Of test examples, all or a group, the loss is the mean over models and examples of (right without the limit) − (right with it).
Of training examples, in bins of the unlimited learner's memorization, it is told apart for those that were trained on and those
that were held out. Its error has two parts, added: examples are a sample, and so are models (``estimates.removal.paired``).

Whether groups pay alike is asked by Σ_g n_g (loss_g − loss)² over test groups, against the same with examples dealt to groups
anew. A chance of all models together is no part of that: with few models they share some.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empirical.estimates.memorization import memorization
from empirical.estimates.removal import paired
from empirical.training.trials import Trials
from longtail import philox
from longtail.core import ArgumentError, Bools, Floats, Integers

if TYPE_CHECKING:
    import pandas as pd

EDGES = (0.05, 0.25, 0.5, 0.75)  # of memorization
HALF = 0.5
GROUPS = 20  # of models, left out in turn
DEALT = 999  # times that examples are dealt to groups anew
DEALING = 2  # the part of RESAMPLE that this is


@dataclass(frozen=True)
class Pair:
    """Trials of the unlimited learner and of a limited one, on the same subsets.

    >>> masks = [[1, 1], [0, 1], [1, 0], [0, 0]]
    >>> unlimited, limited = Trials.of(masks, masks, [[1], [1], [1], [1]]), Trials.of(masks, masks, [[1], [0], [1], [1]])
    >>> Pair(unlimited, limited).test().tolist()
    [[0.0], [1.0], [0.0], [0.0]]
    """

    unlimited: Trials
    limited: Trials

    def __post_init__(self) -> None:
        same = np.array_equal(self.unlimited.number, self.limited.number)
        if not same or not np.array_equal(self.unlimited.inside, self.limited.inside):
            raise ArgumentError("limited", "trials of other subsets", "train both learners with one design and seed")

    def halves(self) -> tuple[tuple[Pair, Pair], tuple[Pair, Pair]]:
        """Even and odd models, and odd and even."""
        even, odd = (Pair(*(t.take(slice(k, None, 2)) for t in (self.unlimited, self.limited))) for k in (0, 1))
        return (even, odd), (odd, even)

    def take(self, at: Integers) -> Pair:
        """Some of the models."""
        return Pair(self.unlimited.take(at), self.limited.take(at))

    def test(self) -> Floats:
        """Right without less right with the limit: models × test examples."""
        every = slice(0, self.unlimited.n_test)
        return np.subtract(*(t.test_scores(every).astype(np.float32) for t in (self.unlimited, self.limited)))

    def train(self) -> Floats:
        """Models × training examples."""
        every = slice(0, self.unlimited.n)
        return np.subtract(*(t.train_scores(every).astype(np.float32) for t in (self.unlimited, self.limited)))


def within(difference: Floats, where: Bools) -> tuple[float, float]:
    """The mean over examples of their means over the models ``where``, and its error over both.

    >>> mean, stderr = within(np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[True, True], [False, True]]))
    >>> mean, round(stderr, 2)
    (0.5, 0.56)
    """
    held = where.sum(0)
    known = held > 0
    if not known.any():
        return float("nan"), float("nan")
    cells = np.where(where, difference, 0)
    each = cells.sum(0)[known] / held[known]
    asked = where.sum(1)
    by_model = (cells.sum(1) / np.maximum(asked, 1))[asked > 0]
    of_examples, of_models = (v.std(ddof=1) / np.sqrt(len(v)) if len(v) > 1 else np.nan for v in (each, by_model))
    return float(each.mean()), float(np.hypot(of_examples, of_models))


def by_memorization(pair: Pair, edges: Floats) -> pd.DataFrame:
    """By bin: examples, and what is lost on them where trained on and where held out.

    One half of the models says who is in a bin, the other what is lost, and the other way round: those who look memorized by
    chance would lose by chance.

    >>> masks = np.random.default_rng(0).random((64, 6)) < 0.5
    >>> pair = Pair(Trials.of(masks, masks, masks), Trials.of(masks, np.zeros_like(masks), masks))  # what was memorized is lost
    >>> by_memorization(pair, np.array([0.5]))[["examples", "in_lost", "out_lost"]].round(3).to_numpy().tolist()
    [[0.0, nan, nan], [6.0, 1.0, 0.0]]
    """
    import pandas as pd

    both = [_binned(lost, memorized(by.unlimited), edges) for by, lost in pair.halves()]
    mean = (both[0] + both[1]) / 2
    for name in ("in_stderr", "out_stderr"):  # of the same examples: halving them would be too good
        mean[name] = np.hypot(both[0][name], both[1][name]) / np.sqrt(2)
    ends = np.concatenate([[-np.inf], edges, [np.inf]])
    return pd.concat([pd.DataFrame({"low": ends[:-1], "high": ends[1:]}), mean], axis=1)


def _binned(pair: Pair, values: Floats, edges: Floats) -> pd.DataFrame:
    import pandas as pd

    bins = np.digitize(values, edges)
    difference, masks = pair.train(), pair.unlimited.masks()
    rows = []
    for k in range(len(edges) + 1):
        some = (bins == k) & np.isfinite(values)
        row: dict[str, Any] = {"examples": int(some.sum())}
        for name, where in (("in", masks), ("out", ~masks)):
            row[f"{name}_lost"], row[f"{name}_stderr"] = within(difference[:, some], where[:, some])
        rows.append(row)
    return pd.DataFrame(rows)


def gamma(pair: Pair, n_classes: int) -> float:
    """γ: (1 − 1/K) times what is left of the memorization of those memorized half or more; NaN where nobody is.

    Half of the models says who they are, the other what is left.

    >>> masks = np.random.default_rng(0).random((64, 6)) < 0.5
    >>> both, none = Trials.of(masks, masks, masks), Trials.of(masks, np.zeros_like(masks), masks)
    >>> gamma(Pair(both, both), n_classes=10), gamma(Pair(both, none), n_classes=10)
    (0.9, 0.0)
    """
    total = np.zeros(2)
    for by, lost in pair.halves():
        some = memorized(by.unlimited) >= HALF
        total += [float(np.nansum(memorized(trials)[some])) for trials in (lost.unlimited, lost.limited)]
    return (1 - 1 / n_classes) * float(np.clip(total[1] / total[0], 0, 1)) if total[0] > 0 else float("nan")


def gamma_stderr(pair: Pair, n_classes: int) -> float:
    """The error of γ, over models: the jackknife, a group of them left out at a time; NaN of fewer than four.

    >>> masks = np.random.default_rng(0).random((64, 6)) < 0.5
    >>> both = Trials.of(masks, masks, masks)
    >>> round(gamma_stderr(Pair(both, both), n_classes=10), 9)
    0.0
    """
    count = pair.unlimited.count
    groups = min(GROUPS, count // 2)
    if groups < 2:
        return float("nan")
    left = [gamma(pair.take(np.flatnonzero(np.arange(count) // 2 % groups != g)), n_classes) for g in range(groups)]
    return float(np.sqrt((groups - 1) * np.var(left)))


def memorized(trials: Trials) -> Floats:
    """The estimate for each training example.

    >>> masks = [[1, 1], [1, 0], [0, 1], [0, 0]]
    >>> memorized(Trials.of(masks, [[1, 1], [1, 1], [0, 1], [0, 0]], masks)).tolist()
    [1.0, 0.5]
    """
    return np.asarray(memorization(trials)["memorization"].to_numpy(float))


def by_group(pair: Pair, groups: NDArray[Any]) -> pd.DataFrame:
    """By group of test examples, in order of loss: how many, accuracy without the limit, loss with its error.

    >>> masks = [[1, 1], [0, 1], [1, 0], [0, 0]]
    >>> pair = Pair(Trials.of(masks, masks, [[1, 1]] * 4), Trials.of(masks, masks, [[1, 0], [1, 1], [1, 0], [1, 1]]))
    >>> by_group(pair, np.array(["cat", "dog"]))[["group", "accuracy", "lost"]].to_numpy().tolist()
    [['cat', 1.0, 0.0], ['dog', 1.0, 0.5]]
    """
    import pandas as pd

    difference = pair.test()
    right = pair.unlimited.test_scores(slice(0, pair.unlimited.n_test))
    rows = []
    for group in np.unique(groups):
        some = groups == group
        lost, stderr = paired(difference[:, some])
        rows.append(
            {
                "group": str(group),
                "tests": int(some.sum()),
                "accuracy": float(right[:, some].mean()),
                "lost": lost,
                "stderr": stderr,
            }
        )
    return pd.DataFrame(rows)


def disparity(pair: Pair, groups: NDArray[Any], seed: int = 0, dealt: int = DEALT) -> float:
    """The chance that groups which pay alike differ as much: of the ``dealt`` dealings, and this one, how many do.

    ``groups`` says of each test example which it is in.

    >>> masks, right = np.eye(2, dtype=bool), np.ones((2, 40), bool)
    >>> pair = Pair(Trials.of(masks, masks, right), Trials.of(masks, masks, right & (np.arange(40) < 20)))
    >>> disparity(pair, np.repeat(["first", "last"], 20), dealt=99)  # the last pay all
    0.01
    >>> disparity(pair, np.tile(["even", "odd"], 20), dealt=99)  # these pay alike
    1.0
    """
    _, group = np.unique(groups, return_inverse=True)
    each = pair.test().mean(0, dtype=np.float64)
    each -= each.mean()
    size = np.bincount(group)

    def spread(order: Integers | slice) -> float:
        total = np.bincount(group, weights=each[order], minlength=len(size))
        return float((total**2 / size).sum())

    stream = philox.substream(philox.RESAMPLE, DEALING)
    orders = (np.argsort(philox.uniforms(seed, stream, k, 0, len(each)), kind="stable") for k in range(dealt))
    seen = spread(slice(None))
    return (1 + sum(spread(order) >= seen * (1 - 1e-12) for order in orders)) / (1 + dealt)
