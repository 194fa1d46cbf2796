"""A joint fit's likelihood has several valleys, and ridges between: the lowest is found, and an interval follows its ridge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from empirical.bridge import model as models
from empirical.bridge.beside import Beside
from empirical.bridge.bins import EDGES, drawn
from empirical.bridge.followed import NEAR_END, Ridge, ends
from empirical.bridge.model import Model, search
from empirical.estimates.noise import SubsetNoise
from longtail import Problem, Zipf
from longtail.core import Floats
from longtail.counts.fit import FAMILIES
from longtail.experiment.coupling import Beta

N, NOISE = 4000, SubsetNoise(2000)
TRUTH = Beta(1.5, 1.0, steady=0.3, difficulty=0.6, dust=0.2)
ERRORS = np.diag([0.01, 0.002, 0.002]) ** 2
KNOWN = Beside((0.7, 0.35), (0.1, 0.5), replace(NOISE, models=1000), True, np.zeros(3), ERRORS)


@pytest.fixture(scope="module")
def sets() -> Floats:
    """Data sets of the truth, all their bins and what is beside, among them some whose nearest start leads to λ near 0."""
    problem = Problem(Zipf(alpha=0.8, size=3 * N // 8), N, 10)
    return drawn(problem, TRUTH, NOISE, 200, np.random.default_rng([2026, N, 2]), KNOWN)


def given(row: Floats) -> tuple[Model, Floats]:
    """The model that is fitted to a data set, and its bins."""
    cut = len(EDGES) + 1
    return Model("Zipf", "beta", "dust", N, 10, NOISE, replace(KNOWN, value=row[cut:])), row[:cut]


def off(model: Model, x: Floats, observed: Floats) -> float:
    return float((model.residuals(x, observed) ** 2).sum())


@pytest.mark.parametrize("number", [36])
def test_the_lowest_valley_is_found(sets: Floats, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No higher than the truth itself. Control: from the starts that look best before a step, it is higher."""
    model, observed = given(sets[number])
    shares = {"difficulty": 0.6, "steady": 0.3, "dust": 0.2}
    truth = [FAMILIES["Zipf"].inward(0.8), np.log(1500), np.log(0.6 / 0.4), np.log(2.5)]
    truth += [np.log(shares[name] / (1 - shares[name])) for name in model.guessed]
    least = off(model, np.array(truth), observed)
    assert off(model, search(model, observed, [])[0], observed) < least
    monkeypatch.setattr(models, "VALLEYS", 1)
    assert off(model, search(model, observed, [])[0], observed) > least


def test_an_end_is_where_the_likelihood_has_fallen_as_far() -> None:
    """With the other coordinate at its best, by another search. Control: half as far off it has not."""
    model = Model("Uniform", "fixed", "fresh", 1000, 10, SubsetNoise(100))
    x = np.array([6.0, 1.0])
    observed = model.n * model.probabilities(x)
    for side, end in zip((-1, 1), ends(Ridge(model, observed, x, 1), x, 1, model.limits(1), 5.0, 0.25), strict=True):
        assert end is not None

        def least(at: float) -> float:
            found = optimize.minimize_scalar(
                lambda size: off(model, np.array([size, at]), observed), (5.5, 6.5), method="brent"
            )
            return float(found.fun)

        assert side * (end[1] - x[1]) > 0
        assert least(float(end[1])) == pytest.approx(5.0, rel=NEAR_END + 0.02)
        assert least(float(x[1] + (end[1] - x[1]) / 2)) < 2.5


@pytest.mark.parametrize(
    ("shape", "size", "law"), [(0.09, 4, False), (0.11, 4, True), (0.009, 50, True), (1e-3, 1, True)]
)
def test_frequencies_of_next_to_one_subpopulation_are_not_looked_for(shape: float, size: int, law: bool) -> None:
    """Of a Gamma prior's frequencies the largest then has nearly all, and its law took gigabytes."""
    model = Model("Gamma", "lookup", "fresh", 142, 3, SubsetNoise(100))
    p = model.probabilities(np.array([FAMILIES["Gamma"].inward(shape), np.log(size)]))
    assert p.sum() == pytest.approx(1 if law else len(p) * models.LEAST)
