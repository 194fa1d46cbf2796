"""A learner of the long-tail model: how likely it is to be wrong on a subpopulation, from how often it saw which.

All that a symmetric learner can go by is how often it saw x, ℓ_x, and how often it saw the others; scored exactly, it
errs with probability errors(ℓ)_x = Pr[h(x) ≠ y_x], over its own coins and over the labels, uniform and without noise
unless the learner says otherwise. To bring your own, subclass ``Learner`` (a frozen dataclass) and write ``errors``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from longtail.core import Floats
from longtail.core.arrays import namespace


@dataclass(frozen=True)
class Seen:
    """What a learner is told of a batch of data sets.

    ``times[b, j]`` is how often a subpopulation was seen; ``number[b, ℓ]`` is |X_ℓ|, so that a learner may ration
    itself. Both are arrays of one library, which the answer should be made of as well. A learner that is ``symmetric``
    may be given ``times`` 0, 1, 2, … in one row for the whole batch, instead of every subpopulation of every data set.

    >>> seen = Seen(times=np.array([[0, 1, 2]]), number=np.array([[5, 3, 1]]), n_classes=10)
    >>> seen.among(seen.times <= 1, seen.guess).tolist()  # guesses what was seen once or never
    [[0.9, 0.9, 0.0]]
    """

    times: Any = field(repr=False)
    number: Any = field(repr=False)
    n_classes: int

    @property
    def xp(self) -> Any:
        """The arrays' namespace."""
        return namespace(self.times)

    @property
    def guess(self) -> float:
        """1 − 1/K: the error of a guess."""
        return 1 - 1 / self.n_classes

    def among(self, condition: Any, errors: Any) -> Any:
        """``errors`` where ``condition`` holds, 0 elsewhere, as doubles."""
        xp = self.xp
        return xp.astype(condition, xp.float64) * errors

    def look_up(self, table: Floats) -> Any:
        """table[times], the last entry serving all larger times."""
        xp = self.xp
        last = xp.asarray(len(table) - 1, dtype=self.times.dtype, device=self.times.device)
        index = xp.where(self.times < last, self.times, last)
        entries = xp.asarray(table, dtype=xp.float64, device=self.times.device)
        return xp.reshape(xp.take(entries, xp.reshape(index, (-1,)), axis=0), self.times.shape)


class Learner(ABC):
    """Subclass as a frozen dataclass whose repr is its name.

    >>> from dataclasses import dataclass
    >>> from longtail import Problem, Zipf, exact
    >>> @dataclass(frozen=True)
    ... class Twice(Learner):  # knows what it saw twice, and guesses else
    ...     def errors(self, seen):
    ...         return seen.xp.where(seen.times >= 2, 0.0, 1 - 1 / seen.n_classes)
    >>> problem = Problem(Zipf(alpha=1, size=1000), 1000, 10)
    >>> round(exact.error(problem, Twice()).value - exact.optimal_error(problem).value, 4)
    0.1075
    """

    symmetric: ClassVar[bool] = True  # treats subpopulations alike: needs only how often each was seen
    own: ClassVar[bool] = True  # its error on x depends on x's own count only
    longest: ClassVar[int] = 2**20  # sights that it can say its errors of, at the most
    rounding: ClassVar[float] = 1e-15  # what its errors may be off by

    @abstractmethod
    def errors(self, seen: Seen) -> Any:
        """Pr[h(x) ≠ y_x] for each of ``seen.times``: doubles of that shape, or broadcasting to (batch, times)."""

    def settled(self, n_classes: int, most: int) -> int:
        """A count ≤ ``most`` from which on errors no longer change (to 1e-15), for a learner of its own count."""
        low, high = 0, most
        final = self._at(most, n_classes)
        while low < high:  # errors fall as counts grow, so where they have settled can be bisected
            middle = (low + high) // 2
            if abs(self._at(middle, n_classes) - final) <= 1e-15:
                high = middle
            else:
                low = middle + 1
        return low

    def final(self, n_classes: int, most: int) -> float:
        """The error having seen x ``most`` times, or no more than that, for a learner of its own count."""
        return self._at(most, n_classes)

    def _at(self, times: int, n_classes: int) -> float:
        seen = Seen(np.array([[times]]), np.array([[0, 1, 0]]), n_classes)
        return float(np.broadcast_to(self.errors(seen), (1, 1))[0, 0])
