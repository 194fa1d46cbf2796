"""What a figure shows, as its reader finds it: by labels."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer, ErrorbarContainer

from longtail.core import Floats


def points(axes: Axes, label: str) -> tuple[Floats, Floats]:
    """x and y of the line or points that the legend calls so."""
    shown = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))[label]
    line = shown.lines[0] if isinstance(shown, ErrorbarContainer) else shown
    return np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)


def marks(axes: Axes, place: int = 0) -> tuple[Floats, Floats]:
    """x and y of the points with errors that have no name in the legend."""
    line = [bars for bars in axes.containers if isinstance(bars, ErrorbarContainer)][place].lines[0]
    return np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)


def heights(axes: Axes, place: int = 0) -> list[float]:
    bars = [bars for bars in axes.containers if isinstance(bars, BarContainer)][place]
    return [bar.get_height() for bar in bars]


def widths(axes: Axes, place: int = 0) -> list[float]:
    bars = [bars for bars in axes.containers if isinstance(bars, BarContainer)][place]
    return [bar.get_width() for bar in bars]


def rows(axes: Axes) -> list[str]:
    """Names along the y axis, from above."""
    shown = sorted(zip(axes.get_yticks(), axes.get_yticklabels(), strict=True), key=lambda pair: -pair[0])
    return [label.get_text() for _, label in shown]
