"""Theory beside observation for one experiment: the best fits, and every curve of the one beside what was seen, as tables.

Nothing here draws: ``frames`` are what the figures, the report and the record of the run are made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.bridge.beside import ALIKE, Beside, beside
from empirical.bridge.contest import against
from empirical.bridge.counts import between
from empirical.bridge.fit import SIMULATIONS, TheoryFit, fit
from empirical.bridge.forecast import ABOVE, Forecast
from empirical.bridge.model import GUESSES, schwarz
from empirical.estimates.measured import Measured
from longtail.core import ArgumentError, Estimate, Floats, Problem
from longtail.experiment import predictions as predicted
from longtail.experiment.coupling import Coupling
from longtail.experiment.noise import Noise
from longtail.experiment.pairs import expected_pairs, pairs_above

if TYPE_CHECKING:
    import pandas as pd

FAMILIES = ("Zipf", "LogNormal", "Gamma", "Geometric", "Uniform")
COUPLINGS = ("beta",)
TOGETHER = ("beta", "apart")  # couplings tried with difficulty and dust
WIDE, CARRIED = ("hard", "dust"), ("each",)  # guesses tried with them, and where it is known what examples carry
PUBLISHED = ("near",)  # of published pairs, whose histogram no other is as steep as
BASELINE = ("Zipf", "lookup")  # the theory's own, beside whatever else is tried
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95)
REMOVED = (0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
NOT_REJECTED = 0.05
UNLIKELY = 0.01  # of the best model's weight, below which another's word is not asked for


@dataclass(frozen=True)
class Comparison:
    """The observed estimates and fits to them, best first; or none, and ``why``.

    ``removal`` is what retraining found, ``foretold`` what was written down before it: that is then the prediction, not
    what a fit of today would say. ``forecast`` is of published pairs, by their number alone; ``profiles`` are those of the best
    fit, where they were asked for.

    >>> import pandas as pd
    >>> from empirical.estimates.measured import Experiment
    >>> tables = pd.DataFrame({"memorization": np.zeros(20)}), pd.DataFrame({"test_index": [], "influence": []})
    >>> none = Comparison(Measured(Experiment("mine", 50, 10, 0.7), *tables), (), why="20 estimates are too few for a fit")
    >>> none.frames, none.rivals, none.why
    ({}, (), '20 estimates are too few for a fit')
    """

    observed: Measured
    fits: tuple[TheoryFit, ...]
    removal: pd.DataFrame | None = field(default=None, repr=False)
    foretold: pd.DataFrame | None = field(default=None, repr=False)
    why: str = ""
    forecast: Forecast | None = None
    profiles: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def best(self) -> TheoryFit:
        """The most likely fit."""
        return self.fits[0]

    @property
    def rivals(self) -> tuple[TheoryFit, ...]:
        """The other fits that the data do not reject."""
        return tuple(f for f, refused in self._others if not refused and f.goodness.p_value >= NOT_REJECTED)

    @property
    def rejected(self) -> tuple[TheoryFit, ...]:
        """The other fits that they do, by goodness or against the best."""
        return tuple(f for f, refused in self._others if refused)

    @property
    def _others(self) -> list[tuple[TheoryFit, bool]]:
        """All but the best, and whether the data reject them; of too few data sets or bins a p-value is NaN, and does not."""
        pairs = zip(self.fits[1:], self.contests[1:], strict=True)
        return [(f, f.goodness.p_value < NOT_REJECTED or worse < NOT_REJECTED) for f, (worse, _) in pairs]

    @cached_property
    def contests(self) -> tuple[tuple[float, float], ...]:
        """p-values of each fit against the best, and of the best against it (``empirical.bridge.contest``)."""
        return tuple((against(f, self.best), against(self.best, f)) for f in self.fits)

    def record(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        values = self.observed.values
        pairs, tests, single = self.observed.influenced
        told = {**self.best.record(), "saw": ["memorization", *self.best.saw], "model": self.told()}
        more = {}
        if self.forecast is not None:
            told["pairs_above"] = self.by_influence()
            more["forecast"] = self.forecast.record()
        return {
            "n": len(self.observed.memorization),
            "share_above": {f"{x:g}": float((values >= x).mean()) for x in THRESHOLDS},
            "pairs": pairs,
            "tests": tests,
            "single": single,
            "fit": told,
            **more,
        }

    def told(self) -> dict[str, float]:
        """What the best fit says of pairs, of tests in them and in one only, and of the error of models on all examples."""
        best, seen = self.best, self.observed
        options: dict[str, Any] = {"memorized": seen.least, "noise": best.noise, "partners": seen.partners}
        tests = seen.experiment.n_test
        counts = pairs_above(best.problem, best.coupling, seen.threshold, tests, **options).iloc[0]
        error = float(best.harder) * float(predicted.error_at(best.problem, best.coupling, [1.0])[0])
        return {name: float(counts[name]) for name in ("pairs", "tests", "single")} | {"error": error}

    def by_influence(self) -> dict[str, float]:
        """Pairs that the best fit expects beyond the influences of a forecast, by these."""
        best, seen = self.best, self.observed
        how: Any = {"memorized": seen.least, "noise": best.noise, "partners": seen.partners}
        counts = expected_pairs(best.problem, best.coupling, ABOVE, seen.experiment.n_test, **how)
        return {f"{x:g}": float(count) for x, count in zip(ABOVE, counts, strict=True)}

    @cached_property
    def frames(self) -> dict[str, pd.DataFrame]:
        """Tables by name."""
        if not self.fits:
            return {}
        found = {
            "shares": self.shares(),
            "distribution": self.distribution(),
            "influence": self.influence(),
            "predicted_removal": self.predicted_removal(),
            "error_against_samples": self.error_against_samples(),
            "fits": self.fits_table(),
        }
        if self.observed.observed.totals is not None:
            found["carried"] = self.carried()
        if self.removal is not None:
            found["removal"] = self.removal
        if self.profiles is not None:
            found["profiles"] = self.profiles
        if self.forecast is not None:
            found["forecast"] = self.forecast.table
        return found

    def predicted_removal(self) -> pd.DataFrame:
        """What removing the memorized should cost: as written down before it was tried, else by the best fit."""
        if self.foretold is not None:
            return self.foretold.sort_values("threshold", ignore_index=True)
        tried = REMOVED if self.removal is None else np.union1d(REMOVED, self.removal["threshold"])
        return foretell(self.best, tried)

    def error_against_samples(self) -> pd.DataFrame:
        """Expected test error by number of samples, and the observed ones at those of the models."""
        best, seen = self.best, self.observed
        known = dict[int, tuple[float, float]]()
        if np.isfinite(seen.accurate_at * seen.test_accuracy):
            wrong = 1 - seen.test_accuracy
            known[round(seen.accurate_at * best.n)] = wrong, wrong * (1 - wrong) / max(seen.experiment.n_test, 1)
        if (curve := seen.observed.learning) is not None:
            spread = curve.stderr**2 + curve.stderr_tests**2
            rows = zip(curve.fraction * best.n, curve.error, spread, strict=True)
            known |= {round(size): (float(error), float(square)) for size, error, square in rows}
        sizes = np.append(predicted.around(best.n), list(known))

        def foretold(problem: Problem, coupling: Coupling) -> pd.DataFrame:
            return predicted.error_against_samples(problem, coupling, sizes)

        table = _with_errors(best, foretold, ["error"], best.harder)  # of tests, maybe harder than training examples
        found = [known.get(size, (np.nan, np.nan)) for size in table["samples"].tolist()]
        return table.assign(observed=[e for e, _ in found], observed_stderr=[np.sqrt(square) for _, square in found])

    def shares(self) -> pd.DataFrame:
        """The share of examples memorized θ or more: observed, fitted, and how far chance moves it (one standard error)."""
        return self.best.shares

    def distribution(self, bins: int = 40) -> pd.DataFrame:
        """How many examples fall in each bin of memorization, and how many the fit expects there."""
        import pandas as pd

        values, best = self.observed.values, self.best
        edge = np.linspace(0, 1, bins + 1)
        observed = np.histogram(np.clip(values, 0, 1), edge)[0]
        share = predicted.share_above(best.problem, best.coupling, edge[1:-1], noise=best.noise)
        fitted = -np.diff(np.concatenate([[1.0], share, [0.0]])) * len(values)
        return pd.DataFrame(
            {"low": edge[:-1], "high": edge[1:], "observed": observed, "stderr": np.sqrt(observed), "fitted": fitted}
        )

    def influence(self) -> pd.DataFrame:
        """Pairs, test examples and test examples with one partner, by threshold of influence, beside the fit's."""
        import pandas as pd

        seen, least = self.observed, self.observed.threshold
        thresholds = np.unique(np.concatenate([[least], np.arange(np.ceil(least * 20) / 20, 0.951, 0.05)])).round(6)
        options: dict[str, Any] = {"memorized": seen.least, "noise": self.best.noise, "partners": seen.partners}
        counts = ["pairs", "tests", "single", "false"]
        theory = _with_errors(
            self.best, lambda p, c: pairs_above(p, c, thresholds, seen.experiment.n_test, **options), counts
        )
        ends: dict[str, Floats] = {}
        for name in counts[:3]:
            mean, variance, error = (np.asarray(theory[f"{name}{of}"], float) for of in ("", "_variance", "_stderr"))
            low, high = between(mean, variance, error)
            ends |= {f"{name}_fitted_low": low, f"{name}_fitted_high": high}
        rows = []
        for theta in thresholds:
            times = seen.pairs.loc[seen.pairs["influence"] >= theta, "test_index"].value_counts()
            rows.append((int(times.sum()), len(times), int((times == 1).sum())))
        pairs, tests, single = np.array(rows).T
        return pd.DataFrame(
            {
                "threshold": thresholds,
                "pairs": pairs,
                "pairs_stderr": np.sqrt(pairs),
                "tests": tests,
                "single": single,
                **{f"{name}_fitted": theory[name] for name in counts},
                **{f"{name}_fitted_stderr": theory[f"{name}_stderr"] for name in counts},
                **ends,
            }
        )

    def carried(self) -> pd.DataFrame:
        """What examples carry by bin of memorization: the table of ``empirical.estimates.totals``, and what the fit expects."""
        totals, aside = self.observed.observed.totals, beside(self.observed)
        if totals is None:
            raise ArgumentError(
                "observed", "no totals", "the run does not know what its examples carry; estimate it again"
            )
        table = totals.table
        if aside is None or aside.noise is None:
            return table
        law, alike = aside.noise, replace(aside, harder=ALIKE)

        def told(problem: Problem, coupling: Coupling) -> pd.DataFrame:
            found = predicted.influence_by_memorization(problem, coupling, totals.edges, law)
            share, total = found["share"].to_numpy(float), found["influence"].to_numpy(float)
            return found.assign(fitted=alike.measured(share, total))

        return table.join(_with_errors(self.best, told, ["fitted"], aside.harder)[["fitted", "fitted_stderr"]])

    def fits_table(self) -> pd.DataFrame:
        """One row a fit, best first."""
        import pandas as pd

        return pd.DataFrame(
            {
                "prior": repr(f.prior),
                "coupling": repr(f.coupling),
                "coupling_mean": f.coupling.mean,
                "log_likelihood": f.log_likelihood,
                "largest_difference": f.distance,
                "chi_square": f.goodness.statistic,
                "p_value": f.goodness.p_value,
                "against_best": worse,
                "best_against": better,
                **{f"{name}_stderr": e.stderr for name, e in f.parameters.items()},
            }
            for f, (worse, better) in zip(self.fits, self.contests, strict=True)
        )


