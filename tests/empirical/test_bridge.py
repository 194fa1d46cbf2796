"""Memorization → prior and coupling: planted ones are found again, wrong ones refused, published scores explained."""

from __future__ import annotations

import numpy as np
import pytest

from empirical.bridge import fit as bridge
from empirical.bridge.bins import EDGES, drawn, histogram, probabilities
from empirical.bridge.comparison import compare
from empirical.bridge.fit import planted
from empirical.data.examples import Examples
from empirical.data.load import load
from empirical.designs import Fixed as Subsets
from empirical.estimates.measure import measure
from empirical.estimates.memorization import memorization
from empirical.estimates.noise import SubsetNoise
from empirical.learners import KNN
from empirical.training.job import Job
from empirical.training.run import run
from longtail import ArgumentError, Geometric, LogNormal, Problem, TwoLevel, Zipf
from longtail.counts.fit import simplex
from longtail.counts.law import log_law, tied_scale
from longtail.experiment.coupling import Beta, Fixed
from longtail.experiment.predictions import removal, share_above
from tests.empirical.places import real

PROBLEM = Problem(Zipf(alpha=0.8, size=3000), 10_000, 10)
NOISE = SubsetNoise(1000)


def test_planted_parameters_are_found_again():
    """Six data sets, seed 21; z = 5 on the mean error over its reported size, whose own size is checked."""
    rng = np.random.default_rng(21)
    z = []
    for seed in range(6):
        _, estimates = planted(PROBLEM, Fixed(0.7), NOISE, rng)
        found = bridge.fit(estimates, 10, NOISE, "Zipf", "fixed", simulations=25, seed=seed)
        truth = {"alpha": 0.8, "size": 3000, "coupling": 0.7}
        z.append([(e.value - truth[name]) / e.stderr for name, e in found.parameters.items()])
    assert (np.abs(np.mean(z, 0)) < 5 / np.sqrt(6)).all()
    square = np.square(z).mean(0)
    assert (square > 0.06).all()  # chi square of 6 degrees, each 1 in 10^3 either side
    assert (square < 4).all()


@pytest.mark.parametrize("strength", [0.12, 0.37, 0.62, 0.88])
def test_a_peak_is_not_taken_for_another(strength):
    """With λ fixed there is a maximum for every such mistake; z = 5."""
    _, estimates = planted(PROBLEM, Fixed(strength), NOISE, np.random.default_rng(8))
    found = bridge.fit(estimates, 10, NOISE, "Zipf", "fixed", simulations=50)
    for name, truth in {"alpha": 0.8, "size": 3000, "coupling": strength}.items():
        assert abs(found.parameters[name].value - truth) < 5 * found.parameters[name].stderr


@pytest.mark.kernels
def test_no_point_nearby_is_more_likely():
    """Nelder and Mead's search from where the fit ended gains nothing; from elsewhere it does (negative control)."""
    _, estimates = planted(PROBLEM, Beta(2, 1), NOISE, np.random.default_rng(9))
    observed = histogram(estimates)
    found = bridge.fit(estimates, 10, NOISE, "Zipf", "beta", simulations=10)

    def loss(x):
        prior, coupling = Zipf(np.exp(x[0]), round(np.exp(x[1]))), Beta(*np.exp(x[2:]))
        chance = probabilities(Problem(prior, 10_000, 10), coupling, NOISE)
        return -float(observed @ np.log(np.maximum(chance, 1e-12)))

    at = np.log([found.prior.alpha, found.prior.size, found.coupling.a, found.coupling.b])
    assert loss(at) == pytest.approx(-found.log_likelihood, abs=1e-6)
    assert simplex(loss, at, np.full(4, 0.05))[1] > loss(at) - 0.02
    assert simplex(loss, at + 0.1, np.full(4, 0.05))[1] < loss(at + 0.1) - 0.02


