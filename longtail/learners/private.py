"""(ε, δ)-private prediction by randomized votes, as right as privacy under adding or removing a point allows.

For a query x let the votes be how often each label was seen with x, and m the winner's margin over the runner-up.
Answer the winner with probability P_m and any other label with (1 − P_m)/(K − 1), where P_0 = 1/K and

    P_{m+1} = min(e^ε P_m + δ, 1 − e^{−ε}(1 − P_m − δ)).

One point more or less changes m by at most 1, and the winner only through a tie, m = 0, where all labels are alike. The
two constraints bound the odds of the winner and of its complement, which are the worst events; so the answer is
(ε, δ)-private for every data set, whatever its labels. Where labels are not noisy m = ℓ, and 1 − P_1 =
max(0, 1 − e^ε/K − δ, e^{−ε}(1 − 1/K − δ)) is the least error any private learner can have on a singleton
(Feldman, arXiv 1906.05271, section 4). Private prediction: Dwork & Feldman, arXiv 1803.10266.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from longtail.core import ArgumentError, Floats, real
from longtail.learners.learner import Learner, Seen

LONGEST = 2**20


@dataclass(frozen=True)
class Private(Learner):
    """Each prediction is (epsilon, delta)-differentially private in the training set (add or remove one point).

    >>> from longtail import Problem, Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=1_000), n=1_000)
    >>> [round(exact.error(problem, Private(epsilon)).value, 4) for epsilon in (0.5, 1, 4)]
    [0.3869, 0.3007, 0.1913]
    """

    epsilon: float = 1.0
    delta: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", real("epsilon", self.epsilon, 0))
        object.__setattr__(self, "delta", real("delta", self.delta, 0, 1))

    def answers(self, votes: Any) -> Floats:
        """Pr[h(x) = j] for each label j: votes (…, K) to probabilities (…, K)."""
        votes = np.asarray(votes)
        n_classes = votes.shape[-1]
        order = np.sort(votes, axis=-1)
        margin = order[..., -1] - order[..., -2]
        table = self.table(n_classes, int(margin.max(initial=0)))
        wrong = table[np.minimum(margin, len(table) - 1)]
        winner = (votes == order[..., -1:]) & (margin > 0)[..., None]
        rest = np.where(margin > 0, wrong / (n_classes - 1), 1 / n_classes)
        out: Floats = np.where(winner, 1 - wrong[..., None], rest[..., None])
        return out

    def table(self, n_classes: int, most: int) -> Floats:
        """1 − P_m for m = 0, 1, …, up to ``most`` or to where it no longer changes, which serves all beyond."""
        up, down = math.exp(min(self.epsilon, 700.0)), math.exp(-self.epsilon)
        wrong = [1 - 1 / n_classes]
        while len(wrong) <= most:
            w = wrong[-1]
            after = max(0.0, 1 - up * (1 - w) - self.delta, down * (w - self.delta))
            if after >= w or after < 1e-17:
                wrong.append(0.0 if after < 1e-17 else w)
                break
            wrong.append(after)
            if len(wrong) > LONGEST:
                raise ArgumentError("epsilon", self.epsilon, "give 0, or enough to settle within 10^6 votes")
        return np.array(wrong)

    def errors(self, seen: Seen) -> Any:
        xp = seen.xp
        most = int(xp.max(seen.times)) if seen.times.shape[-1] else 0
        return seen.look_up(self.table(seen.n_classes, most))
