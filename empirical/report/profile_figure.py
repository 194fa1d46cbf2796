"""The figure of profiles: how −2 log L of a fit rises as one parameter is moved and the others follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter
from scipy import stats

from empirical.report.frequencies import PARAMETERS
from longtail.plots import BLUE, GRAY, ORANGE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

ACROSS = 2  # panels in a row
POSITIVE = ("size", "concentration")  # parameters on logarithmic scales
INDEPENDENT = float(stats.chi2.ppf(0.95, 1))  # rise at the ends of an interval, were examples independent
SHOWN = 1.6  # times the allowed rise
MANY = 30.0  # times that a logarithmic scale may span before only powers of ten are written at it
SIDES = ("below", "above")
CAPTION = (
    "How much worse the fit becomes (rise of −2 log L) as a parameter is moved and all others follow. Where the curve crosses "
    "the dashed line the 95 % interval ends, by data sets simulated from the fit and by how surely it is known how hard tests "
    "are; the dotted one would be it if examples were independent. For λ's mean, which hangs together with how even λ is, the "
    "line is that of both. Where the curve stays below the dashed line as far as it was followed, it says that this side is open."
)


def profiles(table: pd.DataFrame) -> Figure:
    """A panel for each parameter of ``empirical.bridge.profiles.profiles``.

    >>> import pandas as pd
    >>> rows = [("dust", 0.1, 5.0, 4.0), ("dust", 0.2, 0.0, 4.0), ("dust", 0.3, 6.0, 4.0)]
    >>> figure = profiles(pd.DataFrame(rows, columns=["parameter", "value", "rise", "allowed"]))
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['dust: share without their like']
    """
    names = list(dict.fromkeys(table["parameter"]))
    down = -(-len(names) // ACROSS)
    figure = Figure(figsize=(4.75, 1.1 + 2.2 * down), layout="constrained")
    every = panels(figure, len(names), min(ACROSS, len(names)), "rise of −2 log L")
    for axes, name in zip(every, names, strict=True):
        _panel(axes, name, table[table["parameter"] == name])
    every[0].set_title("What the data say of each parameter")
    handles, labels = every[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", frameon=False)
    return figure


def panels(figure: Figure, count: int, across: int, label: str) -> list[Axes]:
    """As many panels, ``across`` of them in a row, the first of each with a ``label`` at its left.

    >>> [axes.get_ylabel() for axes in panels(Figure(), count=3, across=2, label="rise")]
    ['rise', '', 'rise']
    """
    grid = figure.subplots(-(-count // across), across, squeeze=False)
    for axes in grid.flat[count:]:
        axes.remove()
    for row in grid:
        row[0].set_ylabel(label)
    return list(grid.flat[:count])


def crossings(rows: pd.DataFrame) -> tuple[float, float]:
    """Where the profile of one parameter rises above what is allowed, below the best value and above it: by the root of the
    rise, which is nearly straight in the coordinate that is fitted, a logarithm of one that is ``POSITIVE``. NaN on a side on
    which it does not, as far as it was followed.

    >>> import pandas as pd
    >>> rows = pd.DataFrame({"value": [0.0, 1.0, 2.0, 4.0], "rise": [9.0, 4.0, 0.0, 1.0], "allowed": 6.25})
    >>> crossings(rows)
    (0.5, nan)
    >>> [round(end, 3) for end in crossings(rows.assign(parameter="size", value=[1, 10, 100, 1000]))]
    [3.162, nan]
    """
    value, rise = rows["value"].to_numpy(float), rows["rise"].to_numpy(float)
    logarithmic = "parameter" in rows and rows["parameter"].iloc[0] in POSITIVE
    at = np.log(value) if logarithmic else value
    best, root, level = int(np.argmin(rise)), np.sqrt(rise), float(np.sqrt(rows["allowed"].iloc[0]))
    ends = []
    for side in (np.arange(best, -1, -1), np.arange(best, len(value))):
        beyond = np.flatnonzero(root[side] >= level)
        if not len(beyond):
            ends.append(np.nan)
            continue
        near, far = side[beyond[0] - 1], side[beyond[0]]
        part = (level - root[near]) / (root[far] - root[near])
        end = float(at[near] + part * (at[far] - at[near]))
        ends.append(float(np.exp(end)) if logarithmic else end)
    return ends[0], ends[1]


def _panel(axes: Axes, name: str, rows: pd.DataFrame) -> None:
    value, rise = rows["value"].to_numpy(float), rows["rise"].to_numpy(float)
    allowed = float(rows["allowed"].iloc[0])
    axes.axhline(allowed, color=GRAY, linestyle="--", linewidth=1, label="95 % intervals end here")
    axes.axhline(INDEPENDENT, color=GRAY, linestyle=":", linewidth=1, label="and here, were examples independent")
    axes.plot(value, rise, ".-", color=BLUE, markersize=5, label="the others at their best")
    best = int(np.argmin(rise))
    axes.plot(value[best : best + 1], rise[best : best + 1], "o", color=ORANGE, markersize=6, label="the fit")
    if name in POSITIVE:
        axes.set_xscale("log")
        steps = (1.0, 2.0, 5.0) if value.max() < MANY * value.min() else (1.0,)
        axes.xaxis.set_major_locator(LogLocator(subs=steps, numticks=5))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.6g}"))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_ylim(-0.04 * allowed, SHOWN * allowed)
    followed = (best > 0, best < len(value) - 1)
    ends = zip(SIDES, crossings(rows), followed, strict=True)
    said = [f"open {side}" for side, end, looked in ends if looked and np.isnan(end)]
    if said:
        axes.set_title(" and ".join(said).replace("and open ", "and "), loc="right", fontsize="small", color=ORANGE)
    axes.set_xlabel(f"{name}: {PARAMETERS[name]}" if name in PARAMETERS else name)
