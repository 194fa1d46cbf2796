"""False pairs and intervals against the exact nearest-neighbor truth, design by design; unequal masks; scores without bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from empirical.data.data import Data
from empirical.designs import Bernoulli, Fixed, Orthogonal
from empirical.designs.design import Design
from empirical.estimates.false_pairs import by_chance, discoveries, expected_false, threshold_for
from empirical.estimates.influence import counted_pairs
from empirical.estimates.memorization import memorization
from empirical.estimates.pairing import Pairing
from empirical.estimates.planning import stderr
from empirical.learners import KNN
from empirical.learners.knn.exact import exact
from empirical.training.job import Job
from empirical.training.run import run
from empirical.training.trials import Trials
from longtail.core import Bools, Floats

SEED, Z = 3, 5
DESIGNS = [
    pytest.param(Bernoulli(0.75), 256, id="bernoulli"),
    pytest.param(Fixed(0.75), 256, id="fixed"),
    pytest.param(Orthogonal(0.75, 256), 256, id="one array"),
    pytest.param(Orthogonal(0.75, 256), 1024, id="four arrays"),
    pytest.param(Orthogonal(0.5, 256), 256, id="one array of two levels"),
]


@dataclass(frozen=True)
class Known:
    """Data, with the truth of a nearest neighbor for subsets of three quarters."""

    data: Data
    memorization: Floats
    nothing: Bools


def known(fraction: float) -> Known:
    random = np.random.default_rng(SEED)
    n, tests = 80, 120
    y = random.integers(0, 2, n + tests)
    x = (random.normal(size=(n + tests, 3)) + 0.8 * y[:, None]).astype(np.float32)
    data = Data(x[:n], y[:n], x[n:], y[n:], (0, 1))
    truth, cells = exact(data, p=fraction)
    inside, outside = cells.dense(n)
    return Known(data, truth, np.abs(inside - outside) < 0.005)


@pytest.mark.parametrize(("design", "t"), DESIGNS)
def test_no_more_false_pairs_than_expected(design: Design, t: int):
    """Pairs of either class, so that some examples do harm: what is expected is then an upper bound."""
    it, theta = known(design.inclusion(80)), np.array([0.1, 0.15, 0.2])
    false, expected, share = [], [], []
    for seed in range(8):
        trials = run(Job(it.data, KNN(), design, seed), t)
        found = counted_pairs(trials, Pairing(threshold=0.1, same_class=False))
        untrue = found.influence[it.nothing[found.train, found.test]]
        false.append([(untrue >= v).sum() for v in theta])
        expected.append(expected_false(trials, Pairing(same_class=False), theta))
        best = threshold_for(trials, Pairing(it.data.y_train, it.data.y_test), 0.05)
        kept = counted_pairs(trials, Pairing(it.data.y_train, it.data.y_test, best))
        share.append(it.nothing[kept.train, kept.test].mean())
    seen, bound = np.mean(false, 0), np.mean(expected, 0)
    error = np.std(np.subtract(false, expected), 0, ddof=1) / np.sqrt(8)
    assert (seen < bound + Z * error).all()
    assert np.mean(share) < 0.05 + Z * np.std(share, ddof=1) / np.sqrt(8)
    if design.iid:
        assert (abs(seen - bound) < Z * error + 0.2 * bound)[:2].all()  # few pairs of these have any influence
    elif t == 256:  # the control: as if trials were independent
        assert seen[2] > 2 * by_chance(trials, Pairing(same_class=False), theta)[2]


def test_false_pairs_of_examples_that_were_in_at_unequal_rates():
    random = np.random.default_rng(SEED)
    t, n, tests = 1000, 1000, 300
    for rate in (np.where(random.random(n) < 0.03, 0.02, 0.7), random.uniform(0.02, 0.98, n)):
        masks = random.random((t, n)) < rate
        for scores, name, unit in (
            (random.random((t, tests)) < 0.5, "correct", 1),
            (random.normal(size=(t, tests)), "margin", 2),
        ):
            trials = Trials.of(masks, np.zeros((t, n), scores.dtype), scores, score=name)
            theta = unit * np.array([0.1, 0.2])
            found = counted_pairs(trials, Pairing(threshold=theta[0], same_class=False)).influence
            seen = np.array([(found >= v).sum() for v in theta])
            expected = expected_false(trials, Pairing(same_class=False), theta)
            # examples of one rate share their masks with all tests, so that counts spread by more than their roots
            assert (abs(seen - expected) < Z * 2 * np.sqrt(expected)).all()
            alike = Trials.of(random.random((t, n)) < rate.mean(), trials.train_scores(), scores, score=name)
            assert expected_false(alike, Pairing(same_class=False), theta)[1] < expected[1] / 5


def test_false_pairs_of_one_class_when_classes_are_in_at_other_rates():
    """Tests of the class that is hardly ever in have most false pairs."""
    random = np.random.default_rng(SEED)
    y, z = np.repeat([0, 1], [900, 100]), np.repeat([0, 1], [50, 250])
    masks = random.random((1000, 1000)) < np.where(y == 1, 0.03, 0.7)
    trials = Trials.of(masks, masks, random.random((1000, 300)) < 0.5)
    seen, expected = len(counted_pairs(trials, Pairing(y, z, 0.2))), expected_false(trials, Pairing(y, z), 0.2)[0]
    assert abs(seen - expected) < Z * 2 * np.sqrt(expected)
    assert expected > 2 * expected_false(trials, Pairing(y, 1 - z), 0.2)[0]


@pytest.mark.parametrize("score", ["margin", "loss"])
def test_a_score_without_bounds_has_a_threshold(score: str):
    random = np.random.default_rng(SEED)
    masks = random.random((400, 60)) < 0.7
    sign = -1 if score == "loss" else 1
    scores = 20 * random.normal(size=(400, 40))
    scores[:, :30] += sign * 100 * masks[:, :30]
    trials = Trials.of(masks, np.zeros(masks.shape), scores, score=score)
    at = threshold_for(trials, Pairing(same_class=False), 0.05)
    assert len(counted_pairs(trials, Pairing(threshold=at, same_class=False))) in (30, 31)
    table = discoveries(trials, Pairing(same_class=False))
    assert table["threshold"].iloc[-1] > 90
    nothing = Trials.of(masks, np.zeros(masks.shape), np.ones((400, 40)), score=score)
    assert np.isnan(threshold_for(nothing, Pairing(same_class=False)))


@pytest.mark.parametrize(("design", "t"), DESIGNS)
def test_intervals_hold_the_truth_in_every_design(design: Design, t: int):
    it = known(design.inclusion(80))
    held = []
    for seed in range(30):
        table = memorization(run(Job(it.data, KNN(), design, seed), t), it.data.y_train)
        held.append((table["low"] - 1e-9 <= it.memorization) & (it.memorization <= table["high"] + 1e-9))
    share = np.mean(held, 0)
    edge = (it.memorization > 1e-9) & (it.memorization < 0.02) | (it.memorization > 0.98) & (it.memorization < 1 - 1e-9)
    for some in (edge, (it.memorization > 0.1) & (it.memorization < 0.9)):
        assert share[some].mean() > 0.93
        assert share[some].min() > 0.95 - Z * np.sqrt(0.05 * 0.95 / 30)
    assert table["stderr"].mean() < stderr(t, 0.5)  # no wider than needed
    normal = [
        (abs(it.memorization - it_is["memorization"]) <= 1.96 * it_is["stderr"] + 1e-9)
        for it_is in (memorization(run(Job(it.data, KNN(), design, seed), t), it.data.y_train) for seed in range(8))
    ]
    assert np.mean(normal, 0)[edge].mean() < 0.9  # the control