def test_goodness_accepts_the_truth_and_a_lookup_is_refused():
    rng = np.random.default_rng(5)
    p_values = []
    for seed in range(3):
        _, estimates = planted(PROBLEM, Beta(1, 1), NOISE, rng)
        p_values.append(bridge.fit(estimates, 10, NOISE, "Zipf", "uniform", simulations=25, seed=seed).goodness.p_value)
    assert min(p_values) > 1e-3
    assert bridge.fit(estimates, 10, NOISE, "Zipf", "lookup", simulations=40).goodness.p_value < 1e-6


@pytest.mark.parametrize(
    ("problem", "family"),
    [
        (Problem(Zipf(alpha=2, size=1500), 1500, 10), "Zipf"),
        (Problem(Zipf(alpha=1.4, size=5000), 1500, 10), "Zipf"),
        (Problem(LogNormal(sigma=2, size=1500), 1500, 10), "LogNormal"),
        (Problem(Geometric(ratio=0.99, size=1500), 1500, 10), "Geometric"),
    ],
    ids=repr,
)
def test_the_fitted_share_is_what_is_predicted_and_what_is_simulated(problem, family):
    """The share above .25 of the fit's table, of its bins, of predictions, of removal, and of 1,500 data sets, z = 5. With T, the
    sum of the other frequencies, at its mean, a heavy tail has another share (negative control).
    """
    _, estimates = planted(problem, Fixed(1.0), NOISE, np.random.default_rng(2))
    found = bridge.fit(estimates, 10, NOISE, family, "lookup", simulations=20)
    fitted, theta = found.problem, (0.25,)
    told = float(np.interp(0.25, found.shares["threshold"], found.shares["fitted"]))
    assert told == pytest.approx(share_above(fitted, found.coupling, theta, noise=NOISE)[0], rel=1e-12)
    assert removal(fitted, found.coupling, theta, noise=NOISE)["removed_share"][0] == pytest.approx(told, rel=2e-3)
    over = np.searchsorted(EDGES, 0.25 - 1e-9) + 1
    assert probabilities(fitted, found.coupling, NOISE)[over:].sum() == pytest.approx(told, rel=2e-3)
    share = drawn(fitted, found.coupling, NOISE, 1500, np.random.default_rng(3))[:, over:].sum(1) / fitted.n
    stderr = share.std(ddof=1) / np.sqrt(len(share))
    assert abs(told - share.mean()) < 5 * stderr
    if family == "Zipf":
        copies = np.arange(1.0, 60)
        law = np.exp(log_law(found.prior, tied_scale(found.prior, fitted.n), copies))
        old = NOISE.chances(EDGES, 0.9 * 0.3 ** (copies - 1))[over:].sum(0) @ (
            copies * fitted.prior.size / fitted.n * law
        )
        assert abs(old - share.mean()) > 5 * stderr


def test_how_steadily_nearest_neighbors_guess_is_found():
    """What they say of a subpopulation that they have not seen depends on whether the next one was drawn. The fit, which is not
    told, against how far two models agree on what is alone in its subpopulation; z = 5. Always the same or always anew is off.
    """
    source = load("planted", n=1000, prior="Zipf(alpha=1, size=1000)")
    data, t = source.data, 1000
    trials = run(Job(data, KNN(), Subsets(0.7)), t)
    estimates = memorization(trials, data.y_train)["memorization"]
    found = bridge.fit(estimates, 10, SubsetNoise(t), "Zipf", "lookup", guess=bridge.GUESSES, simulations=100)
    assert found.goodness.p_value > 1e-3
    for name, truth in {"alpha": 1.0, "size": 1000}.items():
        assert abs(found.parameters[name].value - truth) < 5 * found.parameters[name].stderr
    alone = (source.truth["copies"] == 1).to_numpy()
    out, right = ~trials.masks()[:, alone], trials.train_scores(slice(0, trials.n))[:, alone] > 0
    often, hits = out.sum(0), (out & right).sum(0)
    both, once = (hits * (hits - 1) / (often * (often - 1))).mean(), (hits / often).mean()
    steady = found.parameters["steady"]
    assert abs((both - once**2) / (once - once**2) - steady.value) < 5 * steady.stderr
    assert steady.stderr < 0.05
    assert 0.5 < steady.value < 0.95
    for guess in ("fresh", "steady"):
        other = bridge.fit(estimates, 10, SubsetNoise(t), "Zipf", "lookup", guess=guess, simulations=100)
        assert other.log_likelihood < found.log_likelihood - 100
        assert other.goodness.p_value < 1e-6 or guess == "steady"


