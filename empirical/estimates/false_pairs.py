"""How many of the pairs found are false, and which threshold keeps them few.

A pair without influence passes by luck. Given that test example j was right in T_j of t trials and example i was in
n_in of them, with no influence the number of both is hypergeometric, so the chance that infl_ij ≥ θ is an exact tail

    Pr[X ≥ s],  X ~ Hypergeometric(t, T_j, n_in),  s = ⌈(θ + T_j/n_out) / (1/n_in + 1/n_out)⌉ ,

for other scores a normal one, of variance s_j² (1/n_in + 1/n_out). Added over all pairs looked at, it is the expected
number of false ones, as if none had influence: an upper bound, close where pairs with influence are few. Divided by the
pairs found it bounds the false-discovery rate (Benjamini & Hochberg 1995).

Trials of an orthogonal array are not independent: most pairs are off by less, and a few, whose columns alias what others
do together, by many times that, which no tail of one law has. But an alias takes either sign alike. So there the pairs
with influence ≤ −θ are counted, as many as are false at θ if no example harms another, more if some do; and to bound the
rate, one more (Barber & Candès, Annals of Statistics 43, 2015).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaln, ndtr

from empirical.estimates.influence import counted_pairs, held, margins
from empirical.estimates.memorization import slices
from empirical.estimates.pairing import Pairing
from empirical.training.trials import Trials
from longtail.core import Floats, Integers, real
from longtail.core.arrays import CPU, Device

HELD = 2_000_000  # pairs looked at in a search for a threshold
ALIKE = 0.05  # of log(n_in/n_out): examples so near share a tail, which is then within 2 % five standard errors out
LEVELS = 200  # thresholds tried of a score without bounds


def expected_false(trials: Trials, pairing: Pairing, thresholds: Any = None, *, device: Device = CPU) -> Floats:
    """The expected number of pairs at or above each threshold, had no pair influence; that of ``pairing`` unless told.

    >>> masks = np.random.default_rng(0).random((200, 5)) < 0.5
    >>> trials, anybody = Trials.of(masks, masks, masks[:, [3]]), Pairing(same_class=False)
    >>> expected_false(trials, anybody, [0.0, 0.2]).round(2).tolist()
    [2.64, 0.01]
    """
    theta = np.atleast_1d(np.asarray(pairing.threshold if thresholds is None else thresholds, float))
    if not trials.n_test:
        return np.zeros(len(theta))
    if trials.iid:
        return by_chance(trials, pairing, theta)
    return at_least(counted_pairs(_mirrored(trials), pairing.at(theta.min()), device=device).influence, theta)


def by_chance(trials: Trials, pairing: Pairing, theta: Floats) -> Floats:
    """``expected_false`` at the thresholds ``theta`` in independent trials, of which n_in and the scores alone matter.

    >>> masks = np.random.default_rng(0).random((200, 5)) < 0.5
    >>> trials, anybody = Trials.of(masks, masks, masks[:, [3]]), Pairing(same_class=False)
    >>> by_chance(trials, anybody, np.array([0.0, 0.2])).round(2).tolist()  # of five pairs
    [2.64, 0.01]
    """
    t = trials.count
    if trials.score == "correct":
        return by_margins(t, *margins(trials), pairing, theta)
    n_in, many = _looked_at(t, held(trials), trials.n_test, pairing)
    spread = np.maximum(_spreads(trials), 1e-300)
    error = (spread * np.sqrt(1 / k + 1 / (t - k)) for k in n_in)
    tails = (ndtr(-theta[:, None] / sd) @ row for sd, row in zip(error, many, strict=True))
    return np.asarray(sum(tails, np.zeros(len(theta))), float)


def by_margins(t: int, inside: Integers, right: Integers, pairing: Pairing, theta: Floats) -> Floats:
    """The same of t trials: in how many each training example was, and in how many models were right on each test example.

    >>> many, few = by_margins(100, np.full(5, 70), np.array([50]), Pairing(same_class=False), np.array([0.1, 0.5]))
    >>> bool(many > few)
    True
    """
    n_in, many = _looked_at(t, inside, len(right), pairing)
    value, which = np.unique(right, return_inverse=True)
    by_total = [np.bincount(which, weights=row, minlength=len(value)) for row in many]
    tails = (hypergeometric(t, value, k, theta) @ row for k, row in zip(n_in, by_total, strict=True))
    return np.asarray(sum(tails, np.zeros(len(theta))), float)


def _looked_at(t: int, n_in: Integers, n_test: int, pairing: Pairing) -> tuple[Integers, Floats]:
    """(K,) numbers of trials that training examples were in, nearly equal ones together; (K, n_test) pairs of each."""
    chosen = (n_in > 0) & (n_in < t) & (True if pairing.kept is None else pairing.kept)
    inside = n_in[chosen]
    near = np.round(np.log(inside / (t - inside)) / ALIKE)
    group = np.unique(near, return_inverse=True)[1]
    middle = np.rint(np.bincount(group, weights=inside) / np.maximum(np.bincount(group), 1)).astype(np.int64)
    classes = pairing.classes(len(n_in), n_test)
    if classes is None:
        return middle, np.repeat(np.bincount(group)[:, None].astype(float), n_test, 1)
    left, right = classes
    size = np.zeros((len(middle), int(max(left.max(), right.max())) + 1))
    np.add.at(size, (group, left[chosen]), 1)
    return middle, size[:, right]


def _spreads(trials: Trials) -> Floats:
    """Standard deviation of each test example's score over trials."""
    parts = [np.asarray(trials.test_scores(s), np.float32).std(0, ddof=1, dtype=float) for s in slices(trials.n_test)]
    return np.concatenate(parts)


