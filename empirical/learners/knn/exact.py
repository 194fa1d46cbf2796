"""Memorization and influence of nearest neighbors, exactly: what every estimator is verified against.

One query, training examples in order of distance, c_s = 1 where the s-th agrees with its label. k = 1, inclusion p:

    V_s = p c_s + (1 − p) V_{s+1},   influence_s = (1 − p)^{s−1} (c_s − V_{s+1});

fixed size m of n: Pr(first = r | s in) = C(n−1−r, m−2)/C(n−1, m−1) for r < s, C(n−s, m−1)/C(n−1, m−1) for r = s;
Pr(first = r | s out) = C(n−1−r, m−1)/C(n−1, m) for r < s, C(n−r, m−1)/C(n−1, m) for r > s. Both are the k = 1 case of
one chain along the list whose state counts the classes chosen so far, which also serves any k (``knn_cpu.chances``).
A training example is its own query: its memorization is its influence at its own place in its list (first, unless a
duplicate has a lower index). A learner without data is never right.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, hypergeom

from empirical.data.data import Data
from empirical.learners.knn.neighbors import neighbors
from empirical.learners.learner import features
from empirical.learners.score import Floats32
from longtail.core import ArgumentError, Floats, real, whole

STATES = 2**21  # the largest table of class counts


@dataclass(frozen=True)
class Chances:
    """Pr[right | i in] and Pr[right | i out] for queries (rows) and their neighbors in ``order`` (columns).

    ``beyond`` is the pair for an example past a list's end: equal for Bernoulli subsets, a little apart at fixed size,
    where one more in means another out. ``tail`` is the chance that a list is walked to its end, and bounds the error.

    >>> found = chances(np.array([[0, 1, 2]], np.int32), np.array([1, 0, 1]), np.array([1]), 3, p=0.5)
    >>> inside, outside = found.dense(3)  # a row a training example, a column a query
    >>> inside[:, 0].tolist(), outside[:, 0].tolist()
    ([1.0, 0.5, 0.75], [0.25, 0.75, 0.5])
    """

    order: NDArray[np.int32]
    inside: Floats
    outside: Floats
    beyond: Floats
    tail: float

    @property
    def influence(self) -> Floats:
        """Pr[right | in] − Pr[right | out], by place in the list."""
        return self.inside - self.outside

    def dense(self, n: int) -> tuple[Floats, Floats]:
        """(n, q) Pr[right | in] and Pr[right | out], by training index."""
        tables = []
        for given, part in enumerate((self.inside, self.outside)):
            table = np.repeat(self.beyond[:, given, None], n, axis=1)
            np.put_along_axis(table, self.order.astype(np.int64), part, 1)
            tables.append(table.T)
        return tables[0], tables[1]


def chances(
    order: NDArray[np.int32],
    y_train: NDArray[np.int64],
    labels: NDArray[np.int64],
    n: int,
    *,
    k: int = 1,
    m: int | None = None,
    p: float | None = None,
) -> Chances:
    """Of lists ``order`` (q, length) of nearest training examples, whose labels are ``y_train``, and the queries' ``labels``:
    ``k`` neighbors vote, of a subset of fixed size ``m`` of ``n``, or of one that each example is in with chance ``p``.

    >>> nearest_first = np.array([[0, 1, 2]], np.int32)  # of one query, whose label is 1
    >>> chances(nearest_first, np.array([1, 0, 1]), np.array([1]), 3, p=0.5).influence.tolist()
    [[0.75, -0.25, 0.25]]
    """
    from empirical.learners.knn import knn_cpu

    k = whole("k", k)
    if (m is None) == (p is None):
        raise ArgumentError("design", f"m={m}, p={p}", "give one of m (fixed size) and p (Bernoulli)")
    size = whole("m", m, 1, n - 1) if m is not None else -1
    rate = real("p", p, 0, 1, open_low=True, open_high=True) if p is not None else 0.0
    draw = knn_cpu.Draw(k, n, size, rate)
    found = knn_cpu.Found(np.empty(order.shape), np.empty(order.shape), np.empty((len(order), 2)))
    lists = np.empty((len(order), order.shape[1] + 1), np.int64)  # of classes, numbered anew in each
    kinds = np.empty(len(order), np.int64)
    for q, places in enumerate(order):
        present, lists[q] = np.unique(np.append(y_train[places], labels[q]), return_inverse=True)
        kinds[q] = len(present)
    for kind in np.unique(kinds).tolist():
        at = np.flatnonzero(kinds == kind)
        states = knn_cpu.States(*_states(kind, k))
        knn_cpu.chances(lists[at, :-1], lists[at, -1], at, states, draw, found)
    return Chances(order, *found, _tail(order.shape[1], n, k, size, rate))


def exact(
    data: Data, *, k: int = 1, m: int | None = None, p: float | None = None, length: int | None = None
) -> tuple[Floats, Chances]:
    """Memorization of the training examples, and the chances of the test examples, where ``k`` neighbors vote, of subsets of
    fixed size ``m`` or ones that each example is in with chance ``p``.

    Lists are as long as needed for a ``tail`` below 1e-16, or ``length``. Memorization is NaN for an example that is
    not in its own list (only where ``length`` cuts off its duplicates).

    >>> data = Data(np.array([[0.0], [1.0], [9.0]]), np.array([0, 0, 1]), np.array([[8.0]]), np.array([1]), ("a", "b"))
    >>> memorization, tests = exact(data, p=0.5)
    >>> memorization.tolist()  # nobody teaches the third example
    [0.5, 0.5, 1.0]
    """
    train, test = features(data)
    if length is None:
        length = next(c for c in range(1, data.n + 1) if c == data.n or _tail(c, data.n, k, m or -1, p or 0.0) < 1e-16)
    own = neighbors(train, train, length)
    mine = chances(own, data.y_train, data.y_train, data.n, k=k, m=m, p=p)
    at = own == np.arange(data.n)[:, None]
    memorization = np.where(at.any(1), mine.influence[np.arange(data.n), at.argmax(1)], np.nan)
    return memorization, _of(test, train, data, length, k, m, p)


def _of(queries: Floats32, train: Floats32, data: Data, length: int, k: int, m: int | None, p: float | None) -> Chances:
    return chances(neighbors(queries, train, length), data.y_train, data.y_test, data.n, k=k, m=m, p=p)


def nearest_bernoulli(agree: ArrayLike, p: float) -> Floats:
    """Influence at each place of (q, length) lists, k = 1, each example in with chance ``p``: the closed form, which ``chances``
    must equal. ``agree`` is 1 where a neighbor has the query's label, else 0.

    >>> nearest_bernoulli([[1, 0, 1]], 0.5).tolist()  # of three neighbors the middle one has another label
    [[0.75, -0.25, 0.25]]
    """
    c = np.asarray(agree, np.float64)
    value = np.zeros((c.shape[0], c.shape[1] + 1))
    for s in range(c.shape[1] - 1, -1, -1):
        value[:, s] = p * c[:, s] + (1 - p) * value[:, s + 1]
    return np.asarray((1 - p) ** np.arange(c.shape[1]) * (c - value[:, 1:]))


def nearest_fixed(agree: ArrayLike, n: int, m: int) -> Floats:
    """Influence at each place of (q, n) lists, k = 1, subsets of size m of n: the closed form by ratios, without factorials.
    ``agree`` is 1 where a neighbor has the query's label, else 0.

    >>> nearest_fixed([[1, 0, 1]], n=3, m=2).tolist()
    [[1.0, -0.5, -0.5]]
    """
    c = np.asarray(agree, np.float64)
    r = np.arange(1, n + 1)
    first_in = _first(n - 1, m - 1)  # Pr(first = r | s in), r < s: the first of n − 1 others with m − 1 taken
    none_in = 1 - np.concatenate([[0.0], np.cumsum(first_in)[:-1]])  # no other before place s
    first_out = _first(n - 1, m)
    before_in = np.concatenate([np.zeros((len(c), 1)), np.cumsum(c[:, :-1] * first_in[:-1], 1)], 1)
    before_out = np.concatenate([np.zeros((len(c), 1)), np.cumsum(c[:, :-1] * first_out[:-1], 1)], 1)
    shifted = np.concatenate([[0.0], first_out[:-1]])  # r > s is the (r − 1)-th of the others
    past = np.cumsum((c * shifted)[:, ::-1], 1)[:, ::-1]
    after_out = np.concatenate([past[:, 1:], np.zeros((len(c), 1))], 1)
    assert r[-1] == n
    return np.asarray(before_in + c * none_in - before_out - after_out)


def _first(n: int, m: int) -> Floats:
    """Pr(the first of m taken from n in order is at place r), r = 1..n + 1: C(n − r, m − 1)/C(n, m), by ratios."""
    chance, still = np.zeros(n + 1), 1.0
    for r in range(n):
        take = min(1.0, m / (n - r))
        chance[r], still = still * take, still * (1 - take)
    return chance


def _states(classes: int, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Multisets of at most k of the classes: the state one more leads to, how many it holds, its majority."""
    if comb(classes + k, k) > STATES:
        raise ArgumentError("k", f"{k} with {classes} classes near one query", "use a smaller k, or subsets")
    states = [s for size in range(k + 1) for s in combinations_with_replacement(range(classes), size)]
    where = {s: i for i, s in enumerate(states)}
    step = np.full((len(states), classes), -1, np.int64)
    winner = np.full(len(states), -1, np.int64)
    for i, state in enumerate(states):
        if state:
            winner[i] = np.bincount(state, minlength=classes).argmax()
        if len(state) < k:
            for c in range(classes):
                step[i, c] = where[tuple(sorted((*state, c)))]
    return step, np.array([len(s) for s in states]), winner


def _tail(length: int, n: int, k: int, m: int, p: float) -> float:
    """The chance that fewer than k of a list's ``length`` are in; 0 for a list of all."""
    if length >= n:
        return 0.0
    return float(hypergeom.cdf(k - 1, n, length, m) if m >= 0 else binom.cdf(k - 1, length, p))
