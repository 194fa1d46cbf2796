"""The tasks: each draws data sets from Philox words, and knows which bits of an example matter.

    Hypercube     in cluster j each of d bits is fixed, to a value of its own, with chance ρ, and else uniform in each example;
                  the label is j (Brown et al., arXiv 2012.06421, section 1)
    NextSymbol    subpopulation j has a reference string c_j, uniform in {0, 1}^d; an example is j, a prefix of c_j of uniform
                  length with each bit flipped with chance δ/2, and the next bit, flipped likewise (ibid.)
    GaussianMean  examples are θ + N(0, I_d), to be averaged: the case that is solved

Data set ``number`` is a function of (seed, number), and an example of its place in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from longtail import philox
from longtail.core import ArgumentError, Bools, Floats, Integers, Prior, real, whole
from longtail.irrelevant.population import SETS, Population, population

Bits = NDArray[np.uint8]
FIXED, VALUES, EXAMPLE, FRESH, LENGTHS, START = range(6)  # streams of a task's own; where an attack starts
WIDEST = 2**20


@dataclass(frozen=True)
class Sample:
    """Examples as rows of bits, whose they are, and which bits of each are ``relevant``: those that its cluster fixes."""

    population: Population = field(repr=False)
    x: Bits = field(repr=False)
    relevant: Bools = field(repr=False)
    number: int = 0

    @property
    def label(self) -> Integers:
        """The cluster of each example, which is to be told from its bits."""
        return self.population.members


@dataclass(frozen=True)
class Hypercube:
    """``fixed`` is ρ; None takes the published one for n examples in ``dimension``, the least at which neighbors are found."""

    prior: Prior
    dimension: int = 1000
    fixed: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimension", whole("dimension", self.dimension, 1, WIDEST))
        if self.fixed is not None:
            object.__setattr__(self, "fixed", real("fixed", self.fixed, 0.0, 1.0))

    def share(self, n: int) -> float:
        """ρ, as given or as published."""
        return published_share(n, self.dimension) if self.fixed is None else self.fixed

    def draw(self, n: int, seed: int = 0, number: int = 0) -> Sample:
        """A data set."""
        drawn = population(self.prior, n, seed, number)
        x, relevant = self._bits(drawn.members, self.share(n), seed, number, EXAMPLE)
        return Sample(drawn, x, relevant, number)

    def fresh(self, cluster: Integers, n: int, seed: int = 0, number: int = 0) -> Bits:
        """A new example of each of these clusters of data set ``number``, which has ``n`` examples."""
        return self._bits(np.asarray(cluster), self.share(n), seed, number, FRESH)[0]

    def _bits(self, cluster: Integers, share: float, seed: int, number: int, stream: int) -> tuple[Bits, Bools]:
        used, which = np.unique(cluster, return_inverse=True)
        wide = -(-self.dimension // 32)
        word = _words(seed, FIXED, number, used, self.dimension)
        relevant = (word < np.uint64(round(share * 2**32)))[which]
        value = _unpacked(_words(seed, VALUES, number, used, wide), self.dimension)[which]
        own = _unpacked(_words(seed, stream, number, np.arange(len(cluster)), wide), self.dimension)
        return np.where(relevant, value, own), relevant


@dataclass(frozen=True)
class Prefixes:
    """Noisy prefixes: of example i the first ``length[i]`` bits of row i are seen, and the next is the answer."""

    population: Population = field(repr=False)
    x: Bits = field(repr=False)
    length: Integers = field(repr=False)
    number: int = 0

    @property
    def answer(self) -> Bits:
        """The bit after each prefix."""
        return np.asarray(self.x[np.arange(len(self.x)), self.length])


@dataclass(frozen=True)
class NextSymbol:
    """``noise`` is δ: a bit is flipped with chance δ/2."""

    prior: Prior
    dimension: int = 100
    noise: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimension", whole("dimension", self.dimension, 1, WIDEST))
        object.__setattr__(self, "noise", real("noise", self.noise, 0.0, 1.0))

    def reference(self, cluster: Integers, seed: int = 0, number: int = 0) -> Bits:
        """The reference string of each of these subpopulations."""
        wide = -(-self.dimension // 32)
        return _unpacked(_words(seed, VALUES, number, np.asarray(cluster), wide), self.dimension)

    def draw(self, n: int, seed: int = 0, number: int = 0) -> Prefixes:
        """A data set."""
        drawn = population(self.prior, n, seed, number)
        return self._prefixes(drawn, seed, number, EXAMPLE)

    def fresh(self, cluster: Integers, seed: int = 0, number: int = 0) -> Prefixes:
        """A new example of each of these subpopulations."""
        of = Population(np.empty(0), np.asarray(cluster))
        return self._prefixes(of, seed, number, FRESH)

    def _prefixes(self, drawn: Population, seed: int, number: int, stream: int) -> Prefixes:
        place = np.arange(len(drawn.members))
        flipped = _words(seed, stream, number, place, self.dimension) < np.uint64(round(self.noise * 2**31))
        length = _words(seed, LENGTHS, number, 2 * place + (stream == FRESH), 1)[:, 0]
        at = (length.astype(np.uint64) * np.uint64(self.dimension)) >> np.uint64(32)
        return Prefixes(drawn, self.reference(drawn.members, seed, number) ^ flipped, at.astype(np.int64), number)


@dataclass(frozen=True)
class GaussianMean:
    """Points θ + N(0, I) in ``dimension`` coordinates, θ = 0 unless told."""

    dimension: int = 100

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimension", whole("dimension", self.dimension, 1, WIDEST))

    def draw(self, n: int, seed: int = 0, number: int = 0) -> Floats:
        """(n, d) points about 0."""
        u = philox.uniforms(seed, philox.substream(philox.TASK, EXAMPLE), number, 0, 2 * n * self.dimension)
        u = u.reshape(n, self.dimension, 2)
        return np.asarray(np.sqrt(-2 * np.log1p(-u[..., 0])) * np.cos(2 * np.pi * u[..., 1]))


def published_share(n: int, dimension: int) -> float:
    """ρ = √((2 ln(50000 · .368 n) − ln ln n)/d), at which an example is nearest to those of its own cluster.

    >>> round(published_share(500, 1000), 3)
    0.174
    """
    if n < 3:
        raise ArgumentError("n", n, "the published share of fixed bits is for 3 examples or more: give the share")
    share = math.sqrt((2 * math.log(50_000 * 0.368 * n) - math.log(math.log(n))) / dimension)
    if share > 1:
        raise ArgumentError(
            "dimension", dimension, f"{n} clusters cannot be told apart in so few bits: give more, or the share"
        )
    return share


def _words(seed: int, part: int, number: int, things: Integers, count: int) -> NDArray[np.uint32]:
    """Words of a task's stream, a row for each of ``things``."""
    return philox.words(seed, philox.substream(philox.TASK, part), things + (number << SETS), 0, count)


def _unpacked(words: NDArray[np.uint32], dimension: int) -> Bits:
    """The bits of words, as many as there are dimensions."""
    return np.unpackbits(words.astype("<u4").view(np.uint8), axis=1)[:, :dimension]
