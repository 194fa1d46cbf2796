"""What must hold whatever the prior: totals, invariance, order, and honesty about digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtail import AccuracyError, ArgumentError, Geometric, Listed, Prior, Problem, TwoLevel, Zipf, exact
from longtail.exact.spectrum import sightings, spectrum

pytestmark = pytest.mark.kernels

values = st.lists(st.floats(0.01, 100.0), min_size=2, max_size=30)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(values=values, n=st.integers(1, 60), mode=st.sampled_from(["random", "fixed"]))
def test_totals(values: list[float], n: int, mode: str) -> None:
    """Σ_ℓ E|X_ℓ| = N, Σ_ℓ ℓ E|X_ℓ| = n, Σ_ℓ mass_ℓ = 1."""
    problem = Problem(Listed(values), n, mode=mode)  # type: ignore[arg-type]
    s = spectrum(problem, np.arange(n + 1))
    assert s.seen.sum() == pytest.approx(len(values), rel=1e-10)
    assert (s.ell * s.seen).sum() == pytest.approx(n, rel=1e-10)
    assert s.mass.sum() == pytest.approx(1, rel=1e-10)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(values=values, scale=st.floats(1e-100, 1e100), n=st.integers(1, 1000))
def test_scale_and_order_of_the_list_do_not_matter(values: list[float], scale: float, n: int) -> None:
    one, other = Problem(Listed(values), n), Problem(Listed([scale * v for v in reversed(values)]), n)
    assert exact.unseen_mass(one).value == pytest.approx(exact.unseen_mass(other).value, rel=1e-9, abs=1e-250)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(values=values, n=st.integers(3, 200))
def test_what_is_seen_more_is_expected_to_be_more_frequent(values: list[float], n: int) -> None:
    tau = exact.tau(Problem(Listed(values), n), [0, 1, 2, 3]).value
    assert np.all(np.diff(tau) >= -1e-9 * tau[1:])


@pytest.mark.parametrize("prior", [Zipf(alpha=1, size=50_000), Geometric(ratio=0.999, size=50_000)], ids=repr)
@pytest.mark.parametrize("mode", ["random", "fixed"])
def test_totals_at_full_size(prior: Prior, mode: str) -> None:
    problem = Problem(prior, n=60, mode=mode)  # type: ignore[arg-type]
    s = spectrum(problem, np.arange(61))
    assert s.seen.sum() == pytest.approx(prior.size, rel=1e-9)
    assert s.mass.sum() == pytest.approx(1, rel=1e-9)


def test_error_estimates_cover_the_error() -> None:
    """The difference of two rules is at least a tenth of the true error, where that is above rounding."""
    problem = Problem(Zipf(alpha=1, size=10**12), n=10**12)
    s = spectrum(problem, np.arange(11))
    fine = spectrum_with(problem, 2.0)
    off = np.abs(s.seen / fine - 1)
    assert np.all((off < 1e-12) | (off <= 10 * s.seen_error / s.seen))


def spectrum_with(problem: Problem, refine: float) -> np.ndarray:
    """E|X_ℓ| from much finer rules, for ℓ = 0..10."""
    from longtail.exact.spectrum import grid

    return grid(problem.prior, problem.mode, 100.0, refine).seen(problem.n, np.arange(11))[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: exact.tau(p, -1), "ell: got -1"),
        (lambda p: exact.tau(p, 1.5), "ell: got 1.5"),
        (lambda p: exact.tau(p, 1001), "ell: got 1001; give whole numbers from 0 to 1000"),
        (lambda p: exact.tau(p, "many"), "ell: got many"),
    ],
)
def test_bad_sightings(call: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call(Problem(Zipf(alpha=1, size=100), 5_000))  # type: ignore[operator]


def test_too_few_digits_is_an_error_that_names_the_argument() -> None:
    with pytest.raises(AccuracyError, match=r"n: got 1000000000.*below 1e-290.*give fewer samples"):
        exact.cost(Problem(Zipf(alpha=1, size=100), 10**9))
    with pytest.raises(AccuracyError, match=r"ell: got 1000; .*ask for fewer sightings"):
        exact.subpopulations(Problem(Zipf(alpha=0.5, size=50_000), 50_000), 1000)
    beyond = exact.subpopulations(Problem(Zipf(alpha=0.5, size=50), 50), [60, 100])
    assert beyond.value.tolist() == [0, 0]
    with pytest.raises(AccuracyError, match=r"prior: got Geometric.*span more than a double holds"):
        exact.cost(Problem(Geometric(ratio=1e-100, size=8), 8))


def test_beyond_n_sightings_nothing_is_seen() -> None:
    problem = Problem(Zipf(alpha=1, size=10), 3)
    assert exact.subpopulations(problem, 4).value == 0
    assert np.isnan(exact.tau(problem, 4).value)
    assert sightings(problem, [0, 2]).tolist() == [0, 2]


def test_a_tilted_law_of_tiny_sums_is_read_without_overflow() -> None:
    """All but one of a million entries at 1e-12: tilted down, T is 1e-6, whose own scale is beyond what e^s can hold."""
    problem = Problem(TwoLevel(common=1, rare=10**6, ratio=1e-12), 10**6)
    # and not a warning, which would be another error
    with pytest.raises(AccuracyError, match="ask for fewer sightings"):
        exact.table(problem)
    assert exact.tau(problem, 1).value > 0
