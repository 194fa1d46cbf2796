"""Figures of what limits cost: error against ε, γ or room for B, against noise, and by group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import PercentFormatter

from longtail.plots.style import BLUE, GRAY, GREEN, ORANGE, PURPLE, drawing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = 10  # a range that is drawn on a logarithmic axis
COLORS = (ORANGE, BLUE, GREEN, PURPLE)
AXES = {
    "epsilon": "privacy ε{more}: stronger to the left",
    "gamma": "memorization γ of any example, at the most",
    "capacity": "room to memorize B singletons",
}
BOUNDS = {"groups": ("--", "bound by groups of ℓ copies"), "singletons": (":", "of it, on what was seen once")}


def limit_figure(title: str, table: pd.DataFrame, along: str, *, within: dict[str, float] | None = None) -> Figure:
    """Excess error against a limit, a line a ``problem``; of one problem, what bounds say too, and the least limit ``within``.

    >>> from longtail import Problem, Zipf
    >>> from longtail.exact import limits
    >>> table = limits.memorization(Problem(Zipf(alpha=1, size=100), n=100), gamma=[0.2, 0.5]).assign(problem="Zipf")
    >>> limit_figure("Cost of a limit", table, "gamma").axes[0].get_xlabel()
    'memorization γ of any example, at the most'
    """
    within = within or {}
    with drawing(7.5, 4.5) as figure:
        axes = figure.subplots()
        named = [(str(name), part) for name, part in table.groupby("problem", sort=False)]
        for (name, part), color in zip(named, np.resize(COLORS, len(named)), strict=True):
            axes.plot(
                part[along], part["excess_error"], "-o", ms=3, color=color, label="cost" if len(named) == 1 else name
            )
            for column, (look, label) in BOUNDS.items():
                if column in part and len(named) == 1:
                    axes.plot(part[along], part[column], look, color=GRAY, label=label)
            if name in within:
                least = within[name]
                axes.axvline(least, color=color, lw=1, ls="-.", label=f"least that costs no more: {least:.4g}")
        delta = float(table["delta"].iloc[0]) if "delta" in table else 0.0
        wide = along != "gamma" and table[along].min() > 0 and table[along].max() / table[along].min() >= WIDE
        if wide:
            axes.set_xscale("log")
        label = AXES[along].format(more=f" (δ = {delta:g})" if delta else "")
        axes.set_xlabel(f"{label} (logarithmic)" if wide else label)
        _errors(axes, title, "error added to the optimum")
    return figure


def noise_figure(title: str, table: pd.DataFrame) -> Figure:
    """Against the share κ of labels that are kept: the optimum, guessing on what was seen once, and fitting every label.

    >>> from longtail import Problem, Zipf
    >>> from longtail.exact.noise import noise
    >>> table = noise(Problem(Zipf(alpha=1, size=100), n=100), kappa=[0.6, 0.9]).assign(problem="Zipf")
    >>> noise_figure("Cost of noise", table).axes[0].get_ylabel()
    'error added to the optimum'
    """
    with drawing(7.5, 4.5) as figure:
        axes = figure.subplots()
        named = [(str(name), part) for name, part in table.groupby("problem", sort=False)]
        for (name, part), color in zip(named, np.resize(COLORS, len(named)), strict=True):
            more = "" if len(named) == 1 else f", {name}"
            axes.plot(
                part["kappa"],
                part["excess_error"],
                "-o",
                ms=3,
                color=color,
                label=f"not fitting what was seen once{more}",
            )
            axes.plot(part["kappa"], part["fitting_every_label"], "--", color=color, label=f"fitting every label{more}")
        axes.set_xlabel("share κ of labels that are kept, the others uniform")
        _errors(axes, title, "error added to the optimum")
    return figure


def groups_figure(title: str, table: pd.DataFrame) -> Figure:
    """Of each group the optimal error, and what the limit adds to it.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"name": ["few"], "share": [1 / 6], "optimal_error": [0.1], "excess_error": [0.03]})
    >>> groups_figure("Who pays", table).axes[0].get_xlabel()
    'error within the group'
    """
    with drawing(7.5, max(2.2, 0.45 * len(table) + 1.4)) as figure:
        axes = figure.subplots()
        y = np.arange(len(table))[::-1]
        axes.barh(y, table["optimal_error"], color=BLUE, label="optimal error")
        added: dict[str, Any] = {"color": ORANGE, "hatch": "//", "edgecolor": "white", "label": "added by the limit"}
        bars = axes.barh(y, table["excess_error"], left=table["optimal_error"], **added)
        axes.bar_label(bars, [f"+{one:.2%}" for one in table["excess_error"]], padding=3)
        axes.set_yticks(y, [f"{row['name']} ({row['share']:.0%})" for row in table.to_dict("records")])
        axes.set_xlabel("error within the group")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_title(title)
        axes.margins(x=0.12)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=2)
    return figure


def _errors(axes: Axes, title: str, label: str) -> None:
    axes.set_title(title)
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(loc="best")
