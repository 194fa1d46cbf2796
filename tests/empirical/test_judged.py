"""Attributions judged where the truth is planted: scores, their errors, the noise ceiling, leaving one out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from empirical.attributions.brittle import brittleness
from empirical.attributions.ceiling import ceiling, highest
from empirical.attributions.judged import judged, marked
from empirical.attributions.lds import correlation, foretold, lds
from empirical.data.data import Data
from empirical.designs import Bernoulli, Fixed, Orthogonal
from empirical.estimates.halves import halves
from empirical.estimates.influence import influence
from empirical.learners import KNN
from empirical.standins.judge import auc
from empirical.training.trials import Trials
from longtail.core import ArgumentError

Z = 5.0
COIN = Bernoulli(0.6)


def planted(seed: int, t: int, n: int, q: int, explained: float, design=COIN, score: str = "margin"):
    """Outputs that planted scores explain a share of, the rest noise; and the scores."""
    rng = np.random.default_rng(seed)
    masks, w = design.subsets(seed, np.arange(t), n), rng.normal(size=(n, q))
    sums = (masks - 0.6) @ w / np.sqrt(0.24 * (w**2).sum(0))
    f = np.sqrt(explained) * sums + np.sqrt(1 - explained) * rng.normal(size=sums.shape)
    values = f + 0.3 > 0 if score == "correct" else f if score == "margin" else -f
    return Trials.of(masks, np.zeros((t, n), bool), values, score=score, design=design), w


def test_correlations_are_those_of_scipy_with_ties_too():
    rng = np.random.default_rng(0)
    for ties in (1000, 7, 2):
        x, y = rng.integers(0, ties, 60).astype(float), rng.integers(0, ties, 60).astype(float)
        found, moves = correlation(x, y)
        assert found == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
        assert moves.mean() == pytest.approx(0, abs=1e-12)
    assert np.isnan(correlation(x, np.ones(60))[0])


def test_influence_functions_are_what_a_point_more_would_change():
    """The slope of ρ_S in a weight put on one point, by repeating all points a hundred times and that one once more."""
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 9, 40).astype(float), rng.integers(0, 2, 40).astype(float)
    base, moves = correlation(x, y)
    for k in (0, 7, 23):
        many = [np.append(np.tile(v, 1000), np.full(40, v[k])) for v in (x, y)]
        slope = (correlation(*many)[0] - base) * (1000 + 1)
        assert slope == pytest.approx(moves[k], rel=0.01, abs=0.01)


@pytest.mark.parametrize("binary", [False, True])
def test_errors_of_a_correlation_are_its_spread(binary):
    rng = np.random.default_rng(2)
    found = []
    for _ in range(400):
        x = rng.normal(size=300)
        y = 0.6 * x + 0.8 * rng.normal(size=300)
        value, moves = correlation(x, (y > 0.5).astype(float) if binary else y)
        found.append((value, moves.std(ddof=1) / np.sqrt(300)))
    value, error = np.array(found).T
    z2 = ((value - value.mean()) / error) ** 2
    assert abs(z2.mean() - 1) < Z * z2.std() / 20
    if not binary:
        truth = 6 / np.pi * np.arcsin(0.3)
        assert abs(value.mean() - truth) < Z * value.std() / 20 + 0.002  # its bias is of order 1/t


@pytest.mark.parametrize(("score", "sign"), [("margin", 1), ("loss", 1), ("margin", -1)])
def test_the_truth_scores_one_and_its_opposite_minus_one(score, sign):
    trials, w = planted(3, 200, 30, 5, 1.0, score=score)
    found = lds(trials, sign * w)
    np.testing.assert_allclose(found.value, sign, atol=2e-3)  # outputs are kept in float32
    np.testing.assert_allclose(foretold(trials, w), trials.masks().astype(float) @ w, atol=1e-12)


def test_scores_of_some_test_examples_alone():
    trials, w = planted(3, 100, 20, 6, 0.5)
    some = np.array([4, 1])
    np.testing.assert_array_equal(lds(trials, w[:, some], some).value, lds(trials, w).value[some])
    table = judged(trials, w[:, some], tests=some).table
    np.testing.assert_allclose(table["explained"], ceiling(trials, w).explained[some])


@pytest.mark.parametrize("design", [Bernoulli(0.6), Fixed(0.6)])
@pytest.mark.parametrize("score", ["margin", "correct"])
def test_the_ceiling_is_what_the_truth_reaches(design, score):
    """And random scores none of it, leaving one out likewise; errors are those that are stated, or smaller."""
    apart, left, chance, alone = [], [], [], []
    for seed in range(12):
        trials, w = planted(seed, 400, 50, 12, 0.6, design, score)
        found = judged(trials, w)
        apart.append((float(found.lds.value - found.highest.value), float(found.highest.stderr)))
        left.append((float(found.left_out.value) - 1, float(found.left_out.stderr)))
        wrong = judged(trials, np.random.default_rng(seed + 10_000).normal(size=w.shape))
        chance.append((float(wrong.lds.value), float(wrong.lds.stderr)))
        alone.append((float(wrong.left_out.value), float(wrong.left_out.stderr)))
        assert found.lds.value - wrong.lds.value > 8 * wrong.lds.stderr  # the control
    for pairs in (apart, left, chance, alone):
        value, error = np.array(pairs).T
        assert abs(value.mean()) < Z * np.sqrt((error**2).mean() / 12)
        assert ((value / error) ** 2).mean() < 1 + Z * np.sqrt(2 / 12)


def test_what_is_explained_is_the_product_of_halves():
    """Averaged over many test examples, the unbiased square is what two halves of the models agree on."""
    trials, w = planted(5, 800, 40, 200, 0.5)
    found = ceiling(trials, w)
    first, second = (influence(part, slice(0, 200)) for part in halves(trials))
    p = trials.masks().mean()
    agreed = p * (1 - p) * (first * second).sum(0) / trials.test_scores().var(0, ddof=1)
    assert abs(found.explained.mean() - 0.5) < 0.03
    assert abs(agreed.mean() - found.explained.mean()) < 0.03
    naive = p * (1 - p) * (influence(trials, slice(0, 200)) ** 2).sum(0) / trials.test_scores().var(0, ddof=1)
    assert naive.mean() - 0.5 > 0.02  # the control: noise adds to squares


def test_the_highest_correlations_are_those_simulated():
    rng = np.random.default_rng(6)
    x = rng.normal(size=200_000)
    for explained in (0.2, 0.8, 1.0):
        y = np.sqrt(explained) * x + np.sqrt(1 - explained) * rng.normal(size=len(x))
        assert abs(highest(explained) - spearmanr(x, y).statistic) < Z / np.sqrt(len(x))
        for level in (0.0, 1.2):
            right = y > level
            ours = highest(np.array([explained]), np.array([right.mean()]))[0]
            assert abs(ours - spearmanr(x, right).statistic) < Z / np.sqrt(len(x))


def test_intervals_stay_within_one_and_hold_the_truth():
    truth, held, total = 6 / np.pi * np.arcsin(np.sqrt(0.6) / 2), 0, 0
    for seed in range(10):
        trials, w = planted(seed + 50, 150, 60, 40, 0.6)
        table = judged(trials, w).table
        assert table["high"].max() < 1
        held, total = held + int(((table["low"] < truth) & (truth < table["high"])).sum()), total + len(table)
    assert 0.90 < held / total < 0.99  # of 400


def test_test_examples_that_never_vary_are_not_counted():
    trials, w = planted(7, 100, 20, 4, 0.5, score="correct")
    right = trials.test_scores().copy()
    right[:, 2] = True
    found = judged(Trials.of(trials.masks(), trials.train_scores(), right, design=COIN), w)
    assert found.table["lds"].isna().tolist() == [False, False, True, False]
    assert np.isnan(found.table["explained"][2])
    assert found.summary["tests_that_vary"] == 3
    assert np.isfinite(found.summary["lds"] + found.summary["highest"] + found.summary["left_out"])
    none = judged(Trials.of(trials.masks(), trials.train_scores(), np.ones((100, 4), bool), design=COIN), w)
    assert np.isnan(none.lds.value)


def test_arrays_have_no_ceiling():
    design = Orthogonal(fraction=0.5, rows=64)
    trials, w = planted(8, 64, 10, 3, 0.5, design)
    found = judged(trials, w)
    assert (found.highest, found.left_out) == (None, None)
    assert found.summary["highest"] is None


def test_mislabeled_examples_are_those_that_hurt():
    trials, w = planted(9, 60, 30, 4, 0.5)
    wrong = np.array([3, 11])
    scores = w.copy()
    scores[wrong] -= 100
    for flipped in (wrong, np.isin(np.arange(30), wrong), np.isin(np.arange(30), wrong).astype(int)):
        found = judged(trials, scores, flipped=flipped).mislabeled
        assert found.value == 1.0
    assert judged(trials, w, flipped=wrong).mislabeled.value == auc(-w.sum(1), marked(wrong, 30)).value


@pytest.mark.parametrize("flipped", [[30], [-1], [1, 1], [0.5], [[1]], []])
def test_wrong_marks_are_refused(flipped):
    with pytest.raises(ArgumentError, match="flipped: got"):
        marked(flipped, 30)


def test_wrong_shapes_and_too_few_models_are_refused():
    trials, w = planted(10, 20, 10, 3, 0.5)
    with pytest.raises(ArgumentError, match=r"scores: got shape \(3, 10\)"):
        lds(trials, w.T)
    with pytest.raises(ArgumentError, match="takes 4 or more"):
        lds(trials.take(slice(0, 3)), w)
    with pytest.raises(ArgumentError, match="tests: got"):
        judged(trials, w, tests=np.array([0, 1, 3]))


def test_answers_turn_where_what_carries_them_is_left_out():
    """Test examples that each copy two training examples, alone of their class: by the truth all turn, by chance few."""
    x = np.concatenate([np.eye(10).repeat(2, axis=0) * 5, np.random.default_rng(0).normal(0, 0.01, (20, 10)) - 1])
    labels = np.append(np.arange(20) // 2, np.full(20, 10))
    data = Data(x.astype(np.float32), labels, np.eye(10, dtype=np.float32) * 5, np.arange(10), tuple(range(11)))
    truth = np.zeros((40, 10))
    truth[np.arange(20), np.arange(20) // 2] = 1
    table = brittleness(data, KNN(), truth, 8, removed=(1, 2, 50))
    assert table["removed"].tolist() == [1, 2]  # 50 of 40 cannot be left out
    assert (table["tests"] == 8).all()
    assert table["turned"].tolist() == [0.0, 1.0]
    assert table["turned_random"].max() < 0.5
    some = brittleness(data, KNN(), truth[:, [3]], 8, tests=np.array([3]), removed=(2,))
    assert (some["tests"].tolist(), some["turned"].tolist()) == ([1], [1.0])
    never = Data(data.x_train, data.y_train, data.x_test, np.full(10, 10), data.classes)
    with pytest.raises(ArgumentError, match="no answer that is right"):
        brittleness(never, KNN(), truth, 8)
