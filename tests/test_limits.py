"""What limits cost: curves against each learner's own error, bounds below them, the optimum by linear programs, inverses."""

from __future__ import annotations

from itertools import product
from math import exp, log

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import lil_matrix

from longtail import LogNormal, Mixture, Problem, Uniform, Zipf, exact
from longtail.core import ArgumentError
from longtail.exact import limits
from longtail.exact.scored import by_count
from longtail.learners import Limited, Private

PROBLEMS = [
    Problem(Zipf(alpha=1, size=50_000), 50_000),
    Problem(Zipf(alpha=1, size=50_000), 50_000, mode="fixed"),
    Problem(Zipf(alpha=2, size=10**12), 10**9, n_classes=3),
    Problem(LogNormal(sigma=1.5, size=60), 40, n_classes=2),
    Problem(Mixture(parts=((0.25, Uniform(size=1)), (0.75, Zipf(alpha=1, size=30))), size=120), 120),
    Problem(Uniform(size=9), 7),
]


@pytest.mark.kernels
@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_a_curve_is_its_learners_errors_less_the_optimal(problem: Problem) -> None:
    optimal = exact.optimal_error(problem)
    for delta in (0.0, 0.01):
        curve = limits.privacy(problem, [0.05, 0.4, 1.0, 3.0, 20.0], delta)
        for row in curve.to_dict("records"):
            found = exact.error(problem, Private(row["epsilon"], delta)) - optimal
            assert abs(found.value - row["excess_error"]) <= found.bound + row["bound"]
    for row in limits.memorization(problem, [0.02, 0.3, 0.9]).to_dict("records"):
        found = exact.error(problem, Limited(row["gamma"])) - optimal
        assert abs(found.value - row["excess_error"]) <= found.bound + row["bound"]


@pytest.mark.kernels
@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
@pytest.mark.parametrize("delta", [0.0, 1e-5, 0.02])
def test_bounds_by_groups_lie_below_what_privacy_costs(problem: Problem, delta: float) -> None:
    epsilon = np.geomspace(0.01, 8, 30)
    curve = limits.privacy(problem, epsilon, delta)
    slack = 1e-12
    assert (curve["groups_published"] <= curve["groups"] + slack).all()
    assert (curve["groups"] <= curve["excess_error"] + slack).all()
    assert (curve["singletons"] <= curve["excess_error"] + slack).all()
    assert (np.diff(curve["excess_error"]) <= slack).all()
    if delta == 0 and problem.n_classes > 2:  # one event says all for few sights and small ε
        alone = Problem(problem.prior, 1, problem.n_classes, problem.mode)
        few = limits.privacy(alone, [0.01, 0.1], delta)
        np.testing.assert_allclose(few["groups"], few["excess_error"], rtol=1e-9)
    assert (curve["groups"].iloc[-1] < curve["excess_error"].iloc[-1]) == (curve["excess_error"].iloc[-1] > 0)


@pytest.mark.kernels
def test_group_bound_is_the_first_constraint_alone() -> None:
    """P_ℓ ≤ e^ε P_{ℓ−1} + δ iterated from 1/K; with both constraints it is ``Private``, equal until the second is the tighter."""
    epsilon, delta, n_classes = 0.15, 0.003, 10
    bound = limits.group_bounds(np.array([epsilon]), delta, n_classes, 30, published=False)[0]
    table = by_count(Private(epsilon, delta), n_classes, 30)[0]
    right = 1 / n_classes
    equal = True
    for ell in range(1, 31):
        right = exp(epsilon) * right + delta
        assert bound[ell] == pytest.approx(max(1 - right, 0), abs=1e-14)
        before = 1 - table[ell - 1]
        equal &= exp(epsilon) * before + delta <= 1 - exp(-epsilon) * (1 - before - delta)
        assert (abs(table[ell] - bound[ell]) < 1e-14) == equal
    assert not equal
    single = limits.group_bounds(np.array([0.4]), 0.01, 10, 1, published=True)[0, 1]
    assert single == pytest.approx(1 - exp(0.4) / 10 - 0.01)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("epsilon", "delta"), [(0.5, 0.0), (0.3, 0.05), (1.5, 0.0), (0.0, 0.1)])