def _with_errors(
    best: TheoryFit, predict: Callable[..., pd.DataFrame], columns: list[str], times: Estimate = ALIKE
) -> pd.DataFrame:
    """A prediction's table, its ``columns`` ``times`` what the model says, and their errors: of parameters and of that factor."""
    table = predict(best.problem, best.coupling)
    errors = best.stderr(lambda p, c: predict(p, c)[columns].to_numpy(float), times)
    table[columns] *= float(times)
    return table.assign(**{f"{name}_stderr": errors[:, k] for k, name in enumerate(columns)})


def foretell(best: TheoryFit, thresholds: Iterable[float]) -> pd.DataFrame:
    """What removing the memorized should cost, with standard errors.

    Where more than memorization was fitted, models that explain it nearly as well may say another loss. So it is their mean, with
    weights e^{−s/2} by Schwarz's criterion s (Raftery 1995), and the error has the spread of what they say, too:

        L = Σ w_m L_m,     e² = e_best² + Σ w_m (L_m − L)².

    >>> from empirical.bridge.fit import planted
    >>> from empirical.estimates.noise import SubsetNoise
    >>> from longtail import Uniform
    >>> from longtail.experiment.coupling import Fixed
    >>> noise, rng = SubsetNoise(models=1000), np.random.default_rng(0)
    >>> values = planted(Problem(Uniform(size=300), n=300), Fixed(1), noise, rng)[1]
    >>> best = fit(values, 10, noise, "Uniform", "lookup", simulations=10)
    >>> foretell(best, [0.5]).columns.tolist()
    ['threshold', 'removed_share', 'lost', 'lost_random', 'lost_stderr', 'lost_random_stderr']
    """
    theta, columns = list(thresholds), ["lost", "lost_random"]

    def told(problem: Problem, coupling: Coupling) -> pd.DataFrame:
        return predicted.removal(problem, coupling, theta, noise=best.noise)

    table = _with_errors(best, told, columns, best.harder)
    if len(best.tried) < 2:
        return table
    scores = np.array([one.score for one in best.tried])
    weight = np.exp((scores.min() - scores) / 2)
    likely = [one for one, w in zip(best.tried, weight, strict=True) if w > UNLIKELY]
    share = weight[weight > UNLIKELY] / weight[weight > UNLIKELY].sum()
    says = np.array([told(replace(best.problem, prior=m.prior), m.coupling)[columns].to_numpy(float) for m in likely])
    says *= float(best.harder)
    mean = np.tensordot(share, says, 1)
    spread = np.tensordot(share, (says - mean) ** 2, 1)
    for k, name in enumerate(columns):
        table[name] = mean[:, k]
        table[f"{name}_stderr"] = np.hypot(table[f"{name}_stderr"], np.sqrt(spread[:, k]))
    return table


