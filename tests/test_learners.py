"""Learners: each is the mechanism its page says, right as often as it claims, and no more than it may be."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import comb, exp, factorial, log
from typing import Any

import array_api_strict
import numpy as np
import pytest

from longtail.core import ArgumentError, Floats
from longtail.learners import Capacity, Forget, Learner, Limited, Majority, Memorizer, Private, Seen
from longtail.learners.majority import wins
from longtail.philox import LABELS, LEARNER, NOISE, words

pytestmark = pytest.mark.kernels

LEARNERS = [
    Memorizer(),
    Forget(0),
    Forget(2),
    Limited(0.25),
    Private(log(6)),
    Private(0.5, 0.01),
    Capacity(3),
    Majority(0.4),
    Majority(0.7, "noisy"),
]


def by_count(learner: Learner, n_classes: int, most: int) -> Floats:
    """errors(ℓ), ℓ = 0 … most, with plenty of singletons about."""
    seen = Seen(np.arange(most + 1)[None, :], np.array([[5, 4, 3]]), n_classes)
    errors: Floats = np.broadcast_to(learner.errors(seen), (1, most + 1))[0]
    return errors


@pytest.mark.parametrize("learner", LEARNERS, ids=repr)
def test_errors_are_probabilities_that_start_at_a_guess_and_fall(learner: Learner) -> None:
    errors = by_count(learner, 10, 40)
    assert errors[0] == pytest.approx(0.9, abs=1e-15)
    assert (errors >= 0).all()
    assert (np.diff(errors) <= 1e-12).all()


@pytest.mark.parametrize("learner", LEARNERS, ids=repr)
def test_one_row_of_counts_serves_as_well_as_every_subpopulation(learner: Learner) -> None:
    counts = np.random.default_rng(1).poisson(1.5, (4, 50))
    number = np.stack([(counts == ell).sum(1) for ell in range(9)], axis=1)
    each = np.broadcast_to(learner.errors(Seen(counts, number, 10)), counts.shape)
    row = np.broadcast_to(learner.errors(Seen(np.arange(9)[None, :], number, 10)), (4, 9))
    np.testing.assert_allclose(each, np.take_along_axis(row, counts, axis=1), rtol=0, atol=1e-15)


@pytest.mark.torch
@pytest.mark.parametrize("learner", LEARNERS, ids=repr)
def test_any_array_library_gives_the_same_errors(learner: Learner) -> None:
    torch = pytest.importorskip("torch")
    counts, number = np.arange(12).reshape(3, 4), np.array([[9, 4, 1], [8, 2, 2], [7, 0, 3]])
    want = np.broadcast_to(learner.errors(Seen(counts, number, 7)), (3, 4))
    second = array_api_strict.Device("device1")
    times, held = (array_api_strict.asarray(a, device=second) for a in (counts, number))
    strict = learner.errors(Seen(times, held, 7))
    assert strict.device == second
    home = np.asarray(strict.to_device(array_api_strict.Device("CPU_DEVICE")))
    np.testing.assert_array_equal(np.broadcast_to(home, (3, 4)), want)
    tensor = learner.errors(Seen(torch.asarray(counts), torch.asarray(number), 7))
    np.testing.assert_array_equal(np.broadcast_to(tensor.numpy(), (3, 4)), want)


def test_limited_memorizes_gamma_at_most_and_gamma_on_singletons() -> None:
    right = 1 - by_count(Limited(0.25), 10, 20)
    assert right[1] - right[0] == pytest.approx(0.25)
    assert np.max(np.diff(right)) <= 0.25 + 1e-15
    assert right[-1] == 1


def neighbors(most: int, n_classes: int) -> Any:
    """All pairs of vote vectors that differ by one point."""
    for votes in product(range(most + 1), repeat=n_classes):
        for label in range(n_classes):
            more = list(votes)
            more[label] += 1
            yield votes, tuple(more)


@pytest.mark.parametrize("learner", [Private(log(6)), Private(0.3), Private(0.4, 0.02), Private(0, 0.1), Private(5, 0)])
@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_answers_are_private_over_every_pair_of_neighboring_data_sets(learner: Private, n_classes: int) -> None:
    """The exact condition: Σ_j (P_j − e^ε P'_j)_+ ≤ δ both ways, the worst of all events; met with equality."""
    pairs = np.array(list(neighbors(4, n_classes)))
    p, q = learner.answers(pairs[:, 0]), learner.answers(pairs[:, 1])
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-14)
    up = exp(learner.epsilon)
    slack = max(np.maximum(a - up * b, 0).sum(1).max() for a, b in ((p, q), (q, p)))
    assert slack <= learner.delta + 1e-14
    if learner.delta:
        assert slack == pytest.approx(learner.delta, rel=1e-9)
    else:
        assert max((a / b).max() for a, b in ((p, q), (q, p))) == pytest.approx(up, rel=1e-9)
    tighter = exp(0.9 * learner.epsilon - 0.01)  # negative control: a smaller ε is refuted
    assert max(np.maximum(a - tighter * b, 0).sum(1).max() for a, b in ((p, q), (q, p))) > learner.delta + 1e-3


