"""The noise of estimates: the subset estimator's against what is drawn, and another estimator's through fit and verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy import special

from empirical.bridge.bins import EDGES, drawn, histogram
from empirical.bridge.comparison import compare
from empirical.bridge.fit import fit, planted
from empirical.estimates.measured import Experiment, Measured
from empirical.estimates.noise import SubsetNoise
from empirical.report.headline import headline
from longtail import ArgumentError, Problem, Zipf
from longtail.core import Floats
from longtail.experiment.coupling import Beta, Fixed
from longtail.experiment.noise import Noise
from longtail.experiment.pairs import pairs_above
from longtail.experiment.predictions import memorization, removal, share_above

PROBLEM = Problem(Zipf(alpha=0.8, size=3000), 10_000, 10)
THETA = np.array([0.1, 0.25, 0.5, 0.85])


@dataclass(frozen=True)
class Gaussian(Noise):
    """What a difference of losses has, averaged over many seeds: a normal error of known size."""

    stderr: float
    fraction: float

    @property
    def sharpness(self) -> float:
        return 0.5 / self.stderr

    def above(self, theta: Floats, memorized: Floats) -> Floats:
        return np.asarray(special.ndtr((memorized - np.asarray(theta)[:, None]) / self.stderr))

    def influence_above(self, theta: float, wrong_in: Floats, wrong_out: Floats) -> Floats:
        return np.asarray(special.ndtr((wrong_out - wrong_in - theta) / self.stderr))

    def draw(self, memorized: Floats, rng: np.random.Generator) -> Floats:
        return np.asarray(memorized + self.stderr * rng.normal(size=len(memorized)))


NOISES = [SubsetNoise(300), Gaussian(0.05, 0.5), Gaussian(0.04, 1.0)]  # 1: where one example is left out at a time


@pytest.mark.parametrize("noise", NOISES, ids=repr)
def test_estimates_drawn_are_above_as_often_as_said(noise):
    """Of 200,000 estimates of each truth, seed 2, z = 5; the truth's own place is elsewhere (negative control)."""
    rng, true = np.random.default_rng(2), np.array([0.0, 0.02, 0.24, 0.52, 0.9])
    seen = np.array([[(noise.draw(np.full(200_000, m), rng) >= t).mean() for m in true] for t in THETA])
    off = np.abs(noise.above(THETA, true) - seen)
    stderr = np.sqrt(np.maximum(seen * (1 - seen), 1e-6) / 200_000)
    assert (off < 5 * stderr + 2e-3 * isinstance(noise, SubsetNoise)).all()  # whose steps are evened out
    assert np.abs((true >= THETA[:, None]) - seen).max() > 0.2
    chances = noise.chances(EDGES, true)
    assert chances.min() >= 0
    np.testing.assert_allclose(chances.sum(0), 1, rtol=1e-12)


@pytest.mark.parametrize("noise", NOISES, ids=repr)
@pytest.mark.parametrize("coupling", [Fixed(0.7), Beta(2, 1, steady=1)], ids=repr)
def test_what_is_predicted_of_estimates_is_what_planted_ones_are(noise, coupling):
    """Shares above thresholds and bins over 200 data sets, seed 5, z = 5; the truth has others (negative control)."""
    rng = np.random.default_rng(5)
    sets = [planted(PROBLEM, coupling, noise, rng)[1] for _ in range(200)]
    shares = np.array([[(one >= t - 1e-9).mean() for t in THETA] for one in sets])
    stderr = shares.std(0, ddof=1) / np.sqrt(200)
    assert (np.abs(shares.mean(0) - share_above(PROBLEM, coupling, THETA, noise=noise)) < 5 * stderr).all()
    truth = share_above(PROBLEM, coupling, THETA, noise.fraction)
    assert np.abs((shares.mean(0) - truth) / stderr).max() > 5
    removed = removal(PROBLEM, coupling, THETA, noise=noise)["removed_share"]
    np.testing.assert_allclose(removed, share_above(PROBLEM, coupling, THETA, noise=noise), rtol=2e-3)
    slow = np.array([histogram(one) for one in sets])
    fast = drawn(PROBLEM, coupling, noise, 300, rng)
    kept = slow.mean(0) > 20
    z = (slow.mean(0) - fast.mean(0))[kept] / np.sqrt(slow.var(0) / 100 + fast.var(0) / 300)[kept]
    assert np.abs(z).max() < 5