def compare(
    observed: Measured,
    families: Iterable[str] = FAMILIES,
    couplings: Iterable[str] = COUPLINGS,
    *,
    together: Sequence[str] = TOGETHER,
    steps: bool = False,
    noise: Noise | None = None,
    simulations: int = SIMULATIONS,
    seed: int = 0,
    removal: pd.DataFrame | None = None,
    foretold: pd.DataFrame | None = None,
) -> Comparison:
    """Fit every family with every coupling, and order them by likelihood and parameters (Schwarz's criterion).

    ``noise`` is that of the estimates: the subset estimator's unless told. Of a run that knows its error at another size
    (``--learning-curve``), and of published estimates, which come with their pairs, more than memorization is fitted, and
    difficulty and dust are tried with the couplings ``together``; without any of these it is memorization alone. Of published
    pairs their number is fitted, with ``steps`` the histogram of their influences.

    >>> import pandas as pd
    >>> from empirical.bridge.fit import planted
    >>> from empirical.estimates.measured import Experiment
    >>> from empirical.estimates.noise import SubsetNoise
    >>> from longtail import Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> problem, noise = Problem(Zipf(alpha=1, size=100), n=100), SubsetNoise(models=50)
    >>> values = planted(problem, Fixed(1), noise, np.random.default_rng(0))[1]
    >>> tables = pd.DataFrame({"memorization": values}), pd.DataFrame({"test_index": [], "influence": []})
    >>> seen = Measured(Experiment("made up", 50, 50, 0.7, n_classes=10), *tables)
    >>> found = compare(seen, ["Uniform"], ["lookup"], together=(), simulations=10)
    >>> [type(fit.prior).__name__ for fit in found.fits]  # best first; Zipf, the theory's own, is tried in any case
    ['Zipf', 'Uniform']
    """
    if observed.experiment.n_classes is None:
        remedy = "theory asks how often a guess is right, and this run has no labels; give the number of classes"
        raise ArgumentError("n_classes", None, remedy)
    values = observed.values
    if len(values) and np.ptp(values) == 0:
        raise ArgumentError(
            "directory", f"memorization of {values[0]:g} throughout", "all alike, there is nothing to explain"
        )
    chosen = list(couplings)
    tried = dict.fromkeys([*((f, c) for f in families for c in chosen), BASELINE])
    options: dict[str, Any] = {"guess": GUESSES, "simulations": simulations, "seed": seed}
    law, classes = noise or observed.noise, observed.experiment.n_classes
    aside = _beside(observed, steps) if together else None
    fits = [fit(values, classes, law, f, c, beside=aside, **options) for f, c in tried]
    if aside is not None:  # memorization alone does not tell dust from what comes again
        options["guess"] = WIDE if aside.edges is None else (*WIDE, *CARRIED)
        fits += [fit(values, classes, law, BASELINE[0], c, beside=aside, **options) for c in together]
    fits.sort(key=lambda b: schwarz(-2 * b.log_likelihood, len(b.parameters), b.n))
    fits[0] = replace(fits[0], tried=tuple(one for found in fits for one in found.tried))
    return Comparison(observed, tuple(fits), removal, foretold)


def _beside(observed: Measured, steps: bool) -> Beside | None:
    """What is fitted with memorization: nothing, where a run knows no more than what its examples carry."""
    more = observed.observed
    published = more.totals is None and more.learning is None
    known = published or (more.learning is not None and len(more.learning.fraction) > 1)
    return beside(observed, steps=steps) if known else None
