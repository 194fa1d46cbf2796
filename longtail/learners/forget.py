"""A learner that does not fit what it saw at most ℓ times, and guesses there.

err = opt + (1 − 1/K) Σ_{j=1}^{ℓ} τ_j E|X_j| (Feldman, arXiv 1906.05271, Theorem 2.3): at ℓ = 1, the price of not
memorizing singletons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from longtail.core import whole
from longtail.learners.learner import Learner, Seen


@dataclass(frozen=True)
class Forget(Learner):
    """Guesses what it saw at most ``ell`` times.

    >>> from longtail import Problem, Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=1_000), n=1_000)
    >>> excess = exact.error(problem, Forget(1)).value - exact.optimal_error(problem).value
    >>> round(excess / exact.cost(problem).value, 9)
    1.0
    """

    ell: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "ell", whole("ell", self.ell, 0))

    def errors(self, seen: Seen) -> Any:
        return seen.among(seen.times <= self.ell, seen.guess)
