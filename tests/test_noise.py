"""Which noisy labels must be fit: against counting, the majority's chances, and votes drawn; and what it costs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import multinomial

from longtail import Problem, Zipf, exact
from longtail.core import ArgumentError
from longtail.exact import noise
from longtail.learners import Majority
from longtail.learners.majority import wins

pytestmark = pytest.mark.kernels


@pytest.mark.parametrize(("n_classes", "kappa"), [(2, 0.3), (3, 0.5), (4, 0.1)])
def test_shares_and_weights_are_those_of_every_vote(n_classes: int, kappa: float) -> None:
    """Every truth and every sequence's votes, one by one."""
    q, r = kappa + (1 - kappa) / n_classes, (1 - kappa) / n_classes
    table = noise.labels(kappa, n_classes, range(1, 7)).set_index("ell")
    for ell in range(1, 7):
        sums = np.zeros((2, 4))
        for votes in product(range(ell + 1), repeat=n_classes):
            if sum(votes) != ell:
                continue
            v = np.array(votes)
            likelihood = np.array(
                [multinomial.pmf(v, ell, np.where(np.arange(n_classes) == f, q, r)) for f in range(n_classes)]
            )
            posterior = likelihood / likelihood.sum()
            conf = np.array([posterior[y] - np.delete(posterior, y).max() for y in range(n_classes)])
            for truth in range(n_classes):
                for y in range(n_classes):
                    chance = likelihood[truth] / n_classes * v[y] / ell
                    sums[int(y != truth)] += chance * np.array([conf[y] > 1e-9, conf[y] < -1e-9, conf[y], 1])
        want = (sums[:, :3] / sums[:, 3:]).ravel()
        names = ["right_fit", "right_unfit", "right_weight", "wrong_fit", "wrong_unfit", "wrong_weight"]
        np.testing.assert_allclose(table.loc[ell, names], want, atol=1e-13)


@pytest.mark.parametrize(("n_classes", "kappa"), [(2, 0.3), (3, 0.05), (10, 0.6)])
def test_partitions_count_the_votes_that_the_majority_wins(n_classes: int, kappa: float) -> None:
    q, r = kappa + (1 - kappa) / n_classes, (1 - kappa) / n_classes
    for ell in (1, 2, 5, 17, 30):
        won = total = 0.0
        for votes, ways in noise.partitions(ell, n_classes):
            total += ways / n_classes**ell
            # the truth is the first, or a random one of those that tie
            won += ways * r**ell * (q / r) ** votes[0] / n_classes
        assert total == pytest.approx(1, rel=1e-12)
        assert won == pytest.approx(wins(32, n_classes, kappa)[ell], rel=1e-12)


def test_singletons_must_be_fit_and_outliers_among_many_must_not() -> None:
    for kappa in (0.1, 0.5, 0.9):
        table = noise.labels(kappa, 10, [1, 2, 3, 10, 30]).set_index("ell")
        assert table.loc[1, "wrong_fit"] == table.loc[1, "right_fit"] == 1
        assert table.loc[1, "wrong_weight"] == pytest.approx(kappa)
        assert table.loc[30, "wrong_weight"] < 0 < table.loc[30, "right_weight"]
    assert [noise.crossover(kappa, 10) for kappa in (0.9, 0.6, 0.2, 0.05)] == [3, 3, 4, 5]
    assert noise.crossover(0.05, 2) == 21
    assert noise.crossover(0.05, 3) == 8


def test_readings_of_a_weight() -> None:
    kappa = 0.7
    weights = {reading: noise.labels(kappa, 10, 1, reading)["wrong_weight"][0] for reading in ("clean", "noisy", "own")}
    assert weights == pytest.approx({"clean": kappa, "noisy": kappa**2, "own": 1.0})
    assert noise.crossover(kappa, 10, "noisy") == noise.crossover(kappa, 10, "clean") == 3
    assert noise.crossover(kappa, 10, "own") is None
    problem = Problem(Zipf(alpha=1, size=50_000), 50_000)
    single = exact.cost(problem).value
    for reading, weight in weights.items():
        row = noise.noise(problem, kappa, reading).iloc[0]  # type: ignore[arg-type]
        assert row["excess_error"] == pytest.approx(weight * single, rel=1e-10)
        optimal = exact.optimal_error(problem) if reading == "own" else exact.error(problem, Majority(kappa, reading))  # type: ignore[arg-type]
        assert row["optimal_error"] == pytest.approx(optimal.value, rel=1e-10)


def test_votes_drawn_agree() -> None:
    """200,000 subpopulations a count, seed 3, z = 5: shares of labels to fit, and what fitting every label costs."""
    rng, n_classes, kappa, cells = np.random.default_rng(3), 5, 0.4, 200_000
    q, r = kappa + (1 - kappa) / n_classes, (1 - kappa) / n_classes
    z = []
    for ell in (1, 2, 3, 4, 7):
        drawn = rng.multinomial(ell, [q, *[r] * (n_classes - 1)], size=cells)
        labels = np.repeat(np.tile(np.arange(n_classes), cells), drawn.ravel()).reshape(cells, ell)
        label = labels[np.arange(cells), rng.integers(ell, size=cells)]  # of one example
        mine = drawn[np.arange(cells), label]
        others = drawn.copy()
        others[np.arange(cells), label] = -1
        fit, unfit = mine > others.max(1), mine < others.max(1)
        row = noise.labels(kappa, n_classes, ell).iloc[0]
        for right, name in ((label == 0, "right"), (label != 0, "wrong")):
            for found, share in ((fit, row[f"{name}_fit"]), (unfit, row[f"{name}_unfit"])):
                deviation = np.sqrt(share * (1 - share) / right.sum())
                if deviation > 1e-9:
                    z.append((found[right].mean() - share) / deviation)
    assert np.abs(z).max() < 5
    assert 0.3 < np.mean(np.square(z)) < 2.5
    wrong = noise.labels(kappa + 0.05, n_classes, 3).iloc[0]  # control: another noise
    right = noise.labels(kappa, n_classes, 3).iloc[0]
    assert abs(wrong["wrong_fit"] - right["wrong_fit"]) > 5 * np.sqrt(0.25 / cells)


def test_fitting_every_label_costs_what_a_random_one_of_those_seen_loses() -> None:
    """Σ_ℓ mass_ℓ (P_ℓ − q) over ℓ ≥ 3, from the masses by ℓ."""
    problem = Problem(Zipf(alpha=0.3, size=100), 60)
    q = 0.5 + 0.5 / 10
    chances = wins(64, 10, 0.5)
    want = sum(exact.cost(problem, ell).value / 0.9 * (chances[ell] - q) for ell in range(3, 12))
    assert noise.noise(problem, 0.5)["fitting_every_label"][0] == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: noise.labels(1.0, 10),
        lambda: noise.labels(0.0, 10),
        lambda: noise.labels(0.5, 10, 100),
        lambda: noise.labels(0.5, 10, 3, "dirty"),  # type: ignore[arg-type]
        lambda: noise.crossover(1e-4, 2),
        lambda: noise.noise(Problem(Zipf(alpha=1, size=5), 5), 1.5),
    ],
)
def test_what_cannot_be_is_refused(make: object) -> None:
    with pytest.raises(ArgumentError):
        make()  # type: ignore[operator]
