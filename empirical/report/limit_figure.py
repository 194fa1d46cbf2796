"""The figure of ``python -m empirical.limit``: cost against ε and sparsity, by memorization, and by group, theory beside each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from empirical.report.legend import below
from longtail.core.intervals import Z95
from longtail.plots import BLUE, GRAY, GREEN, ORANGE, PURPLE, by_factors, drawing

COLORS = (BLUE, ORANGE, GREEN, PURPLE, GRAY)
SHOWN = 5  # learners told apart at the most
LONG = 24  # letters of a learner in the legend
APART = 0.1  # of what is drawn at the same place, in bins
FEW = 8  # values that each have a mark


def figure(frames: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """Four panels, of those that there is something to show in."""
    arms = frames["arms"].iloc[1:]
    curves = [
        (arms[arms["kind"] == kind], x, label)
        for kind, x, label in (("private", "epsilon", "ε"), ("pruned", "sparsity", "share of weights pruned"))
        if (arms["kind"] == kind).sum() > 1
    ]
    shown = arms["arm"].iloc[np.unique(np.linspace(0, len(arms) - 1, min(SHOWN, len(arms))).round().astype(int))]
    with drawing(4.2 * (len(curves) + 2), 3.8) as drawn:
        panels = drawn.subplots(1, len(curves) + 2, squeeze=False)[0]
        for axes, (part, x, label) in zip(panels, curves, strict=False):
            _curve(axes, part, x, label)
        _bins(panels[-2], frames["bins"], list(shown))
        _groups(panels[-1], frames["groups"], list(shown))
        for axes in panels:
            axes.axhline(0, color=GRAY, linewidth=0.7)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
        panels[0].set_ylabel("accuracy lost, percentage points (95 %)")
        below(drawn, panels[-2])  # of both panels on the right; no corner is free
        drawn.suptitle(title, x=0.01, ha="left")
    return drawn


def _curve(axes: Axes, part: pd.DataFrame, x: str, label: str) -> None:
    part = part.sort_values(x)
    axes.errorbar(part[x], part["lost"], yerr=Z95 * part["stderr"], fmt="o-", color=BLUE, capsize=2.5, label="measured")
    axes.plot(part[x], part["lost_limited"], "--", color=ORANGE, label="theory, γ as measured")
    theory, wide = part["lost_limited"], Z95 * part["lost_limited_stderr"]
    axes.fill_between(part[x], theory - wide, theory + wide, color=ORANGE, alpha=0.15, linewidth=0)
    if part["lost_private"].notna().any():
        axes.plot(part[x], part["lost_private"], ":", color=GREEN, label="least, by theory")
    if by_factors(part[x].to_numpy(float)):
        axes.set_xscale("log")
        if len(part) <= FEW:
            axes.set_xticks(part[x], [f"{value:.2g}" for value in part[x]])
            axes.set_xticks([], minor=True)
    axes.set_xlabel(label)
    axes.set_title("test examples")
    axes.legend(loc="best")


def _bins(axes: Axes, bins: pd.DataFrame, shown: list[str]) -> None:
    for place, (arm, color) in enumerate(zip(shown, COLORS, strict=False)):
        part = bins[bins["arm"] == arm]
        at = np.arange(len(part)) + APART * (place - (len(shown) - 1) / 2)
        name = arm if len(arm) <= LONG else f"{arm[: LONG - 1].rstrip(', ')}…"
        axes.errorbar(at, part["in_lost"], yerr=Z95 * part["in_stderr"], fmt="o", color=color, capsize=2.5, label=name)
        axes.plot(at, part["in_predicted"], "--", color=color, linewidth=1)
    part = bins[bins["arm"] == shown[0]]
    ends = [f"{low:g}–{high:g}" for low, high in zip(part["low"], part["high"], strict=True)]
    ends[0], ends[-1] = f"< {part['high'].iloc[0]:g}", f"≥ {part['low'].iloc[-1]:g}"
    axes.set_xticks(np.arange(len(part)), ends)
    axes.set_xlabel("memorization without a limit")
    axes.set_title("examples trained on; theory dashed")


def _groups(axes: Axes, groups: pd.DataFrame, shown: list[str]) -> None:
    for arm, color in zip(shown, COLORS, strict=False):
        part = groups[groups["arm"] == arm]
        axes.errorbar(
            part["predicted"],
            part["lost"],
            yerr=Z95 * part["stderr"],
            fmt="o",
            color=color,
            markersize=3,
            elinewidth=0.8,
        )
    known = groups["predicted"].dropna()
    if len(known):
        axes.plot([0, known.max()], [0, known.max()], color=GRAY, linewidth=0.8)
    axes.set_xlabel("theory")
    axes.set_title("groups of test examples")
