"""Clusters about a center (Feldman, Kornowski & Lyu, arXiv 2506.01855, section 4), for which what must be held falls with n.

    Boolean    each bit of an example is its center's with chance (1 + λ)/2, the center uniform in {−1, 1}^d
    Gaussian   an example is λ θ + √(1 − λ²) N(0, I), the center θ ~ N(0, I)

Two examples of a cluster then have correlation λ² in each coordinate, so that clusters are told apart from λ ≈ d^{−1/4} on.
(Their sparse Boolean cube, a few bits fixed and the others free, is ``tasks.Hypercube`` with ρ ≈ d^{−1/2}.) They ask whether a
point is of one cluster or of none; here it is which cluster it is of. Bits of a Gaussian example are its signs.

Among r rivals with one example each, the nearest neighbor of a fresh member is right with chance ``reachable.nearest_right`` at
ρ = λ² (Boolean), or, nearest by inner product, E_R ∫ φ(z) Φ(λ² √R + √(1 − λ⁴) z)^r dz with R ~ χ²_d (Gaussian).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from longtail import philox
from longtail.core import Bools, Floats, Integers, real
from longtail.irrelevant.models import UNSEEN, Bits, Floats32, Linear
from longtail.irrelevant.population import SETS, population
from longtail.irrelevant.reachable import nearest_right
from longtail.irrelevant.tasks import EXAMPLE, FRESH, VALUES, Clusters, Sample, summed, unpacked, words

NODES = 200  # of each integral


@dataclass(frozen=True)
class Centered(Clusters):
    """``strength`` is λ; None takes λ² = 6/√d, at which two examples of a cluster agree by six standard deviations more than
    strangers do.

    >>> from longtail import Uniform
    >>> round(Boolean(Uniform(size=10), dimension=144).share, 4), Boolean(Uniform(size=10), strength=0.5).share
    (0.7071, 0.5)
    """

    strength: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.strength is not None:
            object.__setattr__(self, "strength", real("strength", self.strength, 0.0, 1.0))

    @property
    def share(self) -> float:
        """λ, as given or by the dimension."""
        return min(1.0, float(6 / np.sqrt(self.dimension)) ** 0.5) if self.strength is None else self.strength


@dataclass(frozen=True)
class Boolean(Centered):
    """Bits that are the center's with chance (1 + λ)/2.

    >>> from longtail import Uniform
    >>> Boolean(Uniform(size=10)).dimension
    1000
    """

    def draw(self, n: int, seed: int = 0, number: int = 0) -> Sample:
        drawn = population(self.prior, n, seed, number)
        center, own = self._center(drawn.members, seed, number), self._own(drawn.members, seed, number, EXAMPLE)
        return Sample(drawn, center ^ own, ~own.astype(bool), number)

    def fresh(self, cluster: Integers, n: int, seed: int = 0, number: int = 0) -> Bits:
        cluster = np.asarray(cluster)
        return np.asarray(self._center(cluster, seed, number) ^ self._own(cluster, seed, number, FRESH))

    def _center(self, cluster: Integers, seed: int, number: int) -> Bits:
        return unpacked(words(seed, VALUES, number, cluster, -(-self.dimension // 32)), self.dimension)

    def _own(self, cluster: Integers, seed: int, number: int, stream: int) -> Bits:
        drawn = words(seed, stream, number, np.arange(len(cluster)), self.dimension)
        return np.asarray(drawn < np.uint64(round((1 - self.share) * 2**31))).view(np.uint8)

    def right(self, n: int, rivals: int) -> float:
        return nearest_right(self.dimension, self.share**2, rivals)

    def optimal(self, sample: Sample) -> Linear:
        """Σ_i log(1 + λ m_i x_i), m = tanh(S atanh λ) the mean of a center given sums S of its examples' signs: linear in x."""
        strength = min(self.share, 1 - 1e-12)
        known = np.clip(strength * np.tanh(summed(sample) * np.arctanh(strength)), -1 + 1e-12, 1 - 1e-12)
        return _seen(sample, np.arctanh(known), (np.log1p(-(known**2)) / 2).sum(1))


