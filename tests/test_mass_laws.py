"""Whole laws of what is not seen, and of what was seen ℓ times: enumeration, closed forms, two ways around, simulation."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy import integrate, special
from tables import lists, wide_lists

from longtail import (
    AccuracyError,
    ArgumentError,
    Gamma,
    Geometric,
    Listed,
    LogNormal,
    Mixture,
    Pareto,
    Prior,
    Problem,
    Random,
    TwoLevel,
    Uniform,
    Zipf,
    exact,
    montecarlo,
)
from longtail.exact import mass_laws
from longtail.exact.mass_laws import Inverted
from longtail.witnesses import enumeration


@pytest.mark.kernels
@pytest.mark.parametrize("mode", ["random", "fixed"])
@pytest.mark.parametrize("n", [3, 7])
@pytest.mark.parametrize("prior", [*lists(3), *lists(4), *wide_lists(4), Listed([1.0, 0.05, 0.3])], ids=repr)
def test_few_subpopulations_against_enumeration(prior: Prior, n: int, mode: str) -> None:
    """Every step of the law of the unseen mass, to 1e-12; the law of |X_ℓ| where all are alike."""
    problem = Problem(prior, n, mode=mode)
    for ell in (0, 1) if np.ptp(prior.entries()) == 0 else (0,):
        value, chance = enumeration.mass_law(problem, ell)
        found = exact.mass_law(problem, ell)
        tried = np.unique(np.round(value, 9)) + 1e-8
        truth = np.array([chance[value <= m].sum() for m in tried])
        assert np.abs(found.cdf(tried).value - truth).max() <= min(found.bound + 1e-14, 1e-11)
        for level in (0.05, 0.5, 0.9):
            m = found.quantile(level)
            assert found.cdf(m).value >= level > found.cdf(m - 1e-9).value
        assert found.mean.value == pytest.approx(float(chance @ value), abs=1e-12)


def dirichlet(problem: Problem, mass: np.ndarray) -> np.ndarray:
    """Gamma(1): D is uniform on the simplex; of N, k are unseen with the chance C(N, k) C(n−1, N−k−1)/C(N+n−1, n),

    in whole numbers, and hold a Beta(k, N − k + n) then.
    """
    size, n = problem.prior.size, problem.n
    ways, out = comb(size + n - 1, n), np.zeros(len(mass))
    for k in range(max(0, size - n), size):
        chance = float(Fraction(comb(size, k) * comb(n - 1, size - k - 1), ways))
        if chance > 1e-18:
            out += chance * (special.betainc(k, size - k + n, np.clip(mass, 0, 1)) if k else mass >= 0)
    return out


def test_gamma_is_a_mixture_of_betas() -> None:
    """Five random problems at 101 masses each. Control: bounds not more than a hundred thousand times too wide."""
    rng, close, refused = np.random.default_rng(5), 0, 0
    for _ in range(5):
        size, samples = (int(np.exp(rng.uniform(np.log(low), np.log(1_000)))) for low in (100, 400))
        problem = Problem(Gamma(shape=1, size=size), samples)
        try:
            found = exact.mass_law(problem)
        except AccuracyError:
            refused += 1
            continue
        assert isinstance(found, Inverted)
        tried = np.linspace(found.low, found.high, 101)
        off = np.abs(found.cdf(tried).value - dirichlet(problem, tried)).max()
        assert off <= found.bound, problem
        close += off > 1e-5 * found.bound
    assert close >= 2
    assert refused <= 2


@pytest.mark.parametrize(("alpha", "ell"), [(1.0, 0), (0.8, 2)])
def test_two_ways_around(alpha: float, ell: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points on circles, and points joined along a ray: the same law."""
    problem = Problem(Zipf(alpha=alpha, size=3_000), 4_000)
    mass_laws._solved.cache_clear()
    one = exact.mass_law(problem, ell)
    monkeypatch.setattr(mass_laws, "POINTS", 1.0)
    mass_laws._solved.cache_clear()
    other = exact.mass_law(problem, ell)
    mass_laws._solved.cache_clear()
    assert isinstance(one, Inverted)
    tried = np.linspace(one.low, one.high, 101)
    apart = np.abs(one.cdf(tried).value - other.cdf(tried).value).max()
    assert 0 < apart <= one.bound + other.bound < 1e-6


PROBLEMS = [
    (Problem(Zipf(alpha=1, size=50_000), 50_000), 0),
    (Problem(Zipf(alpha=1, size=50_000), 50_000), 1),
    (Problem(Zipf(alpha=0.5, size=50_000), 50_000), 0),
    (Problem(Zipf(alpha=1, size=10**12), 10**12), 0),
    (Problem(LogNormal(sigma=2, size=10**5), 10**6), 0),
    (Problem(Pareto(shape=3, size=2_000), 2_000), 0),
    (Problem(Zipf(alpha=1, size=50_000), 50_000, mode="fixed"), 0),
    (Problem(Zipf(alpha=2, size=10**9), 10**6, mode="fixed"), 1),
    (Problem(Gamma(shape=20, size=50_000), 50_000), 0),
]


