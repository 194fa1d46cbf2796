"""Laws of masses one probability at a time, where T spans decades, where samples are few, and where there are steps.

Frequencies drawn, a Gamma variable g of shape n does not change the sign of what it multiplies, so with Y = (g/n)(M_ℓ − m),

    Pr[M_ℓ ≤ m] = Pr[Y ≤ 0] = 1/2 − Σ_{k ≥ 0} Im E e^{i(k+½)ΔY} / π(k+½),

off by no more than Pr[|Y| > 2π/Δ] (Davies, Biometrika 60, 1973). E e^{iφY} is that of ``longtail.exact.mass_laws``, centered at m
itself: what g does need not be undone, which is what takes large n there. Where T spans decades only the scales at which m may be
passed are summed over, at all others Y has one sign; where n is small, c-fold sights are told apart one by one,

    E e^{iφY} = n ∫ ds/s [w^n] (Σ_{c ≤ n} w^c E_p q_c(sp) e^{−iφmsp/n} · (e^{iφsp/n} where c = ℓ))^N.

Steps. E e^{iφY} e^{−(hφ)²/2} is that of Y + h times a normal variable: it ends at φ = ``END``/h, whatever the law, and its
probability lies between those of M at m ∓ ``resolution``, that many h: so much a mass is off by, besides the probability's bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from longtail.core import AccuracyError, Estimate, Floats, Problem
from longtail.exact.contours import Complexes, log1p, log_gamma
from longtail.exact.distributions import MassLaw, _level
from longtail.exact.mellin import EPS, band
from longtail.exact.saddle import ALIAS, DAMPING, _list, _radius, circles, mass_on_circles, saddled
from longtail.exact.scales import UNLIKELY, Scales, scales

GOOD = 1e-6  # what a probability may be off by
APART = 6.5  # standard deviations that are told apart: 1e-10 is beyond them
LEFT = 1e-8  # what that leaves out, and Davies' sum
END = 6.0  # of hφ: e^{−18}
TOLD = 5.4  # standard deviations of h that a mass is off by: 3e-8 is beyond
ENDED = 1e-8  # of E e^{iφY}, that it may be cut off at where it does not come back
RUN = 6  # values in a row that are to be that small
PROBED, PROBABLY = (
    (0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0),
    1e-6,
)  # of all values, one of which is that small where the transform ends
CHECKED = 6  # one in so many values is computed on finer points as well
WORK = 1e8  # points for all values of φ
LONG = 1000  # values of φ
TOO_FEW = 6.0  # standard deviations: a transform that is followed no farther has not ended
LEAST = 10  # samples: of fewer E e^{iφY} hardly falls
SIGHTS = 1000  # samples up to which sights are told apart one by one
HEAVY = 2e6  # points that it may take
ROUGHEST = 2.0  # of a standard deviation, one in so many may a mass be off by
TURNS = 9.0  # over √n: how much farther they turn a circle
TABLE = 4e7  # entries of a table of these
ROUND = 20.0, 2.0  # totals that are told apart, in n, and how the radius is less for it
POINTS = 6e5  # on circles, beyond which they are joined
TURNED = 0.5  # of the radius, that circles may be moved by
OUT = -170.0  # log of a weight that counts on a circle that is moved
ROUNDING = 32 * EPS  # of a value
STEEP = 1.15  # of the slope of φM in the log scale, as a frequency
COARSE, FINE = 1.0, 1.27
NEAR = 1e-9  # of a level, at which a quantile is found

Transform = Callable[[float], complex]


@dataclass(frozen=True)
class Sum:
    """What a probability is made of: certain + rest/2 − Σ Im value((k + ½)Δ)/π(k + ½).

    On finer points there are a transform, tried at one value in ``CHECKED``, or a sum of its own.

    >>> def normal(phi):  # the transform of a normal variable about ½
    ...     return np.exp(0.5j * phi - phi**2 / 2)
    >>> round(probability(Sum(0.0, 1.0, 0.2, normal, points=1.0, finer=normal), h=0.0, steps=False)[0], 6)
    0.308538
    """

    certain: float
    rest: float
    turn: float
    value: Transform
    points: float
    finer: Transform | Sum


@dataclass(frozen=True)
class Pointwise(MassLaw):
    """A law that is computed where it is asked: ``cdf`` takes up to some seconds a value, of a mass to ``resolution``.

    >>> def way(problem, ell, mass):  # of a normal law about .3
    ...     transform = lambda phi: np.exp(1j * phi * (0.3 - mass) - (0.1 * phi) ** 2 / 2)
    ...     return Sum(0.0, 1.0, 1.0, transform, 1.0, transform)
    >>> from longtail import Zipf
    >>> law = Pointwise(Problem(Zipf(alpha=1, size=9), n=100), 0, 0.0, 1.0, Estimate(0.3), Estimate(0.01), 1e-6, 0.0, way)
    >>> round(law.cdf(0.4).value, 6), round(law.quantile(0.5), 6)
    (0.841345, 0.3)
    """

    problem: Problem
    ell: int
    low: float
    high: float
    mean: Estimate
    variance: Estimate
    bound: float
    resolution: float
    way: Callable[[Problem, int, float], Sum | None] = field(repr=False)
    known: dict[float, tuple[float, float]] = field(default_factory=dict, repr=False, compare=False)

    def cdf(self, mass: ArrayLike) -> Estimate:
        found = [self._at(float(m)) for m in np.ravel(np.asarray(mass, float))]
        value, off = (np.array(x) for x in zip(*found, strict=True))
        if np.ndim(mass) == 0:
            return Estimate(float(value[0]), bound=float(off[0]))
        return Estimate(value.reshape(np.shape(mass)), bound=off.reshape(np.shape(mass)))

    def quantile(self, level: float) -> float:
        """Where ``cdf`` gets to ``level``: by secants of its probit against log mass, within a bracket."""
        level, low, high = _level(level), self.low, self.high
        target, spread = float(special.ndtri(level)), float(np.sqrt(self.variance.value))
        at = float(self.mean.value) + target * spread
        trail: list[tuple[float, float]] = []
        for _ in range(60):
            if not low < at < high:
                at = (low + high) / 2
            reached, off = self._at(at)
            low, high = (at, high) if reached < level else (low, at)
            if abs(reached - level) <= NEAR * min(level, 1 - level) + off / 4:
                return float(at)
            if high - low <= self.resolution / 4 + 1e-10 * high:
                break
            trail.append((np.log(at + EPS), float(special.ndtri(np.clip(reached, 1e-12, 1 - 1e-12))) - target))
            (x0, y0), (x1, y1) = (
                trail[-2:] if len(trail) > 1 else (trail[0], (np.log(max(self.mean.value, EPS)), -target))
            )
            slope = (y1 - y0) / (x1 - x0) if x1 != x0 else 0.0
            step = np.exp(x1 - y1 / slope) if slope > 0 else np.nan
            at = float(step if len(trail) % 4 else (low + high) / 2)
        return float(high)

    def _at(self, mass: float) -> tuple[float, float]:
        if not self.low < mass < self.high:
            return (0.0 if mass <= self.low else 1.0), LEFT
        if mass not in self.known:
            value, off, ended = self._probability(mass)
            if not off <= self.bound or not ended:
                raise rough(self.problem, self.ell)
            self.known[mass] = float(np.clip(value, 0.0, 1.0)), off
        return self.known[mass]

    def _probability(self, mass: float) -> tuple[float, float, bool]:
        parts = self.way(self.problem, self.ell, mass)
        if parts is None:
            return np.nan, np.inf, False
        return probability(parts, self.resolution * _least(self.problem.n) / TOLD, self.resolution > 0)


def pointwise(
    problem: Problem, ell: int, low: float, high: float, mean: Estimate, spread: Estimate, steps: bool
) -> Pointwise:
    """The law of what is seen ``ell`` times, all of which lies in [low, high], by the first way to sum that is known at its
    ``mean``; an AccuracyError where none is. ``spread`` is its variance, ``steps`` whether it has steps.

    >>> from longtail import Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=3), n=4)
    >>> moments = exact.unseen_mass(problem), exact.mass_variance(problem)
    >>> pointwise(problem, 0, 0.0, 1.0, *moments, steps=True)
    Traceback (most recent call last):
        ...
    longtail.core.checks.AccuracyError: n: got 4; the law of what is seen 0 times under Zipf(alpha=1.0, size=3) has steps...
    """
    at, deviation = float(mean.value), float(np.sqrt(spread.value))
    for way in (_by_sights, _moved, _windowed):
        if (
            way is _moved
            and _turn(problem, ell, at) * WORK / circles(problem, COARSE, OUT).points * deviation < TOO_FEW
        ):
            continue
        parts = way(problem, ell, at)
        if parts is None:
            continue
        endless = steps or not _ends(parts)
        value, off, ended = (np.nan, np.inf, False) if endless else probability(parts, 0.0, steps)
        resolution = 0.0
        if not ended:
            h = END / (parts.turn * min(LONG, WORK / parts.points))
            resolution = 2 * h * TOLD / _least(problem.n)
            if resolution > np.sqrt(spread.value) / ROUGHEST:
                continue
            value, off, ended = probability(parts, h, True)
        if off <= GOOD and ended:
            law = Pointwise(problem, ell, low, high, mean, spread, GOOD, resolution, way)
            law.known[at] = float(np.clip(value, 0.0, 1.0)), off
            return law
    raise rough(problem, ell, "has steps" if steps else "has a transform that does not end soon")


def _ends(parts: Sum) -> bool:
    """Whether a transform is ever next to nothing before ``probability`` would give up, by values along the way."""
    most = int(min(2 * LONG, 2 * WORK / parts.points))
    found = np.abs([parts.value((round(most * part) - 0.5) * parts.turn) for part in PROBED])
    return bool((found <= PROBABLY).any())


def probability(parts: Sum, h: float, steps: bool) -> tuple[float, float, bool]:
    """Pr[Y ≤ 0], what it may be off by, and whether it has ended, by itself (where there are no ``steps``) or by h.

    >>> def half(phi):  # of all, half lies about 0
    ...     return 0.5 * np.exp(-(phi**2) / 2)
    >>> value, bound, ended = probability(Sum(0.25, 0.5, 0.2, half, points=1.0, finer=half), h=0.0, steps=False)
    >>> round(value, 6), bound < 1e-6, ended  # a quarter for sure, and half of the half
    (0.5, True, True)
    """
    found: list[complex] = []
    apart, by_itself = 0.0, False
    most = int(min(2 * LONG, 2 * WORK / parts.points))
    while len(found) < most and not by_itself:
        phi = (len(found) + 0.5) * parts.turn
        if h * phi > END:
            break
        found.append(parts.value(phi))
        if not abs(found[-1]) <= 2:
            return np.nan, np.inf, False
        if len(found) % CHECKED == 1 and not isinstance(parts.finer, Sum):
            apart = max(apart, abs(parts.finer(phi) - found[-1]))
        by_itself = not steps and len(found) > RUN and max(map(abs, found[-RUN:])) <= ENDED
    half = np.arange(len(found)) + 0.5
    kept = np.ones(len(found)) if by_itself else np.exp(-((h * half * parts.turn) ** 2) / 2)
    value = parts.certain + parts.rest / 2 - float(((np.array(found) * kept).imag / (np.pi * half)).sum())
    ended = by_itself or h * (len(found) + 0.5) * parts.turn > END
    off = (4 * apart + ROUNDING) * np.log(len(found) + 2) + 8 * (ENDED if by_itself else np.exp(-END * END / 2)) + LEFT
    if isinstance(parts.finer, Sum):
        again, _, _ = probability(parts.finer, h if not by_itself else 0.0, steps)
        off += 8 * abs(again - value)
    return value, float(off), bool(ended)


def rough(problem: Problem, ell: int, why: str = "has more detail than can be resolved") -> AccuracyError:
    """The error to raise where the law of what is seen ``ell`` times cannot be told, and what to do.

    >>> from longtail import Zipf
    >>> rough(Problem(Zipf(alpha=1, size=10), n=5), ell=0).argument
    'n'
    """
    what = f"the law of what is seen {ell} times under {problem.prior!r} {why}; "
    other = (
        ", or mode='fixed' for that of the list itself" if problem.mode == "random" and not problem.prior.is_law else ""
    )
    return AccuracyError(
        "n", problem.n, f"{what}give more samples or subpopulations{other}, or ask exact.mass_variance"
    )


def _least(n: int) -> float:
    """g/n is less with probability 1e-8."""
    return float(special.gammaincinv(float(n), 1e-8) / n) if n < 10**6 else 1 - 5.7 / float(np.sqrt(n))


def _largest(n: int) -> float:
    """g/n is more with probability 1e-10."""
    return float(special.gammainccinv(float(n), 1e-10) / n) if n < 10**6 else 1 + 6.5 / float(np.sqrt(n))


def _masses_by_scale(n: int, ell: int, rate: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Of what is seen ℓ times at each scale: the mean mass, and how far from it a mass may be; ``share`` of N entries."""
    seen = np.exp(special.xlogy(ell, rate) - rate - special.gammaln(ell + 1.0)) * share
    held = rate / n
    square = (seen * held**2).sum(1) + 1e-300
    mean, jump = (seen * held).sum(1), (seen * held**3).sum(1) / square
    return mean, APART * np.sqrt(square) + APART**2 / 2 * jump


