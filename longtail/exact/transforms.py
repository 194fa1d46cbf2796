"""E e^{iφY} of Y = (g/n)(M_ℓ − m), g a Gamma variable of shape n, in three ways, tried in turn (``pointwise``).

``by_sights``: where n is small, c-fold sights are told apart one by one,

    E e^{iφY} = n ∫ ds/s [w^n] (Σ_{c ≤ n} w^c E_p q_c(sp) e^{−iφmsp/n} · (e^{iφsp/n} where c = ℓ))^N.

``on_circles``: on those of ``longtail.exact.saddle``, moved so that Y is centered at m. ``by_scales``: where T spans decades only
the scales at which m may be passed are summed over, at all others Y has one sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from longtail.core import Floats, Problem
from longtail.exact.contours import Complexes, log1p, log_gamma
from longtail.exact.davies import END, Sum, Transform
from longtail.exact.laws import rung
from longtail.exact.mellin import band
from longtail.exact.saddle import ALIAS, DAMPING, circles, entries_of, mass_on_circles, radius_of, saddled
from longtail.exact.scales import UNLIKELY, Scales, scales

APART = 6.5  # standard deviations that are told apart: 1e-10 is beyond them
LEAST = 10  # samples: of fewer E e^{iφY} hardly falls
SIGHTS = 1000  # samples up to which sights are told apart one by one
HEAVY = 2e6  # points that it may take
TURNS = 9.0  # over √n: how much farther they turn a circle
TABLE = 4e7  # entries of a table of these
ROUND = 20.0, 2.0  # totals that are told apart, in n, and how the radius is less for it
POINTS = 6e5  # on circles, beyond which they are joined
TURNED = 0.5  # of the radius, that circles may be moved by
OUT = -170.0  # log of a weight that counts on a circle that is moved
STEEP = 1.15  # of the slope of φM in the log scale, as a frequency
COARSE, FINE = 1.0, 1.27


def by_sights(problem: Problem, ell: int, center: float) -> Sum | None:
    """Of few samples; None of others, and where it would take too many points.

    >>> from longtail import Zipf
    >>> parts = by_sights(Problem(Zipf(alpha=1, size=20), n=20), 0, center=0.3)
    >>> round(0.3 + parts.value(1e-4).imag / 1e-4, 5)  # E Y is E M_0 − .3, and E M_0 is exact.unseen_mass
    0.26997
    """
    if not LEAST <= problem.n <= SIGHTS:
        return None
    highest = rung(band(2.0 * ell + 3) + STEEP * END * np.sqrt(problem.n))
    one, two = (_sights(problem, highest, refine) for refine in (COARSE, FINE))
    if one is None or two is None or one.points > HEAVY:
        return None
    turn = turn_of(problem, ell, center)
    return Sum(
        0.0,
        1.0,
        turn,
        lambda phi: one.transform(phi, center, ell),
        one.points,
        lambda phi: two.transform(phi, center, ell),
    )


@dataclass(frozen=True)
class _Sights:
    """Scales, and blocks of entries from the rarest on, with q_c(sp) times their share by scale, entry and number of sights."""

    n: int
    size: int
    rate: Floats
    share: Floats
    blocks: tuple[tuple[int, Floats], ...]
    radius: Floats
    angle: Floats
    turned: Complexes  # e^{icθ}
    step: float
    most: int

    @property
    def points(self) -> float:
        """Of a value, over those of a sum over points on circles."""
        rows, sights = len(self.radius), self.most + 1
        return rows * len(self.angle) * (1 + sights / 25) + sum(table.size for _, table in self.blocks) / 20

    def transform(self, phi: float, center: float, ell: int) -> complex:
        c = phi * center / self.n
        turned = np.exp(-1j * c * self.rate)
        both = np.stack([turned.real, turned.imag], axis=1)
        held = turned * np.expm1(1j * phi / self.n * self.rate)
        a = np.zeros((len(self.rate), self.most + 1), complex)
        for first, table in self.blocks:
            part = slice(first, first + table.shape[1])
            terms = np.matmul(both[:, :, part], table)
            a[:, : table.shape[2]] += terms[:, 0] + 1j * terms[:, 1]
            if ell < table.shape[2]:
                a[:, ell] += (held[:, part] * table[:, :, ell]).sum(1)
        # Σ_c a_c w^c − 1, the first of the terms as a difference: of many more than n hardly any is seen.
        none = np.expm1(-(1 + 1j * c) * self.rate) @ self.share
        a[:, 0] = none + ((held * np.exp(-self.rate)) @ self.share if ell == 0 else 0.0)
        a *= np.exp(np.outer(self.radius, np.arange(self.most + 1)))
        log_g = self.size * log1p(np.asarray(a @ self.turned, np.complex128))
        log_g -= self.n * self.radius[:, None] + 1j * (self.n * self.angle)
        return complex(np.exp(log_g).sum() * (self.n * self.step * (self.angle[1] - self.angle[0]) / (2 * np.pi)))


@lru_cache(maxsize=4)
def _sights(problem: Problem, highest: float, refine: float) -> _Sights | None:
    """None where they would be too many."""
    n, (value, share), laid = problem.n, entries_of(problem, refine), circles(problem, refine)
    order = np.argsort(value)
    value, share = value[order], share[order]
    step = 2 * np.pi / (refine * (band(float(n)) + highest))
    scale = np.exp(laid.first + step * np.arange(int((laid.last - laid.first) / step) + 2))
    end = laid.end + TURNS * np.sqrt(n)
    damping = 0.0
    if end >= np.pi * n:
        many, damping = int(np.ceil(ROUND[0] * refine * n)), ROUND[1]
        angle = 2 * np.pi / many * np.arange(many)
    else:
        alias = laid.alias * refine
        if alias > ALIAS:
            alias, damping = ALIAS * refine, DAMPING
        spacing = 2 * np.pi / alias / n
        angle = spacing * np.arange(-int(end / n / spacing) - 1, int(end / n / spacing) + 2)
    rate = np.multiply.outer(scale, value)
    most = np.minimum(rate[-1] + 9 * np.sqrt(rate[-1]) + 20, n).astype(np.int64)
    blocks, first, size = [], 0, 0
    while first < len(value):
        last = int(np.searchsorted(most, max(2 * most[first], 40), side="right"))
        size += len(scale) * (last - first) * int(most[last - 1] + 1)
        blocks.append((first, last))
        first = last
    if size > TABLE:
        return None
    tables = []
    for first, last in blocks:
        c, x = np.arange(most[last - 1] + 1), rate[:, first:last, None]
        seen = np.exp(special.xlogy(c, x) - x - special.gammaln(c + 1.0))
        tables.append((first, seen * share[None, first:last, None]))
    radius: Floats = np.asarray(radius_of(problem, value, share, scale) - damping / n, np.float64)
    turned = np.exp(1j * np.outer(np.arange(most[-1] + 1), angle))
    return _Sights(
        n,
        problem.prior.size,
        rate,
        share,
        tuple(tables),
        radius,
        np.asarray(angle, np.float64),
        turned,
        step,
        int(most[-1]),
    )


def _masses_by_scale(n: int, ell: int, rate: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Of what is seen ℓ times at each scale: the mean mass, and how far from it a mass may be; ``share`` of N entries."""
    seen = np.exp(special.xlogy(ell, rate) - rate - special.gammaln(ell + 1.0)) * share
    held = rate / n
    square = (seen * held**2).sum(1) + 1e-300
    mean, jump = (seen * held).sum(1), (seen * held**3).sum(1) / square
    return mean, APART * np.sqrt(square) + APART**2 / 2 * jump


