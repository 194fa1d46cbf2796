"""Ridge: the compiled paths, the oracle and scikit-learn agree; a trial does not depend on its batch."""

from __future__ import annotations

import array_api_strict
import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from empirical.data.data import Data
from empirical.learners.ridge import ridge
from empirical.learners.ridge.ridge import Ridge, weights
from empirical.learners.shared.scores import held_classes, scored
from longtail.core import ArgumentError

pytestmark = pytest.mark.kernels


def by_oracle(data: Data, masks: np.ndarray, penalty: float, score: str) -> np.ndarray:
    """Outputs for ±1 targets."""
    rows = np.concatenate([data.x_train, data.x_test]).astype(np.float64)
    rows = np.column_stack([np.ones(len(rows)), rows - rows[: data.n].mean(0)])
    solution = weights(rows[: data.n], 2 * np.eye(data.n_classes)[data.y_train] - 1, masks, penalty)
    values = rows @ solution.transpose(0, 2, 1)
    present = held_classes(masks, data.y_train, data.n_classes)
    return scored(values, present, np.append(data.y_train, data.y_test), score)  # type: ignore[arg-type]


@pytest.fixture(params=["narrow", "wide"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "wide":
        monkeypatch.setattr(ridge, "NARROW", 0)
    return str(request.param)


@pytest.mark.parametrize("penalty", [0.1, 1.0, 30.0])
def test_margins_are_the_oracles(small: Data, masks: np.ndarray, path: str, penalty: float) -> None:
    train, test = Ridge(penalty).prepare(small, "margin")(masks, np.arange(40))
    np.testing.assert_allclose(np.hstack([train, test]), by_oracle(small, masks, penalty, "margin"), atol=2e-5)


def test_predictions_are_scikit_learns(digits: Data, path: str) -> None:
    masks = np.random.default_rng(0).random((20, digits.n)) < 0.7
    train, test = Ridge().prepare(digits)(masks, np.arange(20))
    cells = 0
    for mask, a, b in zip(masks, train, test, strict=True):
        peer = RidgeClassifier().fit(digits.x_train[mask].astype(float), digits.y_train[mask])
        cells += ((peer.predict(digits.x_train) == digits.y_train) != a).sum()
        cells += ((peer.predict(digits.x_test) == digits.y_test) != b).sum()
    assert cells <= 1e-4 * masks.shape[0] * 1797
    assert 0.8 < test.mean() < 0.95


def test_the_oracle_runs_in_another_namespace(small: Data, masks: np.ndarray) -> None:
    rows = np.column_stack([np.ones(90), small.x_train]).astype(np.float64)
    arguments = rows, np.eye(3)[small.y_train], masks
    strict = weights(*(array_api_strict.asarray(v) for v in arguments), 1.0)
    np.testing.assert_allclose(np.asarray(strict), weights(*arguments, 1.0), rtol=1e-9)


def test_a_class_that_is_absent_is_never_predicted(small: Data, masks: np.ndarray, path: str) -> None:
    train, _ = Ridge(1e-2).prepare(small)(masks, np.arange(40))
    assert not train[3][small.y_train == 1].any()
    np.testing.assert_array_equal(train[4], small.y_train == 2)


def test_a_trial_does_not_depend_on_its_batch(digits: Data, path: str) -> None:
    masks = np.random.default_rng(2).random((300 if path == "narrow" else 40, digits.n)) < 0.7
    trainer = Ridge().prepare(digits, "margin")
    trials = np.arange(len(masks))
    whole = trainer(masks, trials)
    order = np.random.default_rng(3).permutation(len(masks))
    shuffled = trainer(masks[order], trials[order])
    for a, b in zip(whole, shuffled, strict=True):
        np.testing.assert_array_equal(a[order], b)
    for rows in (slice(0, 1), slice(5, 22), slice(len(masks) - 3, len(masks))):
        for a, b in zip(whole, trainer(masks[rows], trials[rows]), strict=True):
            np.testing.assert_array_equal(a[rows], b)


def test_a_small_penalty_is_solved_in_double_precision(small: Data, masks: np.ndarray) -> None:
    trainer = Ridge(1e-7).prepare(small, "margin")
    assert isinstance(trainer, ridge.Wide)
    assert trainer.precision == np.float64
    found = np.hstack(trainer(masks[:3], np.arange(3)))
    np.testing.assert_allclose(found, by_oracle(small, masks[:3], 1e-7, "margin"), atol=1e-4)


def test_the_penalty_must_be_positive() -> None:
    with pytest.raises(ArgumentError, match="penalty"):
        Ridge(0)
    assert repr(Ridge(1)) == "Ridge(penalty=1.0)"
