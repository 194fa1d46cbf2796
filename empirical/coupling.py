"""Coupling: with what probability λ one member of a subpopulation teaches another (Feldman, arXiv 1906.05271, section 4).

λ belongs to a subpopulation. A lookup table has λ = 1: who has seen one has seen all. Real subpopulations hang together
more or less loosely, so λ has a law: one value for all, or a Beta law, of which the uniform is one.
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
    """The law of λ over subpopulations."""

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
