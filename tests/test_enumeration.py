"""Exact results against brute force over every draw of the other frequencies."""

from __future__ import annotations

import pytest
from tables import lists, wide_lists

from longtail import Prior, Problem, Zipf, exact
from longtail.witnesses import enumeration

pytestmark = pytest.mark.kernels

QUANTITIES = ("tau", "subpopulations", "cost")


def worst(prior: Prior, n: int) -> float:
    """The largest relative error over the quantities and ℓ = 0..4."""
    problem = Problem(prior, n)
    errors = [abs(exact.unseen_mass(problem).value / enumeration.unseen_mass(problem).value - 1)]
    for name in QUANTITIES:
        for ell in range(min(n, 4) + 1):
            truth = getattr(enumeration, name)(problem, ell).value
            errors.append(abs(getattr(exact, name)(problem, ell).value / truth - 1))
    return max(errors)


@pytest.mark.parametrize("n", [1, 3, 9, 40])
@pytest.mark.parametrize("prior", [p for size in (4, 9) for p in lists(size)], ids=repr)
def test_exact_to_1e_10(prior: Prior, n: int) -> None:
    assert worst(prior, n) <= 1e-10


@pytest.mark.parametrize("n", [1, 3, 9, 40])
@pytest.mark.parametrize("prior", [p for size in (4, 9) for p in wide_lists(size)], ids=repr)
def test_exact_to_1e_9_where_the_sum_spans_decades(prior: Prior, n: int) -> None:
    assert worst(prior, n) <= 1e-9


def test_exact_at_twelve_the_largest_enumerable() -> None:
    assert worst(Zipf(alpha=2, size=12), 12) <= 1e-10


def test_one_and_two_subpopulations() -> None:
    alone = Problem(Zipf(alpha=1, size=1), n=5)
    assert exact.subpopulations(alone, 5).value == 1
    assert exact.subpopulations(alone, 1).value == 0
    assert exact.unseen_mass(alone).value == 0
    assert worst(Zipf(alpha=1, size=2), 7) <= 1e-10


def test_the_test_can_fail() -> None:
    """Taking the list itself for the law of D, as one might, is wrong in the second digit."""
    problem = Problem(Zipf(alpha=1, size=9), n=9)
    fixed = Problem(Zipf(alpha=1, size=9), n=9, mode="fixed")
    assert abs(exact.tau(fixed, 1).value / enumeration.tau(problem, 1).value - 1) > 1e-2
