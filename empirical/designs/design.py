"""Which examples trial k trains on: a pure function of (seed, k), from raw Philox words.

Nothing is stored: any trial's subset can be had on any machine, in any order. Library generators change their subsets
between versions; words of a counter-based generator (``longtail.philox``) cannot. Feldman & Zhang (arXiv 2008.03703,
section 2.1) use subsets of fixed size m = .7n.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from empirical.data.bits import Words
from longtail.core import ArgumentError, Bools, Integers, whole
from longtail.core.shown import many

Columns = Callable[[slice], Words]  # of some examples, which start at a multiple of 64: (examples, ⌈t/64⌉) words


class Design(ABC):
    """Subclass it (a frozen dataclass, whose repr is its name) to bring your own; give ``draw``, and ``check`` if
    picky.

    Every example must have the same chance of being in. ``iid`` says that trials are independent of each other; where
    they are not, standard errors are read off residuals (``empirical.estimates.orthogonal_errors``).
    """

    iid: ClassVar[bool] = True

    @abstractmethod
    def inclusion(self, n: int) -> float:
        """The chance that an example is in a subset: a fraction of exactly this is meant by every estimate."""

    @abstractmethod
    def draw(self, seed: int, trials: Integers, n: int, classes: Integers | None) -> Bools:
        """Row r is subset ``trials[r]``; ``classes`` are the training labels, for designs that are stratified."""

    def check(self, n: int, models: int, classes: Integers | None = None) -> None:
        """Refuse what this design cannot do: too few examples, a number of models that breaks an array."""
        whole("n", n, 2)
        whole("models", models)

    def subsets(self, seed: int, trials: Any, n: int, classes: Integers | None = None) -> Bools:
        """Masks (t, n), true where the example is trained on.

        >>> from empirical.designs import Fixed
        >>> Fixed(0.5).subsets(0, [0, 1, 2], 10).sum(1).tolist()
        [5, 5, 5]
        """
        return self.draw(*_checked(seed, trials, n, classes), n, classes)

    def by_example(self, seed: int, trials: Any, n: int, classes: Integers | None = None) -> Columns:
        """The same subsets by examples: a function that gives those of some examples in all trials, as packed words.

        >>> from empirical.designs import Fixed
        >>> Fixed(0.5).by_example(0, [0, 1, 2], 10)(slice(0, 10)).shape
        (10, 1)
        """
        return self.draw_by_example(*_checked(seed, trials, n, classes), n, classes)

    def draw_by_example(self, seed: int, trials: Integers, n: int, classes: Integers | None) -> Columns:
        """Every trial drawn anew for each part, one held at a time: give a quicker one where there is any."""

        def drawn(part: slice) -> Words:
            out = np.zeros((part.stop - part.start, -(-len(trials) // 64)), np.uint64)
            for r in range(len(trials)):
                bits = self.draw(seed, trials[r : r + 1], n, classes)[0, part]
                out[:, r // 64] |= bits.astype(np.uint64) << np.uint64(r % 64)
            return out

        return drawn


def _checked(seed: int, trials: Any, n: int, classes: Integers | None) -> tuple[int, Integers]:
    k = np.atleast_1d(np.asarray(trials, np.int64))
    if k.size and k.min() < 0:
        raise ArgumentError("trials", int(k.min()), "number trials from 0")
    if classes is not None and len(classes) != n:
        raise ArgumentError("classes", many(len(classes), "label"), f"give one for each of the {n} examples")
    return whole("seed", seed, 0, 2**64 - 1), k