def test_private_learner_meets_the_lower_bound_on_singletons() -> None:
    for epsilon, delta, n_classes in [(log(6), 0.0, 10), (3.0, 0.0, 10), (0.2, 0.05, 3), (1.0, 0.4, 4)]:
        w = 1 - 1 / n_classes
        bound = max(0, 1 - exp(epsilon) / n_classes - delta, exp(-epsilon) * (w - delta))
        assert by_count(Private(epsilon, delta), n_classes, 1)[1] == pytest.approx(bound, abs=1e-15)
    assert by_count(Private(log(6)), 10, 1)[1] == pytest.approx(by_count(Limited(0.5), 10, 1)[1])


def test_private_learner_votes_as_its_errors_say() -> None:
    learner = Private(0.7, 0.01)
    votes = np.zeros((30, 5), int)
    votes[:, 2] = np.arange(30)
    np.testing.assert_allclose(1 - learner.answers(votes)[:, 2], by_count(learner, 5, 29), atol=1e-15)


def enumerated(ell: int, n_classes: int, kappa: float) -> float:
    """Pr[the majority of ell noisy votes is the truth], label 0, over all vote vectors."""
    q, r = kappa + (1 - kappa) / n_classes, (1 - kappa) / n_classes
    won = 0.0
    for votes in product(range(ell + 1), repeat=n_classes):
        if sum(votes) == ell and votes[0] == max(votes):
            ways = factorial(ell)
            for v in votes:
                ways //= factorial(v)
            won += ways * q ** votes[0] * r ** (ell - votes[0]) / votes.count(max(votes))
    return won


@pytest.mark.parametrize(("n_classes", "kappa"), [(2, 0.3), (3, 0.0), (3, 0.5), (4, 0.2), (5, 1.0)])
def test_majority_wins_as_often_as_enumeration_says(n_classes: int, kappa: float) -> None:
    want = [enumerated(ell, n_classes, kappa) for ell in range(8)]
    np.testing.assert_allclose(wins(16, n_classes, kappa)[:8], want, rtol=1e-13)
    np.testing.assert_allclose(1 - by_count(Majority(kappa), n_classes, 7), want, rtol=1e-13)


