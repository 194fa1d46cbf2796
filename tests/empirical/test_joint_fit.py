"""Memorization fitted together with the error at two sizes and what examples carry: planted models, and the real learner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import special

from empirical.bridge.beside import Beside, beside
from empirical.bridge.bins import EDGES, drawn, histogram, probabilities
from empirical.bridge.comparison import Comparison
from empirical.bridge.fit import TheoryFit, fit
from empirical.bridge.followed import Ridge
from empirical.bridge.intervals import BENT, axis_ends
from empirical.bridge.model import Model, search
from empirical.bridge.profiles import coordinates, profiles
from empirical.estimates.learning import Learning
from empirical.estimates.measured import Experiment, Measured
from empirical.estimates.noise import SubsetNoise
from empirical.estimates.observed import Observed
from empirical.estimates.totals import Totals
from empirical.report.observed_figures import figures
from empirical.report.text import findings
from longtail import ArgumentError, Problem, Zipf
from longtail.core import Estimate, Floats
from longtail.counts.fit import FAMILIES
from longtail.experiment.coupling import Beta, Coupling, Fixed
from longtail.experiment.predictions import influence_by_memorization, removal
from simulations.coverage import known_together

N, K, NOISE = 4000, 10, SubsetNoise(1000, 0.7)
TRUTH = Beta(1.5, 1.0, steady=0.3, difficulty=0.6, dust=0.2)
PROBLEM = Problem(Zipf(alpha=0.8, size=1500), N, K)
FRACTIONS, BINS = (0.7, 0.35), (0.1, 0.5)
SEED = 4


def known(covariance: Floats) -> Beside:
    return Beside(FRACTIONS, BINS, replace(NOISE, models=500), True, np.zeros(3), covariance)


def planted(coupling: Coupling) -> tuple[Floats, Beside]:
    """Estimates whose histogram is one data set's, in the middle of each bin, and what was measured beside."""
    empty = known(np.diag([0.01, 0.002, 0.002]) ** 2)
    row = drawn(PROBLEM, coupling, NOISE, 1, np.random.default_rng(SEED), empty)[0]
    count, value = row[: len(EDGES) + 1].astype(int), row[len(EDGES) + 1 :]
    middle = np.concatenate([[0.0], (EDGES[1:] + EDGES[:-1]) / 2, [1.0]])
    return np.repeat(middle, count), replace(empty, value=value)


@pytest.fixture(scope="module")
def fits() -> dict[str, TheoryFit]:
    values, aside = planted(TRUTH)
    options = {"family": "Zipf", "coupling": "beta", "simulations": 40}
    return {
        "joint": fit(values, K, NOISE, guess="dust", beside=aside, **options),
        "alone": fit(values, K, NOISE, guess="fresh", **options),
        "plain": fit(values, K, NOISE, guess="fresh", beside=aside, **options),
    }


@pytest.mark.extra
def test_no_other_valley_is_taken_for_the_lowest() -> None:
    """Of 50,000 examples, where a search from the two best starts ended 100 above it: λ of .02 where it is .6."""
    _, _, ((values, aside),) = known_together(50_000, 2000, 1, seed=2026)
    model, observed = Model("Zipf", "beta", "dust", 50_000, K, SubsetNoise(2000), aside), histogram(values)
    at, _, _ = search(model, observed, [])
    law = np.array([0.8, np.log(18_750), *special.logit([0.6]), np.log(2.5), *special.logit([0.6, 0.3, 0.2])])
    truth = np.append(FAMILIES["Zipf"].inward(law[0]), law[1:])
    assert (model.residuals(at, observed) ** 2).sum() < (model.residuals(truth, observed) ** 2).sum()
    assert abs(model.place(at)[1].mean - 0.6) < 0.1


def lost(found: TheoryFit) -> tuple[float, float]:
    def told(problem: Problem, coupling: Coupling) -> Floats:
        return removal(problem, coupling, [0.25], noise=NOISE)["lost"].to_numpy(float)

    return float(told(found.problem, found.coupling)[0]), float(found.stderr(told)[0])


def test_what_is_planted_is_foretold(fits: dict[str, TheoryFit]) -> None:
    truth = float(removal(PROBLEM, TRUTH, [0.25], noise=NOISE)["lost"].iloc[0])
    value, error = lost(fits["joint"])
    assert abs(value - truth) < 3 * error
    assert error < 0.25 * truth
    assert fits["joint"].goodness.p_value > 0.01
    dust = fits["joint"].parameters["dust"]
    assert abs(dust.value - TRUTH.dust) < 4 * dust.stderr or np.isnan(dust.stderr)


