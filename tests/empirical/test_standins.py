"""Stand-ins for memorization against loops and cases worked by hand, and the closed forms they rest on against differences."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from empirical.courses.backward import Backward, Nets
from empirical.courses.course import Course, watched
from empirical.data.data import Data
from empirical.data.relabeled import relabeled
from empirical.designs import Fixed
from empirical.designs.everything import Everything
from empirical.dynamics.net import Net
from empirical.dynamics.training import Trainer as MaskedTrainer
from empirical.estimates.memorization import memorization_cells
from empirical.learners import KNN
from empirical.learners.mlp.mlp import MLP
from empirical.learners.softmax.softmax import Softmax
from empirical.standins.confidence import Confidence
from empirical.standins.cumulative import CumulativeLoss
from empirical.standins.curvature import Curvature
from empirical.standins.differences import Differences
from empirical.standins.final import FinalLoss
from empirical.standins.forgetting import Forgetting
from empirical.standins.standin import StandIn
from empirical.standins.subsets import Subsets
from empirical.standins.turnover import TurnOver
from empirical.standins.unseen import UnseenLoss
from empirical.training.trials import Trials
from longtail.core import ArgumentError

NET = MLP(width=12, epochs=6, batch=16, rate=0.02)


def course(score: str, numbers: Any, inside: Any = None) -> Course:
    """Of as many epochs as there are numbers."""
    v = np.asarray(numbers)
    return Course(score, tuple(range(1, v.shape[1] + 1)), np.ones(v.shape[::2], bool) if inside is None else inside, v)


def random_course(score: str, seed: int = 0) -> Course:
    rng = np.random.default_rng(seed)
    numbers = rng.random((5, 4, 30)) < 0.6 if score == "correct" else rng.random((5, 4, 30))
    return course(score, numbers, rng.random((5, 30)) < 0.7)


def test_sums_over_training_by_hand() -> None:
    half = course("probability", [[[1.0, 0.0], [1.0, 0.5]], [[1.0, 0.25], [0.5, 0.25]]])
    np.testing.assert_allclose(Confidence()(half), [1 - 3.5 / 4, 0.75])
    loss = replace(half, score="loss")
    np.testing.assert_allclose(CumulativeLoss()(loss), [3.5 / 2, 0.5])
    np.testing.assert_allclose(FinalLoss()(loss), [0.75, 0.375])
    np.testing.assert_allclose(Curvature()(replace(half, score="curvature")), [3.5 / 4, 0.25])


def test_forgotten_is_right_before_and_wrong_after() -> None:
    never, always, late, twice = [0, 0, 0, 0, 0], [1] * 5, [0, 0, 0, 1, 1], [1, 0, 1, 0, 1]
    seen = course("correct", np.array([never, always, late, twice], bool).T[None])
    np.testing.assert_array_equal(Forgetting()(seen), [5, 0, 0, 2])
    many, total = random_course("correct"), np.zeros(30)
    for model in many.numbers:
        for i, own in enumerate(model.T.tolist()):
            total[i] += sum(a and not b for a, b in pairwise(own)) if any(own) else len(own)
    np.testing.assert_allclose(Forgetting()(many), total / 5)


def test_differences_by_hand_and_by_loop() -> None:
    """Its own loss fell by 2, those of its label that were out by .5 and .3: 2 − .4; the fourth has no one of its label out."""
    fell = np.array([2.0, 0.5, 0.3, 7.0])
    inside = np.array([[True, False, False, True]])
    seen = course("loss", np.stack([np.full(4, 9.0), 9 - fell])[None], inside)
    np.testing.assert_allclose(Differences(np.array([0, 0, 0, 1]))(seen), [1.6, np.nan, np.nan, np.nan])
    many, labels = random_course("loss", 3), np.arange(30) % 3
    wanted = []
    for i in range(30):
        gaps = []
        for model, mask in zip(many.numbers, many.inside, strict=True):
            own = [model[0, j] - model[-1, j] for j in range(30) if labels[j] == labels[i] and not mask[j]]
            if mask[i] and own:
                gaps.append(model[0, i] - model[-1, i] - sum(own) / len(own))
        wanted.append(sum(gaps) / len(gaps) if gaps else np.nan)
    np.testing.assert_allclose(Differences(labels)(many), wanted, rtol=1e-12)


def test_subsets_are_the_estimators_own(small: Data) -> None:
    seen = Subsets().watch(NET, small, 12, seed=4)
    trials = Trials.of(seen.inside, seen.numbers[:, -1], np.zeros((12, 1), np.float32), score="probability")
    np.testing.assert_allclose(Subsets()(seen), memorization_cells(trials).value, rtol=1e-6)


def test_the_unseen_and_the_turned_over(small: Data) -> None:
    """By loops over models; a net's memorization is by its loss on each example alone, under either mask."""
    many = random_course("loss", 5)
    wanted = []
    for i in range(30):
        each = [m[-1, i] for m, own in zip(many.numbers, many.inside, strict=True) if not own[i]]
        wanted.append(sum(each) / len(each) if each else np.nan)
    np.testing.assert_allclose(UnseenLoss()(many), wanted, rtol=1e-12)
    net = Net((8,), epochs=3)
    seen, trainer = TurnOver(net).watch(NET, small, 2, seed=6), MaskedTrainer.of(net, small)
    total = np.zeros(90)
    for seed in (6, 7):
        (w,) = trainer.parameters(seed, (3,))
        bits = net.bits(seed, trainer.groups)
        for i in range(90):
            values = trainer.values(w, trainer.x[i : i + 1], bits[i : i + 1])[:, 0].astype(float)
            own, flipped = (np.log(np.exp(v).sum()) - v[small.y_train[i]] for v in values[:2])
            total[i] += flipped - own
    np.testing.assert_allclose(TurnOver(net)(seen), total / 2, atol=1e-5)


