"""Whole laws over data sets: against enumeration, closed forms, and what the means say."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from tables import lists, wide_lists

from longtail import (
    AccuracyError,
    ArgumentError,
    Gamma,
    Listed,
    Prior,
    Problem,
    Random,
    TwoLevel,
    Uniform,
    Zipf,
    exact,
    montecarlo,
)
from longtail.exact import laws
from longtail.exact.contours import contour
from longtail.witnesses import enumeration

SHORT = [
    *((prior, 7) for prior in [*lists(4), *wide_lists(4)]),
    *((prior, 1) for prior in (Zipf(alpha=1, size=4), Zipf(alpha=5, size=6))),
    *((Listed([1.0, 0.05, 0.3]), 5), (Zipf(alpha=2, size=2), 9), (Zipf(alpha=1, size=8), 9), (Uniform(size=7), 8)),
]


@pytest.mark.kernels
@pytest.mark.parametrize("mode", ["random", "fixed"])
@pytest.mark.parametrize(("prior", "n"), SHORT, ids=repr)
def test_against_enumeration(prior: Prior, n: int, mode: str) -> None:
    """Every probability, variance and excess to 1e-10, and within its bound."""
    problem = Problem(prior, n, 3, mode)
    for ell in range(min(n, 3) + 1):
        law, truth = exact.law(problem, ell), enumeration.law(problem, ell)
        found = np.zeros(prior.size + 1)
        found[law.start : law.start + len(law.probability)] = law.probability[: prior.size + 1 - law.start]
        assert np.abs(found - truth).sum() <= min(law.bound, 1e-10)
        for name in ("variance", "mass_variance"):
            true = getattr(enumeration, name)(problem, ell).value
            try:
                spread = getattr(exact, name)(problem, ell)
            except AccuracyError:
                assert true < 2e-3
                assert mode == "fixed"
                continue
            assert abs(spread.value - true) <= min(spread.bound + 1e-15, 1e-10)
    excess = exact.capacity_excess(problem, range(n + 2))
    truth = np.array([enumeration.capacity_excess(problem, b).value for b in range(n + 2)])
    assert (np.abs(excess.value - truth) <= np.minimum(excess.bound + 1e-15, 1e-10)).all()
    assert excess.value[0] == pytest.approx(exact.cost(problem).value, abs=1e-11)


@pytest.mark.parametrize("alpha", [0.8, 1])
def test_two_ways_around(alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points on circles and points joined along a ray: the same variances, laws and excess."""
    problem = Problem(Zipf(alpha=alpha, size=1_100), n=1_000)
    one = exact.law(problem), exact.mass_variance(problem, 1), exact.capacity_excess(problem, [0, 10, 150])
    monkeypatch.setattr(laws, "LEAST", 10**6)
    laws._tabulated.cache_clear()
    other = exact.law(problem), exact.mass_variance(problem, 1), exact.capacity_excess(problem, [0, 10, 150])
    laws._tabulated.cache_clear()
    apart = one[0].probability - other[0].probability[: len(one[0].probability)]
    assert 0 < np.abs(apart).sum() < one[0].bound + other[0].bound
    for a, b in ((one[0].variance, other[0].variance), *zip(one[1:], other[1:], strict=True)):
        assert (np.abs(a.value - b.value) <= a.bound + b.bound).all()
        assert (a.bound < 1e-8 * np.maximum(a.value, 1e-3)).all()


@pytest.mark.parametrize("mode", ["random", "fixed"])
@pytest.mark.parametrize("alpha", [0.5, 1, 2])
def test_laws_have_the_known_means_and_variances(alpha: float, mode: str) -> None:
    for size, n in ((50_000, 50_000), (10**12, 10**5)):
        if alpha < 1 and size == 10**12:
            continue  # next to nothing is seen twice
        problem = Problem(Zipf(alpha=alpha, size=size), n, mode=mode)
        law = exact.law(problem, 2 if size == 10**12 else 1)
        share = law.probability * law.step
        assert share.sum() == pytest.approx(1, abs=law.bound)
        assert share @ law.values == pytest.approx(law.mean.value, rel=1e-11)
        assert share @ (law.values - law.mean.value) ** 2 == pytest.approx(law.variance.value, rel=1e-9)
        assert exact.capacity_excess(problem, 0).value == pytest.approx(exact.cost(problem).value, rel=1e-11)


