"""The sums of ``longtail.exact.contours`` where T spans decades: its points (s, w) joined, for each s, into a few numbers.

Of w and of G_s(w), both near 1 where it matters, the functions of |X_ℓ| know only δ = w^ℓ/G_s(w) − 1, u_ℓ = q_s(ℓ)(1 + δ):

    (1 + (z − 1) u_ℓ)^N = (1 + (z − 1) q)^N Σ_j C(N, j) ε^j δ^j,    ε = (z − 1) q/(1 + (z − 1) q),    q = q_s(ℓ),

so what is needed are μ_j(s) = n [w^n] G^N δ^j, with g = 1/G − 1 sums of n [w^{n−ℓm}] (w^ℓ − 1)^{j−m} G^N g^m over m ≤ j.
With w = 1 − y that is an integral along the ray y = e^{iϑ} r/s, a convolution in log r of the function of x = r e^{iϑ} with

    y (1 − y)^{−n−1} (−y)^k,   whose transform is −e^{(π−ϑ)ν} Γ(1 + k − iν) Γ(n − k + iν)/Γ(n + 1):

one lattice serves log r and log s, all is done by FFT, and a filter ends ν where the functions' own frequencies have ended: the
method of ``longtail.exact.mellin`` with every subpopulation in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy import special
from scipy.fft import fft, ifft, next_fast_len

from longtail.core import Bools, Floats, Integers, Prior, Problem, compressed
from longtail.exact.contours import NORMAL, Complexes, log1p, log_gamma, log_mean, within
from longtail.exact.mellin import DECADES, TINY, Total, reach_of

GAIN = 12.0  # rounding grows by no more than e^12, at the highest frequency
OVER = 1.7  # as many points as that frequency asks for
TAIL = 700.0  # over the highest frequency: where the kernel of the filter is gone, and of the taper
MOST = 130  # powers of δ, at the most
LOST = -32.0  # log of 1e-14: what powers of δ left out may amount to where each takes two transforms
UNLIKELY = 1e-14  # density of a log scale, below which it does not matter how steep a function is
NOISE = 4.0  # of the largest of what is averaged over scales: what these have of rounding in them
BENT = 0.7  # of the highest frequency, that δ is as large as


@dataclass(frozen=True)
class _Ray:
    """log G(x) at x = e^{u + iϑ}, u = first + step · (0, 1, ...), padded to ``length``; [low, high] is where log T may be."""

    first: float
    step: float
    theta: float
    length: int
    log_g: Complexes
    low: float
    high: float
    value: Floats
    share: Floats
    group: Integers | None = None


@lru_cache(maxsize=16)
def _ray(prior: Prior, end: float, refine: float) -> _Ray:
    nodes = compressed(prior, refine)
    value = np.exp(np.maximum(nodes.log_value - nodes.log_value.max(), -DECADES))
    share = nodes.count / nodes.count.sum()
    low, high = reach_of(Total(value, share, prior.size), prior.size * float(share @ value))
    step, tilt = np.pi / (OVER * end), GAIN / end
    first = TINY - high
    points = int((np.log(-TINY / np.sin(tilt)) - low - first) / step) + 2
    theta = np.pi / 2 - tilt
    x = np.exp(first + step * np.arange(points) + 1j * theta)
    log_g = log_mean(value, share, np.ones(1), x)[0]
    apart = int(TAIL / end / step)  # one end from the other, for which a filtered kernel is gone
    return _Ray(first, step, theta, next_fast_len(points + apart), log_g, low, high, value, share, nodes.group)


@dataclass(frozen=True)
class Scales:
    """Log scales on a lattice, from ``first``; ``taper`` fades them out beyond those that can be.

    >>> from longtail import Zipf, exact
    >>> problem = Problem(Zipf(alpha=2, size=1000), n=1000)
    >>> found = scales(problem, highest=40.0)
    >>> round(found.moments(1, center=20.0)[0], 6), round(exact.subpopulations(problem, 1).value, 6)
    (25.381102, 25.381102)
    """

    size: int
    n: int
    ray: _Ray
    highest: float
    first: float
    taper: Floats
    possible: Bools

    @property
    def points(self) -> int:
        return len(self.taper)

    @property
    def cost(self) -> float:
        return 10.0  # about as many terms

    def _independent(self, ell: int, group: int | None = None) -> Floats:
        """N q_s(ℓ) by scale."""
        if (ell, group) not in self._known:
            scale = np.exp(self.first + self.ray.step * np.arange(self.points))
            rate = np.multiply.outer(scale, self.ray.value)
            seen = np.exp(special.xlogy(ell, rate) - rate - special.gammaln(ell + 1.0))
            self._known[ell, group] = np.asarray(self.size * (seen @ within(self.ray.share, self.ray.group, group)))
        return self._known[ell, group]

    @cached_property
    def _known(self) -> dict[tuple[int, int | None], Floats]:
        return {}

    def mean_number(self, ell: int) -> Floats:
        """N q_s(ℓ) by scale: how many are seen ℓ times there."""
        return self._independent(ell)

    def mean_mass(self, ell: int) -> Floats:
        """N E sp q_s(ℓ)/n by scale: what subpopulations seen ℓ times hold there."""
        return self._independent(ell + 1) * ((ell + 1) / self.n)

    def masses(
        self, ell: int, of: Callable[[int, int, Floats, Floats], tuple[Floats, Floats]]
    ) -> tuple[Floats, Floats]:
        """What is to be known of masses by scale, kept."""
        if ell not in self._masses:
            scale = np.exp(self.first + self.ray.step * np.arange(self.points))
            self._masses[ell] = of(self.n, ell, np.multiply.outer(scale, self.ray.value), self.ray.share * self.size)
        return self._masses[ell]

    @cached_property
    def _masses(self) -> dict[int, tuple[Floats, Floats]]:
        return {}

    def moments(self, ell: int, center: float, more: int = 0) -> tuple[float, float, float]:
        mean = self._independent(ell)
        off = mean - center
        one, delta, square = self._joined(self.n + more, self.size, ell, 2)
        own = mean * (one + delta) - mean**2 / self.size * (one + 2 * delta + square)
        value = off**2 * one + 2 * off * mean * delta + mean**2 * square + own
        size = np.abs(off) * (np.abs(off) + 2 * mean) * np.abs(one) + np.abs(own) + mean**2 * np.abs(square)
        noise = NOISE * float((np.abs(off) * (np.abs(off) + 2 * mean) + mean)[np.abs(self.likely) > UNLIKELY].max())
        return float(mean @ (one + delta)), float(value.sum()), float(np.linalg.norm(size)) + noise

    def transform(
        self, z_less_1: Complexes, ell: int, beside: int | None = None, more: int = 0, group: int | None = None
    ) -> Complexes:
        chance, size, n = self._independent(ell) / self.size, self.size, self.n + more
        weight = np.ones(self.points)
        if beside is not None:
            weight, size, n = self._independent(beside, group) * (n / (n - beside)), size - 1, n - beside
        joined = self._joined(n, size, ell, self._terms(np.abs(z_less_1).max() * chance, ell)) * weight
        return np.concatenate(
            [_sums(z, chance, size, joined) for z in np.array_split(z_less_1, -(-len(z_less_1) // 32))]
        )

    def _terms(self, change: Floats, ell: int, rows: slice = slice(None), lost: float = TINY) -> int:
        """How many powers of δ tell, where |z − 1| q_s(ℓ) is ``change``: fewer where a scale is unlikely."""
        grown = np.log(self.size * change * (BENT * self.highest * max(ell / self.n, 1 / self.size)) + 1e-300)
        likely = np.log(np.abs(self.likely[rows]) + 1e-300)
        most = 2
        while most <= MOST and (likely + most * grown).max() - special.gammaln(most + 1) > lost:
            most += 2
        return most

    def bears(self, z_less_1: complex, ell: int) -> bool:
        most = self._terms(abs(z_less_1) * self._independent(ell) / self.size, ell)
        return most <= MOST and 2 * ell * most < self.n

    def steepness(self, ell: int) -> tuple[float, float, float]:
        mean, seen = self._independent(ell), self.possible & (np.abs(self.likely) > UNLIKELY)
        slope = np.abs(np.gradient(mean, self.ray.step))[seen].max()
        return float(mean[self.possible].min()), float(mean[self.possible].max()), float(slope)

    def steep(self, ell: int) -> float:
        """The largest slope where the filter's kernel still lets a scale count."""
        slope = np.abs(np.gradient(self._independent(ell), self.ray.step))
        return float(slope[np.abs(self.likely) > UNLIKELY].max())

    @cached_property
    def likely(self) -> Floats:
        """The density of the log scale, as far as the filter lets it be seen."""
        return np.asarray(self._joined(self.n, self.size, 0, 0)[0] / self.ray.step)

    def _joined(self, n: int, size: int, ell: int, most: int) -> Floats:
        """step · n [w^n] G^size δ^j for j = 0, ..., ``most``: (most + 1, scales)."""
        used, _, sums = self._by_frequency(n, size, ell, most)
        out = np.empty((most + 1, len(self.taper)))
        for j in range(most + 1):
            whole = np.zeros(self.ray.length, complex)
            whole[used] = sums[j]
            out[j] = fft(whole).imag[: len(self.taper)]
        return out * (self.taper * self.ray.step)

    def mass_transform(self, phi: float, center: float, ell: int, within: slice | None = None) -> complex:
        """E e^{iφ(g/n)(M_ℓ − center)} of ``longtail.exact.mass_laws``: with κ = 1 + iφ·center/n and w = κ(1 − y),

        the points at s are those for sκ, times κ^{−n}: frequencies ν in log s, turned by κ^{−iν} on either side. With ``within``,
        what scales of these rows add to it.
        """
        turned = 1j * phi * center / self.n
        log_turn = complex(log1p(np.array([turned]))[0])
        rows, rate, seen = self._held_rates(ell)
        if within is not None:
            part = slice(within.start - rows.start, within.stop - rows.start)
            rows, rate, seen = within, rate[part], seen[part]
        aside = (0.5 - center) * phi / self.n * rate  # e^{−icx}(e^{iφx/n} − 1) = 2i e^{i(φ/2n − c/n)x} sin φx/2n
        half = 2 * np.sin(0.5 * phi / self.n * rate) * seen
        change = 1j * ((half * np.cos(aside)).sum(1) + 1j * (half * np.sin(aside)).sum(1)) * np.exp(ell * log_turn)
        most = self._terms(np.abs(change), ell, rows, LOST)
        if most > MOST or 2 * ell * most >= self.n:
            return complex(np.nan)
        used, nu, sums = self._kept(ell, most)
        ratio, factor, total = change / (1 + change), np.ones_like(change), np.zeros_like(change)
        up, down = np.exp(-1j * nu * log_turn), np.exp(-1j * nu * np.conj(log_turn))
        here = np.zeros((2, self.ray.length), complex)
        for j in range(most + 1):
            here[:, used] = sums[j] * up, sums[j] * down
            above, below = fft(here, axis=1)[:, rows]
            total += factor * (above - below.conj()) / 2j
            factor = factor * ratio * ((self.size - j) / (j + 1))
        whole = np.exp(self.size * log1p(change) - self.n * log_turn) * total
        return complex(whole @ (self.taper[rows] * self.ray.step))

    def _held_rates(self, ell: int) -> tuple[slice, Floats, Floats]:
        """The scales that are not too unlikely, sp there, and E q(sp) by entry, of those that may be seen ℓ times."""
        if ell not in self._rates:
            found = np.flatnonzero(np.abs(self.likely) > UNLIKELY)
            rows = slice(int(found[0]), int(found[-1]) + 1)
            rate = np.multiply.outer(
                np.exp(self.first + self.ray.step * np.arange(rows.start, rows.stop)), self.ray.value
            )
            seen = np.exp(special.xlogy(ell, rate) - rate - special.gammaln(ell + 1.0)) * self.ray.share
            some = np.flatnonzero((seen * rate).max(0) > 1e-17 * (seen * rate).sum(1).min())
            self._rates[ell] = rows, np.ascontiguousarray(rate[:, some]), np.ascontiguousarray(seen[:, some])
        return self._rates[ell]

    @cached_property
    def _rates(self) -> dict[int, tuple[slice, Floats, Floats]]:
        return {}

    def _kept(self, ell: int, most: int) -> tuple[Integers, Floats, Complexes]:
        """``_by_frequency``, the longest so far kept."""
        known = self._frequencies.get(ell)
        if known is None or len(known[2]) <= most:
            known = self._frequencies[ell] = self._by_frequency(self.n, self.size, ell, most + most // 2)
        return known

    @cached_property
    def _frequencies(self) -> dict[int, tuple[Integers, Floats, Complexes]]:
        return {}

    def _by_frequency(self, n: int, size: int, ell: int, most: int) -> tuple[Integers, Floats, Complexes]:
        """Where along the transform, at which ν, and each of n [w^n] G^size δ^j there: its imaginary part by scale is wanted."""
        ray = self.ray
        nu = 2 * np.pi / (ray.length * ray.step) * np.fft.fftfreq(ray.length, 1 / ray.length)
        end = 1.5 * self.highest
        kept = special.erfc(10.8 * (nu - (self.highest + end) / 2) / (end - self.highest)) / 2
        used = np.flatnonzero((kept > 1e-17) & (nu > -20))
        nu, kept = nu[used], kept[used]
        power, odd = np.exp(size * ray.log_g), np.expm1(-ray.log_g)  # 1/G − 1
        by_g = []
        for _ in range(most + 1):
            by_g.append(ifft(power, ray.length)[used])
            with np.errstate(over="ignore", invalid="ignore"):  # of samples too few, which shows
                power = power * odd
        binomial = np.array([special.comb(ell, k) for k in range(ell + 1)])
        binomial[0] = 0.0  # of w^ℓ − 1 = (1 − y)^ℓ − 1 in powers of −y
        turn = np.exp(1j * nu * (ray.first - self.first)) * kept / np.pi
        sums = np.zeros((most + 1, len(used)), complex)
        for m in range(most + 1):
            total = n - ell * m
            log_kernel = (
                (np.pi - ray.theta) * nu
                + special.loggamma(1 - 1j * nu)
                + _log_gamma_ratio(total, np.asarray(1j * nu, np.complex128))
            )
            kernel = -np.exp(log_kernel) * (n / total)
            powers = [kernel]  # of (−y)^k
            highest = ell * (most - m)
            for k in range(1, highest + 1):
                powers.append(powers[-1] * ((k - 1j * nu) / (total - k + 1j * nu)))
            coefficient = np.ones(1)
            for i in range(most - m + 1 if ell else 1):
                joined = sum(c * powers[k] for k, c in enumerate(coefficient) if c)
                with np.errstate(over="ignore", invalid="ignore"):
                    sums[m + i] += special.comb(m + i, m) * joined * by_g[m]
                coefficient = np.convolve(coefficient, binomial) if ell else np.zeros(1)
        return np.asarray(used, np.int64), np.asarray(nu, float), np.asarray(sums * turn, np.complex128)


def _sums(z_less_1: Complexes, chance: Floats, size: int, joined: Floats) -> Complexes:
    """Σ_s (1 + (z − 1) q)^N Σ_j C(N, j) ε^j μ_j for each z."""
    change = np.multiply.outer(z_less_1, chance)
    ratio, factor, total = change / (1 + change), np.ones_like(change), np.zeros_like(change)
    for j, part in enumerate(joined):
        total += factor * part
        factor *= ratio * ((size - j) / (j + 1))
    return np.asarray((np.exp(size * log1p(change)) * total).sum(1))


def _log_gamma_ratio(n: int, z: Complexes) -> Complexes:
    """log Γ(n + z)/Γ(n), |z| much smaller than n, without the digits that the two have in common."""
    if n < 10**4:
        return np.asarray(special.loggamma(n + z) - special.gammaln(float(n)))
    bent = (n + z - 0.5) * log1p(z / n) - z
    return np.asarray(z * np.log(n) + bent + (1 / (n + z) - 1 / n) / 12 - (1 / (n + z) ** 3 - 1 / n**3) / 360)


@lru_cache(maxsize=16)
def scales(problem: Problem, highest: float, refine: float = 1.0) -> Scales:
    """A lattice of log scales for functions of |X_ℓ| whose frequencies, as functions of log T, end at ``highest``."""
    prior, n = problem.prior, problem.n
    highest = refine * min(highest, NORMAL * float(np.sqrt(n)))
    ray = _ray(prior, 1.5 * highest, refine)
    fade = 13 / highest
    low, high = np.log(n) - ray.high + log_gamma(n, -1), np.log(n) - ray.low + log_gamma(n, 1)
    first = low - 12 * fade
    x = first + ray.step * np.arange(int((high + 12 * fade - first) / ray.step) + 1)
    taper = special.erfc((low - 6 * fade - x) / fade) * special.erfc((x - high - 6 * fade) / fade) / 4
    return Scales(prior.size, n, ray, highest, float(first), taper, (x >= low - ray.step) & (x <= high + ray.step))
