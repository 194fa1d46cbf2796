"""What following a likelihood keeps instead of computing it again: the same to the last bit, and what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from empirical.bridge import intervals
from empirical.bridge.beside import Beside
from empirical.bridge.bins import EDGES, _wide
from empirical.bridge.followed import Ridge, _end, ends
from empirical.bridge.intervals import Reach
from empirical.bridge.model import LATELY, Model
from empirical.bridge.profiles import coordinates
from empirical.estimates.noise import SubsetNoise
from longtail import Problem, Zipf
from longtail.core import Floats
from longtail.experiment.coupling import Fixed
from longtail.experiment.laid import laid
from longtail.experiment.members import members
from longtail.experiment.occupancy import smooth
from longtail.experiment.predictions import error_at, influence_by_memorization, untaught

NOISE = SubsetNoise(200)
BESIDE = Beside((0.7, 0.35), (0.1, 0.5), NOISE, True, np.zeros(3), np.diag([0.1, 0.05, 0.05]) ** 2)
MODEL = Model("Zipf", "beta", "dust", 500, 10, NOISE, BESIDE)
X = np.array([0.1, 5.0, 0.4, 0.9, 0.4, -0.8, -1.4])


def test_weights_are_laid_one_by_one() -> None:
    """Against a loop; number and mean are kept, and what lies at the last place is all there."""
    rng = np.random.default_rng(0)
    tops, values = rng.random(5), np.append(rng.random(40), [0.0, 1.0])
    weight = rng.random((5, 42))
    wanted = np.zeros(9)
    for t, top in enumerate(np.append(tops[:4], 1.0)):
        for value, w in zip(8 * values, weight[t], strict=True):
            k = min(int(top * value), 7)
            wanted[k] += w * (1 - (top * value - k))
            wanted[k + 1] += w * (top * value - k)
    found = laid(np.append(tops[:4], 1.0), 8 * values, weight, 8)
    np.testing.assert_allclose(found, wanted, rtol=1e-13)
    mean = (np.append(tops[:4], 1.0)[:, None] * values * weight).sum()
    assert found @ np.arange(9) / 8 == pytest.approx(mean, rel=1e-13)


def test_what_is_kept_is_not_taken_for_another() -> None:
    """Other laws, couplings, numbers of examples and noises, in turn, each as when it is asked for first."""
    cases = [
        (
            Problem(Zipf(alpha=1, size=size), n=n, n_classes=k),
            Fixed(a, steady=0.3, difficulty=u, dust=0.1),
            SubsetNoise(t),
        )
        for size, n, k, a, u, t in (
            (50, 300, 10, 0.5, 0.6, 200),
            (50, 200, 4, 0.8, 0.3, 100),
            (80, 300, 10, 0.8, 0.6, 400),
        )
    ]

    def plain(problem: Problem, coupling: Fixed, noise: SubsetNoise) -> Floats:
        seen = smooth(problem, dust=coupling.dust)
        left, share = untaught(members(coupling, seen.copies[1:] - 1, noise.fraction, 60), seen.examples[1:], seen.dust)
        tops, guessed = coupling.guesses(problem.n_classes)
        true = np.multiply.outer(tops, left).ravel()
        return np.asarray(noise.chances(EDGES, true) @ np.multiply.outer(guessed, share).ravel())

    for _ in range(2):
        for problem, coupling, noise in cases:
            found = _wide(problem, coupling, noise)
            np.testing.assert_allclose(found, plain(problem, coupling, noise), atol=2e-4)
            lam, weight = coupling.nodes(200)
            seen = smooth(problem, dust=coupling.dust)
            wrong = [(1 - f * lam) ** seen.copies[:, None] @ weight @ seen.mass for f in (0.5, 1.0)]
            told = error_at(problem, coupling, [0.5, 1.0])
            np.testing.assert_allclose(told, coupling.wrong(problem.n_classes) * (0.1 + np.array(wrong)), rtol=1e-12)
            table = influence_by_memorization(problem, coupling, [0.3], noise)
            above = float(noise.chances(np.array([0.3]), np.ones(1))[1, 0])
            assert table["share"].sum() == pytest.approx(1)
            assert 0 < table["share"].iloc[1] < above


@pytest.mark.kernels
def test_values_are_remembered_for_a_while() -> None:
    """The same array, which nobody may write to; after ``LATELY`` others it is computed again, to the same bits."""
    model = replace(MODEL)
    first = model.probabilities(X)
    assert model.probabilities(X.copy()) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0
    for k in range(1, LATELY + 1):
        assert (model.probabilities(X + 0.01 * k) != first).any()
    again = model.probabilities(X)
    assert again is not first
    np.testing.assert_array_equal(again, first)


@pytest.mark.kernels
def test_slopes_along_some() -> None:
    observed = MODEL.n * MODEL.probabilities(X + 0.1)
    every, some = MODEL.slopes(X, observed), MODEL.slopes(X, observed, [0, 3])
    np.testing.assert_array_equal(some[:, [0, 3]], every[:, [0, 3]])
    assert not some[:, [1, 2, 4, 5, 6]].any()
    assert (np.abs(every).max(0) > 0).all()


@pytest.mark.kernels
def test_a_ridge_from_the_slope_that_all_share() -> None:
    """To the last bit what it is by itself, on either side, after another that set out from the same slope."""
    observed = np.round(MODEL.n * MODEL.probabilities(X))
    error = np.full(len(X), 0.1)
    reach = Reach(MODEL, X, observed, np.tile(observed, (20, 1)), error, np.diag(error**2), 0.95, np.zeros(len(X)))
    before = reach.ridge(2)
    first = before.slope
    below = before.best(X[2] - 0.05, X)[0]
    assert (before.slope != first).any()
    for side, found in ((1, reach.ridge(2).best(X[2] + 0.05, X)[0]), (-1, below)):
        own = Ridge(MODEL, observed, X, 2)
        np.testing.assert_array_equal(own.slope, first)
        assert own.best(X[2] + side * 0.05, X)[0] == found > 0


def test_the_mean_of_a_law_has_the_interval_of_mean_and_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ends are looked for where −2 log L has risen as far as two coordinates may, those of others where one may."""
    observed, error = MODEL.n * MODEL.probabilities(X), np.full(len(X), 0.2)
    reach = Reach(MODEL, X, observed, np.tile(observed, (20, 1)), error, np.diag(error**2), 0.95, np.zeros(len(X)))
    asked: dict[int, float] = {}

    def looked(
        ridge: Ridge, x: Floats, i: int, limits: tuple[float, float], allowed: float, length: float
    ) -> tuple[None, None]:
        asked[i] = allowed
        return None, None

    monkeypatch.setattr(intervals, "ends", looked)
    one, two = stats.t.ppf(0.975, 19) ** 2, 2 * stats.f.ppf(0.95, 2, 19)
    for name, i in coordinates(MODEL).items():
        assert reach.interval(name)[0] == (1 if name == "size" else 0)
        assert asked[i] == pytest.approx(reach.rise(np.eye(7)[i]) * (two / one if name == "coupling" else 1))
    assert 1.55 < two / one < 1.7


