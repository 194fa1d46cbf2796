"""Influence of training examples on each other: against planted truth, against one pair after the other, and its false pairs."""

import numpy as np
import pytest

from empirical.designs import Bernoulli, Fixed, Orthogonal
from empirical.estimates.cells import Cells
from empirical.estimates.pairing import Pairing
from empirical.estimates.taught import expected_false, taught
from empirical.training.trials import Trials
from longtail.core import ArgumentError
from tests.empirical.teachers import Teachers

Z = 5
SMALL = ((1, 20), (2, 10), (3, 5))


def dense(trials):
    """Cells of all pairs, (n, n), one column after the other, from the models that held it out."""
    masks, right = trials.masks(), trials.train_scores()
    parts = []
    for j in range(trials.n):
        m, f = masks[~masks[:, j]], right[~masks[:, j], j]
        parts.append(Cells.of_sums(len(m), m.sum(0), m[f].sum(0), f.sum()))
    return np.array([c.value for c in parts]).T, np.array([c.stderr for c in parts]).T


@pytest.mark.parametrize("threshold", [0.15, 0.02, 0.0, -0.3])
@pytest.mark.parametrize("labels", [None, 3])
def test_pairs_are_those_of_models_that_held_the_taught_out(threshold, labels):
    planted = Teachers.drawn(Fixed(0.7), sizes=SMALL, n_test=5)
    trials = planted.trials(0, 130)
    y = None if labels is None else np.arange(planted.n) // 2 % labels
    pairing = Pairing(y, None, threshold, same_class=labels is not None)
    found = taught(trials, pairing).pairs
    value, error = dense(trials)
    together = ~np.eye(planted.n, dtype=bool) & (True if y is None else y[:, None] == y)
    i, j = np.nonzero((value >= threshold) & together)
    assert len(found) == len(i) > 20
    assert set(zip(found["train_index"], found["taught_index"], strict=True)) == set(zip(i, j, strict=True))
    at = found["train_index"], found["taught_index"]
    assert np.allclose(found["influence"], value[at], rtol=0, atol=1e-12)
    assert np.allclose(found["stderr"], error[at], rtol=0, atol=1e-12)
    assert (np.diff(found["influence"]) <= 0).all()
    assert ((found["low"] <= found["influence"]) & (found["influence"] <= found["high"])).all()
    kept = np.arange(planted.n) % 2 == 0
    some = taught(trials, Pairing(y, None, threshold, labels is not None, kept)).pairs
    assert len(some) == int(kept[i].sum())


@pytest.mark.parametrize("design", [Bernoulli(0.7), Fixed(0.7)])
def test_estimates_are_right_and_so_are_their_errors(design):
    planted = Teachers.drawn(design, sizes=SMALL, n_test=5)
    truth, own = planted.taught, planted.taught > 0.1
    z, known, mixed = [], [], []
    for seed in range(12):
        trials = planted.trials(seed, 600)
        value, error = dense(trials)
        z.append((value - truth)[own & (error > 0)] / error[own & (error > 0)])
        known.append(value[own].mean() - truth[own].mean())
        m, right = trials.masks().astype(float), trials.train_scores()
        everybody = (m.T @ right) / m.sum(0)[:, None] - ((1 - m).T @ right) / (1 - m).sum(0)[:, None]
        mixed.append(everybody[own].mean() - truth[own].mean())
    z = np.concatenate(z)
    assert abs((z**2).mean() - 1) < Z * np.sqrt(2 / len(z)) * 1.5  # pairs of one cluster share models
    assert abs(np.mean(known)) < Z * np.std(known, ddof=1) / np.sqrt(12)
    # the control: of models that trained on j as well
    assert abs(np.mean(mixed)) > Z * np.std(mixed, ddof=1) / np.sqrt(12)


@pytest.mark.parametrize("design", [Bernoulli(0.6), Fixed(0.7)])
def test_no_more_false_pairs_than_expected(design):
    planted = Teachers.drawn(design, sizes=((1, 60), (2, 5)), n_test=5, guesses=(0.4, 0.4))
    pairing = Pairing(threshold=0.15, same_class=False)
    nothing = planted.taught < 0.005
    seen, said = [], []
    for seed in range(30):
        found = taught(planted.trials(seed, 300), pairing)
        seen.append(nothing[found.pairs["train_index"], found.pairs["taught_index"]].sum())
        said.append(found.false)
    assert np.mean(said) > 20
    assert abs(np.mean(seen) - np.mean(said)) < Z * np.std(seen, ddof=1) / np.sqrt(30)
    least = planted.trials(0, 300)
    assert expected_false(least, pairing.at(-0.999)) > 0.999 * planted.n * (planted.n - 1)
    few = np.arange(planted.n) < 7
    assert np.isclose(expected_false(least, Pairing(same_class=False, kept=few)) / said[0], 7 / planted.n, rtol=0.2)


def test_pairs_of_the_other_sign_in_an_array():
    planted = Teachers.drawn(Orthogonal(0.75, 256), sizes=SMALL, n_test=5)
    trials = planted.trials(0, 512)
    value, _ = dense(trials)
    np.fill_diagonal(value, np.nan)
    assert expected_false(trials, Pairing(threshold=0.1, same_class=False)) == (value <= -0.1).sum() > 0


def test_what_cannot_be_said_is_refused():
    planted = Teachers.drawn(Bernoulli(0.6), sizes=SMALL, n_test=5)
    trials = planted.trials(0, 30)
    with pytest.raises(ArgumentError, match="y_train"):
        taught(trials, Pairing())
    with pytest.raises(ArgumentError, match="threshold"):
        taught(trials, Pairing(threshold=2.0, same_class=False))
    floats = [np.asarray(part, np.float32) for part in (trials.train_scores(), trials.test_scores())]
    with pytest.raises(ArgumentError, match="score"):
        taught(Trials.of(trials.masks(), *floats, score="margin"), Pairing(same_class=False))


def test_nobody_teaches_anybody_where_all_are_known():
    trials = Trials.of(np.random.default_rng(0).random((50, 9)) < 0.5, np.ones((50, 9), bool), np.ones((50, 2), bool))
    found = taught(trials, Pairing(same_class=False))
    assert len(found.pairs) == 0
    assert found.false == 0