@pytest.mark.parametrize(
    "standin",
    [
        Confidence(),
        Forgetting(),
        CumulativeLoss(),
        FinalLoss(),
        Differences(np.arange(90) % 3),
        Subsets(),
        UnseenLoss(),
    ],
)
def test_each_watches_what_it_reads(small: Data, standin: StandIn) -> None:
    """And nothing else: as many epochs as it says, on everything or on subsets, numbers that do not hang on other models."""
    seen = standin.watch(NET, small, 3, seed=1)
    assert seen.epochs == {"all": (1, 2, 3, 4, 5, 6), "last": (6,), "ends": (1, 6)}[standin.needs.epochs]
    assert seen.inside.all() != standin.needs.subsets
    assert standin(seen).shape == (90,)
    fewer = standin.watch(NET, small, 2, seed=1)
    np.testing.assert_array_equal(fewer.numbers, seen.numbers[:2])
    with pytest.raises(ArgumentError, match=f"{standin.name} reads"):
        standin(replace(seen, score="margin"))


def test_what_cannot_be_watched_is_refused(small: Data) -> None:
    with pytest.raises(ArgumentError, match=r"learner: .*not trained by epochs"):
        watched(KNN(), small, "correct", 2)
    with pytest.raises(ArgumentError, match=r"epochs: .*end with the last, 6"):
        watched(NET, small, "loss", 2, epochs=(1, 2))
    with pytest.raises(ArgumentError, match="models: got 1; subset estimator takes 2"):
        Subsets().watch(NET, small, 1)
    with pytest.raises(ArgumentError, match=r"learner: .*MLP"):
        Curvature().watch(Softmax(), small)
    with pytest.raises(ArgumentError, match=r"course: .*first and the last"):
        Differences(np.zeros(2))(course("loss", np.zeros((1, 1, 2))))
    with pytest.raises(ArgumentError, match=r"numbers: got shape \(1, 2\)"):
        Course("loss", (1,), np.ones((1, 2), bool), np.zeros((1, 2)))


# --- a net run back


def loss(w: Any, x: Any, y: Any, width: int, classes: int) -> Any:
    """Of every row, written out once more."""
    d, a = x.shape[1], x.shape[1] * width
    into, lift = w[:a].reshape(d, width), w[a : a + width]
    out, shift = w[a + width : -classes].reshape(width, classes), w[-classes:]
    z = np.maximum(x @ into + lift, 0) @ out + shift
    return np.log(np.exp(z).sum(1)) - z[np.arange(len(x)), y]


def net(n: int = 40, d: int = 5, width: int = 7, classes: int = 3, seed: int = 0) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    size = d * width + width + width * classes + classes
    return rng.normal(size=size), rng.normal(size=(n, d)), rng.integers(0, classes, n)


def test_gradients_are_what_differences_of_the_loss_say() -> None:
    w, x, y = net()
    steps = 1e-6 * np.eye(len(w))
    own = np.array([(loss(w + s, x, y, 7, 3) - loss(w - s, x, y, 7, 3)) / 2e-6 for s in steps])
    back = Backward.of(w, x, y, np.ones(3, bool))
    np.testing.assert_allclose(back.norms(), np.linalg.norm(own, axis=0), rtol=1e-6)
    np.testing.assert_allclose(back.mean(slice(None)), own.mean(1), atol=1e-8)
    some = np.arange(40) % 3 == 0
    np.testing.assert_allclose(back.mean(some), own[:, some].mean(1), atol=1e-8)
    assert np.abs(back.mean(~some) - own[:, some].mean(1)).max() > 1e-2  # the control: other examples, another gradient


