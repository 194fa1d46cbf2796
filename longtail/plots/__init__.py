"""Figures, drawn from tables alone: the only room of this package that imports matplotlib."""

from longtail.plots.limits import groups_figure, limit_figure, noise_figure
from longtail.plots.model import problem_figure
from longtail.plots.style import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    PURPLE,
    STYLE,
    Powers,
    drawing,
    plain_powers,
    save,
    save_both,
    styled,
)
from longtail.plots.sweeps import by_factors, sweep_figure, swept
from longtail.plots.tables import counts_figure, grouped_figure, lines_figure

__all__ = [
    "BLUE",
    "GRAY",
    "GREEN",
    "ORANGE",
    "PURPLE",
    "STYLE",
    "Powers",
    "by_factors",
    "counts_figure",
    "drawing",
    "grouped_figure",
    "groups_figure",
    "limit_figure",
    "lines_figure",
    "noise_figure",
    "plain_powers",
    "problem_figure",
    "save",
    "save_both",
    "styled",
    "sweep_figure",
    "swept",
]