def test_a_narrow_law_keeps_its_mean() -> None:
    """As its values meet, however large a + b is asked for."""
    for both in (0.9, 13.0, 15.0, 40.0):
        assert MODEL.place(np.array([0.1, 5.0, 0.4, both, 0.4, -0.8, -1.4]))[1].mean == pytest.approx(
            special.expit(0.4), rel=1e-9
        )


class Bent:
    """Three coordinates, of which powers and products are seen."""

    def residuals(self, x: Floats, observed: Floats) -> Floats:
        a, b, c = x
        return np.array([np.exp(a + b), a * b + c, np.sin(b) + c**2, a + np.exp(c), b - c]) - observed

    def slopes(self, x: Floats, observed: Floats, along: Sequence[int] | None = None) -> Floats:
        steps = 1e-6 * np.eye(3)
        pairs = [(self.residuals(x + h, observed), self.residuals(x - h, observed)) for h in steps]
        return np.array([(more - less) / 2e-6 for more, less in pairs]).T


@pytest.mark.kernels
def test_either_end_is_looked_for_as_if_alone() -> None:
    """What following learned of slopes below the best value does not change, by a bit, what is found above it."""
    x = np.array([0.2, 0.3, 0.1])
    observed = Bent().residuals(x, np.zeros(5))
    wide = (-np.inf, np.inf)
    found = ends(Ridge(Bent(), observed, x, 0), x, 0, wide, 1.0, 0.25)
    for side, end in zip((-1, 1), found, strict=True):
        own = Ridge(Bent(), observed, x, 0)
        best, start = own.best(float(x[0]), x)
        wanted = _end(own, float(x[0]), side, best, start, 1.0, 0.25, 12.0)
        assert end is not None
        assert wanted is not None
        assert side * (wanted[0] - x[0]) > 0.25
        np.testing.assert_array_equal(end, wanted)
