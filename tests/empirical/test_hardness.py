"""How much harder the test set is, h, and its error: against simulated runs, and in what is foretold of the test set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from empirical.bridge.beside import Beside, hardness
from empirical.bridge.bins import EDGES, drawn
from empirical.bridge.comparison import Comparison, foretell
from empirical.bridge.fit import TheoryFit, fit
from empirical.bridge.followed import Ridge
from empirical.estimates.learning import Learning
from empirical.estimates.measured import Experiment, Measured
from empirical.estimates.noise import SubsetNoise
from empirical.estimates.observed import Observed
from empirical.estimates.totals import Totals
from empirical.limits.theory import Theory, limit
from longtail import Problem, Uniform
from longtail.core import Estimate, Floats
from longtail.experiment.coupling import Coupling, Fixed
from longtail.experiment.predictions import error_at, removal

RUNS, MODELS, N, TESTS, HARDER = 400, 40, 300, 200, 2.0
Z = 5.0
NONE = pd.DataFrame({"train_index": [], "test_index": [], "influence": []})
HOW = Experiment("planted", TESTS, MODELS, 0.7, 10, design="Fixed(0.7)")


def run(rng: np.random.Generator) -> Measured:
    """Models that differ in how good they are, examples and twice as hard tests in how hard they are; a learning curve's C."""
    good = rng.uniform(0.5, 1.5, (MODELS, 1))
    chance, at_tests = rng.beta(0.3, 1.7, N) / 3, HARDER * rng.beta(0.3, 1.7, TESTS) / 3
    out = rng.random((MODELS, N)).argsort(1) >= 0.7 * N
    wrong, tests = rng.random(out.shape) < good * chance, (rng.random((MODELS, TESTS)) < good * at_tests).mean(0)
    table = pd.DataFrame({"memorization": 0.0, "out_accuracy": 1 - (wrong & out).sum(0) / np.maximum(out.sum(0), 1)})
    over_tests = (tests.var(ddof=1) - (tests * (1 - tests)).mean() / (MODELS - 1)) / TESTS
    error = np.full(1, tests.mean())
    curve = Learning(N, np.full(1, 0.7), np.full(1, 40.0), error, np.zeros(1), np.full((1, 1), over_tests))
    return Measured(HOW, table, NONE, test_accuracy=1 - float(error[0]), observed=Observed(learning=curve))


def test_its_error_is_what_runs_differ_by() -> None:
    """400 runs, seed 1, z = 5: mean z² is 1; without the tests' part, or the examples', it is more (negative controls). Where it
    is not known how much tests differ, the error is too large and never too small.
    """
    rng = np.random.default_rng(1)
    found = []
    for _ in range(RUNS):
        seen = run(rng)
        h, most = hardness(seen), hardness(replace(seen, observed=Observed()))
        alike = hardness(
            replace(seen, memorization=seen.memorization.assign(out_accuracy=seen.memorization.out_accuracy.mean()))
        )
        part = np.sqrt(h.stderr**2 - alike.stderr**2)
        found.append(np.log(h.value / HARDER) * h.value / np.array([h.stderr, part, alike.stderr, most.stderr]))
    square = (np.array(found) ** 2).mean(0)
    band = Z * np.sqrt(2 / RUNS)
    assert abs(square[0] - 1) < band
    assert square[1] > 1 + band
    assert square[2] > 1 + band
    assert 0.3 < square[3] < 1 - band / 3


def test_its_parts() -> None:
    """By the formula, of numbers that are at hand; a curve of models at another share says nothing of these."""
    table = pd.DataFrame({"memorization": 0.0, "out_accuracy": [0.9, 0.7, np.nan]})
    seen = Measured(HOW, table, NONE, test_accuracy=0.6)
    most, inner = 0.4 * 0.6 / TESTS, (0.1 / 0.2) ** 2
    for c, fraction, kept in ((0.2, 0.7, 0.2), (0.2, 0.5, 1.0), (-0.1, 0.7, 0.0), (3.0, 0.7, 1.0), (np.nan, 0.7, 1.0)):
        curve = Learning(N, np.full(1, fraction), np.ones(1), np.full(1, 0.4), np.zeros(1), np.full((1, 1), c * most))
        h = hardness(replace(seen, observed=Observed(learning=curve)))
        assert h.value == pytest.approx(2.0)
        assert h.stderr == pytest.approx(2 * np.sqrt(most * (kept + (1 - kept) / MODELS) / 0.4**2 + inner))
    assert hardness(replace(seen, memorization=table[:1])).stderr == pytest.approx(4 * np.sqrt(most) / 0.4)


