"""Figures of training by group and epoch, from their tables alone (``empirical.courses``)."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from empirical.report.legend import below
from longtail.plots import BLUE, GRAY, GREEN, ORANGE, PURPLE, drawing

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = (BLUE, ORANGE, GREEN, PURPLE, GRAY)
NARROW = 4.75  # inches of a figure on the page, as of others there
LETTERS = 26  # in a line of a narrow panel's title
STYLES = ("o-", "s--", "^:", "x-.")
CELLS = {"in": "trained on", "out": "not trained on", "memorization": "the difference"}
GRADIENTS = {
    "norm": "norm of an example's gradient",
    "coherence": "coherence",
    "alignment": "alignment with the others",
}


MASKED = {
    "own_accuracy": "accuracy, own sub-network",
    "memorization": "memorization, accuracy",
    "memorization_loss": "memorization, loss",
    "norm": "norm of an example's gradient",
    "alignment": "alignment with the others",
}


def course_figure(frame: pd.DataFrame, title: str, score: str = "accuracy") -> Figure:
    """A panel each for what models trained on, for what they did not, and for the difference, with 2 standard errors."""
    return _panels(frame, CELLS, title, score)


def gradient_figure(frame: pd.DataFrame, title: str) -> Figure:
    """A panel each for norm, coherence and alignment, with 2 standard errors."""
    return _panels(frame, GRADIENTS, title, "")


def masked_figure(frame: pd.DataFrame, title: str, *, narrow: bool = False) -> Figure:
    """Of nets under masks: a panel each for accuracy, memorization and gradients, with 2 standard errors over nets; ``narrow``:
    two panels in a row, for a page."""
    return _panels(frame, MASKED, title, "", 2.7, narrow)


def lines(axes: Axes, frame: pd.DataFrame, column: str) -> None:
    """One line a group over epochs, and a band of 2 standard errors."""
    for k, (name, part) in enumerate(frame.groupby("group", sort=False)):
        color, value = COLORS[k % len(COLORS)], part[column].to_numpy(float)
        error = 2 * part[f"{column}_stderr"].to_numpy(float)
        axes.plot(
            part["epoch"], value, STYLES[k // len(COLORS) % len(STYLES)], color=color, markersize=3, label=str(name)
        )
        axes.fill_between(part["epoch"], value - error, value + error, color=color, alpha=0.2, linewidth=0)
    axes.set_xlabel("epochs")


def _panels(
    frame: pd.DataFrame, columns: Mapping[str, str], title: str, ylabel: str, width: float = 3.4, narrow: bool = False
) -> Figure:
    there = {name: label for name, label in columns.items() if name in frame}
    shown = {name: label for name, label in there.items() if np.isfinite(frame[name].to_numpy(float)).any()}
    across = min(2, len(shown)) if narrow else len(shown)
    down = -(-len(shown) // across)
    size = (NARROW, 1.1 + 2.2 * down) if narrow else (width * len(shown), 3.4)
    with drawing(*size) as figure:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        panels = figure.subplots(down, across, squeeze=False).ravel()
        for spare in panels[len(shown) :]:
            spare.remove()
        for axes, (name, label) in zip(panels, shown.items(), strict=False):
            lines(axes, frame, name)
            axes.set_title(fill(label, LETTERS) if narrow else label)
        panels[0].set_ylabel(ylabel)
        if narrow:
            below(figure, panels[0])
        else:
            panels[0].legend(loc="best")
    return figure