def _turn(problem: Problem, ell: int, center: float) -> float:
    """Δ: |Y| is at most g/n times how far from m a mass is, at any T that can be."""
    value, share = _list(problem, COARSE)
    laid, n = circles(problem), problem.n
    scale = np.exp(np.linspace(laid.first - log_gamma(n, -1), laid.last - log_gamma(n, 1), 200))
    mean, wide = _masses_by_scale(n, ell, np.multiply.outer(scale, value), share * problem.prior.size)
    wide += mean * APART / np.sqrt(n)
    low, high = max(0.0, float((mean - wide).min())), min(1.0, float((mean + wide).max()))
    return float(2 * np.pi / (max(abs(low - center), abs(high - center)) * _largest(n)))


def _moved(problem: Problem, ell: int, center: float) -> Sum | None:
    """On circles moved by φm/n, for as long as what is added up is no larger for it."""
    if circles(problem, COARSE, OUT).points > POINTS:
        return None
    points, finer = saddled(problem, COARSE, OUT), saddled(problem, FINE, OUT)
    one, two = mass_on_circles(points, ell, center), mass_on_circles(finer, ell, center)

    def guarded(of: Transform) -> Transform:
        return lambda phi: of(phi) if phi * center < TURNED * problem.n else np.nan

    return Sum(0.0, 1.0, _turn(problem, ell, center), guarded(one), 2.0 * len(points.weight), guarded(two))