def test_majority_of_two_labels_is_binomial_at_any_length() -> None:
    q = 0.5 + 0.5 * 0.2
    for ell in (101, 300):
        want = sum(comb(ell, a) * q**a * (1 - q) ** (ell - a) for a in range(ell // 2 + 1, ell + 1))
        want += 0.5 * comb(ell, ell // 2) * (q * (1 - q)) ** (ell // 2) * (ell % 2 == 0)
        assert wins(512, 2, 0.2)[ell] == pytest.approx(want, rel=1e-12)
    assert Majority(1.0).settled(10, 50_000) == 1
    assert by_count(Majority(1.0), 10, 3)[1:].tolist() == [0, 0, 0]


def test_a_singletons_noisy_label_is_fit_and_fresh_noise_is_paid() -> None:
    kappa, n_classes = 0.6, 10
    q = kappa + (1 - kappa) / n_classes
    assert 1 - by_count(Majority(kappa), n_classes, 1)[1] == pytest.approx(q)
    fresh = kappa * q + (1 - kappa) / n_classes
    assert 1 - by_count(Majority(kappa, "noisy"), n_classes, 1)[1] == pytest.approx(fresh)


def test_capacity_rations_what_it_fits() -> None:
    times, number = np.arange(4)[None, :], np.array([[3, 10, 2, 0], [9, 4, 0, 0], [9, 5, 0, 0], [1, 0, 0, 0]])
    errors = np.broadcast_to(Capacity(5).errors(Seen(times, number, 10)), (4, 4))
    np.testing.assert_allclose(errors[:, 1], [0.9 * 0.5, 0, 0, 0])
    assert (errors[:, 0] == 0.9).all()
    assert (errors[:, 2:] == 0).all()
    none = np.broadcast_to(Capacity(0).errors(Seen(times, number, 10)), (4, 4))
    assert (none[:3, 1] == 0.9).all()


def test_labels_drawn_and_learners_run_err_as_often_as_scored() -> None:
    """Nothing exact: labels, noise and coins are drawn, answers given, mistakes counted. z = 5, seed 11."""
    n_classes, kappa, cells = 4, 0.4, 60_000
    times = np.random.default_rng(11).poisson(2.0, cells)
    truth = words(11, LABELS, 0, 0, cells) % n_classes
    coin = np.random.default_rng(words(11, LEARNER, 0, 0, 4))
    for learner, noise in ((Private(0.8, 0.02), 0.0), (Majority(kappa), 1 - kappa)):
        votes = np.zeros((cells, n_classes), int)
        for sight in range(times.max()):
            word = words(11, NOISE, sight, 0, 2 * cells).reshape(cells, 2)
            label = np.where(word[:, 0] < noise * 2**32, word[:, 1] % n_classes, truth)
            votes[np.arange(cells), label] += times > sight
        if isinstance(learner, Private):
            chance = learner.answers(votes)
        else:
            top = votes == votes.max(1, keepdims=True)
            chance = top / top.sum(1, keepdims=True)
        answer = (coin.random((cells, 1)) > np.cumsum(chance, axis=1)[:, :-1]).sum(1)
        expected = by_count(learner, n_classes, int(times.max()))
        for ell in range(6):
            at = times == ell
            wrong, p = np.mean(answer[at] != truth[at]), expected[ell]
            assert abs(wrong - p) <= 5 * np.sqrt(p * (1 - p) / at.sum())
        assert abs(np.mean(answer[times == 1] != truth[times == 1]) - expected[4]) > 0.02  # control: another's error


@dataclass(frozen=True)
class Coin(Learner):
    """A user's own: half right on whatever it saw."""

    def errors(self, seen: Seen) -> Any:
        return seen.guess * seen.xp.where(seen.times > 0, 0.5, 1.0)


def test_a_learner_from_outside_needs_one_method() -> None:
    assert by_count(Coin(), 10, 2).tolist() == pytest.approx([0.9, 0.45, 0.45])
    assert Coin().settled(10, 10**12) == 1


@pytest.mark.parametrize("learner", [Memorizer(), Forget(3), Limited(0.1), Majority(0.5)], ids=repr)
def test_settled_is_where_errors_stop_changing(learner: Learner) -> None:
    errors = by_count(learner, 10, 400)
    at = learner.settled(10, 400)
    assert np.abs(errors[at:] - errors[-1]).max() <= 1e-14
    assert abs(errors[at - 1] - errors[-1]) > 1e-16


@pytest.mark.parametrize(
    "make",
    [
        lambda: Forget(-1),
        lambda: Limited(1.5),
        lambda: Private(-1),
        lambda: Private(1, 2),
        lambda: Capacity(1.5),  # type: ignore[arg-type]
        lambda: Majority(0.5, "dirty"),  # type: ignore[arg-type]
        lambda: by_count(Majority(0.001), 10, 300_000),
    ],
)
def test_arguments_that_cannot_be_are_refused(make: Any) -> None:
    with pytest.raises(ArgumentError):
        make()