@pytest.mark.kernels
def test_uniform_lists_are_occupancy() -> None:
    """E X_0(X_0 − 1) = N(N − 1)(1 − 2/N)^n, and the unseen mass is X_0/N (Feller, section IV.2)."""
    for size, n in ((30, 40), (1_000, 3_000), (50_000, 50_000)):
        problem = Problem(Uniform(size=size), n)
        mean, pairs = size * (1 - 1 / size) ** n, size * (size - 1) * (1 - 2 / size) ** n
        truth = pairs + mean * (1 - mean)
        assert exact.variance(problem, 0).value == pytest.approx(truth, rel=1e-8)
        assert exact.mass_variance(problem, 0).value == pytest.approx(truth / size**2, rel=1e-8)


@pytest.mark.kernels
@pytest.mark.parametrize(("shape", "size", "n"), [(1, 40, 30), (3, 20, 50), (1, 3_000, 2_000)])
def test_gamma_is_a_dirichlet_multinomial(shape: int, size: int, n: int) -> None:
    """E X_ℓ(X_ℓ − 1) from two entries of a Dirichlet, all the rest one third, in whole numbers."""

    def ways(a: int, k: int) -> int:
        return comb(a + k - 1, k)

    problem, all_of = Problem(Gamma(shape=shape, size=size), n), ways(size * shape, n)
    for ell in (0, 1, 2):
        mean = Fraction(size * ways(shape, ell) * ways((size - 1) * shape, n - ell), all_of)
        pairs = Fraction(size * (size - 1) * ways(shape, ell) ** 2 * ways((size - 2) * shape, n - 2 * ell), all_of)
        assert exact.variance(problem, ell).value == pytest.approx(float(pairs + mean * (1 - mean)), rel=1e-8)


def test_quantiles() -> None:
    law = exact.law(Problem(Zipf(alpha=1, size=1_000), 1_000, mode="fixed"))
    for level in (0.025, 0.5, 0.975):
        k = law.quantile(level)
        assert law.cdf(k - 1).value < level <= law.cdf(k).value
    assert law.cdf([-1, 10**6]).value.tolist() == [0, pytest.approx(1, abs=1e-12)]
    wide = exact.law(Problem(Zipf(alpha=1, size=10**12), 10**12))
    assert wide.step > 1
    assert wide.cdf(wide.quantile(0.3)).value == pytest.approx(0.3, abs=1e-3)
    with pytest.raises(ArgumentError, match="level"):
        law.quantile(1.0)


def test_refusals() -> None:
    problem = Problem(Zipf(alpha=1, size=10), 10)
    for items in (-1, 0.5, [[1]], "many"):
        with pytest.raises(ArgumentError, match="items"):
            exact.capacity_excess(problem, items)
    with pytest.raises(ArgumentError, match="ell"):
        exact.law(problem, -1)
    one = exact.law(Problem(Zipf(alpha=1, size=1), 3), 3)
    assert (one.start, one.probability.tolist(), one.variance.value) == (1, [1.0], 0.0)