def turn_of(problem: Problem, ell: int, center: float) -> float:
    """Δ: |Y| is at most g/n times how far from m a mass is, at any T that can be.

    >>> from longtail import Zipf
    >>> problem = Problem(Zipf(alpha=1, size=20), n=20)
    >>> round(turn_of(problem, 0, center=0.3), 2), turn_of(problem, 0, center=0.9) < turn_of(problem, 0, center=0.6)
    (2.87, True)
    """
    value, share = entries_of(problem, COARSE)
    laid, n = circles(problem), problem.n
    scale = np.exp(np.linspace(laid.first - log_gamma(n, -1), laid.last - log_gamma(n, 1), 200))
    mean, wide = _masses_by_scale(n, ell, np.multiply.outer(scale, value), share * problem.prior.size)
    wide += mean * APART / np.sqrt(n)
    low, high = max(0.0, float((mean - wide).min())), min(1.0, float((mean + wide).max()))
    return float(2 * np.pi / (max(abs(low - center), abs(high - center)) * _largest(n)))


def on_circles(problem: Problem, ell: int, center: float) -> Sum | None:
    """On circles moved by φm/n, for as long as what is added up is no larger for it; None where it would take too many points.

    >>> from longtail import Zipf
    >>> parts = on_circles(Problem(Zipf(alpha=1, size=20), n=20), 0, center=0.3)
    >>> round(float(0.3 + parts.value(1e-4).imag / 1e-4), 5)
    0.26997
    """
    if circles(problem, COARSE, OUT).points > POINTS:
        return None
    points, finer = saddled(problem, COARSE, OUT), saddled(problem, FINE, OUT)
    one, two = mass_on_circles(points, ell, center), mass_on_circles(finer, ell, center)

    def guarded(of: Transform) -> Transform:
        return lambda phi: of(phi) if phi * center < TURNED * problem.n else np.nan

    return Sum(0.0, 1.0, turn_of(problem, ell, center), guarded(one), 2.0 * len(points.weight), guarded(two))