@dataclass(frozen=True)
class Quadratic:
    """Scores W x + b + c |x|².

    >>> one = Quadratic(*(np.array(part, np.float32) for part in ([[1.0, 0.0]], [0.5], [-1.0])))
    >>> one.query(np.array([[2.0, 1.0]], np.float32)).tolist()  # 2 + .5 − (4 + 1)
    [[-2.5]]
    """

    w: Floats32 = field(repr=False)
    b: Floats32 = field(repr=False)
    c: Floats32 = field(repr=False)

    def query(self, x: Floats32) -> Floats32:
        return np.asarray(x @ self.w.T + self.b + (x * x).sum(1)[:, None] * self.c)


@dataclass(frozen=True)
class Gaussian(Centered):
    """Points λ θ + √(1 − λ²) N(0, I).

    >>> from longtail import Uniform
    >>> Gaussian(Uniform(size=10)).dimension
    1000
    """

    def draw(self, n: int, seed: int = 0, number: int = 0) -> Sample:
        drawn = population(self.prior, n, seed, number)
        x, center = self._points(drawn.members, seed, number, EXAMPLE)
        same: Bools = (x > 0) == (center > 0)
        return Sample(drawn, x.astype(np.float32), same, number)

    def fresh(self, cluster: Integers, n: int, seed: int = 0, number: int = 0) -> Floats32:
        return self._points(np.asarray(cluster), seed, number, FRESH)[0].astype(np.float32)

    def _points(self, cluster: Integers, seed: int, number: int, stream: int) -> tuple[Floats, Floats]:
        used, which = np.unique(cluster, return_inverse=True)
        center = self._normal(seed, VALUES, number, used)[which]
        own = self._normal(seed, stream, number, np.arange(len(cluster)))
        return self.share * center + np.sqrt(1 - self.share**2) * own, center

    def _normal(self, seed: int, stream: int, number: int, things: Integers) -> Floats:
        u = philox.uniforms(
            seed, philox.substream(philox.TASK, stream), things + (number << SETS), 0, 2 * self.dimension
        )
        return np.asarray(np.sqrt(-2 * np.log1p(-u[..., 0::2])) * np.cos(2 * np.pi * u[..., 1::2]))

    def right(self, n: int, rivals: int) -> float:
        z, weight = np.polynomial.hermite_e.hermegauss(NODES)
        weight = weight / weight.sum()
        square = stats.chi2.ppf((np.arange(NODES) + 0.5) / NODES, self.dimension)
        same = self.share**2
        score = same * np.sqrt(square)[:, None] + np.sqrt(1 - same**2) * z
        return float((stats.norm.cdf(score) ** rivals @ weight).mean())

    def optimal(self, sample: Sample) -> Quadratic:
        """log N(x; m, v) + |x|²/2: m = λ² S/(λ² ℓ + 1 − λ²), v = (1 − λ²)(1 + λ²/(λ² ℓ + 1 − λ²)), S the sum of ℓ examples."""
        square = min(self.share**2, 1 - 1e-12)
        count = sample.population.count
        known = square * count + 1 - square
        mean, v = square * summed(sample) / known[:, None], (1 - square) * (1 + square / known)
        b = -(mean**2).sum(1) / (2 * v) - self.dimension * np.log(v) / 2
        plain = _seen(sample, mean / v[:, None], b)
        return Quadratic(plain.w, plain.b, np.asarray((1 - 1 / v) / 2, np.float32))


def _seen(sample: Sample, w: Floats, b: Floats) -> Linear:
    """Scores of clusters that have an example."""
    return Linear(w.astype(np.float32), np.where(sample.population.count > 0, b, UNSEEN).astype(np.float32))
