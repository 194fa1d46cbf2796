"""Memorization → prior and coupling: planted ones are found again, wrong ones refused, published scores explained."""

from __future__ import annotations

import numpy as np
import pytest

from empirical import bridge
from empirical.bridge import planted
from empirical.coupling import Beta, Fixed
from longtail import ArgumentError, Problem, TwoLevel, Zipf
from tests.empirical.places import real

PROBLEM = Problem(Zipf(alpha=0.8, size=3000), 10_000, 10)


def test_planted_parameters_are_found_again():
    """Six data sets, seed 21; z = 5 on the mean error over its reported size, whose own size is checked."""
    rng = np.random.default_rng(21)
    z = []
    for seed in range(6):
        _, estimates = planted(PROBLEM, Fixed(0.7), 1000, rng)
        found = bridge.fit(estimates, 10, 1000, "Zipf", "fixed", simulations=25, seed=seed)
        truth = {"alpha": 0.8, "size": 3000, "coupling": 0.7}
        z.append([(e.value - truth[name]) / e.stderr for name, e in found.parameters.items()])
    assert (np.abs(np.mean(z, 0)) < 5 / np.sqrt(6)).all()
    square = np.square(z).mean(0)
    assert (square > 0.06).all()  # chi square of 6 degrees, each 1 in 10^3 either side
    assert (square < 4).all()


def test_goodness_accepts_the_truth_and_a_lookup_is_refused():
    rng = np.random.default_rng(5)
    p_values = []
    for seed in range(3):
        _, estimates = planted(PROBLEM, Beta(1, 1), 1000, rng)
        p_values.append(bridge.fit(estimates, 10, 1000, "Zipf", "uniform", simulations=25, seed=seed).goodness.p_value)
    assert min(p_values) > 1e-3
    assert bridge.fit(estimates, 10, 1000, "Zipf", "lookup", simulations=40).goodness.p_value < 1e-6


def test_frequencies_without_a_tail_are_no_zipf_prior():
    two = Problem(TwoLevel(common=400, rare=40_000, ratio=1e-3), 10_000, 10)
    _, estimates = planted(two, Fixed(1.0), 1000, np.random.default_rng(0))
    assert bridge.fit(estimates, 10, 1000, "Geometric", "lookup", simulations=40).goodness.p_value < 1e-3


def test_published_scores_come_within_a_point():
    """A first fit with λ uniform came within .04 of the observed share above every threshold."""
    folder = real("feldman_zhang")
    scores = np.load(folder / "feldman_zhang/cifar100_memorization.npy")
    uniform = bridge.fit(scores, 100, 4000, "Zipf", "uniform", simulations=20)
    beta = bridge.fit(scores, 100, 4000, "Zipf", "beta", simulations=20)
    assert uniform.distance < 0.025
    assert beta.distance < 0.01
    lookup = bridge.fit(scores, 100, 4000, "Zipf", "lookup", simulations=20)
    assert lookup.distance > 0.2


def test_same_seed_same_numbers():
    _, estimates = planted(PROBLEM, Beta(2, 1), 500, np.random.default_rng(1))
    first, again = (bridge.fit(estimates, 10, 500, "Uniform", "uniform", simulations=10, seed=4) for _ in range(2))
    assert first.record() == again.record()


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"family": "Zeta"}, "family"),
        ({"coupling": "loose"}, "coupling"),
        ({"rate": 1.0}, "rate"),
        ({"trials": 0}, "trials"),
        ({"memorization": [0.5] * 20}, "memorization"),
    ],
    ids=str,
)
def test_errors_name_the_argument(options, argument):
    given = {"memorization": np.linspace(0, 0.9, 500), "labels": 10, "trials": 100} | options
    with pytest.raises(ArgumentError, match=argument):
        bridge.fit(**given)


@pytest.mark.parametrize("x", [(-20.0, 30.0), (20.0, 30.0), (0.0, -40.0), (0.3, 0.2)], ids=str)
def test_a_search_may_run_to_the_ends_of_the_coupling(x):
    """A learner whose examples all teach alike wants no spread of λ: the step of a difference must not leave the law."""
    found = bridge.COUPLINGS["beta"][1](np.array(x))
    assert 1e-3 <= found.a <= 1e6
    assert 1e-3 <= found.b <= 1e6
