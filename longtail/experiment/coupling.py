"""Coupling: with what probability λ one member of a subpopulation teaches another (Feldman, arXiv 1906.05271, section 4).

λ belongs to a subpopulation. A lookup table has λ = 1: who has seen one has seen all. Real subpopulations hang together
more or less loosely, so λ has a law: one value for all, or a Beta law, of which the uniform is one.

What nobody taught is guessed, rightly once in K. A fresh guess in every model makes memorization 1 − 1/K at most; a learner
without chance of its own guesses the same in all of them: then one subpopulation in K is right untaught, and has memorization
0, and that of the others reaches 1. Most are between: what a nearest neighbor guesses depends on who else was drawn. So a
subpopulation has a chance g of being guessed rightly, and the most that memorization can reach there is

    1 − g ~ Beta(κ(1 − 1/K), κ/K),     1/(1 + κ) = ``steady``, the correlation of the guesses of two models.

On average, and in every error, all of them are the same.

Real learners do better than guess: they generalize across subpopulations, and how well depends on which. So u = 1 − g, the
chance of being wrong on a subpopulation that nobody taught, may have any mean (``difficulty``; None is 1 − 1/K) with the same
law of its spread. Feldman's theorem holds in this form: write err = Σ_x D(x) Pr[h(x) ≠ y_x], and split the sum by how often x is
in the sample Z. What is unseen is wrong with chance u_x whatever the learner does, so that E Σ_{x unseen} D(x) u_x is ``opt``,
E u times the unseen mass where u is independent of D. On what is seen ℓ times a learner that errs by its own count errs with
chance errn_x, and E[D(x) | x seen ℓ times] = τ_ℓ does not know u_x. Hence

    E err = E u · E[unseen mass] + E Σ_{ℓ≥1} τ_ℓ Σ_{x ∈ X_ℓ} errn_x,

with the same τ_ℓ; and of a learner that leaves x to what the others teach it errn_x = u_x: not memorizing x costs τ_ℓ u_x.

Two more things are seen in data. ``dust``, a share ν of all examples, is what never comes again, wrong labels among it: each is
a subpopulation of its own, of no frequency; it has the law of u, teaches nobody and is taught by nobody. And one member need
not teach all others alike: λ of a pair is its subpopulation's with chance 1 − ω, and else a draw of its own from the law of λ
(``apart`` = ω). With ω = 0 members hang together as one; with ω = 1 each test example has a neighbor or two of its own.

An example may be hard by itself, too, whatever its subpopulation is: with chance η (``own``) it has a u of its own, drawn from
the same law, in training as in testing. Memorization then has the law that it had, and says less of what an example teaches.
Where a training example has u_i, a test example of its subpopulation is wrong untaught with chance

    E[u_j | u_i] = (1 − η)² u_i + (1 − (1 − η)²) E u,

and that is what not memorizing it costs, times τ_ℓ, in place of u_i. With η = 1 what is hard to learn is worth no more than what
is easy and seen as often: the memorized may teach nobody much, and those that are not may carry most of what is carried. The
theorem is as it was, with errn_x the chance of a fresh member of x, and E u for all that is unseen.

Influences that are published fall by half from each twentieth to the next, and yet a few lie near 1, where they are what is
memorized: no Beta law does both. So λ may have two more values,

    λ = 0 with chance σ (``strangers``);   else 1 with chance τ (``twins``), and Beta(a, b) with chance 1 − τ.

Twins are near-duplicates, the same thing photographed twice (a tenth of CIFAR-100's test images have one in training: Barz &
Denzler, arXiv 1902.00423); strangers are alike in name only. E λ = (1 − σ)(τ + (1 − τ) a/(a + b)), and the theorem above is as it
was, for it does not ask for the law of λ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy import special

from longtail.core import ArgumentError, Floats, real

FEWER = 24  # of them where u is no guess, and its mean no value that stands out
CELLS = 48  # between values of the most that memorization can be
# fields that a repr leaves out where they are as Feldman has them
LATER = ("difficulty", "dust", "own", "apart", "twins", "strangers")
FIRM = 1e-6  # distance of κ, or its inverse, from 0, beyond which it makes no difference


class Coupling(ABC):
    """The law of λ over subpopulations, and of u: how far guesses are the same in every model, 0 not at all, 1 always, and
    ``difficulty``, how often they are wrong; the share of ``dust``; and how far λ is a pair's own, ``apart``, and u an example's
    ``own``.
    """

    steady: float = 0.0
    difficulty: float | None = None
    dust: float = 0.0
    apart: float = 0.0
    own: float = 0.0

    def __repr__(self) -> str:
        """As it is written; of the later fields, those that say something."""
        shown = [f for f in fields(self) if f.name not in LATER or getattr(self, f.name) != f.default]  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in shown)})"

    def wrong(self, n_classes: int) -> float:
        """E u."""
        return 1 - 1 / n_classes if self.difficulty is None else self.difficulty

    def guesses(self, n_classes: int, cells: int = CELLS) -> tuple[Floats, Floats]:
        """What memorization can be at the most, and the shares of subpopulations for which it is that.

        A law in between has the same values, and shares, as ``hats`` does.

        >>> Fixed(1.0).guesses(10), Fixed(1.0, steady=1).guesses(10)
        ((array([0.9]), array([1.])), (array([0., 1.]), array([0.1, 0.9])))
        """
        wrong = self.wrong(n_classes)
        if self.steady == 0:
            return np.array([wrong]), np.ones(1)
        if self.steady == 1:
            return np.array([0.0, 1.0]), np.array([1 - wrong, wrong])
        values = grid(cells if self.difficulty is None else min(cells, FEWER))
        if self.difficulty is None:
            values = np.sort(np.append(values[np.abs(values - wrong) > 1e-6], wrong))
        return values, hats(*self._guess(n_classes), values)

    def tops(self, n_classes: int, rng: Any, count: int) -> Floats:
        """Independent draws of the most that memorization can be."""
        wrong = self.wrong(n_classes)
        if self.steady == 0:
            return np.full(count, wrong)
        if self.steady == 1:
            return np.asarray(rng.random(count) < wrong, float)
        return np.asarray(rng.beta(*self._guess(n_classes), size=count), float)

    def typical(self, n_classes: int, top: Floats | float) -> Floats:
        """E u of an example of a subpopulation whose u is ``top``."""
        return np.asarray((1 - self.own) * np.asarray(top, float) + self.own * self.wrong(n_classes))

    def neighbor(self, n_classes: int, top: Floats | float) -> Floats:
        """E u of a test example, of the subpopulation of a training example whose u is ``top``.

        >>> Fixed(1.0, own=0.5).typical(2, 1.0), Fixed(1.0, own=0.5).neighbor(2, 1.0)
        (array(0.75), array(0.625))
        """
        both = (1 - self.own) ** 2
        return np.asarray(both * np.asarray(top, float) + (1 - both) * self.wrong(n_classes))

    def _guess(self, n_classes: int) -> tuple[float, float]:
        kappa = float(np.clip((1 - self.steady) / self.steady, FIRM, 1 / FIRM))
        wrong = self.wrong(n_classes)
        return kappa * wrong, kappa * (1 - wrong)

    def _check(self) -> None:
        """The shares that all couplings have."""
        for name in ("steady", "dust", "apart", "own"):
            object.__setattr__(self, name, real(name, getattr(self, name), 0.0, 1.0))
        if self.dust == 1:
            raise ArgumentError("dust", self.dust, "nothing would come again; give less than 1")
        if self.difficulty is not None:
            given = real("difficulty", self.difficulty, 0.0, 1.0, open_low=True, open_high=True)
            object.__setattr__(self, "difficulty", given)

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


@dataclass(frozen=True, repr=False)
class Fixed(Coupling):
    """The same λ for every subpopulation; 1 is the lookup table of the theory.

    >>> Fixed(0.8).mean, Fixed(0.8).nodes(4)[0].tolist()
    (0.8, [0.8])
    """

    strength: float = 1.0
    steady: float = 0.0
    difficulty: float | None = None
    dust: float = 0.0
    apart: float = 0.0
    own: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", real("strength", self.strength, 0.0, 1.0))
        self._check()

    @property
    def mean(self) -> float:
        return self.strength

    def below(self, strength: Floats) -> Floats:
        return np.asarray(np.asarray(strength) >= self.strength - 1e-12, float)

    def nodes(self, cells: int) -> tuple[Floats, Floats]:
        return np.array([self.strength]), np.ones(1)

    def sample(self, rng: Any, count: int) -> Floats:
        return np.full(count, self.strength)


@dataclass(frozen=True, repr=False)
class Beta(Coupling):
    """λ ~ Beta(a, b): Beta(a=1, b=1) is uniform; but 0 for a share ``strangers``, and 1 for a share ``twins`` of the rest.

    >>> round(Beta(a=2, b=1).mean, 4), round(float(Beta(a=2, b=1).below(np.array(0.5))), 4)
    (0.6667, 0.25)
    """

    a: float = 1.0
    b: float = 1.0
    steady: float = 0.0
    difficulty: float | None = None
    dust: float = 0.0
    apart: float = 0.0
    twins: float = 0.0
    strangers: float = 0.0
    own: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "a", real("a", self.a, 1e-3, 1e6))
        object.__setattr__(self, "b", real("b", self.b, 1e-3, 1e6))
        for name in ("twins", "strangers"):
            object.__setattr__(self, name, real(name, getattr(self, name), 0.0, 1.0))
        self._check()

    @property
    def shares(self) -> tuple[float, float, float]:
        """Of λ = 0, of the Beta law, of λ = 1."""
        known = 1 - self.strangers
        return self.strangers, known * (1 - self.twins), known * self.twins

    @property
    def mean(self) -> float:
        _, some, all_ = self.shares
        return some * self.a / (self.a + self.b) + all_

    def below(self, strength: Floats) -> Floats:
        none, some, all_ = self.shares
        lam = np.asarray(strength, float)
        law = special.betainc(self.a, self.b, np.clip(lam, 0.0, 1.0))
        return np.asarray(none * (lam >= 0) + some * law + all_ * (lam >= 1 - 1e-12))

    def nodes(self, cells: int) -> tuple[Floats, Floats]:
        none, some, all_ = self.shares
        weight = some * hats(self.a, self.b, grid(cells))
        weight[0] += none
        weight[-1] += all_
        return grid(cells), weight

    def sample(self, rng: Any, count: int) -> Floats:
        drawn = np.asarray(rng.beta(self.a, self.b, size=count), float)
        if not self.twins and not self.strangers:
            return drawn
        none, some, _ = self.shares
        lot = rng.random(count)
        return np.where(lot < none, 0.0, np.where(lot < none + some, drawn, 1.0))


def grid(cells: int) -> Floats:
    """From 0 to 1, finest at both ends, where laws have their mass.

    >>> grid(4).round(3).tolist()
    [0.0, 0.146, 0.5, 0.854, 1.0]
    """
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
