"""What a simulation has found: every quantity an Estimate, read off one set of additive moments.

Of each simulated data set a row is kept: |X_ℓ| and Σ_{X_ℓ} D(x) for ℓ = 0, 1, …, then each learner's error. Means of
rows are read with their standard errors, τ_ℓ = E Σ_{X_ℓ} D(x) / E|X_ℓ| by the delta method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from longtail.core import ArgumentError, Estimate, Floats, Moments, Problem, whole
from longtail.core.arrays import Random
from longtail.core.shown import many, table, words
from longtail.learners import Learner


@dataclass(frozen=True)
class Simulation:
    """What a run has found so far: every quantity an Estimate with its standard error.

    >>> from longtail import Problem, Zipf, montecarlo
    >>> found = montecarlo.run(Problem(Zipf(alpha=1, size=100), n=100), trials=512)
    >>> found.trials, round(found.n_tau(1).value, 1), round(found.unseen_mass.value, 2)
    (512, 0.7, 0.25)
    """

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

    def subpopulations(self, ell: ArrayLike) -> Estimate:
        """E|X_ℓ|: how many subpopulations are seen ``ell`` times."""
        return _each(ell, lambda j: self.moments.linear(self._number(j)))

    def samples(self, ell: ArrayLike) -> Estimate:
        """ℓ E|X_ℓ|: how many samples come from them."""
        return _each(ell, lambda j: self.moments.linear(self._number(j, j)))

    def mass(self, ell: ArrayLike) -> Estimate:
        """E Σ_{X_ℓ} D(x): the probability of what was seen ``ell`` times."""
        return _each(ell, lambda j: self.moments.linear(self._mass(j)))

    def tau(self, ell: ArrayLike = 1) -> Estimate:
        """The expected frequency of what was seen ``ell`` times; NaN where nothing was."""
        return _each(ell, lambda j: self.moments.ratio(self._mass(j), self._number(j)))

    def n_tau(self, ell: ArrayLike = 1) -> Estimate:
        """n τ_ℓ."""
        return _each(ell, lambda j: self.moments.ratio(self._mass(j, self.problem.n), self._number(j)))

    def guessing(self, ell: ArrayLike = 1) -> Estimate:
        """(1 − 1/K) E Σ_{X_ℓ} D(x): what it costs to guess what was seen ``ell`` times."""
        return _each(ell, lambda j: self.moments.linear(self._mass(j, self.problem.guess)))

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

    def error(self, learner: Learner) -> Estimate:
        """The error of one of ``learners``."""
        return self.moments.linear(self._pick(self._index(learner)))

    def excess(self, learner: Learner) -> Estimate:
        """Its error less the optimal one, on the same data sets."""
        return self.moments.linear(self._pick(self._index(learner)) - self._mass(0, self.problem.guess))

    def _repr_html_(self) -> str:
        """What was simulated, the errors, and the table by ℓ."""
        named = {
            "optimal error": self.optimal_error,
            "guessing on what is seen once": self.cost,
            "unseen": self.unseen_mass,
        }
        named |= {f"error of {learner!r}": self.error(learner) for learner in self.learners}
        caption = f"{self.problem!r}, {many(self.trials, 'data set')} on {self.device}"
        errors = table(
            caption, [(name, read.value, read.stderr) for name, read in named.items()], ("", "", "standard error")
        )
        return errors + str(self.table().to_html(index=False, float_format=words, border=0))

    def _index(self, learner: Learner) -> int:
        if learner not in self.learners:
            raise ArgumentError("learner", learner, f"give one that was simulated: {list(self.learners)}")
        return 2 * (self.ells + 1) + self.learners.index(learner)

    def table(self, ell: ArrayLike | None = None) -> pd.DataFrame:
        """One row for each ℓ (0 … ``ells`` unless told), each quantity beside its standard error."""
        times = np.arange(self.ells + 1) if ell is None else np.asarray(ell)
        samples, n = self.samples(times), self.problem.n
        columns = {
            "tau": self.tau(times),
            "n_tau": self.n_tau(times),
            "subpopulations": self.subpopulations(times),
            "samples": samples,
            "sample_fraction": Estimate(samples.value / n, samples.stderr / n),
            "mass": self.mass(times),
            "cost": self.guessing(times),
        }
        frame = pd.DataFrame({"ell": times} | {name: read.value for name, read in columns.items()})
        return frame.assign(**{f"{name}_stderr": read.stderr for name, read in columns.items()})


def _each(ell: ArrayLike, read: Callable[[int], Estimate]) -> Estimate:
    """``read(ℓ)`` for a number; for an array, arrays of values and errors."""
    if np.ndim(ell) == 0:
        return read(whole("ell", ell, 0))
    found = [read(whole("ell", j, 0)) for j in np.asarray(ell).tolist()]
    return Estimate(np.array([e.value for e in found]), np.array([e.stderr for e in found]))
