"""Claims on what limits cost; their numbers are those in the docstrings."""

from __future__ import annotations

import math

import numpy as np

from longtail import Problem, Zipf
from longtail.exact import noise as exact_noise
from simulations import compression, noise, privacy, subgroups
from tests.drawn import points


def said(module: object, *numbers: str) -> None:
    text = " ".join((module.__doc__ or "").split())
    for number in numbers:
        assert number in text


def test_privacy() -> None:
    frame = privacy.run(privacy.Config(trials=128)).set_index("epsilon", drop=False)
    assert frame["z"].abs().max() < 5
    assert (frame["groups"] <= frame["excess_error"] + 1e-12).all()
    one, strong = frame.loc[math.log(6)], frame.loc[0.1]
    numbers = [one["singletons"], one["excess_error"]]
    said(privacy, *(f"{100 * x:.2f} %" for x in numbers))
    said(privacy, *(f"{100 * strong[name]:.1f} %" for name in ("excess_error", "singletons", "groups")))
    axes = privacy.plot(frame.reset_index(drop=True)).axes[0]
    assert axes.get_xscale() == "log"
    np.testing.assert_array_equal(points(axes, "cost"), frame[["epsilon", "excess_error"]].to_numpy(float).T)


def test_compression() -> None:
    frame = compression.run()
    assert frame["z"].abs().max() < 5
    frame["short"] = 1 - frame["near"] / frame["excess_error"]
    assert (frame["short"] > -1e-9).all()
    small, large = (part.reset_index() for _, part in frame.groupby("problem", sort=False))
    half, whole = large["excess_error"][2], large["excess_error"][5]
    said(
        compression,
        f"{100 * half:.2f} %",
        f"{100 * whole:.2f} %".removeprefix("0"),
        f"± {large['singletons_deviation'][0]:.0f}",
    )
    said(compression, *(f"{100 * part['short'][at]:.1f} %" for part in (small, large) for at in (5, 6)))
    axes = compression.plot(frame).axes[0]
    np.testing.assert_array_equal(
        points(axes, "N = n = 50,000: exact"), large[["of_singletons", "excess_error"]].to_numpy(float).T
    )


def test_noise() -> None:
    frame = noise.run()
    z = frame["z"].dropna()
    assert len(z) == 24
    assert z.abs().max() < 5
    assert 0.2 < (z**2).mean() < 2.2
    said(noise, f"{z.abs().max():.1f} standard errors")
    by = frame.set_index(["kappa", "ell"])
    assert by["crossover"].groupby("kappa").first().tolist() == [5, 4, 3, 3]
    three, ten = by.loc[(0.6, 3)], by.loc[(0.6, 10)]
    said(noise, f"{three['wrong_unfit']:.0%}".replace("%", " %"), f"{three['wrong_fit']:.0%}".replace("%", " %"))
    said(noise, f"{100 * ten['wrong_unfit']:.1f} %")
    problem = Problem(Zipf(alpha=1, size=50_000), 50_000)
    readings = [exact_noise.noise(problem, 0.6, reading).iloc[0] for reading in ("clean", "noisy", "own")]  # type: ignore[arg-type]
    said(
        noise,
        *(f"{100 * row['excess_error']:.2f} %" for row in readings),
        f"{100 * readings[0]['fitting_every_label']:.1f} %",
    )
    axes = noise.plot(frame).axes[0]
    np.testing.assert_array_equal(
        points(axes, "κ = 0.6: not worth fitting from 3 sights on"),
        by.loc[0.6].reset_index()[["ell", "wrong_weight"]].T,
    )


def test_subgroups() -> None:
    frame = subgroups.run()
    assert frame["z"].abs().max() < 5
    alone = frame[(frame["population"] == "alone")]
    fixed = alone[alone["mode"] == "fixed"]
    assert (np.floor(1000 * fixed["optimal_error"]) == 1000 * fixed["published_optimal"]).all()
    assert (np.round(fixed["excess_error"], 3) == fixed["published"]).all()
    said(subgroups, *(f"{x:.4f}".removeprefix("0") for x in [*alone["optimal_error"], *alone["excess_error"]]))
    times = frame[frame["times"] > 1]["times"]
    assert (times > 2).all()
    said(subgroups, *(f"{x:.2f}" for x in times))
    heights = [bar.get_height() for axes in subgroups.plot(frame).axes for bar in axes.patches]  # type: ignore[attr-defined]
    mixed = frame[(frame["mode"] == "fixed") & (frame["population"] != "alone")]
    assert heights == mixed["excess_error"].tolist()
