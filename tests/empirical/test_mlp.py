"""The net: compiled training, the batched oracle and its gradient agree."""

from __future__ import annotations

import array_api_strict
import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from empirical.data.data import Data
from empirical.learners.mlp.descent import descent, outputs
from empirical.learners.mlp.mlp import MLP
from empirical.learners.shared.scores import held_classes, scored

pytestmark = pytest.mark.kernels

NET = MLP(width=12, epochs=3, batch=16, rate=0.02)


def by_oracle(data: Data, masks: np.ndarray, net: MLP, namespace: object = None) -> np.ndarray:
    convert = getattr(namespace, "asarray", np.asarray)
    start = np.stack([net.start(0, k, data.x_train.shape[1], data.n_classes) for k in range(len(masks))])
    orders = [net.orders(0, k, mask) for k, mask in enumerate(masks)]
    present = held_classes(masks, data.y_train, data.n_classes)
    targets = np.eye(data.n_classes, dtype=np.float32)[data.y_train]
    w = descent(net, *(convert(v) for v in (start, data.x_train, targets, present)), orders)
    rows = np.concatenate([data.x_train, data.x_test])
    return np.asarray(outputs(w, convert(rows), net.width, data.n_classes))


def test_compiled_training_is_the_oracles(small: Data, masks: np.ndarray) -> None:
    train, test = NET.prepare(small, "margin")(masks[:12], np.arange(12))
    values = by_oracle(small, masks[:12], NET)
    present = held_classes(masks[:12], small.y_train, 3)
    want = scored(values, present, np.append(small.y_train, small.y_test), "margin")
    np.testing.assert_allclose(np.hstack([train, test]), want, atol=2e-3)
    assert np.abs(want).max() > 1


def test_one_hidden_unit_pays_the_penalty_too(small: Data, masks: np.ndarray) -> None:
    net = MLP(width=1, epochs=2, batch=16, rate=0.01, penalty=0.5)
    train, test = net.prepare(small, "margin")(masks[:3], np.arange(3))
    present = held_classes(masks[:3], small.y_train, 3)
    labels = np.append(small.y_train, small.y_test)
    want = scored(by_oracle(small, masks[:3], net), present, labels, "margin")
    np.testing.assert_allclose(np.hstack([train, test]), want, atol=2e-3)


def test_the_oracle_runs_in_another_namespace(small: Data, masks: np.ndarray) -> None:
    strict = by_oracle(small, masks[:5], NET, array_api_strict)
    np.testing.assert_allclose(strict, by_oracle(small, masks[:5], NET), atol=1e-3)


@pytest.mark.torch
def test_one_step_is_adams_on_the_gradient_of_the_loss(small: Data) -> None:
    torch = pytest.importorskip("torch")
    net = MLP(width=5, epochs=1, batch=90, rate=0.1, penalty=0.01)
    mask = np.ones((1, 90), bool)
    start = net.start(0, 0, 7, 3)
    w = torch.tensor(start, requires_grad=True)
    a, b, c, d = torch.split(w, [35, 5, 15, 3])
    hidden = torch.relu(torch.tensor(small.x_train) @ a.reshape(7, 5) + b)
    loss = torch.nn.functional.cross_entropy(hidden @ c.reshape(5, 3) + d, torch.tensor(small.y_train))
    loss = loss + 0.005 * ((a**2).sum() + (c**2).sum())
    optimizer = torch.optim.Adam([w], lr=0.1)
    loss.backward()
    optimizer.step()
    ours = net.prepare(small).weights(mask[0], 0, np.ones(3, bool))
    np.testing.assert_allclose(ours, w.detach().numpy(), atol=2e-5)


def test_it_learns_as_scikit_learns_net_does(digits: Data) -> None:
    masks = np.random.default_rng(0).random((6, digits.n)) < 0.7
    train, test = MLP(256, epochs=10, rate=0.015).prepare(digits)(masks, np.arange(6))
    assert train[masks].mean() > 0.99
    found = []
    for mask in masks[:2]:
        peer = MLPClassifier((256,), max_iter=25, learning_rate_init=5e-3, random_state=0, tol=0, n_iter_no_change=25)
        with pytest.warns(UserWarning, match="Maximum iterations"):
            peer.fit(digits.x_train[mask], digits.y_train[mask])
        found.append((peer.predict(digits.x_test) == digits.y_test).mean())
    assert test.mean() > np.mean(found) - 0.015


def test_another_trial_starts_and_runs_otherwise(digits: Data) -> None:
    masks = np.random.default_rng(2).random((3, digits.n)) < 0.7
    trainer = MLP(32, epochs=2).prepare(digits, "margin", seed=5)
    assert not np.array_equal(trainer(masks, np.arange(3))[0], trainer(masks, np.arange(3) + 1)[0])


def test_seeds_and_trials_draw_their_own_orders() -> None:
    mask = np.random.default_rng(0).random(200) < 0.5
    a, b, c = NET.orders(0, 0, mask), NET.orders(0, 1, mask), NET.orders(1, 0, mask)
    for order in (*a, *b, *c):
        np.testing.assert_array_equal(np.sort(order), np.flatnonzero(mask))
    assert len({tuple(o) for o in (*a, *b, *c)}) == 9


def test_a_class_that_is_absent_is_never_predicted(small: Data, masks: np.ndarray) -> None:
    train, _ = NET.prepare(small, "probability")(masks, np.arange(40))
    assert (train[3][small.y_train == 1] == 0).all()
    np.testing.assert_array_equal(train[4], small.y_train == 2)