def _mirrored(trials: Trials) -> Trials:
    """Trials whose influences are these with the other sign."""
    return replace(trials, test=~trials.test if trials.score == "correct" else -trials.test)


def at_least(values: Floats, levels: Floats) -> Floats:
    """How many values reach each level.

    >>> at_least(np.array([0.1, 0.2, 0.3]), np.array([0.2, 0.5])).tolist()
    [2.0, 0.0]
    """
    return (len(values) - np.searchsorted(np.sort(values), levels - 1e-12)).astype(float)


def hypergeometric(trials: Any, total: Any, inside: Any, threshold: Any) -> Floats:
    """Pr[influence ≥ threshold] of a pair without influence, shape (thresholds, totals); ``trials`` and ``inside`` may vary too.

    >>> round(6 * float(hypergeometric(4, [2], 2, [1.0])[0, 0]), 9)  # both right ones in the two trials it was in
    1.0
    """
    theta = np.asarray(threshold, float)[:, None]
    right, outside = np.asarray(total, float)[None, :], trials - inside
    first = np.ceil((theta + right / outside) / (1 / inside + 1 / outside) - 1e-9)
    lowest, highest = np.maximum(0, right - outside), np.minimum(right, inside)
    s = np.clip(first, lowest, highest)

    def ways(n: Any, k: Any) -> Floats:
        return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), float)

    term = np.exp(ways(right, s) + ways(trials - right, inside - s) - ways(trials, inside))
    tail = term.copy()
    while True:  # ratios of neighboring terms, which fall beyond the mean
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (right - s) * (inside - s) / ((s + 1) * (trials - right - inside + s + 1))
        term = np.where(s < highest, term * ratio, 0)
        tail += term
        s = s + 1
        if not (term > 1e-17 * tail).any():
            break
    return np.where(first > highest, 0.0, np.minimum(tail, 1.0))


def discoveries(trials: Trials, pairing: Pairing, *, step: float = 0.005, device: Device = CPU) -> pd.DataFrame:
    """threshold, pairs, expected_false and false_discovery_rate, from the lowest threshold that memory allows up to 1;
    up to the largest influence where scores have no bounds.

    >>> masks = np.random.default_rng(0).random((200, 5)) < 0.5
    >>> trials, anybody = Trials.of(masks, masks, masks[:, [3]]), Pairing(same_class=False)
    >>> table = discoveries(trials, anybody, step=0.1)
    >>> table[["threshold", "pairs"]].to_numpy().round(1).tolist()[:3]
    [[0.1, 1.0], [0.2, 1.0], [0.3, 1.0]]
    """
    bounded = trials.score in ("correct", "probability")
    unit = 1.0 if bounded else 20 * float(np.max(_spreads(trials))) / np.sqrt(trials.count)
    grid = steps(step) * unit
    false = by_chance(trials, pairing, grid)
    start = grid[(false <= HELD) & (grid > 0)]
    if not start.size:
        return rates(start, start, start)
    found = counted_pairs(trials, pairing.at(start[0]), device=device).influence
    grid = start if bounded else np.linspace(start[0], max(float(found.max(initial=0)), start[0]), LEVELS)
    pairs = at_least(found, grid)
    false = expected_false(trials, pairing, grid, device=device)
    return rates(grid, pairs, false, iid=trials.iid)


def steps(step: float = 0.005) -> Floats:
    """Thresholds up to 1.

    >>> steps(0.25).tolist()
    [0.25, 0.5, 0.75, 1.0]
    """
    return np.asarray(np.arange(1, round(1 / real("step", step, 1e-4, 0.5)) + 1) * step)


def rates(grid: Floats, pairs: Floats, false: Floats, *, iid: bool = True) -> pd.DataFrame:
    """The table of thresholds, the pairs found and the false ones expected at each.

    >>> rates(np.array([0.1, 0.2]), np.array([10.0, 4.0]), np.array([5.0, 1.0]))["false_discovery_rate"].tolist()
    [0.5, 0.25]
    """
    rate = np.minimum((false if iid else false + 1) / np.maximum(pairs, 1), 1)
    columns = {
        "threshold": grid,
        "pairs": pairs.astype(np.int64),
        "expected_false": false,
        "false_discovery_rate": rate,
    }
    return pd.DataFrame(columns)


def threshold_for(trials: Trials, pairing: Pairing, rate: float = 0.05, *, device: Device = CPU) -> float:
    """The lowest threshold at which the false-discovery rate is at most ``rate``; NaN where there is none.

    >>> masks = np.random.default_rng(0).random((200, 5)) < 0.5
    >>> trials, anybody = Trials.of(masks, masks, masks[:, [3]]), Pairing(same_class=False)
    >>> round(threshold_for(trials, anybody, rate=0.05), 3)
    0.165
    """
    real("rate", rate, 0, 1, open_low=True)
    return lowest(discoveries(trials, pairing, device=device), rate)


def lowest(table: pd.DataFrame, rate: float) -> float:
    """The same of a table of ``rates``.

    >>> lowest(rates(np.array([0.1, 0.2]), np.array([10.0, 4.0]), np.array([5.0, 1.0])), 0.3)
    0.2
    """
    good = table[(table["false_discovery_rate"] <= rate) & (table["pairs"] > 0)]
    return float(good["threshold"].min()) if len(good) else float("nan")
