"""The law of the unseen mass of two frequencies: enumeration, inclusion and exclusion, known moments, simulation."""

from __future__ import annotations

import os
from fractions import Fraction
from math import comb

import numpy as np
import pytest

from longtail import AccuracyError, Estimate, Gamma, Listed, Problem, TwoLevel, Uniform, Zipf, exact
from longtail.exact import atoms, mass_laws
from longtail.exact.distributions import Steps
from longtail.witnesses import enumeration

pytestmark = pytest.mark.kernels

NEAR = 3e-13  # masses that are taken for one


def told(problem: Problem) -> Steps:
    found = atoms.two_frequencies(problem)
    assert found is not None
    return Steps(found[0], found[1], Estimate(0.0), Estimate(0.0), found[2])


def off(law: Steps, value: np.ndarray, chance: np.ndarray, tried: np.ndarray, rounding: float = 0.0) -> float:
    """By how much a law is off that of these values, in parts of its bound and of what these are off by."""
    order = np.argsort(value)
    below = np.append(0.0, np.cumsum(chance[order]))
    low, high = (below[np.searchsorted(value[order], tried + side, side="right")] for side in (-NEAR, NEAR))
    found = law.cdf(tried).value
    return float(np.maximum(found - high, low - found).max() / (law.bound + rounding))


@pytest.mark.parametrize("mode", ["random", "fixed"])
@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize("prior", [TwoLevel(common=1, rare=3, ratio=0.2), Listed([3.0, 3.0, 1e-3])], ids=repr)
def test_against_enumeration(prior: TwoLevel | Listed, n: int, mode: str) -> None:
    """Every draw and every pattern of counts; masses at atoms and between them."""
    problem = Problem(prior, n, mode=mode)
    law = told(problem)
    assert off(law, *enumeration.mass_law(problem), np.append(law.values, np.linspace(0, 1, 50))) <= 1
    assert law.bound < 1e-11


def test_against_inclusion_and_exclusion() -> None:
    """Sixty random lists of 2 to 9 and up to 400 samples; ``LONGTAIL_LISTS=5000`` for more. Control: one sample more."""
    rng, missed = np.random.default_rng(11), []
    for _ in range(int(os.environ.get("LONGTAIL_LISTS", "60"))):
        size, n = int(rng.integers(2, 10)), int(np.exp(rng.uniform(0, np.log(400))))
        common, ratio = int(rng.integers(1, size)), float(np.exp(-rng.uniform(0.01, 6)))
        prior = TwoLevel(common=common, rare=size - common, ratio=ratio)
        problem = Problem(prior, n, mode=["random", "fixed"][int(rng.integers(2))])  # type: ignore[arg-type]
        truth, law = mass_laws._few(problem, Estimate(0.0), Estimate(0.0)), told(problem)
        assert truth is not None
        tried = np.append(law.values, rng.uniform(size=30))
        assert off(law, truth.values, truth.probability, tried, truth.bound) <= 1, problem
        other = mass_laws._few(Problem(prior, n + 1, mode=problem.mode), Estimate(0.0), Estimate(0.0))
        assert other is not None
        missed.append(off(law, other.values, other.probability, tried, other.bound) > 1)
    assert np.mean(missed) > 0.5


@pytest.mark.parametrize(
    "problem",
    [
        Problem(TwoLevel(common=5, rare=3_000, ratio=0.01), 2_000),
        Problem(TwoLevel(common=100, rare=100, ratio=0.3), 3),
        Problem(TwoLevel(common=20, rare=40, ratio=0.1), 3_000),
        Problem(TwoLevel(common=7, rare=10**9, ratio=1e-3), 40),
        Problem(TwoLevel(common=30, rare=2_000, ratio=0.02), 1_500, mode="fixed"),
    ],
    ids=repr,
)
def test_known_mean_and_variance(problem: Problem) -> None:
    """Those of exact.unseen_mass and exact.mass_variance, which know of no atoms; of many more than inclusion can tell."""
    law = exact.mass_law(problem)
    assert isinstance(law, Steps)
    assert law.bound < 1e-9
    mean = float(law.probability @ law.values)
    square = float(law.probability @ (law.values - mean) ** 2)
    assert mean == pytest.approx(exact.unseen_mass(problem).value, abs=law.bound + exact.unseen_mass(problem).bound)
    variance = exact.mass_variance(problem)
    assert square == pytest.approx(variance.value, rel=1e-7, abs=variance.bound + 1e-16)
    assert law.cdf(law.quantile(0.3)).value >= 0.3 > law.cdf(law.quantile(0.3) - 1e-12).value


