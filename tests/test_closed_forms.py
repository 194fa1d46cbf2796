"""Exact results where a closed form, a limit or an independent computation is known."""

from __future__ import annotations

from fractions import Fraction
from math import comb, prod

import numpy as np
import pytest

from longtail import Gamma, Problem, Uniform, Zipf, exact

pytestmark = pytest.mark.kernels

# N = n = 50,000, K = 10, random mode: nτ_1, nτ_2, singletons/n, unseen mass, cost of guessing singletons
COMPUTED = {
    0.5: (0.8590463058, 1.085633723, 0.3267993763, 0.3267937616, 0.2526622173),
    1.0: (0.4746527491, 1.089789362, 0.1710558076, 0.1710541838, 0.0730728984),
    2.0: (0.5027945957, 1.500000215, 0.003711323331, 0.003711286011, 0.001679429982),
    0.0: (1.0, 1.0, 0.36788312, 0.3678757623, 0.331094808),
}


@pytest.mark.parametrize("alpha", COMPUTED)
def test_the_computed_table(alpha: float) -> None:
    problem = Problem(Zipf(alpha=alpha, size=50_000), n=50_000)
    found = (
        problem.n * exact.tau(problem, 1).value,
        problem.n * exact.tau(problem, 2).value,
        exact.singleton_fraction(problem).value,
        exact.unseen_mass(problem).value,
        exact.cost(problem).value,
    )
    np.testing.assert_allclose(found, COMPUTED[alpha], rtol=1e-9)


@pytest.mark.parametrize(
    ("alpha", "singletons", "optimal", "cost"), [(1.0, 0.17040, 0.15336, 0.07233), (2.0, 0.003078, 0.00277, 0.00139)]
)
def test_fixed_mode_as_computed_to_the_digits_given(
    alpha: float, singletons: float, optimal: float, cost: float
) -> None:
    problem = Problem(Zipf(alpha=alpha, size=50_000), n=50_000, mode="fixed")
    assert exact.singleton_fraction(problem).value == pytest.approx(singletons, abs=5e-6)
    assert exact.optimal_error(problem).value == pytest.approx(optimal, abs=6e-6)
    assert exact.cost(problem).value == pytest.approx(cost, abs=6e-6)


@pytest.mark.parametrize(("alpha", "told", "places"), [(1.0, 0.47168, 5), (2.0, 0.501970, 6)])
def test_fixed_mode_rarity_as_computed(alpha: float, told: float, places: int) -> None:
    """nτ_1 = n Σ α²(1−α)^{n−1} / Σ α(1−α)^{n−1} over the list: the number given, the engine, and the sum entry by entry."""
    n = 50_000
    share = np.arange(1.0, n + 1) ** -alpha / (np.arange(1.0, n + 1) ** -alpha).sum()
    once = share * np.exp((n - 1) * np.log1p(-share))
    summed = n * float(once @ share / once.sum())
    found = n * exact.tau(Problem(Zipf(alpha=alpha, size=n), n=n, mode="fixed"), 1).value
    assert summed == pytest.approx(told, abs=0.5 * 10.0**-places)
    assert found == pytest.approx(summed, rel=1e-11)


@pytest.mark.parametrize(("size", "n"), [(1, 3), (7, 5), (50_000, 50_000), (10**12, 10**6), (10**6, 10**12)])
def test_uniform_lists_have_one_frequency(size: int, n: int) -> None:
    ell = np.arange(min(n, 3) + 1)
    if size == 1:
        ell = np.array([n])
    elif n > size:
        ell = np.array([1000]) * 0 + 3
        n = 5 * size
    tau = exact.tau(Problem(Uniform(size=size), n=n), ell)
    np.testing.assert_allclose(tau.value, 1 / size, rtol=1e-13)


def beta_binomial(shape: int, size: int, n: int, ell: int) -> float:
    """E|X_{Z#ℓ}| under a symmetric Dirichlet, in exact rational arithmetic."""

    def rising(a: int, k: int) -> int:
        return prod(range(a, a + k))

    seen = size * comb(n, ell) * rising(shape, ell) * rising((size - 1) * shape, n - ell)
    return float(Fraction(seen, rising(size * shape, n)))


@pytest.mark.parametrize(
    ("shape", "size", "n"),
    [
        (1, 50_000, 2_000),
        (5, 10, 30),
        (5, 10, 1_000),
        (100, 50, 2_000),
        (10_000, 50, 2_000),
        (1, 1_000, 1_000),
        (2, 3, 400),
    ],
)
def test_gamma_is_a_dirichlet(shape: int, size: int, n: int) -> None:
    """The general engine knows nothing of Dirichlets; down to 1e-29 (shape 10,000: no subpopulation is seen so seldom)."""
    problem = Problem(Gamma(shape=shape, size=size), n=n)
    ell = np.arange(11)
    np.testing.assert_allclose(exact.tau(problem, ell).value, (shape + ell) / (size * shape + n), rtol=2e-11)
    truth = [beta_binomial(shape, size, n, k) for k in ell]
    np.testing.assert_allclose(exact.subpopulations(problem, ell).value, truth, rtol=2e-11)


@pytest.mark.parametrize("ell", [30, 60, 100, 180])
@pytest.mark.parametrize("shape", [1, 5])
def test_gamma_where_so_many_sightings_are_a_wonder(shape: int, ell: int) -> None:
    """Down to 1e-165, on laws of T tilted toward small values."""
    problem = Problem(Gamma(shape=shape, size=300), n=300)
    assert exact.subpopulations(problem, ell).value == pytest.approx(beta_binomial(shape, 300, 300, ell), rel=1e-9)


@pytest.mark.parametrize("ell", [50, 300, 1000])
def test_gamma_at_many_sightings(ell: int) -> None:
    problem = Problem(Gamma(shape=1, size=1_000), n=300_000)
    assert exact.tau(problem, ell).value == pytest.approx((1 + ell) / (1_000 + 300_000), rel=1e-10)


@pytest.mark.parametrize(
    ("shape", "size", "n"),
    [(a, size, n) for a in (0.05, 0.3, 2.5, 1e4) for size, n in ((50, 20), (10**12, 10**9), (50_000, 10**5))]
    + [(0.05, 50_000, 10**9), (0.3, 50_000, 10**9)],
)
def test_gamma_of_any_shape_and_size(shape: float, size: int, n: int) -> None:
    ell = np.arange(4)
    problem = Problem(Gamma(shape=shape, size=size), n=n)
    np.testing.assert_allclose(exact.tau(problem, ell).value, (shape + ell) / (size * shape + n), rtol=1e-8)


@pytest.mark.parametrize("alpha", [1.5, 2.0, 3.0])
def test_zipf_limit(alpha: float) -> None:
    """nτ_ℓ → ℓ − 1/α as n → ∞ with N ≫ n^{1/α}, at the rate at which the list's end matters."""
    size, ell = 10**12, np.array([1, 2, 5, 10])
    for n in (10**5, 10**7, 10**9):
        problem = Problem(Zipf(alpha=alpha, size=size), n=n)
        missing = (n * float(size) ** -alpha) ** (1 - 1 / alpha)  # the singletons that ranks beyond N would have given
        np.testing.assert_allclose(n * exact.tau(problem, ell).value, ell - 1 / alpha, rtol=2 * missing + 1e-8)


def test_unseen_mass_at_a_trillion() -> None:
    """The number that a complex log1p without its own digits gets wrong in the third place."""
    problem = Problem(Zipf(alpha=2, size=10**12), n=10**6)
    assert exact.unseen_mass(problem).value == pytest.approx(0.00083449692, abs=5e-12)
