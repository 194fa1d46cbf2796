"""How often the truth wins a vote of hundreds or thousands, by a generating function on circles.

Votes are Poisson where their number is: with L ~ Poisson(λ), and q, r the chances of ``longtail.learners.majority``,

    E e^{iLθ} P_L = Σ_a c_a(qλ) ∫_0^1 (b_a + s c_a(rλ))^{K−1} ds,     c_a(m) = e^{−m} (m e^{iθ})^a / a!,   b_a = Σ_{j<a} c_j(rλ),

and its Fourier coefficients in θ are P_ℓ Pr[L = ℓ]. One circle gives P_ℓ for all ℓ within ``HALF`` standard deviations of λ,
where Pr[L = ℓ] is large enough to divide by. Terms have modulus at most 1, so P_ℓ is known to some 1e-14 √λ.

Of thousands of votes the integrand has peaks of width 1/√ℓ on a circle of λ = ℓ, one at 0 and, of few labels, others at 2πj/K:
whether all K can tie depends on ℓ mod K, and ℓ^{−(K−1)/2} of all counts nearly do. What a peak gives is even in ℓ, so that
``DEGREE`` + 1 values of ℓ, Chebyshev's in √ℓ, give all.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial.chebyshev import chebval
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.special import gammaln

from longtail.core import Floats

HALF = 2.5  # standard deviations of a count about λ that one circle serves
FAR = 12.0  # standard deviations, beyond which counts are not met: once in e^{70}
NODES = 64  # of the rule over s; K/2 of them are exact
ANGLES, TURN = 18, 0.5  # on either side of a peak, and how far apart, in its widths: beyond the last is e^{−40}
DEGREE = 80
FEW = 8  # labels, of more of which the peaks at 2πj/K are nothing


def won(first: int, last: int, n_classes: int, q: float, r: float) -> Floats:
    """P_ℓ for ℓ = first … last, 0 < first.

    >>> from scipy import stats
    >>> float(won(401, 401, 2, 0.55, 0.45)[0].round(9)), float(stats.binom.sf(200, 401, 0.55).round(9))  # of two labels
    (0.97772003, 0.97772003)
    """
    out = np.empty(last - first + 1)
    low = first
    while low <= last:
        middle = (np.sqrt(low) + HALF / 2) ** 2
        high = min(last, int(middle + HALF * np.sqrt(middle)))
        out[low - first : high + 1 - first] = _circle(float(middle), low, high, n_classes, q, r)
        low = high + 1
    return np.clip(out, 0.0, 1.0)


def even(first: int, last: int, n_classes: int, q: float, r: float) -> Floats:
    """``won`` of thousands of votes.

    >>> even(2000, 2001, 10, 0.12, 0.88 / 9).round(8).tolist(), won(2000, 2001, 10, 0.12, 0.88 / 9).round(8).tolist()
    ([0.90662826, 0.90673299], [0.90662826, 0.90673299])
    """
    ell = np.arange(first, last + 1.0)
    low, high = np.sqrt(first), np.sqrt(last)
    peaks: Floats = np.arange(n_classes // 2 + 1.0 if n_classes <= FEW else 1.0)
    count = ((low + high + (high - low) * np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))) / 2) ** 2
    found = np.array([_at_peaks(float(lam), peaks * (2 * np.pi / n_classes), n_classes, q, r) for lam in count])
    of_even = dct(found, axis=0) / (DEGREE + 1)
    of_even[0] /= 2
    value = chebval((2 * np.sqrt(ell) - low - high) / (high - low), of_even)
    twice = np.where((peaks == 0) | (2 * peaks == n_classes), 1.0, 2.0)
    turned = np.exp(-2j * np.pi / n_classes * np.multiply.outer(peaks, ell % n_classes))
    return np.asarray(np.clip((twice[:, None] * turned * value).real.sum(0), 0.0, 1.0))


def _at_peaks(ell: float, peaks: Floats, n_classes: int, q: float, r: float) -> NDArray[np.complex128]:
    """∫ E e^{iLθ} P_L e^{−iℓ(θ − peak)} dθ by each peak, over 2π Pr[L = ℓ], where L has mean ℓ, any real number."""
    aside = TURN / np.sqrt(ell) * np.arange(-ANGLES, ANGLES + 1)
    theta = np.array([peak + aside for peak in peaks], np.float64)
    found = _transform(ell, theta.ravel(), n_classes, q, r).reshape(theta.shape) @ np.exp(-1j * ell * aside)
    return np.asarray(found * (TURN / np.sqrt(ell) / (2 * np.pi)) / _chance(np.array([ell]), ell)[0])


def _circle(lam: float, low: int, high: int, n_classes: int, q: float, r: float) -> Floats:
    points = 2 * int(9 * np.sqrt(lam) + 25)
    transform = _transform(lam, np.linspace(0, np.pi, points // 2 + 1), n_classes, q, r)
    ell = np.arange(low, high + 1)
    joint = np.fft.irfft(np.conj(transform), points)[ell % points]
    return np.asarray(joint / _chance(ell, lam))


def _transform(lam: float, theta: Floats, n_classes: int, q: float, r: float) -> NDArray[np.complex128]:
    """E e^{iLθ} P_L."""
    begin, end = _reach(r * lam)[0], _reach(q * lam)[1]
    count = np.arange(begin, end + 1)
    turn = np.exp(1j * np.multiply.outer(count, theta))
    tied = _chance(count, r * lam)[:, None] * turn
    below = np.cumsum(tied, axis=0) - tied
    kept = slice(max(_reach(q * lam)[0] - begin, 0), None)
    mine, tied, below = _chance(count, q * lam)[kept, None] * turn[kept], tied[kept], below[kept]
    nodes, weights = leggauss(min(n_classes // 2 + 1, NODES))
    others = np.zeros_like(tied)
    for s, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        others += weight * _power(below + s * tied, n_classes - 1)
    return np.asarray((mine * others).sum(0))


def _reach(mean: float) -> tuple[int, int]:
    """Counts that a Poisson variable of this mean does not pass."""
    return max(0, int(mean - FAR * np.sqrt(mean)) - 1), int(mean + FAR * np.sqrt(mean)) + 40


def _chance(count: NDArray[np.int64] | Floats, mean: float) -> Floats:
    """Poisson probabilities, by a deviance in which nothing large cancels."""
    x = count / mean
    near = np.abs(x - 1) < 0.1
    u = np.where(near, x - 1, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = np.where(count > 0, count * np.log(x) - count + mean, mean)
    series = np.zeros_like(x)
    for k in range(18, 1, -1):  # (1 + u) log(1 + u) − u = u²/2 − u³/6 + u⁴/12 − …
        series = (1.0 if k % 2 == 0 else -1.0) / (k * (k - 1)) + series * u
    deviance = np.where(near, mean * u * u * series, plain)
    big = np.maximum(count, 1.0)
    direct = gammaln(big + 1) - (big + 0.5) * np.log(big) + big - np.log(2 * np.pi) / 2
    square = big * big
    asymptotic = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * square)) / square) / square) / big
    correction = np.where(big < 30, direct, asymptotic)
    return np.asarray(np.where(count > 0, np.exp(-deviance - correction) / np.sqrt(2 * np.pi * big), np.exp(-mean)))


def _power(base: NDArray[np.complex128], exponent: int) -> NDArray[np.complex128]:
    out = np.ones_like(base)
    while exponent:
        if exponent & 1:
            out = out * base
        exponent >>= 1
        if exponent:
            base = base * base
    return out
