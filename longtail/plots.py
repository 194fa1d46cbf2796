"""Figures of the model, drawn from tables alone. Colors are Okabe and Ito's, told apart without hue by marker and dash."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, PercentFormatter

from longtail.files import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, PURPLE, GRAY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"
STYLE = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.dpi": 150,
    "svg.hashsalt": "longtail",
    "text.parse_math": False,  # titles and ticks name files and classes, and "$" in those is money
    "axes.formatter.use_mathtext": False,
}
ON_WHITE = {  # lines that mark an n or a θ run through the panel, not through the words
    "legend.frameon": True,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.9,
}
HIGH = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@contextmanager
def styled(**changes: Any) -> Iterator[None]:
    """Our style, with changes, for all that is drawn or saved inside."""
    with rc_context(STYLE | changes):  # type: ignore[arg-type]
        yield


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """A figure to draw on in our style."""
    with styled(**ON_WHITE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        plain_powers(figure)


class Powers(LogFormatterSciNotation):
    """Ticks of a logarithmic axis as plain text, where matplotlib's own are formulas."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The tick at x.

        >>> Powers()(1000.0), Powers()(0.001)
        ('10³', '10⁻³')
        """
        text = re.sub(r"^\$\\mathdefault\{(.*)\}\$$", r"\1", super().__call__(x, pos)).replace(r"\times", "×")
        return re.sub(r"\^\{([-0-9]+)\}", lambda power: power[1].translate(HIGH), text).replace("-", "−")


def plain_powers(figure: Figure) -> Figure:
    """The figure, its logarithmic axes labeled in plain text."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            major, minor = axis.get_major_formatter(), axis.get_minor_formatter()
            if isinstance(major, LogFormatterSciNotation):
                axis.set_major_formatter(Powers())
            if isinstance(minor, LogFormatterSciNotation):
                axis.set_minor_formatter(Powers())
    return figure


def problem_figure(title: str, samples: int, table: pd.DataFrame, curve: pd.DataFrame, tail: pd.DataFrame) -> Figure:
    """Cost by ℓ, τ by ℓ, error against n, and where the tail lies."""
    with drawing(10, 7.2) as figure:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        ((costs, taus), (errors, tails)) = figure.subplots(2, 2)
        _costs(costs, table)
        _taus(taus, table)
        _errors(errors, curve, samples)
        _tail(tails, tail, samples)
    return figure


def sweep_figure(frame: pd.DataFrame, along: str | None) -> Figure:
    """Optimal error and cost for each problem of a sweep: against the one number that varies, or side by side."""
    tall = 4.5 if along else max(3.0, 0.32 * len(frame) + 1.6)
    with drawing(8, tall) as figure:
        axes = figure.subplots()
        if along:
            x = frame[along].to_numpy(float)
            axes.plot(x, frame["error_guessing_singletons"], "s--", color=ORANGE, label="guessing what was seen once")
            axes.plot(x, frame["optimal_error"], "o-", color=BLUE, label="memorizing it (optimal)")
            axes.fill_between(x, frame["optimal_error"], frame["error_guessing_singletons"], color=ORANGE, alpha=0.15)
            axes.set_xlabel(along)
            if len(x) > 1 and x.min() > 0 and x.max() / x.min() >= 30:
                axes.set_xscale("log")
            axes.set_ylabel("error")
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
            axes.set_ylim(bottom=0)
            axes.legend()
        else:
            y = np.arange(len(frame))[::-1]
            axes.barh(y, frame["optimal_error"], color=BLUE, label="optimal error")
            axes.barh(
                y, frame["cost"], left=frame["optimal_error"], color=ORANGE, hatch="//", edgecolor="white", label="cost"
            )
            axes.set_yticks(y, frame["problem"])
            axes.set_xlabel("error")
            axes.xaxis.set_major_formatter(PercentFormatter(1.0))
            axes.legend()
        axes.set_title("What memorizing singletons is worth")
    return figure


