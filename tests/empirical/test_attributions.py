"""Attributions of our own against retraining, finite differences and algebra."""

from __future__ import annotations

import numpy as np
import pytest

from empirical.attributions import plain, ridge, softmax
from empirical.data.data import Data
from empirical.designs import Fixed
from empirical.learners.ridge.ridge import Ridge
from empirical.learners.softmax.softmax import weights
from empirical.training.trials import Trials


def made(seed: int, n: int = 60, q: int = 12, d: int = 5, classes: int = 3) -> Data:
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(classes, d))
    y, z = np.arange(n) % classes, np.arange(q) % classes
    x, t = (centers[labels] + rng.normal(size=(len(labels), d)) for labels in (y, z))
    return Data(x.astype(np.float32), y, t.astype(np.float32), z, tuple(range(classes)))


def without(data: Data, i: int) -> Data:
    keep = np.arange(data.n) != i
    return Data(data.x_train[keep], data.y_train[keep], data.x_test, data.y_test, data.classes)


def retrained(data: Data, penalty: float):
    """Margins of ridge classification, by the centered normal equations: another road than a leading 1 and an inverse."""
    x, z = data.x_train.astype(float), data.x_test.astype(float)
    targets = 2.0 * np.eye(data.n_classes)[data.y_train] - 1
    low, mean = x - x.mean(0), targets.mean(0)
    w = np.linalg.solve(low.T @ low + penalty * np.eye(x.shape[1]), low.T @ (targets - mean))
    return ridge.margins((z - x.mean(0)) @ w + mean, data.y_test)


