"""Cox's test by simulated data sets: of Gaussian models, whose laws are known, and of fits to planted data."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from empirical.bridge.bins import joined
from empirical.bridge.contest import against, likely, likely_among
from empirical.bridge.fit import fit, planted
from empirical.estimates.noise import SubsetNoise
from longtail import Problem, Zipf
from longtail.experiment.coupling import Fixed

Z = 5


def model(simulated, seen):
    """A fit, as far as a contest asks: no bins, all of it known beside."""
    return SimpleNamespace(simulated=simulated, seen=seen, reach=SimpleNamespace(observed=np.empty(0)))


def test_likelihood_is_the_normal_one_up_to_a_constant():
    rng = np.random.default_rng(1)
    simulated, rows = rng.normal(size=(60, 4)) @ rng.normal(size=(4, 4)), rng.normal(size=(7, 4))
    law = stats.multivariate_normal(simulated.mean(0), np.cov(simulated, rowvar=False))
    np.testing.assert_allclose(likely(rows, simulated) - 2 * np.log(2 * np.pi), law.logpdf(rows), rtol=1e-10)


@pytest.mark.parametrize(("count", "size"), [(9, 2), (40, 1), (30, 8), (12, 10)])
def test_each_is_judged_by_the_others(count, size):
    simulated = np.random.default_rng(count).normal(size=(count, size)) ** 3
    brute = [likely(simulated[k : k + 1], np.delete(simulated, k, 0))[0] for k in range(count)]
    np.testing.assert_allclose(likely_among(simulated), brute, rtol=1e-7)


def test_bins_that_expect_few_are_joined():
    rng = np.random.default_rng(3)
    for _ in range(300):
        expected = rng.exponential(6, size=rng.integers(2, 30))
        parts = np.split(expected, joined(expected))[1:]
        assert len(parts) == 1 or min(part.sum() for part in parts) >= 5


def p_values(rng, own, other, truth, runs=300, count=80, size=4):
    """Of models of standard deviations ``own`` against ``other``, of data with that of ``truth``."""
    found = []
    for _ in range(runs):
        mine, theirs = (spread * rng.normal(size=(count, size)) for spread in (own, other))
        seen = truth * rng.normal(size=size)
        found.append(against(model(mine, seen), model(theirs, seen)))
    return np.array(found)


def test_a_true_model_is_refused_as_rarely_as_it_says_and_one_that_varies_more_is_told():
    rng = np.random.default_rng(4)
    for own, other in ((1.0, 2.0), (2.0, 1.0), (1.0, 1.1)):
        p = p_values(rng, own, other, own)
        for level in (0.05, 0.1, 0.2):  # beyond it data speak for the truth, where p is 1
            assert (p < level).mean() < level + Z * np.sqrt(level * (1 - level) / len(p)), (own, other, level)
        assert (p == 1).any()
    p = p_values(rng, 2.0, 1.0, 2.0)  # most data of what varies more speak for it; those that do not have every p
    assert (p < 0.2).mean() > 0.1
    # data too near to the mean of what varies four times as much: the best test has .977
    p = p_values(rng, 4.0, 1.0, 1.0)
    assert (p < 0.05).mean() > 0.8
    square = (rng.normal(size=(300, 4)) ** 2).sum(1) / 16
    assert (stats.chi2.sf(square, 4) < 0.05).mean() == 0  # which goodness never refuses


def test_too_few_data_sets_for_a_covariance_tell_nothing():
    rng = np.random.default_rng(5)
    few = model(rng.normal(size=(11, 4)), np.zeros(4))
    assert np.isnan(against(few, model(rng.normal(size=(50, 4)), np.zeros(4))))
    assert np.isnan(against(few, few))


def test_planted_fits_are_told_apart():
    noise, rng = SubsetNoise(models=1000), np.random.default_rng(6)
    values = planted(Problem(Zipf(alpha=1, size=1000), n=1000), Fixed(1), noise, rng)[1]
    zipf, uniform = (fit(values, 10, noise, family, "lookup", simulations=80) for family in ("Zipf", "Uniform"))
    assert against(uniform, zipf) < 0.05 < against(zipf, uniform)
