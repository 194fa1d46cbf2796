"""Whole laws of what is not seen, and of what was seen ℓ times: enumeration, closed forms, two ways around, simulation."""

from __future__ import annotations

import os
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy import integrate, special
from tables import lists, wide_lists

from longtail import (
    AccuracyError,
    ArgumentError,
    Estimate,
    Gamma,
    Listed,
    LogNormal,
    Mixture,
    Pareto,
    Prior,
    Problem,
    Random,
    Uniform,
    Zipf,
    exact,
    montecarlo,
)
from longtail.exact import MassLaw, davies, mass_laws, pointwise, transforms
from longtail.exact.distributions import Steps
from longtail.exact.mass_laws import Inverted
from longtail.exact.scales import scales
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
        size, samples = (int(np.exp(rng.uniform(np.log(low), np.log(2 * low)))) for low in (400, 1_000))
        problem = Problem(Gamma(shape=1, size=size), samples)
        try:
            found = exact.mass_law(problem)
        except AccuracyError:
            refused += 1
            continue
        # At a point where one data set in so many leaves nothing unseen.
        tried = np.linspace(found.low, found.high, 101) if isinstance(found, Inverted) else np.array([found.mean.value])
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
    monkeypatch.setattr(mass_laws, "WORK", 600_000)
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


def test_equal_frequencies_make_steps() -> None:
    """A law as if there were none would be wrong by half a step; with six more frequent, of two kinds, random, it is refused."""
    law, numbers = exact.mass_law(Problem(Uniform(size=500), 700)), exact.law(Problem(Uniform(size=500), 700), 0)
    k = numbers.quantile(0.4)
    assert law.cdf(k / 500).value == pytest.approx(numbers.cdf(k).value, abs=1e-12)
    assert law.cdf((k - 0.5) / 500).value == pytest.approx(numbers.cdf(k - 1).value, abs=1e-12)
    with pytest.raises(AccuracyError, match="n:"):
        exact.mass_law(Problem(Listed([3.0, *[1.0] * 5, *[0.01] * 3_000]), 2_000))


def test_what_is_hardly_ever_anything_and_what_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing unseen but with probability E|X_0| or less, which is the bound; what no way can tell is not tried."""
    law = exact.mass_law(Problem(Pareto(shape=4.1, size=34), 26_000))
    assert law.cdf(0.0).value == 1.0
    assert exact.subpopulations(Problem(Pareto(shape=4.1, size=34), 26_000), 0).value <= law.bound <= 1e-6
    monkeypatch.setattr(pointwise, "probability", None)
    monkeypatch.setattr(transforms, "saddled", None)
    with pytest.raises(AccuracyError, match="fewer than 10 samples"):
        exact.mass_law(Problem(Zipf(alpha=2, size=33), 3))
    with pytest.raises(AccuracyError, match=r"has steps; .* mode='fixed'"):
        exact.mass_law(Problem(Zipf(alpha=2, size=25), 600))


def stated(law: MassLaw, truth: MassLaw, mass: np.ndarray, resolution: float) -> np.ndarray:
    """By how much a law is off, at masses that are off by ``resolution``, in parts of its bound."""
    low, high = truth.cdf(mass - resolution - 1e-13).value, truth.cdf(mass + resolution + 1e-13).value
    found = law.cdf(mass)
    return np.asarray(np.maximum(found.value - high, low - found.value) / found.bound)


def test_steps_are_told_to_a_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty lists of 2 to 9, taken as they are, against all their sets of seen: at steps, beside them and elsewhere.

    Control: with no resolution most are wrong. 2,000 such lists: ``LONGTAIL_LISTS=2000``.
    """
    rng, off, told = np.random.default_rng(7), [], 0
    monkeypatch.setattr(mass_laws, "STEPPED", (1e8, 400))
    for _ in range(int(os.environ.get("LONGTAIL_LISTS", "50"))):
        size, n = int(rng.integers(2, 10)), int(np.exp(rng.uniform(0, np.log(3_000))))
        value = np.exp(rng.normal(size=size) * rng.uniform(0.1, 2))
        problem = Problem(Listed(np.round(value, 1) + 0.1 if rng.random() < 0.3 else value), n, mode="fixed")
        try:
            truth = exact.mass_law(problem)
            law = mass_laws._stepped(problem, 0, truth.mean, truth.variance, -0.1, 1.1)
        except AccuracyError:  # a deviation too small for so few values, or for any
            continue
        assert isinstance(truth, Steps)
        told += 1
        at = truth.values[rng.integers(len(truth.values), size=20)]
        mass = np.concatenate([at, at + law.resolution, at - law.resolution, rng.uniform(-0.1, 1.1, 20)])
        assert stated(law, truth, mass, law.resolution).max() <= 1, problem
        off.append(stated(law, truth, mass, 0.0).max())
    assert told >= 15
    assert np.mean(np.array(off) > 1) > 0.5


