"""Whole laws over data sets: against enumeration, closed forms, and what the means say."""

from __future__ import annotations

import numpy as np
import pytest
from tables import lists, wide_lists

from longtail import AccuracyError, Listed, Prior, Problem, Uniform, Zipf, exact
from longtail.witnesses import enumeration

pytestmark = pytest.mark.kernels

SHORT = [
    *((prior, 7) for prior in [*lists(4), *wide_lists(4)]),
    *((prior, 1) for prior in (Zipf(alpha=1, size=4), Zipf(alpha=5, size=6))),
    *((Listed([1.0, 0.05, 0.3]), 5), (Zipf(alpha=2, size=2), 9), (Zipf(alpha=1, size=9), 9), (Uniform(size=7), 8)),
]


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