def by_scales(problem: Problem, ell: int, center: float) -> Sum | None:
    """Of joined points, those scales at which the mass may be on either side of m.

    >>> from longtail import Zipf
    >>> parts = by_scales(Problem(Zipf(alpha=1, size=20), n=20), 0, center=0.3)
    >>> round(0.3 + parts.value(1e-4).imag / 1e-4, 5)
    0.26997
    """
    own = band(2.0 * ell + 3)
    first = scales(problem, rung(own))
    mean, wide, rows = _window(first, ell, center)
    if rows is None:
        likely = first.likely * first.ray.step
        return Sum(float(likely[mean < center].sum()), 0.0, 1.0, lambda phi: 0j, 1.0, lambda phi: 0j)
    slope = float(np.abs(np.gradient(mean, first.ray.step))[rows].max())
    least = float((wide[rows] / APART).min())
    end = min(END / np.sqrt(least**2 + center**2 / problem.n), TURNED * problem.n / center)
    highest = rung(own + STEEP * end * slope)
    coarse, fine = (scales(problem, highest, refine) for refine in (COARSE, FINE))
    mean, wide, rows = _window(coarse, ell, center)
    assert rows is not None
    away = float((np.abs(mean - center) + wide + (mean + wide) * APART / np.sqrt(problem.n))[rows].max())
    turn = 2 * np.pi / (away * _largest(problem.n))

    def over(laid: Scales, finer: Transform | Sum) -> Sum:
        mean, _, within = _window(laid, ell, center)
        assert within is not None
        likely = laid.likely * laid.ray.step
        outside = likely[mean < center].sum() - likely[within][mean[within] < center].sum()
        return Sum(
            float(outside),
            float(likely[within].sum()),
            turn,
            lambda phi: laid.mass_transform(phi, center, ell, within),
            60.0 * (within.stop - within.start),
            finer,
        )

    return over(coarse, over(fine, lambda phi: 0j))


def _window(laid: Scales, ell: int, center: float) -> tuple[Floats, Floats, slice | None]:
    """Mean and width by scale, and the scales at which the mass may be on either side of the center."""
    mean, wide = laid.masses(ell, _masses_by_scale)
    likely = np.flatnonzero(np.abs(laid.likely) > UNLIKELY)
    rows = np.arange(likely[0], likely[-1] + 1)
    either = rows[np.abs(mean - center)[rows] <= (wide + center * APART / np.sqrt(laid.n))[rows]]
    return mean, wide, slice(int(either[0]), int(either[-1]) + 1) if len(either) else None


def _largest(n: int) -> float:
    """g/n is more with probability 1e-10."""
    return float(special.gammainccinv(float(n), 1e-10) / n) if n < 10**6 else 1 + 6.5 / float(np.sqrt(n))
