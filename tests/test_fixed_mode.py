"""Fixed mode: plain sums over the list, for any number of sightings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from longtail import ArgumentError, Gamma, Geometric, Listed, LogNormal, Pareto, Prior, Problem, TwoLevel, Zipf, exact

pytestmark = pytest.mark.kernels

PRIORS = [
    Zipf(alpha=1, size=5_000),
    Zipf(alpha=3, size=5_000),
    Geometric(ratio=0.99, size=3_000),
    Geometric(ratio=1e-4, size=4),
    LogNormal(sigma=2, size=4_000),
    Pareto(shape=0.7, size=4_000),
    TwoLevel(common=3, rare=4_000, ratio=1e-4),
    Listed(np.arange(1.0, 3_001.0) ** 2),
]


@pytest.mark.parametrize("n", [10, 20_000])
@pytest.mark.parametrize("prior", PRIORS, ids=repr)
def test_the_sum_over_entries(prior: Prior, n: int) -> None:
    """Uncompressed, with SciPy's binomial law."""
    values = prior.entries()
    share = values / values.sum()
    problem = Problem(prior, n, mode="fixed")
    for ell in (0, 1, 2, 7):
        seen = stats.binom.pmf(ell, n, share)
        if seen.sum() < 1e-200:
            continue
        np.testing.assert_allclose(exact.subpopulations(problem, ell).value, seen.sum(), rtol=1e-9)
        np.testing.assert_allclose(exact.tau(problem, ell).value, (seen @ share) / seen.sum(), rtol=1e-9)


@pytest.mark.parametrize(("n", "ell"), [(10**7, 1_000), (10**7, 1_001), (10**7, 20_000), (10**9, 300_000)])
def test_many_sightings(n: int, ell: int) -> None:
    """Beyond 1,000 by Loader's saddle point; compared where the ranks near ℓ/n are many."""
    prior = Zipf(alpha=0.5, size=50_000)
    share = prior.entries() / prior.entries().sum()
    seen = stats.binom.pmf(ell, n, share)
    problem = Problem(prior, n, mode="fixed")
    assert exact.subpopulations(problem, ell).value == pytest.approx(seen.sum(), rel=1e-8)
    assert exact.tau(problem, ell).value == pytest.approx((seen @ share) / seen.sum(), rel=1e-9)


def test_every_sighting_adds_up() -> None:
    problem = Problem(Zipf(alpha=1, size=300), n=4_000, mode="fixed")
    ell = np.arange(4_001)
    from longtail.exact.spectrum import spectrum

    s = spectrum(problem, ell)
    assert s.seen.sum() == pytest.approx(300, rel=1e-10)
    assert (ell * s.seen).sum() == pytest.approx(4_000, rel=1e-10)


def test_a_law_has_no_fixed_mode() -> None:
    with pytest.raises(ArgumentError, match=r"mode: got fixed; Gamma\(shape=1.0, size=10\) is a law.*mode='random'"):
        exact.cost(Problem(Gamma(shape=1, size=10), 5, mode="fixed"))
