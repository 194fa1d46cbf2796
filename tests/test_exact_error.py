"""A learner's error, exactly: against enumeration, sums over entries, long doubles, and closed forms."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pytest
from scipy.stats import betabinom, binom
from tables import lists, wide_lists
from truths import Enumerated

from longtail import Gamma, Listed, LogNormal, Prior, Problem, Uniform, Zipf, exact, montecarlo
from longtail.core import AccuracyError, ArgumentError, Floats
from longtail.core.arrays import Random
from longtail.exact import masses
from longtail.exact.scored import by_count
from longtail.exact.spectrum import spectrum
from longtail.learners import Capacity, Forget, Learner, Limited, Majority, Memorizer, Noisy, Private, Seen, votes
from longtail.learners.majority import wins
from longtail.learners.votes import won
from longtail.witnesses import enumeration


@dataclass(frozen=True)
class Fading(Learner):
    """A user's own: its error falls as 1/(1 + ℓ), and never settles."""

    def errors(self, seen: Seen) -> Any:
        xp = seen.xp
        return seen.guess / (1 + xp.astype(seen.times, xp.float64))


LEARNERS = [
    Memorizer(),
    Forget(1),
    Forget(20),
    Limited(0.25),
    Limited(0.01),
    Private(1.2),
    Private(0.3, 0.01),
    Private(0.01),
    Majority(0.5),
    Majority(0.1),
    Majority(0.6, "noisy"),
    Noisy(Private(1.2), 0.7),
    Noisy(Limited(0.25), 0.5),
    Fading(),
]


@pytest.mark.kernels
@pytest.mark.parametrize("n", [1, 3, 9, 40])
@pytest.mark.parametrize("prior", [p for size in (4, 9) for p in [*lists(size), *wide_lists(size)]], ids=repr)
def test_within_1e_10_of_enumeration(prior: Prior, n: int) -> None:
    problem = Problem(prior, n, n_classes=4)
    for learner in LEARNERS:
        want = enumeration.error(problem, learner).value
        found = exact.error(problem, learner)
        assert abs(found.value - want) <= 1e-10 * want
        assert found.stderr == 0


@pytest.mark.kernels
@pytest.mark.parametrize("n", [1, 20, 500, 17_000])
@pytest.mark.parametrize(
    "prior", [Zipf(alpha=1, size=200), Zipf(alpha=2, size=200), LogNormal(sigma=2, size=200)], ids=repr
)
def test_a_list_that_is_fixed_is_a_sum_over_its_entries(prior: Prior, n: int) -> None:
    problem = Problem(prior, n, mode="fixed")
    share = prior.entries() / prior.entries().sum()
    times = np.arange(n + 1)
    mass = share @ np.array([binom.pmf(times, n, one) for one in share])
    for learner in LEARNERS:
        errors = learner.errors(Seen(times[None, :], times[None, :], 10))[0]
        want = mass @ errors
        found = exact.error(problem, learner)
        assert abs(found.value - want) <= 1e-10 * max(want, 1e-3)


@pytest.mark.parametrize("mode", ["random", "fixed"])
@pytest.mark.parametrize("prior", [Zipf(alpha=1, size=50_000), Zipf(alpha=2, size=10**12)], ids=repr)
def test_all_masses_are_those_of_the_spectrum(prior: Prior, mode: Any) -> None:
    problem = Problem(prior, 50_000, mode=mode)
    ell = np.array([*range(21), 50, 99, 200])
    want = spectrum(problem, ell)
    last = list(islice(masses.masses(problem, 200), 2))[-1]
    assert np.abs(last.mass[ell] - want.mass).max() <= 1e-14
    assert last.mass.sum() <= 1 + 1e-12


def test_optimal_error_and_cost_are_those_of_two_learners() -> None:
    for problem in (Problem(Zipf(alpha=1, size=50_000), 50_000), Problem(Zipf(alpha=0.5, size=10**12), 1000)):
        optimal, guessing = exact.error(problem, Memorizer()), exact.error(problem, Forget(1))
        assert abs((optimal - exact.optimal_error(problem)).value) <= optimal.bound
        assert abs((guessing - optimal - exact.cost(problem)).value) <= guessing.bound + optimal.bound


def test_bounds_hold_for_random_lists_and_learners() -> None:
    """In long doubles; among 3,000 more, tried once, none was off by more than its bound either. Control: by 1/200 of it."""
    rng = np.random.default_rng(12)
    off = []
    for _ in range(150):
        size = int(rng.integers(2, 7))
        prior = Listed(np.exp(rng.normal(0, rng.choice([0.3, 1, 3]), size)))
        problem = Problem(prior, int(np.exp(rng.uniform(0, np.log(300)))), n_classes=int(rng.integers(2, 12)))
        learner = random_learner(rng)
        want = long_double(problem, learner)
        found = exact.error(problem, learner)
        off.append(abs(found.value - want) / (found.bound - learner.rounding + 1e-15))
    assert max(off) <= 1
    assert max(off) > 1 / 200


