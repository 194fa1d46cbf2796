"""Mixtures of clusters, and how firmly learners couple their members: against loops, limits, and the theorem."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from empirical.data.clusters import Features, Gaussian
from empirical.estimates.coupled import Coupled, coupled, predictions
from empirical.learners import KNN, MLP, External, Ridge, Softmax
from empirical.learners.learner import Learner
from longtail import Problem, exact
from longtail.core import ArgumentError, Floats
from longtail.priors import Uniform, Zipf

Z = 5
LEARNERS = [KNN(1), KNN(5), Ridge(1.0), Softmax(), MLP(width=32, epochs=5)]


def features(clusters: int, each: int, noise: float = 0.3) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(3)
    centers = rng.normal(size=(clusters, 16))
    of = np.repeat(np.arange(clusters), each)
    return centers[of] + noise * rng.normal(size=(len(of), 16)), of


def test_a_data_set_is_a_function_of_its_number() -> None:
    clusters = Gaussian(Zipf(alpha=1, size=50), 4, dimensions=8, noise=0.1)
    one, again, other = clusters.draw(60, 1, 2), clusters.draw(60, 1, 2), clusters.draw(60, 1, 3)
    np.testing.assert_array_equal(one.x, again.x)
    np.testing.assert_array_equal(one.frequency, again.frequency)
    assert (one.cluster != other.cluster).any()
    assert one.frequency.sum() == pytest.approx(1, abs=1e-12)


def test_points_are_as_far_from_their_centers_as_told() -> None:
    clusters = Gaussian(Uniform(size=4), 4, dimensions=64, noise=0.25)
    where = np.repeat(np.arange(4), 2000)
    x, fresh = (clusters.points(where, 5, 0, fresh=f).reshape(4, 2000, 64) for f in (False, True))
    radius, far = 0.25 / np.sqrt(2000), 0.25**2 * 64 / 2 / 2000  # of a mean: its standard deviation, and its bias
    np.testing.assert_allclose(np.linalg.norm(x.mean(1), axis=1), 1, atol=Z * radius + 2 * far)
    deviations = x - x.mean(1, keepdims=True)
    count = deviations.size
    assert deviations.std() == pytest.approx(0.25, abs=Z * 0.25 / np.sqrt(2 * count))
    correlation = np.mean((fresh - x.mean(1, keepdims=True)) * deviations) / 0.25**2
    assert abs(correlation) < Z / np.sqrt(count)
    np.testing.assert_allclose(fresh.mean(1), x.mean(1), atol=Z * 0.25 * np.sqrt(2 / 2000))


def test_rows_of_ones_own_are_examples_or_fresh_never_both() -> None:
    rows, of = features(5, 6)
    clusters = Features(Uniform(size=5), 3, rows=rows, of=of)
    where = np.repeat(np.arange(5), 9)  # more than there are: they come again
    x, fresh = (clusters.points(where, 0, 1, fresh=f) for f in (False, True))
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, rtol=1e-6)
    seen, others = ({row.tobytes() for row in part} for part in (x, fresh))
    assert not seen & others
    assert len(seen) == len(others) == 15
    own = {row.tobytes() for row in clusters.rows}
    assert seen | others == own
    assert {row.tobytes() for row in clusters.points(where, 0, 2)} != seen


@pytest.mark.parametrize(
    ("change", "named"),
    [({"rows": np.ones((4, 2))}, "rows"), ({"of": np.zeros(30, int)}, "of"), ({"rows": np.zeros((30, 16))}, "rows")],
)
def test_rows_that_are_no_clusters_are_refused(change: dict[str, Floats], named: str) -> None:
    rows, of = features(5, 6)
    with pytest.raises(ArgumentError, match=named):
        Features(Uniform(size=5), 3, **({"rows": rows, "of": of} | change))


def test_predictions_are_those_of_the_nearest() -> None:
    rng = np.random.default_rng(0)
    x, y, rows = rng.normal(size=(40, 6)), rng.integers(0, 3, 40), rng.normal(size=(25, 6))
    x, rows = x.astype(np.float32), rows.astype(np.float32)
    nearest = ((rows[:, None] - x[None]) ** 2).sum(2).argmin(1)
    np.testing.assert_array_equal(predictions(KNN(1), x, y, rows, 3, 0, 0), y[nearest])


def test_what_is_counted_is_what_a_loop_counts() -> None:
    clusters, n, sets = Gaussian(Zipf(alpha=1, size=30), 3, dimensions=8, noise=0.3), 40, 3
    found = coupled(clusters, KNN(5), n, sets, ells=3, seed=4)
    number, again, misfit, wrong, error = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3), 0.0
    for k in range(sets):
        drawn = clusters.draw(n, 4, k)
        seen = np.unique(drawn.cluster)
        fresh = clusters.points(np.repeat(seen, 4), 4, k, fresh=True).reshape(len(seen), 4, -1)
        unseen = 1.0
        for j, cluster in enumerate(seen):
            mine = np.flatnonzero(drawn.cluster == cluster)
            said = predictions(KNN(5), drawn.x, drawn.y, np.concatenate([drawn.x[mine], fresh[j]]), 3, 4, k)
            on, off = said[: len(mine)], said[len(mine) :]
            frequency, label = drawn.frequency[cluster], drawn.label[cluster]
            unseen -= frequency
            error += frequency * np.mean(off != label)
            if len(mine) <= 3:
                ell = len(mine) - 1
                number[ell] += 1
                again[ell] += np.mean([np.mean(off == h) for h in on])
                wrong[ell] += np.mean(on != label)
                misfit[ell] += np.mean([np.mean(off == h) * (h != label) for h in on])
        error += 2 / 3 * unseen
    table = found.table
    np.testing.assert_allclose(table["clusters"], number / sets)
    np.testing.assert_allclose(table["agreement"], again / number)
    np.testing.assert_allclose(table["wrong"], wrong / number)
    np.testing.assert_allclose(table["misfit_agreement"], misfit / wrong)
    assert found.error.value == pytest.approx(error / sets)
    problem = Problem(clusters.prior, n, 3)
    paid = exact.tau(problem, [1, 2, 3]).value @ misfit / sets
    assert found.bound.value == pytest.approx(exact.optimal_error(problem).value + paid)
    assert found.slack.value == pytest.approx(found.error.value - found.bound.value)


@pytest.mark.parametrize("noise", [0.05, 0.2])
@pytest.mark.parametrize("learner", LEARNERS, ids=repr)
def test_no_learner_is_below_what_its_misfits_cost(learner: Learner, noise: float) -> None:
    found = coupled(Gaussian(Zipf(alpha=1, size=100), 4, dimensions=16, noise=noise), learner, 100, 60, ells=8)
    assert found.slack.z > -Z
    assert found.bound.stderr <= found.error.stderr * 2


def test_points_that_are_all_alike_are_coupled_and_the_sides_are_one() -> None:
    found = coupled(Gaussian(Zipf(alpha=1, size=60), 4, noise=0.0), KNN(1), 60, 80)
    assert (found.table["agreement"] == 1).all()
    assert (found.table["wrong"] == 0).all()
    assert abs(found.slack.z) < Z
    assert found.slack.stderr > 0


def others(X: Floats, y: NDArray[np.int64], subset: NDArray[np.int64]) -> NDArray[np.int64]:
    """The label of the nearest other example: of what is alone in its cluster, a stranger's."""
    distance = ((X[:, None] - X[None, subset]) ** 2).sum(2)
    return y[subset[np.where(distance < 1e-12, np.inf, distance).argmin(1)]]


