"""Figures of a table's columns: bars of each, lines against one, and counts beside the prior fitted to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from longtail.plots.style import BLUE, GRAY, GREEN, ORANGE, PURPLE, drawing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def grouped_figure(frame: pd.DataFrame, group: str, title: str) -> Figure:
    """One panel a column, one bar a row: numbers of different sizes beside one another.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"mode": ["random", "fixed"], "cost": [0.0731, 0.0723]})
    >>> len(grouped_figure(frame, "mode", "Cost").axes)  # a panel a column
    1
    """
    names = [name for name in frame.columns if name != group]
    with drawing(2.4 * len(names), 3.2) as figure:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
            bars = axes.bar(frame[group], frame[name], color=[GRAY, BLUE, ORANGE, GREEN, PURPLE][: len(frame)])
            axes.bar_label(bars, fmt="%.4g", padding=2)
            axes.set_title(name.replace("_", " "))
            axes.margins(y=0.15)
    return figure


def counts_figure(title: str, table: pd.DataFrame, outlook: pd.DataFrame) -> Figure:
    """Good–Turing's frequencies with the fitted prior's beside, and what more samples would bring.

    >>> import pandas as pd
    >>> seen = pd.DataFrame({"ell": [1, 2], "n_tau": [0.5, 1.4], "n_tau_fitted": [0.5, 1.5], "stderr": [0.1, 0.2]})
    >>> more = {"times": [1.0], "new_subpopulations": [30.0], "new_subpopulations_fitted": [31.0], "new_stderr": [4.0]}
    >>> [axes.get_xlabel() for axes in counts_figure("words", seen, pd.DataFrame(more)).axes]
    ['times seen, ℓ', 'more samples, in n']
    """
    bars: dict[str, Any] = {"fmt": "o", "color": BLUE, "capsize": 2.5, "markersize": 4}
    with drawing(10, 3.9) as figure:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        left, right = figure.subplots(1, 2)
        left.plot(table["ell"], table["ell"], ":", color=GRAY, label="frequency in the sample")
        left.plot(table["ell"], table["n_tau_fitted"], "-", color=ORANGE, label="fitted prior")
        left.errorbar(table["ell"], table["n_tau"], yerr=2 * table["stderr"], label="Good–Turing (± 2 s.e.)", **bars)
        left.set_title("How frequent is what was seen ℓ times")
        left.set_xlabel("times seen, ℓ")
        left.set_ylabel(r"n times the frequency, $n\tau_\ell$", parse_math=True)
        left.set_xticks(table["ell"])
        left.legend(loc="best")
        times, error = outlook["times"], 2 * outlook["new_stderr"]
        right.plot(times, outlook["new_subpopulations_fitted"], "-", color=ORANGE, label="fitted prior")
        right.errorbar(times, outlook["new_subpopulations"], yerr=error, label="Good–Toulmin (± 2 s.e.)", **bars)
        right.set_title("What more samples would bring")
        right.set_xlabel("more samples, in n")
        right.set_ylabel("new subpopulations")
        right.legend(loc="best")
    return figure


def lines_figure(frame: pd.DataFrame, x: str, columns: dict[str, str], title: str, xlabel: str, ylabel: str) -> Figure:
    """Columns against one, on logarithmic axes; ``columns`` maps each to its label.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"n": [10, 100], "error": [0.5, 0.2]})
    >>> lines_figure(frame, "n", {"error": "optimal"}, "Learning curve", "samples", "error").axes[0].get_xlabel()
    'samples'
    """
    with drawing(7, 4.2) as figure:
        axes = figure.subplots()
        looks = zip((BLUE, ORANGE, GREEN, PURPLE), ("o-", "s--", "^-.", "D:"), strict=True)
        for (name, label), (color, look) in zip(columns.items(), looks, strict=False):
            axes.loglog(frame[x], frame[name], look, color=color, label=label)
        axes.set_title(title)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.legend(loc="best")
    return figure
