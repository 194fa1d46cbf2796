"""A mixture of clusters whose frequencies come from a prior (Feldman, arXiv 1906.05271, sections 2 and 4).

Subpopulation x of N has frequency D(x) = p_x / Σ p, p_x drawn from the prior, a label of its own, uniform over K classes, and
a law of points: a Gaussian around a center on the unit sphere (``Gaussian``), or rows of yours (``Features``). Everything is a
function of (seed, number): the frequencies, labels, centers and points of data set ``number``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail import philox
from longtail.core import ArgumentError, Floats, Integers, Prior, real, whole
from longtail.irrelevant.population import LARGEST, SETS, population


@dataclass(frozen=True)
class Drawn:
    """Data set ``number``: each cluster's frequency and label, and the cluster of each example, whose features are ``x``.

    >>> from longtail import Uniform
    >>> drawn = Gaussian(Uniform(size=5), n_classes=2, dimensions=3).draw(8)
    >>> drawn.x.shape, drawn.cluster.shape, bool((drawn.y == drawn.label[drawn.cluster]).all())
    ((8, 3), (8,), True)
    """

    frequency: Floats = field(repr=False)
    label: Integers = field(repr=False)
    cluster: Integers = field(repr=False)
    x: NDArray[np.float32] = field(repr=False)
    number: int = 0

    @property
    def y(self) -> Integers:
        """The label of each example."""
        return np.asarray(self.label[self.cluster])


@dataclass(frozen=True)
class Clusters(ABC):
    """``prior`` says how frequent clusters are, and how many there are. Subclass it with a law of ``points``.

    >>> from longtail import Uniform
    >>> @dataclass(frozen=True)
    ... class Corners(Clusters):  # a point is its cluster's number, in binary
    ...     def points(self, cluster, seed, number, *, fresh=False):
    ...         return (np.asarray(cluster)[:, None] >> np.arange(3) & 1).astype(np.float32)
    >>> Corners(Uniform(size=8), n_classes=2).draw(5).x.shape
    (5, 3)
    """

    prior: Prior
    n_classes: int = 10

    def __post_init__(self) -> None:
        if not isinstance(self.prior, Prior):
            raise ArgumentError("prior", self.prior, "give a longtail prior, for example Zipf(alpha=1, size=1000)")
        whole("prior size", self.prior.size, 1, LARGEST)
        whole("n_classes", self.n_classes, 2)

    @abstractmethod
    def points(self, cluster: Integers, seed: int, number: int, *, fresh: bool = False) -> NDArray[np.float32]:
        """A point for each entry of ``cluster``; ``fresh`` ones are independent of those that are not."""

    def draw(self, n: int, seed: int = 0, number: int = 0) -> Drawn:
        """A data set of ``n`` examples."""
        drawn = population(self.prior, n, seed, number)
        label = (_uniforms(seed, philox.LABELS, 1, self.prior.size, number) * self.n_classes).astype(np.int64)
        return Drawn(drawn.frequency, label, drawn.members, self.points(drawn.members, seed, number), number)


@dataclass(frozen=True)
class Gaussian(Clusters):
    """Centers are uniform on the unit sphere, so about √2 apart; each of the ``dimensions`` coordinates has noise of standard
    deviation ``noise``, so that a point is about noise·√dimensions from its center.

    >>> from longtail import Uniform
    >>> drawn = Gaussian(Uniform(size=2), dimensions=50, noise=0.0).draw(10)
    >>> len(np.unique(drawn.x, axis=0))  # without noise a point is its cluster's center
    2
    """

    dimensions: int = 32
    noise: float = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        whole("dimensions", self.dimensions, 1, 2**16)
        real("noise", self.noise, 0.0)

    def points(self, cluster: Integers, seed: int, number: int, *, fresh: bool = False) -> NDArray[np.float32]:
        d, count = self.dimensions, len(cluster)
        used, which = np.unique(cluster, return_inverse=True)
        keys = _uniforms(seed, philox.LEARNER, 1, 2 * d, used + (number << SETS)).reshape(-1, d, 2)
        centers = _normal(keys[..., 0], keys[..., 1])
        centers /= np.linalg.norm(centers, axis=1, keepdims=True)
        noise = _uniforms(seed, philox.NOISE, 2 if fresh else 1, 2 * count * d, number).reshape(count, d, 2)
        return np.asarray(centers[which] + self.noise * _normal(noise[..., 0], noise[..., 1]), np.float32)


@dataclass(frozen=True)
class Features(Clusters):
    """Rows of yours, scaled to length 1: ``rows`` (m, d), and the cluster of each, ``of`` (m,), numbered from 0.

    Each data set takes a cluster's rows in an order of its own, half of them as examples and half as fresh points, and
    starts again where they run out.

    >>> from longtail import Uniform
    >>> rows = np.array([[1.0, 0], [2, 0.1], [0, 1], [0.1, 3]])
    >>> mine = Features(Uniform(size=2), rows=rows, of=np.array([0, 0, 1, 1]))
    >>> drawn = mine.draw(6)
    >>> drawn.x.shape, bool(((drawn.x[:, 1] > drawn.x[:, 0]) == drawn.cluster).all())
    ((6, 2), True)
    """

    rows: Any = field(default=None, repr=False)
    of: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        rows, of = np.asarray(self.rows, np.float32), np.asarray(self.of)
        if rows.ndim != 2 or of.shape != (len(rows),) or not np.issubdtype(of.dtype, np.integer):
            shapes = f"rows of shape {rows.shape} and clusters of shape {of.shape}"
            raise ArgumentError("rows", shapes, "give rows (m, d), and for each the number of its cluster")
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.isfinite(rows).all() or not (length > 0).all():
            raise ArgumentError("rows", "a row that is 0 or not finite", "give rows that can be scaled to length 1")
        counts = np.bincount(of[of >= 0], minlength=self.prior.size)
        if of.min() < 0 or len(counts) != self.prior.size or counts.min() < 2:
            got = f"clusters {of.min()} to {of.max()}, the smallest of {counts.min()} rows, for {self.prior!r}"
            raise ArgumentError("of", got, f"give each of the clusters 0 to {self.prior.size - 1} two rows or more")
        object.__setattr__(self, "rows", rows / length)
        object.__setattr__(self, "of", of.astype(np.int64))

    def points(self, cluster: Integers, seed: int, number: int, *, fresh: bool = False) -> NDArray[np.float32]:
        shuffled = np.lexsort((_uniforms(seed, philox.NOISE, 1, len(self.of), number), self.of))
        counts = np.bincount(self.of, minlength=self.prior.size)
        start, kept = np.cumsum(counts) - counts, counts // 2
        order = np.argsort(cluster, kind="stable")
        turn = np.empty(len(cluster), np.int64)  # the how-manieth of its cluster
        turn[order] = np.arange(len(cluster)) - np.searchsorted(cluster[order], cluster[order])
        some, first = ((counts - kept), kept) if fresh else (kept, np.zeros_like(kept))
        place = start[cluster] + first[cluster] + turn % some[cluster]
        return np.asarray(self.rows[shuffled[place]])


def _uniforms(seed: int, stream: int, part: int, count: int, trial: Any = 0) -> Floats:
    """Numbers of a purpose's own stream of data."""
    return philox.uniforms(seed, philox.substream(stream, part), trial, 0, count)


def _normal(u: Floats, v: Floats) -> Floats:
    """Standard normals of two uniforms (Box & Muller 1958)."""
    return np.asarray(np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v), float)