K, NOISE, SHARED = 10, SubsetNoise(1000, 0.7), Fixed(0.3)
PROBLEM, FRACTIONS, BINS = Problem(Uniform(size=800), 2000, K), (0.7, 0.35), (0.1, 0.5)
H = Estimate(HARDER, 0.3)


@pytest.fixture(scope="module")
def known() -> tuple[Floats, Beside]:
    """A data set of the model."""
    covariance = np.diag([0.02, 0.003, 0.003]) ** 2
    empty = Beside(FRACTIONS, BINS, replace(NOISE, models=500), True, np.zeros(3), covariance, harder=H)
    row = drawn(PROBLEM, SHARED, NOISE, 1, np.random.default_rng(5), empty)[0]
    middle = np.concatenate([[0.0], (EDGES[1:] + EDGES[:-1]) / 2, [1.0]])
    return np.repeat(middle, row[: len(EDGES) + 1].astype(int)), replace(empty, value=row[len(EDGES) + 1 :])


def fitted(known: tuple[Floats, Beside], harder: Estimate, simulations: int = 20) -> TheoryFit:
    values, aside = known
    return fit(values, K, NOISE, "Uniform", "fixed", beside=replace(aside, harder=harder), simulations=simulations)


@pytest.fixture(scope="module")
def found(known: tuple[Floats, Beside]) -> TheoryFit:
    return fitted(known, H)


@pytest.fixture(scope="module")
def sure(known: tuple[Floats, Beside]) -> TheoryFit:
    """The same, h being known."""
    return fitted(known, Estimate(HARDER))


def lost(problem: Problem, coupling: Coupling) -> Floats:
    return removal(problem, coupling, [0.25], noise=NOISE)["lost"].to_numpy(float)


def refitted(found: TheoryFit, side: int) -> float:
    """The loss h f(x) where h is a standard error more, or less, and all is fitted anew."""
    model, factor = found.reach.model, np.exp(side * H.stderr / H.value)
    assert model.beside is not None
    at = replace(model, beside=replace(model.beside, harder=Estimate(HARDER * factor)))
    prior, coupling = model.place(Ridge(at, found.reach.observed, found.reach.x).settled(found.reach.x)[1])
    return float(HARDER * factor * lost(replace(found.problem, prior=prior), coupling)[0])


def test_what_is_foretold_is_off_by_it_as_fits_are_that_take_it_for_more(found: TheoryFit, sure: TheoryFit) -> None:
    """In squares, beside the error where it is known; with the model held, it would be more (negative control)."""
    assert (found.prior, found.coupling) == (sure.prior, sure.coupling)
    with_it, without = (float(one.stderr(lost, one.harder)[0]) for one in (found, sure))
    own = np.sqrt(with_it**2 - without**2)
    truth = abs(refitted(found, 1) - refitted(found, -1)) / 2
    held = HARDER * float(lost(found.problem, found.coupling)[0]) * np.sinh(H.stderr / H.value)
    assert own == pytest.approx(truth, rel=0.03)
    assert held > 1.1 * truth
    assert truth > without
    table = foretell(replace(found, tried=()), [0.25])
    assert table["lost_stderr"].iloc[0] == pytest.approx(with_it)
    assert table["lost"].iloc[0] == pytest.approx(HARDER * lost(found.problem, found.coupling)[0])


def test_parameters_are_off_by_it_too(found: TheoryFit, sure: TheoryFit) -> None:
    at, hard = found.reach.x, found.reach.hard
    np.testing.assert_allclose(
        found.reach.covariance - np.multiply.outer(hard, hard), sure.reach.covariance, rtol=1e-6, atol=1e-12
    )
    np.testing.assert_allclose(found.reach.error, np.hypot(sure.reach.error, hard), rtol=1e-9)
    assert not sure.reach.hard.any()
    np.testing.assert_array_equal(sure.reach.follows, [at, at])


