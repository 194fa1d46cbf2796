"""Points (s, w) for laws of masses: the sums of ``longtail.exact.contours`` on circles through each scale's own saddle.

For each s the circle |w| = ρ is where w^{−n} G_s(w)^N is least of all positive w: its terms are then as small as what they
add up to, and where T is not spread over decades some ten thousand points hold every data set, without a filter: each circle is
followed until its terms have ended by themselves, and what is left out is e^{GONE} of the largest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from longtail.core import Floats, Integers, Problem, compressed
from longtail.exact.contours import Complexes, log1p, log_gamma, log_mean
from longtail.exact.mellin import DECADES, Total, reach_of

GONE = -46.0  # log of a weight that a point is left out with
ALIAS, DAMPING = 8.0, 4.5  # as in ``contours``: totals of nine times n count e^{−36}
ROUND = 20.0, 2.0  # the same where the whole circle is taken
SLOWER = 0.77  # of the highest frequency in log s: two of them meet in every product
PLACES = 9  # scales at which it is tried how far the circle has to be followed
FLAT = 3.0  # log of the largest and smallest radius


@dataclass(frozen=True)
class _Saddled:
    """Points that an expectation over data sets is a sum over, each with a complex ``weight``, and its place in ``scale``."""

    size: int
    n: int
    scale: Floats
    value: Floats
    share: Floats
    row: Integers
    log_w: Complexes
    log_g: Complexes
    weight: Complexes


@dataclass(frozen=True)
class _Circles:
    """From which scale on and to which there are to be circles, and how far each is followed, before any is laid: how many
    ``points`` they would have."""

    first: float
    last: float
    end: float
    alias: float

    @property
    def points(self) -> float:
        return (self.last - self.first) / SLOWER * self.end * self.end * min(self.alias, ALIAS) / (2 * np.pi) ** 2


@lru_cache(maxsize=16)
def circles(problem: Problem, refine: float = 1.0, gone: float = GONE) -> _Circles:
    """How far circles reach, in angle (``end``/n) and log scale, for frequencies drawn from a list."""
    n, (value, share) = problem.n, entries_of(problem, refine)
    total = Total(value, share, problem.prior.size)
    low, high = reach_of(total, problem.prior.size * float(share @ value))
    first, last = np.log(n) - high + log_gamma(n, -1), np.log(n) - low + log_gamma(n, 1)
    omega = np.exp(np.linspace(0.0, np.log(min(np.pi * n, 40 * np.sqrt(n) + 40)), 200))
    end = 1.0
    for s in np.exp(np.linspace(first, last, PLACES)):
        log_w = radius_of(problem, value, share, np.array([s]))[0] + 1j * np.append(0.0, omega) / n
        size = (problem.prior.size * log_mean(value, share, np.array([s]), -np.expm1(log_w))[0]).real
        end = max(end, float(omega[np.flatnonzero(size[1:] - size[0] > gone)[-1:]].max(initial=1.0)))
    return _Circles(first, last, min(end, np.pi * n), float(np.expm1(last - first)))


@lru_cache(maxsize=4)
def saddled(problem: Problem, refine: float = 1.0, gone: float = GONE) -> _Saddled:
    """The points themselves, those of a weight above e^{gone}, on circles that have one above e^{GONE}."""
    n, size, (value, share) = problem.n, problem.prior.size, entries_of(problem, refine)
    laid = circles(problem, refine, gone)
    damping = 0.0
    if laid.end >= np.pi * n:
        points, damping = int(np.ceil(ROUND[0] * refine * n)), ROUND[1]
        spacing = 2 * np.pi * n / points
        omega = spacing * np.arange(points // 2 + 1)
        kept = np.where(np.arange(len(omega)) * 2 % points == 0, 0.5, 1.0)
    else:
        alias = laid.alias * refine
        if alias > ALIAS:
            alias, damping = ALIAS * refine, DAMPING
        spacing = 2 * np.pi / alias
        omega = spacing * np.arange(int(laid.end / spacing) + 2)
        kept = np.where(omega == 0, 0.5, 1.0)
    step = 2 * np.pi / (refine * laid.end) * SLOWER
    scale = np.exp(laid.first + step * np.arange(int((laid.last - laid.first) / step) + 2))
    radius = radius_of(problem, value, share, scale) - damping / n
    log_w = radius[:, None] + 1j * omega / n
    log_g = np.array([log_mean(value, share, s[None], -np.expm1(w))[0] for s, w in zip(scale, log_w, strict=True)])
    log_weight = size * log_g - n * log_w
    likely = log_weight.real.max(1, keepdims=True) > GONE
    row, column = np.nonzero((log_weight.real > gone) & likely)
    weight = np.exp(log_weight[row, column]) * (kept[column] * (step * spacing / np.pi))
    return _Saddled(size, n, scale, value, share, row, log_w[row, column], log_g[row, column], weight)


def entries_of(problem: Problem, refine: float) -> tuple[Floats, Floats]:
    """Entries of the list over the largest, a long list's joined, and what share of all they are.

    >>> from longtail import Zipf
    >>> value, share = entries_of(Problem(Zipf(alpha=1, size=4), n=4), refine=1.0)
    >>> value.round(3).tolist(), share.tolist()
    ([1.0, 0.5, 0.333, 0.25], [0.25, 0.25, 0.25, 0.25])
    """
    nodes = compressed(problem.prior, refine)
    value = np.exp(np.maximum(nodes.log_value - nodes.log_value.max(), -DECADES))
    return value, nodes.count / nodes.count.sum()


def radius_of(problem: Problem, value: Floats, share: Floats, scale: Floats) -> Floats:
    """log ρ of each scale: where N s ρ E p e^{−s(1−ρ)p}/E e^{−s(1−ρ)p} = n, the total expected there.

    >>> from longtail import Uniform
    >>> one = np.ones(1)  # all entries alike: N s ρ = n
    >>> np.exp(radius_of(Problem(Uniform(size=4), n=4), one, one, np.array([0.5, 1.0, 2.0]))).round(6).tolist()
    [2.0, 1.0, 0.5]
    """
    low, high = np.full(len(scale), -FLAT), np.full(len(scale), FLAT)
    for _ in range(50):
        middle = (low + high) / 2
        grown = np.exp(np.minimum(np.multiply.outer(scale * np.expm1(middle), value), 600.0))
        above = problem.prior.size * scale * np.exp(middle) * (grown @ (share * value)) > problem.n * (grown @ share)
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray((low + high) / 2)


def mass_on_circles(points: _Saddled, ell: int, center: float) -> Callable[[float], complex]:
    """E e^{iφ(g/n)(M_ℓ − center)} of ``longtail.exact.mass_laws``, as a function of φ.

    >>> from longtail import Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=20), n=20)
    >>> transform = mass_on_circles(saddled(problem), 0, center=0.3)
    >>> mean = (transform(1e-4) - transform(0.0)).imag / 1e-4 + 0.3  # E (g/n)(M_0 − .3) is E M_0 − .3
    >>> round(float(mean), 5), round(exact.unseen_mass(problem).value, 5)
    (0.26997, 0.26997)
    """
    n, rate = points.n, np.multiply.outer(points.scale, points.value)
    seen = np.exp(special.xlogy(ell, rate) - rate - special.gammaln(ell + 1.0)) * points.share
    over, over_g = np.exp(-points.log_w), np.exp(-points.log_g)

    def value(phi: float) -> complex:
        c, total = phi * center / n, 0.0 + 0.0j
        held = (np.expm1(1j * phi / n * rate) * np.exp(-1j * c * rate) * seen).sum(1)[points.row]
        for turned, sign in ((held, 1), (held.conj(), -1)):
            log_turn = log1p(sign * 1j * c * over)
            change = turned * over_g
            if ell:
                change = change * np.exp(ell * (points.log_w + log_turn))
            part = complex(points.weight @ np.exp(points.size * log1p(change) - (n + 1) * log_turn))
            total += part if sign > 0 else np.conj(part)
        return total / 2

    return value
