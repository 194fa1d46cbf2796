"""A number with its errors, and the additive moments that it is read off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from longtail.core.shown import table
from longtail.core.types import Floats


@dataclass(frozen=True)
class Estimate:
    """A value, its standard error (0 where it is exact) and a bound on its numerical error.

    >>> difference = Estimate(0.50, stderr=0.03) - Estimate(0.43, stderr=0.04)
    >>> round(difference.value, 2), round(float(difference.stderr), 2), round(float(difference.z), 1)
    (0.07, 0.05, 1.4)
    """

    value: Any
    stderr: Any = 0.0
    bound: Any = 0.0

    def __sub__(self, other: Estimate) -> Estimate:
        """The difference of two independent estimates: the statistic of every test that compares them."""
        return Estimate(self.value - other.value, np.hypot(self.stderr, other.stderr), np.add(self.bound, other.bound))

    @property
    def z(self) -> Any:
        """value / stderr."""
        return self.value / self.stderr

    def __float__(self) -> float:
        return float(self.value)

    def _repr_html_(self) -> str:
        """A row a value, with those errors that it has."""
        value, error, bound = np.broadcast_arrays(self.value, self.stderr, self.bound)
        known = {"value": value, "standard error": error, "numerical error": bound}
        kept = {name: part.ravel() for name, part in known.items() if name == "value" or np.any(part != 0)}
        return table("Estimate", zip(*(part.tolist() for part in kept.values()), strict=True), list(kept))


@dataclass(frozen=True)
class Moments:
    """Count, means and co-moments of a vector; ``a + b`` is what one pass over both would have given (Chan et al. 1979).

    ``mean`` has shape (k,), ``comoment`` (k, k): Σ (x − mean)(x − mean)ᵀ.

    >>> both = Moments.of([[1.0, 2.0], [3.0, 6.0]]) + Moments.of([[5.0, 7.0]])
    >>> both.count, both.mean.tolist()
    (3, [3.0, 5.0])
    >>> round(both.ratio(top=[0, 1], bottom=[1, 0]).value, 3)  # 15/3 over 9/3
    1.667
    """

    count: int
    mean: Floats = field(repr=False)
    comoment: Floats = field(repr=False)

    @classmethod
    def of(cls, rows: ArrayLike) -> Moments:
        """Moments of the rows of a (count, k) array."""
        x = np.asarray(rows, float)
        mean = x.mean(0) if len(x) else np.zeros(x.shape[1])
        y = x - mean
        return cls(len(x), mean, y.T @ y)

    def __add__(self, other: Moments) -> Moments:
        count = self.count + other.count
        if count == 0:
            return self
        step = other.mean - self.mean
        share = other.count / count
        outer = np.outer(step, step) * (self.count * share)
        return Moments(count, self.mean + step * share, self.comoment + other.comoment + outer)

    @property
    def covariance(self) -> Floats:
        """Covariance of the mean: NaN below two rows, where it cannot be known."""
        if self.count < 2:
            return np.full_like(self.comoment, np.nan)
        return self.comoment / (self.count - 1) / self.count

    def linear(self, weights: ArrayLike) -> Estimate:
        """Σ w_i x_i."""
        w = np.asarray(weights, float)
        return Estimate(float(w @ self.mean), float(np.sqrt(np.maximum(w @ self.covariance @ w, 0.0))))

    def ratio(self, top: ArrayLike, bottom: ArrayLike) -> Estimate:
        """(a·x) / (b·x) by the delta method; NaN where the denominator is 0."""
        a, b = np.asarray(top, float), np.asarray(bottom, float)
        below = float(b @ self.mean)
        if below == 0:
            return Estimate(np.nan, np.nan)
        value = float(a @ self.mean) / below
        gradient = (a - value * b) / below
        return Estimate(value, float(np.sqrt(np.maximum(gradient @ self.covariance @ gradient, 0.0))))