@pytest.mark.parametrize(("guess", "steady"), [("fresh", 0.0), ("mixed", 0.6), ("steady", 1.0)])
def test_how_steady_a_guess_is_is_told(guess, steady):
    """The kind that was planted is the one of three that the data favor, and its parameters are found; z = 5."""
    _, estimates = planted(PROBLEM, Fixed(0.7, steady), NOISE, np.random.default_rng(3))
    found = bridge.fit(estimates, 10, NOISE, "Zipf", "fixed", guess=bridge.GUESSES, simulations=50)
    assert ("steady" in found.parameters) == (guess == "mixed")
    assert found.goodness.p_value > 1e-3
    for name, truth in {"alpha": 0.8, "size": 3000, "coupling": 0.7, "steady": steady}.items():
        if name in found.parameters:
            assert abs(found.parameters[name].value - truth) < 5 * found.parameters[name].stderr
    assert abs(found.coupling.steady - steady) < 0.1


@pytest.mark.parametrize(
    ("truth", "coupling", "guess", "name"),
    [
        (Fixed(1.0), "fixed", "fresh", "coupling"),
        (Fixed(1.0, steady=1), "lookup", "mixed", "steady"),
        (Fixed(1.0, steady=0), "lookup", "mixed", "steady"),
    ],
    ids=repr,
)
def test_an_interval_may_hold_an_end(truth, coupling, guess, name):
    """Of eight data sets, of which the odds that fewer than four intervals hold the truth are 2 in 10^5, and none is empty; the
    other parameters' errors are as large as where the end is known.
    """
    rng, held = np.random.default_rng(7), []
    for seed in range(8):
        _, estimates = planted(PROBLEM, truth, NOISE, rng)
        found = bridge.fit(estimates, 10, NOISE, "Zipf", coupling, guess=guess, simulations=40, seed=seed)
        low, high = found.intervals[name]
        value = truth.mean if name == "coupling" else truth.steady
        assert 0 <= low < found.parameters[name].value < high <= 1
        assert high - low < 0.2
        held.append([low <= value <= high] + [
            found.intervals[k][0] <= v <= found.intervals[k][1] for k, v in (("alpha", 0.8), ("size", 3000))
        ])  # fmt: skip
    assert (np.sum(held, 0) >= 4).all()
    known = bridge.fit(estimates, 10, NOISE, "Zipf", "lookup", guess=bridge.GUESSES, simulations=40, seed=seed)
    for k in ("alpha", "size"):
        assert 0.6 < found.parameters[k].stderr / known.parameters[k].stderr < 1.6


def test_frequencies_without_a_tail_are_no_zipf_prior():
    two = Problem(TwoLevel(common=400, rare=40_000, ratio=1e-3), 10_000, 10)
    _, estimates = planted(two, Fixed(1.0), NOISE, np.random.default_rng(0))
    assert bridge.fit(estimates, 10, NOISE, "Geometric", "lookup", simulations=40).goodness.p_value < 1e-3


def test_published_scores_come_within_a_point():
    """A first fit with λ uniform came within .04 of the observed share above every threshold."""
    folder = real("feldman_zhang")
    scores = np.load(folder / "feldman_zhang/cifar100_memorization.npy")
    uniform = bridge.fit(scores, 100, SubsetNoise(4000), "Zipf", "uniform", simulations=20)
    beta = bridge.fit(scores, 100, SubsetNoise(4000), "Zipf", "beta", simulations=20)
    assert uniform.distance < 0.025
    assert beta.distance < 0.01
    lookup = bridge.fit(scores, 100, SubsetNoise(4000), "Zipf", "lookup", simulations=20)
    assert lookup.distance > 0.2


