"""Learners of the tasks and what is recovered from them: training against plain descent, published sizes, controls."""

from __future__ import annotations

import numpy as np
import pytest

from empirical.irrelevant import descent
from empirical.irrelevant.course import course
from empirical.irrelevant.descent import Course, Examples
from empirical.irrelevant.learners import KNN, MLP, ByHeart, Optimal, Ridge, Softmax, Trained
from empirical.irrelevant.parse import learner, shown
from empirical.irrelevant.recovery import ACCURACIES, PARTS, check, recover
from longtail.core import ArgumentError
from longtail.irrelevant.attacks import Coordinates, Gradient, Increments, Signs
from longtail.irrelevant.models import signs
from longtail.irrelevant.reachable import nearest_right
from longtail.irrelevant.tasks import Hypercube
from longtail.priors import Uniform, Zipf

Z = 5
SMALL = Hypercube(Uniform(size=60), 200, 0.4)


def examples(n: int, d: int, classes: int) -> Examples:
    rng = np.random.default_rng(0)
    x = np.where(rng.random((n, d)) < 0.5, np.float32(-1), np.float32(1))
    return Examples(x, rng.integers(0, classes, n), classes, rng.integers(1, 4, n).astype(np.float32))


def loss(examples: Examples, scores: np.ndarray) -> float:
    log_p = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    return float(-(examples.counts * log_p[np.arange(len(scores)), examples.label]).sum() / examples.counts.sum())


def plain(examples: Examples, parts: list[np.ndarray], course: Course, score: object) -> list[np.ndarray]:
    """Nesterov's descent from finite differences of the loss, all in float64: no formula is shared with what is tested."""
    speed = [np.zeros_like(part) for part in parts]
    for step in range(course.steps):
        slopes = []
        for part in parts:
            slope = np.zeros_like(part)
            for i in np.ndindex(part.shape):
                kept = part[i]
                part[i] = kept + 1e-5
                up = loss(examples, score(parts))  # type: ignore[operator]
                part[i] = kept - 1e-5
                slope[i] = (up - loss(examples, score(parts))) / 2e-5  # type: ignore[operator]
                part[i] = kept
            slopes.append(slope)
        for part, v, slope in zip(parts, speed, slopes, strict=True):
            v *= course.momentum
            v += slope
            part -= float(course.at(step)) * (slope + course.momentum * v)
    return parts


@pytest.mark.parametrize(("n", "d"), [(6, 5), (30, 4)])  # in the span of the examples, and not
def test_softmax_and_net_descend_as_plainly_written(n: int, d: int) -> None:
    given, course = examples(n, d, 3), Course(4, 0.3, 0.9, slower=2, factor=0.5)
    x = given.x.astype(float)
    first = descent.first_weights(3, d + 1, 5, 2, 0).astype(float)
    w, b = plain(given, [first[:, :-1].copy(), first[:, -1].copy()], course, lambda p: x @ p[0].T + p[1])
    (found,) = descent.softmax(given, course, [4], 5, 2)
    np.testing.assert_allclose(found.w, w, atol=1e-5)
    np.testing.assert_allclose(found.b, b, atol=1e-5)

    one, two = (descent.first_weights(*size, 5, 2, k).astype(float) for k, size in enumerate(((4, d + 1), (3, 5))))
    start = [one[:, :-1].copy(), one[:, -1].copy(), two[:, :-1].copy(), two[:, -1].copy()]

    def scores(p: list[np.ndarray]) -> np.ndarray:
        return 1 / (1 + np.exp(-(x @ p[0].T + p[1]))) @ p[2].T + p[3]

    wanted = plain(given, start, course, scores)
    (net,) = descent.net(given, 4, course, [4], 5, 2)
    for part, right in zip((net.w, net.b, net.v, net.c), wanted, strict=True):
        np.testing.assert_allclose(part, right, atol=1e-5)


@pytest.mark.parametrize("one", [Softmax(steps=12), MLP(steps=12, width=9)], ids=shown)
def test_a_model_on_the_way_is_that_of_fewer_steps(one: Trained) -> None:
    sample = SMALL.draw(40)
    steps = [0, 5, 12]
    for model, step in zip(one.at(sample, steps), steps, strict=True):
        alone = type(one)(**(vars(one) | {"steps": step})).model(SMALL, sample)
        for mine, other in zip(vars(model).values(), vars(alone).values(), strict=True):
            np.testing.assert_array_equal(mine, other)


def test_published_softmax_gives_up_all_bits_by_signs_and_the_control_none() -> None:
    found = recover(Hypercube(Uniform(size=500), 1000), Softmax(), Signs(), 500, repeats=3, seed=1)
    for part in PARTS[:3]:
        assert found.rate(part).value > 0.999
    assert found.accuracy("train").value == 1
    singletons = len(found.singletons)
    assert singletons == pytest.approx(3 * 500 * (1 - 1 / 500) ** 499, rel=0.1)
    assert found.singletons["relevant_bits"].mean() == pytest.approx(174, abs=2)
    control = found.rate("control")
    bits = found.singletons["control_bits"].sum()
    assert abs(control.value - 0.5) < Z * 0.5 / np.sqrt(bits)
    expected = nearest_right(1000, 0.174, 315)
    assert found.accuracy("singletons").value == pytest.approx(expected, abs=0.03)
    assert 0 < found.excess.value < 0.03
    low, high = found.interval("recovered")
    assert low < found.rate("recovered").value <= high
    assert high - low < 0.01