def grouped_figure(frame: pd.DataFrame, group: str, title: str) -> Figure:
    """One panel a column, one bar a row: numbers of different sizes beside one another."""
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
    """Good–Turing's frequencies with the fitted prior's beside, and what more samples would bring (``longtail.turing``)."""
    bars: dict[str, Any] = {"fmt": "o", "color": BLUE, "capsize": 2.5, "markersize": 4}
    with drawing(10, 3.9) as figure:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        left, right = figure.subplots(1, 2)
        left.plot(table["ell"], table["ell"], ":", color=GRAY, label="frequency in the sample")
        left.plot(table["ell"], table["n_tau_fitted"], "-", color=ORANGE, label="fitted prior")
        left.errorbar(table["ell"], table["n_tau"], yerr=2 * table["stderr"], label="Good–Turing (± 2 s.e.)", **bars)
        left.set_title("How frequent is what was seen ℓ times")
        left.set_xlabel("times seen, ℓ")
        left.set_ylabel("n·τ_ℓ")
        left.set_xticks(table["ell"])
        left.legend()
        times, error = outlook["times"], 2 * outlook["new_stderr"]
        right.plot(times, outlook["new_subpopulations_fitted"], "-", color=ORANGE, label="fitted prior")
        right.errorbar(times, outlook["new_subpopulations"], yerr=error, label="Good–Toulmin (± 2 s.e.)", **bars)
        right.set_title("What more samples would bring")
        right.set_xlabel("more samples, in n")
        right.set_ylabel("new subpopulations")
        right.legend()
    return figure


def lines_figure(frame: pd.DataFrame, x: str, columns: dict[str, str], title: str, xlabel: str, ylabel: str) -> Figure:
    """Columns against one, on logarithmic axes; ``columns`` maps each to its label."""
    with drawing(7, 4.2) as figure:
        axes = figure.subplots()
        looks = zip((BLUE, ORANGE, GREEN, PURPLE), ("o-", "s--", "^-.", "D:"), strict=True)
        for (name, label), (color, look) in zip(columns.items(), looks, strict=False):
            axes.loglog(frame[x], frame[name], look, color=color, label=label)
        axes.set_title(title)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.legend()
    return figure


def save(figure: Figure, path: Path) -> Path:
    """The figure on disk, whole or not at all."""
    with whole_file(path) as temporary, styled():
        figure.savefig(temporary, format=path.suffix[1:])
    return path


def _costs(axes: Axes, table: pd.DataFrame) -> None:
    seen = table[table["ell"] > 0]
    axes.bar(seen["ell"], seen["cost"], color=np.where(seen["ell"] == 1, ORANGE, BLUE), width=0.75)
    axes.set_title("Error added by guessing what was seen ℓ times")
    axes.set_xlabel("times seen, ℓ")
    axes.set_ylabel("cost, (1 − 1/K) τ_ℓ E|X_ℓ|")
    axes.set_xticks(seen["ell"])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _taus(axes: Axes, table: pd.DataFrame) -> None:
    ell = table["ell"]
    axes.plot(ell, ell, ":", color=GRAY, label="frequency in the sample, ℓ/n")
    axes.plot(ell, table["n_tau"], "o-", color=BLUE, label="expected frequency, τ_ℓ")
    axes.set_title("How frequent is what was seen ℓ times")
    axes.set_xlabel("times seen, ℓ")
    axes.set_ylabel("n·τ_ℓ")
    axes.set_xticks(ell)
    axes.legend()


def _errors(axes: Axes, curve: pd.DataFrame, samples: int) -> None:
    axes.plot(
        curve["samples"], curve["error_guessing_singletons"], "--", color=ORANGE, label="guessing what was seen once"
    )
    axes.plot(curve["samples"], curve["optimal_error"], "-", color=BLUE, label="memorizing it (optimal)")
    axes.fill_between(
        curve["samples"], curve["optimal_error"], curve["error_guessing_singletons"], color=ORANGE, alpha=0.15
    )
    axes.axvline(samples, color=GRAY, linestyle=":", label=f"n = {samples:,}")
    axes.set_xscale("log")
    axes.set_title("Error against the number of samples")
    axes.set_xlabel("samples, n")
    axes.set_ylabel("error")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend()


def _tail(axes: Axes, tail: pd.DataFrame, samples: int) -> None:
    axes.plot(tail["frequency"], tail["mass_below"], color=BLUE)
    ends = np.interp(np.log([1 / (3 * samples), 2 / samples]), np.log(tail["frequency"]), tail["mass_below"])
    inside = f"[1/3n, 2/n]: {100 * (ends[1] - ends[0]):.2g}% of the data"
    axes.axvspan(1 / (3 * samples), 2 / samples, color=ORANGE, alpha=0.2, label=inside)
    axes.axvline(1 / samples, color=GRAY, linestyle=":", label="1/n")
    axes.set_xscale("log")
    axes.set_ylim(0, 1.02)
    axes.set_title("Where the tail lies")
    axes.set_xlabel("frequency of a subpopulation, D(x)")
    axes.set_ylabel("share of the data in rarer ones")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(loc="upper left")
