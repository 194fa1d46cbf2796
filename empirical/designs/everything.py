"""Every model trains on all examples, so that models differ by their seeds alone: for what is read off training itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from empirical.designs.design import Design
from longtail.core import Bools, Integers


@dataclass(frozen=True)
class Everything(Design):
    """No example is ever out: memorization and influence, which ask for models without an example, are NaN.

    >>> Everything().subsets(0, [0, 1], 3).tolist()
    [[True, True, True], [True, True, True]]
    """

    def inclusion(self, n: int) -> float:
        """1."""
        return 1.0

    def draw(self, seed: int, trials: Integers, n: int, classes: Integers | None) -> Bools:
        """All true."""
        return np.ones((len(trials), n), bool)
