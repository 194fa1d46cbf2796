"""Figures of an attack, from its tables alone: its curve, and risk against memorization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from empirical.estimates.leak import RATES
from empirical.report.figures import INKED
from longtail.plots import BLUE, GRAY, GREEN, ORANGE, PURPLE, drawing, plain_powers, styled

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes

LOOKS = {
    "own": (BLUE, "-", "likelihood ratio"),
    "pooled": (ORANGE, "--", "the same, pooled variances"),
    "margin": (GREEN, ":", "the margin alone"),
}
MOST = 20_000  # points in a scatter


def leak_figure(frames: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """Both side by side."""
    with drawing(10, 4.2) as figure:
        left, right = figure.subplots(1, 2)
        curve(left, frames)
        risk(right, frames)
        left.set_title(f"How often the attack finds out: {title}")
        right.set_title("Whom it finds out")
    return figure


def leak_figures(frames: Mapping[str, pd.DataFrame], ink: str) -> dict[str, Figure]:
    """One each, for a page."""
    drawn = {}
    with styled(**dict.fromkeys(INKED, ink)):
        for name, draw, title in (
            ("leak_curve", curve, "How often the attack finds out"),
            ("leak_risk", risk, "Whom it finds out"),
        ):
            figure = Figure(figsize=(4.75, 3.4), layout="constrained")
            axes = figure.subplots()
            draw(axes, frames)
            axes.set_title(title)
            drawn[name] = plain_powers(figure)
    return drawn


def curve(axes: Axes, frames: Mapping[str, pd.DataFrame]) -> None:
    """True- against false-positive rate, both logarithmic; points are told with 95 % intervals."""
    low = 1.0
    for attack, part in frames["leak_curve"].groupby("attack", sort=False):
        color, style, label = LOOKS[str(attack)]
        rows = frames["leak_rates"][frames["leak_rates"]["attack"] == attack]
        axes.plot(
            part["false_rate"], part["true_rate"], style, color=color, label=f"{label}, area {rows['area'].iloc[0]:.3f}"
        )
        bars: dict[str, Any] = {"fmt": "o", "color": color, "markersize": 3.5, "capsize": 2.5}
        error = np.abs(rows[["low", "high"]].to_numpy(float).T - rows["true_rate"].to_numpy(float))
        axes.errorbar(rows["false_rate"], rows["true_rate"], yerr=error, **bars)
        low = min(low, float(part["false_rate"].min()))
    axes.plot([low, 1], [low, 1], color=GRAY, linewidth=0.8, label="by chance")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, 1)
    axes.set_ylim(low, 1.2)
    axes.set_xlabel("false-positive rate")
    axes.set_ylabel("true-positive rate")
    axes.legend(loc="lower right")


def risk(axes: Axes, frames: Mapping[str, pd.DataFrame]) -> None:
    """Every example, and the means of bins with 95 % intervals."""
    table, bins = frames["leak"].dropna(subset="risk"), frames["leak_bins"]
    if len(table) > MOST:
        table = table.iloc[:: -(-len(table) // MOST)]
    axes.plot([0, 1], [0, 1], color=GRAY, linewidth=0.8)
    axes.plot(
        table["memorization"], table["risk"], ".", color=BLUE, markersize=3, alpha=0.5, rasterized=len(table) > 2000,
        label="an example",
    )  # fmt: skip
    bars: dict[str, Any] = {"capsize": 2.5, "markersize": 5}
    for name, error, color, mark, label in (
        ("risk", "stderr", ORANGE, "o", "mean risk of a bin (95 %)"),
        ("caught", "caught_stderr", PURPLE, "s", f"caught at a false-positive rate of {100 * RATES[-1]:g} %"),
    ):
        axes.errorbar(
            bins["memorization"], bins[name], yerr=2 * bins[error], fmt=mark, color=color, label=label, **bars
        )
    axes.set_xlabel("memorization")
    axes.set_ylabel("risk")
    axes.set_xlim(min(-0.05, table["memorization"].min()), 1.05)
    axes.legend(loc="lower right")