@pytest.mark.parametrize("penalty", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_ridge_without_one_example_is_retraining(seed, penalty):
    data = made(seed)
    found = ridge.left_out(data, penalty)
    entire = retrained(data, penalty)
    for i in range(data.n):
        np.testing.assert_allclose(found[i], entire - retrained(without(data, i), penalty), atol=1e-10)


def test_ridge_margins_are_those_of_the_learner():
    data = made(2)
    taught = Ridge(1.0).prepare(data, "margin")(np.ones((1, data.n), bool), np.zeros(1, np.int64))[1][0]
    np.testing.assert_allclose(retrained(data, 1.0), taught, atol=2e-5)


def newton(data: Data, penalty: float):
    """Margins of softmax regression by the learner's own oracle, in double precision on raw features."""
    mean = data.x_train.astype(float).mean(0)
    x, z = (np.concatenate([np.ones((len(v), 1)), v - mean], axis=1) for v in (data.x_train, data.x_test))
    w = weights(x, np.eye(data.n_classes)[data.y_train], np.ones((1, len(x)), bool), penalty, steps=30)[0]
    return ridge.margins(z @ w.T, data.y_test)


def test_softmax_is_at_its_optimum():
    data = made(3)
    fit, _ = softmax.optimum(data, 0.5)
    assert np.abs(fit.gradient()).max() < 1e-9
    np.testing.assert_allclose(ridge.margins(fit.z @ fit.weights.T, data.y_test), newton(data, 0.5), atol=1e-5)


def test_the_hessian_is_the_slope_of_the_gradient():
    data = made(4, n=20, q=2, d=3)
    fit, _ = softmax.optimum(data, 0.5)
    rng, hessian = np.random.default_rng(0), fit.hessian()
    way = rng.normal(size=fit.weights.shape)
    ahead, behind = (softmax.Fitted(data, fit.x, fit.z, fit.weights + s * way, 0.5).gradient() for s in (1e-5, -1e-5))
    np.testing.assert_allclose(hessian @ way.reshape(-1), (ahead - behind) / 2e-5, rtol=1e-6, atol=1e-6)


def off(n: int) -> float:
    """The largest error of influence functions, in parts of the largest effect, where the penalty grows along with n."""
    data = made(5, n=n, q=6, classes=2)  # of more the runner-up may change
    found = softmax.influence(data, n / 20)
    entire = newton(data, n / 20)
    true = np.array([entire - newton(without(data, i), n / 20) for i in range(12)])
    assert np.corrcoef(true.ravel(), found[:12].ravel())[0, 1] > 0.99
    return float(np.abs(true - found[:12]).max() / np.abs(true).max())


def test_influence_functions_near_retraining_as_examples_grow_many():
    few, many = off(30), off(240)
    assert few < 0.35
    assert many < few / 4  # an error of second order: 1/8 of it where n is 8 times as large


def test_tracin_is_the_product_of_loss_gradients():
    data = made(6, n=9, q=4, d=3)
    found = softmax.tracin(data, 1.0, (3, 1000))
    asked = [*zip(data.x_train, data.y_train, strict=True), *zip(data.x_test, data.y_test, strict=True)]
    slopes = []
    for some in softmax.fits(data, np.ones((1, data.n), bool), 1.0, (3, 1000)):
        fit = some[0]
        rows = np.concatenate([fit.x, fit.z])[:, None]

        def losses(k: int, step, fit=fit, rows=rows):
            chances = softmax.Fitted(data, fit.x, fit.z, fit.weights + step, 1.0).chances(rows[k])
            return -np.log(chances[0, asked[k][1]])

        steps = 1e-5 * np.eye(fit.weights.size).reshape(-1, *fit.weights.shape)
        slopes.append(np.array([[(losses(k, s) - losses(k, -s)) / 2e-5 for s in steps] for k in range(len(asked))]))
    expected = sum(g[:9] @ g[9:].T for g in slopes)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_trak_depends_on_no_axes_where_these_are_many_enough():
    """In all directions of a space ΦᵀΦ takes any basis to the same scores; in few it does not."""
    data = made(7, n=80, q=5, d=3, classes=2)
    fit = softmax.fits(data, np.ones((1, data.n), bool), 1.0)[0]
    p = fit[0].chances(fit[0].x)[np.arange(80), data.y_train]
    gradients = [
        rows * np.where(labels == 1, 1, -1)[:, None]
        for rows, labels in ((fit[0].x, data.y_train), (fit[0].z, data.y_test))
    ]
    expected = gradients[0] @ np.linalg.solve(gradients[0].T @ gradients[0], gradients[1].T) * (1 - p)[:, None]
    # of two classes the gradient by w_0 is minus that by w_1, so that four directions are all
    one, two = (softmax.averaged(fit, 4, np.random.default_rng(seed)) for seed in (0, 1))
    np.testing.assert_allclose(one, expected, atol=2e-4)
    np.testing.assert_allclose(two, expected, atol=2e-4)
    few = softmax.averaged(fit, 2, np.random.default_rng(0))
    assert np.abs(few - expected).max() > 0.01


def test_trak_is_the_product_of_its_averages():
    data = made(8)
    models = softmax.fits(data, np.random.default_rng(0).random((2, data.n)) < 0.6, 1.0)[0]
    both = softmax.averaged(models, 10, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    single = [softmax.averaged([one], 10, rng) for one in models]
    unsure = [1 - one.chances(one.x)[np.arange(data.n), data.y_train] for one in models]
    kernels = [a / u[:, None] for a, u in zip(single, unsure, strict=True)]
    np.testing.assert_allclose(both, np.mean(kernels, axis=0) * np.mean(unsure, axis=0)[:, None], rtol=1e-8)
    np.testing.assert_array_equal(
        softmax.trak(data, directions=8, models=2), softmax.trak(data, directions=8, models=2)
    )


def test_nearness_is_of_one_sign_by_label_and_falls_with_distance():
    data = made(9)
    found = plain.nearness(data)
    assert ((found > 0) == (data.y_train[:, None] == data.y_test)).all()
    distance = np.linalg.norm(data.x_train[:, None].astype(float) - data.x_test, axis=2)
    assert (np.argmin(distance, axis=0) == np.argmax(np.abs(found), axis=0)).all()
    tenth = np.argsort(distance, axis=0)[9]
    np.testing.assert_allclose(np.abs(found)[tenth, np.arange(12)], np.exp(-0.5), rtol=1e-6)


def test_what_is_estimated_is_influence_and_nothing_where_it_is_not_known():
    rng = np.random.default_rng(0)
    masks = Fixed(0.5).subsets(0, np.arange(40), 6)
    masks[:, 2] = True
    trials = Trials.of(masks, masks, rng.random((40, 3)), score="margin")
    found = plain.estimated(trials)
    f = trials.test_scores()
    assert (found[2] == 0).all()
    np.testing.assert_allclose(found[1], f[masks[:, 1]].mean(0) - f[~masks[:, 1]].mean(0), atol=1e-6)
    np.testing.assert_array_equal(plain.at_random(made(0), 5), plain.at_random(made(1), 5))
