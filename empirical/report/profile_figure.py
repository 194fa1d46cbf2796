"""The figure of profiles: how −2 log L of a fit rises as one parameter is moved and the others follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import stats

from longtail.plots import BLUE, GRAY, ORANGE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

ACROSS = 3  # panels in a row
POSITIVE = ("size", "concentration")  # parameters on logarithmic scales
INDEPENDENT = float(stats.chi2.ppf(0.95, 1))  # rise at the ends of an interval, were examples independent
SHOWN = 1.6  # times the allowed rise
CAPTION = (
    "How much worse the fit becomes (rise of −2 log L) as a parameter is moved and all others follow. Where the curve crosses "
    "the dashed line the 95 % interval ends, by data sets simulated from the fit; the dotted one would be it if examples were "
    "independent. A side on which the curve stays below is left open by the data."
)


def profiles(table: pd.DataFrame) -> Figure:
    """A panel for each parameter of ``empirical.bridge.profiles.profiles``.

    >>> import pandas as pd
    >>> rows = [("dust", 0.1, 5.0, 4.0), ("dust", 0.2, 0.0, 4.0), ("dust", 0.3, 6.0, 4.0)]
    >>> figure = profiles(pd.DataFrame(rows, columns=["parameter", "value", "rise", "allowed"]))
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['dust']
    """
    names = list(dict.fromkeys(table["parameter"]))
    down = -(-len(names) // ACROSS)
    figure = Figure(figsize=(6 if len(names) == 1 else 9, 0.4 + 2.5 * down), layout="constrained")
    grid = figure.subplots(down, min(ACROSS, len(names)), squeeze=False)
    for axes, name in zip(grid.flat, names, strict=False):
        _panel(axes, name, table[table["parameter"] == name])
    for axes in grid.flat[len(names) :]:
        axes.remove()
    for row in grid:
        row[0].set_ylabel("rise of −2 log L")
    grid[0, 0].set_title("What the data say of each parameter")
    return figure


def _panel(axes: Axes, name: str, rows: pd.DataFrame) -> None:
    value, rise = rows["value"].to_numpy(float), rows["rise"].to_numpy(float)
    allowed = float(rows["allowed"].iloc[0])
    axes.axhline(allowed, color=GRAY, linestyle="--", linewidth=1)
    axes.axhline(INDEPENDENT, color=GRAY, linestyle=":", linewidth=1)
    axes.plot(value, rise, ".-", color=BLUE, markersize=5)
    best = int(np.argmin(rise))
    axes.plot(value[best : best + 1], rise[best : best + 1], "o", color=ORANGE, markersize=6)
    if name in POSITIVE:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_ylim(-0.04 * allowed, SHOWN * allowed)
    axes.set_xlabel(name)