def test_a_fit_is_not_refused_for_a_test_set_that_may_be_harder(known: tuple[Floats, Beside]) -> None:
    """Totals 1.6 times what they should be: refused where h is known, and not where it may be 1.6 times as much."""
    values, aside = known
    larger = values, replace(aside, value=aside.value * np.array([1.0, 1.6, 1.6]))
    refused, allowed = (fitted(larger, Estimate(HARDER, error), 60).goodness.p_value for error in (0.0, 1.6))
    assert refused < 1e-6
    assert allowed > 0.3


def test_data_sets_of_a_fit_vary_by_it(found: TheoryFit, sure: TheoryFit) -> None:
    """Totals are off by a standard normal number of σ/h, all alike; bins of memorization and the ratio of errors by nothing."""
    aside = found.reach.model.beside
    assert aside is not None
    more, totals = found.simulated - sure.simulated, aside.predicted(found.problem, found.coupling)[1:]
    assert not more[:, : -len(totals)].any()
    draws = more[:, -len(totals) :] / (totals * H.stderr / H.value)
    np.testing.assert_allclose(draws, np.broadcast_to(draws[:, :1], draws.shape), rtol=1e-6)
    assert abs((draws[:, 0] ** 2).mean() - 1) < 5 * np.sqrt(2 / len(draws))
    assert draws.any()


def test_all_that_is_said_of_the_test_set_has_it(sure: TheoryFit) -> None:
    """h f(x) with an error σ of h, and x held: (h f sinh(σ/h))² more than where h is known, in squares."""
    flat = np.diag(np.full(3, 0.01)) ** 2
    totals = Totals(np.array(BINS), np.full(3, 500.0), np.zeros(3), np.zeros(3), flat, flat)
    table = pd.DataFrame({"memorization": [0.0, 0.0], "out_accuracy": [0.9, 0.7]})
    seen = Measured(HOW, table, NONE, test_accuracy=0.6, observed=Observed(totals=totals))
    off = replace(sure, harder=H)

    def said(fit: TheoryFit) -> Floats:
        """Values and errors: what removal costs, the error at each size, what a limited learner loses."""
        one = Comparison(seen, (fit,))
        rows = [
            one.predicted_removal()[["lost", "lost_stderr"]],
            one.error_against_samples()[["error", "error_stderr"]],
        ]
        theory = Theory(fit, np.zeros(2))
        return np.vstack([*rows, [theory.lost(limit(0.3)), theory.stderr(limit(0.3))]])

    value, before = said(sure).T
    np.testing.assert_allclose(said(off).T, [value, np.hypot(before, value * np.sinh(0.15))], rtol=1e-9)
    h = hardness(seen)
    carried = Comparison(seen, (sure,)).carried()
    plain = Comparison(replace(seen, test_accuracy=float("nan")), (sure,)).carried()
    assert float(h) == pytest.approx(2.0)
    value = 2 * plain["fitted"]
    np.testing.assert_allclose(carried["fitted"], value, rtol=1e-9)
    error = np.hypot(2 * plain["fitted_stderr"], value * np.sinh(float(h.stderr) / float(h)))
    np.testing.assert_allclose(carried["fitted_stderr"], error, rtol=1e-9)


def test_the_error_that_a_record_has_is_of_the_test_set(sure: TheoryFit) -> None:
    """h times the model's; pairs are those of a test set as it is."""
    table = pd.DataFrame({"memorization": np.zeros(20)})
    alike, harder = (
        Comparison(Measured(HOW, table, NONE), (replace(sure, harder=Estimate(h)),)).record()["fit"]["model"]
        for h in (1.0, HARDER)
    )
    error = float(error_at(sure.problem, sure.coupling, [1.0])[0])
    assert (alike["error"], harder["error"]) == pytest.approx((error, HARDER * error))
    assert {**alike, "error": 0.0} == {**harder, "error": 0.0}