@pytest.mark.parametrize("mode", ["random", "fixed"])
@pytest.mark.parametrize(("alpha", "size", "trials"), [(1, 1_000, 4_000), (1, 50_000, 1_500)])
def test_against_simulation(alpha: float, size: int, trials: int, mode: str) -> None:
    """Mean, variance, distribution function and excess of simulated data sets; seed 11, z = 5, and z² of size 1.

    Negative control: the variance of independent sightings, Σ chance (1 − chance), is not the law's.
    """
    problem = Problem(Zipf(alpha=alpha, size=size), size, mode=mode)
    parts = list(montecarlo.censuses(problem, trials=trials, ells=2, rng=Random(11)))
    number, mass = (np.concatenate([np.asarray(getattr(p, name)) for p in parts]) for name in ("number", "mass"))
    alone, z = number[:, 1].astype(float), []

    def compare(sample: np.ndarray, truth: float) -> float:
        error = sample.std(ddof=1) / np.sqrt(trials)
        return float((sample.mean() - truth) / error)

    law = exact.law(problem)
    z += [compare(alone, law.mean.value), compare((alone - law.mean.value) ** 2, law.variance.value)]
    for level in (0.05, 0.3, 0.7, 0.95):
        k = law.quantile(level)
        z.append(compare((alone <= k).astype(float), law.cdf(k).value))
    for ell in (0, 1, 2):
        mean = exact.cost(problem, ell).value / problem.guess
        z.append(compare((mass[:, ell] - mean) ** 2, exact.mass_variance(problem, ell).value))
    for level in (0.1, 0.5, 0.9):
        room = law.quantile(level)
        fit = problem.guess * np.maximum(1 - room / np.maximum(alone, 1), 0) * mass[:, 1]
        z.append(compare(fit, exact.capacity_excess(problem, room).value))
    assert np.abs(z).max() < 5
    assert 0.1 < np.mean(np.square(z)) < 3
    assert abs(compare((alone - law.mean.value) ** 2, law.mean.value)) > 5


def test_near_what_the_mean_frequency_says() -> None:
    """(1 − 1/K) τ_1 E(|X_1| − B)_+, within 5 % at N = n = 50,000 for B up to the mean, for it takes τ_1 for what it is in all."""
    problem = Problem(Zipf(alpha=1, size=50_000), 50_000)
    law, tau = exact.law(problem), exact.tau(problem, 1).value
    for room in (0, 2_000, 6_000, 8_000, 8_550):
        near = problem.guess * tau * float(law.probability @ np.maximum(law.values - room, 0))
        assert exact.capacity_excess(problem, room).value == pytest.approx(near, rel=0.05)
    assert exact.capacity_excess(problem, 8_000).value != pytest.approx(near, rel=0.5)


def test_a_transform_that_will_not_end_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zipf 2 at 10^12: refused after three values of it. Control: at 10^4 there is an answer."""
    asked, points = [], laws._points

    def counted(problem: Problem, ell: int, more: int, theta: float = 0.0) -> object:
        asked.append(theta)
        return points(problem, ell, more, theta)

    monkeypatch.setattr(laws, "_points", counted)
    with pytest.raises(AccuracyError, match="more detail than can be resolved"):
        exact.capacity_excess(Problem(Zipf(alpha=2, size=10**12), 10**12), 10**6)
    assert sum(theta > 0 for theta in asked) == 3
    small = exact.capacity_excess(Problem(Zipf(alpha=2, size=10**4), 10**4), [10, 40])
    assert 0 < small.value[1] < small.value[0]


@pytest.mark.parametrize("n", [20, 150, 400])
def test_few_of_many_against_a_chain(n: int) -> None:
    """1,000 of weight 1 and 4,000 of weight 1/2: how many distinct are seen, one sample at a time, hardly any twice.

    All around the circle it is known whether |X_0| is even. Control: moments, which need less of it, are no law.
    """
    problem = Problem(TwoLevel(common=1_000, rare=4_000, ratio=0.5), n, mode="fixed")
    chance = np.zeros((n + 1, n + 1))
    chance[0, 0] = 1
    a, b = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    again, one, other = (a + 0.5 * b) / 3_000, (1_000 - a) / 3_000, (4_000 - b) / 6_000
    for _ in range(n):
        after = chance * again
        after[1:] += (chance * one)[:-1]
        after[:, 1:] += (chance * other)[:, :-1]
        chance = after
    distinct = np.bincount((a + b).ravel(), chance.ravel())[: n + 1]
    found = exact.law(problem, 0)
    assert found.step == 1
    want = dict(zip(5_000 - np.arange(n + 1), distinct, strict=True))
    off = sum(
        abs(p - want.get(k, 0.0)) for k, p in zip(found.values.astype(int).tolist(), found.probability, strict=True)
    )
    assert off <= 2 * found.bound + 1e-12
    assert found.bound < 1e-9
    few, all_of = (contour(problem, 100.0, 1.0, ell) for ell in (None, 0))
    if n == 150:
        assert abs(few.transform(np.array([-2.0 + 0j]), 0) - all_of.transform(np.array([-2.0 + 0j]), 0))[0] > 1e-9
