"""Two engines that share nothing but core and priors: a log grid and a uniform one."""

from __future__ import annotations

import pytest
from tables import lists

from longtail import AccuracyError, Gamma, Listed, LogNormal, Mixture, Prior, Problem, Uniform, Zipf, exact
from longtail.witnesses import fourier

pytestmark = pytest.mark.kernels

PRIORS = [
    *lists(12),
    Gamma(shape=2, size=300),
    Zipf(alpha=1, size=50_000),
    Zipf(alpha=0.5, size=50_000),
    LogNormal(sigma=1.5, size=10**6),
    Mixture(parts=((0.9, Zipf(alpha=1, size=1000)), (0.1, Uniform(size=10))), size=2_000),
    Listed([1.0, 2.0, 2.0, 3.5] * 30),
]


@pytest.mark.parametrize("prior", PRIORS, ids=repr)
def test_engines_agree(prior: Prior) -> None:
    problem = Problem(prior, n=prior.size)
    for ell in (0, 1, 2, 5):
        for name in ("tau", "subpopulations", "cost"):
            mellin, witness = getattr(exact, name)(problem, ell), getattr(fourier, name)(problem, ell)
            assert abs(mellin.value / witness.value - 1) <= 1e-10, (name, ell)
    assert exact.unseen_mass(problem).value == pytest.approx(fourier.unseen_mass(problem).value, rel=1e-10)


def test_the_uniform_grid_says_where_it_fails() -> None:
    with pytest.raises(AccuracyError, match=r"prior: got Zipf\(alpha=5.0, size=8\).*longtail.exact"):
        fourier.tau(Problem(Zipf(alpha=5, size=8), n=8))


def test_engines_tell_a_wrong_list_apart() -> None:
    """Negative control: a list of one entry more is seen at 1e-6 where the engines agree to 1e-10."""
    mine = exact.subpopulations(Problem(Zipf(alpha=1, size=50_000), n=50_000), 1).value
    other = fourier.subpopulations(Problem(Zipf(alpha=1, size=50_001), n=50_000), 1).value
    assert abs(mine / other - 1) > 1e-6
