"""Coupling: with what probability λ one member of a subpopulation teaches another (Feldman, arXiv 1906.05271, section 4).

λ belongs to a subpopulation. A lookup table has λ = 1: who has seen one has seen all. Real subpopulations hang together
more or less loosely, so λ has a law: one value for all, or a Beta law, of which the uniform is one.

What nobody taught is guessed, rightly once in K. A fresh guess in every model makes memorization 1 − 1/K at most; a learner
without chance of its own guesses the same in all of them: then one subpopulation in K is right untaught, and has memorization
0, and that of the others reaches 1. On average, and in every error, the two are the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from longtail.core import Floats, real

POINTS = 64


class Coupling(ABC):
    """The law of λ over subpopulations, and whether a guess is the same in every model."""

    steady: bool = False

    def guesses(self, labels: int) -> tuple[float, float]:
        """The most that memorization can be, and the share of subpopulations for which it can be more than 0.

        >>> Fixed(1.0).guesses(10), Fixed(1.0, steady=True).guesses(10)
        ((0.9, 1.0), (1.0, 0.9))
        """
        wrong = 1 - 1 / labels
        return (1.0, wrong) if self.steady else (wrong, 1.0)

    @property
    @abstractmethod
    def mean(self) -> float:
        """E λ."""

    @abstractmethod
    def below(self, strength: Floats) -> Floats:
        """Pr[λ ≤ strength]."""

    @abstractmethod
    def nodes(self) -> tuple[Floats, Floats]:
        """Values and weights of a rule for expectations of smooth functions of λ."""

    @abstractmethod
    def sample(self, rng: Any, count: int) -> Floats:
        """Independent draws."""


@dataclass(frozen=True)
class Fixed(Coupling):
    """The same λ for every subpopulation; 1 is the lookup table of the theory."""

    strength: float = 1.0
    steady: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", real("strength", self.strength, 0.0, 1.0))

    @property
    def mean(self) -> float:
        return self.strength

    def below(self, strength: Floats) -> Floats:
        return np.asarray(np.asarray(strength) >= self.strength - 1e-12, float)

    def nodes(self) -> tuple[Floats, Floats]:
        return np.array([self.strength]), np.ones(1)

    def sample(self, rng: Any, count: int) -> Floats:
        return np.full(count, self.strength)


@dataclass(frozen=True)
class Beta(Coupling):
    """λ ~ Beta(a, b): Beta(a=1, b=1) is uniform."""

    a: float = 1.0
    b: float = 1.0
    steady: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "a", real("a", self.a, 1e-3, 1e6))
        object.__setattr__(self, "b", real("b", self.b, 1e-3, 1e6))

    @property
    def mean(self) -> float:
        return self.a / (self.a + self.b)

    def below(self, strength: Floats) -> Floats:
        return np.asarray(special.betainc(self.a, self.b, np.clip(strength, 0.0, 1.0)))

    def nodes(self) -> tuple[Floats, Floats]:
        x, w = special.roots_sh_jacobi(POINTS, self.a + self.b - 1, self.a)
        return np.asarray(x), np.asarray(w / w.sum())

    def sample(self, rng: Any, count: int) -> Floats:
        return np.asarray(rng.beta(self.a, self.b, size=count), float)
