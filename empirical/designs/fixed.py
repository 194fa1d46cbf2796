"""Independent subsets of fixed size m = round(fraction · n): the published design (Feldman & Zhang, arXiv 2008.03703).

Each example of a trial gets a 64-bit key; the m smallest keys are in, which is uniform over all C(n, m) subsets.
Stratified, class c gets ⌊Σ_{≤c} n_c m/n + u⌋ − ⌊Σ_{<c} n_c m/n + u⌋ of its n_c (systematic rounding with one uniform u
a trial): its share up to one, m in all, and still a chance of exactly m/n for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from empirical.data.bits import Words
from empirical.designs.design import Columns, Design
from longtail import philox
from longtail.core import ArgumentError, Bools, Integers, flag, real
from longtail.core.shown import many

WIDE = 8.0  # standard deviations of the m-th smallest key to either side within which it is looked for


@dataclass(frozen=True)
class Fixed(Design):
    """Subsets of exactly round(fraction · n) examples.

    >>> Fixed(0.7).draw(0, np.arange(4), 10, None).sum(axis=1).tolist()
    [7, 7, 7, 7]
    """

    fraction: float = 0.7
    stratified: bool = False

    def __post_init__(self) -> None:
        share = real("fraction", self.fraction, 0, 1, open_low=True, open_high=True)
        object.__setattr__(self, "fraction", share)
        object.__setattr__(self, "stratified", flag("stratified", self.stratified))

    def size(self, n: int) -> int:
        """m, at least 1 and less than n."""
        m = round(self.fraction * n)
        if not 1 <= m < n:
            raise ArgumentError(
                "fraction", self.fraction, f"{m} of {many(n, 'example')} would be in; some must be in and some out"
            )
        return m

    def inclusion(self, n: int) -> float:
        """m / n."""
        return self.size(n) / n

    def check(self, n: int, models: int, classes: Integers | None = None) -> None:
        """Besides the common checks: some must be in and some out."""
        super().check(n, models, classes)
        self.size(n)

    def draw(self, seed: int, trials: Integers, n: int, classes: Integers | None) -> Bools:
        """The m smallest keys, overall or class by class."""
        from empirical.designs import draw_cpu

        m = self.size(n)
        order, starts = np.arange(n), np.array([0, n])
        sizes = np.full((len(trials), 1), m)
        if self.stratified:
            if classes is None:
                raise ArgumentError("classes", None, "a stratified design needs the training labels")
            order = np.argsort(classes, kind="stable")
            starts = np.append(0, np.cumsum(np.unique(classes, return_counts=True)[1]))
            sizes = self._shares(seed, trials, m, starts)
        out = np.zeros((len(trials), n), bool)
        draw_cpu.fixed(np.uint64(seed), np.uint32(philox.DESIGN), trials, order, starts, sizes, out)
        return out

    def draw_by_example(self, seed: int, trials: Integers, n: int, classes: Integers | None) -> Columns:
        """By each trial's m-th smallest key; stratified, every trial anew."""
        from empirical.designs import draw_cpu

        if self.stratified:
            return super().draw_by_example(seed, trials, n, classes)
        m, how = self.size(n), (np.uint64(seed), np.uint32(philox.DESIGN))
        edges = [_edge(seed, int(trial), n, m) for trial in trials]
        last, place = np.array([k for k, _ in edges], np.uint64), np.array([i for _, i in edges], np.int64)

        def drawn(part: slice) -> Words:
            out = np.zeros((-(-len(trials) // 64), part.stop - part.start), np.uint64)
            draw_cpu.below(*how, trials, last, place, part.start, out)
            return np.ascontiguousarray(out.T)

        return drawn

    def _shares(self, seed: int, trials: Integers, m: int, starts: Integers) -> Integers:
        """How many of each class are in, (t, K): differences of ⌊starts · m/n + u⌋ in whole numbers, u = word / 2^32."""
        start = philox.words(seed, philox.substream(philox.DESIGN, 1), trials, 0, 1)[:, :1].astype(np.int64)
        n = int(starts[-1])
        quotient, rest = np.divmod(starts * m, n)
        upto = quotient + ((rest << 32) + start * n >= n << 32)
        return np.asarray(np.diff(upto, axis=1))


def _edge(seed: int, trial: int, n: int, m: int, wide: float = WIDE) -> tuple[int, int]:
    """The m-th smallest key of a trial and its place: at m/n of all numbers, ± √(m(n − m)/n)/n. Keys about there are held."""
    from empirical.designs import draw_cpu

    off = wide * (np.sqrt(m * (n - m) / n) + 1) / n
    low, high = (int(min(max(m / n + side * off, 0.0), 1.0) * (2**64 - 1)) for side in (-1, 1))
    high = min(high, 2**64 - 1)
    room = min(n, int(3 * off * n) + 64)
    keys, places = np.empty(room, np.uint64), np.empty(room, np.int64)
    how = np.uint64(seed), np.uint32(philox.DESIGN), np.uint64(trial), n
    under, found = draw_cpu.near(*how, np.uint64(low), np.uint64(high), keys, places)
    if found > room or not under < m <= under + found:
        return _edge(seed, trial, n, m, 4 * wide)
    order: NDArray[np.int64] = np.argsort(keys[:found], kind="stable")  # of equal keys the first go in
    at = order[m - under - 1]
    return int(keys[at]), int(places[at])
