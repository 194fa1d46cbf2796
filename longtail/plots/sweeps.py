"""Figures of a sweep: lines over what was swept, one for each value of what else was, on scales where all of them are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.ticker import LogFormatter, PercentFormatter

from longtail.core.shares import percent
from longtail.plots.style import BLUE, GRAY, GREEN, ORANGE, PURPLE, Powers, drawing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from longtail.core import Floats

WIDE = 10  # times as much: the least of it is a twelfth of an inch on an even scale, and differences there are not seen
SMALL = 1e-4  # percent that are written as a power of ten
APART = (BLUE, ORANGE, GREEN, PURPLE, GRAY)
ROOM = 130  # letters in a line of a legend
MARKERS = "os^Dvx"
NUMBERS = {"alpha": "exponent α", "subpopulations": "subpopulations N", "samples": "samples n", "labels": "labels K"}
SYMBOLS = {"alpha": "α", "subpopulations": "N", "samples": "n", "labels": "K"}
SIDES = (("cost", "added by guessing what was seen once"), ("optimal_error", "memorizing it (optimal)"))


class Shares(LogFormatter):
    """Ticks of a logarithmic axis in percent.

    >>> Shares()(0.001), Shares()(1e-09)
    ('0.1 %', '10⁻⁷ %')
    """

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The tick at x, where it is to have a label."""
        if self.axis is not None and not super().__call__(x, pos):
            return ""
        return percent(x) if 100 * x >= SMALL else f"{Powers()(100 * x)} %"


def in_percent(axis: Axis) -> None:
    """Labels in percent, on an even scale or a logarithmic one.

    >>> with drawing(4, 3) as figure:
    ...     axes = figure.subplots()
    ...     in_percent(axes.yaxis)
    >>> axes.yaxis.get_major_formatter()(0.25)
    '25 %'
    """
    if axis.get_scale() == "log":
        axis.set_major_formatter(Shares())
        axis.set_minor_formatter(Shares(minor_thresholds=(2.5, 0.5)))
    else:
        axis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))


def swept(frame: pd.DataFrame) -> tuple[str | None, tuple[str, ...]]:
    """Of a table of problems the column to draw against, the number with most values; and the others that vary.

    >>> import pandas as pd
    >>> swept(pd.DataFrame({"alpha": [0.5, 1, 2, 0.5, 1, 2], "samples": [100, 100, 100, 1000, 1000, 1000]}))
    ('alpha', ('samples',))
    """
    numbers = [name for name in NUMBERS if name in frame]
    if "prior" in frame:
        zipf = [name for name in ("alpha", "subpopulations") if name in frame]
        told = not frame[zipf].isna().any(axis=None) and len(frame[zipf].drop_duplicates()) == frame["prior"].nunique()
        numbers = ([] if told else ["prior"]) + [name for name in numbers if told or name not in zipf]
    varying = [name for name in (*numbers, "mode") if name in frame and frame[name].nunique() > 1]
    counts = {name: len(frame[name].unique()) for name in varying if name in NUMBERS}
    along = max(counts, key=lambda name: counts[name], default=None)
    return along, tuple(name for name in varying if name != along)


def named(row: Mapping[Any, Any], by: Sequence[str]) -> str:
    """What tells one line from others.

    >>> named({"samples": 10**6, "mode": "fixed"}, ["samples", "mode"])
    'n = 1,000,000, fixed'
    """
    parts = [f"{SYMBOLS[name]} = {row[name]:,.12g}" if name in SYMBOLS else str(row[name]) for name in by]
    return ", ".join(parts)


def by_factors(x: Floats) -> bool:
    """Whether values go by factors rather than steps: where they are more even by their logarithms.

    >>> by_factors(np.array([1.0, 2, 4, 8])), by_factors(np.array([0.5, 0.75, 1, 1.25])), by_factors(np.array([1e3, 1e6]))
    (True, False, True)
    """
    x = np.unique(x)
    if len(x) < 2 or x[0] <= 0:
        return False
    if len(x) == 2:
        return bool(x[1] / x[0] >= WIDE)
    steps, factors = np.diff(x), np.diff(np.log(x))
    return bool(np.std(factors) / np.mean(factors) < np.std(steps) / np.mean(steps))


def _wide(y: Floats) -> bool:
    """Whether values, all above 0, are so different that the least are not seen on an even scale."""
    return bool(len(y) and y.min() > 0 and y.max() / y.min() >= WIDE)


