"""Gamma: frequencies drawn from the Gamma law itself, whose normalized vector is a symmetric Dirichlet.

The one prior for which the posterior mean depends on x's own count only: τ_ℓ = (a + ℓ)/(N a + n), for every sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import special

from longtail.core import ArgumentError, Floats, Nodes, Prior, real, whole

POINTS = 16


@dataclass(frozen=True)
class Gamma(Prior):
    """``size`` independent draws from the Gamma law of this ``shape``: a law, not a list, so there is no fixed mode.

    >>> from longtail import Problem, exact
    >>> problem = Problem(Gamma(shape=1, size=100), n=50)
    >>> round(exact.tau(problem).value * (100 + 50), 10)  # (a + ℓ)/(N a + n)
    2.0
    """

    shape: float
    size: int
    is_law: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", real("shape", self.shape, 1e-3, 1e9))
        object.__setattr__(self, "size", whole("size", self.size))

    def nodes(self, refine: float = 1.0) -> Nodes:
        """Gauss–Legendre panels in y = log v, where the density is exp(a y − e^y)/Γ(a)."""
        a = self.shape
        spread = 1 / np.sqrt(a)
        high = np.log(special.gammainccinv(a, 1e-100))
        low = max(self._floor(), np.log(a) - 30 * spread - 30 * spread**2)
        edge = np.linspace(low, high, int(np.ceil((high - low) / min(1.4, 3 * spread) * refine)) + 1)
        x, w = np.polynomial.legendre.leggauss(POINTS)
        half = np.diff(edge)[:, None] / 2
        y = (edge[:-1, None] + half + half * x).ravel()
        centered = y - np.log(a)  # a y − e^y about its maximum, where the two terms cancel
        peak = a * np.log(a) - a - special.gammaln(a)
        share = (half * w).ravel() * np.exp(peak - a * (np.expm1(centered) - centered))
        below = max(1.0 - share.sum(), 0.0)
        if a * (np.log(a) - low) < 40:  # mass under the lowest panel, all of it too small to tell from 0
            y, share = np.append(y, low), np.append(share, below)
        return Nodes(y, self.size * share / share.sum())

    def entries(self) -> Floats:
        raise ArgumentError("prior", self, "it is a law, not a list: there are no entries; sample from it")

    def sample(self, rng: Any, shape: tuple[int, ...]) -> Floats:
        return np.asarray(rng.standard_gamma(self.shape, size=shape), float)

    def _floor(self) -> float:
        """log of a value that the sum of size − 1 draws exceeds but for one in 10^17, and a depth below it."""
        below = -40.0 / max(self.size - 1, 1)
        log_quantile = (below + special.gammaln(self.shape + 1)) / self.shape  # P(v < ε) ≤ ε^a / Γ(a + 1)
        return float(min(log_quantile, np.log(self.shape)) - 75.0)
