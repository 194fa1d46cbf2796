"""What a fit says of that which it did not see, and how far the data leave it open: the least and the most of a prediction f,

    min f(x), max f(x)     over all x with     −2 log L(x) ≤ min −2 log L + z² φ,

its profile (Venzon & Moolgavkar 1988), with φ by how much more f varies over simulated data sets than the curvature of a
composite likelihood says (Varin, Reid & Firth 2011). An error by first order says little where a ridge of models fits alike, as
many laws of λ do that make as many pairs.

An end is found by pulling: log f is given a residual more, (log f − t)/s, with s what the curvature at the fit says of its
error and t so far beyond that a parabola would be pulled just to the end. Wherever the least squares then lie, no model with
that f is more likely, whatever t is; t is moved until the likelihood has fallen about as far as is allowed, and the rest goes by
the root of the rise, which is nearly straight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.bridge.beside import LEAST, Paired, beside
from empirical.bridge.fit import SIMULATIONS, TheoryFit, fit
from empirical.bridge.followed import Ridge
from empirical.bridge.model import Model
from empirical.estimates.measured import Measured
from longtail.core import ArgumentError, Floats, Problem
from longtail.experiment.coupling import Coupling
from longtail.experiment.pairs import expected_pairs, pairs_above
from longtail.experiment.predictions import error_at

if TYPE_CHECKING:
    import pandas as pd

ABOVE = (0.2, 0.3, 0.5)  # of influence, where pairs are foretold beside their number
WIDEST = ("Zipf", "near", "dust")  # the family, coupling and guesses that have the others in them, or nearly
PULLED = 5  # times that t is moved
TIGHTEST, SOFTEST = 1e-4, 1.0  # error of a logarithm, beyond which it is all the same
NEAR = 0.6, 1.5  # of what is allowed, where the root of the rise is straight enough
FASTER = 2.5  # times as far that t goes at the most

Told = Callable[[Problem, Coupling], float]  # what is foretold, a positive number


@dataclass(frozen=True)
class Forecast:
    """A fit, and a table of what it foretells: ``what``, ``value``, ``low``, ``high``, and ``observed``.

    >>> import pandas as pd
    >>> from empirical.estimates.noise import SubsetNoise
    >>> found = fit(np.repeat([0.0, 0.9], [300, 200]), 10, SubsetNoise(100), "Uniform", "lookup", simulations=5)
    >>> told = pd.DataFrame({"what": ["tests"], "value": [958.0], "low": [867.0], "high": [1071.0], "observed": [888]})
    >>> Forecast(found, told).record()["range"]
    {'tests': [867.0, 1071.0]}
    """

    fit: TheoryFit
    table: pd.DataFrame = field(repr=False)

    def record(self) -> dict[str, Any]:
        """What ``compare --published --json`` prints under "forecast"."""
        rows = self.table.set_index("what")
        return {
            "prior": repr(self.fit.prior),
            "coupling_law": repr(self.fit.coupling),
            "largest_difference": self.fit.distance,
            "p_value": self.fit.goodness.p_value,
            "saw": ["memorization", *self.fit.saw],
            "model": rows["value"].to_dict(),
            "range": {name: [float(row["low"]), float(row["high"])] for name, row in rows.iterrows()},
            "observed": rows["observed"].to_dict(),
        }


@dataclass(frozen=True)
class _Pulled:
    """A model with a residual more: ``log`` of what is foretold is drawn to ``target`` as an error of ``scale`` would."""

    model: Model
    log: Callable[[Floats], Floats]
    target: float
    scale: float

    def residuals(self, x: Floats, observed: Floats) -> Floats:
        return np.append(self.model.residuals(x, observed), (self.log(x) - self.target) / self.scale)

    def slopes(self, x: Floats, observed: Floats, along: Sequence[int] | None = None) -> Floats:
        own = self.model.jacobian(x, self.log, self.log(x), along) / self.scale
        return np.vstack([self.model.slopes(x, observed, along), own])


def forecast(observed: Measured, *, simulations: int = SIMULATIONS, seed: int = 0) -> Forecast:
    """Fitted to memorization and the number of published pairs, what the widest model foretells of them.

    Tests and single ones are those of ``Measured.influenced``, pairs by influence ``ABOVE``, the error is that of models trained
    on all examples.

    >>> import pandas as pd
    >>> from empirical.estimates.measured import Experiment
    >>> tables = pd.DataFrame({"memorization": np.zeros(200)}), pd.DataFrame({"test_index": [], "influence": []})
    >>> forecast(Measured(Experiment("mine", 50, 10, 0.7, 10), *tables))
    Traceback (most recent call last):
    ...
    longtail.core.checks.ArgumentError: observed: got no published pairs; a forecast is made from the number of these
    """
    import pandas as pd

    aside, classes = beside(observed), observed.experiment.n_classes
    if aside is None or aside.paired is None or classes is None:
        raise ArgumentError("observed", "no published pairs", "a forecast is made from the number of these")
    family, law, guess = WIDEST
    how: Any = {"guess": guess, "beside": aside, "simulations": simulations, "seed": seed}
    found = fit(observed.values, classes, observed.noise, family, law, **how)
    told, influence = _tellers(aside.paired), observed.pairs["influence"].to_numpy(float)
    _, tests, single = observed.influenced
    seen = [tests, single, *(int((influence >= x).sum()) for x in ABOVE), 1 - observed.test_accuracy]
    open_ = {name: (*reached(found, one), found_) for (name, one), found_ in zip(told.items(), seen, strict=True)}
    columns = ["value", "low", "high", "observed"]
    return Forecast(found, pd.DataFrame.from_dict(open_, "index", columns=columns).rename_axis("what").reset_index())


def _tellers(paired: Paired) -> dict[str, Told]:
    """What is foretold of published pairs, by name."""
    how: Any = {"memorized": paired.least, "noise": paired.noise, "partners": paired.partners}
    least, tests = paired.thresholds[0], paired.tests

    def counted(name: str) -> Told:
        return lambda p, c: float(pairs_above(p, c, least, tests, **how)[name].iloc[0])

    def beyond(x: float) -> Told:
        return lambda p, c: float(expected_pairs(p, c, x, tests, **how)[0])

    return {
        **{name: counted(name) for name in ("tests", "single")},
        **{f"pairs_{x:g}": beyond(x) for x in ABOVE},
        "error": lambda p, c: float(error_at(p, c, [1.0])[0]),
    }


def reached(found: TheoryFit, told: Told) -> tuple[float, float, float]:
    """What is foretold, and the least and the most within the reach of the likelihood.

    >>> from empirical.estimates.noise import SubsetNoise
    >>> from longtail.experiment.predictions import share_above
    >>> found = fit(np.repeat([0.0, 0.9], [300, 200]), 10, SubsetNoise(100), "Uniform", "lookup", simulations=20)
    >>> value, low, high = reached(found, lambda p, c: float(share_above(p, c, [0.5])[0]))
    >>> low < value < high
    True
    """
    reach = found.reach
    model, best, observed = reach.model, reach.x, reach.observed

    def log(x: Floats) -> Floats:
        prior, coupling = model.place(x)
        return np.log(np.maximum([told(Problem(prior, model.n, model.n_classes), coupling)], LEAST))

    least, middle = float((model.residuals(best, observed) ** 2).sum()), float(log(best)[0])
    inside = model.inside(best)
    steep = model.jacobian(inside, log, log(inside))[0]
    allowed, scale = reach.rise(steep), float(np.clip(reach.curvature(steep), TIGHTEST, SOFTEST))
    ridge = Ridge(_Pulled(model, log, middle, scale), observed, inside)
    slope, ends = ridge.slope, []
    for side in (-1, 1):
        there, far, end = best, 2 * side * np.sqrt(allowed) * scale, middle
        ridge.slope = slope
        for _ in range(PULLED):
            ridge.model = _Pulled(model, log, middle + far, scale)
            _, there = ridge.settled(there)
            moved = float(log(there)[0]) - middle
            part = max(float((model.residuals(there, observed) ** 2).sum()) - least, 0.0) / allowed
            if part <= 1:
                end = middle + moved
            if NEAR[0] <= part <= NEAR[1]:
                end = middle + moved / np.sqrt(part)
                break
            far *= float(np.clip(1 / np.sqrt(max(part, LEAST)), 1 / FASTER, FASTER))
        if end == middle:  # none came back within what is allowed: as far as a parabola through the last has it
            end = middle + moved / np.sqrt(max(part, 1.0))
        ends.append(float(np.exp(end)))
    return float(np.exp(middle)), ends[0], ends[1]
