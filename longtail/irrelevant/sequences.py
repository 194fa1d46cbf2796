"""Next-symbol learners that keep what they saw, and the attack that reads a singleton's string out of a model.

A model tells ``log_odds(cluster, x, length)``: of the next bit being 1, rows of bits x with the first ``length`` of them given.

    Votes     the majority of the examples that show that place (the best learner: ``reachable.next_symbol_right``)
    Alike     the example of the subpopulation whose prefix agrees with most of what is given, among those that show the place

The attack asks for the first bit, gives back the likelier one, and asks for the next: of a string that was seen once it gets what
the model holds of it, the bits that noise had flipped like the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from longtail.core import Floats, Integers
from longtail.irrelevant.models import Bits
from longtail.irrelevant.tasks import NextSymbol, Prefixes


class Foretelling(Protocol):
    """What an attack may ask.

    >>> class Ones:  # a model of your own: it says 1 whatever came before
    ...     def log_odds(self, cluster, x, length):
    ...         return np.ones(len(cluster))
    >>> extracted(Ones(), np.array([0]), dimension=4).tolist()
    [[1, 1, 1, 1]]
    """

    def log_odds(self, cluster: Integers, x: Bits, length: Integers) -> Floats: ...


@dataclass(frozen=True)
class Votes:
    """``balance`` (subpopulations, d): log-odds of 1 at each place, each sight of a bit counting log((1 − δ/2)/(δ/2)).

    >>> from longtail import Uniform
    >>> task = NextSymbol(Uniform(size=3), dimension=6, noise=0.4)
    >>> told = extracted(Votes.of(task, task.draw(30)), np.arange(3), task.dimension)
    >>> int((told == task.reference(np.arange(3))).sum())  # of 18 bits
    16
    """

    balance: Floats = field(repr=False)

    @classmethod
    def of(cls, task: NextSymbol, sample: Prefixes) -> Votes:
        """Of what the sample shows: prefixes and the bits after them."""
        shown = np.arange(task.dimension) <= sample.length[:, None]
        votes = np.where(shown, 2.0 * sample.x - 1, 0.0)
        total = np.zeros((len(sample.population.frequency), task.dimension))
        np.add.at(total, sample.population.members, votes)
        flipped = np.clip(task.noise / 2, 1e-12, 0.5)
        return cls(total * (np.log1p(-flipped) - np.log(flipped)))

    def log_odds(self, cluster: Integers, x: Bits, length: Integers) -> Floats:
        return np.asarray(self.balance[cluster, length])


@dataclass(frozen=True)
class Alike:
    """Examples as they are; a place that none of them shows is a coin, log-odds 0.

    >>> from longtail import Uniform
    >>> task = NextSymbol(Uniform(size=3), dimension=6, noise=0.4)
    >>> told = extracted(Alike(task.draw(30)), np.arange(3), task.dimension)
    >>> int((told == task.reference(np.arange(3))).sum())  # of 18 bits
    16
    """

    sample: Prefixes = field(repr=False)

    def log_odds(self, cluster: Integers, x: Bits, length: Integers) -> Floats:
        members = self.sample.population.members
        out = np.zeros(len(cluster))
        for row, (j, t) in enumerate(zip(cluster, length, strict=True)):
            some = np.flatnonzero((members == j) & (self.sample.length >= t))
            if len(some):
                agreed = (self.sample.x[some, :t] == x[row, :t]).sum(1)
                best = self.sample.x[some[agreed == agreed.max()], t]
                out[row] = 2.0 * best.mean() - 1
        return out


def right(model: Foretelling, asked: Prefixes) -> Floats:
    """Of each example whether its answer is foretold, half where the model is in two minds.

    >>> from longtail import Uniform
    >>> task = NextSymbol(Uniform(size=3), dimension=6, noise=0.0)
    >>> float(right(Votes.of(task, task.draw(60)), task.fresh(np.zeros(20, int))).mean())
    1.0
    """
    said = model.log_odds(asked.population.members, asked.x, asked.length)
    return np.where(said == 0, 0.5, (said > 0) == asked.answer)


def extracted(model: Foretelling, cluster: Integers, dimension: int) -> Bits:
    """(rows, d): the string that the model tells of each subpopulation, bit after bit.

    >>> from longtail import Uniform
    >>> task = NextSymbol(Uniform(size=3), dimension=6, noise=0.0)
    >>> extracted(Votes.of(task, task.draw(60)), np.array([1]), 6).tolist(), task.reference(np.array([1])).tolist()
    ([[0, 1, 1, 1, 1, 1]], [[0, 1, 1, 1, 1, 1]])
    """
    x = np.zeros((len(cluster), dimension), np.uint8)
    for t in range(dimension):
        x[:, t] = model.log_odds(cluster, x, np.full(len(cluster), t)) > 0
    return x
