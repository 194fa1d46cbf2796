"""Coupling: with what probability λ one member of a subpopulation teaches another (Feldman, arXiv 1906.05271, section 4).

λ belongs to a subpopulation. A lookup table has λ = 1: who has seen one has seen all. Real subpopulations hang together
more or less loosely, so λ has a law: one value for all, or a Beta law, of which the uniform is one.

What nobody taught is guessed, rightly once in K. A fresh guess in every model makes memorization 1 − 1/K at most; a learner
without chance of its own guesses the same in all of them: then one subpopulation in K is right untaught, and has memorization
0, and that of the others reaches 1. Most are between: what a nearest neighbor guesses depends on who else was drawn. So a
subpopulation has a chance g of being guessed rightly, and the most that memorization can reach there is

    1 − g ~ Beta(κ(1 − 1/K), κ/K),     1/(1 + κ) = ``steady``, the correlation of the guesses of two models.

On average, and in every error, all of them are the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from longtail.core import Floats, real

CELLS = 48  # between values of the most that memorization can be
FIRM = 1e-6  # distance of κ, or its inverse, from 0, beyond which it makes no difference


class Coupling(ABC):
    """The law of λ over subpopulations, and how far guesses are the same in every model: 0 not at all, 1 always."""

    steady: float = 0.0

    def guesses(self, n_classes: int, cells: int = CELLS) -> tuple[Floats, Floats]:
        """What memorization can be at the most, and the shares of subpopulations for which it is that.

        A law in between has the same values, and shares, as ``hats`` does.

        >>> Fixed(1.0).guesses(10), Fixed(1.0, steady=1).guesses(10)
        ((array([0.9]), array([1.])), (array([0., 1.]), array([0.1, 0.9])))
        """
        wrong = 1 - 1 / n_classes
        if self.steady == 0:
            return np.array([wrong]), np.ones(1)
        if self.steady == 1:
            return np.array([0.0, 1.0]), np.array([1 - wrong, wrong])
        values = grid(cells)
        values = np.sort(np.append(values[np.abs(values - wrong) > 1e-6], wrong))
        return values, hats(*self._guess(n_classes), values)

    def tops(self, n_classes: int, rng: Any, count: int) -> Floats:
        """Independent draws of the most that memorization can be."""
        wrong = 1 - 1 / n_classes
        if self.steady == 0:
            return np.full(count, wrong)
        if self.steady == 1:
            return np.asarray(rng.random(count) < wrong, float)
        return np.asarray(rng.beta(*self._guess(n_classes), size=count), float)

    def _guess(self, n_classes: int) -> tuple[float, float]:
        kappa = float(np.clip((1 - self.steady) / self.steady, FIRM, 1 / FIRM))
        return kappa * (1 - 1 / n_classes), kappa / n_classes

    @property
    @abstractmethod
    def mean(self) -> float:
        """E λ."""

    @abstractmethod
    def below(self, strength: Floats) -> Floats:
        """Pr[λ ≤ strength]."""

    @abstractmethod
    def nodes(self, cells: int) -> tuple[Floats, Floats]:
        """λ and weights: of a law, at the ends of ``cells`` cells of [0, 1], the same for all laws."""

    @abstractmethod
    def sample(self, rng: Any, count: int) -> Floats:
        """Independent draws."""


@dataclass(frozen=True)
class Fixed(Coupling):
    """The same λ for every subpopulation; 1 is the lookup table of the theory."""

    strength: float = 1.0
    steady: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", real("strength", self.strength, 0.0, 1.0))
        object.__setattr__(self, "steady", real("steady", self.steady, 0.0, 1.0))

    @property
    def mean(self) -> float:
        return self.strength

    def below(self, strength: Floats) -> Floats:
        return np.asarray(np.asarray(strength) >= self.strength - 1e-12, float)

    def nodes(self, cells: int) -> tuple[Floats, Floats]:
        return np.array([self.strength]), np.ones(1)

    def sample(self, rng: Any, count: int) -> Floats:
        return np.full(count, self.strength)


@dataclass(frozen=True)
class Beta(Coupling):
    """λ ~ Beta(a, b): Beta(a=1, b=1) is uniform."""

    a: float = 1.0
    b: float = 1.0
    steady: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "a", real("a", self.a, 1e-3, 1e6))
        object.__setattr__(self, "b", real("b", self.b, 1e-3, 1e6))
        object.__setattr__(self, "steady", real("steady", self.steady, 0.0, 1.0))

    @property
    def mean(self) -> float:
        return self.a / (self.a + self.b)

    def below(self, strength: Floats) -> Floats:
        return np.asarray(special.betainc(self.a, self.b, np.clip(strength, 0.0, 1.0)))

    def nodes(self, cells: int) -> tuple[Floats, Floats]:
        return grid(cells), hats(self.a, self.b, grid(cells))

    def sample(self, rng: Any, count: int) -> Floats:
        return np.asarray(rng.beta(self.a, self.b, size=count), float)


def grid(cells: int) -> Floats:
    """From 0 to 1, finest at both ends, where laws have their mass."""
    return np.asarray((1 - np.cos(np.pi * np.linspace(0, 1, cells + 1))) / 2)


def hats(a: float, b: float, values: Floats) -> Floats:
    """A law Beta(a, b) at ``values``: each of its points is divided between the two about it, so that the mean is right.

    >>> hats(1.0, 1.0, np.array([0.0, 0.5, 1.0]))
    array([0.25, 0.5 , 0.25])
    """
    mass = np.diff(special.betainc(a, b, values))
    moment = a / (a + b) * np.diff(special.betainc(a + 1, b, values))
    upper = np.clip((moment - values[:-1] * mass) / np.diff(values), 0.0, mass)
    return np.asarray(np.append(mass - upper, 0.0) + np.append(0.0, upper))
