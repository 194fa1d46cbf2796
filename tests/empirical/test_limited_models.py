"""Models made to hold less: each limit does what it says, and bits and accuracy fall together."""

from __future__ import annotations

import numpy as np
import pytest

from empirical.irrelevant.learners import KNN, Ridge, Softmax
from empirical.irrelevant.limited import Limited, Perturbed, Private, Pruned, Rounded, _normal
from empirical.irrelevant.parse import learner, shown
from empirical.irrelevant.recovery import recover
from longtail.core import ArgumentError
from longtail.irrelevant.attacks import Signs
from longtail.irrelevant.tasks import Hypercube
from longtail.priors import Uniform

SMALL = Hypercube(Uniform(size=60), 200, 0.4)


def test_rounding_pruning_and_noise_do_what_they_say() -> None:
    sample = SMALL.draw(60)
    plain = Ridge().model(SMALL, sample)
    for bits in (1, 3, 6):
        w = Rounded(Ridge(), bits).model(SMALL, sample).w
        assert len(np.unique(w)) <= 2**bits
        step = np.ptp(plain.w) / 2**bits
        assert np.abs(w - plain.w).max() <= step / 2 * 1.001
    plain = Softmax().model(SMALL, sample)
    for share in (0.0, 0.5, 0.9):
        w = Pruned(Softmax(), share).model(SMALL, sample).w
        assert (w == 0).mean() == pytest.approx(share, abs=1e-3)
        np.testing.assert_array_equal(w[w != 0], plain.w[w != 0])
        assert np.abs(plain.w[w == 0]).max(initial=0.0) <= np.abs(w[w != 0]).min()
    plain = Ridge().model(SMALL, sample)
    noise = (Perturbed(Ridge(), 2.0).model(SMALL, sample).w - plain.w) / plain.w.std()
    assert noise.std() == pytest.approx(2, rel=5 / np.sqrt(2 * noise.size))
    np.testing.assert_array_equal(Perturbed(Ridge(), 0.0).model(SMALL, sample).w, plain.w)
    assert (
        Perturbed(Ridge(), 2.0).model(SMALL, SMALL.draw(60, number=1)).w
        != Perturbed(Ridge(), 2.0).model(SMALL, sample).w
    ).any()


def test_its_normals_are_normal() -> None:
    x = _normal(3, 1, 2, 100_001).astype(float)
    assert abs(x.mean()) < 5 / np.sqrt(len(x))
    assert x.var() == pytest.approx(1, abs=5 * np.sqrt(2 / len(x)))
    assert (x**4).mean() == pytest.approx(3, abs=5 * np.sqrt(96 / len(x)))
    assert abs(np.mean(x[:50_000] * x[50_001:])) < 5 / np.sqrt(50_000)


def test_a_private_step_moves_by_clipped_gradients_and_noise() -> None:
    sample = SMALL.draw(60)
    rows = np.concatenate([sample.inputs, np.ones((60, 1))], axis=1).astype(float)
    before = Private(noise=0, steps=1, rate=1e-9).model(SMALL, sample)
    w = np.concatenate([before.w, before.b[:, None]], axis=1).astype(float)
    p = np.exp(rows @ w.T)
    p /= p.sum(1, keepdims=True)
    p[np.arange(60), sample.label] -= 1
    total = np.zeros_like(w)
    for pull, row in zip(p, rows, strict=True):
        gradient = np.outer(pull, row)
        total += gradient * min(1, 0.7 / np.linalg.norm(gradient))
    after = Private(noise=0, clip=0.7, steps=1, rate=2.0).model(SMALL, sample)
    np.testing.assert_allclose(after.w, (w - 2.0 * total / 60)[:, :-1], atol=1e-5)
    noisy = Private(noise=3.0, clip=0.7, steps=1, rate=2.0).model(SMALL, sample)
    moved = (noisy.w - after.w) * 60 / 2.0
    assert moved.std() == pytest.approx(3.0 * 0.7, rel=5 / np.sqrt(2 * moved.size))
    assert Private(noise=2.0, steps=8).epsilon(1e-5) == pytest.approx(1 + 2 * np.sqrt(np.log(1e5)))
    assert Private(noise=0).epsilon() == np.inf


def test_bits_and_accuracy_fall_together() -> None:
    arms: list[list[Limited | Private | Softmax]] = [
        [Pruned(Softmax(), share) for share in (0.0, 0.9, 0.99)],
        [Perturbed(Softmax(), noise) for noise in (0.0, 2.0, 20.0)],
        [Private(noise=z, rate=20.0) for z in (0.0, 0.5, 5.0)],
        [Softmax(steps=steps) for steps in (50, 5, 0)],
    ]
    for arm in arms:
        found = [recover(SMALL, one, Signs(), 60, 2, 1) for one in arm]
        bits, lost = [one.held for one in found], [one.excess.value for one in found]
        assert bits[0] > bits[1] > bits[2]
        assert lost[0] < lost[1] < lost[2] or (lost[0] <= lost[1] < lost[2])
        assert bits[2] < 0.1 * bits[0]
    one_bit = recover(SMALL, Rounded(Softmax(), 1), Signs(), 60, 2, 1)
    assert one_bit.rate("irrelevant").value > 0.99


def test_what_cannot_be_limited_is_refused() -> None:
    with pytest.raises(ArgumentError, match="learner"):
        Rounded(KNN(), 1)
    with pytest.raises(ArgumentError, match="bits"):
        Rounded(Softmax(), 0)
    with pytest.raises(ArgumentError, match="share"):
        Pruned(Softmax(), 1.0)
    with pytest.raises(ArgumentError, match="noise"):
        Private(noise=-1)
    with pytest.raises(ArgumentError, match="delta"):
        Private().epsilon(0.0)


@pytest.mark.parametrize(
    "text",
    [
        "pruned(softmax(steps=9), share=0.5)",
        "rounded(mlp(width=9), bits=3)",
        "perturbed(ridge, noise=2.0)",
        "private(noise=0.5)",
    ],
)
def test_limits_are_named_as_they_are_written(text: str) -> None:
    assert shown(learner(text.replace("ridge,", "ridge(),"))) == text


@pytest.mark.parametrize(
    "text", ["pruned(0.5)", "pruned(knn())", "pruned(softmax(), 2)", "pruned(forest())", "softmax(ridge())"]
)
def test_limits_that_cannot_be(text: str) -> None:
    with pytest.raises(ArgumentError):
        learner(text)


def test_a_limited_model_shows_what_its_own_does() -> None:
    assert issubclass(learner("pruned(softmax())").kind, Signs.needs)
    found = recover(SMALL, learner("rounded(softmax(), 1)"), Signs(), 60, 1, 1)
    assert found.rate("recovered").value > 0.99