@pytest.mark.parametrize("mode", ["random", "fixed"])
def test_bounds_hold_on_rules_too_coarse_for_a_learner(mode: Any) -> None:
    """The first rules are laid for ten sights; control: errors are near enough to their bounds to break a thousandth of them."""
    off = []
    for ell in (30, 60, 120, 250, 500):
        table = np.where(np.arange(601) <= ell, 0.9, 0.0)[None, :]
        *_, coarse, _, finest = [
            solved.score(np.pad(table, ((0, 0), (0, len(solved.mass) - 601))), np.zeros(1))
            for solved in islice(masses.masses(Problem(Zipf(alpha=1, size=50_000), 50_000, mode=mode), 600), 3)
        ]
        off.append(abs(coarse.value - finest.value)[0] / coarse.bound[0])
        assert off[-1] <= 1
    assert max(off) > 1e-3


def random_learner(rng: np.random.Generator) -> Learner:
    choices: list[Learner] = [
        Memorizer(),
        Forget(int(rng.integers(0, 40))),
        Limited(float(rng.uniform(0.003, 1))),
        Private(float(np.exp(rng.uniform(-5, 1))), float(rng.choice([0, 1e-3]))),
        Fading(),
    ]
    return choices[int(rng.integers(len(choices)))]


def long_double(problem: Problem, learner: Learner) -> float:
    truth = Enumerated(problem.prior)
    times = np.arange(problem.n + 1)
    errors = np.broadcast_to(learner.errors(Seen(times[None, :], times[None, :], problem.n_classes)), (1, len(times)))[
        0
    ]
    terms = [truth.seen(problem.n, int(ell))[1] * errors[ell] for ell in times]
    return float(np.sum(terms))


