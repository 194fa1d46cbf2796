"""What theory, fitted to the unlimited learner, says of a limit: how much accuracy it costs, in which bins, and which groups.

A prior and a coupling are fitted to the unlimited learner's memorization (``bridge.fit``). A limited learner is then one of two:

- ``Private(ε, δ)``, as right as privacy allows: no private learner can lose less, if the model holds;
- ``Limited(γ)``, with γ as measured, (1 − 1/K) times what is left of the memorization of those memorized half or more.

A group's loss is what the model expects of held-out examples with the memorization that those of the group have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from empirical.bridge.comparison import compare
from empirical.bridge.fit import TheoryFit
from empirical.estimates.measured import Measured
from empirical.estimates.noise import SubsetNoise
from longtail.core import Floats, Problem
from longtail.experiment import limited
from longtail.experiment.coupling import Coupling
from longtail.learners import Learner, Limited, Memorizer

if TYPE_CHECKING:
    import pandas as pd

FINE = np.linspace(0, 1, 41)[1:-1]  # bins of memorization that a group's examples are counted in
FAMILIES = ("Zipf", "Uniform")  # a few: the other lists fit about as well, and the answer is to take seconds
LEAST = 2e-3  # γ: below it a learner's errors take a thousand sights to settle


@dataclass(frozen=True)
class Theory:
    """The model of the unlimited learner, whose memorization is ``values``.

    >>> from empirical.bridge.fit import fit, planted
    >>> from longtail import Uniform
    >>> from longtail.experiment.coupling import Fixed
    >>> noise, rng = SubsetNoise(models=1000), np.random.default_rng(0)
    >>> values = planted(Problem(Uniform(size=300), n=300), Fixed(1), noise, rng)[1]
    >>> found = Theory(fit(values, 10, noise, "Uniform", "lookup", simulations=4), values)
    >>> round(found.lost(limit(0.3)), 1)  # of accuracy, if no example may be memorized by more than .3
    0.2
    """

    fit: TheoryFit
    values: Floats

    @classmethod
    def of(cls, observed: Measured, simulations: int = 10, seed: int = 0) -> Theory:
        """Of the best prior of a few, with a law of coupling."""
        best = compare(observed, FAMILIES, ("beta",), simulations=simulations, seed=seed).best
        return cls(best, observed.memorization["memorization"].to_numpy(float))

    def lost(self, learner: Learner) -> float:
        """Test accuracy that it loses, as models on subsets have it."""
        where = (self.fit.problem, self.fit.coupling)
        share = self.fit.noise.fraction
        return float(self.fit.harder) * (
            limited.error(*where, learner, share) - limited.error(*where, Memorizer(), share)
        )

    def stderr(self, learner: Learner) -> float:
        """Of what it is said to lose: that of the fitted parameters, and of how hard tests are."""
        share = self.fit.noise.fraction

        def lost(problem: Problem, coupling: Coupling) -> Floats:
            return np.array([limited.error(problem, coupling, one, share) for one in (learner, Memorizer())])

        return float(self.fit.stderr(lambda problem, coupling: np.diff(lost(problem, coupling)), self.fit.harder)[0])

    def by_memorization(self, learner: Learner, edges: Floats, models: int | None = None) -> pd.DataFrame:
        """What it loses in each bin of what ``models`` models, or all, estimate memorization to be."""
        noise = self.fit.noise if models is None else SubsetNoise(models, self.fit.noise.fraction)
        return limited.by_memorization(self.fit.problem, self.fit.coupling, [learner], edges, noise)

    def by_group(self, learner: Learner, groups: NDArray[np.str_], names: list[str]) -> Floats:
        """What it loses on test examples of each group, ``groups`` being those of the training examples; NaN without any."""
        lost = self.by_memorization(learner, FINE)["out_lost"].to_numpy(float)
        each = lost[np.digitize(self.values, FINE)]
        known = np.isfinite(self.values)
        return np.array(
            [each[known & (groups == g)].mean() if (known & (groups == g)).any() else np.nan for g in names]
        )


def limit(value: float) -> Limited:
    """The learner of that γ.

    >>> limit(0.3), limit(0.0)
    (Limited(gamma=0.3), Limited(gamma=0.002))
    """
    return Limited(max(value, LEAST))
