"""Randomized orthogonal arrays: rows exactly iid Bernoulli, every pair of columns exactly balanced.

Row x ∈ GF(q)^k, column a ∈ GF(q)^k (up to scale): level a·x, a linear orthogonal array of strength two with q^k rows
and (q^k − 1)/(q − 1) columns (Rao 1947; Hedayat, Sloane & Stufken, chapter 3). Each column is relabelled on its own:
its example is out where a·x = c, c uniform. So in any one row the coins are independent, in with p = 1 − 1/q (q = 4:
3/4, q = 2: 1/2), and over the array n_in = p·rows and n_in∧in' = p²·rows exactly. Estimates are unbiased for
Bernoulli(p), and what the other examples do by themselves cancels. Columns and rows are permuted, array by array.

Stratified, each class has an array of its own (other permutations of rows): then rows bound the largest class, not n,
and only examples of one class are balanced against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from empirical.designs.design import Design
from longtail import philox
from longtail.core import ArgumentError, Bools, Integers, flag, whole

LEVELS = {0.75: 4, 0.5: 2}
MOST_ROWS = 4**12


@dataclass(frozen=True)
class Orthogonal(Design):
    """Arrays of ``rows`` trials each, independent of each other: trial k is row k mod rows of array k // rows.

    The smaller the array that serves, the more of them a number of trials holds, and the better the error is known.

    >>> masks = Orthogonal(0.5, rows=16).subsets(0, np.arange(16), 10)
    >>> masks.sum(0).tolist()  # each example is in half of them
    [8, 8, 8, 8, 8, 8, 8, 8, 8, 8]
    >>> int((masks[:, 0] & masks[:, 1]).sum())  # any two in a quarter
    4
    """

    fraction: float = 0.75
    rows: int = 1024
    stratified: bool = False

    iid: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.fraction not in LEVELS:
            raise ArgumentError(
                "fraction", self.fraction, "an orthogonal array exists for 0.75 (4^k trials) and 0.5 (2^k)"
            )
        object.__setattr__(self, "stratified", flag("stratified", self.stratified))
        whole("rows", self.rows, 4 if self.levels == 4 else 2, MOST_ROWS)
        if self.levels**self.digits != self.rows:
            sizes = ", ".join(str(self.levels**k) for k in range(1, 9))
            raise ArgumentError(
                "rows", self.rows, f"a power of {self.levels} ({sizes}, ...) at fraction {self.fraction}"
            )

    @classmethod
    def over(cls, fraction: float, models: int, n: int, classes: Integers | None = None) -> Orthogonal:
        """The smallest array that serves all examples (or each class, given ``classes``) and divides ``models``."""
        shape = cls(fraction, 4 if fraction == 0.75 else 2)
        widest = n if classes is None else int(np.bincount(classes).max())
        rows = shape.levels
        while cls(fraction, rows).columns < widest:
            rows *= shape.levels
        chosen = cls(fraction, rows, classes is not None)
        chosen.check(n, models, classes)
        return chosen

    @property
    def levels(self) -> int:
        """q."""
        return int(LEVELS[self.fraction])

    @property
    def digits(self) -> int:
        """k, the length of a row's index in base q."""
        return round(float(np.log(self.rows) / np.log(self.levels)))

    @property
    def columns(self) -> int:
        """How many examples one array can balance."""
        return (self.rows - 1) // (self.levels - 1)

    def inclusion(self, n: int) -> float:
        """3/4 or 1/2."""
        return self.fraction

    def check(self, n: int, models: int, classes: Integers | None = None) -> None:
        """Whole arrays only, and no more examples than columns."""
        super().check(n, models, classes)
        if self.stratified and classes is None:
            raise ArgumentError("classes", None, "a stratified design needs the training labels")
        widest = int(np.bincount(classes).max()) if self.stratified and classes is not None else n
        what = "examples in a class" if self.stratified else "examples"
        if widest > self.columns:
            enough = self.levels
            while (enough - 1) // (self.levels - 1) < widest:
                enough *= self.levels
            raise ArgumentError("rows", self.rows, f"{widest} {what} need arrays of {enough} trials, or another design")
        if models % self.rows:
            below, above = models - models % self.rows, models + self.rows - models % self.rows
            near = f"{below} or {above}" if below else f"{above}"
            raise ArgumentError(
                "models",
                models,
                f"a part of an array is not balanced, and whole ones have {self.rows} trials here; give {near}",
            )

    def draw(self, seed: int, trials: Integers, n: int, classes: Integers | None) -> Bools:
        """Row by row and class by class from the arrays' columns."""
        out = np.empty((len(trials), n), bool)
        groups = [np.arange(n)]
        if self.stratified:
            if classes is None:
                raise ArgumentError("classes", None, "a stratified design needs the training labels")
            groups = [np.flatnonzero(classes == c) for c in range(int(classes.max()) + 1)]
        for copy in np.unique(trials // self.rows):
            here = np.flatnonzero(trials // self.rows == copy)
            for part, members in enumerate(groups):
                if members.size:
                    block = self._rows(seed, int(copy), part, trials[here] % self.rows, members.size)
                    out[np.ix_(here, members)] = block
        return out

    def _rows(self, seed: int, copy: int, part: int, rows: Integers, n: int) -> Bools:
        if n > self.columns:
            raise ArgumentError("n", n, f"an array of {self.rows} trials balances at most {self.columns} examples")
        stream = philox.substream(philox.DESIGN, 2 + part)
        keys = _words64(seed, stream, copy, self.columns + self.rows)
        order = np.argsort(keys[: self.columns], kind="stable")[:n]
        x = np.argsort(keys[self.columns :], kind="stable")[rows].astype(np.uint32)
        away = philox.words(seed, stream, copy, 2 * (self.columns + self.rows), n) & np.uint32(self.levels - 1)
        column = points(self.levels, self.digits)[order]
        if self.levels == 2:
            return np.asarray(_parity(x[:, None] & column) != away, bool)
        k = np.uint32(self.digits)
        low = np.uint32(2**self.digits - 1)
        x1, x0, a1, a0 = x[:, None] >> k, x[:, None] & low, column >> k, column & low
        # (a1 w + a0)(x1 w + x0) with w² = w + 1, added up over the digits
        high_bit = _parity((a1 & (x1 ^ x0)) ^ (a0 & x1))
        low_bit = _parity((a0 & x0) ^ (a1 & x1))
        return np.asarray(2 * high_bit + low_bit != away, bool)


def _words64(seed: int, stream: int, trial: int, count: int) -> NDArray[np.uint64]:
    """``count`` 64-bit keys, each of two words, high then low."""
    pair = philox.words(seed, stream, trial, 0, 2 * count).astype(np.uint64)
    return np.asarray((pair[0::2] << np.uint64(32)) | pair[1::2])


def _parity(bits: Any) -> NDArray[np.uint8]:
    """Sum of the bits, mod 2."""
    return np.asarray(np.bitwise_count(bits) & np.uint8(1), np.uint8)


def points(levels: int, digits: int) -> NDArray[np.uint32]:
    """Columns of the array, one a line through the origin of GF(q)^k: digit i is bit i, or where q is 4 bits i + k (high) and
    i (low).

    >>> points(2, 2).tolist(), len(points(4, 3))  # (4³ − 1)/3 columns
    ([1, 2, 3], 21)
    """
    every = np.arange(1, levels**digits, dtype=np.uint32)
    if levels == 2:
        return every
    high, low = every >> np.uint32(digits), every & np.uint32(2**digits - 1)
    # of a, wa, w²a keep the one whose first digit is 1: high bit 0, low bit 1 at the lowest place that is not 0
    place = (high | low) & (~(high | low) + np.uint32(1))
    return np.asarray(every[((high & place) == 0) & ((low & place) != 0)], np.uint32)