@pytest.mark.parametrize("d", [5, 9])
def test_curvature_is_what_differences_of_input_gradients_say(d: int) -> None:
    """Narrower and wider inputs than the hidden layer; and random signs, as published, agree within 5 standard errors."""
    w, x, y = net(d=d)
    back = Backward.of(w, x, y, np.ones(3, bool))

    def slope(at: Any) -> Any:
        there = Backward.of(w, at, y, np.ones(3, bool))
        return there.back @ there.into.T

    h = 1e-5
    steps = h * np.eye(d)
    np.testing.assert_allclose(
        slope(x).T, [(loss(w, x + s, y, 7, 3) - loss(w, x - s, y, 7, 3)) / (2 * h) for s in steps], atol=1e-7
    )
    second = np.array([(slope(x + s) - slope(x - s)) / (2 * h) for s in steps])  # (d, n, d)
    found = back.curvatures()
    np.testing.assert_allclose(found, (second**2).sum((0, 2)), rtol=1e-6)
    signs = np.random.default_rng(1).choice([-1.0, 1.0], size=(2000, *x.shape))
    drawn = np.array([((slope(x + h * v) - slope(x)) ** 2).sum(1) / h**2 for v in signs])
    z = (drawn.mean(0) - found) / (drawn.std(0, ddof=1) / np.sqrt(len(signs)) + 1e-5 * found)
    assert np.abs(z).max() < 5
    assert 0.4 < np.mean(z**2) < 2  # of 40: 1 ± .22


def test_a_class_that_was_not_held_has_no_gradient() -> None:
    w, x, y = net()
    held = np.array([True, True, False])
    known = y < 2
    back = Backward.of(w, x[known], y[known], held)
    assert (back.error[:, 2] == 0).all()
    np.testing.assert_allclose(back.chances.sum(1), 1)


def test_nets_are_those_that_a_run_trains(small: Data) -> None:
    """Their losses are the trainer's after each epoch, on subsets too."""
    for design, subsets in ((Everything(), False), (Fixed(0.7), True)):
        seen = watched(NET, small, "loss", 3, seed=5, subsets=subsets)
        nets = Nets.of(NET, small, seed=5, design=design)
        np.testing.assert_array_equal(nets.mask(2), seen.inside[2])
        own = nets.read(2, seen.epochs, lambda back: -np.log(back.chances[np.arange(90), small.y_train]))
        np.testing.assert_allclose(own, seen.numbers[2], rtol=2e-4, atol=2e-5)
    with pytest.raises(ArgumentError, match="epochs: got 7"):
        nets.read(0, (7,), Backward.norms)


# --- labels by chance


def test_labels_by_chance(small: Data) -> None:
    """As many as the share says within 5 standard errors, each other class as often; a larger share replaces the same too."""
    many = Data(np.zeros((20_000, 1)), np.arange(20_000) % 4, small.x_test[:, :1], small.y_test, tuple(range(4)))
    some, more = relabeled(many, 0.1, seed=2), relabeled(many, 0.3, seed=2)
    assert abs(some.changed.sum() - 2000) < 5 * np.sqrt(20_000 * 0.1 * 0.9)
    np.testing.assert_array_equal(some.data.y_train[some.changed], more.data.y_train[some.changed])
    np.testing.assert_array_equal(some.data.y_train != many.y_train, some.changed)
    np.testing.assert_array_equal(some.data.y_test, many.y_test)
    steps = np.bincount((some.data.y_train - many.y_train) % 4, minlength=4)[1:]
    assert np.abs(steps - some.changed.sum() / 3).max() < 5 * np.sqrt(some.changed.sum() * 2 / 9)
    anything = relabeled(many, 1.0, seed=2, others=False)
    assert abs(anything.changed.mean() - 0.75) < 5 * np.sqrt(0.75 * 0.25 / 20_000)
    assert (relabeled(many, 0.1, seed=3).changed != some.changed).any()
    with pytest.raises(ArgumentError, match=r"share: got 1\.5"):
        relabeled(many, 1.5)
    with pytest.raises(ArgumentError, match="data: got 1 class"):
        relabeled(Data(np.zeros((2, 1)), np.zeros(2, int), np.zeros((1, 1)), np.zeros(1, int), ("a",)), 0.5)
