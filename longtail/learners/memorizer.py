"""The optimal learner: right on whatever it has seen, however rarely, a guess on the rest.

err = (1 − 1/K) Σ_{x unseen} D(x) = opt, the least possible (Feldman, arXiv 1906.05271, Theorem 2.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from longtail.learners.learner import Learner, Seen


@dataclass(frozen=True)
class Memorizer(Learner):
    """Remembers every example.

    >>> from longtail import Problem, Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=1_000), n=1_000)
    >>> round(exact.error(problem, Memorizer()).value / exact.optimal_error(problem).value, 9)
    1.0
    """

    def errors(self, seen: Seen) -> Any:
        return seen.among(seen.times == 0, seen.guess)