def test_what_is_seen_beyond_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A learner that has not settled at 2^14 sights: between the last error and that at n, with a bound that says so."""
    monkeypatch.setattr("longtail.exact.scored.MOST", 2**14)
    problem = Problem(Uniform(size=2), 100_000)
    wrong = by_count(Fading(), 10, problem.n)
    assert len(wrong[0]) == 2**14 + 1
    with pytest.raises(AccuracyError, match="settles sooner"):
        exact.error(problem, Fading())


@pytest.mark.kernels
@pytest.mark.parametrize("mode", ["random", "fixed"])
def test_tens_of_thousands_of_sights(mode: Any) -> None:
    """Learners that settle late, or jump there: sums over all ℓ. Control: to 1e-4 one is not another.

    Gamma(a): mass_ℓ = N E α B_ℓ(α), α ~ Beta(a, (N−1)a), is the chance of ℓ of a beta-binomial variable with a + 1 for a.
    """
    n, listed = 20_000 if mode == "random" else 60_000, Listed([1.0, 0.7, 0.2, 0.01])
    times = np.arange(n + 1)
    if mode == "random":
        problem, mass = Problem(Gamma(shape=1, size=5), n, 3), betabinom.pmf(times, n, 2, 4)
    else:
        share = listed.entries() / listed.entries().sum()
        problem, mass = Problem(listed, n, 3, mode), share @ np.array([binom.pmf(times, n, one) for one in share])
    late: list[Learner] = [Private(0.001), Majority(0.05)]
    found = []
    for learner in late if mode == "random" else [*late, Limited(2e-5), Forget(17_003), Forget(59_900)]:
        errors = learner.errors(Seen(times[None, :], times[None, :], 3))[0]
        found.append(exact.error(problem, learner).value)
        assert abs(found[-1] - mass @ errors) <= 1e-10 * found[-1]
    assert np.abs(np.subtract.outer(found, found) + np.eye(len(found))).min() > 1e-5


@pytest.mark.kernels
@pytest.mark.parametrize(("n_classes", "kappa"), [(2, 0.02), (3, 0.004), (10, 0.02)])
def test_votes_that_are_interpolated_are_those_counted(n_classes: int, kappa: float) -> None:
    """Control: with the peak at 0 alone, ties of all three labels are lost."""
    q, r = kappa + (1 - kappa) / n_classes, (1 - kappa) / n_classes
    found = votes.even(1_025, 8_000, n_classes, q, r)
    for first in (1_025, 5_000):
        want = won(first, first + 40, n_classes, q, r)
        np.testing.assert_allclose(found[first - 1_025 :][:41], want, rtol=0, atol=1e-12)
    if n_classes == 3:
        alone = votes._at_peaks(1_025.0, np.zeros(1), 3, q, r)[0].real
        assert abs(alone - found[0]) > 1e-8


@pytest.mark.kernels
@pytest.mark.parametrize(("n_classes", "kappa"), [(2, 0.1), (3, 0.05), (3, 0.3), (10, 0.1), (10, 0.02), (40, 0.2)])
def test_many_votes_are_counted_alike_by_polynomials_and_on_circles(n_classes: int, kappa: float) -> None:
    q, r = kappa + (1 - kappa) / n_classes, (1 - kappa) / n_classes
    np.testing.assert_allclose(won(60, 512, n_classes, q, r), wins(512, n_classes, kappa)[60:], rtol=0, atol=2e-12)


def test_a_thousand_votes_of_two_are_binomial() -> None:
    q, ell = 0.52, np.arange(900, 4001, 100)
    want = binom.sf(ell // 2, ell, q) + 0.5 * binom.pmf(ell / 2, ell, q)
    np.testing.assert_allclose(won(900, 4000, 2, q, 1 - q)[::100], want, rtol=0, atol=2e-12)


def test_two_learners_of_one_error_by_count_err_alike_and_others_do_not() -> None:
    problem = Problem(Zipf(alpha=1, size=1000), 1000)
    assert exact.error(problem, Private(np.log(6))).value != exact.error(problem, Limited(0.5)).value
    assert exact.error(problem, Limited(0.9)) == exact.error(problem, Memorizer())
    assert exact.error(problem, Limited(0)).value == pytest.approx(0.9, rel=1e-15)


@pytest.mark.parametrize(
    "problem",
    [
        Problem(LogNormal(sigma=1, size=9), 12, n_classes=3),
        Problem(Zipf(alpha=1, size=120), 60),
        Problem(Zipf(alpha=1, size=120), 300, mode="fixed"),
        Problem(Uniform(size=120), 100),
    ],
    ids=repr,
)
def test_room_for_some_singletons_is_simulated_as_it_is_solved(problem: Problem) -> None:
    """z = 5, seeds 5 to 12; control: room for one more."""
    learners = [Capacity(0), Capacity(2), Capacity(15)]
    z = []
    for seed in range(5, 13):
        found = montecarlo.run(problem, trials=2_000, learners=learners, rng=Random(seed), workers=1)
        for learner in learners:
            mean = found.error(learner)
            z.append((mean.value - exact.error(problem, learner).value) / mean.stderr)
    assert np.abs(z).max() < 5
    assert 0.2 < np.mean(np.square(z)) < 2.5
    off = [abs(exact.error(problem, Capacity(2)).value - exact.error(problem, Capacity(3)).value)]
    assert max(off) > 5 * found.error(learners[1]).stderr / np.sqrt(8)
    assert exact.error(problem, Capacity(0)).value == pytest.approx(exact.error(problem, Forget(1)).value, rel=1e-9)


SLOW = [Private(0.05), Limited(0.02), Majority(0.2, "noisy"), Noisy(Private(1.0), 0.8), Fading()]


@pytest.mark.parametrize("mode", ["random", "fixed"])
@pytest.mark.parametrize(
    "prior", [Zipf(alpha=1, size=200), LogNormal(sigma=1.5, size=150), Zipf(alpha=0.5, size=60)], ids=repr
)
def test_slow_learners_are_simulated_as_they_are_solved(prior: Prior, mode: Any) -> None:
    """z = 5, seeds 20 to 29, mean z² near 1; control: each learner's error by another's."""
    problem, z, other = Problem(prior, 240, mode=mode), [], []
    exactly = [exact.error(problem, learner).value for learner in SLOW]
    for seed in range(20, 30):
        found = montecarlo.run(problem, trials=400, learners=SLOW, rng=Random(seed), workers=1)
        for at, learner in enumerate(SLOW):
            mean = found.error(learner)
            z.append((mean.value - exactly[at]) / mean.stderr)
            other.append((mean.value - exactly[at - 1]) / mean.stderr)
    assert np.abs(z).max() < 5
    assert 0.3 < np.mean(np.square(z)) < 2.5
    assert np.abs(other).min() > 5


@dataclass(frozen=True)
class Odd(Memorizer):
    symmetric = False


@pytest.mark.parametrize("learner", [Odd(), "Forget(1)"])
def test_learners_of_more_than_their_own_count_are_refused(learner: Any) -> None:
    with pytest.raises(ArgumentError, match="learner"):
        exact.error(Problem(Uniform(size=5), 5), learner)


def errors_of(learner: Learner) -> Floats:
    return by_count(learner, 10, 100)[0]


def test_errors_are_asked_until_they_have_settled() -> None:
    assert len(errors_of(Memorizer())) == 17
    assert len(errors_of(Forget(30))) == 65
    assert len(errors_of(Private(0.01))) == 101
    assert by_count(Majority(0.01), 10, 10**6)[1] == 0
    assert by_count(Majority(0.25, "noisy"), 4, 10**6)[1] == pytest.approx(0.75 * 0.75)
    assert not Capacity(3).own
