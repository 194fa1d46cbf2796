"""A learner none of whose examples has memorization above γ, and that is right as often as this allows.

mem(A, S, i) = Pr[h(x_i) = y_i] with example i less without it. Every sight of x may then raise Pr[h(x) = y] by γ and no
more, from the guess 1/K: right with probability min(1, 1/K + ℓγ). It pays Σ_ℓ τ_ℓ E|X_ℓ| (1 − 1/K − ℓγ)_+, of which
ℓ = 1 is Feldman's lower bound (arXiv 1906.05271, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from longtail.core import real
from longtail.learners.learner import Learner, Seen


@dataclass(frozen=True)
class Limited(Learner):
    """Memorization at most ``gamma`` for every data set and example.

    >>> from longtail import Problem, Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=1_000), n=1_000)
    >>> [round(exact.error(problem, Limited(gamma)).value, 4) for gamma in (0.1, 0.5, 0.9)]
    [0.4006, 0.237, 0.1893]
    """

    gamma: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", real("gamma", self.gamma, 0, 1))

    def errors(self, seen: Seen) -> Any:
        xp = seen.xp
        short = seen.guess - self.gamma * xp.astype(seen.times, xp.float64)
        return xp.where(short > 0, short, xp.zeros_like(short))
