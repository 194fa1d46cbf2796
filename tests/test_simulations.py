"""Every simulation's claim, at its own size; its numbers are those in its docstring."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from longtail.core.shares import percent
from simulations import notail, priors, theorem, zipf
from tests.drawn import heights, marks, points, rows


def test_zipf_example() -> None:
    frame = zipf.run().set_index("mode")
    for column, published in zipf.PUBLISHED.items():
        assert frame.loc["fixed", column] == pytest.approx(published, abs=0.005)
        assert abs(frame.loc["random", column] / frame.loc["fixed", column] - 1) < 0.02
    assert percent(frame.loc["random", "cost"], ".3f") in (zipf.__doc__ or "")
    panels = zipf.plot(frame.reset_index()).axes
    assert [axes.get_title("left") for axes in panels] == [name.replace("_", " ") for name in frame.columns]
    for axes, name in zip(panels, frame.columns, strict=True):
        assert heights(axes) == frame[name].tolist()
        assert [label.get_text() for label in axes.get_xticklabels()] == frame.index.tolist()


def test_no_tail() -> None:
    frame = notail.run()
    assert frame["holds"].all()
    assert (frame["tau_1"] <= frame["bound"]).all()
    assert (frame["cost"] <= frame["cost_bound"]).all()
    assert frame["singleton_fraction"].std() < 1e-5
    assert frame["cost"].iloc[0] / frame["cost"].iloc[-1] == pytest.approx(1e5, rel=0.01)
    axes = notail.plot(frame).axes[0]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    names = {"singleton_fraction": "singletons, share of the sample", "cost": "what memorizing them buys"}
    for column, label in names.items():
        np.testing.assert_array_equal(points(axes, label), frame[["rare", column]].to_numpy(float).T)


def test_priors_compared() -> None:
    frame = priors.run()
    assert (frame["n_tau_1_lower_bound"] < frame["n_tau_1"]).all()
    assert frame["cost"].is_monotonic_decreasing
    out_of_order = frame["tail_weight"].diff() > 0
    assert frame["problem"][out_of_order].tolist() == ["Pareto(shape=1.5, size=50000)"]
    axes = priors.plot(frame).axes[0]
    assert rows(axes) == frame["problem"].tolist()
    optimal, guessing = (points(axes, name)[0] for name in ("memorizing it (optimal)", "guessing what was seen once"))
    np.testing.assert_allclose(optimal, frame["optimal_error"], rtol=1e-9)
    np.testing.assert_allclose(guessing - optimal, frame["cost"], rtol=1e-6)


def test_configurations_are_records() -> None:
    for module in (notail, priors, theorem, zipf):
        assert all(isinstance(name, str) for name in asdict(module.Config()))


def test_the_theorem_seen() -> None:
    frame = theorem.run()
    averaged = frame[(frame["sample"] == "all") & ~frame["learner"].str.startswith("Capacity")]
    assert len(averaged) == 24
    assert averaged["z"].abs().max() < 5
    assert 0.3 < (averaged["z"] ** 2).mean() < 2  # 24 rows: 1 ± .29
    given = frame[frame["sample"] != "all"].set_index(["prior", "sample"])
    gamma, pair = given.loc["Gamma(shape=0.5, size=3)"], given.loc["Pair(high=1.0, low=0.05, size=3)"]
    assert gamma["z"].abs().max() < 5  # sample by sample
    assert pair.loc["1, 1, 1", "z"] == float("inf")  # exactly 1/3 each, and τ_1 is not
    assert pair.loc["1, 2, 0", "z"] > 5
    assert abs(pair.loc["any", "z"]) < 5  # on average alone
    assert pair.loc["1, 2, 0", "error"] == pytest.approx(0.9 * 0.36057, abs=5 * pair.loc["1, 2, 0", "error_stderr"])
    assert pair.loc["1, 1, 1", "theorem"] == pytest.approx(0.9 * 3 * 0.35262, abs=1e-4)
    assert pair.loc["any", "error"] == pytest.approx(0.9 * 0.264125, abs=5 * pair.loc["any", "error_stderr"])
    text = theorem.__doc__ or ""
    assert f"{averaged['z'].abs().max():.2f} standard errors at the most" in text
    assert f"mean z² of {(averaged['z'] ** 2).mean():.2f}" in text
    left, right = theorem.plot(frame).axes
    every, alone = frame[frame["sample"] == "all"], frame[~frame["sample"].isin(["all", "any"])]
    np.testing.assert_array_equal(marks(left)[0], every["error"] - every["theorem"])
    assert rows(left) == [f"{row.prior}, {row.learner}" for row in every.itertuples()]
    for side in ("error", "theorem"):
        np.testing.assert_array_equal(points(right, side)[1], alone[side])
