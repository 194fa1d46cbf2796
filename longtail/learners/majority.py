"""The majority of what was seen, where a label is kept with probability κ and else uniform over all K.

Given ℓ sights of x the true label gets a vote with probability q = κ + (1 − κ)/K, any other with r = (1 − κ)/K; ties go
to a random winner. With a votes for the true label it wins against t others that tie and K − 1 − t that have fewer:

    P_ℓ = ℓ! [z^ℓ] Σ_a (qz)^a/a! ∫_0^1 (b_a + s (rz)^a/a!)^{K−1} ds,   b_a = Σ_{j<a} (rz)^j/j!,

as ∫ s^t ds = 1/(t + 1); the integral is a Gauss rule, exact for a polynomial, and all terms are positive. For 2a > ℓ
the true label alone can win, and what remains is binomial. From ``SHORT`` votes on ``longtail.learners.votes`` counts them, from
``LONG`` on by what is even in them. A
singleton's noisy label must still be fit: P_1 = q.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import gammaln
from scipy.stats import binom

from longtail.core import ArgumentError, Floats, real
from longtail.learners.learner import Learner, Seen
from longtail.learners.votes import even, won

LONGEST = 2**18  # votes
SHORT, LONG = 256, 1024


@dataclass(frozen=True)
class Majority(Learner):
    """Answers the label it saw most; ``kappa`` of the labels are true, the others uniform.

    ``against="clean"`` scores the true label, ``"noisy"`` a fresh label with the same noise.

    >>> from longtail import Problem, Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=1000), 1000, 10)
    >>> [round(exact.error(problem, Majority(kappa)).value, 3) for kappa in (1.0, 0.8)]
    [0.189, 0.227]
    """

    kappa: float = 1.0
    against: Literal["clean", "noisy"] = "clean"
    longest: ClassVar[int] = LONGEST
    rounding: ClassVar[float] = 2e-12

    def __post_init__(self) -> None:
        object.__setattr__(self, "kappa", real("kappa", self.kappa, 0, 1))
        if self.against not in ("clean", "noisy"):
            raise ArgumentError("against", self.against, "give 'clean' or 'noisy'")

    def errors(self, seen: Seen) -> Any:
        xp = seen.xp
        most = int(xp.max(seen.times)) if seen.times.shape[-1] else 0
        return seen.look_up(self.table(seen.n_classes, most))

    def final(self, n_classes: int, most: int) -> float:
        if most <= LONGEST or self.kappa == 0:
            return super().final(n_classes, most)
        return 0.0 if self.against == "clean" else (1 - self.kappa) * (1 - 1 / n_classes)

    def table(self, n_classes: int, most: int) -> Floats:
        """The error having seen x 0, 1, …, ``most`` times; it stops short where it is 0 to 1e-15 from there on."""
        q, r = self.kappa + (1 - self.kappa) / n_classes, (1 - self.kappa) / n_classes
        decay = (np.sqrt(q) - np.sqrt(r)) ** 2  # Pr[another label has as many votes] ≤ e^(-ℓ·decay)
        settled = int(np.ceil((35 + np.log(n_classes)) / decay)) if decay > 0 else most
        top = max(1, min(most, settled))
        if top > LONGEST and self.kappa > 0:
            remedy = f"votes are counted up to {LONGEST}: give a larger kappa, fewer samples, or 0"
            raise ArgumentError("kappa", self.kappa, remedy)
        right = (
            np.full(top + 1, 1 / n_classes)
            if self.kappa == 0
            else counted(1 << top.bit_length(), n_classes, self.kappa)[: top + 1]
        )
        if settled < most:
            right = np.append(right, 1.0)
        hit = right if self.against == "clean" else self.kappa * right + (1 - self.kappa) / n_classes
        return 1 - hit


@lru_cache(maxsize=64)
def counted(top: int, n_classes: int, kappa: float) -> Floats:
    """P_ℓ for ℓ = 0 … top, few votes by polynomials, many by circles."""
    few = wins(min(top, SHORT), n_classes, kappa)
    if top <= SHORT:
        return few
    q, r = kappa + (1 - kappa) / n_classes, (1 - kappa) / n_classes
    lost = (n_classes - 1) * np.exp(-np.arange(SHORT + 1, top + 1) * (np.sqrt(q) - np.sqrt(r)) ** 2)  # at the most
    many = won(SHORT + 1, min(top, LONG), n_classes, q, r)
    if top > LONG:
        many = np.concatenate([many, even(LONG + 1, top, n_classes, q, r)])
    return np.concatenate([few, np.maximum(many, 1 - lost)])


@lru_cache(maxsize=64)
def wins(top: int, n_classes: int, kappa: float) -> Floats:
    """P_ℓ for ℓ = 0 … top."""
    q, r = kappa + (1 - kappa) / n_classes, (1 - kappa) / n_classes
    ell = np.arange(top + 1)
    a = ell[:, None]
    won: Floats = np.where(2 * ell > a, binom.pmf(ell, a, q), 0.0).sum(1)  # over a votes for the truth, 2a > ℓ
    won[0] = 1 / n_classes
    if r == 0:
        return won
    scale = max(top / n_classes, 1.0)  # z is scaled so that coefficients stay within e^±top
    fewer = np.exp(ell * np.log(scale) - gammaln(ell + 1))
    nodes, weights = leggauss(n_classes // 2 + 1)
    for votes in range(1, top // 2 + 1):
        below = np.where(ell < votes, fewer, 0.0)
        tied = np.where(ell == votes, fewer, 0.0)
        total = np.zeros(top + 1)
        for s, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            total += weight * power(below + s * tied, n_classes - 1)
        fits = (ell >= 2 * votes) & (ell <= votes * n_classes)
        rest = ell[fits] - votes
        log = gammaln(ell[fits] + 1) - gammaln(votes + 1) + votes * np.log(q) + rest * (np.log(r) - np.log(scale))
        won[fits] += total[rest] * np.exp(log)
    out: Floats = np.minimum(won, 1.0)
    return out


def power(series: Floats, exponent: int) -> Floats:
    """A power of a polynomial, to the degree it came with.

    >>> power(np.array([1.0, 1.0, 0.0]), 3).tolist()  # (1 + z)³, up to z²
    [1.0, 3.0, 3.0]
    """
    out = np.zeros_like(series)
    out[0] = 1.0
    while exponent:
        if exponent & 1:
            out = np.convolve(out, series)[: len(series)]
        series = np.convolve(series, series)[: len(series)]
        exponent >>= 1
    return out
