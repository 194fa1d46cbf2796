"""Output perturbation: minimizers against a peer, their sensitivity by brute force, the noise by its law."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression

from empirical import estimate
from empirical.data.data import Data
from empirical.learners.parse import parse_learner
from empirical.learners.private.output import Minimizers, Perturbed, PrivateRidge, PrivateSoftmax
from longtail.core import ArgumentError

KINDS = (PrivateRidge, PrivateSoftmax)


def rows(small: Data, norm: float) -> np.ndarray:
    x = np.concatenate([small.x_train.astype(np.float64), np.ones((90, 1))], axis=1)
    return x * np.minimum(1, norm / np.linalg.norm(x, axis=1))[:, None]


def test_without_noise_softmax_is_scikit_learns(small: Data, masks: np.ndarray) -> None:
    trainer = PrivateSoftmax(penalty=0.5, norm=2.0, epsilon=math.inf).prepare(small)
    assert isinstance(trainer, Minimizers)
    x = rows(small, 2.0)
    peer = LogisticRegression(C=2.0, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(
        x[masks[0]], small.y_train[masks[0]]
    )
    np.testing.assert_allclose(trainer.weights(masks[0], 0), peer.coef_, atol=2e-2 * np.abs(peer.coef_).max())


def test_without_noise_ridge_solves_the_normal_equations(small: Data, masks: np.ndarray) -> None:
    trainer = PrivateRidge(penalty=0.5, norm=2.0, epsilon=math.inf).prepare(small)
    assert isinstance(trainer, Minimizers)
    x, t = rows(small, 2.0)[masks[0]], np.eye(3)[small.y_train[masks[0]]] - 1 / 3
    w = trainer.weights(masks[0], 0)
    np.testing.assert_allclose((w @ x.T - t.T) @ x + 0.5 * w, 0, atol=1e-10)
    assert np.linalg.norm(trainer.rows, axis=1).max() <= 2 + 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("penalty", [0.02, 0.3, 4.0])
def test_one_example_moves_the_minimizer_by_the_sensitivity_at_most(kind: type[Perturbed], penalty: float) -> None:
    """Random data sets and hostile ones, all of one class but the one that comes; a twentieth of Δ is exceeded (control)."""
    rng, largest = np.random.default_rng(0), 0.0
    net = kind(penalty=penalty, norm=1.0)
    for trial in range(150):
        m, k, d = int(rng.integers(2, 30)), int(rng.integers(2, 5)), int(rng.integers(1, 5))
        x = rng.normal(size=(m, d)) * rng.choice([0.1, 1, 10])
        y = rng.integers(0, k, m)
        if trial % 3 == 0:
            x, y = np.repeat(x[:1], m, axis=0), np.where(np.arange(m) == 0, 1, 0)
        x = x * np.minimum(1, 1 / np.linalg.norm(x, axis=1))[:, None]
        apart = np.linalg.norm(net.minimizer(x, y, k) - net.minimizer(x[1:], y[1:], k))
        bound = net.sensitivity(m, k)
        assert apart <= bound
        largest = max(largest, float(apart / bound))
    assert largest > 0.05


@pytest.mark.parametrize("delta", [0.0, 1e-5])
def test_noise_has_its_law(delta: float) -> None:
    """|b| ~ Γ(12, Δ/ε) in any direction; normal of standard deviation zΔ."""
    if delta:
        pytest.importorskip("dp_accounting", reason="dp-accounting counts ε: pip install 'longtail[privacy]'")
    net = PrivateSoftmax(epsilon=0.7, delta=delta)
    drawn = np.array([net.noise(1, k, (3, 4), 0.5) for k in range(2000)]).reshape(2000, 12)
    if delta:
        assert stats.kstest(drawn.ravel() / (0.5 * net.multiplier()), "norm").pvalue > 1e-5
    else:
        length = np.linalg.norm(drawn, axis=1)
        assert stats.kstest(length, stats.gamma(12, scale=0.5 / 0.7).cdf).pvalue > 1e-5
        assert stats.kstest(length, stats.gamma(12, scale=0.5 / 0.8).cdf).pvalue < 1e-5
        assert stats.kstest((drawn[:, 0] / length) ** 2, stats.beta(0.5, 5.5).cdf).pvalue > 1e-5
    assert (np.abs(drawn.mean(0)) < 5 * drawn.std(0) / np.sqrt(2000)).all()


@pytest.mark.extra
def test_privacy_is_recorded_and_reached() -> None:
    pytest.importorskip("dp_accounting", reason="dp-accounting counts ε: pip install 'longtail[privacy]'")
    net = PrivateSoftmax(penalty=10, epsilon=2.0)
    found = net.privacy(1000, 10)
    assert 1.98 < found.epsilon <= 2.0
    assert found.clip == pytest.approx(math.sqrt(2) / 10, rel=3e-3)
    pure = PrivateRidge(epsilon=2.0, delta=0.0).privacy(1000, 10)
    assert (pure.epsilon, pure.delta, pure.noise) == (2.0, 0.0, 0.5)


def test_a_runs_record_has_the_privacy_of_its_learner(tmp_path: Path) -> None:
    """Pure ε needs no accountant."""
    out = tmp_path / "run"
    spec = "private_ridge(epsilon=2.0, delta=0.0)"
    assert estimate.main(["digits", "--learner", spec, "--trials", "4", "--out", str(out), "--no-plot", "--quiet"]) == 0
    kept = json.loads((out / "summary.json").read_text())["arguments"]["privacy"]
    assert (kept["epsilon"], kept["delta"], kept["noise"]) == (2.0, 0.0, 0.5)
    assert kept["clip"] == PrivateRidge().sensitivity(1050, 10)


def test_options_that_make_no_sense() -> None:
    for text in (
        "private_ridge(epsilon=-1)",
        "private_softmax(delta=1)",
        "private_softmax(norm=0)",
        "private_ridge(penalty=0)",
    ):
        with pytest.raises(ArgumentError):
            parse_learner(text)


@pytest.mark.parametrize("kind", KINDS)
def test_privacy_costs_accuracy(digits: Data, kind: type[Perturbed]) -> None:
    masks = np.random.default_rng(0).random((8, digits.n)) < 0.7
    free, little, much = (
        kind(epsilon=e, delta=0.0).prepare(digits)(masks, np.arange(8))[1].mean() for e in (math.inf, 300.0, 30.0)
    )
    assert free > little > much