@pytest.mark.parametrize(("size", "k"), [(5, 12), (12, 5), (9, 9)])
def test_sights_of_equal_ones(size: int, k: int) -> None:
    """S_a(d; k) by inclusion and exclusion in whole numbers, from its own table and from that of more."""
    truth = [
        float(Fraction(comb(size, d) * sum((-1) ** (d - i) * comb(d, i) * i**k for i in range(d + 1)), size**k))
        for d in range(min(size, k) + 1)
    ]
    for laid in (atoms.table(size, k, k), atoms.table(size + 3, 0, k + 2)):
        d, found = laid.of(size, np.array([k]))
        np.testing.assert_allclose(found[0], np.array(truth)[d], rtol=1e-12)
        assert sum(truth) - sum(np.array(truth)[d]) < 1e-15


@pytest.mark.parametrize("n", [60, 1_000])
def test_tables_that_are_shared(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table for each number of draws: the same law. At ten samples each one for all underflows, and others are laid."""
    problem, laid = Problem(TwoLevel(common=50, rare=60, ratio=0.4), n), []
    lay = atoms.table
    monkeypatch.setattr(atoms, "table", lambda *a: laid.append(a) or lay(*a))
    atoms.two_frequencies.cache_clear()
    law, few = told(problem), len(laid)
    monkeypatch.setattr(atoms, "LACKING", -1.0)
    atoms.two_frequencies.cache_clear()
    other = told(problem)
    atoms.two_frequencies.cache_clear()
    assert (few == 2) == (n == 60)
    assert 3 * few < len(laid) - few
    assert np.abs(law.cdf(other.values).value - other.cdf(other.values).value).max() <= law.bound + other.bound < 1e-9


@pytest.mark.parametrize("mode", ["random", "fixed"])
def test_against_simulation(mode: str) -> None:
    """Shares of simulated data sets up to quantiles; seed 4, z = 5, z² of size 1. Control: a fiftieth more is another mass."""
    rng, z, wrong = np.random.default_rng(4), [], []
    for common, rare, ratio, n in ((5, 300, 0.02, 200), (40, 40, 0.1, 8), (20, 1_000, 0.3, 700)):
        prior = TwoLevel(common=common, rare=rare, ratio=ratio)
        law = told(Problem(prior, n, mode=mode))  # type: ignore[arg-type]
        value = prior.entries() if mode == "fixed" else rng.choice(prior.entries(), (3_000, prior.size))
        share = np.broadcast_to(value / value.sum(-1, keepdims=True), (3_000, prior.size))
        mass = (share * (rng.multinomial(n, share) == 0)).sum(1)
        for level in (0.1, 0.3, 0.5, 0.7, 0.9):
            m = law.quantile(level) + 1e-9
            chance, more = law.cdf(m).value, law.cdf(1.02 * m).value
            deviation = np.sqrt(chance * (1 - chance) / len(mass)) + 1e-12
            z.append(((mass <= m).mean() - chance) / deviation)
            wrong.append(((mass <= m).mean() - more) / deviation)
    assert np.abs(z).max() < 5
    assert 0.1 < np.mean(np.square(z)) < 3
    assert np.abs(wrong).max() > 5


@pytest.mark.parametrize(
    "prior", [Zipf(alpha=1, size=3), Zipf(alpha=1e-9, size=10**6), Gamma(shape=1, size=50), Uniform(size=9)], ids=repr
)
def test_what_is_not_of_two_frequencies(prior: Zipf | Gamma | Uniform) -> None:
    assert atoms.two_frequencies(Problem(prior, 5)) is None


def test_what_takes_too_long_is_refused_before_any_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atoms, "table", None)
    assert atoms.two_frequencies(Problem(TwoLevel(common=10**5, rare=10**5, ratio=0.1), 10**5)) is None
    assert atoms.two_frequencies(Problem(TwoLevel(common=1_000, rare=1_000, ratio=0.1), 2_000), slowly=False) is None
    with pytest.raises(AccuracyError, match="n:"):
        exact.mass_law(Problem(TwoLevel(common=1_000, rare=1_000, ratio=0.1), 2_000), slowly=False)
