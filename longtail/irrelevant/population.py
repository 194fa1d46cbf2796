"""Who is drawn: frequencies from a prior, and n examples of the subpopulations that have them, as functions of (seed, number)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from longtail import philox
from longtail.core import Floats, Integers, Prior, whole

LARGEST = 10**7
SETS = 40  # bits of a trial number below which one thing of a data set is told from another


@dataclass(frozen=True)
class Population:
    """Each subpopulation's frequency, and the subpopulation of each example.

    >>> drawn = Population(np.full(4, 0.25), members=np.array([2, 0, 2]))
    >>> drawn.count.tolist(), drawn.alone.tolist()
    ([1, 0, 2, 0], [1])
    """

    frequency: Floats = field(repr=False)
    members: Integers = field(repr=False)

    @property
    def count(self) -> Integers:
        """How often each subpopulation was seen."""
        return np.bincount(self.members, minlength=len(self.frequency))

    @property
    def alone(self) -> Integers:
        """The examples that are the only one of their subpopulation."""
        return np.flatnonzero(self.count[self.members] == 1)


def population(prior: Prior, n: int, seed: int = 0, number: int = 0) -> Population:
    """Data set ``number`` of ``n`` examples.

    >>> from longtail import Uniform
    >>> drawn = population(Uniform(size=3), n=6)
    >>> drawn.frequency.round(3).tolist(), drawn.members.tolist()
    ([0.333, 0.333, 0.333], [1, 0, 2, 0, 2, 0])
    """
    size = whole("prior size", prior.size, 1, LARGEST)
    n = whole("n", n)

    def uniforms(stream: int, count: int) -> Floats:
        return philox.uniforms(seed, philox.substream(stream, 1), number, 0, count)

    drawn = prior.entries()[(uniforms(philox.FREQUENCIES, size) * size).astype(np.int64)]
    cumulative = np.cumsum(drawn)
    place = np.searchsorted(cumulative, uniforms(philox.SAMPLE, n) * cumulative[-1], side="right")
    return Population(drawn / cumulative[-1], np.minimum(place, size - 1))
