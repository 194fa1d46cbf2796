"""Errors that no example mends, taken off the learning curve before a fit: planted, against simulated curves, and absent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from empirical.bridge.beside import SMALL, Beside, beside, growth, unmended
from empirical.bridge.bins import EDGES, drawn
from empirical.bridge.fit import fit
from empirical.estimates.learning import Learning
from empirical.estimates.measured import Experiment, Measured
from empirical.estimates.noise import SubsetNoise
from empirical.estimates.observed import Observed
from empirical.estimates.totals import Totals
from longtail import Problem, Zipf
from longtail.core import Estimate, Floats
from longtail.experiment.coupling import Coupling, Fixed
from longtail.experiment.predictions import error_at, removal

N, K, NOISE = 4000, 10, SubsetNoise(1000, 0.7)
TRUTH = Fixed(0.3, steady=0.5, difficulty=0.5)
PROBLEM = Problem(Zipf(alpha=0.8, size=1500), N, K)
FRACTIONS, BINS = (0.7, 0.35), (0.1, 0.5)
LASTING = 0.4  # share of examples that are wrong whatever is trained on
Z = 5.0


def lost(problem: Problem, coupling: Coupling) -> Floats:
    return removal(problem, coupling, [0.25], noise=NOISE)["lost"].to_numpy(float)


@pytest.fixture(scope="module")
def planted() -> Measured:
    """A data set of the model, and a learner that errs beside on ``LASTING`` of all examples, those in training too.

    Its errors are the model's, with an error of .01 of the logarithm of their ratio, and these.
    """
    covariance = np.diag([0.01, 0.006, 0.006]) ** 2
    empty = Beside(FRACTIONS, BINS, replace(NOISE, models=500), True, np.zeros(3), covariance)
    row = drawn(PROBLEM, TRUTH, NOISE, 1, np.random.default_rng(5), empty)[0]
    count, (log, *carried) = row[: len(EDGES) + 1].astype(int), row[len(EDGES) + 1 :]
    assert count[0] > LASTING * N
    middle = np.concatenate([[0.0], (EDGES[1:] + EDGES[:-1]) / 2, [1.0]])
    value = np.repeat(middle, count)
    right = (np.arange(N) >= LASTING * N).astype(float)  # in training; the others are among those of memorization 0
    table = pd.DataFrame({"memorization": value, "in_accuracy": right, "out_accuracy": right - value})
    first = float(error_at(PROBLEM, TRUTH, FRACTIONS)[0])
    mended = np.array([first, first * np.exp(log)])
    spread = np.asarray(mended * [0.0, 0.01], float)
    learning = Learning(N, np.array(FRACTIONS), np.array([1000.0, 100.0]), LASTING + mended, spread, np.zeros((2, 2)))
    of_totals = np.zeros((3, 3))
    of_totals[:2, :2] = covariance[1:, 1:]
    totals = Totals(
        np.array(BINS), np.full(3, N / 3), np.zeros(3), np.append(carried, 0.0), of_totals, np.zeros((3, 3))
    )
    experiment = Experiment("planted", 500, NOISE.models, NOISE.fraction, K, design="Fixed(0.7)")
    pairs = pd.DataFrame({"train_index": [], "test_index": [], "influence": []})
    return Measured(experiment, table, pairs, observed=Observed(totals=totals, learning=learning))


def told(seen: Measured) -> Estimate:
    """What removal costs, by the joint fit."""
    aside = beside(seen)
    assert aside is not None
    aside = replace(aside, noise=replace(NOISE, models=500))
    found = fit(seen.values, K, NOISE, "Zipf", "fixed", guess="hard", beside=aside, simulations=20)
    return Estimate(float(lost(found.problem, found.coupling)[0]), float(found.stderr(lost)[0]))


def test_removal_is_foretold_of_a_learner_that_errs_on_what_it_trains_on(planted: Measured) -> None:
    truth = float(lost(PROBLEM, TRUTH)[0])
    found = told(planted)
    assert abs(found.value - truth) < Z * found.stderr
    assert found.stderr < 0.2 * truth


def test_negative_control_all_errors_taken_for_the_models_own_foretell_too_little(planted: Measured) -> None:
    """Where it is not known how often examples are right that were in."""
    truth = float(lost(PROBLEM, TRUTH)[0])
    found = told(replace(planted, memorization=planted.memorization[["memorization"]]))
    assert truth - found.value > Z * found.stderr


def curve(error: Floats, stderr: Floats, covariance: Floats | None = None) -> Learning:
    tests = np.zeros((len(error),) * 2) if covariance is None else covariance
    return Learning(
        N, np.array([0.7 / 2**k for k in range(len(error))]), np.full(len(error), 100.0), error, stderr, tests
    )


def test_its_covariance_is_what_simulated_curves_have() -> None:
    """A tenth of training errors last, a fifth of tests', twice as hard. Three sizes, 400 times, seed 3, z = 5.

    Without the error of what s is read off z² is too large, and so is z where nothing is taken off (negative controls).
    """
    rng = np.random.default_rng(3)
    wrong, harder, n, tests, models = np.array([0.05, 0.06, 0.08]), 2.0, 1500, 2000, 50
    truth = np.log(wrong[1:] / wrong[0])
    found = []
    for _ in range(400):
        lasting, at = rng.random(n) < 0.1, rng.random(n) < wrong[0] / 0.5
        within = lasting.astype(float)
        without = np.where(lasting, 1.0, at * rng.binomial(models, 0.5, n) / models)
        share = unmended(pd.DataFrame({"in_accuracy": 1 - within, "out_accuracy": 1 - without}))
        kind = rng.random(tests)
        p = np.array([np.where(kind < 0.1 * harder, 1.0, 0.5 * (kind > 1 - harder * w / 0.5)) for w in 0.9 * wrong])
        seen = rng.binomial(models, p) / models
        noise = (seen * (1 - seen)).mean(1) / (models - 1)
        learning = curve(seen.mean(1), np.sqrt(noise / tests), (np.cov(seen) - np.diag(noise)) / tests)
        for known in (share, Estimate(share.value, 0.0), Estimate(0.0, 0.0)):
            logs, spread = growth(learning, known)
            found.append(np.linalg.solve(np.linalg.cholesky(spread), logs - truth))
    z = np.reshape(found, (400, 3, 2))
    band = Z * np.sqrt(2 / 800)
    assert abs((z[:, 0] ** 2).mean() - 1) < band
    assert np.abs(z[:, 0].mean(0)).max() < Z / 20
    assert (z[:, 1] ** 2).mean() > 1 + band
    assert np.abs(z[:, 2].mean(0)).max() > 1


def test_nothing_changes_of_a_learner_that_fits() -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"in_accuracy": np.ones(50), "out_accuracy": rng.random(50)})
    share = unmended(table)
    assert share == Estimate(0.0, 0.0) == unmended(table[["out_accuracy"]])
    error, stderr = np.array([0.1, 0.13, 0.2]), np.array([0.001, 0.003, 0.004])
    logs, spread = growth(curve(error, stderr), share)
    np.testing.assert_allclose(logs, np.log(error[1:] / error[0]), rtol=1e-14)
    relative = (stderr / error) ** 2
    np.testing.assert_allclose(spread, relative[0] + np.diag(relative[1:] + SMALL**2), rtol=1e-12)
    exact = growth(curve(error, 0 * stderr), Estimate(0.05, 0.0))[1]  # no errors but those between two test sets
    there, beyond = (np.log(by * error[1:] / error[0] - 0.05) for by in (1.0, 1.0 + SMALL))
    np.testing.assert_allclose(np.sqrt(np.diag(exact)), beyond - there, rtol=0.01)
    changed = unmended(table.assign(in_accuracy=0.9))
    assert growth(curve(error, stderr), changed)[0][0] > logs[0] + 0.01


def test_examples_that_were_never_in_or_out_say_nothing() -> None:
    table = pd.DataFrame({"in_accuracy": [1.0, 0.5, 0.0, np.nan], "out_accuracy": [0.5, 0.0, np.nan, 1.0]})
    assert unmended(table) == unmended(table[:2])
    assert float(unmended(table).value) == pytest.approx(1 / 3)


def test_a_curve_below_what_lasts_is_left_out(planted: Measured) -> None:
    learning = planted.observed.learning
    assert learning is not None
    for error, fractions in (([0.6, 0.3], ()), ([0.3, 0.6], FRACTIONS)):
        lower = replace(planted.observed, learning=replace(learning, error=np.array(error)))
        found = beside(replace(planted, observed=lower))
        assert found is not None
        assert found.fractions == fractions
        assert found.words[-1] == "what examples carry"