def test_no_private_learner_errs_less(n_classes: int, epsilon: float, delta: float) -> None:
    """A linear program over every mechanism on votes of up to four points: Pr[answer j | votes v], each event of each pair of
    neighbors bounded both ways, the chance of being right on ℓ equal votes largest. The optimum is ``Private``'s."""
    votes = [v for v in product(range(5), repeat=n_classes) if sum(v) <= 4]
    at = {v: i for i, v in enumerate(votes)}
    events = [e for e in product((0, 1), repeat=n_classes) if 0 < sum(e) < n_classes]
    pairs = [(v, tuple(x + (k == j) for k, x in enumerate(v))) for v in votes for j in range(n_classes)]
    pairs = [pair for pair in pairs if pair[1] in at]
    rows = lil_matrix((2 * len(pairs) * len(events), len(votes) * n_classes))
    line = 0
    for v, more in pairs:
        for one, other in ((v, more), (more, v)):
            for event in events:
                for j in np.flatnonzero(event):
                    rows[line, at[one] * n_classes + j] = 1
                    rows[line, at[other] * n_classes + j] = -exp(epsilon)
                line += 1
    total = lil_matrix((len(votes), len(votes) * n_classes))
    for i in range(len(votes)):
        total[i, i * n_classes : (i + 1) * n_classes] = 1
    table = by_count(Private(epsilon, delta), n_classes, 4)[0]
    for ell in range(5):
        gain = np.zeros(len(votes) * n_classes)
        for j in range(n_classes):  # averaged over which label it is
            alone = tuple(ell * (k == j) for k in range(n_classes))
            gain[at[alone] * n_classes + j] -= 1 / n_classes
        best = linprog(gain, rows.tocsr(), np.full(line, delta), total.tocsr(), np.ones(len(votes)), bounds=(0, 1))
        assert -best.fun == pytest.approx(1 - table[ell], abs=1e-7)


def test_feldmans_example_of_epsilon_as_memorization() -> None:
    problem = PROBLEMS[0]
    private, limited = limits.privacy(problem, log(6)), limits.memorization(problem, 0.5)
    assert private["singletons"][0] == pytest.approx(limited["singletons"][0], rel=1e-12)
    assert private["singletons"][0] == pytest.approx(exact.cost(problem).value * 0.4 / 0.9, rel=1e-10)


@pytest.mark.parametrize("problem", PROBLEMS[:5], ids=repr)
@pytest.mark.parametrize("share", [0.9, 0.3, 0.01])
def test_the_least_limit_costs_what_it_may(problem: Problem, share: float) -> None:
    within = share * exact.cost(problem).value
    epsilon, gamma = limits.least_epsilon(problem, within, 1e-6), limits.least_gamma(problem, within)
    assert limits.privacy(problem, epsilon, 1e-6)["excess_error"][0] == pytest.approx(within, rel=1e-8)
    assert limits.privacy(problem, epsilon * 0.999, 1e-6)["excess_error"][0] > within
    assert limits.memorization(problem, gamma)["excess_error"][0] == pytest.approx(within, rel=1e-8)
    assert limits.memorization(problem, gamma * 0.999)["excess_error"][0] > within


@pytest.mark.parametrize("problem", PROBLEMS[3:5], ids=repr)
def test_the_least_room_costs_what_it_may(problem: Problem) -> None:
    for share in (0.9, 0.3, 0.01):
        within = share * exact.cost(problem).value
        room = limits.least_capacity(problem, within)
        below, at = limits.compression(problem, [room - 1, room])["excess_error"]
        assert at <= within < below
    assert limits.least_capacity(problem, 0.9) == 0
    ends = limits.compression(problem, [0, problem.n])
    off = np.abs(ends["excess_error"] - [exact.cost(problem).value, 0])
    assert (off <= ends["bound"] + 1e-12).all()
    assert (ends["bound"] < 1e-6).all()


def test_least_limits_at_the_ends() -> None:
    problem = PROBLEMS[0]
    assert limits.least_epsilon(problem, 0.9) == 0
    assert limits.least_gamma(problem, 0.9) == 0
    assert limits.least_gamma(problem, 0) == pytest.approx(0.9, rel=1e-9)
    with pytest.raises(ArgumentError, match=r"within.*no epsilon costs nothing"):
        limits.least_epsilon(problem, 0)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("epsilon", lambda p: limits.privacy(p, -1)),
        ("epsilon", lambda p: limits.privacy(p, [1, np.nan])),
        ("delta", lambda p: limits.privacy(p, 1, 1.0)),
        ("items", lambda p: limits.compression(p, 8)),
        ("items", lambda p: limits.compression(p, -1)),
        ("gamma", lambda p: limits.memorization(p, 1.5)),
        ("within", lambda p: limits.least_gamma(p, -0.1)),
        ("within", lambda p: limits.least_epsilon(p, 2)),
    ],
)
def test_limits_that_cannot_be_are_refused(name: str, make: object) -> None:
    with pytest.raises(ArgumentError) as found:
        make(PROBLEMS[-1])  # type: ignore[operator]
    assert found.value.argument == name
