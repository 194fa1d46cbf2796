"""The attack's ROC curve, by counting: how many members and others have each score, scores rounded to 16 bits.

Rounded to 11 binary digits, between 2^−14 and 65,504, a score is one of 65,536 whole numbers in the same order, so the curve of
any number of models and examples is 2 × 65,536 counts, and exact for the attack that rounds so. Between two of its
points the curve is a straight line: the attack that tosses a coin on a tie. The area below it is the chance that a member
scores above another, ties half (Mann and Whitney 1947; Hanley and McNeil, Radiology 143, 1982).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.core import Bools, Floats, Integers

KEYS = 2**16
LARGEST = 0x7BFF  # the key of 65,504, from that of 0
SMALLEST = 112 << 10  # 2^−14 as the leading bits of a single-precision number
WINDOW = 1.5  # a curve's slope at a rate is taken between rate / 1.5 and 1.5 rate
Keys = NDArray[np.uint16]


def keys(scores: Any) -> Keys:
    """Scores (models, examples) as whole numbers in their order; those beyond ±65,504 are that, those within ±2^−14 are 0.

    >>> keys(np.array([[-1.0, -0.0, 1e-9, 2.0]])).tolist()
    [[17407, 32768, 32768, 49152]]
    """
    from empirical.estimates.leak import curve_cpu

    single = np.ascontiguousarray(scores, np.float32)
    out = np.empty(single.shape, np.uint16)
    curve_cpu.keys(single.view(np.uint32), out)
    return out


def values() -> Floats:
    """The score of every key.

    >>> values()[keys(np.array([[-1.0, 0.0, 2.0]]))].tolist()
    [[-1.0, 0.0, 2.0]]
    """
    key = np.arange(KEYS)
    size = np.where(key < KEYS // 2, KEYS // 2 - 1 - key, key - KEYS // 2)
    bits = np.where(size > 0, (np.minimum(size, LARGEST) + SMALLEST) << 13, 0).astype(np.uint32)
    return np.asarray(np.where(key < KEYS // 2, -1.0, 1.0) * bits.view(np.float32), float)


@dataclass(frozen=True)
class Counts:
    """Members and others by key.

    >>> counts = Counts()
    >>> counts.count(keys(np.array([[2.0, 0.0, 1.0, -1.0]])), np.array([[True, True, False, False]]))
    >>> counts.area, counts.true_rate(0.0).item()  # of 2 × 2 pairs three are in order; 2 lies above all others
    (0.75, 0.5)
    """

    members: Integers = field(default_factory=lambda: np.zeros(KEYS, np.int64), repr=False)
    others: Integers = field(default_factory=lambda: np.zeros(KEYS, np.int64), repr=False)

    def count(self, key: Keys, masks: Bools) -> None:
        """Add these scores, of members where ``masks``."""
        from empirical.estimates.leak import curve_cpu

        curve_cpu.count(key, masks, self.members, self.others)

    @property
    def rates(self) -> tuple[Floats, Floats]:
        """False- and true-positive rates of "trained on if the key is above …", from none to all: the curve's corners."""
        out = []
        for counts in (self.others, self.members):
            above = np.append(0, np.cumsum(counts[::-1]))
            out.append(above / above[-1] if above[-1] else np.full(KEYS + 1, np.nan))
        return out[0], out[1]

    def true_rate(self, rate: Any) -> Floats:
        """The true-positive rate at false-positive rates."""
        x, y = self.rates
        below, share = self._between(x, np.asarray(rate, float))
        return np.asarray(y[below] + share * (y[np.minimum(below + 1, KEYS)] - y[below]))

    def threshold(self, rate: float) -> tuple[int, float]:
        """(key, share): said to be members are scores above it, and by a coin that share of those that tie with it."""
        below, share = self._between(self.rates[0], np.asarray(rate, float))
        return KEYS - 1 - int(below), float(share)

    def _between(self, x: Floats, rate: Floats) -> tuple[Any, Any]:
        """How many keys from the top are wholly above a threshold of that false-positive rate, and which share of the next."""
        below = np.searchsorted(x, rate, side="right") - 1
        step = x[np.minimum(below + 1, KEYS)] - x[below]
        return below, np.where(step > 0, (rate - x[below]) / np.where(step > 0, step, 1), 0.0)

    def slope(self, rate: float) -> float:
        """d true / d false near a rate."""
        low, high = rate / WINDOW, min(rate * WINDOW, 1.0)
        first, last = self.true_rate([low, high])
        return float(last - first) / (high - low)

    @property
    def area(self) -> float:
        """The chance that a member scores above another, ties half."""
        return float(self.placed[0] @ self.members / max(self.members.sum(), 1))

    @property
    def placed(self) -> tuple[Floats, Floats]:
        """By key: the share of others below it, and of members above it, ties half."""
        others, members = (c / max(c.sum(), 1) for c in (self.others, self.members))
        return np.cumsum(others) - others / 2, 1 - np.cumsum(members) + members / 2
