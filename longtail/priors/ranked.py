"""Lists given by a formula in the rank: v_k = exp(log_value(k)), k = 1..size, largest first.

A sum over ranks, Σ_k g(log v_k), is cut into blocks on which log v changes by at most ``WIDTH``. A block of more than
``POINTS`` ranks is replaced by the Gauss rule of the counting measure on its integers, exact for polynomials of degree
2·POINTS − 1: its Jacobi matrix has β_j = j²(M² − j²) / (4(4j² − 1)) (discrete Chebyshev polynomials), M the block's length.
So a list of 10^12 costs a few hundred nodes, and one of 50,000 no more.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from longtail.core import ArgumentError, Floats, Nodes, Prior

POINTS = 16
WIDTH = 1.4  # of log value in a block: with 16 points, e^{−z} over a factor of 4 in z is integrated to rounding
GROWTH = 4.0  # of rank (from the end where the formula is singular) in a block
DEPTH = 120.0  # below the 40th largest: e^{−120} of what any normalizer exceeds but for one draw in e^{40}
LISTABLE = 10**8  # entries held as an array at the most


class Ranked(Prior):
    """A prior whose list is a formula in the rank. Subclasses give ``size`` and ``log_value``.

    >>> from dataclasses import dataclass
    >>> from longtail import Problem, exact
    >>> @dataclass(frozen=True)
    ... class Shifted(Ranked):
    ...     shift: float
    ...     size: int
    ...
    ...     def log_value(self, rank):
    ...         return -np.log(rank + self.shift)
    >>> round(exact.singleton_fraction(Problem(Shifted(shift=2, size=1000), n=1000)).value, 4)
    0.2301
    """

    two_ended: ClassVar[bool] = False  # True where the formula bends as sharply at the last rank as at the first

    @abstractmethod
    def log_value(self, rank: Floats) -> Floats:
        """log v at ``rank``, 1 the largest; smooth in between, where the nodes lie."""

    def nodes(self, refine: float = 1.0) -> Nodes:
        last = self.ranks_from(self._log_value(min(40, self.size)) - DEPTH)
        rank, count = self._blocks(1, last, refine)
        log_value = self.log_value(rank)
        if last < self.size:  # too small to tell from one another: what they sum to is what counts, and it is nothing
            log_value = np.append(log_value, self._log_value(last + 1))
            count = np.append(count, float(self.size - last))
        return Nodes(log_value, count)

    def between(self, low: float, high: float, refine: float = 1.0) -> Nodes:
        first, last = self.ranks_from(high) + 1, self.ranks_from(low)
        if last < first:
            return Nodes(np.empty(0), np.empty(0))
        rank, count = self._blocks(first, last, refine)
        return Nodes(self.log_value(rank), count)

    def entries(self) -> Floats:
        if self.size > LISTABLE:
            raise ArgumentError("size", self.size, f"a list held in memory has at most {LISTABLE:.0e} entries")
        log_value = self.log_value(np.arange(1.0, self.size + 1))
        return np.asarray(np.exp(log_value - log_value[0]))

    def _log_value(self, rank: int) -> float:
        return float(self.log_value(np.array([float(rank)]))[0])

    def ranks_from(self, low: float) -> int:
        """How many entries have log value at least ``low``."""
        above, below = 0, self.size + 1
        while below - above > 1:
            middle = (above + below) // 2
            above, below = (middle, below) if self._log_value(middle) >= low else (above, middle)
        return above

    def _blocks(self, first: int, last: int, refine: float) -> tuple[Floats, Floats]:
        """Ranks and counts that stand for first..last."""
        width = WIDTH / refine
        start = _ladder(first, last, GROWTH ** (1 / refine), self.size if self.two_ended else None)
        while True:
            stop = np.append(start[1:], last + 1.0)  # one past each block's last rank
            drop = self.log_value(start) - self.log_value(stop - 1)
            parts = np.where((drop > width) & (stop - start > POINTS), np.ceil(drop / width), 1.0)
            if not (parts > 1).any():
                return _gauss(start, stop)
            start = np.unique(np.concatenate([start, *_cuts(start, stop, parts)]))


def _ladder(first: int, last: int, growth: float, size: int | None) -> Floats:
    """First ranks of blocks that grow geometrically from rank 1, and from rank ``size`` where one is given."""
    steps = np.unique(np.floor(growth ** np.arange(np.ceil(np.log((size or last) + 1) / np.log(growth)) + 1)))
    if size is not None:
        steps = steps[steps <= (size + 1) // 2]
        steps = np.concatenate([steps, size + 2 - steps])
    return np.unique(np.append(steps[(steps > first) & (steps <= last)], float(first)))


def _cuts(start: Floats, stop: Floats, parts: Floats) -> list[Floats]:
    """New first ranks that cut each block into that many equal parts."""
    cut = parts > 1
    return [
        np.floor(a + (b - a) * np.arange(1, p) / p) for a, b, p in zip(start[cut], stop[cut], parts[cut], strict=True)
    ]


def _gauss(start: Floats, stop: Floats) -> tuple[Floats, Floats]:
    """Ranks and counts: every rank of a short block, Gauss nodes of a long one."""
    length = stop - start
    short = length <= POINTS
    offset = np.arange(POINTS, dtype=float)
    inside = offset < length[short, None]
    j = np.arange(1.0, POINTS)
    m = length[~short, None]
    beta = np.sqrt(j**2 * (1 - (j / m) ** 2) / (4 * (4 * j**2 - 1)))
    jacobi = np.zeros((len(m), POINTS, POINTS))
    jacobi[:, np.arange(1, POINTS), np.arange(POINTS - 1)] = beta  # eigh reads the lower triangle
    node, vector = np.linalg.eigh(jacobi)
    rank = start[~short, None] + (m - 1) / 2 + m * node
    return (
        np.concatenate([(start[short, None] + offset)[inside], rank.ravel()]),
        np.concatenate([np.ones(int(inside.sum())), (m * vector[:, 0, :] ** 2).ravel()]),
    )
