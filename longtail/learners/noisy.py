"""A learner of clean labels on noisy ones: it answers the winner of the votes as if the margin were all that it had seen.

Where labels are not noisy all ℓ votes agree. Where they are, let m be the winner's votes less the runner-up's, and e(m) what the
learner errs on m agreeing votes: it answers the winner with probability 1 − e(m), any other label with e(m)/(K − 1). One vote
more or less changes m by at most 1, and the winner only through a tie, m = 0, where all are alike: what limits the learner for
every data set, (ε, δ) of ``Private`` or γ of ``Limited``, holds as before. It errs

    Σ_m Pr[the truth wins by m] e(m) + Pr[another wins by m] (1 − e(m)/(K − 1)) + Pr[tie] (1 − 1/K).

The law of m: a winner with a votes over others with at most t has, with b_t(z) = Σ_{j≤t} z^j/j! and q, r as in
``longtail.learners.majority``, probability ℓ! [z^{ℓ−a}] of q^a/a! b_t(rz)^{K−1}, or of (K − 1) r^a/a! b_t(qz) b_t(rz)^{K−2}.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from scipy.special import gammaln

from longtail.core import ArgumentError, Floats, real
from longtail.learners.learner import Learner, Seen
from longtail.learners.majority import power

LONGEST = 256
SETTLED = 1e-12  # error at LONGEST votes that more of them could lower by no more than that


@dataclass(frozen=True)
class Noisy(Learner):
    """``learner``, of its own count, where ``kappa`` of the labels are true and the others uniform; scored on the truth.

    >>> from longtail import Problem, Zipf, exact
    >>> from longtail.learners import Forget
    >>> problem = Problem(Zipf(alpha=1, size=1000), 1000, 10)
    >>> [round(exact.error(problem, Noisy(Forget(1), kappa)).value, 3) for kappa in (1.0, 0.8)]
    [0.297, 0.343]
    """

    learner: Learner
    kappa: float
    longest: ClassVar[int] = LONGEST
    rounding: ClassVar[float] = 2e-12

    def __post_init__(self) -> None:
        object.__setattr__(self, "kappa", real("kappa", self.kappa, 0, 1))
        if not (isinstance(self.learner, Learner) and self.learner.symmetric and self.learner.own):
            raise ArgumentError("learner", self.learner, "give one whose error depends on its own count")

    def final(self, n_classes: int, most: int) -> float:
        return super().final(n_classes, most) if most <= LONGEST else 0.0

    def errors(self, seen: Seen) -> Any:
        xp = seen.xp
        most = int(xp.max(seen.times)) if seen.times.shape[-1] else 0
        table = self.table(seen.n_classes, min(most, LONGEST))
        if most > LONGEST and table[-1] > SETTLED:
            raise ArgumentError(
                "n", most, f"margins are counted up to {LONGEST} votes of a subpopulation: give fewer samples"
            )
        return seen.look_up(table)

    def table(self, n_classes: int, most: int) -> Floats:
        """The error having seen x 0, 1, …, ``most`` times."""
        times = np.arange(most + 1)[None, :]
        clean = np.broadcast_to(self.learner.errors(Seen(times, np.zeros_like(times), n_classes)), times.shape)[0]
        truth, other = (law[: most + 1, : most + 1] for law in margins(1 << most.bit_length(), n_classes, self.kappa))
        tie = 1 - truth.sum(1) - other.sum(1)
        return np.asarray(truth @ clean + other @ (1 - clean / (n_classes - 1)) + tie * (1 - 1 / n_classes))


@lru_cache(maxsize=16)
def margins(top: int, n_classes: int, kappa: float) -> tuple[Floats, Floats]:
    """Pr[the truth wins by m] and Pr[another wins by m] by ℓ = 0 … ``top`` and m; nothing at m = 0."""
    q, r = kappa + (1 - kappa) / n_classes, (1 - kappa) / n_classes
    ell = np.arange(top + 1)
    scale = max(top / n_classes, 1.0)  # of z, so that coefficients stay within e^±top

    def series(chance: float) -> Floats:
        with np.errstate(divide="ignore"):
            return np.asarray(
                np.exp(ell * np.log(chance * scale) - gammaln(ell + 1)) if chance else np.eye(1, top + 1)[0]
            )

    few_true, few = series(q), series(r)
    truth, other = np.zeros((top + 1, top + 1)), np.zeros((top + 1, top + 1))
    before = np.zeros((2, top + 1))
    log_ways = gammaln(ell + 1)
    for most in range(top // 2 + 1):  # the runner-up's votes
        below, below_true = np.where(ell <= most, few, 0.0), np.where(ell <= most, few_true, 0.0)
        alike = power(below, n_classes - 2)
        now = np.stack([np.convolve(alike, one)[: top + 1] for one in (below, below_true)])
        exactly, before = now - before, now
        for law, chance, others, many in ((truth, q, exactly[0], 1), (other, r, exactly[1], n_classes - 1)):
            if chance == 0:
                continue
            for votes in range(most + 1, top - most + 1):
                size = ell[votes + most :]
                log = log_ways[size] - log_ways[votes] + votes * np.log(chance) - (size - votes) * np.log(scale)
                rest = many * others[size - votes]
                law[size, votes - most] += np.where(rest > 0, rest * np.exp(np.where(rest > 0, log, 0.0)), 0.0)
    return truth, other
