"""Figures of turn-over dropout, drawn from ``turnover.csv`` alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from empirical.report.course_figures import NARROW, masked_figure
from longtail.core import Floats
from longtail.core.files import read_table
from longtail.core.shown import many
from longtail.plots import BLUE, GRAY, ORANGE, drawing, save_both

BESIDE, STACKED = (8.0, 3.6), (NARROW, 6.4)  # inches of two panels


def memorization_by_epoch(table: pd.DataFrame, title: str, *, narrow: bool = False) -> Figure:
    """Memorization of all examples by epoch, in 0/1 the mean and in loss quartiles; those of changed labels apart. ``narrow``:
    panels below each other, for a page; here and below."""
    changed = (
        table["label"].astype(str) != table["true_label"].astype(str)
        if "true_label" in table
        else pd.Series(False, table.index)
    )
    groups = [
        ("as labeled" if changed.any() else "all examples", ~changed, BLUE, "o-"),
        ("label changed", changed, ORANGE, "s--"),
    ]
    with drawing(*(STACKED if narrow else BESIDE)) as figure:
        left, right = figure.subplots(*((2, 1) if narrow else (1, 2)))
        for name, rows, color, mark in groups:
            if not rows.any():
                continue
            by = table[rows].groupby("epoch")
            epochs = np.unique(table.loc[rows, "epoch"].to_numpy(float))
            mean = by["memorization"].mean().to_numpy()
            error = by["memorization"].sem().to_numpy()
            left.errorbar(epochs, mean, 2 * error, fmt=mark, color=color, capsize=2, label=f"{name}, mean")
            share = (table["memorization"] >= 0.25)[rows].groupby(table["epoch"]).mean().to_numpy()
            left.plot(epochs, share, mark[0] + ":", color=color, markersize=3, label=f"{name}, share at .25 or more")
            low, middle, high = (by["memorization_loss"].quantile(q).to_numpy() for q in (0.25, 0.5, 0.75))
            right.plot(epochs, middle, mark, color=color, label=f"{name}, median")
            right.fill_between(epochs, low, high, color=color, alpha=0.18, linewidth=0)
        for axes, what in ((left, "accuracy"), (right, "loss, with quartiles")):
            _over_epochs(axes, epochs, f"memorization in {what}")
        left.set_title(title)
    return figure


def influence_by_epoch(table: pd.DataFrame, title: str, *, narrow: bool = False) -> Figure:
    """Mean influence by epoch, and of the strongest pairs beside the noise; on tests of the example's class, and of others."""
    with drawing(*(STACKED if narrow else BESIDE)) as figure:
        left, right = figure.subplots(*((2, 1) if narrow else (1, 2)))
        epochs = np.unique(table["epoch"].to_numpy(float))
        for (kind, rows), color, mark in zip(
            table.groupby("pairs_of", sort=False), (BLUE, ORANGE), ("o-", "s--"), strict=False
        ):
            left.errorbar(
                rows["epoch"], rows["mean"], 2 * rows["stderr"], fmt=mark, color=color, capsize=2, label=str(kind)
            )
            right.plot(rows["epoch"], rows["strongest"], mark, color=color, label=f"{kind}, strongest thousandth")
            right.plot(rows["epoch"], rows["noise"], ":", color=color, label=f"{kind}, standard error of a pair")
        for axes, what in ((left, "mean of all pairs, ± 2 s.e."), (right, "mean of the strongest")):
            _over_epochs(axes, epochs, f"influence in loss, {what}")
        left.set_title(title)
    return figure


def _over_epochs(axes: Axes, epochs: Floats, what: str) -> None:
    axes.axhline(0, color=GRAY, linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xticks(epochs, [f"{e:g}" for e in epochs])
    axes.minorticks_off()
    axes.set_xlabel("epochs trained")
    axes.set_ylabel(what)
    axes.legend(loc="best")


def write(directory: Path, data: str, seeds: int) -> list[Path]:
    """The figures in a run's folder, as PNG and SVG: of all examples, and by group where there are groups."""
    title = f"{data}, {many(seeds, 'net')} by turn-over dropout"
    drawn = {"turnover": memorization_by_epoch(examples(directory), title)}
    if (directory / "groups.csv").is_file():
        drawn["groups"] = masked_figure(groups(directory), title)
    if (directory / "influence.csv").is_file():
        drawn["influence"] = influence_by_epoch(influence(directory), title)
    return [path for name, figure in drawn.items() for path in save_both(figure, directory / name)]


def examples(directory: Path) -> pd.DataFrame:
    """``turnover.csv``, an example and epoch a row."""
    return read_table(directory / "turnover.csv", ("label", "true_label", "id"), ("epoch", "memorization"))


def groups(directory: Path) -> pd.DataFrame:
    """``groups.csv``, a group and epoch a row."""
    return read_table(directory / "groups.csv", ("group",), ("epoch", "memorization", "own_accuracy"))


def influence(directory: Path) -> pd.DataFrame:
    """``influence.csv``, an epoch and kind of pair a row."""
    return read_table(directory / "influence.csv", ("pairs_of",), ("epoch", "mean", "strongest", "noise"))
