"""Figures of what models say of influence, whatever theory says: from the tables of ``empirical.estimates.observed`` alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from empirical.report.figures import INK, INKED, counts
from longtail.core.intervals import Z95
from longtail.plots import BLUE, GRAY, GREEN, ORANGE, drawing, plain_powers, styled

SIZE = (4.75, 3.4)  # inches of a figure on the page: it fits 390 pixels, and words are 9.5 high

CAPTIONS = {
    "influence_by_memorization": "Does what is memorized teach anybody? Total influence of the training examples of a bin on the "
    "test set: by how much their presence raises test accuracy, added up; of subsets of a fixed size, beyond what as many others "
    "do. One half of the models chose the bins, the other measured. Thick bars: 95 % over models; thin: over test examples too. "
    "Squares, where theory was fitted, are what it expects.",
    "influence_histogram": "Pairs of a training and a test example by estimated influence (bars: 95 % over models), and how many "
    "of them chance makes. Green: test examples in exactly one pair of this influence or more.",
    "learning_curve": "Of models that trained on so many examples. Thick bars: 95 % over models; thin: over test examples too.",
}


def figures(tables: Mapping[str, pd.DataFrame], ink: str = INK) -> dict[str, Figure]:
    """Every figure whose table is there and has something to show, by name."""
    drawn = {}
    with styled(**dict.fromkeys(INKED, ink)):
        for name, draw in DRAWN.items():
            if name in tables and tells(name, tables[name]):
                figure = Figure(figsize=SIZE, layout="constrained")
                draw(figure.subplots(), tables[name])
                drawn[name] = plain_powers(figure)
    return drawn


def alone(name: str) -> Callable[[pd.DataFrame, str], Figure]:
    """How one of them is drawn for a run's folder, from its table and a title."""

    def draw(table: pd.DataFrame, title: str) -> Figure:
        with drawing(6, 3.9) as figure:
            axes = figure.subplots()
            DRAWN[name](axes, table)
            axes.set_title(f"{axes.get_title('left')}: {title}")
        return figure

    return draw


def tells(name: str, table: pd.DataFrame) -> bool:
    """Whether there is more than a point or nothing to draw."""
    if name == "learning_curve":
        return len(table) > 1
    return bool((table["examples" if name == "influence_by_memorization" else "pairs"] > 0).any())


def by_memorization(axes: Axes, table: pd.DataFrame) -> None:
    """Total influence of each bin, and how many examples it has."""
    place = np.arange(len(table))
    total, models = table["total"].to_numpy(float), table["stderr"].to_numpy(float)
    axes.axhline(0, color=GRAY, linewidth=0.7)
    _bars(axes, place, total, models, table["stderr_tests"].to_numpy(float), "measured (95 %)")
    if "fitted" in table:
        error = Z95 * np.nan_to_num(table["fitted_stderr"].to_numpy(float))
        style: dict[str, Any] = {"fmt": "s", "color": ORANGE, "markersize": 4, "capsize": 2, "elinewidth": 1.2}
        low, high = axes.get_ylim()
        axes.errorbar(place + 0.18, table["fitted"], yerr=error, label="theory, fitted (95 %)", **style)
        reach = np.append(table["fitted"].to_numpy(float), (low, high))
        axes.set_ylim(reach.min() - 0.05 * np.ptp(reach), reach.max() + 0.05 * np.ptp(reach))  # its error may be any
        axes.legend(loc="best")
    names = [f"{low:g}–{high:g}" for low, high in zip(table["low"], table["high"], strict=True)]
    names[0], names[-1] = f"< {table['high'].iloc[0]:g}", f"≥ {table['low'].iloc[-1]:g}"
    counts = [f"{count:,.0f}" for count in table["examples"]]
    axes.set_xticks(place, [f"{name}\n{count}" for name, count in zip(names, counts, strict=True)], fontsize=8)
    axes.set_xlabel("memorization, and number of training examples")
    axes.set_ylabel("percentage points of test accuracy")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    axes.set_title("What the memorized teach")


def by_influence(axes: Axes, table: pd.DataFrame) -> None:
    """Pairs in each bin of influence, and the false ones expected there."""
    low, high = table["low"].to_numpy(float), table["high"].to_numpy(float)
    count, middle, width = table["in_bin"].to_numpy(float), (low + high) / 2, high - low
    axes.bar(middle, count, width=width, color=BLUE, alpha=0.35, label="pairs")
    error = np.nan_to_num(Z95 * table["in_bin_stderr"].to_numpy(float))
    bar: dict[str, Any] = {"fmt": "none", "ecolor": BLUE, "capsize": 2, "elinewidth": 1.2}
    axes.errorbar(middle, count, yerr=[np.minimum(error, count), error], **bar)
    axes.plot(middle, table["false_in_bin"], "_", color=ORANGE, markersize=12, label="pairs by chance")
    edge, single = np.append(low, high[-1]), table["single"].to_numpy(float)
    above = np.append(single, single[-1])  # the last level reaches to the end of its bin
    axes.step(edge, above, where="post", color=GREEN, label="test examples in one pair of this or more")
    counts(axes)
    axes.set_xlabel("influence")
    axes.set_ylabel("count")
    axes.set_title("Pairs by influence")
    if (figure := axes.get_figure(root=True)) is not None:
        figure.legend(loc="outside lower left")  # no corner is free for certain
        figure.set_figheight(3.9)


def by_samples(axes: Axes, table: pd.DataFrame) -> None:
    """Test error at each number of training examples."""
    size = table["samples"].to_numpy(float)
    error, models, tests = (table[name].to_numpy(float) for name in ("error", "stderr", "stderr_tests"))
    _bars(axes, size, error, models, tests)
    axes.set_xscale("log")
    axes.set_xlim(size.min() / 1.3, size.max() * 1.3)
    axes.set_xticks(size, [f"{v:,.0f}" for v in size])
    axes.xaxis.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("training examples")
    axes.set_ylabel("test error")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.set_title("Test error by size of the training set")


def _bars(axes: Axes, x: Any, y: Any, models: Any, tests: Any, label: str = "") -> None:
    """Points with two bars, the thin one of all errors together."""
    both = Z95 * np.hypot(models, tests)
    axes.errorbar(x, y, yerr=np.nan_to_num(both), fmt="none", ecolor=BLUE, elinewidth=0.9, capsize=3)
    axes.errorbar(
        x, y, yerr=np.nan_to_num(Z95 * models), fmt="o", color=BLUE, markersize=4, elinewidth=2.6, label=label
    )


DRAWN: dict[str, Callable[[Axes, pd.DataFrame], None]] = {
    "influence_by_memorization": by_memorization,
    "influence_histogram": by_influence,
    "learning_curve": by_samples,
}
