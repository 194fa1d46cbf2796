"""Laws of masses: of a few values, or without steps and read off a transform (``longtail.exact.mass_laws``)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from longtail.core import Estimate, Floats, real
from longtail.exact.contours import Complexes, log1p
from longtail.exact.laws import root
from longtail.exact.mellin import EPS


class MassLaw(ABC):
    """The law of a mass: ``cdf``, ``quantile``, ``mean``, ``variance``, off by no more than ``bound`` and ``resolution``:

    Pr[M ≤ m − resolution] − bound ≤ cdf(m) ≤ Pr[M ≤ m + resolution] + bound. ``resolution`` is 0 but of a law of
    many steps that are not told one by one, or that is computed where it is asked (``longtail.exact.pointwise``).

    >>> from longtail import Problem, Uniform, exact
    >>> unseen = exact.mass_law(Problem(Uniform(size=2), n=3))  # half of all in one data set of four, else nothing
    >>> round(unseen.cdf(0.4).value, 9), round(unseen.quantile(0.9), 9), round(unseen.deviation.value, 6)
    (0.75, 0.5, 0.216506)
    """

    mean: Estimate
    variance: Estimate
    bound: float
    resolution: float

    @abstractmethod
    def cdf(self, mass: ArrayLike) -> Estimate:
        """Pr[M ≤ mass]."""

    @abstractmethod
    def quantile(self, level: float) -> float:
        """The least mass m with Pr[M ≤ m] ≥ ``level``."""

    @property
    def deviation(self) -> Estimate:
        """The standard deviation."""
        return root(self.variance)


@dataclass(frozen=True)
class Steps(MassLaw):
    """A law of few values: ``probability`` of each of ``values``, which ascend.

    >>> law = Steps(np.array([0.0, 0.5]), np.array([0.75, 0.25]), Estimate(0.125), Estimate(0.046875), bound=0.0)
    >>> law.cdf(0.4).value, law.quantile(0.9)
    (0.75, 0.5)
    """

    values: Floats = field(repr=False)
    probability: Floats = field(repr=False)
    mean: Estimate
    variance: Estimate
    bound: float
    resolution: float = 0.0

    def cdf(self, mass: ArrayLike) -> Estimate:
        below = np.append(0.0, np.cumsum(self.probability))
        place = np.searchsorted(self.values, np.asarray(mass, float) + 64 * EPS, side="right")
        return Estimate(float(below[place]) if np.ndim(mass) == 0 else below[place], bound=self.bound)

    def quantile(self, level: float) -> float:
        reached = np.cumsum(self.probability) >= checked_level(level)
        return float(self.values[int(np.argmax(reached)) if reached.any() else -1])


@dataclass(frozen=True)
class Around:
    """E e^{iφ(g/n)(M − center)} at φ = ``turn``, 2 turn, ...; ``shape`` is that of g, None where there is none.

    All of (g/n)(M − center) lies in a period, 2π/turn, from ``base`` on.

    >>> phi = np.pi * np.arange(1, 1000)
    >>> transform = np.sinc(phi / 4 / np.pi) ** 2 + 0j  # of the mean of two uniform numbers
    >>> Around(0.5, base=-1.0, turn=np.pi, shape=None, transform=transform).below(np.array([0.25, 0.5])).round(4).tolist()
    [0.125, 0.5]
    """

    center: float
    base: float
    turn: float
    shape: int | None
    transform: Complexes = field(repr=False)

    def below(self, mass: Floats) -> Floats:
        """Pr[M ≤ mass]."""
        x, phi = mass - self.center, self.turn * np.arange(1, len(self.transform) + 1)
        if self.shape is None:
            log_kernel, known = -1j * np.multiply.outer(x, phi), x
        else:
            log_kernel = (self.shape - 1) * log1p(-1j * np.multiply.outer(x, phi) / self.shape)
            known = x * (1 - 1 / self.shape)
        terms = (np.exp(log_kernel) - np.exp(-1j * phi * self.base)) @ (self.transform / (-1j * phi))
        return np.asarray((known - self.base + 2 * terms.real) * self.turn / (2 * np.pi))

    def growth(self, x: float) -> float:
        """What noise in the last of the transform is multiplied by, at a distance of ``x``."""
        end = len(self.transform) * self.turn * x
        return 1.0 if self.shape is None else float(np.exp((self.shape - 1) / 2 * np.log1p((end / self.shape) ** 2)))


@dataclass(frozen=True)
class Inverted(MassLaw):
    """A law without steps, read off its transforms; all of it lies in [low, high].

    >>> phi = np.pi * np.arange(1, 1000)
    >>> part = Around(0.5, -1.0, np.pi, None, np.sinc(phi / 4 / np.pi) ** 2 + 0j)  # of the mean of two uniform numbers
    >>> law = Inverted(0.0, 1.0, (part,), Estimate(0.5), Estimate(1 / 24), bound=1e-6)
    >>> round(law.cdf(0.25).value, 4), round(law.quantile(0.875), 3)
    (0.125, 0.75)
    """

    low: float
    high: float
    around: tuple[Around, ...] = field(repr=False)
    mean: Estimate
    variance: Estimate
    bound: float
    resolution: float = 0.0

    def cdf(self, mass: ArrayLike) -> Estimate:
        flat = np.clip(np.ravel(np.asarray(mass, float)), self.low, self.high)
        out = np.zeros(len(flat))
        nearest = np.argmin(np.abs(flat[:, None] - np.array([one.center for one in self.around])), axis=1)
        for i, one in enumerate(self.around):
            out[nearest == i] = one.below(flat[nearest == i])
        out = np.where(flat <= self.low, 0.0, np.where(flat >= self.high, 1.0, np.clip(out, 0.0, 1.0)))
        return Estimate(float(out[0]) if np.ndim(mass) == 0 else out.reshape(np.shape(mass)), bound=self.bound)

    def quantile(self, level: float) -> float:
        level, low, high = checked_level(level), self.low, self.high
        for _ in range(9):  # 64^9 parts of it
            cuts = np.linspace(low, high, 65)
            above = int(np.argmax(np.append(self.cdf(cuts[1:-1]).value, 1.0) >= level))
            low, high = float(cuts[above]), float(cuts[above + 1])
        return high


def checked_level(level: float) -> float:
    """A level between 0 and 1, or an ArgumentError.

    >>> checked_level(0.5)
    0.5
    """
    return real("level", level, 0.0, 1.0, open_low=True, open_high=True)
