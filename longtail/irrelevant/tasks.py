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
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from longtail import philox
from longtail.core import ArgumentError, Bools, Floats, Integers, Prior, real, whole
from longtail.irrelevant.models import UNSEEN, Bits, Floats32, Linear, Queried, signs
from longtail.irrelevant.population import SETS, Population, population
from longtail.irrelevant.reachable import nearest_right

FIXED, VALUES, EXAMPLE, FRESH, LENGTHS = range(5)  # streams of a task's own; 5 is the attacks'
WIDEST = 2**20


@dataclass(frozen=True)
class Sample:
    """Examples as rows of bits, or of numbers whose signs are the bits; whose they are; and which bits of each are
    ``relevant``: those that its cluster gave it.

    >>> from longtail import Uniform
    >>> sample = Hypercube(Uniform(size=5), 20, fixed=1.0).draw(8)  # every bit is its cluster's
    >>> sample.bits.shape, sample.label.shape, bool(sample.relevant.all())
    ((8, 20), (8,), True)
    """

    population: Population = field(repr=False)
    x: Bits | Floats32 = field(repr=False)
    relevant: Bools = field(repr=False)
    number: int = 0

    @property
    def bits(self) -> Bits:
        """What an attack is to find."""
        return np.asarray(self.x > 0).view(np.uint8)

    @property
    def inputs(self) -> Floats32:
        """What a learner is shown."""
        return inputs(self.x)

    @property
    def label(self) -> Integers:
        """The cluster of each example, which is to be told from its bits."""
        return self.population.members


@dataclass(frozen=True)
class Clusters(ABC):
    """Each example is of a cluster drawn by the ``prior``, which is to be told from its ``dimension`` coordinates.

    >>> from longtail import Uniform
    >>> task: Clusters = Hypercube(Uniform(size=5), 20, fixed=0.5)
    >>> task.draw(8).inputs.shape, task.fresh(np.array([0, 3]), 8).shape
    ((8, 20), (2, 20))
    """

    prior: Prior
    dimension: int = 1000

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimension", whole("dimension", self.dimension, 1, WIDEST))

    @abstractmethod
    def draw(self, n: int, seed: int = 0, number: int = 0) -> Sample:
        """A data set."""

    @abstractmethod
    def fresh(self, cluster: Integers, n: int, seed: int = 0, number: int = 0) -> Bits | Floats32:
        """A new example of each of these clusters of data set ``number``, which has ``n`` examples."""

    @abstractmethod
    def right(self, n: int, rivals: int) -> float:
        """How often a nearest neighbor finds the cluster of a fresh member, among ``rivals`` more with one example each."""

    @abstractmethod
    def optimal(self, sample: Sample) -> Queried:
        """The learner that knows the task and errs least."""


