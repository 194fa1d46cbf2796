"""At an edge nothing is certain: intervals of parameters that have no standard error, and of counts of which none is expected."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from empirical.bridge.counts import between
from empirical.bridge.fit import fit, planted
from empirical.bridge.followed import Ridge
from empirical.estimates.noise import SubsetNoise
from empirical.report.numbers import counted, pinned
from longtail import Gamma, Problem, Uniform
from longtail.core import Estimate
from longtail.experiment.coupling import Fixed
from longtail.experiment.pairs import pairs_above

LEVEL = 0.95


def enough(held: np.ndarray) -> bool:
    """Whether as many hold as 95 % intervals should, z = 5."""
    return bool(held.mean() >= LEVEL - 5 * np.sqrt(LEVEL * (1 - LEVEL) / len(held)))


@pytest.mark.parametrize(
    ("problem", "family", "name", "truth", "runs"),
    [
        (Problem(Uniform(14), 600, 10), "Uniform", "size", 14.0, 60),  # all see one another: one bin
        (Problem(Uniform(10**6), 400, 10), "Uniform", "size", 1e6, 40),  # nobody sees another: the largest list, or any
        (Problem(Uniform(300), 300, 10), "Zipf", "alpha", 0.0, 10),  # where the family ends
    ],
    ids=["one bin", "the largest", "the family's end"],
)
def test_at_an_edge_there_is_no_error_but_an_interval_that_holds(problem, family, name, truth, runs):
    """z = 5. The fitted value itself, which was printed with an error of 4e-12, is elsewhere (negative control)."""
    rng, held, values, said = np.random.default_rng(5), [], [], []
    noise = SubsetNoise(500)
    for seed in range(runs):
        _, estimates = planted(problem, Fixed(1.0), noise, rng)
        found = fit(estimates, 10, noise, family, "lookup", simulations=20, seed=seed)
        low, high = found.intervals[name]
        held.append(low <= truth <= high)
        value = found.parameters[name]
        assert np.isnan(value.stderr) or value.stderr > 1e-6
        values.append(value.value)
        said.append(pinned(name, value, (low, high)))
    assert enough(np.array(held))
    assert np.mean(np.abs(np.array(values) - truth) > 1e-3 * max(truth, 1.0)) > 0.5
    words = "least" if truth == 1e6 else "most"
    assert sum(f"{name} at {words} " in line for line in said) > 0.3 * runs


class Alike:
    """Two coordinates of which only the sum makes a difference, and a large one."""

    def residuals(self, x, observed):
        return self.slopes(x, observed) @ x - observed

    def slopes(self, x, observed, along=None):
        return np.array([[1.0, 0.0, 0.0], [0.0, 2.0**20, 2.0**20]])


def test_a_ridge_is_followed_where_coordinates_are_one():
    """As in a run of digits that stopped there: the matrix of such slopes is singular."""
    worse, there = Ridge(Alike(), np.array([1.0, 3 * 2.0**20]), np.zeros(3), 0).best(4.0, np.zeros(3))
    assert worse == pytest.approx(9.0)
    assert there[0] == 4
    assert there[1] + there[2] == pytest.approx(3.0)


def test_words_of_an_edge():
    nothing = Estimate(0.5, float("nan"))
    assert pinned("size", nothing, (1.0, 34.1)) == "size at most 34.1 (95 %)"
    assert pinned("size", Estimate(75_000.0, 2e4), (42_276.0, np.inf)) == "size at least 42,300 (95 %)"
    assert pinned("coupling", nothing, (0.31, 1.0)) == "coupling at least 0.31 (95 %)"
    assert pinned("alpha", nothing, (0.2, 0.4)) == "alpha between 0.2 and 0.4 (95 %)"
    assert pinned("alpha", nothing, (0.0, np.inf)) == "alpha not pinned down by these data"
    assert pinned("alpha", Estimate(1.0, 0.1), (0.8, 1.2)) == "alpha 1 ± 0.1"
    none = pd.Series({"pairs_fitted": 0.0, "pairs_fitted_low": 0.0, "pairs_fitted_high": 3.0})
    assert counted(none, "pairs") == "at most 3"


@pytest.mark.parametrize("mean", [0.0, 0.3, 2.0, 15.0, 400.0])
@pytest.mark.parametrize("relative", [0.0, 0.1, 0.4])
def test_a_count_lies_where_it_is_predicted_to(mean, relative):
    """Poisson counts about a mean that is off by its error, seed 3, z = 5; that error alone holds few (negative control)."""
    rng = np.random.default_rng(3)
    stderr = relative * mean
    counts = rng.poisson(np.maximum(rng.normal(mean, stderr, 20_000), 0.0))
    low, high = between(*(np.array([v]) for v in (mean, mean, stderr)))
    assert enough((counts >= low[0]) & (counts <= high[0]))
    assert mean == 0 or low[0] < mean < high[0] < 4 * mean + 6  # and no wider than it has to be
    if 2 <= mean <= 15:
        assert not enough(np.abs(counts - mean) <= 1.96 * stderr)


def test_pairs_of_a_data_set_lie_where_they_are_predicted_to():
    """Of 400 data sets of the model and their test examples, seed 4, z = 5; what a heavy tail adds is in the errors of a fit.
    Pairs come several to a test example: a Poisson law of theirs is too narrow (negative control).
    """
    problem, strength, theta, tests = Problem(Gamma(shape=0.5, size=3000), 5000, 10), 0.2, 0.05, 1000
    told = pairs_above(problem, Fixed(strength), theta, tests).iloc[0]
    rng, rows = np.random.default_rng(4), []
    for _ in range(400):
        p = problem.prior.sample(rng, (problem.prior.size,))
        copies = rng.multinomial(problem.n, p / p.sum())
        hit = (copies > 0) & (0.9 * strength * (1 - 0.7 * strength) ** (copies - 1.0) >= theta)
        met = rng.multinomial(tests, p / p.sum()) * hit
        rows.append(((met * copies).sum(), met.sum(), (met * (copies == 1)).sum()))
    seen = np.array(rows)
    for k, name in enumerate(("pairs", "tests", "single")):
        mean = np.array([told[name]])
        assert abs(seen[:, k].mean() - mean[0]) < 5 * seen[:, k].std() / 20
        low, high = between(mean, np.array([told[f"{name}_variance"]]), np.zeros(1))
        assert enough((seen[:, k] >= low) & (seen[:, k] <= high))
    low, high = between(np.array([told["pairs"]]), np.array([told["pairs"]]), np.zeros(1))
    assert not enough((seen[:, 0] >= low) & (seen[:, 0] <= high))
