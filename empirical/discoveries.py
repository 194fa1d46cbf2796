"""How many of the pairs found are false, and which threshold keeps them few.

A pair without influence passes by luck. Given that test example j was right in T_j of t trials and example i was in
n_in of them, with no influence the number of both is hypergeometric, so the chance that infl_ij ≥ θ is an exact tail

    Pr[X ≥ s],  X ~ Hypergeometric(t, T_j, n_in),  s = ⌈(θ + T_j/n_out) / (1/n_in + 1/n_out)⌉ .

Added over all pairs looked at, it is the expected number of false ones, as if none had influence: an upper bound, close
where pairs with influence are few. Divided by the pairs found it bounds the false-discovery rate (Benjamini & Hochberg
1995). Under orthogonal arrays, and for other scores, the tail is normal with the null's standard error instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaln, ndtr

from empirical import residuals
from empirical.design import Bools, Integers
from empirical.influence import above, margins
from empirical.memorization import blocks, labels
from empirical.trials import Trials
from longtail.core import ArgumentError, Floats, real

HELD = 2_000_000  # pairs looked at in a search for a threshold
NODES = 9  # of the distribution of n_in


def expected_false(
    trials: Trials, y_train: Any, y_test: Any, threshold: Any, *, same_class: bool = True, kept: Bools | None = None
) -> Floats:
    """The expected number of pairs at or above each threshold, had no pair influence; of ``kept`` training examples."""
    theta = np.atleast_1d(np.asarray(threshold, float))
    n_in, partners = looked_at(trials, y_train, y_test, same_class, kept)
    if trials.score == "correct" and residuals.arrays(trials) is None:
        totals = margins(trials)[1]
        value, which = np.unique(totals, return_inverse=True)
        many = np.bincount(which, weights=partners)
        usable = n_in[(n_in > 0) & (n_in < trials.count)]
        if not usable.size:
            return np.zeros(len(theta))
        nodes = np.quantile(usable, (np.arange(NODES) + 0.5) / NODES).round()
        share = usable.size / len(n_in)
        tails = np.stack([hypergeometric(trials.count, value, k, theta) for k in nodes]).mean(0)
        return np.asarray(share * (tails @ many), float)
    error = null_stderr(trials, y_train)
    with np.errstate(divide="ignore"):
        return np.asarray(ndtr(-theta[:, None] / np.maximum(error, 1e-300)) @ partners, float)


def looked_at(
    trials: Trials, y_train: Any, y_test: Any, same_class: bool, kept: Bools | None = None
) -> tuple[Integers, Floats]:
    """In how many trials each training example was in; how many training examples each test example is paired with."""
    n_in = margins(trials)[0] if trials.score == "correct" else trials.masks().sum(0)
    chosen = np.ones(trials.n, bool) if kept is None else kept
    n_in = n_in[chosen]
    if not same_class:
        return n_in, np.full(trials.n_test, float(len(n_in)))
    left, right = labels("y_train", y_train, trials.n), labels("y_test", y_test, trials.n_test)
    if left is None or right is None:
        raise ArgumentError("y_train, y_test", None, "pairs of one class need both labels; or give same_class=False")
    size = np.bincount(left[chosen], minlength=int(max(left.max(), right.max())) + 1)
    return n_in, size[right].astype(float)


def null_stderr(trials: Trials, y_train: Any) -> Floats:
    """Standard error of an influence that is zero, for each test example."""
    t, p = trials.count, trials.masks().mean()
    out = np.zeros(trials.n_test)
    design = residuals.arrays(trials)
    everyone = residuals.standard(trials.masks(), p) if design is not None and not design.stratified else None
    for s in blocks(trials.n_test):
        f = np.asarray(trials.test_scores(s), np.float32)
        share: Any = residuals.left(everyone, f)[2] if everyone is not None else 1.0
        out[s] = np.sqrt(share * f.var(0, dtype=float, ddof=1) / (t * p * (1 - p)))
    return out


def hypergeometric(trials: int, total: Any, inside: float, threshold: Any) -> Floats:
    """Pr[influence ≥ threshold] of a pair without influence, shape (thresholds, totals).

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


def discoveries(
    trials: Trials, y_train: Any, y_test: Any, *, step: float = 0.005, same_class: bool = True, device: str = "cpu"
) -> pd.DataFrame:
    """threshold, pairs, expected_false and false_discovery_rate, from the lowest threshold that memory allows up to
    1.
    """
    grid = np.arange(1, round(1 / real("step", step, 1e-4, 0.5)) + 1) * step
    false = expected_false(trials, y_train, y_test, grid, same_class=same_class)
    kept = false <= HELD
    grid, false = grid[kept], false[kept]
    if not grid.size:
        return pd.DataFrame(columns=["threshold", "pairs", "expected_false", "false_discovery_rate"], dtype=float)
    pairs_above = above(trials, y_train, y_test, float(grid[0]), same_class=same_class, device=device)
    found = np.sort(pairs_above.influence)
    pairs = len(found) - np.searchsorted(found, grid - 1e-12)
    rate = np.minimum(false / np.maximum(pairs, 1), 1)
    return pd.DataFrame({"threshold": grid, "pairs": pairs, "expected_false": false, "false_discovery_rate": rate})


def threshold_for(
    trials: Trials, y_train: Any, y_test: Any, rate: float = 0.05, *, same_class: bool = True, device: str = "cpu"
) -> float:
    """The lowest threshold at which the false-discovery rate is at most ``rate``; NaN where there is none."""
    real("rate", rate, 0, 1, open_low=True)
    table = discoveries(trials, y_train, y_test, same_class=same_class, device=device)
    good = table[(table["false_discovery_rate"] <= rate) & (table["pairs"] > 0)]
    return float(good["threshold"].min()) if len(good) else float("nan")
