"""The law of T, the sum of N − 1 independent draws from a list, as a short quadrature rule in log T.

D(x) = p/(p + T), and a smooth function of log T needs T's characteristic function only up to a moderate frequency:

    E T^{−iω} = μ^{−iω} + e^{−θω}/Γ(iω) ∫_0^∞ r^{iω−1} (E e^{−r e^{iθ} T} − e^{−r e^{iθ} μ}) dr,    μ = E T,

with E e^{−zT} = (1 + Σ_k (c_k/N) expm1(−z v_k))^{N−1} over the compressed list (v_k, c_k). The ray z = r e^{iθ}, θ < π/2,
undoes the growth of 1/Γ(iω). The frequencies pass a smooth filter and are inverted on a uniform grid in log T: the weights
that come out (they may be slightly negative) give E g(T) = Σ_j w_j g(T_j) to rounding for every g analytic in log T, T
with atoms or without, over any number of decades.

Every quantity of the model is E p^ℓ T^{n−ℓ}/(p + T)^n for some (ℓ, n). As a function of log T that has the transform
Γ(ℓ − iω) Γ(n − ℓ + iω)/Γ(n), whose modulus |Γ(ℓ − iω)/Γ(ℓ)| says where frequencies end: at 24 for ℓ = 1, 9√ℓ for large ℓ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.fft import next_fast_len, rfft

from longtail.core import AccuracyError, Floats, Prior, compressed

TINY = -41.5  # log of 1e-18: what a probability, a filter or a taper may lose
DECADES = 600.0  # of log value below the largest; what lies deeper is lifted to here, if it is rare enough
SPARE = 150.0  # where T hardly varies frequencies cost little, and a narrower fade bears T^{−ℓ} better
GAIN = 19.0  # (π/2 − θ) times the highest frequency: rounding grows by e^19 there, where g has nothing left for it
EPS = float(np.finfo(float).eps)
MISSED = 2e-15  # of the largest |g|: a thousand times the chance that T lies beyond the lattice, where g may be larger
SAFE = 6.0  # what is rounded at random is off by more than six standard deviations once in 10^9


@dataclass(frozen=True)
class Rule:
    """E g(log T) = Σ weight · e^{log_factor} · g(log_t), and what that can be off by (``error``).

    ``doubt`` holds by frequency what the characteristic function may be off by, twice, over ``length``; ``taper`` is what g is
    multiplied by before it meets it (and ``weight`` has it in it); ``exponent`` is the size of the terms of ``log_factor``.

    >>> from longtail import Zipf
    >>> rule = law(Zipf(alpha=1, size=10))
    >>> mean = float(rule.weight @ np.exp(rule.log_t))  # E T, nine draws of 1, 1/2, …, 1/10
    >>> round(mean, 9), round(9 * sum(1 / k for k in range(1, 11)) / 10, 9)
    (2.636071429, 2.636071429)
    """

    log_t: Floats
    weight: Floats
    doubt: Floats
    taper: Floats
    length: int
    log_factor: Floats | float = 0.0
    exponent: Floats | float = 0.0

    @classmethod
    def at(cls, log_t: float) -> Rule:
        """The law of a T that is one number."""
        return cls(np.array([log_t]), np.ones(1), np.zeros(1), np.ones(1), 1)

    def error(self, g: Floats) -> Floats:
        """A bound on |Σ weight g − E g(log T)| for each row of g ≥ 0, given on the lattice with its e^{log_factor}.

        Σ_j w_j g_j = (1/length) Σ_k φ_k conj(ĝ_k): a φ_k that is off by no more than ε_k moves it by Σ_k ε_k |ĝ_k| / length.
        """
        if self.length == 1:
            return np.zeros(len(g))
        return np.asarray(np.abs(rfft(g * self.taper, self.length)) @ self.doubt + MISSED * g.max(1))


@lru_cache(maxsize=64)
def band(ell: float) -> float:
    """The frequency beyond which |Γ(ℓ + 1 − iω)/Γ(ℓ + 1)| < 1e-17."""
    low, high = 1.0, 60.0 + 12 * np.sqrt(ell)
    for _ in range(30):
        middle = (low + high) / 2
        gone = np.real(special.loggamma(ell + 1 - 1j * middle)) - special.gammaln(ell + 1) < TINY + 2
        low, high = (low, middle) if gone else (middle, high)
    return float(high)


@lru_cache(maxsize=64)
def law(prior: Prior, ell: float = 10.0, refine: float = 1.0, tilt: float = 0.0) -> Rule:
    """The law of T under ``prior``, good for functions of up to ``ell`` + 1 sightings; ``refine`` > 1 is finer throughout.

    With a ``tilt`` κ the rule is laid where e^{κT} moves the law: dP = E e^{κT} · e^{−κT} dP_κ, and under P_κ the T is
    again a sum of independent draws, of v with weight e^{κv}. So what is exponentially rare keeps its relative precision.
    """
    nodes = compressed(prior, refine)
    draws = prior.size - 1
    top = float(nodes.log_value.max())
    if np.ptp(nodes.log_value) == 0:
        return Rule.at(float(np.log(draws)) + top)
    share = nodes.count / nodes.count.sum()
    deep = nodes.log_value < top - DECADES
    if draws * np.log(share[deep].sum() + 1e-300) > np.log(1e-11):
        raise AccuracyError(
            "prior", prior, "its values span more than a double holds; give a narrower list or more entries"
        )
    value = np.exp(np.maximum(nodes.log_value - top, -DECADES))
    if tilt:
        log_mean = float(Total(value, share, 1).log_laplace(np.array([-tilt]))[0])
        share = share * np.exp(tilt * value - log_mean)
    rule = _rule(Total(value, share, draws), band(ell), refine)
    if not tilt:
        return replace(rule, log_t=rule.log_t + top)
    rate = tilt * np.exp(rule.log_t)
    return replace(
        rule, log_t=rule.log_t + top, log_factor=draws * log_mean - rate, exponent=abs(draws * log_mean) + np.abs(rate)
    )


@dataclass(frozen=True)
class Total:
    """T = the sum of ``draws`` independent draws of ``value`` with probability ``share``.

    >>> Total(np.array([1.0, 0.5]), np.array([0.0, 1.0]), draws=3).log_laplace(np.array([2.0])).tolist()  # T is 1.5
    [-3.0]
    """

    value: Floats
    share: Floats
    draws: int

    def log_laplace(self, s: Floats) -> Floats:
        """log E e^{−sT} for real s of either sign."""
        exponent = -np.multiply.outer(s, self.value)
        with np.errstate(over="ignore", divide="ignore"):
            change = np.expm1(exponent) @ self.share
            near_0 = np.log(np.exp(exponent) @ self.share)  # where 1 + change has no digits left
            log_mean = np.where(change > -0.5, np.log1p(np.maximum(change, -0.5)), near_0)
        return np.asarray(self.draws * log_mean)

    def log_laplace_ray(self, r: Floats, theta: float) -> NDArray[np.complex128]:
        """log E e^{−r e^{iθ} T}, to rounding relative to itself however small r is."""
        z = r * np.exp(1j * theta)
        small = self.value * r[-1] < 0.25  # thirteen terms of E e^{−zv} − 1 are exact here: most of a long list
        moments = np.vander(self.value[small], 14, increasing=True).T @ self.share[small]
        change = np.zeros_like(z)
        for k in range(13, 0, -1):
            change = -z / k * (moments[k] + change) if k > 1 else -z * (moments[1] + change)
        v, share = self.value[~small], self.share[~small]
        for start in range(0, len(r), 32):  # a block that stays in cache
            block = slice(start, start + 32)
            rv = np.multiply.outer(r[block], v)
            decay = np.expm1(-np.cos(theta) * rv)
            rv *= np.sin(theta) / 2
            sine, cosine = np.sin(rv), np.cos(rv)
            real = (decay - 2 * (decay + 1) * sine * sine) @ share
            change[block] += real - 2j * (((decay + 1) * sine * cosine) @ share)
        change[np.abs(1 + change) < 1e-16] = 1e-16 - 1  # gone, but for the sign of a zero
        return np.asarray(self.draws * special.log1p(change))

    def rounding(self, log_laplace: NDArray[np.complex128]) -> Floats:
        """What E e^{−zT} is off by, in units of last places: of (1 + x)^draws with x to rounding."""
        return np.asarray(self.draws * np.abs(np.expm1(-log_laplace / self.draws)) * np.exp(log_laplace.real))


def _rule(total: Total, highest: float, refine: float) -> Rule:
    # One lattice serves log r and log T, so that both transforms are FFTs. Its Nyquist frequency, ``end``, is where the
    # filter, 1 up to ``highest``, is gone; a trapezoid rule along the ray then errs by e^{−2π tilt / step} = e^{−2 GAIN}.
    mean = total.draws * float(total.share @ total.value)
    low, high = reach_of(total, mean)
    # so that a finer rule is always another one
    highest = refine * max(highest, min(2 * highest, SPARE / (high - low)))
    end = 1.5 * highest
    step = np.pi / end
    tilt = GAIN / end
    theta = np.pi / 2 - tilt

    # The ray runs from where the difference is a rounding error, r² E T² = 1e-18, to where both exponentials are gone.
    square = mean**2 + total.draws * float(total.share @ total.value**2)
    first = (TINY - np.log(square)) / 2
    u = first + step * np.arange(int((np.log(-TINY / np.sin(tilt)) - low - first) / step) + 2)
    r = np.exp(u)
    log_laplace = total.log_laplace_ray(r, theta)
    z = r * np.exp(1j * theta) * mean
    near = np.abs(z) < 1
    difference = np.exp(log_laplace) - np.exp(-z)
    difference[near] = np.exp(-z[near]) * np.expm1(log_laplace[near] + z[near])

    reach = 12 * -TINY / (end - highest)  # where the filter's kernel in log T has faded out
    length = next_fast_len(max(len(u), int((high - low + 2 * reach) / step) + 1), real=True)
    omega = 2 * np.pi / (length * step) * np.arange(length // 2 + 1)[1:]
    mellin = step * length * np.fft.ifft(difference, length)[1 : len(omega) + 1] * np.exp(1j * omega * u[0])
    log_gain = -theta * omega - special.loggamma(1j * omega)
    characteristic = np.exp(-1j * omega * np.log(mean)) + np.exp(log_gain) * mellin
    kept = special.erfc(12 * (omega - (highest + end) / 2) / (end - highest)) / 2
    characteristic *= kept

    # What that is off by: what the filter takes away, with as much again beyond ``end`` and its mirror image; phases, to
    # rounding of ω times the places; and the rounding of the difference, which grows with 1/Γ.
    start = low - reach
    phase = omega * (abs(first) + abs(start) + 2 * abs(np.log(mean)) + np.log1p(omega) + 4) + 4
    noise = total.rounding(log_laplace) + np.abs(z) * np.exp(-z.real) + EPS * np.abs(difference) * np.log2(length)
    noise = step * (SAFE * np.linalg.norm(4 * EPS * (1 + np.abs(u)) * noise) + 2 * np.exp(TINY))
    doubt = 3 * (1 - kept) + kept * (2 * EPS * phase + np.exp(log_gain.real) * noise)

    weight = np.fft.irfft(np.append(1.0, characteristic * np.exp(1j * omega * start)), length)
    x: Floats = start + step * np.arange(length, dtype=np.float64)
    # Outside [low, high] lie the kernel's tails and rounding noise: fading them out smoothly makes neither count.
    fade = 13 / highest
    taper = special.erfc((low - 6 * fade - x) / fade) * special.erfc((x - high - 6 * fade) / fade) / 4
    weight = weight * taper
    present = np.flatnonzero(taper > 1e-17)
    inside = slice(present[0], present[-1] + 1)
    return Rule(x[inside], weight[inside], np.append(0.0, 2 * doubt / length), taper[inside], length)


def reach_of(total: Total, mean: float) -> tuple[float, float]:
    """log of bounds that T passes with probability e^{TINY} at the most: Chernoff's, from either side.

    >>> total = Total(np.array([1.0, 0.5]), np.array([0.5, 0.5]), draws=100)  # between 50 and 100, 75 in the mean
    >>> np.exp(reach_of(total, 75.0)).round(1).tolist()
    [50.0, 96.0]
    """
    smallest = total.draws * float(total.value.min())

    def below(log_s: Floats) -> Floats:
        s = np.exp(log_s)
        return np.asarray((TINY - total.log_laplace(s)) / s)

    def above(log_s: Floats) -> Floats:
        s = np.exp(log_s)
        return np.asarray((TINY - total.log_laplace(-s)) / s)

    start = -np.log(mean)
    low = max(smallest, _highest(below, start, np.log(-TINY) - np.log(smallest)))
    # values are at most 1
    high = min(float(total.draws), -_highest(above, min(start, np.log(700.0)) - 3, np.log(700.0)))
    return float(np.log(low)), float(np.log(high))


def _highest(f: Callable[[Floats], Floats], low: float, high: float) -> float:
    """The maximum of a function with one peak, near enough for a bound."""
    best = -np.inf
    for _ in range(4):
        x = np.linspace(low, high, 16)
        y = f(x)
        k = int(np.nanargmax(y))
        best = max(best, float(y[k]))
        low, high = x[max(k - 1, 0)], x[min(k + 1, 15)]
    return best