def test_negative_control_memorization_alone_says_too_much(fits: dict[str, TheoryFit]) -> None:
    truth = float(removal(PROBLEM, TRUTH, [0.25], noise=NOISE)["lost"].iloc[0])
    assert lost(fits["alone"])[0] > 1.3 * truth
    assert fits["plain"].goodness.p_value < 1e-3  # and with the rest known it is refused
    assert fits["plain"].log_likelihood < fits["joint"].log_likelihood - 20


def test_what_was_fitted_and_to_what_is_said(fits: dict[str, TheoryFit], monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals, most of the time that a report takes, are no part of it."""
    monkeypatch.setattr(TheoryFit, "intervals", dict.fromkeys(fits["joint"].parameters, (0.1, 0.9)))
    values, _ = planted(TRUTH)
    table = pd.DataFrame({"index": np.arange(len(values)), "memorization": values, "stderr": 0.01})
    pairs = pd.DataFrame({"train_index": [0], "test_index": [0], "influence": [0.9], "stderr": [0.01]})
    fractions = np.array(FRACTIONS)
    curve = Learning(N, fractions, np.array([1000.0, 100.0]), np.array([0.2, 0.3]), np.full(2, 0.01), np.zeros((2, 2)))
    experiment = Experiment("planted", 500, NOISE.models, NOISE.fraction, K)
    flat = np.diag([0.01, 0.002, 0.002]) ** 2
    totals = Totals(
        np.array(BINS), np.array([3000.0, 500, 500]), np.array([0, 0.3, 0.8]), np.array([-0.1, 0.05, 0.05]), flat, flat
    )
    seen = Measured(experiment, table, pairs, threshold=0.8, observed=Observed(totals=totals, learning=curve))
    joint = Comparison(seen, (fits["joint"],))
    said = " ".join(findings(joint))
    assert "which saw memorization, the error at another size and what examples carry" in said
    assert "gets wrong with a chance of 0." in said
    assert "of the examples the like never comes again" in said
    assert "it was 20.0 %" in said
    assert "it was 30.0 %" in said
    carried = joint.frames["carried"]
    assert abs(carried["fitted"].sum()) < 1e-9  # of a fixed size: beyond what as many others carry
    law = known(flat).noise
    assert law is not None
    full = influence_by_memorization(fits["joint"].problem, fits["joint"].coupling, BINS, law)
    beyond = full["influence"] - full["share"] * full["influence"].sum()
    np.testing.assert_allclose(carried["fitted"], beyond, atol=1e-12)
    axes = figures({"influence_by_memorization": carried})["influence_by_memorization"].axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["measured (95 %)", "theory, fitted (95 %)"]
    told, harder = (
        Comparison(seen, (replace(fits["alone"], harder=Estimate(h)),)).error_against_samples()["error"]
        for h in (1.0, 2.0)
    )
    np.testing.assert_allclose(harder, 2 * told)  # tests twice as hard as training examples are wrong twice as often
    plain = " ".join(findings(Comparison(seen, (fits["alone"],))))
    assert "which saw memorization only" in plain
    assert "guesses anew in every model, rightly once in 10" in plain


NEAR = replace(TRUTH, apart=1.0, twins=0.1, strangers=0.4)
HARD = Fixed(0.4, steady=0.5, difficulty=0.5, dust=0.1, own=0.6)


@pytest.mark.parametrize(
    "coupling",
    [TRUTH, replace(TRUTH, apart=1.0, own=1.0), replace(TRUTH, apart=0.5), NEAR, Beta(2.0, 1.0, steady=0.4), HARD],
    ids=repr,
)
def test_data_sets_drawn_have_the_means_that_are_predicted(coupling: Coupling) -> None:
    """Histogram and the rest, 60 data sets, seed 9, z = 5; of another model it is off (negative control)."""
    aside = known(np.diag([0.01, 0.002, 0.002]) ** 2)
    rows = drawn(PROBLEM, coupling, NOISE, 60, np.random.default_rng(9), aside)

    def z(of: Coupling) -> Floats:
        told = np.append(N * probabilities(PROBLEM, of, NOISE), aside.predicted(PROBLEM, of))
        return np.asarray((told - rows.mean(0)) / (rows.std(0, ddof=1) / np.sqrt(len(rows)) + 1e-9 * N))

    assert np.abs(z(coupling)).max() < 5
    assert np.abs(z(replace(coupling, difficulty=0.4, dust=0.3))).max() > 8


def test_profile_is_the_likelihood_at_its_best_in_the_others(fits: dict[str, TheoryFit]) -> None:
    """Slopes taken anew say that nothing more is to be gained; where the others are held, they say it is (negative control)."""
    found = fits["joint"]
    model, x, observed = found.reach.model, found.reach.x, found.reach.observed
    i = coordinates(model)["dust"]
    others = np.arange(len(x)) != i

    def gain(at: Floats) -> float:
        residual, slope = model.residuals(at, observed), model.slopes(at, observed)[:, others]
        step = np.linalg.lstsq(slope, residual, rcond=1e-8)[0]
        return float(residual @ residual - ((residual - slope @ step) ** 2).sum())

    held = x.copy()
    held[i] += 0.7
    worse, there = Ridge(model, observed, x, i).best(float(held[i]), x)
    assert there[i] == held[i]
    assert worse == pytest.approx(float((model.residuals(there, observed) ** 2).sum()))
    assert gain(there) < 0.2
    assert gain(held) > 1
    table = profiles(found, ["dust"], points=3)
    assert (table["rise"] >= 0).all()
    least = int(table["rise"].idxmin())
    assert 0 < least < len(table) - 1
    assert table["value"].iloc[least] == pytest.approx(found.parameters["dust"].value)
    with pytest.raises(ArgumentError, match="names"):
        profiles(found, ["twins"])


def test_an_end_of_an_axis_is_where_the_data_still_allow_it(fits: dict[str, TheoryFit]) -> None:
    """−2 log L rises there no more than is allowed; on a straight line to its end, it would (negative control)."""
    found = fits["joint"]
    model, x, observed = found.reach.model, found.reach.x, found.reach.observed
    least = float((model.residuals(x, observed) ** 2).sum())
    _, slope, _ = model.linear(x)
    straight = []
    for i, (up, down) in enumerate(axis_ends(model, x, observed, np.diag(np.linspace(3.9, 4.0, len(x)) ** 2))):
        axis = np.linspace(3.9, 4.0, len(x))[i] * np.eye(len(x))[i]
        allowed = 2 * BENT * max(float(((slope @ axis) ** 2).sum()), 1.0)
        for end, way in ((up, 1), (down, -1)):
            assert (model.residuals(end, observed) ** 2).sum() - least <= allowed
            assert abs(end - x)[np.arange(len(x)) != i].max() < 1e-12
            straight.append((model.residuals(x + way * axis, observed) ** 2).sum() - least > allowed)
    assert any(straight)


def test_covariances_that_cannot_be_are_mended_and_unknown_ones_left_out() -> None:
    """Errors of test examples are what is left when noise is taken off: of few, less than nothing in some direction."""
    table = pd.DataFrame({"index": [0], "memorization": [0.5], "stderr": [0.1]})
    pairs = pd.DataFrame({"train_index": [0], "test_index": [0], "influence": [0.5], "stderr": [0.1]})
    parts = (np.array(BINS), np.full(3, 10.0), np.array([0, 0.3, 0.8]), np.array([-0.1, 0.05, 0.05]))
    odd = np.array([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]) * 1e-4
    for wrong, expected in ((odd, True), (np.full((3, 3), np.nan), False)):
        totals = Totals(*parts, np.zeros((3, 3)), wrong)
        experiment = Experiment("planted", 500, NOISE.models, NOISE.fraction, K)
        found = beside(Measured(experiment, table, pairs, observed=Observed(totals=totals)))
        assert (found is not None) == expected
        if found is not None:
            assert np.isfinite(found.residuals(PROBLEM, TRUTH)).all()
            np.testing.assert_allclose(found.covariance[0, 1], 1.4995e-4, rtol=1e-3)  # between 2 and what 1 and 1 allow


def test_whitening_makes_errors_independent() -> None:
    rng = np.random.default_rng(SEED)
    covariance = np.array([[4.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]])
    draws = rng.multivariate_normal(np.zeros(3), covariance, size=40_000)
    seen = np.cov(known(covariance).whitened(draws), rowvar=False)
    np.testing.assert_allclose(seen, np.eye(3), atol=5 * np.sqrt(2 / 40_000))
