"""log B_ℓ(α), B_ℓ(α) = C(n, ℓ) α^ℓ (1 − α)^{n−ℓ}, to the last places of 1: by factors, or by Loader's saddle point (2000)."""

from __future__ import annotations

import numpy as np

from longtail.core import Floats

UNITS = 24  # last places that a term and its place in two sums of some hundred may be off by, whatever its exponents


def log_binomial(n: int, ell: int, odds: Floats, log_rest: Floats) -> tuple[Floats, Floats]:
    """log B_ℓ(α) at odds α/(1 − α), and how many last places of 1 it may be off by.

    >>> value, places = log_binomial(2, 1, np.array([1.0]), np.log([0.5]))  # one head of two tosses
    >>> np.exp(value).round(6).tolist()
    [0.5]
    """
    if ell <= 1000 or n - ell <= 1000:
        choose = _log_choose(n, ell)
        out, size = choose + (n - ell) * log_rest, 3 * choose - 3 * (n - ell) * log_rest
        if ell:
            with np.errstate(divide="ignore", over="ignore"):
                power = ell * np.log1p(1 / odds)  # −ℓ log α
            out -= power
            size += 3 * power
        return out, size
    return _log_deviance(n, ell, odds / (1 + odds), 1 / (1 + odds))


def _log_choose(n: int, ell: int) -> float:
    """log C(n, ℓ) from its factors, the smaller side at most 1000: at n = 1e12 one ulp of lgamma is .004."""
    i = np.arange(min(ell, n - ell))
    return float(np.log((n - i) / (i + 1.0)).sum())


def _log_deviance(n: int, ell: int, alpha: Floats, rest: Floats) -> tuple[Floats, Floats]:
    """log B_ℓ(α) by Loader's saddle point (2000), in which no term is larger than the answer; 0 < ℓ < n."""
    other = n - ell
    scale = stirling(n) - stirling(ell) - stirling(other) + np.log(n / (2 * np.pi * ell * other)) / 2
    deviance = deviance_of(ell, n * alpha) + deviance_of(other, n * rest)
    return scale - deviance, UNITS * (1 + deviance)  # of three terms up to twenty times as large as they leave


def stirling(n: float) -> float:
    """log n! − log(√(2πn) (n/e)^n), n > 1000.

    >>> round(stirling(2000), 9)
    4.1667e-05
    """
    return (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * n * n)) / (n * n)) / (n * n)) / n


def deviance_of(x: float | Floats, mean: Floats) -> Floats:
    """x log(x/mean) + mean − x, by its series where the two are close.

    >>> deviance_of(2.0, np.array([2.0, 4.0])).round(6).tolist()  # 2 log(2/4) + 4 − 2
    [0.0, 0.613706]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = x * np.log(x / mean) + mean - x
    v = (x - mean) / (x + mean)
    near = np.abs(v) < 0.1
    square = np.where(near, v * v, 0.0)
    series = np.zeros_like(v)
    for k in range(13, 0, -1):  # v^{2k+1}/(2k+1): 0.1^28 is a rounding error
        series = square * (series + 1 / (2 * k + 1))
    return np.where(near, (x - mean) * v + 2 * x * v * series, np.where(np.isnan(plain), np.inf, plain))
