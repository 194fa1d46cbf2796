"""Every example is in with chance ``fraction``, each on its own: 1[word < fraction · 2^32]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from empirical.data.bits import Words
from empirical.designs.design import Columns, Design
from longtail import philox
from longtail.core import Bools, Integers, real


@dataclass(frozen=True)
class Bernoulli(Design):
    """Independent coins. The estimand is that of the orthogonal arrays; a subset can miss a class, or everything.

    >>> masks = Bernoulli(0.5).draw(0, np.arange(4), 1000, None)
    >>> masks.shape, bool(abs(masks.mean() - 0.5) < 0.05)
    ((4, 1000), True)
    """

    fraction: float = 0.7

    def __post_init__(self) -> None:
        share = real("fraction", self.fraction, 0, 1, open_low=True, open_high=True)
        object.__setattr__(self, "fraction", share)

    @property
    def threshold(self) -> int:
        """The words below it are in."""
        return min(max(round(self.fraction * 2**32), 1), 2**32 - 1)

    def inclusion(self, n: int) -> float:
        """``fraction`` to 32 bits."""
        return self.threshold / 2**32

    def draw(self, seed: int, trials: Integers, n: int, classes: Integers | None) -> Bools:
        """One word an example."""
        from empirical.designs import draw_cpu

        out = np.empty((len(trials), n), bool)
        draw_cpu.coins(np.uint64(seed), np.uint32(philox.DESIGN), trials, np.uint32(self.threshold), out)
        return out

    def draw_by_example(self, seed: int, trials: Integers, n: int, classes: Integers | None) -> Columns:
        """The words of the part alone."""
        from empirical.designs import draw_cpu

        def drawn(part: slice) -> Words:
            out = np.zeros((-(-len(trials) // 64), part.stop - part.start), np.uint64)
            how = np.uint64(seed), np.uint32(philox.DESIGN), trials
            draw_cpu.coins_below(*how, np.uint32(self.threshold), part.start, out)
            return np.ascontiguousarray(out.T)

        return drawn
