"""Good–Turing: right on average where the truth is known, with errors that are neither too small nor too large."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import factorial

from longtail import ArgumentError, Problem, Zipf, exact
from longtail.counts import unseen as turing
from longtail.counts.fit import Fit, Goodness, fit
from longtail.counts.law import tied_scale

PRIOR = Zipf(alpha=1, size=10_000)
N, RUNS = 10_000, 120


@pytest.fixture(scope="module")
def errors() -> np.ndarray:
    """Errors over their standard errors, 120 data sets (seed 2): unseen mass now and after more; new subpopulations."""
    rng = np.random.default_rng(2)
    rows = []
    for _ in range(RUNS):
        p = PRIOR.sample(rng, (PRIOR.size,))
        d = p / p.sum()
        seen = turing.prospects(rng.multinomial(N, d), (0, 0.25, 0.5, 1))
        after = N * (1 + seen["times"].to_numpy())
        mass = np.array([(d * (1 - d) ** k).sum() for k in after])
        new = np.array([((1 - d) ** N - (1 - d) ** k).sum() for k in after])
        bought = 0.9 * (mass[0] - mass)
        with np.errstate(divide="ignore", invalid="ignore"):
            rows.append(
                [
                    (seen["unseen_mass"] - mass) / seen["unseen_stderr"],
                    (seen["new_subpopulations"] - new) / seen["new_stderr"],
                    (seen["error_bought"] - bought) / seen["error_bought_stderr"],
                ]
            )
    return np.array(rows)


@pytest.mark.parametrize(
    ("quantity", "column"), [(0, 0), (0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]
)
def test_prospects_are_unbiased_and_their_errors_honest(errors, quantity, column):
    z = errors[:, quantity, column]
    assert abs(z.mean()) < 5 / np.sqrt(RUNS)
    assert 0.3 < np.mean(z**2) < 1.5  # the Poisson variance bounds from above


def test_negative_control_an_estimate_with_half_the_unseen_fails(errors):
    rng = np.random.default_rng(4)
    p = PRIOR.sample(rng, (PRIOR.size,))
    d = p / p.sum()
    now = turing.unseen_mass(rng.multinomial(N, d))
    assert abs(now.value / 2 - (d * (1 - d) ** N).sum()) / now.stderr > 5


def test_tau_is_that_of_the_model_on_average():
    """Ratio of means over 300 data sets against the exact solution of the model; z = 5, seed 6."""
    rng = np.random.default_rng(6)
    rows = []
    for _ in range(300):
        p = PRIOR.sample(rng, (PRIOR.size,))
        f = np.bincount(rng.multinomial(N, p / p.sum()), minlength=6)
        rows.append(f[:6])
    f = np.array(rows, float)
    for ell in (1, 2, 3):
        top, bottom = (ell + 1) * f[:, ell + 1] / N, f[:, ell]
        value = top.mean() / bottom.mean()
        stderr = np.std(top - value * bottom, ddof=1) / bottom.mean() / np.sqrt(len(f))
        truth = exact.tau(Problem(PRIOR, N), ell).value * N / (N + 1)  # f of ℓ + 1 in n, not in n + 1 samples
        assert abs(value - truth) < 5 * stderr + 0.002 * truth


def test_errors_of_tau_are_its_spread_over_data_sets():
    """800 data sets of the same frequencies, seed 8: mean squared error bars over the variance, 1 ± √(2/800) each; z = 5."""
    rng = np.random.default_rng(8)
    d = PRIOR.entries() / PRIOR.entries().sum()
    found = [turing.tau(rng.multinomial(N, d), [1, 2, 3]) for _ in range(800)]
    value, error = np.array([e.value for e in found]), np.array([e.stderr for e in found])
    ratio = np.mean(error**2, 0) / np.var(value, 0, ddof=1)
    assert (np.abs(ratio - 1) < 5 * np.sqrt(2 / 800)).all()
    seen = np.array([(d * N) ** k * np.exp(-d * N) / factorial(k) for k in range(1, 5)]).sum(1)
    numerator = ratio * seen[:-1] / (seen[1:] + seen[:-1])  # negative control: its own share of the error is too little
    assert (np.abs(numerator[1:] - 1) > 5 * np.sqrt(2 / 800)).all()


def test_one_data_sets_tau_and_its_error():
    p = np.random.default_rng(1).permutation(PRIOR.entries())
    counts = np.random.default_rng(1).multinomial(N, p / p.sum())
    table = turing.table(counts, fit(counts, "Zipf"))
    z = (table["n_tau"] - table["n_tau_fitted"]) / table["stderr"]
    assert (np.abs(z) < 5).all()
    assert (table["stderr"] > 0).all()


@pytest.mark.kernels
def test_fitted_prospects_are_the_exact_model_where_nothing_is_random():
    """In fixed mode the scale is tied to n, and the fitted prior's unseen mass is the exact one but for Poisson's 1/n."""
    scale = tied_scale(PRIOR, N)
    found = Fit(PRIOR, "Zipf", {}, {}, scale, 0.0, Goodness(0, 1, 1), N, 1)
    rows = turing.fitted_prospects(found, (0, 1, 4))
    for times, mass in zip(rows["times"], rows["unseen_mass"], strict=True):
        truth = exact.unseen_mass(Problem(PRIOR, round(N * (1 + times)), mode="fixed")).value
        assert mass == pytest.approx(truth, rel=1e-3)
    tau = turing.fitted_tau(found, [1, 2])
    truth = exact.tau(Problem(PRIOR, N, mode="fixed"), [1, 2]).value
    np.testing.assert_allclose(tau, truth, rtol=1e-3)


def test_what_was_never_seen_has_no_tau():
    with pytest.raises(ArgumentError, match="ell"):
        turing.tau([1, 2, 3], 0)
    assert np.isnan(turing.tau([1, 1, 5], 3).value)


def test_too_far_ahead_is_refused():
    with pytest.raises(ArgumentError, match="times"):
        turing.prospects([1, 2, 3], 1000)