def test_same_seed_same_numbers():
    _, estimates = planted(PROBLEM, Beta(2, 1), SubsetNoise(500), np.random.default_rng(1))
    first, again = (
        bridge.fit(estimates, 10, SubsetNoise(500), "Uniform", "uniform", simulations=10, seed=4) for _ in range(2)
    )
    assert first.record() == again.record()


@pytest.mark.parametrize("family", bridge.FAMILIES)
@pytest.mark.parametrize("value", [0.0, 0.5, 0.9])
def test_what_no_family_explains_still_has_an_answer(family, value):
    """All estimates the same, or of eight models: finite, or NaN where nothing is left to judge."""
    rng = np.random.default_rng(0)
    for estimates, trials in ((np.full(200, value), 100), (rng.integers(0, 4, 200) / 4, 8)):
        found = bridge.fit(estimates, 10, SubsetNoise(trials), family, "fixed", simulations=5)
        assert np.isfinite(found.log_likelihood)
        assert found.goodness.freedom == 0 or 0 <= found.goodness.p_value <= 1


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"family": "Zeta"}, "family"),
        ({"coupling": "loose"}, "coupling"),
        ({"guess": "wild"}, "guess"),
        ({"guess": "mixed", "coupling": ["beta", "uniform"]}, "guess"),
        ({"noise": 1000}, "noise"),
        ({"memorization": [0.5] * 20}, "memorization"),
    ],
    ids=str,
)
def test_errors_name_the_argument(options, argument):
    given = {"memorization": np.linspace(0, 0.9, 500), "n_classes": 10, "noise": SubsetNoise(100)} | options
    with pytest.raises(ArgumentError, match=argument):
        bridge.fit(**given)


@pytest.mark.parametrize("x", [(-20.0, 30.0), (20.0, 30.0), (0.0, -40.0), (0.3, 0.2)], ids=str)
def test_a_search_may_run_to_the_ends_of_the_coupling(x):
    """A learner whose examples all teach alike wants no spread of λ: the step of a difference must not leave the law."""
    found = bridge.COUPLINGS["beta"][1](np.array(x))
    assert 1e-3 <= found.a <= 1e6
    assert 1e-3 <= found.b <= 1e6


@pytest.mark.parametrize("t", [100, 1000])
def test_what_is_said_of_planted_data_by_default(t):
    """Coupling and guess found, not given: λ = 1, the truth, and a prediction of what was not seen, with few models too."""
    data = load("planted", n=1000, prior="Zipf(alpha=1, size=1000)").data
    trials = run(Job(data, KNN(), Subsets(0.7)), t)
    found = measure(trials, Examples(data.y_train, data.y_test, data.classes))
    comparison = compare(found, ("Zipf",), simulations=20)
    best, row = comparison.best, comparison.frames["influence"].iloc[0]
    assert best.goodness.p_value > 1e-3
    assert best.coupling.mean == 1
    assert 0.5 < best.coupling.steady < 0.95
    for name, truth in {"alpha": 1.0, "size": 1000}.items():
        assert abs(best.parameters[name].value - truth) < 5 * best.parameters[name].stderr
    for name in ("pairs", "tests"):
        spread = np.sqrt(row[f"{name}_fitted_stderr"] ** 2 + row[f"{name}_fitted"])
        assert abs(row[name] - row[f"{name}_fitted"]) < 5 * spread
    assert abs(row["false_fitted"] - found.summary["expected_false_pairs"]) < 0.3 * row["false_fitted"] + 5
    error = comparison.frames["error_against_samples"].dropna(subset="observed").iloc[0]
    assert error["samples"] == 700
    assert abs(error["error"] - error["observed"]) < 5 * np.hypot(error["error_stderr"], error["observed_stderr"])