def test_the_error_of_a_rate_is_right_and_its_own_data_are_no_control() -> None:
    found = recover(SMALL, Ridge(), Signs(), 60, repeats=40, seed=3)
    by = found.singletons.groupby("repeat")[["control_right", "control_bits"]].sum()
    z = (by["control_right"] - by["control_bits"] / 2) / np.sqrt(by["control_bits"] / 4)
    assert np.abs(z).max() < Z
    assert (z**2).mean() == pytest.approx(1, abs=Z * np.sqrt(2 / 40))
    exact = 0.5 / np.sqrt(by["control_bits"].sum())
    assert found.rate("control").stderr == pytest.approx(exact, rel=Z * np.sqrt(1 / 2 / 39))
    assert abs(found.rate("control").value - 0.5) < Z * exact
    assert abs(found.rate("irrelevant").value - 0.5) > Z * exact  # the negative control


def test_every_learner_and_attack_that_go_together() -> None:
    rates = {}
    for text in ("softmax", "mlp(width=100, steps=300, rate=0.3, momentum=0.9)", "ridge", "knn", "optimal", "lookup"):
        one = learner(text)
        for attack in (Signs(), Coordinates(), Increments(), Gradient()):
            if issubclass(one.kind, attack.needs):
                found = recover(SMALL, one, attack, 60, repeats=1, seed=2)
                rates[shown(one).partition("(")[0], type(attack).__name__] = found.rate("irrelevant").value
                assert np.isfinite(found.rate("recovered").stderr)
    assert len(rates) == 4 * 4 + 2
    assert rates.pop(("lookup", "Coordinates")) == pytest.approx(0.5, abs=0.05)
    assert min(rates.values()) > 0.8
    assert rates["knn", "Coordinates"] == rates["optimal", "Signs"] == 1
    assert rates["softmax", "Coordinates"] == pytest.approx(rates["softmax", "Increments"], abs=0.002)


def test_the_best_learner_is_as_good_as_theory_says() -> None:
    task, n = Hypercube(Uniform(size=10_000), 60, 0.4), 40
    right, expected = [], []
    for number in range(30):
        sample = task.draw(n, 7, number)
        if len(sample.population.alone) < n:
            continue
        fresh = signs(task.fresh(sample.label, n, 7, number))
        right += list(Optimal().model(task, sample).query(fresh).argmax(1) == sample.label)
        expected.append(nearest_right(60, 0.4, n - 1))
    error = np.sqrt(expected[0] * (1 - expected[0]) / len(right))
    assert len(expected) > 15
    assert abs(np.mean(right) - expected[0]) < Z * error
    assert 0.5 < expected[0] < 0.999


def test_nothing_beats_the_best_learner_on_clusters_seen_often() -> None:
    task, n = Hypercube(Zipf(alpha=1, size=30), 60, 0.3), 120
    sums = np.zeros(3)
    for number in range(20):
        sample = task.draw(n, 1, number)
        fresh = signs(task.fresh(sample.label, n, 1, number))
        for k, one in enumerate((Optimal(), Softmax(), KNN())):
            sums[k] += (one.model(task, sample).query(fresh).argmax(1) == sample.label).mean()
    assert sums[0] > sums[1:].max()


@pytest.mark.parametrize(
    ("task", "one", "attack", "n", "named"),
    [
        (SMALL, KNN(), Signs(), 60, "weights"),
        (SMALL, ByHeart(), Gradient(), 60, "gradient"),
        (Hypercube(Uniform(size=60), 200, 0.0), Softmax(), Signs(), 60, "told apart"),
        (Hypercube(Uniform(size=60), 3, 0.9), Softmax(), Signs(), 60, "told apart"),
        (Hypercube(Uniform(size=2), 200, 0.4), Softmax(), Signs(), 60, "alone"),
        (Hypercube(Uniform(size=60), 20), Softmax(), Signs(), 60, "told apart"),
    ],
)
def test_it_is_said_before_training(task: Hypercube, one: object, attack: object, n: int, named: str) -> None:
    with pytest.raises(ArgumentError, match=named):
        check(task, one, attack, n)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["nothing", "softmax(steps=-1)", "mlp(width=0)", "ridge(penalty=0)", "softmax(momentum=1)"]
)
def test_learners_that_cannot_be(text: str) -> None:
    with pytest.raises(ArgumentError):
        learner(text)


def test_a_course_ends_where_training_does() -> None:
    found = course(SMALL, Softmax(), Signs(), 60, [50, 0, 10], repeats=3, seed=4)
    assert found["step"].tolist() == [0, 10, 50] * 3
    ended = recover(SMALL, Softmax(), Signs(), 60, 3, 4)
    for part in PARTS[:3]:
        rates = ended.singletons.groupby("repeat")[[f"{part}_right", f"{part}_bits"]].sum()
        wanted = rates[f"{part}_right"] / rates[f"{part}_bits"]
        np.testing.assert_allclose(found[found["step"] == 50][part], wanted)
    for of in ACCURACIES:
        assert found[found["step"] == 50][of].tolist() == ended.repeats[of].tolist()
    assert (found[found["step"] == 0]["recovered"] < 0.6).all()
    one = recover(SMALL, Softmax(steps=10), Signs(), 60, 1, 4).rate("irrelevant")
    first = found[found["step"] == 10].iloc[0]
    assert (first["irrelevant"], first["irrelevant_stderr"]) == (one.value, one.stderr)
    with pytest.raises(ArgumentError, match="steps"):
        course(SMALL, KNN(), Coordinates(), 60, [1])  # type: ignore[arg-type]
