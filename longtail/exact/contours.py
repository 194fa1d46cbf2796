"""How often every subpopulation is seen, all at once: expectations over data sets as sums over complex scales.

Given a scale s, numbers of sightings are independent, and a pattern of them whose sum is n is as likely as in the model:

    Pr[c_1, ..., c_N] = n ∫ ds/s Π_x q_s(c_x),   q_s(c) = E_p e^{−sp} (sp)^c / c!,

for ∫ e^{−sT} s^{n−1} ds = Γ(n) T^{−n}. With the list itself the scale stays n. That the sum is n is what the coefficient of
w^n asks for, w^c beside every c. So with G_s(w) = E_p e^{−sp(1−w)} and u_ℓ = w^ℓ q_s(ℓ)/G_s(w),

    E f(|X_ℓ|) = n ∫ ds/s [w^n] G_s(w)^N · E f(a binomial of N trials and "chance" u_ℓ):

means, variances and E z^{|X_ℓ|}, there (1 + (z − 1) u_ℓ)^N, are sums over one set of points (s, w), each with a complex weight.

The points: log s is uniform over the scales n/T that T lets happen; w = e^{(−a + iω)/n}, ω uniform. A step of 2π/c in ω lets in
totals of n(1 + c), n(1 + 2c), ..., e^{−ac} of each. How T is spread beyond what f(|X_ℓ|) can tell apart needs no resolving: a
filter ends ω smoothly where the frequencies of f, as a function of log T, have ended (as in ``longtail.exact.mellin``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special

from longtail.core import AccuracyError, Floats, Integers, Prior, Problem, compressed
from longtail.exact.binomials import stirling
from longtail.exact.mellin import DECADES, Total, band, reach_of

Complexes = NDArray[np.complex128]

ALIAS, DAMPING = 8.0, 4.5  # c and a: totals of nine times n count e^{−36}, and rounding grows by e^4.5
ROUND = 20.0, 2.0  # the same where the circle is short
EDGE = 10.8  # erfc at −5.4 and 5.4 is 2 and 0, to 1e-14
FADE = 200.0  # that a filter takes to end, for a reach of 1 in log s: its kernel in s is gone to 1e-14 there
NORMAL = 9.2  # standard deviations beyond which a normal law is gone
GONE = -46.0  # log of a weight that a point is left out with
TILE = 24
PLACES = 40  # angles at which it is tried whether a transform is gone
MANY = 20_000  # of the list itself


class Contour(Protocol):
    """Points that expectations of |X_ℓ| are sums over.

    >>> from longtail import Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=20), n=20)
    >>> points = contour(problem, highest=band(5.0))
    >>> round(points.moments(1, center=5.0)[0], 8), round(exact.subpopulations(problem, 1).value, 8)
    (5.6277447, 5.6277447)
    """

    @property
    def points(self) -> int:
        """How many."""

    @property
    def cost(self) -> float:
        """Of each, over that of one where frequencies are drawn."""

    def moments(self, ell: int, center: float, more: int = 0) -> tuple[float, float, float]:
        """E|X_ℓ| and E(|X_ℓ| − center)² in n + ``more`` samples, and the root mean square of what is added up for the latter."""

    def transform(
        self, z_less_1: Complexes, ell: int, beside: int | None = None, more: int = 0, group: int | None = None
    ) -> Complexes:
        """E z^{|X_ℓ|} for each z; with ``beside``, E |X_beside| z^{|X_ℓ|}, or of those of one ``group`` for |X_beside|."""

    def steepness(self, ell: int) -> tuple[float, float, float]:
        """The least and the largest mean of |X_ℓ| over the scales that can be, and its largest slope in the log scale."""

    def bears(self, z_less_1: complex, ell: int) -> bool:
        """Whether ``transform`` has the terms that such a z takes."""


@dataclass(frozen=True)
class _Drawn:
    """Frequencies drawn from the list."""

    size: int
    n: int
    scale: Floats
    value: Floats
    share: Floats
    possible: NDArray[np.bool_]
    row: Integers
    log_w: Complexes
    log_g: Complexes
    weight: Complexes
    group: Integers | None = None

    def _independent(self, ell: int, group: int | None = None) -> Floats:
        """N q_s(ℓ) by scale."""
        rate = np.multiply.outer(self.scale, self.value)
        seen = np.exp(special.xlogy(ell, rate) - rate - special.gammaln(ell + 1.0))
        return np.asarray(self.size * (seen @ within(self.share, self.group, group)))

    def _seen(self, ell: int, group: int | None = None) -> Complexes:
        return np.asarray(self._independent(ell, group)[self.row] * np.exp(ell * self.log_w - self.log_g))

    @property
    def points(self) -> int:
        return len(self.weight)

    @property
    def cost(self) -> float:
        return 1.0

    def _weights(self, more: int) -> Complexes:
        return np.asarray(self.weight * np.exp(-more * self.log_w) * ((self.n + more) / self.n))

    def moments(self, ell: int, center: float, more: int = 0) -> tuple[float, float, float]:
        mean = self._seen(ell)
        return _moments(self._weights(more), mean, mean * (1 - mean / self.size), center)

    def transform(
        self, z_less_1: Complexes, ell: int, beside: int | None = None, more: int = 0, group: int | None = None
    ) -> Complexes:
        weight, chance, power = self._weights(more), self._seen(ell) / self.size, self.size
        if beside is not None:
            weight, power = weight * self._seen(beside, group), power - 1

        def half(z: complex) -> complex:
            return complex(weight @ np.exp(power * log1p(z * chance)))

        return np.array([(half(z) + np.conj(half(np.conj(z)))) / 2 for z in z_less_1])

    def steepness(self, ell: int) -> tuple[float, float, float]:
        mean = self._independent(ell)
        slope = float(np.abs(np.gradient(mean, np.log(self.scale))).max())
        return float(mean[self.possible].min()), float(mean[self.possible].max()), slope

    def bears(self, z_less_1: complex, ell: int) -> bool:
        return True


@dataclass(frozen=True)
class Taken:
    """The list itself: one scale, and a sum over its entries of what is the same for all above.

    >>> from longtail import Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=20), n=20, mode="fixed")
    >>> points = contour(problem, highest=0.0)
    >>> round(points.moments(1, center=5.0)[0], 8), round(exact.subpopulations(problem, 1).value, 8)
    (5.53309588, 5.53309588)
    """

    n: int
    share: Floats
    count: Floats
    log_w: Complexes
    log_weight: Complexes
    group: Integers | None = None

    def _chance(self, ell: int) -> Complexes:
        """u_ℓ of each entry, (points, entries): a Poisson probability at a complex rate."""
        rate = self.n * np.multiply.outer(np.exp(self.log_w), self.share)
        with np.errstate(divide="ignore", invalid="ignore"):
            power = np.where(rate == 0, -np.inf if ell else 0.0, ell * np.log(rate))
        return np.asarray(np.exp(power - rate - special.gammaln(ell + 1.0)))

    @property
    def points(self) -> int:
        return len(self.log_weight)

    @property
    def cost(self) -> float:
        return 16.0

    def log_weights(self, more: int) -> Complexes:
        grown = np.log1p(np.arange(1, more + 1) / self.n).sum()
        return np.asarray(self.log_weight - more * self.log_w + grown)

    def moments(self, ell: int, center: float, more: int = 0) -> tuple[float, float, float]:
        chance = self._chance(ell)
        return _moments(
            np.exp(self.log_weights(more)), chance @ self.count, (chance * (1 - chance)) @ self.count, center
        )

    def transform(
        self, z_less_1: Complexes, ell: int, beside: int | None = None, more: int = 0, group: int | None = None
    ) -> Complexes:
        log_weight, chance, of = self.log_weights(more), self._chance(ell), within(self.count, self.group, group)
        other = None if beside is None else self._chance(beside)

        def half(z: complex) -> complex:
            change = z * chance
            all_of = np.exp(log_weight + log1p(change) @ self.count)
            return complex(all_of.sum() if other is None else all_of @ ((other / (1 + change)) @ of))

        return np.array([(half(z) + np.conj(half(np.conj(z)))) / 2 for z in z_less_1])

    def steepness(self, ell: int) -> tuple[float, float, float]:
        mean = float((self._chance(ell)[0] @ self.count).real)  # at w = 1
        return mean, mean, 0.0

    def bears(self, z_less_1: complex, ell: int) -> bool:
        return True


@lru_cache(maxsize=16)
def contour(problem: Problem, highest: float, refine: float = 1.0, ell: int | None = None) -> Contour:
    """Points for functions of |X_ℓ| whose frequencies, as functions of log T, end at ``highest``; with ``ell``, transforms.

    Moments are sums over few angles, but z^{|X_ℓ|} can undo what w does on them: where hardly any two of the samples meet, it is
    known of |X_0| whether it is even, all around the circle. Of the list itself that takes all angles where

        Π_x (|e^{λ_x(w−1)} − w^ℓ q_x| + q_x) ≥ Π_x |e^{λ_x(w−1)} + (z − 1) w^ℓ q_x|,     |z| = 1,

    is not gone, λ_x = n D(x), q_x = e^{−λ_x} λ_x^ℓ/ℓ!.
    """
    if problem.mode == "fixed":
        return _taken(problem.prior, problem.n, refine, ell)
    return _drawn(problem.prior, problem.n, highest, refine)


def _taken(prior: Prior, n: int, refine: float, ell: int | None) -> Taken:
    """Totals are Poisson of mean n: twenty standard deviations are told apart."""
    nodes = compressed(prior, refine)
    value = np.exp(nodes.log_value - nodes.log_value.max())
    points = int(np.ceil((20 * np.sqrt(n) + 40) * refine))
    # Where e^{−n(1 − cos φ)} is gone, even beside an entry of rate np ≤ 40, e^{−np cos φ}: of larger ones u_ℓ is nothing anyway.
    widest = np.arccos(1 - min(2.0, -GONE / max(n - 40, 1)))
    share = value / (nodes.count @ value)
    if ell is not None:
        widest = max(widest, _widest(n * share, nodes.count, ell, widest))
    last = min(points // 2, int(widest * points / (2 * np.pi)) + 2)
    if last > MANY:
        raise AccuracyError(
            "n", n, f"so few of the samples under {prior!r} meet that steps of one count: ask for its variance"
        )
    k = np.arange(last + 1)
    log_w = np.zeros(last + 1, np.complex128)
    log_w.imag = 2 * np.pi * k / points
    log_total = -n * (1 - np.cos(log_w.imag)) + 1j * (n * np.sin(log_w.imag) - n * log_w.imag)
    log_likely = special.gammaln(n + 1.0) - n * np.log(n) + n if n < 30 else np.log(2 * np.pi * n) / 2 + stirling(n)
    ends = np.where((k == 0) | (2 * k == points), 1.0, 2.0)
    log_weight = np.asarray(np.log(ends / points) + log_total + log_likely, np.complex128)
    return Taken(n, share, nodes.count, log_w, log_weight, nodes.group)


def _widest(rate: Floats, count: Floats, ell: int, first: float) -> float:
    """The last of some angles from ``first`` on at which a transform of |X_ℓ| is not gone, and half a step beyond."""
    seen = np.exp(special.xlogy(ell, rate) - rate - special.gammaln(ell + 1.0))
    angle = np.geomspace(first, np.pi, PLACES)
    size = [
        count @ np.log(np.abs(np.exp(rate * np.expm1(1j * x)) - np.exp(1j * ell * x) * seen) + seen + 1e-300)
        for x in angle
    ]
    kept = np.flatnonzero(np.array(size) > GONE)
    return float(angle[min(kept[-1] + 1, PLACES - 1)]) if len(kept) else 0.0


def _drawn(prior: Prior, n: int, highest: float, refine: float) -> _Drawn:
    nodes = compressed(prior, refine)
    value = np.exp(np.maximum(nodes.log_value - nodes.log_value.max(), -DECADES))
    share = nodes.count / nodes.count.sum()
    if np.ptp(nodes.log_value) == 0:
        value, share = np.ones(1), np.ones(1)
    total = Total(value, share, prior.size)
    low, high = (np.log(prior.size),) * 2 if len(value) == 1 else reach_of(total, prior.size * float(share @ value))
    first, last = np.log(n) - high + log_gamma(n, -1), np.log(n) - low + log_gamma(n, 1)

    reach = min(1.0, last - first)
    highest = refine * min(highest, NORMAL * np.sqrt(n))
    end = highest + refine * FADE / reach
    alias, damping = np.expm1(last - first + 2 * reach), 0.0
    whole = end >= np.pi * n  # the circle
    if whole:
        alias, damping = ROUND
    elif alias > ALIAS:
        alias, damping = ALIAS, DAMPING
    alias *= refine
    if whole:
        points = int(np.ceil(alias * n))
        omega = 2 * np.pi * n / points * np.arange(points // 2 + 1)
        kept = np.where((np.arange(len(omega)) * 2) % points == 0, 0.5, 1.0)
        step = 2 * np.pi / (refine * (band(n) + highest))
        spacing = 2 * np.pi * n / points
    else:
        spacing = 2 * np.pi / alias
        omega = spacing * np.arange(int(end / spacing) + 2)
        kept = special.erfc(EDGE * (omega - (highest + end) / 2) / (end - highest)) / 2
        kept[0] /= 2
        step = np.pi / end
        first, last = first - reach, last + reach
    log_scale = first + step * np.arange(int((last - first) / step) + 2)
    scale = np.exp(log_scale)
    log_w = np.asarray((-damping + 1j * omega) / n, np.complex128)
    gone = -np.inf if whole else GONE  # of few, all that are seen may be seen ℓ times, where G_s(w) is nothing
    less = -np.expm1(log_w)
    rows = total.log_laplace(scale * less[0].real) > gone - damping  # where |G^N| is something for some w
    log_g = np.full((len(scale), len(omega)), GONE, np.complex128)  # where it is not, what is less than nothing will do
    log_g[rows] = log_mean(value, share, scale[rows], less)
    if whole:  # in rows where next to nothing is seen these sum to 0, as far as they are right
        omega = 2 * np.pi / points * (np.arange(len(omega)) * n % points)
    log_weight = damping - 1j * omega + prior.size * log_g
    log_weight[~rows] = -np.inf
    row, column = np.nonzero(log_weight.real + np.log(kept + 1e-300) > max(gone, -1e300))
    weight = np.asarray(np.exp(log_weight[row, column]) * (kept[column] * (step * spacing / np.pi)), np.complex128)
    inner = 0.0 if whole else reach
    possible = (log_scale >= first + inner - step) & (log_scale <= last - inner + step)
    return _Drawn(
        prior.size, n, scale, value, share, possible, row, log_w[column], log_g[row, column], weight, nodes.group
    )


def within(share: Floats, groups: Integers | None, group: int | None) -> Floats:
    """What of ``share`` is of one group of a list made of several; all of it without one.

    >>> within(np.array([0.5, 0.3, 0.2]), np.array([0, 1, 1]), 1).tolist()
    [0.0, 0.3, 0.2]
    """
    return share if group is None or groups is None else np.where(groups == group, share, 0.0)


def log_gamma(n: int, side: int) -> float:
    """log of what a Gamma(n)/n passes with probability 1e-18, below (``side`` −1) or above (1).

    >>> round(log_gamma(100, -1), 3), round(log_gamma(100, 1), 3)
    (-1.029, 0.762)
    """
    if n > 10**6:
        return side * NORMAL / float(np.sqrt(n))
    quantile = special.gammaincinv if side < 0 else special.gammainccinv
    return float(np.log(quantile(n, 1e-18) / n))


def log_mean(value: Floats, share: Floats, scale: Floats, less: Complexes) -> Complexes:
    """log E_p e^{−sp(1−w)} for each s and 1 − w (``less``), to rounding relative to itself however small that is.

    >>> log_mean(np.array([1.0, 0.5]), np.array([0.0, 1.0]), np.array([3.0]), np.array([0.5 + 0j])).round(9)  # −3 · .5 · .5
    array([[-0.75+0.j]])
    """
    out = np.empty((len(scale), len(less)), complex)
    for top in range(0, len(scale), TILE):
        for left in range(0, len(less), TILE * TILE // min(TILE, len(scale))):
            here = slice(top, top + TILE), slice(left, left + TILE * TILE // min(TILE, len(scale)))
            x = np.multiply.outer(scale[here[0]], less[here[1]])
            small = value * np.abs(x).max() < 0.25  # where thirteen terms of E e^{−xp} − 1 are exact
            moments = np.vander(value[small], 14, increasing=True).T @ share[small]
            change = np.zeros_like(x)
            for k in range(13, 0, -1):
                change = -x / k * (moments[k] + change) if k > 1 else -x * (moments[1] + change)
            v, weight = value[~small], share[~small]
            decay = np.expm1(np.multiply.outer(-x.real, v))
            half = np.multiply.outer(x.imag / 2, v)
            sine, cosine = np.sin(half), np.cos(half)
            change += (decay - 2 * (decay + 1) * sine * sine) @ weight - 2j * (((decay + 1) * sine * cosine) @ weight)
            change[np.abs(1 + change) < 1e-16] = 1e-16 - 1
            out[here] = log1p(change)
    return out


def _moments(weight: Complexes, mean: Complexes, own: Complexes, center: float) -> tuple[float, float, float]:
    """E X, E(X − center)² and its rounding, from mean and variance at each point."""
    off = mean - center
    size = np.abs(off) * (np.abs(off) + 2 * np.abs(mean)) + np.abs(own)
    return (
        float((weight * mean).sum().real),
        float((weight * (off**2 + own)).sum().real),
        float(np.linalg.norm(weight * size)),
    )


def log1p(x: Complexes) -> Complexes:
    """log(1 + x), each part to rounding relative to |x|: NumPy's own is so relative to 1.

    >>> log1p(np.array([1e-20 + 1e-30j]))
    array([1.e-20+1.e-30j])
    """
    a, b = x.real, x.imag
    out = np.empty(x.shape, complex)
    out.real = np.where(a > -0.5, np.log1p(np.maximum(a * (2 + a) + b * b, -0.9)) / 2, np.log(np.abs(1 + x)))
    out.imag = np.arctan2(b, 1 + a)
    return out
