"""What a simulation has found: every quantity an Estimate, read off one set of additive moments.

Of each simulated data set a row is kept: |X_ℓ| and Σ_{X_ℓ} D(x) for ℓ = 0, 1, …, then each learner's error. Means of
rows are read with their standard errors, τ_ℓ = E Σ_{X_ℓ} D(x) / E|X_ℓ| by the delta method.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .arrays import Random
from .core import ArgumentError, Estimate, Floats, Moments, Problem, whole
from .learners import Learner


@dataclass(frozen=True)
class Simulation:
    """What a run has found so far: every quantity an Estimate with its standard error."""

    problem: Problem
    moments: Moments = field(repr=False)
    ells: int
    learners: tuple[Learner, ...] = ()
    rng: Random = field(default_factory=Random)
    seconds: float = 0.0
    interrupted: bool = False
    conditional: bool = False

    @property
    def trials(self) -> int:
        """How many data sets were simulated."""
        return self.moments.count

    @property
    def device(self) -> str:
        """Where: cpu or gpu."""
        return str(self.rng.device)

    def _pick(self, index: int, weight: float = 1.0) -> Floats:
        pick = np.zeros(2 * (self.ells + 1) + len(self.learners))
        pick[index] = weight
        return pick

    def _number(self, ell: int, weight: float = 1.0) -> Floats:
        return self._pick(whole("ell", ell, 0, self.ells), weight)

    def _mass(self, ell: int, weight: float = 1.0) -> Floats:
        return self._pick(self.ells + 1 + whole("ell", ell, 0, self.ells), weight)

    def subpopulations(self, ell: int) -> Estimate:
        """E|X_ℓ|: how many subpopulations are seen ``ell`` times."""
        return self.moments.linear(self._number(ell))

    def samples(self, ell: int) -> Estimate:
        """ℓ E|X_ℓ|: how many samples come from them."""
        return self.moments.linear(self._number(ell, ell))

    def tau(self, ell: int) -> Estimate:
        """The expected frequency of what was seen ``ell`` times; NaN where nothing was."""
        return self.moments.ratio(self._mass(ell), self._number(ell))

    def n_tau(self, ell: int) -> Estimate:
        """n τ_ℓ."""
        return self.moments.ratio(self._mass(ell, self.problem.n), self._number(ell))

    @property
    def singleton_fraction(self) -> Estimate:
        """E|X_1| / n."""
        return self.moments.linear(self._number(1, 1 / self.problem.n))

    @property
    def unseen_mass(self) -> Estimate:
        """E Σ_{X_0} D(x)."""
        return self.moments.linear(self._mass(0))

    @property
    def optimal_error(self) -> Estimate:
        """opt = (1 − 1/K) · unseen mass."""
        return self.moments.linear(self._mass(0, self.problem.guess))

    @property
    def cost(self) -> Estimate:
        """What it costs to guess singletons."""
        return self.guessing(1)

    def guessing(self, ell: int) -> Estimate:
        """(1 − 1/K) E Σ_{X_ℓ} D(x): what it costs to guess what was seen ``ell`` times."""
        return self.moments.linear(self._mass(ell, self.problem.guess))

    def error(self, learner: Learner) -> Estimate:
        """The error of one of ``learners``."""
        return self.moments.linear(self._pick(self._index(learner)))

    def excess(self, learner: Learner) -> Estimate:
        """Its error less the optimal one, on the same data sets."""
        return self.moments.linear(self._pick(self._index(learner)) - self._mass(0, self.problem.guess))

    def _index(self, learner: Learner) -> int:
        if learner not in self.learners:
            raise ArgumentError("learner", learner, f"give one that was simulated: {list(self.learners)}")
        return 2 * (self.ells + 1) + self.learners.index(learner)

    def table(self) -> pd.DataFrame:
        """One row for each ℓ: subpopulations, samples, nτ and cost, each with its standard error."""
        lines = []
        for ell in range(self.ells + 1):
            line: dict[str, float] = {"ell": ell}
            for name, estimate in (
                ("subpopulations", self.subpopulations(ell)),
                ("samples", self.samples(ell)),
                ("n_tau", self.n_tau(ell)),
                ("cost", self.guessing(ell)),
            ):
                line[name], line[f"{name}_stderr"] = estimate.value, estimate.stderr
            lines.append(line)
        return pd.DataFrame(lines)
