"""Geometric: v_k = r^{k−1}. A tail that dies exponentially: about 1/log(1/r) subpopulations carry each factor of e."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longtail.core import Floats, real, whole
from longtail.priors.ranked import Ranked


@dataclass(frozen=True)
class Geometric(Ranked):
    """v_k = ratio^{k−1}, k = 1..size, 0 < ratio < 1.

    >>> Geometric(ratio=0.5, size=4).entries().round(3).tolist()
    [1.0, 0.5, 0.25, 0.125]
    """

    ratio: float
    size: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", real("ratio", self.ratio, 0.0, 1.0, open_low=True, open_high=True))
        object.__setattr__(self, "size", whole("size", self.size))

    def log_value(self, rank: Floats) -> Floats:
        return np.asarray((rank - 1) * np.log(self.ratio))
