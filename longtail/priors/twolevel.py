"""TwoLevel: common frequencies and rare ones, nothing between: Feldman's case in which memorizing buys nothing.

With the rare ones far below 1/n and the common ones far above, a point seen once is almost surely a rare one, and τ_1 is
at most twice a rare frequency (arXiv 1906.05271, section 2.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longtail.core import ArgumentError, Floats, Nodes, Prior, real, whole


@dataclass(frozen=True)
class TwoLevel(Prior):
    """``common`` frequencies of 1 and ``rare`` ones of ``ratio``.

    >>> from longtail import Problem, exact
    >>> problem = Problem(TwoLevel(common=10, rare=10_000, ratio=1e-4), n=1000)
    >>> round(exact.unseen_mass(problem).value, 4)  # nearly all that is rare
    0.0989
    """

    common: int
    rare: int
    ratio: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "common", whole("common", self.common))
        object.__setattr__(self, "rare", whole("rare", self.rare))
        object.__setattr__(self, "ratio", real("ratio", self.ratio, 0.0, 1.0, open_low=True, open_high=True))
        if self.size > 10**12:
            raise ArgumentError("common + rare", self.size, "give at most 1e+12 subpopulations")

    @property
    def size(self) -> int:  # type: ignore[override]  # a property where others have a field: read all the same
        return self.common + self.rare

    def nodes(self, refine: float = 1.0) -> Nodes:
        return Nodes(np.log([1.0, self.ratio]), np.array([self.common, self.rare], float))

    def entries(self) -> Floats:
        return np.repeat([1.0, self.ratio], [self.common, self.rare])
