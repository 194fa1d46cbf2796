"""Weights of intervals, and the two bounds on τ_1 that need nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from tables import lists

from longtail import (
    ArgumentError,
    Gamma,
    Geometric,
    Listed,
    LogNormal,
    Mixture,
    Prior,
    Problem,
    TwoLevel,
    Uniform,
    Zipf,
    bounds,
    exact,
)
from longtail.witnesses import enumeration

pytestmark = pytest.mark.kernels

Z = 5.0


@pytest.mark.parametrize("prior", [*lists(60), Zipf(alpha=1, size=50_000), LogNormal(sigma=2, size=3_000)], ids=repr)
def test_fixed_weight_is_a_sum_over_entries(prior: Prior) -> None:
    problem = Problem(prior, n=prior.size, mode="fixed")
    share = prior.entries() / prior.entries().sum()
    for low, high in ((0.0, 1.0), (0.3 / problem.n, 2.1 / problem.n), (0.0, 0.9 / problem.n), (1.1 / problem.n, 1.0)):
        plain = share[(share >= low) & (share <= high)].sum()
        assert bounds.weight(problem, low, high).value == pytest.approx(plain, abs=1e-12)


RANDOM = [
    Zipf(alpha=1, size=2_000),
    Zipf(alpha=2, size=300),
    Zipf(alpha=0.5, size=5_000),
    Gamma(shape=1, size=500),
    LogNormal(sigma=1.5, size=1_000),
    Mixture(parts=((0.9, Zipf(alpha=1, size=900)), (0.1, Uniform(size=1))), size=1_000),
]


@pytest.mark.parametrize("prior", RANDOM, ids=repr)
def test_random_weight_against_simulation(prior: Prior) -> None:
    """z = 5, seed 1, 2,000 data sets; the same data against an interval of other ends must be rejected."""
    rng = np.random.default_rng(1)
    problem = Problem(prior, n=prior.size)
    low, high = 0.31 / problem.n, 2.07 / problem.n
    draws = prior.sample(rng, (2_000, prior.size))
    share = draws / draws.sum(1, keepdims=True)
    masses = np.where((share >= low) & (share <= high), share, 0.0).sum(1)
    stderr = masses.std(ddof=1) / np.sqrt(len(masses))
    found = bounds.weight(problem, low, high)
    assert found.bound < 1e-6
    assert abs(found.value - masses.mean()) < Z * stderr
    assert abs(bounds.weight(problem, low, 1.2 * high).value - masses.mean()) > Z * stderr


def test_random_weight_of_a_dirichlet_is_a_beta_integral() -> None:
    from scipy.stats import beta

    problem = Problem(Gamma(shape=1.5, size=400), n=400)
    for low, high in ((0.0, 1 / 400), (1 / 1200, 2 / 400), (0.01, 1.0)):
        truth = beta.cdf(high, 2.5, 1.5 * 399) - beta.cdf(low, 2.5, 1.5 * 399)
        assert bounds.weight(problem, low, high).value == pytest.approx(truth, abs=1e-8)


def test_few_subpopulations_are_enumerated() -> None:
    problem = Problem(Zipf(alpha=1, size=8), n=8)
    for low, high in ((0.031, 0.19), (0.0, 0.11)):
        assert bounds.weight(problem, low, high).value == pytest.approx(
            enumeration.weight(problem, low, high).value, abs=1e-12
        )


@pytest.mark.parametrize("n", [1, 3, 50, 4_000])
@pytest.mark.parametrize(
    "prior", [Zipf(alpha=1, size=500), Zipf(alpha=2, size=500), Uniform(size=50), Gamma(shape=2, size=80)], ids=repr
)
def test_lower_bound_is_below(prior: Prior, n: int) -> None:
    bound = bounds.lower(Problem(prior, n))
    assert bound.holds
    assert bound.value <= exact.tau(Problem(prior, n), 1).value * (1 + 1e-9)


def test_lower_bound_fails_at_two_samples_and_says_so() -> None:
    """With N = n = 2 equal frequencies α = ½ is inside [1/6, 1], but α(1 − α) is 0 at the end of that interval."""
    bound = bounds.lower(Problem(Zipf(alpha=1, size=500), 2))
    assert not bound.holds
    assert np.isnan(bound.value)
    assert "n = 2" in bound.condition


def test_no_tail_no_need() -> None:
    """Rare ones a millionth as frequent as common ones: a point seen once is worth at most 2θ."""
    problem = Problem(TwoLevel(common=100, rare=10**7, ratio=1e-9), n=10**4, mode="fixed")
    bound = bounds.no_tail(problem)
    tau = exact.tau(problem, 1).value
    assert bound.holds
    assert tau <= bound.value <= 3 * tau
    without = bounds.no_tail(Problem(Zipf(alpha=1, size=1000), n=1000))
    assert not without.holds
    assert np.isnan(without.value)


def test_the_curve_rises_from_0_to_1() -> None:
    for mode in ("random", "fixed"):
        frame = bounds.frequencies(Problem(Geometric(ratio=0.999, size=50_000), n=5_000, mode=mode))  # type: ignore[arg-type]
        assert frame["mass_below"].is_monotonic_increasing
        assert frame["mass_below"].iloc[0] < 1e-4
        assert frame["mass_below"].iloc[-1] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.1, 0.5, r"^low: got -0\.1; give a number in"),
        (0.5, 0.1, r"^low, high: got .*give frequencies with 0 <= low <= high <= 1"),
        (0.0, 1.5, r"^high: got 1\.5; give a number in"),
        (float("nan"), 0.5, r"^low: got nan; give a number in"),
    ],
)
def test_bad_intervals(low: float, high: float, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        bounds.weight(Problem(Listed([1, 2]), 3), low, high)
