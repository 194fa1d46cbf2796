"""Rounds in which everybody is left out once: the examples are dealt at random into parts, and each model trains without one.

Trial k is part k mod p of round ⌊k/p⌋. In a round a 64-bit key an example puts the examples of each class in an order, and
one card after the other goes to part 0, 1, ..., p − 1, from where the class before ended: parts differ by one example at
most, in all and of any class. So t models leave an example out t/p times exactly, where subsets drawn one by one leave some
out never. Trials of a round depend on each other: what these models do not see is what they are asked of
(``empirical.estimates.mislabeled``), and no standard error is read off them by trials.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from empirical.designs.design import Design
from longtail import philox
from longtail.core import ArgumentError, Bools, Integers, flag, whole
from longtail.core.shown import many


@dataclass(frozen=True)
class Folds(Design):
    """``parts`` of which a model trains on all but one; 2 are halves, each the other's complement.

    >>> Folds(parts=3, stratified=False).subsets(0, np.arange(3), 6).sum(0).tolist()  # each example is in two of three
    [2, 2, 2, 2, 2, 2]
    """

    iid: ClassVar[bool] = False
    parts: int = 2
    stratified: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", whole("parts", self.parts, 2, 2**16))
        object.__setattr__(self, "stratified", flag("stratified", self.stratified))

    def inclusion(self, n: int) -> float:
        """1 − 1/parts."""
        return 1 - 1 / self.parts

    def check(self, n: int, models: int, classes: Integers | None = None) -> None:
        """Besides the common checks: whole rounds, and a part for everybody."""
        super().check(n, models, classes)
        if n < self.parts:
            raise ArgumentError(
                "parts", self.parts, f"there {'is' if n == 1 else 'are'} {many(n, 'example')}: give fewer parts"
            )
        if models % self.parts:
            near = max(self.parts, round(models / self.parts) * self.parts)
            remedy = f"a round leaves each example out of one of {self.parts}: give a multiple, as {near}"
            raise ArgumentError("models", models, remedy)

    def draw(self, seed: int, trials: Integers, n: int, classes: Integers | None) -> Bools:
        """Who is dealt another part than the trial's own."""
        if self.stratified and classes is None:
            raise ArgumentError("classes", None, "stratified parts need the training labels")
        groups = np.asarray(classes) if self.stratified else np.zeros(n, np.int64)
        out = np.empty((len(trials), n), bool)
        dealt: dict[int, Integers] = {}
        for row, trial in enumerate(trials.tolist()):
            number, part = divmod(trial, self.parts)
            if number not in dealt:
                dealt = {number: self._dealt(seed, number, groups)}
            out[row] = dealt[number] != part
        return out

    def _dealt(self, seed: int, number: int, groups: Integers) -> Integers:
        """The part of each example in a round."""
        words = philox.words(seed, philox.substream(philox.DESIGN, 2), number, 0, 2 * len(groups)).astype(np.uint64)
        words = words.reshape(-1)
        keys = words[0::2] << np.uint64(32) | words[1::2]
        order = np.lexsort((keys, groups))
        parts = np.empty(len(groups), np.int64)
        parts[order] = np.arange(len(groups)) % self.parts
        return parts
