"""The optimal learner: right on whatever it has seen, however rarely, a guess on the rest.

err = (1 − 1/K) Σ_{x unseen} D(x) = opt, the least possible (Feldman, arXiv 1906.05271, Theorem 2.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from longtail.learners.learner import Learner, Seen


@dataclass(frozen=True)
class Memorizer(Learner):
    """Remembers every example."""

    def errors(self, seen: Seen) -> Any:
        return seen.among(seen.times == 0, seen.guess)
