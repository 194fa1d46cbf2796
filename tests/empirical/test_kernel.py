"""Kernel ridge and random features: leaving out, the subset's own system, the oracle and scikit-learn agree."""

from __future__ import annotations

import array_api_strict
import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge as Peer
from sklearn.linear_model import RidgeClassifier

from empirical.data.data import Data
from empirical.learners.ridge import kernel
from empirical.learners.ridge.features import RandomFeatures
from empirical.learners.ridge.kernel import KernelRidge, outputs
from empirical.learners.shared.scores import held_classes, scored
from longtail.core import ArgumentError

pytestmark = pytest.mark.kernels


def by_oracle(learner: KernelRidge, data: Data, masks: np.ndarray) -> np.ndarray:
    similar = learner.similarity(np.concatenate([data.x_train, data.x_test]), data.x_train)
    values = outputs(similar, 2 * np.eye(data.n_classes)[data.y_train] - 1, masks, learner.penalty)
    present = held_classes(masks, data.y_train, data.n_classes)
    return scored(values, present, np.append(data.y_train, data.y_test), "margin")  # type: ignore[no-any-return]


@pytest.mark.parametrize("kept", [0.0, 0.4, 2.0])
@pytest.mark.parametrize(
    "learner", [KernelRidge(0.5), KernelRidge(2, "laplacian", 0.1), KernelRidge(1, "linear"), KernelRidge(1e-4)]
)
def test_margins_are_the_oracles(
    small: Data, masks: np.ndarray, learner: KernelRidge, kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "KEPT", kept)
    train, test = learner.prepare(small, "margin")(masks, np.arange(40))
    tolerance = 1e-2 if learner.penalty < 1e-3 and kept == 2 else 2e-4
    np.testing.assert_allclose(np.hstack([train, test]), by_oracle(learner, small, masks), atol=tolerance)


def test_predictions_are_scikit_learns(digits: Data) -> None:
    masks = np.random.default_rng(0).random((3, digits.n)) < 0.7
    train, test = KernelRidge(gamma=0.08).prepare(digits)(masks, np.arange(3))
    for mask, a, b in zip(masks, train, test, strict=True):
        peer = Peer(alpha=1.0, kernel="rbf", gamma=0.08)
        peer.fit(digits.x_train[mask], 2 * np.eye(10)[digits.y_train[mask]] - 1)
        assert ((peer.predict(digits.x_train).argmax(1) == digits.y_train) != a).sum() <= 1
        assert ((peer.predict(digits.x_test).argmax(1) == digits.y_test) != b).sum() <= 1
    assert test.mean() > 0.9


def test_random_features_are_ridge_on_those_features(digits: Data) -> None:
    masks = np.random.default_rng(0).random((4, digits.n)) < 0.7
    learner = RandomFeatures(200, gamma=0.08)
    train, test = learner.prepare(digits, seed=3)(masks, np.arange(4))
    rows = learner.rows(np.concatenate([digits.x_train, digits.x_test]), 3)[:, 1:].astype(float)
    labels = np.append(digits.y_train, digits.y_test)
    for mask, a, b in zip(masks, train, test, strict=True):
        peer = RidgeClassifier().fit(rows[:1500][mask], digits.y_train[mask])
        assert ((peer.predict(rows) == labels) != np.append(a, b)).sum() <= 1
    assert not np.array_equal(learner.rows(digits.x_test, 3), learner.rows(digits.x_test, 4))


def test_random_features_approach_the_kernel() -> None:
    x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    rows = RandomFeatures(2**16, gamma=0.2).rows(x, 0)[:, 1:].astype(float)
    want = np.exp(-0.2 * ((x[:, None] - x) ** 2).sum(2))
    assert np.abs(rows @ rows.T - want).max() < 5 / np.sqrt(2**16)  # z = 5: each product has variance below 1


def test_a_class_that_is_absent_is_never_predicted(small: Data, masks: np.ndarray) -> None:
    for learner in (KernelRidge(), RandomFeatures(64)):
        train, _ = learner.prepare(small)(masks, np.arange(40))
        assert not train[3][small.y_train == 1].any()
        np.testing.assert_array_equal(train[4], small.y_train == 2)


def test_the_oracle_runs_in_another_namespace(small: Data, masks: np.ndarray) -> None:
    similar = KernelRidge().similarity(np.concatenate([small.x_train, small.x_test]), small.x_train)
    arguments = similar, np.eye(3)[small.y_train], masks
    strict = outputs(*(array_api_strict.asarray(v) for v in arguments), 1.0)
    np.testing.assert_allclose(np.asarray(strict), outputs(*arguments, 1.0), rtol=1e-9, atol=1e-12)


def test_bad_arguments_are_refused(small: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match="kernel"):
        KernelRidge(kernel="cosine")  # type: ignore[arg-type]
    monkeypatch.setattr(kernel, "LARGEST", 10)
    with pytest.raises(ArgumentError, match="RandomFeatures"):
        KernelRidge().prepare(small)
