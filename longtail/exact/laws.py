"""Whole laws over data sets, not only means: of |X_ℓ|, how many subpopulations are seen ℓ times, and of what they hold.

    E z^{|X_ℓ|},   E (|X_ℓ| − m)²,   E |X_j| z^{|X_ℓ|}    are sums over the points of ``longtail.exact.contours``;
    Pr[|X_ℓ| = k] = ∫ E e^{iθ|X_ℓ|} e^{−iθk} dθ/2π,       θ up to where the integrand has ended.

What X_ℓ holds, M_ℓ = Σ_{x ∈ X_ℓ} D(x), is the chance that one more sample falls there; so with n + 1 and n + 2 samples,

    E M_ℓ z^{|X_ℓ|} = (ℓ+1)/(n+1) · z E[|X_{ℓ+1}| z^{|X_ℓ|}]_{n+1},
    E M_ℓ² = [(ℓ+1)² E|X_{ℓ+1}|(|X_{ℓ+1}| − 1) + (ℓ+1)(ℓ+2) E|X_{ℓ+2}|]_{n+2} / (n+1)(n+2).

Variances are averages of squares about a mean known beforehand: nothing is subtracted that is much larger than they are.
Everything is computed twice, the second time on points finer throughout and over a finer list; the bound is the difference,
and rounding. Of variances eight digits are warranted, of laws what ``bound`` says of any event's probability.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import interpolate
from scipy.fft import irfft, next_fast_len

from longtail.core import AccuracyError, ArgumentError, Estimate, Floats, Problem, compressed, posed, real, whole
from longtail.exact.contours import Contour, contour
from longtail.exact.mellin import EPS, SAFE, band
from longtail.exact.scales import scales
from longtail.exact.spectrum import DIGITS, spectrum

COARSE, FINE = 1.0, 1.27
LEAST = 1000  # samples from which points for n serve n + 1 and n + 2
# of the root mean square of what is added up: each term is off by as many last places at random
ROUNDING = 4 * SAFE * EPS
FLOOR = 1e-2  # of the mean, below which a variance is told to 1e-8 of that
TAILS = 9.2  # standard deviations of a law of given scale that are told apart
ENDED = 1e-13  # of the largest |E e^{iθ|X|}|, that it may be cut off at
PHASE = 64 * EPS  # what a phase θ|X| may be off by, of itself
POINTS = 2**16  # of a law, from where on it is tabulated on a lattice of more than 1
STEEP = 1.15  # of the slope of θ|X_ℓ| in the log scale, as a frequency
LONGEST = 4000.0  # frequency, beyond which ``scales`` would be long
MOST = 2e8  # points by values of θ by what each costs, at the most: some tens of seconds
PROBED = 0.1, 0.2, 0.4  # of the last angle that ``scales`` can follow a transform to
NEARLY = 1e-9  # of a transform, that is too much there
HIGHEST = 100  # sightings


@dataclass(frozen=True)
class Law:
    """The law of a whole number: ``probability`` of start, start + step, start + 2 step, ...

    Where ``step`` is more than 1 the law is so wide that it is smooth from one to the next. No event's probability is off by more
    than ``bound``.

    >>> from longtail import Problem, Zipf, exact
    >>> alone = exact.law(Problem(Zipf(alpha=1, size=20), n=20))
    >>> round(alone.mean.value, 2), round(alone.deviation.value, 2), alone.quantile(0.9), round(alone.cdf(5).value, 4)
    (5.63, 2.06, 8, 0.4916)
    """

    start: int
    step: int
    probability: Floats = field(repr=False)
    mean: Estimate
    variance: Estimate
    bound: float

    @property
    def values(self) -> Floats:
        """What ``probability`` is of."""
        return np.asarray(self.start + float(self.step) * np.arange(len(self.probability)))

    @property
    def deviation(self) -> Estimate:
        """The standard deviation."""
        return root(self.variance)

    def cdf(self, k: ArrayLike) -> Estimate:
        """Pr[X ≤ k]."""
        below = np.append(0.0, np.cumsum(self.probability * self.step))
        place = np.floor((np.asarray(k, float) - self.start) / self.step + 1) if self.step == 1 else None
        if place is not None:
            value = below[np.clip(place, 0, len(below) - 1).astype(np.int64)]
        else:  # half a cell beyond each value: the midpoint rule's own error is that of a smooth law's tails
            edge = self.start + self.step * (np.arange(len(below)) - 0.5)
            smooth = interpolate.CubicSpline(edge, below)
            value = smooth(np.clip(np.asarray(k, float) + 0.5, edge[0], edge[-1]))
        value = np.clip(value, 0.0, 1.0)
        return Estimate(float(value), bound=self.bound) if np.ndim(k) == 0 else Estimate(value, bound=self.bound)

    def quantile(self, level: float) -> int:
        """The least k with Pr[X ≤ k] ≥ ``level``."""
        level = real("level", level, 0, 1, open_low=True, open_high=True)
        reached = np.cumsum(self.probability * self.step) >= level
        return self.start + self.step * int(np.argmax(reached) if reached.any() else len(reached) - 1)


@dataclass(frozen=True)
class Spread:
    """Standard deviations, over data sets, of what one data set gives.

    >>> from longtail import Problem, Uniform, exact
    >>> round(exact.spread(Problem(Uniform(size=2), n=3)).cost.value, 6)
    0.194856
    """

    singleton_fraction: Estimate
    unseen_mass: Estimate
    optimal_error: Estimate
    cost: Estimate


def law(problem: Problem, ell: int = 1) -> Law:
    """The law over data sets of |X_ℓ|, how many subpopulations are seen exactly ℓ times.

    >>> from longtail import Problem, Uniform
    >>> found = law(Problem(Uniform(size=2), n=3))  # all three of one kind: none is alone, and one in four data sets is such
    >>> found.probability[:2].round(12).tolist()
    [0.25, 0.75]
    """
    ell = whole("ell", ell, 0, HIGHEST)
    mean = spectrum(problem, np.array([ell]))
    center = Estimate(float(mean.seen[0]), bound=float(mean.seen_error[0]))
    value, off = _variance(problem, ell, checked=False)
    spread = Estimate(value, bound=off)
    if _constant(problem, ell):
        return Law(int(center.value), 1, np.ones(1), center, spread, 0.0)
    start, step, fine, bound = _tabulated(problem, ell, None)
    return Law(start, step, fine, center, spread, bound)


def variance(problem: Problem, ell: ArrayLike = 1) -> Estimate:
    """E (|X_ℓ| − E|X_ℓ|)².

    >>> from longtail import Problem, Uniform
    >>> round(variance(Problem(Uniform(size=2), n=3)).value, 10)  # of 0, 1, 1, 1
    0.1875
    """
    return _by_ell(ell, lambda j: _variance(problem, j))


def mass_variance(problem: Problem, ell: ArrayLike = 0) -> Estimate:
    """E (M_ℓ − E M_ℓ)² of what is held by the subpopulations seen ℓ times; M_0 is the unseen mass.

    >>> from longtail import Problem, Uniform
    >>> round(mass_variance(Problem(Uniform(size=2), n=3), ell=0).value, 10)  # of 1/2, 0, 0, 0
    0.046875
    """
    return _by_ell(ell, lambda j: _mass_variance(problem, j))


def spread(problem: Problem) -> Spread:
    """How far one data set may be from the mean: standard deviations of what ``simulate`` prints.

    >>> from longtail import Problem, Uniform
    >>> found = spread(Problem(Uniform(size=2), n=3, n_classes=2))
    >>> round(found.singleton_fraction.value, 6), round(found.optimal_error.value, 6)
    (0.144338, 0.108253)
    """
    alone = root(variance(problem, 1))
    unseen, held = (root(mass_variance(problem, ell)) for ell in (0, 1))
    return Spread(_times(alone, 1 / problem.n), unseen, _times(unseen, problem.guess), _times(held, problem.guess))


def capacity_excess(problem: Problem, items: ArrayLike, group: int | None = None) -> Estimate:
    """(1 − 1/K) E[(1 − B/|X_1|)_+ M_1]: what is lost by room for ``items`` B of the singletons only; for all B at once.

    With ``group``, of a list made of several what is lost there, with room for B singletons of all.

    >>> from longtail import Problem, Zipf
    >>> found = capacity_excess(Problem(Zipf(alpha=1, size=50_000), n=50_000), [0, 4_000, 8_000])
    >>> found.value.round(8).tolist()
    [0.0730729, 0.03898152, 0.00518828]
    """
    room = np.atleast_1d(np.asarray(items))
    if room.ndim != 1 or room.dtype.kind not in "iuf" or not ((room == np.floor(room)) & (room >= 0)).all():
        raise ArgumentError("items", items, "give whole numbers of items, 0 or more")
    if _constant(problem, 1):
        s = spectrum(problem, np.array([1]), group=group)
        value, bound = np.where(room < s.seen[0], (1 - room) * s.mass[0], 0.0), s.mass_error[0] * np.ones(len(room))
    else:
        value, bound = _unfit(problem, np.asarray(room, float), group)
    value, bound = problem.guess * np.maximum(value, 0.0), problem.guess * bound
    return Estimate(float(value[0]), bound=float(bound[0])) if np.ndim(items) == 0 else Estimate(value, bound=bound)


def _unfit(problem: Problem, room: Floats, group: int | None) -> tuple[Floats, Floats]:
    """Σ_{k > B} (1 − B/k) E[M_1; |X_1| = k]."""
    start, step, held, bound = _tabulated(problem, 1, 2, group)
    k = np.maximum(start + float(step) * np.arange(len(held)), 1.0)
    held = held * step
    above, share = (np.append(np.cumsum(x[::-1])[::-1], 0.0) for x in (held, held / k))
    edge = start + float(step) * np.arange(len(held))
    at = above[:-1] - edge * share[:-1]
    if step > 1:  # the sum over all whole numbers, by Euler and Maclaurin, has another kink than that over the lattice
        at += (step**2 - 1) / 12 * held / step / k
        inside = np.clip(room, edge[0], edge[-1])
        value = interpolate.CubicSpline(edge, at)(inside)
        value = np.where(room > edge[-1], 0.0, value)
    else:
        place = np.clip(room - start, 0, len(held)).astype(np.int64)
        value = np.append(at, 0.0)[place]
    return np.where(room < start, above[0] - room * share[0], value), np.full(len(room), bound)


def _constant(problem: Problem, ell: int) -> bool:
    """Whether |X_ℓ| is one number: of one subpopulation, and where ℓ is more than the samples."""
    return posed(problem).prior.size == 1 or ell > problem.n


def _by_ell(ell: ArrayLike, read: Callable[[int], tuple[float, float]]) -> Estimate:
    if np.ndim(ell) == 0:
        value, bound = read(whole("ell", ell, 0, HIGHEST))
        return Estimate(value, bound=bound)
    found = [read(whole("ell", j, 0, HIGHEST)) for j in np.asarray(ell).tolist()]
    return Estimate(np.array([v for v, _ in found]), bound=np.array([b for _, b in found]))


def _points(problem: Problem, ell: int, more: int, theta: float = 0.0) -> Iterator[tuple[Contour, int]]:
    """Coarse and fine points for E e^{iθ|X_ℓ|} in n + ``more`` samples, and how many of these are still to be added."""
    own = highest = band(2.0 * ell + 3.0)
    if problem.mode == "random" and problem.n >= LEAST and np.ptp(compressed(problem.prior).log_value) > 0:
        if theta:
            highest += STEEP * theta * scales(problem, rung(own)).steepness(ell)[2]
        while highest < LONGEST:  # the longer, the nearer to the scales that can be, and less steep
            laid = scales(problem, rung(highest))
            if theta == 0 or own + STEEP * theta * laid.steep(ell) <= rung(highest):
                if not laid.bears(np.expm1(1j * theta), ell):
                    break
                yield laid, more
                yield scales(problem, rung(highest), FINE), more
                return
            highest *= 1.2
        highest = own
    if problem.n < LEAST:
        problem, more = replace(problem, n=problem.n + more), 0
    if theta:
        highest += STEEP * theta * contour(problem, rung(own)).steepness(ell)[2]
    for refine in (COARSE, FINE):
        yield contour(problem, rung(highest), refine, ell if theta else None), more


def rung(highest: float) -> float:
    """One of a ladder of frequencies, so that points serve again.

    >>> [round(rung(highest), 2) for highest in (100.0, 107.0, 108.0)]
    [107.63, 107.63, 128.0]
    """
    return float(2.0 ** (np.ceil(4 * np.log2(highest)) / 4))


def _variance(problem: Problem, ell: int, *, checked: bool = True) -> tuple[float, float]:
    if _constant(problem, ell):
        return 0.0, 0.0
    center = float(spectrum(problem, np.array([ell])).seen[0])

    def of(points: Contour, more: int) -> tuple[float, float]:
        _, square, size = points.moments(ell, center, more)
        return square, size

    return _settled(
        problem,
        ell,
        [of(*at) for at in _points(problem, ell, 0)],
        FLOOR * center if checked else np.inf,
        "the variance",
    )


def _mass_variance(problem: Problem, ell: int) -> tuple[float, float]:
    """In n + 2 samples, with Y = |X_{ℓ+1}|, V = |X_{ℓ+2}| and m = E M_ℓ: (n+1)(n+2) E (M_ℓ − m)² is

    E ((ℓ+1)Y − m(n+1))² + m²(n+1) + (ℓ+1)(2mℓ − ℓ − 1) E Y + (1 − 2m)(ℓ+1)(ℓ+2) E V.
    """
    if _constant(problem, ell):
        return 0.0, 0.0
    m, n, up = float(spectrum(problem, np.array([ell])).mass[0]), problem.n, ell + 1

    def of(points: Contour, more: int) -> tuple[float, float]:
        y, square, size = points.moments(up, m * (n + 1) / up, more)
        v, _, _ = points.moments(up + 1, 0.0, more)
        rest = [m * m * (n + 1), up * (2 * m * ell - up) * y, (1 - 2 * m) * up * (up + 1) * v]
        scale = (n + 1.0) * (n + 2.0)
        return (up**2 * square + sum(rest)) / scale, (up**2 * size + 10 * float(np.abs(rest).sum())) / scale

    return _settled(
        problem,
        ell,
        [of(*at) for at in _points(problem, up, 2)],
        FLOOR * m * max(up / n, 0.1),
        "the variance of the mass",
    )


def _settled(
    problem: Problem, ell: int, found: list[tuple[float, float]], floor: float, what: str
) -> tuple[float, float]:
    """The finer of two values with its bound; an AccuracyError where it is not known to 1e-8 of itself, or of ``floor``."""
    (coarse, _), (fine, rounding) = found
    value, bound = max(fine, 0.0), 2 * abs(fine - coarse) + ROUNDING * rounding + 1024 * EPS * abs(fine)
    if not bound <= DIGITS * max(value, floor):
        remedy = f"{what} at ell = {ell} is only known as {value:.3g} ± {bound:.1g} under {problem.prior!r}; "
        raise AccuracyError("n", problem.n, remedy + "give other samples or fewer sightings")
    return value, bound


@lru_cache(maxsize=16)
def _tabulated(
    problem: Problem, ell: int, beside: int | None, group: int | None = None
) -> tuple[int, int, Floats, float]:
    """Start, step, Pr[|X_ℓ| = k] and a bound on an event's; with ``beside`` = ℓ + 1, E[M_ℓ; |X_ℓ| = k]."""
    more = 0 if beside is None else 1
    least, most, steep = next(_points(problem, ell, more))[0].steepness(ell)
    wide = TAILS * np.sqrt(np.array([least, most])) + 5 * TAILS
    start = max(0, int(least - wide[0]))
    length = int(min(problem.prior.size, problem.n // ell if ell else np.inf, most + wide[1])) - start + 2
    step = -(-length // POINTS)
    points = next_fast_len(length, real=True) if step == 1 else POINTS
    turn = 2 * np.pi / (points * step)
    coarse, fine = np.zeros(points // 2 + 1, complex), np.zeros(points // 2 + 1, complex)
    k, work, size = 0, 0.0, 0.0
    spread, center = _variance(problem, ell, checked=False)[0], float(spectrum(problem, np.array([ell])).seen[0])
    theta_end = TAILS / np.sqrt(min(spread, center) + 1e-3)  # where the law that a scale leaves has ended
    if steep * theta_end > LONGEST / 2:
        if problem.mode == "random" and _endless(problem, ell, beside, LONGEST / (STEEP * steep)):
            raise AccuracyError("n", problem.n, _detailed(problem, ell))
        theta_end = TAILS / np.sqrt(spread + 1e-3)
    upto = max(8, int(theta_end / turn) + 2)
    while k <= points // 2:
        many = np.arange(k, min(upto, points // 2 + 1))
        theta = turn * many
        for out, (at, left) in zip((coarse, fine), _points(problem, ell, more, theta[-1]), strict=True):
            z_less_1 = np.expm1(1j * theta)
            out[many] = at.transform(z_less_1, ell, beside, left, group) * np.exp(-1j * theta * (start - more))
            work += len(many) * at.points * at.cost
        size = size or float(np.abs(fine[0]))
        left_off = ENDED + PHASE * theta[-1] * center
        rest = float(np.abs(fine[many[-1 - len(many) // 8 :]]).max())
        ended = rest < left_off * size
        k, upto = many[-1] + 1, max(upto + 8, int(upto * 1.3))
        if ended:
            break
        if work > MOST:
            raise AccuracyError("n", problem.n, _detailed(problem, ell))
    if step == 1 and k > points // 2:  # the whole circle, with nothing left out
        rest = 0.0
    scale = 1.0 if beside is None else (ell + 1) / (problem.n + 1)
    laid, rough = (scale / step * irfft(x.conj(), points) for x in (fine, coarse))
    known = 1.0 if beside is None else float(spectrum(problem, np.array([ell]), group=group).mass[0])
    bound = 2 * step * float(np.abs(laid - rough).sum()) + abs(step * float(laid.sum()) - known)
    bound += scale * (10 * ROUNDING * np.log2(points) * size + 8 * rest)
    return start, step, laid, bound


def _endless(problem: Problem, ell: int, beside: int | None, last: float) -> bool:
    """Whether a transform that falls ever more slowly will not have ended at ``last``, by three values before."""
    found = []
    for part in PROBED:
        laid, left = next(_points(problem, ell, 0 if beside is None else 1, part * last))
        none, some = laid.transform(np.array([0j, np.expm1(1j * part * last)]), ell, beside, left)
        found.append(float(np.log(np.abs(some / none) + 1e-300)))
    slope = np.diff(found) / np.diff(PROBED)
    return bool(slope[0] < slope[1] and found[2] + min(slope[1], 0.0) * (1 - PROBED[2]) > np.log(NEARLY))


def _detailed(problem: Problem, ell: int) -> str:
    remedy = f"the law of |X_{ell}| under {problem.prior!r} has more detail than can be resolved; "
    return remedy + "give fewer samples, or ask for its variance"


def root(square: Estimate) -> Estimate:
    """The root of what is not negative; where it is 0 to what is known, its bound is the root of that.

    >>> root(Estimate(4.0, bound=0.04)), root(Estimate(0.0, bound=0.5))
    (Estimate(value=2.0, stderr=0.0, bound=0.01002512578676009), Estimate(value=0.0, stderr=0.0, bound=1.0))
    """
    value, bound = np.sqrt(square.value), np.asarray(square.bound, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.where(
            square.value > bound, bound / (value + np.sqrt(np.maximum(square.value - bound, 0.0))), np.sqrt(2 * bound)
        )
    return Estimate(float(value), bound=float(off)) if np.ndim(value) == 0 else Estimate(value, bound=off)


def _times(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(estimate.value * factor, bound=estimate.bound * factor + 4 * EPS * estimate.value * factor)
