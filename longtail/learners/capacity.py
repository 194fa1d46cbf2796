"""A learner with room to memorize only so many singletons; what it saw more often it knows.

It fits B of its |X_1| singletons, chosen at random, and guesses the rest, so that

    err = opt + (1 − 1/K) E[(1 − B/|X_1|)_+ Σ_{x ∈ X_1} D(x)],

near τ_1 (1 − 1/K) E(|X_1| − B)_+. It needs the law of |X_1|, not its mean (Feldman, arXiv 1906.05271, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from longtail.core import whole
from longtail.learners.learner import Learner, Seen


@dataclass(frozen=True)
class Capacity(Learner):
    """Fits at most ``items`` singletons.

    >>> from longtail import Problem, Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=1_000), n=1_000)
    >>> [round(exact.error(problem, Capacity(items)).value, 4) for items in (0, 100, 1_000)]
    [0.2967, 0.2459, 0.1893]
    """

    items: int
    own: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", whole("items", self.items, 0))

    def errors(self, seen: Seen) -> Any:
        xp = seen.xp
        singletons = xp.astype(seen.number[:, 1:2], xp.float64)
        one = xp.ones_like(singletons)
        unfit = 1 - self.items / xp.where(singletons > self.items, singletons, one * max(self.items, 1))
        return seen.guess * (seen.among(seen.times == 0, one) + seen.among(seen.times == 1, unfit))