@pytest.mark.parametrize(("problem", "ell"), PROBLEMS, ids=lambda x: repr(x))
def test_laws_have_the_known_means_and_variances(problem: Problem, ell: int) -> None:
    """∫ 1 − F and 2 ∫ (m − μ)(1 − F) are what the means and variances of samples n + 1 and n + 2 say."""
    found = exact.mass_law(problem, ell)
    assert isinstance(found, Inverted)
    m = np.linspace(found.low, found.high, 4_097)
    above, mean = 1 - found.cdf(m).value, found.mean.value
    assert found.low + integrate.simpson(above, x=m) == pytest.approx(mean, abs=1e-7 * found.deviation.value)
    square = (found.low - mean) ** 2 + 2 * integrate.simpson((m - mean) * above, x=m)
    assert square == pytest.approx(found.variance.value, rel=1e-6)
    for level in (1e-6, 0.025, 0.5, 0.975):
        assert found.cdf(found.quantile(level)).value == pytest.approx(level, abs=2 * found.bound + 1e-13)


@pytest.mark.parametrize("mode", ["random", "fixed"])
@pytest.mark.parametrize(("alpha", "size", "trials"), [(1, 1_000, 4_000), (1, 50_000, 1_500)])
def test_against_simulation(alpha: float, size: int, trials: int, mode: str) -> None:
    """Shares of simulated data sets below quantiles; seed 12, z = 5, and z² of size 1.

    Negative control: a normal law of the same mean and a deviation a fifth larger is not it.
    """
    problem = Problem(Zipf(alpha=alpha, size=size), size, mode=mode)
    parts = list(montecarlo.censuses(problem, trials=trials, ells=2, rng=Random(12)))
    mass = np.concatenate([np.asarray(p.mass) for p in parts])
    z, wrong = [], []
    for ell in (0, 1):
        found = exact.mass_law(problem, ell)
        for level in (0.05, 0.3, 0.5, 0.7, 0.95):
            below = float((mass[:, ell] <= found.quantile(level)).mean())
            z.append((below - level) / np.sqrt(level * (1 - level) / trials))
            normal = found.mean.value + 1.2 * found.deviation.value * special.ndtri(level)
            wrong.append(((mass[:, ell] <= normal).mean() - level) / np.sqrt(level * (1 - level) / trials))
    assert np.abs(z).max() < 5
    assert 0.1 < np.mean(np.square(z)) < 3
    assert np.abs(wrong).max() > 5


def test_steps_are_refused_or_told() -> None:
    """Equal frequencies make steps: a law as if there were none would be wrong by half a step."""
    law, numbers = exact.mass_law(Problem(Uniform(size=500), 700)), exact.law(Problem(Uniform(size=500), 700), 0)
    k = numbers.quantile(0.4)
    assert law.cdf(k / 500).value == pytest.approx(numbers.cdf(k).value, abs=1e-12)
    assert law.cdf((k - 0.5) / 500).value == pytest.approx(numbers.cdf(k - 1).value, abs=1e-12)
    for prior in (TwoLevel(common=5, rare=3_000, ratio=0.01), Geometric(ratio=0.5, size=100)):
        for mode in ("random", "fixed"):
            with pytest.raises(AccuracyError, match="n:"):
                exact.mass_law(Problem(prior, 2_000, mode=mode))  # type: ignore[arg-type]
    with pytest.raises(AccuracyError, match="n:"):  # one data set in ten thousand leaves nothing unseen
        exact.mass_law(Problem(Gamma(shape=1, size=334), 12_000))


def test_arguments() -> None:
    problem = Problem(Zipf(alpha=1, size=1_000), 1_000, mode="fixed")
    law = exact.mass_law(problem)
    assert law.cdf([-1.0, 2.0]).value.tolist() == [0, 1]
    with pytest.raises(ArgumentError, match="level"):
        law.quantile(1.0)
    with pytest.raises(ArgumentError, match="ell"):
        exact.mass_law(problem, -1)
    assert exact.mass_law(Problem(Zipf(alpha=1, size=1), 3), 3).quantile(0.5) == 1.0


def test_random_lists_have_the_known_variances() -> None:
    """Ten random lists: a law that is told has the mean and variance known beforehand. Control: most are told."""
    rng, told = np.random.default_rng(8), 0
    for _ in range(10):
        size, n = (int(np.exp(rng.uniform(np.log(800), np.log(4_000)))) for _ in range(2))
        priors: list[Prior] = [
            Zipf(alpha=rng.uniform(0.3, 1), size=size),
            LogNormal(sigma=rng.uniform(0.5, 1.5), size=size),
            Pareto(shape=rng.uniform(2.5, 6), size=size),
        ]
        mode = ["random", "fixed"][int(rng.integers(2))]
        problem = Problem(priors[int(rng.integers(3))], n, mode=mode)  # type: ignore[arg-type]
        try:
            found = exact.mass_law(problem)
        except AccuracyError:
            continue
        assert isinstance(found, Inverted)
        told += 1
        m = np.linspace(found.low, found.high, 2_049)
        above, mean = 1 - found.cdf(m).value, found.mean.value
        square = (found.low - mean) ** 2 + 2 * integrate.simpson((m - mean) * above, x=m)
        slack = 4 * found.bound * (found.high - found.low) ** 2
        assert square == pytest.approx(found.variance.value, rel=1e-6, abs=slack), problem
    assert told >= 6


def test_a_mixture_of_groups() -> None:
    """Parts of a list are one list: the same law as its entries written out."""
    both = Mixture(parts=((0.5, Zipf(alpha=1, size=400)), (0.5, Zipf(alpha=0.7, size=400))), size=800)
    one, other = (exact.mass_law(Problem(prior, 3_000)) for prior in (both, Listed(both.entries())))
    m = one.quantile(0.3)
    assert other.cdf(m).value == pytest.approx(0.3, abs=one.bound + other.bound)
