"""Every simulation's claim, at its own size; its numbers are those in its docstring."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from matplotlib.figure import Figure

from simulations import notail, priors, zipf


def test_zipf_example() -> None:
    frame = zipf.run().set_index("mode")
    for column, published in zipf.PUBLISHED.items():
        assert frame.loc["fixed", column] == pytest.approx(published, abs=0.005)
        assert abs(frame.loc["random", column] / frame.loc["fixed", column] - 1) < 0.02
    assert f"{frame.loc['random', 'cost']:.3%}".replace("%", " %") in (zipf.__doc__ or "")
    assert isinstance(zipf.plot(frame.reset_index()), Figure)


def test_no_tail() -> None:
    frame = notail.run()
    assert frame["holds"].all()
    assert (frame["tau_1"] <= frame["bound"]).all()
    assert (frame["cost"] <= frame["cost_bound"]).all()
    assert frame["singleton_fraction"].std() < 1e-5
    assert frame["cost"].iloc[0] / frame["cost"].iloc[-1] == pytest.approx(1e5, rel=0.01)
    assert isinstance(notail.plot(frame), Figure)


def test_priors_compared() -> None:
    frame = priors.run()
    assert (frame["n_tau_1_lower_bound"] < frame["n_tau_1"]).all()
    assert frame["cost"].is_monotonic_decreasing
    out_of_order = frame["tail_weight"].diff() > 0
    assert frame["problem"][out_of_order].tolist() == ["Pareto(shape=1.5, size=50000)"]
    assert isinstance(priors.plot(frame), Figure)


def test_configurations_are_records() -> None:
    for module in (notail, priors, zipf):
        assert all(isinstance(name, str) for name in asdict(module.Config()))
