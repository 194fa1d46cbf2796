"""What both packages share: a problem, a number with its errors, additive moments, and errors that say what to do.

The model is Feldman's (arXiv 1906.05271, section 2): ``size`` subpopulations, frequencies drawn from a list, ``n`` samples,
``labels`` classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Mode = Literal["random", "fixed"]
LARGEST = (
    10**12
)  # N and n: integers up to here are exact in a double, and so are their products with a frequency to rounding


class ArgumentError(ValueError):
    """``argument: got value; remedy``, on one line: what was wrong and what would do."""

    def __init__(self, argument: str, got: object, remedy: str) -> None:
        self.argument = argument
        self.shown = got if isinstance(got, str) else repr(got)
        self.remedy = remedy
        super().__init__(f"{argument}: got {self.shown}; {remedy}")

    def __reduce__(self) -> tuple[type[ArgumentError], tuple[str, str, str]]:
        """Made again from its three parts where it comes out of a worker process."""
        return type(self), (self.argument, self.shown, self.remedy)


class AccuracyError(ArgumentError):
    """A number that could not be had to eight digits; ``argument`` names what to change."""


def whole(argument: str, value: Any, least: int = 1, most: int = LARGEST) -> int:
    """``value`` as an int in [least, most], or an ArgumentError; 5e4 is welcome where it is a whole number."""
    try:
        number = int(value)
        exact = number == value
    except (TypeError, ValueError, OverflowError):
        exact = False
    if isinstance(value, bool) or not exact or not least <= number <= most:
        raise ArgumentError(
            argument,
            value,
            f"give a whole number from {least} to {most:.0e}"
            if most >= 10**6
            else f"give a whole number from {least} to {most}",
        )
    return number


def real(
    argument: str, value: Any, low: float, high: float = np.inf, *, open_low: bool = False, open_high: bool = False
) -> float:
    """``value`` as a float in [low, high] (ends left out where open), or an ArgumentError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    above = number > low if open_low else number >= low
    below = number < high if open_high or high == np.inf else number <= high
    if not (above and below):
        span = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high or high == np.inf else ']'}"
        raise ArgumentError(argument, value, f"give a number in {span}")
    return number


@dataclass(frozen=True)
class Nodes:
    """A frequency list as (log value, count) pairs; counts sum to the list's size and need not be whole."""

    log_value: Floats
    count: Floats


class Prior(ABC):
    """A list of ``size`` frequencies, up to scale. Subclass it (a frozen dataclass, whose repr is its name) to bring your own.

    ``nodes`` is all that exact results need; ``entries`` all that simulation needs. A list given by a formula in its rank
    is a ``longtail.priors.Ranked``, which has both.
    """

    size: int
    is_law: ClassVar[bool] = False  # True where frequencies follow a law and there is no list to take as it is

    @abstractmethod
    def nodes(self, refine: float = 1.0) -> Nodes:
        """The list, compressed so that sums of smooth functions of log value keep full precision; ``refine`` > 1 is finer."""

    @abstractmethod
    def entries(self) -> Floats:
        """The list itself, ``size`` values, largest first; an ArgumentError where there is none."""

    def between(self, low: float, high: float) -> Nodes:
        """The part of the list with low ≤ log value < high. Exact as far as ``nodes`` are the entries themselves."""
        nodes = self.nodes()
        inside = (nodes.log_value >= low) & (nodes.log_value < high)
        return Nodes(nodes.log_value[inside], nodes.count[inside])

    def sample(self, rng: Any, shape: tuple[int, ...]) -> Floats:
        """Independent uniform draws from the list."""
        return np.asarray(self.entries()[rng.integers(self.size, size=shape)])


@lru_cache(maxsize=64)
def compressed(prior: Prior, refine: float = 1.0) -> Nodes:
    """``prior.nodes(refine)``, kept: a list of counts takes longer to compress than to solve."""
    return prior.nodes(refine)


@dataclass(frozen=True)
class Problem:
    """Feldman's model: D(x) = p_x / Σ p, with p drawn from the prior's list; n samples from D; labels uniform over ``labels``.

    ``mode="random"`` draws each p_x from the list and normalizes (the paper's); ``"fixed"`` takes the list itself, permuted.
    """

    prior: Prior
    n: int
    labels: int = 10
    mode: Mode = "random"

    def __post_init__(self) -> None:
        if not isinstance(self.prior, Prior):
            raise ArgumentError("prior", self.prior, "give a longtail prior, for example Zipf(alpha=1, size=50000)")
        object.__setattr__(self, "n", whole("samples", self.n))
        object.__setattr__(self, "labels", whole("labels", self.labels, 2))
        if self.mode not in ("random", "fixed"):
            raise ArgumentError("mode", self.mode, "give 'random' or 'fixed'")
        if self.mode == "fixed" and self.prior.is_law:
            raise ArgumentError("mode", self.mode, f"{self.prior!r} is a law, not a list: use mode='random'")

    @property
    def guess(self) -> float:
        """1 − 1/K: the error of a guess."""
        return 1 - 1 / self.labels


@dataclass(frozen=True)
class Estimate:
    """A value, its standard error (0 where it is exact) and a bound on its numerical error."""

    value: Any
    stderr: Any = 0.0
    error: Any = 0.0

    def __sub__(self, other: Estimate) -> Estimate:
        """The difference of two independent estimates: the statistic of every test that compares them."""
        return Estimate(self.value - other.value, np.hypot(self.stderr, other.stderr), np.add(self.error, other.error))

    @property
    def z(self) -> Any:
        """value / stderr."""
        return self.value / self.stderr

    def __float__(self) -> float:
        return float(self.value)


@dataclass(frozen=True)
class Moments:
    """Count, means and co-moments of a vector; ``a + b`` is what one pass over both would have given (Chan et al. 1979).

    ``mean`` has shape (k,), ``comoment`` (k, k): Σ (x − mean)(x − mean)ᵀ.
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
