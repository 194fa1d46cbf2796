"""Zipf: v_k ∝ k^{−α} (Feldman, arXiv 1906.05271, section 2.3). α = 0 is the uniform list; α ≥ 1 the long tail of words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longtail.core import Floats, real, whole
from longtail.priors.ranked import Ranked


@dataclass(frozen=True)
class Zipf(Ranked):
    """v_k = k^{−alpha}, k = 1..size.

    >>> Zipf(alpha=1, size=4).entries().tolist()
    [1.0, 0.5, 0.3333333333333333, 0.25]
    """

    alpha: float
    size: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", real("alpha", self.alpha, 0.0, 1e3))
        object.__setattr__(self, "size", whole("size", self.size))

    def log_value(self, rank: Floats) -> Floats:
        return -self.alpha * np.log(rank)
