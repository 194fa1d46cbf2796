"""Difficulty of an example's own, and a test set harder than the training set: planted, found, and absent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from empirical.bridge.beside import Beside, beside
from empirical.bridge.bins import EDGES, drawn
from empirical.bridge.comparison import foretell
from empirical.bridge.fit import TheoryFit, Tried, fit
from empirical.estimates.measured import Experiment, Measured
from empirical.estimates.noise import SubsetNoise
from empirical.estimates.observed import Observed
from empirical.estimates.totals import Totals
from longtail import Problem, Uniform
from longtail.core import Estimate, Floats
from longtail.experiment.coupling import Fixed
from longtail.experiment.predictions import error_at, influence_by_memorization, removal, share_above

N, K, NOISE = 4000, 10, SubsetNoise(1000, 0.7)
SHARED = Fixed(0.3, steady=0.6, difficulty=0.4)
PROBLEM = Problem(Uniform(size=1500), N, K)
FRACTIONS, BINS = (0.7, 0.35), (0.1, 0.5)
Z = 5.0


def fitted(coupling: Fixed, harder: float) -> TheoryFit:
    """To one data set of the model; the two guesses have as many parameters, so that Schwarz's criterion is the likelihood."""
    empty = Beside(
        FRACTIONS,
        BINS,
        replace(NOISE, models=500),
        True,
        np.zeros(3),
        np.diag([0.01, 0.002 * harder, 0.002 * harder]) ** 2,
        harder=Estimate(harder),
    )
    row = drawn(PROBLEM, coupling, NOISE, 1, np.random.default_rng(5), empty)[0]
    middle = np.concatenate([[0.0], (EDGES[1:] + EDGES[:-1]) / 2, [1.0]])
    values, aside = np.repeat(middle, row[: len(EDGES) + 1].astype(int)), replace(empty, value=row[len(EDGES) + 1 :])
    return fit(values, K, NOISE, "Uniform", "fixed", guess=["hard", "each"], beside=aside, simulations=20)


@pytest.fixture(scope="module", params=[1.0, 0.0], ids=["own", "shared"])
def found(request: pytest.FixtureRequest) -> tuple[Fixed, TheoryFit]:
    truth = replace(SHARED, own=request.param)
    return truth, fitted(truth, 2.0)


def test_whose_difficulty_is_is_found_and_removal_foretold(found: tuple[Fixed, TheoryFit]) -> None:
    """On a test set that is twice as hard; the other way round the loss is far off (negative control)."""
    truth, best = found
    assert best.coupling.own == truth.own
    row = foretell(best, [0.25]).iloc[0]
    right, wrong = (
        2 * float(removal(PROBLEM, replace(truth, own=own), [0.25], noise=NOISE)["lost"].iloc[0])
        for own in (truth.own, 1 - truth.own)
    )
    assert abs(row["lost"] - right) < Z * row["lost_stderr"]
    assert abs(row["lost"] - wrong) > Z * row["lost_stderr"]
    assert row["lost_stderr"] < 0.2 * right


def test_models_that_explain_as_much_are_heard(found: tuple[Fixed, TheoryFit]) -> None:
    """Their mean by weights e^{−s/2}, and the spread in the error; of one far less likely nothing (negative control)."""
    _, best = found
    best = replace(best, tried=())
    other = replace(best.coupling, own=1 - best.coupling.own)

    def says(*rivals: Tried) -> tuple[float, float]:
        row = foretell(replace(best, tried=rivals), [0.25]).iloc[0]
        return float(row["lost"]), float(row["lost_stderr"])

    own, theirs = Tried(7.0, best.prior, best.coupling), Tried(9.0, best.prior, other)
    alone, error = says()
    there = 2 * float(removal(best.problem, other, [0.25], noise=NOISE)["lost"].iloc[0])
    w = 1 / (1 + np.exp(1.0))
    spread = np.sqrt(w * (1 - w)) * abs(there - alone)
    assert says(own, theirs) == pytest.approx(((1 - w) * alone + w * there, np.hypot(error, spread)), rel=1e-9)
    assert says(own, replace(theirs, score=27.0)) == pytest.approx((alone, error), rel=1e-9)
    assert says(own) == (alone, error)


