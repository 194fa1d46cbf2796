"""A legend that is no wider than its figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDEST = 0.98  # of a figure's width its legend: the rest is margin


def below(figure: Figure, axes: Axes) -> None:
    """Of what has labels in ``axes``, below all panels, in as many columns as the figure is wide enough for.

    >>> from longtail.plots import drawing
    >>> with drawing(3, 3) as figure:
    ...     axes = figure.subplots()
    ...     lines = [axes.plot([0, 1], label=f"a group of name {k}") for k in range(4)]
    ...     below(figure, axes)
    >>> bool(figure.legends[0].get_window_extent().width < figure.bbox.width)
    True
    """
    handles, labels = axes.get_legend_handles_labels()
    for columns in range(len(labels), 0, -1):
        legend = figure.legend(handles, labels, loc="outside lower right", ncols=columns)
        if columns == 1 or legend.get_window_extent().width <= WIDEST * figure.bbox.width:
            break
        legend.remove()