def _windowed(problem: Problem, ell: int, center: float) -> Sum | None:
    """Of joined points, those scales at which the mass may be on either side of m."""
    own = band(2.0 * ell + 3)
    first = scales(problem, _rung(own))
    mean, wide, rows = _window(first, ell, center)
    if rows is None:
        likely = first.likely * first.ray.step
        return Sum(float(likely[mean < center].sum()), 0.0, 1.0, lambda phi: 0j, 1.0, lambda phi: 0j)
    slope = float(np.abs(np.gradient(mean, first.ray.step))[rows].max())
    least = float((wide[rows] / APART).min())
    end = min(END / np.sqrt(least**2 + center**2 / problem.n), TURNED * problem.n / center)
    highest = _rung(own + STEEP * end * slope)
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


def _rung(highest: float) -> float:
    return float(2.0 ** (np.ceil(4 * np.log2(highest)) / 4))


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
    n, (value, share), laid = problem.n, _list(problem, refine), circles(problem, refine)
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
    radius: Floats = np.asarray(_radius(problem, value, share, scale) - damping / n, np.float64)
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


def _by_sights(problem: Problem, ell: int, center: float) -> Sum | None:
    if not LEAST <= problem.n <= SIGHTS:
        return None
    highest = _rung(band(2.0 * ell + 3) + STEEP * END * np.sqrt(problem.n))
    one, two = (_sights(problem, highest, refine) for refine in (COARSE, FINE))
    if one is None or two is None or one.points > HEAVY:
        return None
    turn = _turn(problem, ell, center)
    return Sum(
        0.0,
        1.0,
        turn,
        lambda phi: one.transform(phi, center, ell),
        one.points,
        lambda phi: two.transform(phi, center, ell),
    )
