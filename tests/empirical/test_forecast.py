"""What a fit leaves open of a prediction against all models of a grid, and what a forecast says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from empirical.bridge.comparison import Comparison
from empirical.bridge.fit import TheoryFit, fit, planted
from empirical.bridge.forecast import Forecast, Told, forecast, reached
from empirical.bridge.profiles import profiles
from empirical.command import reporting
from empirical.estimates.measured import Experiment, Measured
from empirical.estimates.noise import SubsetNoise
from empirical.report.exhibits import exhibits
from empirical.report.figures import figures
from empirical.report.page import page
from empirical.report.profile_figure import INDEPENDENT, crossings
from empirical.report.text import findings
from longtail import ArgumentError, Problem, Uniform
from longtail.core import Floats
from longtail.core.files import json_text
from longtail.experiment.coupling import Coupling, Fixed
from longtail.experiment.pairs import pairs_above
from longtail.experiment.predictions import error_at, share_above

N, K, NOISE = 1000, 10, SubsetNoise(200)


@pytest.fixture(scope="module")
def found() -> TheoryFit:
    _, values = planted(Problem(Uniform(size=300), N, K), Fixed(0.6), NOISE, np.random.default_rng(3))
    return fit(values, K, NOISE, "Uniform", "fixed", simulations=40)


def share(problem: Problem, coupling: Coupling) -> float:
    return float(share_above(problem, coupling, [0.5])[0])


def error(problem: Problem, coupling: Coupling) -> float:
    return float(error_at(problem, coupling, [1.0])[0])


@pytest.mark.parametrize("told", [share, error])
def test_the_range_is_that_of_all_models_that_are_allowed(found: TheoryFit, told: Told) -> None:
    """Of 41 × 41 models; one by first order, of the curvature alone, is not (negative control)."""
    reach = found.reach
    model, x = reach.model, reach.x

    def log(at: Floats) -> Floats:
        prior, coupling = model.place(at)
        return np.log([told(Problem(prior, N, K), coupling)])

    steep = model.jacobian(x, log)[0]
    allowed, least = reach.rise(steep), (model.residuals(x, reach.observed) ** 2).sum()
    wide = 1.4 * np.sqrt(allowed) * np.array([reach.curvature(axis) for axis in np.eye(2)])
    grid = [x + wide * np.array(at) for at in product(np.linspace(-1, 1, 41), repeat=2)]
    inside = [at for at in grid if (model.residuals(at, reach.observed) ** 2).sum() - least <= allowed]
    values = np.exp([log(at)[0] for at in inside])
    value, low, high = reached(found, told)
    assert value == pytest.approx(told(found.problem, found.coupling))
    assert (value - low) / (value - values.min()) == pytest.approx(1, abs=0.12)
    assert (high - value) / (values.max() - value) == pytest.approx(1, abs=0.12)
    assert 2 * reach.curvature(steep) * value < 0.8 * (values.max() - values.min())


def test_a_rise_that_is_allowed_makes_walds_interval(found: TheoryFit) -> None:
    """Of a parabola √rise errors by curvature are z errors by simulated data sets, or by curvature where these are less."""
    reach = found.reach
    low, high = np.log(reach.intervals["size"])
    half = np.sqrt(reach.rise(np.eye(2)[0])) * reach.curvature(np.eye(2)[0])
    least = reach.curvature(np.eye(2)[0]) / reach.error[0]
    assert half == pytest.approx((high - low) / 2 * max(least, 1), rel=1e-6)


@pytest.fixture(scope="module")
def compared(found: TheoryFit) -> Comparison:
    """Of a run with a few pairs, and a forecast and profiles beside."""
    table = pd.DataFrame({"index": np.arange(N), "memorization": np.linspace(0, 1, N), "stderr": 0.01})
    pairs = pd.DataFrame(
        {"train_index": [0, 1, 2], "test_index": [0, 1, 1], "influence": [0.6, 0.25, 0.2], "stderr": 0.01}
    )
    seen = Measured(Experiment("planted", 500, 200, 0.7, K), table, pairs, test_accuracy=0.8, accurate_at=1.0)
    told = pd.DataFrame(
        [("tests", 9.0, 7.0, 12.0, 2.0), ("pairs_0.2", 5.0, 4.0, 6.0, 3.0), ("error", 0.25, 0.2, 0.3, 0.2)],
        columns=["what", "value", "low", "high", "observed"],
    )
    return Comparison(seen, (found,), forecast=Forecast(found, told), profiles=profiles(found, points=3))


def test_a_forecast_is_said_and_kept(compared: Comparison) -> None:
    record = json.loads(json_text(compared.record()))
    assert record["forecast"]["range"] == {"tests": [7, 12], "pairs_0.2": [4, 6], "error": [0.2, 0.3]}
    assert record["forecast"]["model"]["tests"] == 9
    assert record["fit"]["saw"] == ["memorization"]
    assert set(record["fit"]["model"]) == {"pairs", "tests", "single", "error"}
    how = {"noise": compared.best.noise, "partners": float(N)}
    told = pairs_above(compared.best.problem, compared.best.coupling, [0.2, 0.3, 0.5], 500, **how)["pairs"]
    np.testing.assert_allclose(list(record["fit"]["pairs_above"].values()), told)
    said = findings(compared)[-1]
    assert "9 test examples with a pair (7 to 12; it was 2)" in said
    assert "5 pairs of 0.2 or more (4 to 6; it was 3)" in said
    assert "25.0 % (20.0 % to 30.0 %; it was 20.0 %)" in said
    without = replace(compared, forecast=None)
    assert "forecast" not in without.record()
    assert "A forecast" not in " ".join(findings(without))


def test_profiles_are_drawn_under_details(compared: Comparison) -> None:
    table = compared.frames["profiles"]
    axes = figures({"profiles": table}, "planted")["profiles"].axes
    assert [panel.get_xlabel() for panel in axes] == ["size: subpopulations", "coupling: probability to teach"]
    for panel, name in zip(axes, ("size", "coupling"), strict=True):
        rows = table[table["parameter"] == name]
        curve = next(line for line in panel.get_lines() if len(line.get_xdata()) == len(rows))
        np.testing.assert_array_equal(curve.get_xydata(), rows[["value", "rise"]])
        assert panel.get_lines()[0].get_ydata()[0] == rows["allowed"].iloc[0] > INDEPENDENT
        assert panel.get_title("right") == ""
        ends = crossings(rows)
        line = np.sqrt(np.interp(ends, rows["value"], rows["rise"]))  # of a rise that bends up it lies above
        assert (line > 0.95 * np.sqrt(rows["allowed"].iloc[0])).all()
        assert rows["value"].iloc[0] <= ends[0] < ends[1] <= rows["value"].iloc[-1]
    rows = table[table["parameter"] == "size"]
    short = rows.iloc[: int(rows["rise"].argmin()) + 1]  # above nothing was looked at
    assert figures({"profiles": short}, "planted")["profiles"].axes[0].get_title("right") == ""
    more = short.iloc[[-1]].assign(value=2 * short["value"].iloc[-1], rise=0.5 * short["allowed"].iloc[-1])
    panel = figures({"profiles": pd.concat([short, more])}, "planted")["profiles"].axes[0]
    assert panel.get_title("right") == "open above"
    html = page(compared, exhibits(None))
    assert html.index('id="parameters"') < html.index('id="figure-profiles"') < html.index('id="gallery"')
    assert 'id="figure-profiles"' not in page(replace(compared, profiles=None), exhibits(None))


def test_published_pairs_are_fitted_and_foretold(compared: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the histogram with twins and strangers, and by their number; of a run neither is asked for."""
    asked: list[dict[str, object]] = []

    def fitted(observed: Measured, families: object, couplings: object, **how: object) -> Comparison:
        asked.append({"families": families, **how})
        return replace(compared, forecast=None, profiles=None)

    monkeypatch.setattr("empirical.bridge.comparison.compare", fitted)
    monkeypatch.setattr("empirical.bridge.forecast.forecast", lambda *_, **__: compared.forecast)
    told = reporting.compared(compared.observed, {"published": "cifar100", "profiles": True})
    assert (asked[0]["steps"], asked[0]["together"], asked[0]["families"]) == (True, ("near",), ("Zipf",))
    assert told.forecast is compared.forecast
    assert told.profiles is not None
    told = reporting.compared(compared.observed, {})
    assert "steps" not in asked[1]
    assert told.forecast is None
    assert told.profiles is None