@dataclass(frozen=True)
class Hypercube(Clusters):
    """``fixed`` is ρ; None takes the published one for n examples in ``dimension``, the least at which neighbors are found.

    >>> from longtail import Uniform
    >>> Hypercube(Uniform(size=500)).dimension
    1000
    """

    fixed: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
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

    def right(self, n: int, rivals: int) -> float:
        return nearest_right(self.dimension, self.share(n), rivals)

    def optimal(self, sample: Sample) -> Linear:
        """log 2p for each shared and log 2(1 − p) for each other of the bits on which a cluster's ℓ examples agree, p = (1 + φ)/2
        and φ = ρ/(ρ + (1 − ρ) 2^{1−ℓ}) (``longtail.irrelevant.reachable``): linear in the signs.
        """
        share, count = self.share(len(sample.x)), sample.population.count[:, None]
        sums = summed(sample)
        agreed = np.where((np.abs(sums) == count) & (count > 0), np.sign(sums), 0.0)
        with np.errstate(invalid="ignore"):  # ρ = 0 and many examples
            fixed = share / (share + (1 - share) * 2.0 ** (1 - count))
        p = np.clip((1 + fixed) / 2, 0.5, 1 - 1e-12)
        w = agreed * (np.log(p) - np.log1p(-p)) / 2
        b = np.where(count[:, 0] > 0, (np.abs(agreed) * (np.log(4 * p) + np.log1p(-p)) / 2).sum(1), UNSEEN)
        return Linear(w.astype(np.float32), b.astype(np.float32))

    def _bits(self, cluster: Integers, share: float, seed: int, number: int, stream: int) -> tuple[Bits, Bools]:
        used, which = np.unique(cluster, return_inverse=True)
        wide = -(-self.dimension // 32)
        word = words(seed, FIXED, number, used, self.dimension)
        relevant = (word < np.uint64(round(share * 2**32)))[which]
        value = unpacked(words(seed, VALUES, number, used, wide), self.dimension)[which]
        own = unpacked(words(seed, stream, number, np.arange(len(cluster)), wide), self.dimension)
        return np.where(relevant, value, own), relevant


@dataclass(frozen=True)
class Prefixes:
    """Noisy prefixes: of example i the first ``length[i]`` bits of row i are seen, and the next is the answer.

    >>> from longtail import Uniform
    >>> drawn = NextSymbol(Uniform(size=5), 20).draw(8)
    >>> bool((drawn.answer == [row[length] for row, length in zip(drawn.x, drawn.length, strict=True)]).all())
    True
    """

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
    """``noise`` is δ: a bit is flipped with chance δ/2.

    >>> from longtail import Uniform
    >>> task = NextSymbol(Uniform(size=5), 20, noise=0.0)
    >>> drawn = task.draw(8)
    >>> bool((drawn.x == task.reference(drawn.population.members)).all())  # without noise
    True
    """

    prior: Prior
    dimension: int = 100
    noise: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimension", whole("dimension", self.dimension, 1, WIDEST))
        object.__setattr__(self, "noise", real("noise", self.noise, 0.0, 1.0))

    def reference(self, cluster: Integers, seed: int = 0, number: int = 0) -> Bits:
        """The reference string of each of these subpopulations."""
        wide = -(-self.dimension // 32)
        return unpacked(words(seed, VALUES, number, np.asarray(cluster), wide), self.dimension)

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
        flipped = words(seed, stream, number, place, self.dimension) < np.uint64(round(self.noise * 2**31))
        length = words(seed, LENGTHS, number, 2 * place + (stream == FRESH), 1)[:, 0]
        at = (length.astype(np.uint64) * np.uint64(self.dimension)) >> np.uint64(32)
        return Prefixes(drawn, self.reference(drawn.members, seed, number) ^ flipped, at.astype(np.int64), number)


@dataclass(frozen=True)
class GaussianMean:
    """Points θ + N(0, I) in ``dimension`` coordinates, θ = 0 unless told.

    >>> GaussianMean(dimension=3).draw(5).shape
    (5, 3)
    """

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


def inputs(x: Bits | Floats32) -> Floats32:
    """Bits as −1 and 1, and numbers as they are.

    >>> inputs(np.array([[0, 1, 1]], np.uint8)).tolist()
    [[-1.0, 1.0, 1.0]]
    """
    return np.asarray(x, np.float32) if x.dtype == np.float32 else signs(np.asarray(x, np.uint8))


def summed(sample: Sample) -> Floats:
    """Sums of each cluster's examples, (clusters, d).

    >>> sample = Sample(Population(np.full(2, 0.5), np.array([0, 0, 1])), np.array([[1, 0], [1, 1], [0, 0]], np.uint8), None)
    >>> summed(sample).tolist()
    [[2.0, 0.0], [-1.0, -1.0]]
    """
    sums = np.zeros((len(sample.population.frequency), sample.x.shape[1]))
    np.add.at(sums, sample.label, sample.inputs.astype(np.float64))
    return sums


def words(seed: int, part: int, number: int, things: Integers, count: int) -> NDArray[np.uint32]:
    """Words of a task's stream, a row for each of ``things``.

    >>> words(0, FIXED, 0, np.array([0, 1]), 3).shape
    (2, 3)
    """
    return philox.words(seed, philox.substream(philox.TASK, part), things + (number << SETS), 0, count)


def unpacked(words: NDArray[np.uint32], dimension: int) -> Bits:
    """The bits of words, as many as there are dimensions.

    >>> unpacked(np.array([[5]], np.uint32), 8).tolist()  # a byte's highest bit comes first
    [[0, 0, 0, 0, 0, 1, 0, 1]]
    """
    return np.unpackbits(words.astype("<u4").view(np.uint8), axis=1)[:, :dimension]
