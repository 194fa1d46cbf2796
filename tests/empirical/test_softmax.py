"""Softmax: the descent, Newton's oracle and scikit-learn agree."""

from __future__ import annotations

import array_api_strict
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from empirical.data.data import Data
from empirical.learners.shared.scores import held_classes, scored
from empirical.learners.softmax.softmax import Softmax, weights

pytestmark = pytest.mark.kernels


def by_oracle(data: Data, masks: np.ndarray, penalty: float, score: str) -> np.ndarray:
    rows = np.concatenate([data.x_train, data.x_test]).astype(np.float64)
    rows = np.column_stack([np.ones(len(rows)), rows - rows[: data.n].mean(0)])
    solution = weights(rows[: data.n], np.eye(data.n_classes)[data.y_train], masks, penalty)
    present = held_classes(masks, data.y_train, data.n_classes)
    values = rows @ solution.transpose(0, 2, 1)
    return scored(values, present, np.append(data.y_train, data.y_test), score)  # type: ignore[arg-type,no-any-return]


@pytest.mark.parametrize("penalty", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("score", ["margin", "probability", "loss"])
def test_scores_are_the_oracles(small: Data, masks: np.ndarray, penalty: float, score: str) -> None:
    learner = Softmax(penalty, tolerance=1e-8)
    train, test = learner.prepare(small, score)(masks, np.arange(40))  # type: ignore[arg-type]
    np.testing.assert_allclose(np.hstack([train, test]), by_oracle(small, masks, penalty, score), rtol=1e-3, atol=5e-3)


def test_predictions_are_those_of_a_tight_cold_solve(digits: Data) -> None:
    masks = np.random.default_rng(0).random((4, digits.n)) < 0.7
    train, test = Softmax().prepare(digits)(masks, np.arange(4))
    different = 0
    for mask, a, b in zip(masks, train, test, strict=True):
        peer = LogisticRegression(C=1.0, tol=1e-7, max_iter=10_000)
        peer.fit(digits.x_train[mask].astype(float), digits.y_train[mask])
        different += ((peer.predict(digits.x_train) == digits.y_train) != a).sum()
        different += ((peer.predict(digits.x_test) == digits.y_test) != b).sum()
    assert different <= 1e-3 * 4 * 1797
    assert test.mean() > 0.85


def test_the_oracle_meets_scikit_learn(small: Data, masks: np.ndarray) -> None:
    rows = np.column_stack([np.ones(90), small.x_train]).astype(float)
    solution = weights(rows, np.eye(3)[small.y_train], masks[:2], 0.5)
    for mask, found in zip(masks, solution, strict=False):
        peer = LogisticRegression(C=2.0, tol=1e-10, max_iter=10_000).fit(
            small.x_train[mask].astype(float), small.y_train[mask]
        )
        np.testing.assert_allclose(found[:, 1:], peer.coef_, atol=1e-4)


def test_the_oracle_runs_in_another_namespace(small: Data, masks: np.ndarray) -> None:
    rows = np.column_stack([np.ones(90), small.x_train]).astype(float)
    arguments = rows, np.eye(3)[small.y_train], masks[:5]
    strict = weights(*(array_api_strict.asarray(v) for v in arguments), 1.0)
    np.testing.assert_allclose(np.asarray(strict), weights(*arguments, 1.0), atol=1e-8)


def test_a_class_that_is_absent_is_never_predicted(small: Data, masks: np.ndarray) -> None:
    trainer = Softmax().prepare(small, "probability")
    train, _ = trainer(masks, np.arange(40))
    assert (train[3][small.y_train == 1] == 0).all()
    np.testing.assert_allclose(train[4], small.y_train == 2)


def test_labels_left_out_are_never_seen(small: Data, masks: np.ndarray) -> None:
    """Flip every left-out label of one trial: its decision values stay the same to the bit."""
    other = np.where(masks[0], small.y_train, (small.y_train + 1) % 3)
    flipped = Data(small.x_train, other, small.x_test, small.y_test, small.classes)
    _, a = Softmax().prepare(small, "margin")(masks[:1], np.arange(1))
    _, b = Softmax().prepare(flipped, "margin")(masks[:1], np.arange(1))
    np.testing.assert_array_equal(a, b)
