"""LogNormal: the quantiles of a log-normal law, v_k = exp(σ Φ^{−1}((N − k + ½)/N))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import ndtri

from longtail.core import Floats, real, whole
from longtail.priors.ranked import Ranked


@dataclass(frozen=True)
class LogNormal(Ranked):
    """Quantiles at the middles of ``size`` equal steps of a log-normal law whose logarithm has standard deviation sigma.

    >>> prior = LogNormal(sigma=1, size=3)
    >>> prior.entries().round(3).tolist()
    [1.0, 0.38, 0.144]
    """

    sigma: float
    size: int
    two_ended: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", real("sigma", self.sigma, 0.0, 1e3))
        object.__setattr__(self, "size", whole("size", self.size))

    def log_value(self, rank: Floats) -> Floats:
        # each tail from its own end: 1 − u loses the other's digits
        from_top, from_bottom = rank - 0.5, self.size - rank + 0.5
        near = np.minimum(from_top, from_bottom) / self.size
        return self.sigma * np.where(from_top < from_bottom, -1.0, 1.0) * ndtri(near)
