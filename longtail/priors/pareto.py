"""Pareto: the quantiles of a Pareto law, v_k = ((k − ½)/N)^{−1/a}: a Zipf list of exponent 1/a with its head drawn in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longtail.core import Floats, real, whole
from longtail.priors.ranked import Ranked


@dataclass(frozen=True)
class Pareto(Ranked):
    """Quantiles at the middles of ``size`` equal steps of a law with Pr[v > s] = s^{−shape}, s ≥ 1.

    >>> Pareto(shape=1, size=4).entries().round(3).tolist()
    [1.0, 0.333, 0.2, 0.143]
    """

    shape: float
    size: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", real("shape", self.shape, 1e-3, np.inf))
        object.__setattr__(self, "size", whole("size", self.size))

    def log_value(self, rank: Floats) -> Floats:
        return np.asarray((np.log(self.size) - np.log(rank - 0.5)) / self.shape)