def looks(count: int, ordered: bool) -> list[dict[str, Any]]:
    """Colors and markers of so many lines: from dark to light, where they have an order.

    >>> [look["marker"] for look in looks(2, False)]
    ['o', 's']
    """
    if ordered and count > 1:
        colors: Any = colormaps["viridis"](np.linspace(0, 0.88, count))
    else:
        colors = [APART[at % len(APART)] for at in range(count)]
    return [{"color": color, "marker": MARKERS[at % len(MARKERS)]} for at, color in enumerate(colors)]


def sweep_figure(frame: pd.DataFrame, along: str | None, by: Sequence[str] = ()) -> Figure:
    """Optimal error and cost of the problems of a sweep against ``along``, a line for each of what varies beside it (``by``);
    without ``along`` side by side.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"alpha": [1.0, 2.0], "error_guessing_singletons": [0.23, 0.005], "optimal_error": [0.15, 0.003]})
    >>> sweep_figure(frame, "alpha").axes[0].get_xlabel()
    'exponent α'
    """
    title = "What memorizing singletons is worth"
    if along is None:
        return _beside(frame, title)
    if by:
        return _several(frame, along, by, title)
    with drawing(8, 4.5) as figure:
        axes = figure.subplots()
        part = frame.sort_values(along)
        x, guessing, optimal = (
            part[name].to_numpy(float) for name in (along, "error_guessing_singletons", "optimal_error")
        )
        axes.plot(x, guessing, "s--", color=ORANGE, label="guessing what was seen once")
        axes.plot(x, optimal, "o-", color=BLUE, label="memorizing it (optimal)")
        axes.fill_between(x, optimal, guessing, color=ORANGE, alpha=0.15)
        _scales(axes, along, x, np.concatenate((guessing, optimal)))
        axes.set_ylabel("error")
        axes.set_title(title)
        axes.legend(loc="best")
    return figure


def _several(frame: pd.DataFrame, along: str, by: Sequence[str], title: str) -> Figure:
    """Two panels, cost and optimal error, on one scale."""
    groups = [(key, part.sort_values(along)) for key, part in frame.groupby(list(by), sort=False)]
    ordered = len(by) == 1 and by[0] in NUMBERS
    if ordered:
        groups.sort(key=lambda one: float(one[1][by[0]].iloc[0]))
    with drawing(10, 4.4 + 0.05 * len(groups)) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (column, said) in zip(panels, SIDES, strict=True):
            for (_, part), look in zip(groups, looks(len(groups), ordered), strict=True):
                axes.plot(part[along], part[column], "-", ms=4, label=named(part.iloc[0].to_dict(), by), **look)
            axes.set_title(f"Error {said}" if column == "cost" else f"Error of {said}")
        for axes in panels:
            _scales(
                axes, along, frame[along].to_numpy(float), frame[[name for name, _ in SIDES]].to_numpy(float).ravel()
            )
        panels[0].set_ylabel("error")
        handles, words = panels[0].get_legend_handles_labels()
        across = max(1, ROOM // (max(map(len, words)) + 6))
        figure.legend(handles, words, loc="outside lower center", ncols=min(across, len(words)))
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


def _beside(frame: pd.DataFrame, title: str) -> Figure:
    """A row a problem: bars, or on a logarithmic scale, on which bars have no length, from one error to the other."""
    y = np.arange(len(frame))[::-1]
    guessing, optimal = (frame[name].to_numpy(float) for name in ("error_guessing_singletons", "optimal_error"))
    with drawing(8, max(3.0, 0.32 * len(frame) + 1.6)) as figure:
        axes = figure.subplots()
        if _wide(np.concatenate((guessing, optimal))):
            axes.hlines(y, optimal, guessing, color=ORANGE, lw=3, alpha=0.4)
            axes.plot(guessing, y, "s", color=ORANGE, label="guessing what was seen once")
            axes.plot(optimal, y, "o", color=BLUE, label="memorizing it (optimal)")
            axes.set_xscale("log")
        else:
            added: dict[str, Any] = {"color": ORANGE, "hatch": "//", "edgecolor": "white", "label": "cost"}
            axes.barh(y, optimal, color=BLUE, label="optimal error")
            axes.barh(y, frame["cost"], left=optimal, **added)
        axes.set_yticks(y, frame["problem"])
        axes.set_xlabel("error")
        in_percent(axes.xaxis)
        axes.set_title(title)
        axes.legend(loc="best")
    return figure


def _scales(axes: Axes, along: str, x: Floats, y: Floats) -> None:
    logarithmic = by_factors(x)
    if logarithmic:
        axes.set_xscale("log")
    if _wide(y):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(NUMBERS.get(along, along))
    in_percent(axes.yaxis)
