"""Figures of what limits cost: error against ε, γ or room for B, against noise, and by group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from longtail.core.shares import percent
from longtail.plots.style import BLUE, GRAY, ORANGE, drawing
from longtail.plots.sweeps import NUMBERS, by_factors, in_percent, looks, named, swept

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from longtail.core import Floats

WIDE = 10  # so many times between the costs of two problems, and they share no even scale
DEEP = 1000  # how far below the least of the problems a logarithmic scale goes, where costs fall to nothing
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
        lines = _lines(table)
        alone = len(lines) == 1
        for name, label, part, look in lines:
            axes.plot(part[along], part["excess_error"], "-", ms=3, label="cost" if alone else label, **look)
            for column, (dashes, bound) in BOUNDS.items():
                if column in part and alone:
                    axes.plot(part[along], part[column], dashes, color=GRAY, label=bound)
            if name in within:
                least = f"least that costs no more: {within[name]:.4g}" if alone else None
                axes.axvline(within[name], color=look["color"], lw=1, ls="-.", label=least)
        delta = float(table["delta"].iloc[0]) if "delta" in table else 0.0
        logarithmic = by_factors(table[along].to_numpy(float))
        if logarithmic:
            axes.set_xscale("log")
        label = AXES[along].format(more=f" (δ = {delta:g})" if delta else "")
        axes.set_xlabel(f"{label} (logarithmic)" if logarithmic else label)
        _errors(
            axes, title, "error added to the optimum", [part["excess_error"].to_numpy(float) for *_, part, _ in lines]
        )
        if within and not alone:
            axes.plot([], [], "-.", color=GRAY, lw=1, label="least that costs no more")
        axes.legend(loc="best")
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
        lines = _lines(table)
        for _, label, part, look in lines:
            more = "" if len(lines) == 1 else f", {label}"
            axes.plot(
                part["kappa"], part["excess_error"], "-", ms=3, label=f"not fitting what was seen once{more}", **look
            )
            axes.plot(
                part["kappa"], part["fitting_every_label"], "--", ms=3, label=f"fitting every label{more}", **look
            )
        axes.set_xlabel("share κ of labels that are kept, the others uniform")
        both = ["excess_error", "fitting_every_label"]
        _errors(
            axes,
            title,
            "error added to the optimum",
            [part[name].to_numpy(float) for *_, part, _ in lines for name in both],
        )
        if len(lines) > 2:
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
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
        axes.bar_label(bars, [f"+{percent(one, '.2f')}" for one in table["excess_error"]], padding=3)
        axes.set_yticks(y, [f"{row['name']} ({percent(row['share'], '.0f')})" for row in table.to_dict("records")])
        axes.set_xlabel("error within the group")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        axes.set_title(title)
        axes.margins(x=0.12)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=2)
    return figure


def _lines(table: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame, dict[str, Any]]]:
    """For each problem its name, what tells it from others, its rows in order, and how to draw them."""
    parts = [(str(name), part) for name, part in table.groupby("problem", sort=False)]
    heads = pd.DataFrame([part.iloc[0] for _, part in parts])
    along, by = swept(heads)
    varying = ([along] if along else []) + list(by)
    labels = [named(row, varying) for row in heads.to_dict("records")]
    if len(set(labels)) < len(labels) or not varying:
        labels = [name for name, _ in parts]
    ordered = len(varying) == 1 and varying[0] in NUMBERS
    if len(parts) == 1:
        drawn: list[dict[str, Any]] = [{"color": ORANGE, "marker": "o"}]
    else:
        drawn = looks(len(parts), ordered)
    return [(name, label, part, look) for (name, part), label, look in zip(parts, labels, drawn, strict=True)]


def _errors(axes: Axes, title: str, label: str, shown: list[Floats]) -> None:
    """A logarithmic scale where problems pay so differently that one is not seen beside the other."""
    axes.set_title(title)
    axes.set_ylabel(label)
    most = [float(part.max()) for part in shown]
    if len(most) > 1 and min(most) > 0 and max(most) / min(most) >= WIDE:
        least = min(float(part[part > 0].min()) for part in shown)
        axes.set_yscale("log")
        axes.set_ylim(bottom=max(least, min(most) / DEEP) / 1.5)
    else:
        axes.set_ylim(bottom=0)
    in_percent(axes.yaxis)
    axes.legend(loc="best")