@pytest.mark.parametrize("level", [1e-3, 0.025, 0.5, 0.975])
def test_a_quantile_is_where_the_law_gets_to_it(level: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a Beta law in place of the model's, from a mean that is off: within a few values of it."""
    asked = []

    def beta(law: pointwise.Pointwise, mass: float) -> tuple[float, float, bool]:
        asked.append(mass)
        return float(special.betainc(3.0, 40.0, mass)), 1e-9, True

    monkeypatch.setattr(pointwise.Pointwise, "_probability", beta)
    mean, spread, problem = Estimate(0.1), Estimate(0.002), Problem(Zipf(alpha=1, size=50), 50)
    law = pointwise.Pointwise(problem, 0, 0.0, 1.0, mean, spread, 1e-6, 0.0, transforms.on_circles)
    assert special.betainc(3.0, 40.0, law.quantile(level)) == pytest.approx(level, abs=1e-8)
    assert len(asked) < 20


@pytest.mark.parametrize(("size", "n"), [(60, 40)])
def test_sights_told_apart_against_betas(size: int, n: int) -> None:
    """Few samples: one probability at a time, against the closed form. Control: of one sample more it is another."""
    problem = Problem(Gamma(shape=1, size=size), n)
    mean, deviation = exact.unseen_mass(problem).value, float(np.sqrt(exact.mass_variance(problem).value))
    for m in (mean - 1.3 * deviation, mean + 0.4 * deviation):
        parts = transforms.by_sights(problem, 0, m)
        assert parts is not None
        value, bound, ended = davies.probability(parts, 0.0, False)
        assert ended
        truth, other = (float(dirichlet(p, np.array([m]))[0]) for p in (problem, Problem(problem.prior, n + 1)))
        assert abs(value - truth) <= bound < 1e-6
        assert abs(value - other) > 1e-4


@pytest.mark.parametrize("ell", [1])
def test_ways_at_a_point(ell: int) -> None:
    """By sights, on circles, by scales and, for the whole law, by one transform: the same probability, to less than is stated."""
    problem = Problem(Zipf(alpha=0.6, size=1_000), 1_000)
    law = exact.mass_law(problem, ell)
    assert isinstance(law, Inverted)
    m = law.quantile(0.3)
    for way in (transforms.by_sights, transforms.on_circles, transforms.by_scales):
        parts = way(problem, ell, m)
        assert parts is not None
        value, bound, ended = davies.probability(parts, 0.0, False)
        assert ended
        assert abs(value - law.cdf(m).value) <= bound < 1e-6


def test_scales_at_which_a_mass_lies_on_one_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by their sign, or summed over like the others in a window half as wide again: the same. They hold 1 % or more."""
    problem = Problem(Zipf(alpha=2, size=50_000), 20_000)
    m, found = 1.2 * exact.unseen_mass(problem).value, []
    for apart in (transforms.APART, 1.5 * transforms.APART):
        monkeypatch.setattr(transforms, "APART", apart)
        scales.cache_clear()
        parts = transforms.by_scales(problem, 0, m)
        assert parts is not None
        found.append((parts.certain, *davies.probability(parts, 0.0, False)))
    scales.cache_clear()
    (certain, value, bound, ended), (less, other, off, also) = found
    assert ended
    assert also
    assert certain > 0.01 + less
    assert abs(value - other) <= bound + off < 1e-6


def test_spread_over_decades_against_simulation() -> None:
    """Zipf 2: shares of 4,000 simulated data sets below three masses; seed 3, z = 5. Control: one of another n is another."""
    problem = Problem(Zipf(alpha=2, size=3_000), 3_000)
    law, z, wrong = exact.mass_law(problem), [], []
    assert isinstance(law, pointwise.Pointwise)
    parts = list(montecarlo.censuses(problem, trials=4_000, ells=1, rng=Random(3)))
    mass = np.concatenate([np.asarray(p.mass)[:, 0] for p in parts])
    for m in np.quantile(mass, [0.1, 0.9]) * 1.01:
        level, below = law.cdf(m).value, (mass <= m).mean()
        deviation = np.sqrt(level * (1 - level) / len(mass))
        z.append((below - level) / deviation)
        wrong.append(((mass <= m * 1.1).mean() - level) / deviation)
    assert np.abs(z).max() < 5
    assert np.mean(np.square(z)) < 5
    assert np.abs(wrong).max() > 5


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
