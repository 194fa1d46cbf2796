"""The nearest example of another label, and what it does: near-duplicates that are labelled otherwise.

Of an example j let i be the nearest other training example whose label is not j's (Euclidean, texts by TF-IDF). In models that
did not train on j (they know only what others teach them; on a test example none did), i's influence on j is

    Pr[class y_i on j | i in, j out] − Pr[class y_i on j | i out, j out],

by the mean probability of y_i, or the share of models that predict it, with the standard error of two sample means; NaN
where less than two models are in either cell. The two are near-duplicates where they are as near as the nearest twentieth
of examples are to their nearest other one, or, of texts, have nine tenths of all their words in common.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.duplicates import APART, BLOCK, NEAR, words_apart
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

    def by_words(self, asked: Sequence[str], train: Sequence[str]) -> Rivals:
        """Of texts, duplicates are those with nine tenths of all words in common: TF-IDF has the commonest words only.

        >>> found = Rivals(np.array([0, 1]), np.array([0, 0]), np.ones(2, bool), *np.zeros((2, 2)))
        >>> found.by_words(["Who was Galileo?", "who was Monet"], ["Who was Monet ?"]).duplicate.tolist()
        [False, True]
        """
        pairs = zip(self.at.tolist(), self.nearest.tolist(), strict=True)
        double = [near >= 0 and words_apart(asked[i], train[near]) <= APART for i, near in pairs]
        return replace(self, duplicate=np.array(double, bool))


def rivals(
    trials: Trials, examples: Any, y: Integers, at: Integers, tests: tuple[Any, Integers] | None = None
) -> Rivals:
    """Of the examples at these places, or of those of ``tests``, (examples, labels), which no model trained on; ``examples`` are
    all training examples, None where nobody has them.

    >>> masks = np.random.default_rng(0).random((200, 3)) < 0.5
    >>> predicted = np.where(masks[:, [2]], 1, 0).repeat(3, axis=1)  # the third example's class, where it is in
    >>> trials = Trials.of(masks, predicted, predicted, score="predicted")
    >>> found = rivals(trials, np.array([[0.0], [5.0], [0.1]]), np.array([0, 0, 1]), at=np.array([0]))
    >>> found.nearest.tolist(), found.influence.tolist()
    ([2], [1.0])
    """
    x, asked = _rows(examples, len(y), tests)
    if x is None or asked is None:
        return Rivals(at, np.full(len(at), -1), np.zeros(len(at), bool), *np.full((2, len(at)), np.nan))
    labels = y if tests is None else tests[1]
    nearest, distance = _nearest(x, asked[at], lambda some: labels[at[some], None] == y)
    among = np.unique(np.linspace(0, len(y) - 1, min(SAMPLE, len(y))).astype(np.int64))
    near = float(np.quantile(_nearest(x, x[among], lambda some: among[some, None] == np.arange(len(y)))[1], NEAR))
    value, stderr = _influence(trials, nearest, at, y, tests is not None)
    return Rivals(at, nearest, distance <= near, value, stderr)


def _rows(x: Any, n: int, tests: tuple[Any, Integers] | None) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    """Training examples, and those that are asked about, as rows of numbers, if they are such or texts."""
    try:
        z = x if tests is None else tests[0]
        if x is None or z is None:
            return None, None
        if isinstance(x, (list, np.ndarray)) and isinstance(x[0], str):
            both = tfidf(list(x), list(x[:1]) if tests is None else list(z))
            x, z = both[0], both[0] if tests is None else both[1]
        rows = np.asarray(x, np.float32).reshape(n, -1)
        return rows, rows if tests is None else np.asarray(z, np.float32).reshape(len(tests[1]), -1)
    except (TypeError, ValueError):
        return None, None


def _nearest(x: NDArray[Any], asked: NDArray[Any], left_out: Callable[[slice], Bools]) -> tuple[Integers, Floats]:
    """The nearest row of x to each that is asked, and its distance, but for those that are left out of a block's."""
    square = np.einsum("ij,ij->i", x, x)
    place, distance = np.empty(len(asked), np.int64), np.empty(len(asked))
    for start in range(0, len(asked), BLOCK):
        some = slice(start, start + BLOCK)
        apart = square - 2 * (asked[some] @ x.T)
        apart[left_out(some)] = np.inf
        found = apart.argmin(1)
        place[some] = found
        distance[some] = np.sqrt(((asked[some] - x[found]) ** 2).sum(1))
    return place, distance


def _influence(trials: Trials, i: Integers, j: Integers, y: Integers, tests: bool) -> tuple[Floats, Floats]:
    """Of each training example i on its j."""
    total, square, count = np.zeros((3, 2, len(i)))
    inside = trials.masks()
    scores = (trials.test if tests else trials.train).reshape(trials.count, trials.n_test if tests else trials.n, -1)
    for k in range(trials.count):
        said = scores[k, j]
        q = (
            (said[:, 0] == y[i]).astype(float)
            if trials.score == "predicted"
            else said[np.arange(len(j)), y[i]].astype(float)
        )
        out = np.ones(len(j), bool) if tests else ~inside[k, j]
        for cell, held in enumerate((inside[k, i], ~inside[k, i])):
            seen = held & out
            total[cell] += seen * q
            square[cell] += seen * q**2
            count[cell] += seen
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
        variance = np.maximum(square / count - mean**2, 0) / (count - 1)
        few = (count < 2).any(0)
        return np.where(few, np.nan, mean[0] - mean[1]), np.where(few, np.nan, np.sqrt(variance.sum(0)))
