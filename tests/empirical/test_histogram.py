"""Counts of pairs by influence against dense ones, and their errors against counts of many runs and models that are left out."""

import numpy as np
import pytest

from empirical.designs import Bernoulli, Fixed, Orthogonal
from empirical.estimates import histogram as module
from empirical.estimates.false_pairs import expected_false
from empirical.estimates.histogram import histogram
from empirical.estimates.influence import influence
from empirical.estimates.pairing import Pairing
from empirical.training.trials import Trials
from longtail import philox
from longtail.core import ArgumentError
from tests.empirical.teachers import Teachers

LEVELS = np.array([0.15, 0.2, 0.25, 0.3, 0.65, 0.75])  # most pairs truly have .21 or .7
Z, RUNS = 5, 48
SMALL = ((1, 20), (3, 5))


def counts(trials, levels=LEVELS):
    """Pairs, tests and single ones at or above each level, (3K,), from all influences at once."""
    dense = influence(trials, slice(0, trials.n_test))
    times = np.array([(dense >= level - 1e-12).sum(0) for level in levels])
    return np.concatenate([times.sum(1), (times > 0).sum(1), (times == 1).sum(1)]).astype(float)


@pytest.mark.parametrize("design", [Bernoulli(0.7), Fixed(0.5), Orthogonal(0.5, 64)])
def test_counts_are_those_of_dense_influences(design):
    planted = Teachers.drawn(design, sizes=SMALL, n_test=40)
    trials = planted.trials(0, 256)
    pairing = Pairing(*planted.y)
    found = histogram(trials, pairing, LEVELS)
    assert np.array_equal(np.concatenate([found.pairs, found.tests, found.single]), counts(trials))
    assert np.array_equal(found.false, expected_false(trials, pairing.at(LEVELS[0]), LEVELS))
    count, false, covariance = found.bins
    assert count.sum() == found.pairs[0]
    assert np.isclose(false.sum(), found.false[0])
    assert np.isclose(covariance.sum(), found.covariance[0, 0])
    table = found.table
    assert table["in_bin"].tolist() == count.tolist()
    assert np.allclose(table["single_stderr"] ** 2, np.diag(found.covariance)[12:])


@pytest.mark.parametrize(
    ("design", "t"), [(Bernoulli(0.7), 139), (Orthogonal(0.5, 64), 512), (Orthogonal(0.75, 256), 1024)]
)
def test_models_are_left_out_as_it_says(design, t):
    """Straight from the definition: every subset of the models made a record of trials of its own."""
    planted = Teachers.drawn(design, sizes=SMALL, n_test=40)
    trials = planted.trials(0, t)
    per_group = 8 if design.iid else design.rows
    group = np.arange(t) // per_group
    g = group[-1] + 1
    out = max(1, g // module.LEFT_OUT)
    every = []
    for r in range(module.AGAIN):
        gone = np.argsort(philox.uniforms(0, philox.RESAMPLE, r, 0, g), kind="stable")[:out]
        dense = influence(trials.take(~np.isin(group, gone)), slice(0, 40))
        times = np.array([(dense >= level - 1e-12).sum(0) for level in LEVELS])
        every.append(np.concatenate([times, times > 0, times == 1]))
    x = np.array(every, float)  # (R, 3K, tests)
    f = (g - out) / out
    together, own = np.cov(x.sum(2).T), sum(np.cov(x[:, :, j].T) for j in range(40))
    expected = f * (together - own) + np.sqrt(f) * own
    value, direction = np.linalg.eigh(expected)
    expected = direction * np.maximum(value, 0) @ direction.T
    found = histogram(trials, Pairing(*planted.y), LEVELS).covariance
    assert np.allclose(found, expected, rtol=0, atol=0.02 * np.abs(expected).max())  # pairs beyond reach are left out
    assert not np.allclose(found, f * together, rtol=0, atol=0.1 * np.abs(expected).max())


@pytest.fixture(scope="module")
def spread():
    """Of many runs: the histogram's bins, and what was said of their variance; both as (runs, bins)."""
    planted = Teachers.drawn(Fixed(0.7))
    found = [histogram(planted.trials(seed, 400), Pairing(*planted.y), LEVELS) for seed in range(RUNS)]
    return np.array([h.bins[0] for h in found]), np.array([np.diag(h.bins[2]) for h in found])


def test_errors_of_the_histogram_are_those_of_many_runs(spread):
    count, said = spread
    z = (count - count.mean(0)) / np.sqrt(said) * np.sqrt(RUNS / (RUNS - 1))
    often = count.mean(0) > 5
    assert often.sum() >= 4
    assert abs((z[:, often] ** 2).mean() - 1) < Z * np.sqrt(2 / (RUNS * often.sum())) * 1.5
    poisson = (count - count.mean(0)) / np.sqrt(count.mean(0))  # the control
    assert abs((poisson[:, often] ** 2).mean() - 1) > Z * np.sqrt(2 / (RUNS * often.sum())) * 1.5


def test_where_nothing_can_be_said_of_errors_they_are_unknown():
    planted = Teachers.drawn(Orthogonal(0.5, 64), sizes=SMALL, n_test=40)
    pairing = Pairing(*planted.y)
    trials = planted.trials(0, 192)
    assert np.isnan(histogram(trials, pairing).covariance).all()  # three arrays
    assert np.isnan(histogram(trials.take(slice(0, 100)), pairing).covariance).all()  # a part of one
    planted = Teachers.drawn(Bernoulli(0.5), sizes=SMALL, n_test=40)
    few = planted.trials(0, 20)
    assert np.isnan(histogram(few, pairing).covariance).all()
    floats = [np.asarray(part, np.float32) for part in (few.train_scores(), few.test_scores())]
    other = histogram(Trials.of(few.masks(), *floats, score="probability"), pairing)
    assert np.isnan(other.covariance).all()
    assert np.array_equal(other.pairs, histogram(few, pairing).pairs)


def test_levels():
    planted = Teachers.drawn(Bernoulli(0.5), sizes=SMALL, n_test=40)
    trials, pairing = planted.trials(0, 100), Pairing(*planted.y)
    assert histogram(trials, pairing).levels[0] == 0.15
    assert histogram(trials, pairing.at(0.95)).levels.tolist() == [0.95]
    for levels in ([], [0.5, 0.2]):
        with pytest.raises(ArgumentError, match="levels"):
            histogram(trials, pairing, levels)


def test_no_pairs_at_all():
    nobody = Trials.of(np.tile([[True, False], [False, True]], (40, 1)), np.ones((80, 2), bool), np.ones((80, 3), bool))
    found = histogram(nobody, Pairing(np.zeros(2, int), np.zeros(3, int)))
    assert not found.pairs.any()
    assert not found.covariance.any()


def test_whatever_is_held_at_a_time(monkeypatch):
    planted = Teachers.drawn(Bernoulli(0.7), sizes=SMALL, n_test=40)
    trials, pairing = planted.trials(0, 200), Pairing(*planted.y)
    one = histogram(trials, pairing, LEVELS).covariance
    monkeypatch.setattr(module, "PART", 3)
    assert np.allclose(histogram(trials, pairing, LEVELS).covariance, one, rtol=1e-5, atol=1e-4)
    monkeypatch.setattr(module, "HELD", 0)
    assert np.isnan(histogram(trials, pairing, LEVELS).covariance).all()
