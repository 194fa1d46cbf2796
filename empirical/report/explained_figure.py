"""The picture of an answer: the example, and those that carry and hurt it, as images, or their influence as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from empirical.report.exhibits import Exhibits, pixels
from empirical.report.explained_text import chance, headline
from longtail.plots import BLUE, GRAY, ORANGE, drawing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from empirical.estimates.explained import Explained

ACROSS = 8  # images in a row


def explained_figure(
    found: Explained, name: str, shown: Exhibits, *, score: str = "correct", top: int = ACROSS
) -> Figure:
    """Images of the example and of both sides; bars with two standard errors where there are none."""
    sides = (("carried by", found.carries(top), BLUE), ("hurt by", found.hurts(top), ORANGE))
    if shown.images is None:
        return _bars(found, f"{name}: {headline(found, score)}", sides)
    across = min(ACROSS, max(top, 1))
    rows = [(title, part.iloc[k : k + across]) for title, part, _ in sides for k in range(0, max(len(part), 1), across)]
    with drawing(1.15 * (across + 1) + 0.4, 1.6 * len(rows) + 0.6) as figure:
        grid = figure.subplots(len(rows), across + 1, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        _image(grid[0, 0], shown.images[found.part][found.index], "the example")
        for k, (line, (title, part)) in enumerate(zip(grid, rows, strict=True)):
            line[0].text(0.5, 0.5 if k else -0.2, title, transform=line[0].transAxes, ha="center", fontsize=9)
            for axes, (index, says) in zip(line[1:], _captions(part), strict=False):
                _image(axes, shown.images["train"][index], says)
        figure.suptitle(f"{name}: {headline(found, score)}\n", fontsize=9)
    return figure


def _captions(part: pd.DataFrame) -> list[tuple[int, str]]:
    """Index and words of each row."""
    labels = [f"{label} " for label in part["label"]] if "label" in part else [""] * len(part)
    columns = (part[name] for name in ("index", "influence", "stderr", "noise"))
    return [
        (int(index), f"{label}#{index}\n{value:+.3f} ± {error:.3f}\nnoise {chance(noise)}")
        for label, index, value, error, noise in zip(labels, *columns, strict=True)
    ]


def _image(axes: Axes, image: Any, title: str) -> None:
    axes.imshow(pixels(image), interpolation="nearest")
    axes.set_title(title, fontsize=6.5, loc="center")


def _bars(found: Explained, title: str, sides: tuple[tuple[str, pd.DataFrame, str], ...]) -> Figure:
    names = [f"#{name}" for _, part, _ in sides for name in part["id" if "id" in part else "index"]]
    with drawing(6.5, 0.26 * max(len(names), 2) + 1.1) as figure:
        axes = figure.subplots()
        start = 0
        for says, part, color in sides:
            y = start + np.arange(len(part))
            bars: dict[str, Any] = {"fmt": "o", "color": color, "capsize": 2.5, "markersize": 4, "label": says}
            axes.errorbar(part["influence"], y, xerr=2 * part["stderr"], **bars)
            start += len(part)
        axes.axvline(0, color=GRAY, linewidth=0.8)
        axes.set_yticks(np.arange(len(names)), names, fontsize=7)
        axes.set_ylim(max(len(names), 2) - 0.5, -0.5)
        axes.set_xlabel("influence (± 2 s.e.)")
        axes.set_title(title, fontsize=8)
        axes.legend(loc="lower right", fontsize=7)
    return figure