def test_memorization_and_errors_do_not_know_whose_it_is() -> None:
    own = replace(SHARED, own=0.7)
    theta = [0.1, 0.25, 0.5]
    np.testing.assert_array_equal(
        share_above(PROBLEM, SHARED, theta, noise=NOISE), share_above(PROBLEM, own, theta, noise=NOISE)
    )
    np.testing.assert_array_equal(error_at(PROBLEM, SHARED, FRACTIONS), error_at(PROBLEM, own, FRACTIONS))


def test_where_it_is_an_examples_own_the_memorized_carry_their_share_of_those_seen_as_often() -> None:
    """Of a λ that hardly teaches, and copies that all have: the easy and the hard carry alike, and the same in sum."""
    problem, law = Problem(Uniform(size=4000), N, K), replace(SHARED, strength=1e-9)
    carried = [influence_by_memorization(problem, replace(law, own=own), BINS, NOISE) for own in (0.0, 1.0)]
    shares, totals = ([table[name].to_numpy(float) for table in carried] for name in ("share", "influence"))
    np.testing.assert_allclose(totals[1] / totals[1].sum(), shares[1], atol=1e-6)
    assert totals[0][0] < 0.5 * totals[1][0]
    assert totals[0].sum() == pytest.approx(totals[1].sum(), rel=1e-9)


def seen(wrong_in_tests: float, table: pd.DataFrame) -> Measured:
    totals = Totals(np.array(BINS), np.full(3, 1.0), np.zeros(3), np.zeros(3), np.eye(3), np.eye(3))
    how = Experiment("a", 10, 100, 0.7, K, design="Fixed(0.7)")
    return Measured(how, table, pd.DataFrame(), test_accuracy=1 - wrong_in_tests, observed=Observed(totals=totals))


def hardness_of(measured: Measured) -> float:
    aside = beside(measured)
    assert aside is not None
    return float(aside.harder)


def test_a_harder_test_set_is_harder_by_its_errors_or_nothing_is_known_of_it() -> None:
    table = pd.DataFrame({"memorization": [0.1, 0.3, np.nan], "out_accuracy": [0.9, 0.7, np.nan]})
    assert hardness_of(seen(0.5, table)) == pytest.approx(2.5)
    for known in (table[["memorization"]], table.assign(out_accuracy=1.0)):
        assert hardness_of(seen(0.5, known)) == 1.0
    assert hardness_of(seen(0.0, table)) == 1.0
    assert hardness_of(seen(float("nan"), table)) == 1.0


def test_totals_are_as_much_larger() -> None:
    def told(harder: float, fixed: bool) -> Floats:
        aside = Beside(FRACTIONS, BINS, NOISE, fixed, np.zeros(3), np.eye(3), harder=Estimate(harder))
        return aside.predicted(PROBLEM, SHARED)

    for fixed in (True, False):
        one, three = told(1.0, fixed), told(3.0, fixed)
        np.testing.assert_allclose(three[1:], 3 * one[1:], rtol=1e-12)
        assert three[0] == one[0]


def test_who_is_never_memorized_may_have_neighbors_that_are() -> None:
    """Each seen once and guesses the same in all models, so that u is 1 for a share w and else 0, and whose own is 1 is removed:
    a test example's is 1 too with chance (1 − η)² w + (1 − (1 − η)²) w² in all, of the mass that is seen.
    """
    once, w, eta = Problem(Uniform(size=1_000_000), 1000, K), 0.4, 0.6
    both = (1 - eta) ** 2
    for own, expected in ((eta, both * w + (1 - both) * w**2), (0.0, w), (1.0, w**2)):
        law = Fixed(1.0, steady=1.0, difficulty=w, own=own)
        assert removal(once, law, [0.25])["lost"].iloc[0] == pytest.approx(1e-3 * expected, rel=3e-3)
        carried = influence_by_memorization(once, law, [0.25], replace(NOISE, models=10**6))["influence"]
        assert carried.iloc[1] == pytest.approx(1e-3 * expected, rel=3e-3)
        assert carried.sum() == pytest.approx(1e-3 * w, rel=3e-3)
    law = replace(SHARED, own=0.25)  # the mean of u is .4
    np.testing.assert_allclose(law.typical(K, [0.0, 1.0]), [0.1, 0.85])
    np.testing.assert_allclose(law.neighbor(K, [0.0, 1.0]), [0.175, 0.7375])
