"""Clusters about a center: draws against their law, the best learner against the posterior written out, chances simulated."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from longtail.core import ArgumentError
from longtail.irrelevant.mixtures import Boolean, Centered, Gaussian
from longtail.irrelevant.population import Population
from longtail.irrelevant.tasks import Clusters, Hypercube, Sample, inputs
from longtail.priors import Uniform, Zipf

Z = 5


@pytest.mark.parametrize("kind", [Boolean, Gaussian])
def test_members_are_correlated_and_strangers_not(kind: type[Centered]) -> None:
    task = kind(Zipf(alpha=1, size=20), 400, 0.6)
    sample = task.draw(300, seed=2, number=1)
    np.testing.assert_array_equal(sample.x, task.draw(300, seed=2, number=1).x)
    assert (sample.x != task.draw(300, seed=2, number=2).x).any()
    x = sample.inputs.astype(float)
    fresh = inputs(task.fresh(sample.label, 300, seed=2, number=1)).astype(float)
    product_ = (x * fresh).mean(1)
    assert abs(product_.mean() - 0.36) < Z * product_.std() / np.sqrt(20)  # clusters share their center
    stranger = (x * np.roll(fresh, 1, axis=0)).mean(1)[sample.label != np.roll(sample.label, 1)]
    assert abs(stranger.mean()) < Z * stranger.std() / np.sqrt(20)
    assert abs(x.mean()) < Z / np.sqrt(20 * 400)
    assert (x**2).mean() == pytest.approx(1, abs=Z * np.sqrt(2 / 400 / 20))
    agree = {"Boolean": 0.8, "Gaussian": 1 - np.arccos(0.6) / np.pi}[kind.__name__]
    assert sample.relevant.mean() == pytest.approx(agree, abs=Z * np.sqrt(agree * (1 - agree) / sample.relevant.size))
    assert set(np.unique(sample.bits)) == {0, 1}


def given(task: Clusters, rows: np.ndarray, label: np.ndarray, clusters: int) -> Sample:
    return Sample(Population(np.full(clusters, 1 / clusters), label), rows, np.ones(rows.shape, bool))


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.9, 1.0])
def test_the_best_boolean_learner_is_the_posterior_summed_over_centers(strength: float) -> None:
    rng = np.random.default_rng(1)
    d, label = 4, np.array([0, 1, 1, 2, 2, 2])
    task = Boolean(Uniform(size=4), d, strength)
    centers = np.array(list(product([-1, 1], repeat=d)))
    # of λ = 1 all are their center
    some = rng.integers(0, 2, (6, d)) if strength < 1 else centers[[3, 5, 9]][label] > 0
    rows = some.astype(np.uint8)
    model = task.optimal(given(task, rows, label, 4))
    x = 2.0 * rows - 1

    def law(points: np.ndarray) -> np.ndarray:
        """Pr[points | each center]."""
        return np.prod((1 + strength * points[None] * centers[:, None]) / 2, axis=(1, 2))

    for point in centers.astype(float):
        wanted = [(law(x[label == j]) * law(point[None])).mean() / law(x[label == j]).mean() for j in range(3)]
        if not any(wanted):  # λ = 1, and no center of an example's
            continue
        scores = model.query(point[None].astype(np.float32))[0]
        assert scores[3] < -1e8
        p, q = np.exp(scores[:3] - scores[:3].max()), np.array(wanted) / max(wanted)
        np.testing.assert_allclose(p, q, atol=1e-5)


def test_the_best_gaussian_learner_is_the_posterior_by_linear_algebra() -> None:
    rng = np.random.default_rng(1)
    d, label, strength = 3, np.array([0, 1, 1, 2, 2, 2]), 0.7
    task = Gaussian(Uniform(size=4), d, strength)
    x = rng.normal(size=(6, d)).astype(np.float32)
    model = task.optimal(given(task, x, label, 4))
    for point in rng.normal(size=(10, d)):
        wanted = []
        for j in range(3):
            ell = int((label == j).sum())
            covariance = strength**2 * np.ones((ell + 1, ell + 1)) + (1 - strength**2) * np.eye(ell + 1)
            both = np.vstack([x[label == j], point])
            joint, own = (
                sum(-(r @ np.linalg.solve(c, r)) / 2 - np.log(np.linalg.det(2 * np.pi * c)) / 2 for r in part.T)
                for part, c in ((both, covariance), (both[:-1], covariance[:-1, :-1]))
            )
            wanted.append(joint - own)
        scores = model.query(point[None].astype(np.float32))[0].astype(float)
        np.testing.assert_allclose(np.diff(scores[:3]), np.diff(wanted), atol=1e-4)


@pytest.mark.parametrize(
    "task",
    [
        Boolean(Uniform(size=3000), 100, 0.6),
        Gaussian(Uniform(size=3000), 100, 0.6),
        Gaussian(Uniform(size=3000), 14, 0.9),
    ],
    ids=repr,
)
def test_nearest_neighbors_are_right_as_often_as_said(task: Centered) -> None:
    n, right = 30, []
    for number in range(100):
        sample = task.draw(n, 3, number)
        if len(sample.population.alone) < n:
            continue
        fresh = inputs(task.fresh(sample.label, n, 3, number))
        right.append(((fresh @ sample.inputs.T).argmax(1) == np.arange(n)).mean())
    said, error = task.right(n, n - 1), np.std(right, ddof=1) / np.sqrt(len(right))
    assert abs(np.mean(right) - said) < Z * error
    assert abs(np.mean(right) - task.right(n, 5 * n)) > Z * error  # the control: more rivals
    assert 0.8 < said < 0.95


def test_the_given_strength_and_that_of_the_dimension() -> None:
    assert Boolean(Uniform(size=5), 400).share ** 2 == pytest.approx(0.3)
    assert Gaussian(Uniform(size=5), 16).share == 1
    assert Boolean(Uniform(size=5), 400, 0.2).share == 0.2
    for kind in (Boolean, Gaussian, Hypercube):
        with pytest.raises(ArgumentError, match="dimension"):
            kind(Uniform(size=5), 0)
    with pytest.raises(ArgumentError, match="strength"):
        Gaussian(Uniform(size=5), 10, 1.1)
