"""Theory from observation: the prior and the coupling that best explain estimated memorization, and whether they do.

Estimates fall into bins b. With w_c the share of examples that have c copies under the prior, F the law of λ, and the law of an
estimate given the truth, which is known and the estimator's own (``longtail.experiment.noise``),

    P_b = Σ_c w_c ∫ Pr[estimate in b | mem = (1 − 1/K)(1 − rλ)^{c−1}] dF(λ),        log L = Σ_b n_b log P_b

(``empirical.bridge.bins``, which has guesses that are not fresh too).
This is the likelihood of one example, added over all: a composite one, for the c members of a subpopulation share their
memorization and everybody shares T. So errors are not read off its curvature. Whole data sets are simulated from the fitted
model: frequencies, counts, λ, noise. Their scores' covariance S gives H⁻¹SH⁻¹ (Godambe 1960), and the covariance of what fitting
leaves of their histograms is what the observed one is judged by (Hotelling 1931).
w_c is exact, and so the fitted share above a threshold is what ``longtail.experiment.predictions`` says of the fitted problem.
Estimates below the lowest edge share a bin: there the learner's own errors and the clipping of published scores lie.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from empirical.bridge.beside import ALIKE, Beside
from empirical.bridge.bins import EDGES, drawn, goodness, histogram
from empirical.bridge.intervals import Reach
from empirical.bridge.model import COUPLINGS, GUESSES, NEAR_END, ONE, WIDE, Model, schwarz, search
from longtail.core import ArgumentError, Estimate, Floats, Prior, Problem, real, whole
from longtail.counts.bins import EXPECTED, Goodness
from longtail.counts.fit import FAMILIES, LEVEL
from longtail.experiment.coupling import Coupling
from longtail.experiment.noise import Noise, checked
from longtail.experiment.predictions import share_above

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COUPLINGS", "FAMILIES", "GUESSES", "TheoryFit", "Tried", "fit", "planted"]

log = logging.getLogger(__name__)
SIMULATIONS = 200  # data sets behind each fit's errors: they then know a standard error to a twentieth


@dataclass(frozen=True)
class Tried:
    """A model at its most likely, and its ``score`` by Schwarz's criterion.

    >>> from longtail import Uniform
    >>> from longtail.experiment.coupling import Fixed
    >>> tried = [Tried(12.0, Uniform(size=30), Fixed(1)), Tried(9.0, Uniform(size=40), Fixed(0.5))]
    >>> min(tried, key=lambda one: one.score).prior  # the least is the best
    Uniform(size=40)
    """

    score: float
    prior: Prior
    coupling: Coupling


@dataclass(frozen=True)
class TheoryFit:
    """A prior and a coupling fitted to memorization: parameters with errors and intervals, and how well they explain it.

    >>> from empirical.estimates.noise import SubsetNoise
    >>> from longtail import Uniform
    >>> from longtail.experiment.coupling import Fixed
    >>> noise, rng = SubsetNoise(models=1000), np.random.default_rng(0)
    >>> values = planted(Problem(Uniform(size=300), n=300), Fixed(1), noise, rng)[1]
    >>> found = fit(values, 10, noise, "Uniform", "lookup", simulations=4)
    >>> list(found.parameters), found.problem.n
    (['size'], 300)
    """

    prior: Prior
    coupling: Coupling
    n: int
    n_classes: int
    noise: Noise
    reach: Reach = field(repr=False)
    log_likelihood: float
    goodness: Goodness
    distance: float  # the largest difference between the observed and the fitted share above any threshold
    shares: pd.DataFrame = field(repr=False)  # by threshold; stderr is what chance alone moves a data set by
    simulated: Floats = field(repr=False)  # bins of data sets from the fit, and what would be known beside, a row each
    evaluations: int = field(repr=False, default=0)
    saw: tuple[str, ...] = ()  # beside memorization
    harder: Estimate = ALIKE  # than the training set is the test set (``empirical.bridge.beside``)
    tried: tuple[Tried, ...] = field(repr=False, default=())  # this and others, where more than memorization is known

    @property
    def parameters(self) -> Mapping[str, Estimate]:
        """By name, with standard errors."""
        return self.reach.parameters

    @property
    def intervals(self) -> Mapping[str, tuple[float, float]]:
        """By name."""
        return self.reach.intervals

    @cached_property
    def around(self) -> tuple[tuple[tuple[Prior, Coupling], tuple[Prior, Coupling]], ...]:
        """Pairs of models, either way of this one."""
        place = self.reach.model.place
        return tuple((place(up), place(down)) for up, down in self.reach.around)

    @property
    def seen(self) -> Floats:
        """What was fitted, as a row of ``simulated``."""
        known = self.reach.model.beside
        return self.reach.observed if known is None else np.append(self.reach.observed, known.value)

    @property
    def problem(self) -> Problem:
        """The model, for ``longtail.experiment.predictions``."""
        return Problem(self.prior, self.n, self.n_classes)

    def stderr(self, predict: Callable[[Problem, Coupling], Floats], times: Estimate = ALIKE) -> Floats:
        """Standard error of a prediction, √Σ ((f(x + s_k) − f(x − s_k))/2)², s_k the principal axes of x's covariance; or of h f,
        h being ``times``. How hard the test set is, h e^{±σ}, is one axis more, along which x follows h as fitting has it.
        """

        def at(model: tuple[Prior, Coupling]) -> Floats:
            return np.asarray(predict(Problem(model[0], self.n, self.n_classes), model[1]), float)

        h, error = float(times.value), float(times.stderr)
        halves = [h * (at(up) - at(down)) / 2 for up, down in self.around]
        if error or self.reach.hard.any():
            factor = np.exp(error / h)
            up, down = (at(self.reach.model.place(x)) for x in self.reach.follows)
            halves.append(h * (up * factor - down / factor) / 2)
        return np.asarray(np.sqrt(sum(np.square(half) for half in halves)), float)

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


def fit(
    memorization: ArrayLike,
    n_classes: int,
    noise: Noise,
    family: str | Iterable[str] = "Zipf",
    coupling: str | Iterable[str] = "beta",
    *,
    guess: str | Iterable[str] = "fresh",
    beside: Beside | None = None,
    level: float = LEVEL,
    simulations: int = SIMULATIONS,
    seed: int = 0,
) -> TheoryFit:
    """The model of greatest composite likelihood; of several families, couplings and guesses, the best by Schwarz's criterion:
    a parameter that the data hardly see blurs all that the model predicts, and AIC would take it.

    ``noise`` is that of the estimates, as ``Measured`` has it. ``guess`` is "fresh" where a learner
    guesses anew in every model what nobody taught it, "steady" where it guesses the same, "mixed" where how steady it is, is
    fitted: of couplings with one λ only, for memorization hardly tells a law of guesses from a law of λ.

    >>> from empirical.estimates.noise import SubsetNoise
    >>> from longtail import Uniform
    >>> from longtail.experiment.coupling import Fixed
    >>> noise, rng = SubsetNoise(models=1000), np.random.default_rng(0)
    >>> values = planted(Problem(Uniform(size=300), n=300), Fixed(1), noise, rng)[1]
    >>> found = fit(values, 10, noise, "Uniform", "lookup", simulations=10)
    >>> abs(found.parameters["size"].value - 300) < 5 * found.parameters["size"].stderr, found.coupling
    (True, Fixed(strength=1.0, steady=0.0))
    """
    values = np.asarray(memorization, float).ravel()
    values = values[~np.isnan(values)]
    if len(values) < 100:
        raise ArgumentError("memorization", f"{len(values)} estimates", "a fit takes 100 at least")
    if not isinstance(noise, Noise):
        raise ArgumentError(
            "noise", noise, "give the law of an estimate, as empirical.estimates.noise.SubsetNoise(models)"
        )
    checked(noise.fraction)
    n_classes = whole("n_classes", n_classes, 2)
    real("level", level, 0.0, 1.0, open_low=True, open_high=True)
    chosen = [
        _chosen(name, given, known)
        for name, given, known in (
            ("family", family, FAMILIES),
            ("coupling", coupling, COUPLINGS),
            ("guess", guess, [*GUESSES, *WIDE]),
        )
    ]
    best: tuple[float, Model, Floats, int] | None = None
    tried = []
    observed = histogram(values)
    families, couplings, guesses = chosen
    for f, c in product(families, couplings):
        log.info("fitting %s, coupling %s", f, c)
        ends: list[Floats] = []
        asked = [g for g in guesses if g != "mixed" or c in ONE]
        order = [*dict.fromkeys([*GUESSES, *asked])] if "mixed" in asked else asked
        for g in order:
            steady = GUESSES.get(g)
            model = Model(f, c, g, len(values), n_classes, noise, beside)
            x, loss, calls = search(model, observed, ends if g == "mixed" else [])
            if steady is not None:
                ends.append(np.append(x, NEAR_END * (2 * steady - 1)))
            score = schwarz(loss, len(x), len(values))
            if beside is not None and g in asked:
                tried.append(Tried(score, *model.place(x)))
            if g in asked and (best is None or score < best[0]):
                best = (score, model, x, calls)
    if best is None:
        remedy = f"memorization does not tell a law of guesses from one of λ; give a coupling among {', '.join(ONE)}"
        raise ArgumentError("guess", "mixed", remedy)
    _, model, x, calls = best
    return replace(_judged(model, x, values, observed, level, simulations, seed, calls), tried=tuple(tried))


def _chosen(argument: str, given: str | Iterable[str], known: Iterable[str]) -> list[str]:
    names = [given] if isinstance(given, str) else list(given)
    for name in names:
        if name not in known:
            raise ArgumentError(argument, name, f"give one of {', '.join(known)}")
    return names


def planted(problem: Problem, coupling: Coupling, noise: Noise, rng: Any) -> tuple[Floats, Floats]:
    """A data set drawn from the model: how many copies each example has, itself included, and its estimated memorization.

    >>> from empirical.estimates.noise import SubsetNoise
    >>> from longtail import Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> problem, rng = Problem(Zipf(alpha=1, size=100), n=100), np.random.default_rng(0)
    >>> copies, estimated = planted(problem, Fixed(1), SubsetNoise(models=10**6), rng)
    >>> [np.unique(estimated[copies == c].round(2)).tolist() for c in (1, 2)]  # of so many models: .9, and .9 · .3
    [[0.9], [0.27]]
    """
    prior = problem.prior
    frequency = prior.sample(rng, (prior.size,)) if problem.mode == "random" else prior.entries()
    counts = rng.multinomial(problem.n, frequency / frequency.sum())
    counts = counts[counts > 0].astype(float)
    memorized = (1 - noise.fraction * coupling.sample(rng, len(counts))) ** (counts - 1)
    memorized *= coupling.tops(problem.n_classes, rng, len(counts))
    each = np.repeat(memorized, counts.astype(int))
    return np.repeat(counts, counts.astype(int)), noise.draw(each, rng)


def _judged(
    model: Model, x: Floats, values: Floats, observed: Floats, level: float, simulations: int, seed: int, calls: int
) -> TheoryFit:
    """Errors, intervals and goodness, from data sets simulated at the fit."""
    prior, coupling = model.place(x)
    p = model.probabilities(x)
    n, at = model.n, model.inside(x)
    rng = np.random.default_rng([seed, 0xB21D6E])
    problem = Problem(prior, n, model.n_classes)
    every = drawn(problem, coupling, model.noise, simulations, rng, model.beside)
    simulated, more = every[:, : len(p)], every[:, len(p) :]
    _, slope, solved = model.linear(x)
    residuals = model.standardized(x, every)
    own = model.standardized(x, observed if model.beside is None else np.append(observed, model.beside.value))
    off = np.zeros(every.shape[1] - len(p))  # what a standard error of h makes of what is known beside
    order, expected, wide = np.arange(len(own)), n * p, residuals
    if model.beside is not None:
        off = model.beside.uncertain(problem, coupling)
        # these first, each by itself: bins join a neighbor
        order = np.roll(order, len(off))
        expected = np.append(np.full(len(off), EXPECTED), n * p)
        wide = residuals.copy()
        by_hardness = np.multiply.outer(rng.standard_normal(len(every)), off)
        wide[:, len(p) :] += by_hardness
        every = np.hstack([simulated, more + by_hardness @ np.linalg.cholesky(model.beside.covariance).T])
    good = goodness(own[order], wide[:, order], slope[order], solved[:, order], expected)
    if (at != x).any():
        scale, _, solved = model.linear(at)
        residuals[:, : len(p)] = (simulated - n * p) * scale
    moves = residuals @ solved.T  # what fitting each would add to x, to first order
    hard = -solved[:, len(p) :] @ off
    covariance = np.atleast_2d(moves.T @ moves / len(moves)) + np.multiply.outer(hard, hard)
    reach = Reach(model, x, observed, simulated, np.sqrt(np.diag(covariance)), covariance, level, hard)
    shares = _shares(problem, coupling, model.noise, values, simulated)
    aside = model.beside
    return TheoryFit(
        prior=prior,
        coupling=coupling,
        n=n,
        n_classes=model.n_classes,
        noise=model.noise,
        reach=reach,
        log_likelihood=float(observed @ np.log(p) - (model.aside(x) ** 2).sum() / 2),
        goodness=good,
        distance=float((shares["observed"] - shares["fitted"]).abs().max()),
        shares=shares,
        simulated=every,
        evaluations=calls,
        saw=() if aside is None else aside.words,
        harder=ALIKE if aside is None else aside.harder,
    )


def _shares(problem: Problem, coupling: Coupling, noise: Noise, values: Floats, simulated: Floats) -> pd.DataFrame:
    """Above each threshold, observed and fitted, and what chance moves them by."""
    import pandas as pd

    n, order = problem.n, np.sort(values)
    theta = np.linspace(0.05, 0.95, 181).round(6)  # as written: where an estimate is one, it lies above
    share = 1 - np.searchsorted(order, theta) / n
    chance = simulated[:, ::-1].cumsum(1)[:, ::-1][:, 1:].std(0, ddof=1) / n
    return pd.DataFrame(
        {
            "threshold": theta,
            "observed": share,
            "observed_stderr": np.sqrt(share * (1 - share) / n),
            "fitted": share_above(problem, coupling, theta, noise=noise),
            "stderr": np.interp(theta, EDGES, chance),
        }
    )
