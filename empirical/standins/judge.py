"""How well one number an example finds the mislabeled, or goes with memorization: each measure with its standard error.

- AUC, the chance that a mislabeled example has the larger number, ties half: (1/mk) Σ_{i,j} 1{x_i > y_j} + ½ 1{x_i = y_j}. Its
  variance is DeLong, DeLong & Clarke-Pearson's (Biometrics 44, 1988): s²(a)/m + s²(b)/k, where a_i is the share of the k others
  that mislabeled i exceeds, b_j the share of the m mislabeled that exceed other j.
- Average precision, Σ_t (R_t − R_{t−1}) P_t over thresholds t downwards, P and R precision and recall of what is at t or above.
- Pearson's and Spearman's correlation. These three have the standard deviation over examples drawn again (Efron 1979).

Examples without a number, NaN, are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import rankdata

from longtail.core import ArgumentError, Estimate, Floats

AGAIN = 200
Measure = Callable[[Floats, Floats], float]


def auc(numbers: Any, positive: Any) -> Estimate:
    """The area under the curve, .5 for numbers that know nothing.

    >>> auc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]).value
    0.75
    """
    x, marked = _known(numbers, positive)
    a, b = x[marked > 0], x[marked == 0]
    _both(len(a), len(b))
    ranks = rankdata(np.append(a, b))
    exceeds = (ranks[: len(a)] - rankdata(a)) / len(b)
    exceeded = 1 - (ranks[len(a) :] - rankdata(b)) / len(a)
    parts = [float(v.var(ddof=1)) / len(v) if len(v) > 1 else np.nan for v in (exceeds, exceeded)]
    return Estimate(float(exceeds.mean()), float(np.sqrt(sum(parts))))


def average_precision(numbers: Any, positive: Any, *, seed: int = 0) -> Estimate:
    """The mean precision at each mislabeled example; the share of the mislabeled for numbers that know nothing.

    >>> average_precision(np.array([0.9, 0.8, 0.1]), np.array([True, False, False])).value
    1.0
    """
    x, marked = _known(numbers, positive)
    _both(int(marked.sum()), int((1 - marked).sum()))
    return _again(precision, x, marked, seed)


def pearson(numbers: Any, truth: Any, *, seed: int = 0) -> Estimate:
    """Pearson's correlation; NaN where one of them does not vary.

    >>> pearson(np.arange(20.0), 2 * np.arange(20.0))
    Estimate(value=1.0, stderr=0.0, bound=0.0)
    """
    return _again(_correlation, *_known(numbers, truth), seed)


def spearman(numbers: Any, truth: Any, *, seed: int = 0) -> Estimate:
    """Spearman's, which is Pearson's of ranks.

    >>> spearman(np.arange(20.0), np.arange(20.0) ** 3)
    Estimate(value=1.0, stderr=0.0, bound=0.0)
    """
    return _again(lambda x, y: _correlation(rankdata(x), rankdata(y)), *_known(numbers, truth), seed)


def precision(x: Floats, marked: Floats) -> float:
    """Average precision; NaN where nothing is marked.

    >>> precision(np.array([0.9, 0.8, 0.1]), np.array([True, False, False]))
    1.0
    """
    order = np.argsort(-x, kind="stable")
    hits = np.cumsum(marked[order])
    ends = np.append(np.flatnonzero(np.diff(x[order])), len(x) - 1)  # of what is equal
    if hits[-1] == 0:
        return float("nan")
    gained = np.diff(np.append(0, hits[ends]))
    return float(np.sum(gained * hits[ends] / (ends + 1)) / hits[-1])


def _correlation(x: Floats, y: Floats) -> float:
    """Pearson's."""
    a, b = x - x.mean(), y - y.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else float("nan")


def _again(measure: Measure, x: Floats, y: Floats, seed: int) -> Estimate:
    rng = np.random.default_rng([seed, 0x57])
    draws = (rng.integers(0, len(x), len(x)) for _ in range(AGAIN))
    found = np.array([measure(x[at], y[at]) for at in draws])
    return Estimate(measure(x, y), float(np.nanstd(found, ddof=1)) if np.isfinite(found).sum() > 1 else float("nan"))


def _known(numbers: Any, truth: Any) -> tuple[Floats, Floats]:
    x, y = np.asarray(numbers, float), np.asarray(truth, float)
    if x.ndim != 1 or x.shape != y.shape:
        raise ArgumentError("numbers", f"shape {x.shape} for {y.shape}", "give one number for each example")
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 2:
        raise ArgumentError("numbers", f"{int(known.sum())} that are known", "give those of two examples or more")
    return x[known], y[known]


def _both(marked: int, others: int) -> None:
    if not marked or not others:
        got = f"{marked} mislabeled and {others} other examples"
        raise ArgumentError("positive", got, "give at least one of either")
