"""Attacks on models that are known: what they find, what they ask for, and what they may not."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pytest

from empirical.irrelevant.models import Net
from longtail.core import ArgumentError, Integers
from longtail.irrelevant.attacks import Coordinates, Gradient, Increments, Signs, start
from longtail.irrelevant.models import Floats32, Linear, Lookup, Nearest, confidence, signs


def linear(d: int, classes: int, seed: int) -> Linear:
    rng = np.random.default_rng(seed)
    return Linear(rng.normal(size=(classes, d)).astype(np.float32), rng.normal(size=classes).astype(np.float32))


def net(d: int, width: int, classes: int, seed: int) -> Net:
    rng = np.random.default_rng(seed)
    shapes = (width, d), (width,), (classes, width), (classes,)
    return Net(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))


@dataclass
class Asked:
    """Answers queries only, and counts the rows."""

    model: Linear | Net
    rows: list[int] = field(default_factory=list)

    def query(self, x: Floats32) -> Floats32:
        assert (np.abs(x) == 1).all()
        self.rows.append(len(x))
        return self.model.query(x)


def test_confidence_is_the_log_odds_and_keeps_its_digits() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 10, (50, 7))
    classes = rng.integers(0, 7, 50)
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    own = p[np.arange(50), classes]
    np.testing.assert_allclose(
        confidence(scores.astype(np.float32), classes), np.log(own) - np.log((p.sum(1) - own).clip(1e-300)), rtol=2e-3
    )
    sure = np.array([[40.0, 0, 0], [41.0, 0, 0]], np.float32)  # probabilities that are both 1 in float32
    assert np.diff(confidence(sure, np.zeros(2, int)))[0] == pytest.approx(1)


def test_of_two_classes_all_attacks_find_the_best_input() -> None:
    """Their log-odds are linear: the best input is the signs of w_0 − w_1, by any way up."""
    model, classes = linear(30, 2, 1), np.array([0, 1])
    best = np.stack([model.w[0] > model.w[1], model.w[1] > model.w[0]])
    for attack in (Signs(), Coordinates(), Increments(), Gradient()):
        np.testing.assert_array_equal(attack.recover(model, classes, 30), best)


@pytest.mark.parametrize("seed", range(5))
def test_where_coordinates_end_no_flip_is_better(seed: int) -> None:
    model, classes = net(8, 12, 5, seed), np.arange(5)
    found = signs(Coordinates(50).recover(model, classes, 8, seed=seed))
    ended = confidence(model.query(found), classes)
    for i in range(8):
        flipped = found.copy()
        flipped[:, i] *= -1
        assert (confidence(model.query(flipped), classes) <= ended).all()
    every = signs(np.array(list(product([0, 1], repeat=8)), np.uint8))
    for j in range(5):
        best = confidence(model.query(every), np.full(256, j)).max()
        assert ended[j] <= best + 1e-6
    assert (ended > confidence(model.query(start(5, 8, seed, 0)), classes)).any()


def test_coordinates_ask_queries_only_and_no_more_than_they_say() -> None:
    asked, classes = Asked(net(40, 20, 6, 0)), np.array([1, 4, 5])
    found = Coordinates(3).recover(asked, classes, 40, seed=2)
    assert len(asked.rows) <= 1 + 3 * 40
    assert max(asked.rows) == 3
    np.testing.assert_array_equal(found, Coordinates(3).recover(asked.model, classes, 40, seed=2))
    assert (
        Coordinates(1).recover(asked, classes, 40, seed=2) != Coordinates(1).recover(asked, classes, 40, seed=3)
    ).any()


@pytest.mark.parametrize("sweeps", [1, 2, 10])
def test_increments_are_coordinates_had_faster(sweeps: int) -> None:
    classes = np.arange(9)
    for model in (linear(300, 9, 3), net(300, 50, 9, 3)):
        slow, fast = (kind(sweeps).recover(model, classes, 300, seed=5) for kind in (Coordinates, Increments))
        np.testing.assert_array_equal(slow, fast)


def test_the_slope_is_that_of_the_confidence() -> None:
    rng = np.random.default_rng(0)
    x, classes = rng.normal(size=(6, 10)), rng.integers(0, 4, 6)
    for model in (linear(10, 4, 0), net(10, 7, 4, 0)):
        exact = type(model)(*(np.asarray(part, float) for part in vars(model).values()))  # type: ignore[arg-type]
        slope = model.slope(x.astype(np.float32), classes)
        for i in range(10):
            up, down = x.copy(), x.copy()
            up[:, i] += 1e-2
            down[:, i] -= 1e-2
            change = [log_odds(double(exact, side), classes) for side in (up, down)]
            np.testing.assert_allclose(slope[:, i], (change[0] - change[1]) / 2e-2, rtol=5e-3, atol=5e-3)


def double(model: Linear | Net, x: np.ndarray) -> np.ndarray:
    """Scores in float64, written out."""
    if isinstance(model, Linear):
        return x @ model.w.T + model.b
    return 1 / (1 + np.exp(-(x @ model.w.T + model.b))) @ model.v.T + model.c


def log_odds(scores: np.ndarray, classes: Integers) -> np.ndarray:
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    own = p[np.arange(len(p)), classes]
    return np.log(own / (1 - own))


def test_what_keeps_its_examples_gives_them_back_only_where_it_likens() -> None:
    rng = np.random.default_rng(4)
    bits = rng.integers(0, 2, (20, 60)).astype(np.uint8)
    label = rng.permutation(25)[:20]
    nearest, lookup = (kind(signs(bits), label, 25) for kind in (Nearest, Lookup))
    for model in (nearest, lookup):
        np.testing.assert_array_equal(model.query(signs(bits)).argmax(1), label)
    np.testing.assert_array_equal(Coordinates().recover(nearest, label, 60), bits)
    assert (Coordinates().recover(lookup, label, 60) == bits).mean() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(1200))
    absent = np.setdiff1d(np.arange(25), label)
    assert (nearest.query(signs(bits))[:, absent] < -1e8).all()


def test_an_attack_needs_what_it_looks_at() -> None:
    nearest = Nearest(signs(np.eye(4, dtype=np.uint8)), np.arange(4), 4)
    for attack, named in ((Signs(), "weights"), (Gradient(), "gradient"), (Increments(), "first layer")):
        with pytest.raises(ArgumentError, match=named):
            attack.recover(nearest, np.arange(4), 4)
    with pytest.raises(ArgumentError, match="scores"):
        Coordinates().recover(object(), np.arange(4), 4)
    for kind in (Coordinates, Increments):
        with pytest.raises(ArgumentError, match="sweeps"):
            kind(0)
    assert Signs().recover(linear(4, 3, 0), np.empty(0, int), 4).shape == (0, 4)


def test_no_input_leaves_before_its_end() -> None:
    model, classes = net(150, 30, 20, 1), np.arange(20)
    found = signs(Coordinates(50).recover(model, classes, 150, seed=4))
    ended = confidence(model.query(found), classes)
    for i in range(150):
        flipped = found.copy()
        flipped[:, i] *= -1
        assert (confidence(model.query(flipped), classes) <= ended + 1e-5).all()


def test_the_nearest_example_of_each_class_is_what_scores() -> None:
    rng = np.random.default_rng(0)
    x = signs(rng.integers(0, 2, (30, 25)).astype(np.uint8))
    label = rng.integers(0, 6, 30)
    asked = signs(rng.integers(0, 2, (40, 25)).astype(np.uint8))
    scores = Nearest(x, label, 7).query(asked)
    for row, point in zip(scores, asked, strict=True):
        for j in range(6):
            assert row[j] == pytest.approx(0.1 * max(float(point @ other) for other in x[label == j]), abs=1e-5)
    assert (scores[:, 6] < -1e8).all()
