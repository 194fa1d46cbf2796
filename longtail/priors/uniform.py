"""Uniform: v_k = 1. Every D(x) is 1/N, so τ_ℓ = 1/N for all ℓ: no tail, and the most that memorizing can matter at n = N."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longtail.core import Floats, Nodes, Prior, whole


@dataclass(frozen=True)
class Uniform(Prior):
    """``size`` equal frequencies.

    >>> from longtail import Problem, exact
    >>> round(exact.tau(Problem(Uniform(size=8), n=5)).value, 12)
    0.125
    """

    size: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", whole("size", self.size))

    def nodes(self, refine: float = 1.0) -> Nodes:
        return Nodes(np.zeros(1), np.array([float(self.size)]))

    def entries(self) -> Floats:
        return np.ones(self.size)