def test_pairs_of_another_noise_are_those_that_it_lets_pass():
    """Influences of λ = 1 estimated one by one, 60 data sets, seed 7, z = 5; without noise they are others (negative control)."""
    problem, noise, tests, theta = Problem(Zipf(alpha=0.8, size=300), 1000, 10), Gaussian(0.05, 0.5), 200, 0.2
    rng, counts = np.random.default_rng(7), []
    for _ in range(60):
        p = problem.prior.sample(rng, (problem.prior.size,))
        copies, met = rng.multinomial(problem.n, p / p.sum()), rng.multinomial(tests, p / p.sum())
        infl = np.repeat(memorization(np.maximum(copies, 1), 1.0, 10, 0.5), copies * met)  # for λ = 1 the two are one
        counts.append((noise.draw(infl, rng) >= theta).sum())
    told = pairs_above(problem, Fixed(1.0), theta, tests, noise=noise)["pairs"][0]
    stderr = np.std(counts, ddof=1) / np.sqrt(60)
    assert abs(np.mean(counts) - told) < 5 * stderr
    assert abs(np.mean(counts) - pairs_above(problem, Fixed(1.0), theta, tests, 0.5)["pairs"][0]) > 5 * stderr


@pytest.mark.parametrize("noise", NOISES[1:], ids=repr)
def test_planted_parameters_are_found_again_under_another_noise(noise):
    """Six data sets, seed 21; z = 5 on the mean error over its reported size, whose own size is checked. Taken for the subset
    estimator's noise, of the same size at its widest, it is refused (negative control).
    """
    rng, z, p_values = np.random.default_rng(21), [], []
    for seed in range(6):
        _, estimates = planted(PROBLEM, Fixed(0.6), noise, rng)
        found = fit(estimates, 10, noise, "Zipf", "fixed", simulations=25, seed=seed)
        truth = {"alpha": 0.8, "size": 3000, "coupling": 0.6}
        z.append([(e.value - truth[name]) / e.stderr for name, e in found.parameters.items()])
        p_values.append(found.goodness.p_value)
    assert (np.abs(np.mean(z, 0)) < 5 / np.sqrt(6)).all()
    square = np.square(z).mean(0)
    assert (square > 0.06).all()  # chi square of 6 degrees, each 1 in 10^3 either side
    assert (square < 4).all()
    assert min(p_values) > 1e-3
    wrong = SubsetNoise(round(2 * noise.sharpness**2), 0.5)
    assert fit(estimates, 10, wrong, "Zipf", "fixed", simulations=40).goodness.p_value < 1e-3


def test_a_comparison_takes_the_noise_that_is_brought():
    noise, coupling, n = Gaussian(0.05, 0.5), Beta(1, 1), 1500
    _, values = planted(Problem(Zipf(alpha=0.8, size=400), n, 10), coupling, noise, np.random.default_rng(4))
    table = pd.DataFrame({"index": np.arange(n), "memorization": values, "stderr": 0.05})
    pairs = pd.DataFrame({"train_index": [0], "test_index": [0], "influence": [0.3], "stderr": [0.05]})
    observed = Measured(Experiment("planted", 50, 40, 0.5, 10), table, pairs)
    found = compare(observed, ("Zipf",), ("uniform",), noise=noise, simulations=30)
    assert found.best.noise == noise
    assert "The long-tail theory fits" in headline(found)
    assert observed.noise == SubsetNoise(40, 0.5)


def test_the_share_of_others_is_said_once():
    with pytest.raises(ArgumentError, match=r"fraction: got 0\.5; leave it out"):
        share_above(PROBLEM, Fixed(1.0), 0.25, 0.5, SubsetNoise(100))
    with pytest.raises(ArgumentError, match=r"fraction: got 0;"):
        share_above(PROBLEM, Fixed(1.0), 0.25, 0)


@pytest.mark.parametrize(
    ("given", "argument"),
    [((100, 1.0), "fraction"), ((100, 0.0), "fraction"), ((0, 0.7), "models"), ((1.5,), "models")],
)
def test_models_that_hold_nothing_out_have_no_noise(given, argument):
    with pytest.raises(ArgumentError, match=f"^{argument}: got"):
        SubsetNoise(*given)
