"""Nearest neighbors: lists, votes and trainers against oracles; exact chances against enumeration and the closed
forms."""

from __future__ import annotations

from itertools import combinations, product

import array_api_strict
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from empirical.data.data import Data
from empirical.learners.knn.exact import chances, exact, nearest_bernoulli, nearest_fixed
from empirical.learners.knn.knn import KNN, tallied, votes
from empirical.learners.knn.neighbors import neighbors
from longtail.core import ArgumentError

pytestmark = pytest.mark.kernels


def planar(n: int = 60, n_test: int = 20, labels: int = 3, seed: int = 0, cells: int = 6) -> Data:
    """Points on a small grid, so that distances tie often."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, cells, (n + n_test, 2)).astype(np.float32)
    y = np.where(rng.random(n + n_test) < 0.7, x[:, 0].astype(int) % labels, rng.integers(0, labels, n + n_test))
    return Data(x[:n], y[:n], x[n:], y[n:], tuple(range(labels)))


def masked(t: int, n: int, seed: int = 1) -> np.ndarray:
    masks = np.random.default_rng(seed).random((t, n)) < 0.7
    masks[:, 0] |= ~masks.any(1)
    return masks


def by_definition(data: Data, k: int, mask: np.ndarray) -> np.ndarray:
    """Predictions for the training and then the test examples of one subset."""
    own = np.flatnonzero(mask)
    queries = np.concatenate([data.x_train, data.x_test])
    gaps = ((queries[:, None] - data.x_train[own]) ** 2).sum(2)
    near = own[np.argsort(gaps, axis=1, kind="stable")[:, :k]]
    return np.array([np.bincount(data.y_train[row], minlength=data.n_classes).argmax() for row in near])


def test_lists_are_in_order_of_distance_and_index() -> None:
    data = planar()
    order = neighbors(data.x_test, data.x_train, 60)
    gaps = ((data.x_test[:, None] - data.x_train) ** 2).sum(2)
    np.testing.assert_array_equal(order, np.argsort(gaps, axis=1, kind="stable"))
    np.testing.assert_array_equal(neighbors(data.x_test, data.x_train, 7), order[:, :7])


def test_a_large_offset_does_not_spoil_the_order() -> None:
    x = (1000 + np.random.default_rng(0).random((200, 5))).astype(np.float32)
    gaps = ((x[:, None].astype(float) - x) ** 2).sum(2)
    np.testing.assert_array_equal(neighbors(x, x, 10), np.argsort(gaps, axis=1, kind="stable")[:, :10])


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_trainer_follows_the_definition(k: int) -> None:
    data = planar()
    masks = masked(70, data.n)
    masks[3] = False
    masks[3, 5] = True  # fewer than k, and one class only
    train, test = KNN(k).prepare(data)(masks, np.arange(70))
    wanted = np.array([by_definition(data, k, m) for m in masks]) == np.append(data.y_train, data.y_test)
    np.testing.assert_array_equal(train, wanted[:, : data.n])
    np.testing.assert_array_equal(test, wanted[:, data.n :])


def test_short_lists_are_walked_to_the_end() -> None:
    data = planar(n=400)
    masks = np.zeros((2, 400), bool)
    masks[0, :2] = masks[1, 7:9] = True
    for k in (1, 2):
        train, _ = KNN(k).prepare(data)(masks, np.arange(2))
        wanted = np.array([by_definition(data, k, m) for m in masks])[:, :400] == data.y_train
        np.testing.assert_array_equal(train, wanted)


@pytest.mark.parametrize("k", [1, 3])
def test_agrees_with_scikit_learn(k: int) -> None:
    x, y = load_digits(return_X_y=True)
    data = Data(x[:600], y[:600], x[600:800], y[600:800], tuple(range(10)))
    masks = masked(3, 600)
    for score in ("correct", "probability"):
        _, test = KNN(k).prepare(data, score)(masks, np.arange(3))  # type: ignore[arg-type]
        for mask, row in zip(masks, test, strict=True):
            peer = KNeighborsClassifier(k, algorithm="brute").fit(x[:600][mask], y[:600][mask])
            chance = peer.predict_proba(data.x_test)
            own = chance[np.arange(200), data.y_test]
            wanted = own if score == "probability" else chance.argmax(1) == data.y_test
            np.testing.assert_allclose(row.astype(float), wanted, atol=1e-6)


def test_votes_match_the_oracle_in_two_namespaces() -> None:
    data = planar()
    masks = masked(9, data.n)
    order = neighbors(data.x_test, data.x_train, data.n)
    counts = votes(order, data.y_train, masks, 3, 3)
    strict = votes(*(array_api_strict.asarray(v) for v in (order, data.y_train, masks)), 3, 3)
    np.testing.assert_array_equal(counts, np.asarray(strict))
    for score in ("correct", "probability", "margin"):
        _, test = KNN(3).prepare(data, score)(masks, np.arange(9))  # type: ignore[arg-type]
        np.testing.assert_array_equal(test, tallied(counts.astype(np.int16), data.y_test, score))  # type: ignore[arg-type]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_trial_does_not_depend_on_its_batch(k: int) -> None:
    data = planar()
    masks = masked(150, data.n)
    trainer = KNN(k).prepare(data)
    whole = trainer(masks, np.arange(150))
    for rows in (slice(0, 1), slice(37, 101), slice(149, 150)):
        part = trainer(masks[rows], np.arange(150)[rows])
        for a, b in zip(whole, part, strict=True):
            np.testing.assert_array_equal(a[rows], b)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("design", ["fixed", "bernoulli"])
def test_exact_chances_are_those_of_all_subsets(k: int, design: str) -> None:
    n, m, p = 9, 6, 0.7
    data = planar(n, 5, 3, seed=k)
    in_sum, out_sum, in_mass, out_mass = (np.zeros((n, n + 5)) for _ in range(4))
    choices = combinations(range(n), m) if design == "fixed" else product([False, True], repeat=n)
    for choice in choices:
        mask = np.zeros(n, bool)
        if design == "fixed":
            mask[list(choice)] = True
        else:
            mask[:] = choice
        weight = p ** mask.sum() * (1 - p) ** (~mask).sum() if design == "bernoulli" else 1.0
        right = by_definition(data, k, mask) == np.append(data.y_train, data.y_test) if mask.any() else np.zeros(n + 5)
        in_sum += weight * np.outer(mask, right)
        out_sum += weight * np.outer(~mask, right)
        in_mass += weight * mask[:, None]
        out_mass += weight * ~mask[:, None]
    size, rate = (m, None) if design == "fixed" else (None, p)
    memorization, test = exact(data, k=k, m=size, p=rate, length=n)
    inside, outside = test.dense(n)
    np.testing.assert_allclose(inside, (in_sum / in_mass)[:, n:], atol=1e-12)
    np.testing.assert_allclose(outside, (out_sum / out_mass)[:, n:], atol=1e-12)
    np.testing.assert_allclose(memorization, np.diag((in_sum / in_mass - out_sum / out_mass)[:, :n]), atol=1e-12)


def test_the_chain_equals_the_closed_forms() -> None:
    data = planar(200, 30, cells=15)
    order = neighbors(data.x_test, data.x_train, 200)
    agree = data.y_train[order] == data.y_test[:, None]
    chain = chances(order, data.y_train, data.y_test, 200, p=0.7)
    np.testing.assert_allclose(chain.influence, nearest_bernoulli(agree, 0.7), atol=1e-13)
    chain = chances(order, data.y_train, data.y_test, 200, m=140)
    np.testing.assert_allclose(chain.influence, nearest_fixed(agree, 200, 140), atol=1e-13)


def test_cut_lists_say_what_they_left_out() -> None:
    data = planar(200, 30, cells=15)
    for options in ({"p": 0.5}, {"m": 100}):
        whole, part = exact(data, length=200, **options), exact(data, **options)  # type: ignore[arg-type]
        assert part[1].order.shape[1] < 70
        assert part[1].tail < 1e-16
        np.testing.assert_allclose(part[0], whole[0], atol=1e-14)
        np.testing.assert_allclose(part[1].dense(200)[0], whole[1].dense(200)[0], atol=1e-14)


def test_subsets_estimate_the_exact_values() -> None:
    """z of 20,000 Bernoulli trials by the exact sd has mean square 1 (z = 5); against other examples' values, not."""
    data = planar(60, 40, seed=3)
    t, p = 20_000, 0.7
    masks = np.random.default_rng(5).random((t, 60)) < p
    _, right = KNN().prepare(data)(masks, np.arange(t))
    inside, outside = exact(data, p=p, length=60)[1].dense(60)
    within, m = masks.sum(0)[:, None], masks.astype(float)
    found = m.T @ right / within - (1 - m).T @ right / (t - within)
    sd = np.sqrt(inside * (1 - inside) / within + outside * (1 - outside) / (t - within))
    usable = sd > 1e-3
    z = (found - inside + outside)[usable] / sd[usable]
    assert abs(np.mean(z**2) - 1) < 5 * np.sqrt(2 / 60)  # at least 60 independent values among the pairs
    wrong = (found - (inside - outside)[::-1])[usable] / sd[usable]
    assert np.mean(wrong**2) > 10


def test_bad_arguments_are_refused() -> None:
    data = planar()
    with pytest.raises(ArgumentError, match="k"):
        KNN(0)
    with pytest.raises(ArgumentError, match="design"):
        exact(data)
    with pytest.raises(ArgumentError, match="score"):
        KNN().prepare(data, "loss")
    with pytest.raises(ArgumentError, match="k: got 9"):
        chances(neighbors(data.x_test, data.x_train, 60), np.arange(60) % 30, data.y_test, 60, k=9, p=0.5)
