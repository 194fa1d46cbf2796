"""The nearest example of another label, and what it does: near-duplicates that are labelled otherwise.

Of an example j let i be the nearest other one whose label is not j's (Euclidean, texts by TF-IDF). In models that did not train
on j (they know only what others teach them), i's influence on j is

    Pr[class y_i on j | i in, j out] − Pr[class y_i on j | i out, j out],

by the mean probability of y_i, or the share of models that predict it, with the standard error of two sample means; NaN
where less than two models are in either cell. The two are near-duplicates where they are as near as the nearest twentieth
of examples are to their nearest other one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.duplicates import BLOCK, NEAR
from empirical.data.sources.text import tfidf
from empirical.training.trials import Trials
from longtail.core import Bools, Floats, Integers

SAMPLE = 1000  # examples whose nearest other one says what is near


@dataclass(frozen=True)
class Rivals:
    """Of some examples ``at``: the ``nearest`` of another label (−1 where distances are not known), whether it is as near as a
    ``duplicate``, and its ``influence`` with ``stderr``.

    >>> masks, predicted = np.ones((2, 3), bool), np.zeros((2, 3), int)
    >>> trials = Trials.of(masks, predicted, predicted, score="predicted")
    >>> found = rivals(trials, None, np.array([0, 0, 1]), np.array([0]))  # nobody says which are near which
    >>> found.nearest.tolist(), found.influence.tolist()
    ([-1], [nan])
    """

    at: Integers = field(repr=False)
    nearest: Integers = field(repr=False)
    duplicate: Bools = field(repr=False)
    influence: Floats = field(repr=False)
    stderr: Floats = field(repr=False)


def rivals(trials: Trials, examples: Any, y: Integers, at: Integers) -> Rivals:
    """Of the examples at these places; ``examples`` are all, None where nobody has them.

    >>> masks = np.random.default_rng(0).random((200, 3)) < 0.5
    >>> predicted = np.where(masks[:, [2]], 1, 0).repeat(3, axis=1)  # the third example's class, where it is in
    >>> trials = Trials.of(masks, predicted, predicted, score="predicted")
    >>> found = rivals(trials, np.array([[0.0], [5.0], [0.1]]), np.array([0, 0, 1]), at=np.array([0]))
    >>> found.nearest.tolist(), found.influence.tolist()
    ([2], [1.0])
    """
    x = _rows(examples, len(y))
    if x is None:
        return Rivals(at, np.full(len(at), -1), np.zeros(len(at), bool), *np.full((2, len(at)), np.nan))
    nearest, distance = _nearest(x, at, y, own=False)
    among = np.unique(np.linspace(0, len(y) - 1, min(SAMPLE, len(y))).astype(np.int64))
    near = float(np.quantile(_nearest(x, among, y, own=True)[1], NEAR))
    value, stderr = _influence(trials, nearest, at, y)
    return Rivals(at, nearest, distance <= near, value, stderr)


def _rows(x: Any, n: int) -> NDArray[Any] | None:
    """Examples as rows of numbers, if they are such or texts."""
    try:
        if isinstance(x, (list, np.ndarray)) and isinstance(x[0], str):
            x = tfidf(list(x), list(x[:1]))[0]
        return None if x is None else np.asarray(x, np.float32).reshape(n, -1)
    except (TypeError, ValueError):
        return None


def _nearest(x: NDArray[Any], at: Integers, y: Integers, *, own: bool) -> tuple[Integers, Floats]:
    """The nearest other example and its distance: any with ``own``, else of another label."""
    square = np.einsum("ij,ij->i", x, x)
    place, distance = np.empty(len(at), np.int64), np.empty(len(at))
    for start in range(0, len(at), BLOCK):
        some = at[start : start + BLOCK]
        apart = square - 2 * (x[some] @ x.T)
        if own:
            apart[np.arange(len(some)), some] = np.inf
        else:
            apart[y[some][:, None] == y] = np.inf
        found = apart.argmin(1)
        place[start : start + BLOCK] = found
        distance[start : start + BLOCK] = np.sqrt(((x[some] - x[found]) ** 2).sum(1))
    return place, distance


def _influence(trials: Trials, i: Integers, j: Integers, y: Integers) -> tuple[Floats, Floats]:
    """Of each i on its j."""
    total, square, count = np.zeros((3, 2, len(i)))
    inside = trials.masks()
    for k in range(trials.count):
        if trials.score == "predicted":
            q = (trials.train[k, j] == y[i]).astype(float)
        else:
            q = trials.train[k].reshape(trials.n, -1)[j, y[i]].astype(float)
        for cell, held in enumerate((inside[k, i], ~inside[k, i])):
            seen = held & ~inside[k, j]
            total[cell] += seen * q
            square[cell] += seen * q**2
            count[cell] += seen
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
        variance = np.maximum(square / count - mean**2, 0) / (count - 1)
        few = (count < 2).any(0)
        return np.where(few, np.nan, mean[0] - mean[1]), np.where(few, np.nan, np.sqrt(variance.sum(0)))
