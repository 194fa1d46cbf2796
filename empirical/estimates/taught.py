"""Influence of training examples on each other: which of them teaches which.

What i does for another training example j is seen in models that did not train on j: those that did know it already. To these
j is a test example, and i one of a training set without j. So it is Feldman & Zhang's influence (arXiv 2008.03703, section 2),

    infl_ij = Pr[right on j | i in, j out] − Pr[right on j | i out, j out],

estimated as always (``empirical.estimates.influence``), in the (1 − r)t models that held j out; of fixed size m these hold m of
the n − 1 others. Its variance is 1/(1 − r) times that of an influence on a test example, 3.3 times at r = .7. i = j, the
memorization of j, is no such pair. Errors and intervals are those of two cells, in an orthogonal array too: its rows without j
are no array any more.

With no influence the number right among those that held i is hypergeometric, given how many held j out, were right on j and
held i: (s_j, C_j, w_ij). The expected number of false pairs sums its tail over all pairs, with w_ij at its mean r s_j and √3
deviations from it (three nodes of Gauss and Hermite). In arrays pairs of the other sign are counted instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from empirical.data.bits import Words, pack
from empirical.estimates.cells import Cells
from empirical.estimates.false_pairs import hypergeometric
from empirical.estimates.influence import possible, words
from empirical.estimates.memorization import LEVEL, slices
from empirical.estimates.pairing import Pairing, whole_labels
from empirical.estimates.pairs import held_out
from empirical.training.trials import Trials
from longtail.core import ArgumentError, Floats, Integers

if TYPE_CHECKING:
    import pandas as pd

NODES = ((-np.sqrt(3), 1 / 6), (0.0, 2 / 3), (np.sqrt(3), 1 / 6))


@dataclass(frozen=True)
class Taught:
    """``pairs`` of influence ``threshold`` or more, largest first (train_index teaches taught_index: influence, stderr, low,
    high), and how many of them are expected to be ``false``.

    >>> masks = np.random.default_rng(0).random((200, 3)) < 0.5
    >>> found = taught(Trials.of(masks, masks[:, [0, 2, 2]], masks), Pairing(same_class=False, threshold=0.5))
    >>> found.threshold, len(found.pairs), found.false < 0.01
    (0.5, 1, True)
    """

    pairs: pd.DataFrame = field(repr=False)
    threshold: float
    false: float


def taught(trials: Trials, pairing: Pairing, *, level: float = LEVEL) -> Taught:
    """Pairs of training examples, of one class and of those teachers that ``pairing`` looks at.

    >>> masks = np.random.default_rng(0).random((200, 3)) < 0.5
    >>> right = masks[:, [0, 2, 2]]  # models are right on the second example where they have the third
    >>> found = taught(Trials.of(masks, right, masks), Pairing(same_class=False, threshold=0.5))
    >>> found.pairs[["train_index", "taught_index", "influence"]].to_numpy().tolist()
    [[2.0, 1.0, 1.0]]
    """
    if trials.score != "correct":
        raise ArgumentError(
            "score", trials.score, "who teaches whom is read off right and wrong; estimate --score correct"
        )
    possible(pairing.threshold, trials.score)
    bits = _bits(trials)
    return _found(trials, pairing, bits, _expected(trials, pairing, bits), level)


def unless_noise(trials: Trials, pairing: Pairing, most: float) -> Taught | None:
    """What ``taught`` gives; None where more than ``most`` of the pairs are expected to be false: they are not looked for then.

    >>> masks = np.random.default_rng(0).random((200, 3)) < 0.5
    >>> trials, pairing = Trials.of(masks, masks[:, [0, 2, 2]], masks), Pairing(same_class=False, threshold=0.01)
    >>> unless_noise(trials, pairing, most=0.5) is None, len(unless_noise(trials, pairing, most=10.0).pairs)
    (True, 1)
    """
    bits = _bits(trials)
    false = _expected(trials, pairing, bits)
    return None if false > most else _found(trials, pairing, bits, false, LEVEL)


def _found(trials: Trials, pairing: Pairing, bits: tuple[Words, Words, Words], false: float, level: float) -> Taught:
    theta = possible(pairing.threshold, trials.score)
    inside, outside, right = bits
    parts = held_out.pairs(inside, outside, right, theta, labels=labels(pairing, trials.n))
    models, totals = (np.bitwise_count(v).sum(1, dtype=np.int64) for v in (outside, right))
    return of_hits(parts, pairing, models, totals, false, level)


def of_hits(
    parts: Iterable[held_out.Hits],
    pairing: Pairing,
    models: Integers,
    totals: Integers,
    false: float,
    level: float = LEVEL,
) -> Taught:
    """The same of hits, in any order; and of each example how many models held it out, and how many of them were right.

    >>> hit = held_out.Hits(*(np.array([v]) for v in (0, 1, 2, 2)))
    >>> of_hits([hit], Pairing(same_class=False), np.array([4, 4]), np.array([2, 2]), 0.0).pairs["influence"].tolist()
    [1.0]
    """
    import pandas as pd

    found = list(parts)
    i, j, w, c = (
        np.concatenate([np.zeros(0, np.int64), *(getattr(part, name) for part in found)])
        for name in ("train", "taught", "inside", "in_sum")
    )
    if pairing.kept is not None:
        some = pairing.kept[i]
        i, j, w, c = i[some], j[some], w[some], c[some]
    cells = Cells.of_sums(models[j], w, c, totals[j])
    low, high = cells.interval(level)
    label = {} if pairing.y_train is None else {"label": np.asarray(pairing.y_train)[j]}
    columns = {"train_index": i, "taught_index": j, **label, "influence": cells.value, "stderr": cells.stderr}
    frame = pd.DataFrame(columns | {"low": low, "high": high})
    order = np.lexsort((j, i, -cells.value))
    return Taught(frame.iloc[order].reset_index(drop=True), possible(pairing.threshold, "correct"), false)


def expected_false(trials: Trials, pairing: Pairing) -> float:
    """How many pairs would reach the threshold if no example had influence on another.

    >>> masks = np.random.default_rng(0).random((200, 3)) < 0.5
    >>> round(expected_false(Trials.of(masks, masks[:, [0, 2, 2]], masks), Pairing(same_class=False, threshold=0.05)), 1)
    0.7
    """
    return _expected(trials, pairing, _bits(trials))


def _expected(trials: Trials, pairing: Pairing, bits: tuple[Words, Words, Words]) -> float:
    inside, outside, right = bits
    if not trials.iid:
        y, theta = labels(pairing, trials.n), pairing.threshold
        found = held_out.pairs(inside, outside, outside & ~right, theta, labels=y)
        return float(sum(len(part) if pairing.kept is None else int(pairing.kept[part.train].sum()) for part in found))
    models, totals = (np.bitwise_count(v).sum(1, dtype=np.int64) for v in (outside, right))
    share = float(np.bitwise_count(inside).sum(dtype=np.int64)) / (trials.count * trials.n)
    return by_chance(pairing, share, models, totals)


def by_chance(pairing: Pairing, share: float, models: Integers, totals: Integers) -> float:
    """The same of independent trials, on a ``share`` of the examples each: how many held an example out, and were right on it.

    >>> none = Pairing(same_class=False, threshold=0.9)
    >>> by_chance(none, 0.5, np.full(3, 100), np.full(3, 50)) < 1e-12
    True
    """
    n, theta = len(models), pairing.threshold
    y = labels(pairing, n)
    teaches = np.ones(n, bool) if pairing.kept is None else pairing.kept
    group = np.zeros(n, np.int64) if y is None else np.unique(y, return_inverse=True)[1]
    partners = np.bincount(group, teaches)[group] - teaches  # never itself
    varied = np.flatnonzero((totals > 0) & (totals < models)) if theta > 0 else np.arange(n)
    parts = (varied[s] for s in slices(len(varied)))
    return float(sum(_tails(theta, share, models[part], totals[part]) @ partners[part] for part in parts))


def _tails(theta: float, share: float, models: Integers, totals: Integers) -> Floats:
    """Chance of each example to be in a false pair with one other."""
    deviation = np.sqrt(share * (1 - share) * models)
    out = np.zeros(len(models))
    for place, weight in NODES:
        held = np.clip(np.rint(share * models + place * deviation), 1, np.maximum(models - 1, 1))
        usable = models > 1
        tail = hypergeometric(np.maximum(models, 2), np.where(usable, totals, 0), np.where(usable, held, 1), [theta])[0]
        out += weight * np.where(usable, tail, 0.0)
    return out


def labels(pairing: Pairing, n: int) -> Integers | None:
    """Labels of training examples, where pairs are of one class.

    >>> labels(Pairing(np.array([3, 3])), 2).tolist()
    [3, 3]
    """
    y = whole_labels("y_train", pairing.y_train, n)
    if pairing.same_class and y is None:
        raise ArgumentError("y_train", None, "pairs of one class need labels; or give same_class=False")
    return y if pairing.same_class else None


def _bits(trials: Trials) -> tuple[Words, Words, Words]:
    """Masks, their opposites, and of these the right ones, an example a row."""
    inside = words(trials, "inside")
    outside = ~inside & pack(np.ones((trials.count, 1), bool))
    return inside, outside, outside & words(trials, "train")