def test_without_published_pairs_there_is_no_forecast(compared: Comparison) -> None:
    with pytest.raises(ArgumentError, match="no published pairs"):
        forecast(compared.observed)


def test_pairs_are_foretold_as_they_are_counted(found: TheoryFit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row by itself: those of .2, .3 and .5 count, those that are estimated to be memorized less than least do not."""
    asked: list[tuple[tuple[object, ...], dict[str, object]]] = []

    def fitted(*told: object, **how: object) -> TheoryFit:
        asked.append((told, how))
        return found

    monkeypatch.setattr("empirical.bridge.forecast.fit", fitted)
    monkeypatch.setattr("empirical.bridge.forecast.reached", lambda one, told: (told(one.problem, one.coupling), 0, 1))
    tests, influence = (
        np.append(np.arange(24), [0, 1, 1]),
        np.append(np.full(20, 0.16), [0.2, 0.3, 0.3, 0.5, 0.6, 0.7, 0.2]),
    )
    pairs = pd.DataFrame({"train_index": 0, "test_index": tests, "influence": influence, "stderr": 0.01})
    table = pd.DataFrame({"memorization": np.linspace(0, 1, N)})
    how = Experiment("published", 500, 100, 0.7, K)
    told = forecast(Measured(how, table, pairs, least=0.25, test_accuracy=0.8), simulations=7, seed=3).table.set_index(
        "what"
    )
    assert told["observed"].to_dict() == pytest.approx(
        {"tests": 24, "single": 22, "pairs_0.2": 7, "pairs_0.3": 5, "pairs_0.5": 3, "error": 0.2}
    )
    options = {"memorized": 0.25, "noise": SubsetNoise(100), "partners": float(N)}
    counts = pairs_above(found.problem, found.coupling, [0.15, 0.2, 0.3, 0.5], 500, **options)
    expected = {"tests": counts["tests"][0], "single": counts["single"][0]}
    expected |= {f"pairs_{x:g}": counts["pairs"][k] for k, x in enumerate((0.2, 0.3, 0.5), 1)}
    assert told["value"].to_dict() == pytest.approx(expected | {"error": error(found.problem, found.coupling)})
    assert [(told[["low", "high"]].to_numpy() == [0, 1]).all(), len(asked)] == [True, 1]
    given, options = asked[0]
    assert given[1:] == (K, SubsetNoise(100), "Zipf", "near")
    assert (options["guess"], options["simulations"], options["seed"]) == ("dust", 7, 3)


class Curved:
    """Residuals g(x_0) and 10 (x_1 − x_0²): at its best in x_1, −2 log L is g², whatever g is."""

    n, n_classes = N, K

    def __init__(self, g: Callable[[Floats], Floats]) -> None:
        self.g = g

    def place(self, x: Floats) -> tuple[Uniform, Floats]:
        return Uniform(size=2), x

    def inside(self, x: Floats) -> Floats:
        return x

    def residuals(self, x: Floats, observed: Floats) -> Floats:
        return np.array([self.g(x[0]), 10 * (x[1] - x[0] ** 2)])

    def jacobian(self, x: Floats, of: Callable[[Floats], Floats], *_: object) -> Floats:
        return np.stack([(of(x + 1e-5 * e) - of(x - 1e-5 * e)) / 2e-5 for e in np.eye(2)], axis=1)

    def slopes(self, x: Floats, observed: Floats, *_: object) -> Floats:
        return self.jacobian(x, lambda at: self.residuals(at, observed))


@pytest.mark.parametrize(
    ("g", "inverse"), [(np.sinh, np.arcsinh), (lambda x: 2 * np.arcsinh(x / 2), lambda y: 2 * np.sinh(y / 2))]
)
def test_ends_are_found_where_no_parabola_is(g: Callable[[Floats], Floats], inverse: Callable[[float], float]) -> None:
    """A rise of 4 is allowed: the ends of log f = x_0 are at g^{-1}(±2), a parabola's at ±2 (negative control)."""
    reach = SimpleNamespace(
        model=Curved(g), x=np.zeros(2), observed=np.zeros(0), rise=lambda _: 4.0, curvature=lambda _: 1.0
    )
    value, low, high = reached(SimpleNamespace(reach=reach), lambda _, x: float(np.exp(x[0])))
    assert value == 1
    np.testing.assert_allclose(np.log([low, high]), inverse(2.0) * np.array([-1, 1]), rtol=0.1)
    assert abs(inverse(2.0) / 2 - 1) > 0.15
