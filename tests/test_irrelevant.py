"""Tasks whose irrelevant bits must be memorized: draws against their law, and what can be reached against enumeration."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from longtail import Problem, exact
from longtail.core import ArgumentError, Floats
from longtail.irrelevant import reachable
from longtail.irrelevant.population import population
from longtail.irrelevant.tasks import GaussianMean, Hypercube, NextSymbol, published_share
from longtail.priors import Uniform, Zipf

Z = 5


def test_published_sizes() -> None:
    task = Hypercube(Uniform(size=500), 1000)
    assert round(task.share(500), 3) == 0.174
    problem = Problem(task.prior, 500)
    assert exact.subpopulations(problem, 1).value == pytest.approx(500 * (1 - 1 / 500) ** 499)
    bits = reachable.singleton_bits(problem, 1000, task.share(500))
    assert bits.value == pytest.approx(184 * 826, rel=0.005)


def test_a_fifth_of_bits_are_fixed_and_shared() -> None:
    task = Hypercube(Zipf(alpha=1, size=30), 256, 0.2)
    drawn = task.draw(400, seed=3, number=2)
    again = task.draw(400, seed=3, number=2)
    np.testing.assert_array_equal(drawn.x, again.x)
    assert (drawn.x != task.draw(400, seed=3, number=1).x).any()
    for cluster in np.unique(drawn.label):
        mine = drawn.label == cluster
        assert (drawn.relevant[mine] == drawn.relevant[mine][0]).all()
        assert (drawn.x[mine][:, drawn.relevant[mine][0]] == drawn.x[mine][0, drawn.relevant[mine][0]]).all()
    clusters = len(np.unique(drawn.label))
    first = np.unique(drawn.label, return_index=True)[1]
    assert drawn.relevant[first].mean() == pytest.approx(0.2, abs=Z * np.sqrt(0.16 / 256 / clusters))
    free = drawn.x[~drawn.relevant]
    assert free.mean() == pytest.approx(0.5, abs=Z * 0.5 / np.sqrt(len(free)))
    fresh = task.fresh(drawn.label, 400, seed=3, number=2)
    same = (fresh == drawn.x)[~drawn.relevant]
    assert same.mean() == pytest.approx(0.5, abs=Z * 0.5 / np.sqrt(len(same)))
    assert (fresh == drawn.x)[drawn.relevant].all()


def test_prefixes_are_noisy_and_of_any_length() -> None:
    task = NextSymbol(Uniform(size=40), 64, 0.2)
    drawn = task.draw(2000, seed=1)
    flipped = drawn.x != task.reference(drawn.population.members, seed=1)
    assert flipped.mean() == pytest.approx(0.1, abs=Z * np.sqrt(0.09 / flipped.size))
    counts = np.bincount(drawn.length, minlength=64)
    assert ((counts - 2000 / 64) ** 2 / (2000 / 64)).sum() < 63 + Z * np.sqrt(2 * 63)
    np.testing.assert_array_equal(drawn.answer, [row[t] for row, t in zip(drawn.x, drawn.length, strict=True)])


def test_those_that_are_alone_are_as_many_as_theory_says() -> None:
    prior, n = Zipf(alpha=1, size=200), 200
    alone = np.array([len(population(prior, n, 5, number).alone) for number in range(400)])
    expected = exact.subpopulations(Problem(prior, n), 1).value
    assert abs(alone.mean() - expected) < Z * alone.std(ddof=1) / 20
    assert alone.var(ddof=1) == pytest.approx(exact.variance(Problem(prior, n), 1).value, rel=Z * np.sqrt(2 / 399))


def enumerated(d: int, share: float, rivals: int, ell: int) -> float:
    """The best learner's chance by summing over all data sets and fresh members: its posterior, from the task's definition."""

    def law(rows: Floats) -> float:
        """Pr[these members of one cluster]: bit by bit fixed to 0, fixed to 1, or free."""
        ones, count = rows.sum(0), len(rows)
        return float(np.prod((1 - share) * 0.5**count + share / 2 * ((ones == 0) + 0.0) + share / 2 * (ones == count)))

    strings = np.array(list(product([0, 1], repeat=d)))
    groups = [np.array(rows) for rows in product(strings, repeat=ell)]
    right = 0.0
    for clusters in product(groups, repeat=rivals + 1):
        prior = [law(rows) for rows in clusters]
        if not all(prior):
            continue
        for x in strings:
            joint = [law(np.vstack([rows, x[None]])) for rows in clusters]
            chance = np.array([j * np.prod(prior) / p for j, p in zip(joint, prior, strict=True)])
            best = chance >= chance.max() * (1 - 1e-9)
            right += chance[0] / best.sum() if best[0] else 0.0
    return right


@pytest.mark.parametrize(
    ("d", "rivals", "ell"), [(1, 1, 1), (2, 2, 1), (3, 1, 1), (3, 2, 1), (4, 1, 1), (2, 1, 2), (1, 2, 3)]
)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_the_best_learner_as_enumerated(d: int, rivals: int, ell: int, share: float) -> None:
    wanted = enumerated(d, share, rivals, ell)
    assert reachable.optimal_right(d, share, rivals, ell) == pytest.approx(wanted, rel=1e-10)
    if ell == 1:
        assert reachable.nearest_right(d, share, rivals) == pytest.approx(wanted, rel=1e-10)


def test_nearest_neighbors_simulated_at_the_published_size() -> None:
    task, n = Hypercube(Uniform(size=500), 1000), 500
    right, expected = [], []
    for number in range(12):
        drawn = task.draw(n, seed=9, number=number)
        alone = drawn.population.alone
        signs = 2 * drawn.x[alone].astype(np.float32) - 1
        fresh = 2 * task.fresh(drawn.label[alone], n, seed=9, number=number).astype(np.float32) - 1
        right += list((fresh @ signs.T).argmax(1) == np.arange(len(alone)))
        expected += [reachable.nearest_right(1000, task.share(n), len(alone) - 1)] * len(alone)
    error = np.sqrt(np.mean(np.array(expected) * (1 - np.array(expected))) / len(right))
    assert abs(np.mean(right) - np.mean(expected)) < Z * error
    # the control: another ρ
    assert abs(np.mean(right) - reachable.nearest_right(1000, 0.12, len(alone) - 1)) > Z * error


@pytest.mark.parametrize(("delta", "ell"), [(0.0, 1), (0.3, 1), (0.3, 2), (0.5, 3), (1.0, 2), (0.2, 0)])
def test_the_next_symbol_as_enumerated(delta: float, ell: int) -> None:
    d, kept = 3, 1 - delta / 2
    right = 0.0
    for place in range(d):
        for lengths in product(range(d), repeat=ell):
            seen = sum(length >= place for length in lengths)
            for flips in product([0, 1], repeat=seen):
                chance = np.prod([kept if not f else 1 - kept for f in flips]) / d ** (ell + 1)
                votes = seen - 2 * sum(flips)
                true = 1.0 if votes > 0 else 0.5 if votes == 0 else 0.0
                right += chance * (kept * true + (1 - kept) * (1 - true))
    assert reachable.next_symbol_right(d, delta, ell) == pytest.approx(right, rel=1e-12)


def test_the_mean_holds_what_its_noise_leaves() -> None:
    d, n, s = 7, 5, 0.3
    covariance = np.block(
        [[np.array([[1 / n]]), np.array([[1 / n]])], [np.array([[1 / n]]), np.array([[1 / n + s * s]])]]
    )
    information = 0.5 * np.log2(covariance[0, 0] * covariance[1, 1] / np.linalg.det(covariance))
    assert reachable.mean_bits(d, n, s) == pytest.approx(d * information)
    assert reachable.mean_noise(d, n, reachable.mean_bits(d, n, s)) == pytest.approx(s)
    points = np.stack([GaussianMean(d).draw(n, 1, number) for number in range(4000)])
    noise = np.random.default_rng(0).normal(0, s, (4000, d))
    squares = ((points.mean(1) + noise) ** 2).sum(1)
    assert abs(squares.mean() - reachable.mean_error(d, n, s)) < Z * squares.std() / np.sqrt(4000)


def test_bits_recovered_tell_no_more_than_there_is() -> None:
    rates = np.linspace(0.5, 1, 11)
    bits = np.array([reachable.recovered_bits(rate, 64) for rate in rates])
    assert (np.diff(bits) > 0).all()
    assert bits[0] == 0
    assert bits[-1] == 64
    # a channel that flips each bit with chance 1 − q tells exactly that much
    q = 0.8
    joint = np.array([[q, 1 - q], [1 - q, q]]) / 2
    assert reachable.recovered_bits(q, 1) == pytest.approx((joint * np.log2(joint / 0.25)).sum())


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: Hypercube(Uniform(size=5), 0), "dimension"),
        (lambda: Hypercube(Uniform(size=5), 10, 1.5), "fixed"),
        (lambda: NextSymbol(Uniform(size=5), 10, -0.1), "noise"),
        (lambda: published_share(500, 20), "dimension"),
        (lambda: reachable.recovered_bits(0.4, 10), "rate"),
        (lambda: reachable.mean_bits(10, 5, 0.0), "noise"),
    ],
)
def test_what_cannot_be_is_refused(call: object, named: str) -> None:
    with pytest.raises(ArgumentError, match=named):
        call()  # type: ignore[operator]  # any of several calls