def test_without_coupling_the_theorem_would_be_wrong() -> None:
    """The control: who errs on singletons alone, and on nothing like them, does not pay for it."""
    found = coupled(Gaussian(Zipf(alpha=1, size=60), 4, noise=0.02), External(others), 60, 40)
    once = found.table.iloc[0]
    price = exact.cost(found.problem).value / 0.75 * once["wrong"]
    assert once["wrong"] == pytest.approx(0.75, abs=0.1)
    assert once["misfit_agreement"] < 0.05
    assert found.bound.value + price > found.error.value + Z * np.hypot(found.error.stderr, found.bound.stderr)
    assert found.slack.z > -Z


def test_standard_errors_are_what_repeats_show() -> None:
    clusters = Gaussian(Zipf(alpha=1, size=60), 3, dimensions=8, noise=0.2)
    several: list[Coupled] = [coupled(clusters, Ridge(10.0), 60, 40, ells=3, seed=s) for s in range(40)]
    for name in ("error", "bound", "slack", "averaged"):
        values = np.array([getattr(found, name).value for found in several])
        said = np.array([getattr(found, name).stderr for found in several])
        squares = (values - values.mean()) ** 2 / np.mean(said**2)
        assert 1 - Z * np.sqrt(2 / 39) < squares.sum() / 39 < 1 + Z * np.sqrt(2 / 39), name
    agreement = np.array([found.table["misfit_agreement"][0] for found in several])
    said = np.array([found.table["misfit_agreement_stderr"][0] for found in several])
    assert 1 - Z * np.sqrt(2 / 39) < agreement.var(ddof=1) / np.mean(said**2) < 1 + Z * np.sqrt(2 / 39)
