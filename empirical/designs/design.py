"""Which examples trial k trains on: a pure function of (seed, k), from raw Philox words.

Nothing is stored: any trial's subset can be had on any machine, in any order. Library generators change their subsets
between versions; words of a counter-based generator (``longtail.philox``) cannot. Feldman & Zhang (arXiv 2008.03703,
section 2.1) use subsets of fixed size m = .7n.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from longtail.core import ArgumentError, Bools, Integers, whole


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
        seed = whole("seed", seed, 0, 2**64 - 1)
        k = np.atleast_1d(np.asarray(trials, np.int64))
        if k.size and k.min() < 0:
            raise ArgumentError("trials", int(k.min()), "number trials from 0")
        if classes is not None and len(classes) != n:
            raise ArgumentError("classes", f"{len(classes)} labels", f"give one for each of the {n} examples")
        return self.draw(seed, k, n, classes)
