"""Theory from observation: the prior and the coupling that best explain estimated memorization, and whether they do.

Estimates fall into bins b. With w_c the share of examples that have c copies under the prior, F the law of λ and the known
noise of an estimate that was held out h times (X/h, X ~ Binomial(h, mem)),

    P_b = Σ_c w_c ∫ Pr[estimate in b | mem = (1 − 1/K)(1 − rλ)^{c−1}] dF(λ),        log L = Σ_b n_b log P_b.

This is the likelihood of one example, added over all: a composite one, for the c members of a subpopulation share their
memorization and everybody shares T. So errors are not read off its curvature. Whole data sets are simulated from the fitted
model: frequencies, counts, λ, noise. Their scores' covariance S gives H⁻¹SH⁻¹ (Godambe 1960), the small bias of having put T at
its mean included, and the covariance of what fitting leaves of their histograms is what the observed one is judged by
(Hotelling 1931).
Estimates below the lowest edge share a bin: there the learner's own errors and the clipping of published scores lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from empirical.binned import CELLS, EDGES, examples, goodness, histogram, kernel, law
from empirical.coupling import Beta, Coupling, Fixed
from empirical.predicted import RATE, above, checked
from longtail.bins import Goodness
from longtail.core import ArgumentError, Estimate, Floats, Prior, Problem, real, whole
from longtail.fit import FAMILIES, LEVEL, WORST, simplex

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COUPLINGS", "Bridge", "fit", "planted", "table"]

SIMULATIONS = 100
BROADEST = 50  # times n, the largest prior that a search considers: of a larger one hardly more is seen twice
COUPLINGS: dict[str, tuple[int, Callable[[Floats], Coupling]]] = {  # number of coordinates, and the law they stand for
    "lookup": (0, lambda _: Fixed(1.0)),
    "uniform": (0, lambda _: Beta(1.0, 1.0)),
    "fixed": (1, lambda x: Fixed(_logistic(x[0]))),
    "beta": (2, lambda x: _beta(_logistic(x[0]), np.exp(x[1]))),
}


@dataclass(frozen=True)
class Bridge:
    """A prior and a coupling fitted to memorization: parameters with errors and intervals, and how well they explain it."""

    prior: Prior
    coupling: Coupling
    n: int
    labels: int
    rate: float
    trials: int
    parameters: Mapping[str, Estimate]
    intervals: Mapping[str, tuple[float, float]]
    log_likelihood: float
    goodness: Goodness
    distance: float  # the largest difference between the observed and the fitted share above any threshold
    shares: pd.DataFrame = field(repr=False)  # by threshold; stderr is what chance alone moves a data set by
    evaluations: int = field(repr=False, default=0)

    @property
    def problem(self) -> Problem:
        """The model, for ``empirical.predicted``."""
        return Problem(self.prior, self.n, self.labels)

    def record(self) -> dict[str, Any]:
        """What ``compare --json`` prints under "fit"."""
        return {
            "prior": repr(self.prior),
            "coupling": self.coupling.mean,
            "coupling_law": repr(self.coupling),
            "parameters": {
                name: {"value": e.value, "stderr": e.stderr, "interval": list(self.intervals[name])}
                for name, e in self.parameters.items()
            },
            "goodness": {
                "statistic": self.goodness.statistic,
                "freedom": self.goodness.freedom,
                "p_value": self.goodness.p_value,
                "largest_difference": self.distance,
            },
        }


@dataclass(frozen=True)
class _Model:
    """What turns coordinates into the probabilities of bins."""

    family: str
    coupling: str
    n: int
    labels: int
    rate: float
    held_out: float
    kernel: Floats  # bins × cells, the last cell the top atom

    @property
    def shapes(self) -> int:
        return int(FAMILIES[self.family].parameter is not None)

    def place(self, x: Floats) -> tuple[Prior, Coupling]:
        """x = (shape's coordinate, log N, the coupling's coordinates)."""
        family, s = FAMILIES[self.family], self.shapes
        size = float(np.exp(np.clip(x[s], 0.0, np.log(BROADEST * self.n))))
        prior = family.make(family.outward(x[0]) if s else 1.0, round(size))
        return prior, COUPLINGS[self.coupling][1](x[s + 1 :])

    def probabilities(self, x: Floats) -> Floats:
        """P_b, of T at its mean."""
        prior, coupling = self.place(x)
        copies, share = examples(prior, self.n)
        return np.maximum(self.kernel @ law(copies, share, coupling, self.rate), 1e-12)


def fit(
    memorization: ArrayLike,
    labels: int,
    trials: int,
    family: str | Iterable[str] = "Zipf",
    coupling: str | Iterable[str] = "beta",
    *,
    rate: float = RATE,
    level: float = LEVEL,
    simulations: int = SIMULATIONS,
    seed: int = 0,
) -> Bridge:
    """The model of greatest composite likelihood; of several families and couplings, the best by AIC per example's weight.

    ``trials`` models made the estimates, each on a share ``rate`` of the examples.
    """
    values = np.asarray(memorization, float).ravel()
    values = values[~np.isnan(values)]
    if len(values) < 100:
        raise ArgumentError("memorization", f"{len(values)} estimates", "give at least 100 that are not NaN")
    checked(rate)
    held_out = (1 - rate) * whole("trials", trials, 2)
    real("level", level, 0.0, 1.0, open_low=True, open_high=True)
    families = [family] if isinstance(family, str) else list(family)
    couplings = [coupling] if isinstance(coupling, str) else list(coupling)
    for name, known in ((families, FAMILIES), (couplings, COUPLINGS)):
        for one in name:
            if one not in known:
                raise ArgumentError(
                    "family" if known is FAMILIES else "coupling", one, f"give one of {', '.join(known)}"
                )
    labels = whole("labels", labels, 2)
    given = kernel(1 - 1 / labels, held_out)
    best: tuple[float, _Model, Floats, int] | None = None
    observed = histogram(values)
    for f in families:
        for c in couplings:
            model = _Model(f, c, len(values), labels, rate, held_out, given)
            x, loss, calls = _search(model, observed)
            if best is None or loss + 2 * len(x) < best[0]:
                best = (loss + 2 * len(x), model, x, calls)
    assert best is not None
    _, model, x, calls = best
    return _judged(model, x, values, observed, level, simulations, seed, calls, trials)


def table(
    memorization: ArrayLike, labels: int, trials: int, families: Iterable[str], couplings: Iterable[str], **options: Any
) -> pd.DataFrame:
    """One fit a row, every family with every coupling, nearest first."""
    import pandas as pd

    chosen = list(couplings)
    fits = [fit(memorization, labels, trials, f, c, **options) for f in families for c in chosen]
    fits.sort(key=lambda found: -found.log_likelihood)
    return pd.DataFrame(
        {
            "prior": repr(found.prior),
            "coupling": repr(found.coupling),
            "coupling_mean": found.coupling.mean,
            "largest_difference": found.distance,
            "log_likelihood": found.log_likelihood,
            "p_value": found.goodness.p_value,
        }
        for found in fits
    )


def planted(problem: Problem, coupling: Coupling, trials: int, rng: Any, rate: float = RATE) -> tuple[Floats, Floats]:
    """Copies and estimated memorization of every example of a data set drawn from the model, its truth known."""
    prior = problem.prior
    frequency = prior.sample(rng, (prior.size,)) if problem.mode == "random" else prior.entries()
    counts = rng.multinomial(problem.n, frequency / frequency.sum())
    counts = counts[counts > 0].astype(float)
    memorized = problem.guess * (1 - rate * coupling.sample(rng, len(counts))) ** (counts - 1)
    each = np.repeat(memorized, counts.astype(int))
    held_out = rng.binomial(trials, 1 - rate, size=problem.n) if trials < 10**6 else np.full(problem.n, trials)
    held_out = np.maximum(held_out, 1)
    return np.repeat(counts, counts.astype(int)), rng.binomial(held_out, each) / held_out


def _search(model: _Model, observed: Floats) -> tuple[Floats, float, int]:
    calls = 0

    def loss(x: Floats) -> float:
        nonlocal calls
        calls += 1
        beyond = max(x[model.shapes] - np.log(BROADEST * model.n), -x[model.shapes], 0.0)
        try:
            return float(-2 * observed @ np.log(model.probabilities(x)) + 1e3 * beyond)
        except ArgumentError:
            return WORST

    family, extra = FAMILIES[model.family], COUPLINGS[model.coupling][0]
    shape_starts = [[family.inward(s)] for s in family.starts] if model.shapes else [[]]
    coupling_starts: list[list[float]] = [[], [0.0], [0.0, 0.7]][extra : extra + 1]
    if extra:
        coupling_starts.append([1.5, 2.0][:extra])
    starts = [
        np.array([*s, np.log(model.n * m), *c]) for s in shape_starts for m in (0.05, 0.3, 2.0) for c in coupling_starts
    ]
    first = min(starts, key=loss)
    steps = np.array([*([0.2] * model.shapes), 0.4, *([0.4, 0.6][:extra])])
    value = WORST
    for _ in range(3):
        first, value = simplex(loss, first, steps, fatol=1e-3, most=500)
        steps = steps / 4
    return first, value, calls


def _judged(
    model: _Model,
    x: Floats,
    values: Floats,
    observed: Floats,
    level: float,
    simulations: int,
    seed: int,
    calls: int,
    trials: int,
) -> Bridge:
    """Errors, intervals and goodness, from data sets simulated at the fit."""
    import pandas as pd

    prior, coupling = model.place(x)
    p = model.probabilities(x)
    n = model.n
    jacobian = _jacobian(model, x)
    rng = np.random.default_rng([seed, 0xB21D6E])
    problem = Problem(prior, n, model.labels)
    simulated = np.stack(
        [histogram(planted(problem, coupling, trials, rng, model.rate)[1]) for _ in range(simulations)]
    )
    scale = 1 / np.sqrt(n * p)
    slope = jacobian * (n * scale)[:, None]  # of the residuals (n_b − n P_b)/√(n P_b), with the sign turned
    information = slope.T @ slope
    solved = np.linalg.pinv(information, rcond=1e-10) @ slope.T  # a coordinate at its bound has no slope
    residuals = (simulated - n * p) * scale
    moves = residuals @ solved.T  # what fitting each simulated data set would add to x, to first order
    parameters, intervals = _parameters(model, x, np.sqrt((moves**2).mean(0)), level, len(moves))
    good = goodness((observed - n * p) * scale, residuals, slope, solved, n * p)
    order = np.sort(values)
    theta = np.linspace(0.05, 0.95, 181)
    share = 1 - np.searchsorted(order, theta) / n
    fitted = _shares(model, x, theta)
    chance = simulated[:, ::-1].cumsum(1)[:, ::-1][:, 1:].std(0, ddof=1) / n
    shares = pd.DataFrame(
        {
            "threshold": theta,
            "observed": share,
            "observed_stderr": np.sqrt(share * (1 - share) / n),
            "fitted": fitted,
            "stderr": np.interp(theta, EDGES, chance),
        }
    )
    return Bridge(
        prior,
        coupling,
        n,
        model.labels,
        model.rate,
        trials,
        parameters,
        intervals,
        float(observed @ np.log(p)),
        good,
        float(np.abs(share - fitted).max()),
        shares,
        calls,
    )


def _shares(model: _Model, x: Floats, theta: Floats) -> Floats:
    """The fitted share of estimates at or above each threshold."""
    prior, coupling = model.place(x)
    share = law(*examples(prior, model.n), coupling, model.rate)
    edge = np.linspace(0, 1, CELLS + 1)
    middle = np.append((edge[1:] + edge[:-1]) / 2, 1.0) * (1 - 1 / model.labels)
    return np.asarray(above(theta, middle, model.held_out) @ share)


def _jacobian(model: _Model, x: Floats) -> Floats:
    """∂P_b/∂x by central differences, wide enough for N to be whole."""
    columns = []
    for i in range(len(x)):
        step = 0.02 * np.eye(len(x))[i]
        columns.append((model.probabilities(x + step) - model.probabilities(x - step)) / 0.04)
    return np.stack(columns, axis=1)


def _parameters(
    model: _Model, x: Floats, error: Floats, level: float, count: int
) -> tuple[dict[str, Estimate], dict[str, tuple[float, float]]]:
    z = float(stats.t.ppf((1 + level) / 2, count - 1))  # the error itself is known from so many data sets
    family = FAMILIES[model.family]
    parameters: dict[str, Estimate] = {}
    intervals: dict[str, tuple[float, float]] = {}

    def put(name: str, i: int, outward: Callable[[float], float]) -> None:
        with np.errstate(over="ignore"):
            middle, slope = outward(x[i]), (outward(x[i] + 1e-4) - outward(x[i] - 1e-4)) / 2e-4
            parameters[name] = Estimate(float(middle), float(abs(slope) * error[i]))
            intervals[name] = (float(outward(x[i] - z * error[i])), float(outward(x[i] + z * error[i])))

    if family.parameter is not None:
        put(family.parameter, 0, family.outward)
    put("size", model.shapes, np.exp)
    for i, name in enumerate(("coupling", "concentration")[: COUPLINGS[model.coupling][0]]):
        put(name, model.shapes + 1 + i, _logistic if i == 0 else np.exp)
    return parameters, intervals


def _beta(mean: float, concentration: float) -> Beta:
    """Where the data want no spread at all, or nothing but 0 and 1, a search runs to the ends of what a Beta law takes."""
    return Beta(*(float(np.clip(share * concentration, 1e-3, 1e6)) for share in (mean, 1 - mean)))


def _logistic(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))
