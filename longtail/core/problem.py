"""Feldman's model (arXiv 1906.05271, section 2): ``size`` subpopulations whose frequencies come from a list, ``n`` samples
of them, ``n_classes`` classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal, cast

import numpy as np

from longtail.core.checks import ArgumentError, instance, whole
from longtail.core.shown import table
from longtail.core.types import Bools, Floats, Integers

Mode = Literal["random", "fixed"]


@dataclass(frozen=True)
class Nodes:
    """A frequency list as (log value, count) pairs; counts sum to the list's size and need not be whole.

    ``group`` numbers the group of subpopulations that each pair is of, where the list is made of several.

    >>> from longtail import Listed
    >>> Listed([3, 1, 1]).nodes().count.tolist()  # one entry of 3, two of 1
    [2.0, 1.0]
    """

    log_value: Floats
    count: Floats
    group: Integers | None = None

    def where(self, chosen: Bools) -> Nodes:
        """The chosen pairs."""
        group = None if self.group is None else self.group[chosen]
        return Nodes(self.log_value[chosen], self.count[chosen], group)


class Prior(ABC):
    """A list of ``size`` frequencies, up to scale. Subclass it (a frozen dataclass, whose repr is its name) to bring your own.

    ``nodes`` is all that exact results need; ``entries`` all that simulation needs. A list given by a formula in its rank
    is a ``longtail.priors.Ranked``, which has both.

    >>> from longtail import Zipf
    >>> prior = Zipf(alpha=1, size=4)
    >>> prior.entries().round(3).tolist(), float(prior.nodes().count.sum())
    ([1.0, 0.5, 0.333, 0.25], 4.0)
    """

    size: int
    is_law: ClassVar[bool] = False  # True where frequencies follow a law and there is no list to take as it is

    @abstractmethod
    def nodes(self, refine: float = 1.0) -> Nodes:
        """The list, compressed so that sums of smooth functions of log value keep full precision; ``refine`` > 1 is finer."""

    @abstractmethod
    def entries(self) -> Floats:
        """The list itself, ``size`` values, largest first; an ArgumentError where there is none."""

    def between(self, low: float, high: float) -> Nodes:
        """The part of the list with low ≤ log value < high. Exact as far as ``nodes`` are the entries themselves."""
        nodes = self.nodes()
        return nodes.where((nodes.log_value >= low) & (nodes.log_value < high))

    def sample(self, rng: Any, shape: tuple[int, ...]) -> Floats:
        """Independent uniform draws from the list."""
        return np.asarray(self.entries()[rng.integers(self.size, size=shape)])


@lru_cache(maxsize=64)
def compressed(prior: Prior, refine: float = 1.0) -> Nodes:
    """``prior.nodes(refine)``, kept: a list of counts takes longer to compress than to solve."""
    return prior.nodes(refine)


@dataclass(frozen=True)
class Problem:
    """Feldman's model: D(x) = p_x / Σ p, with p drawn from the prior's list; n samples from D; labels uniform over ``n_classes``.

    ``mode="random"`` draws each p_x from the list and normalizes (the paper's); ``"fixed"`` takes the list itself, permuted.

    >>> from longtail import Zipf
    >>> Problem(Zipf(alpha=1, size=50_000), n=50_000, n_classes=4).guess
    0.75
    """

    prior: Prior
    n: int
    n_classes: int = 10
    mode: Mode = "random"

    def __post_init__(self) -> None:
        if not isinstance(self.prior, Prior):
            raise ArgumentError("prior", self.prior, "give a longtail prior, for example Zipf(alpha=1, size=50000)")
        object.__setattr__(self, "n", whole("n", self.n))
        object.__setattr__(self, "n_classes", whole("n_classes", self.n_classes, 2))
        if self.mode not in ("random", "fixed"):
            raise ArgumentError("mode", self.mode, "give 'random' or 'fixed'")
        if self.mode == "fixed" and self.prior.is_law:
            raise ArgumentError("mode", self.mode, f"{self.prior!r} is a law, not a list: use mode='random'")

    @property
    def guess(self) -> float:
        """1 − 1/K: the error of a guess."""
        return 1 - 1 / self.n_classes

    def _repr_html_(self) -> str:
        rows = [("frequencies", repr(self.prior)), ("samples", self.n), ("classes", self.n_classes)]
        return table("Problem", [*rows, ("mode", f"{self.mode} frequencies")])


def posed(problem: Any) -> Problem:
    """The problem, if it is one.

    >>> posed(50_000)
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: problem: got 50000; give a longtail.Problem, as Problem(Zipf(alpha=1, size=100), n=50)
    """
    instance("problem", problem, Problem, "give a longtail.Problem, as Problem(Zipf(alpha=1, size=100), n=50)")
    return cast(Problem, problem)
