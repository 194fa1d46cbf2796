"""Figures of a run, drawn from tables alone, in the manner of ``longtail.plots``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter

from empirical.estimates.cells import root_mean_square
from empirical.report.figures import counts
from empirical.report.observed_figures import DRAWN as OBSERVED
from empirical.report.observed_figures import alone
from longtail.core.files import read_table
from longtail.core.shares import percent
from longtail.plots import BLUE, GRAY, ORANGE, drawing, save_both

MOST = 20_000  # points in a scatter


def memorization_histogram(table: pd.DataFrame, title: str) -> Figure:
    """How many examples are memorized how much; the shaded band is two standard errors around 0."""
    with drawing(6, 3.8) as figure:
        axes = figure.subplots()
        value = table["memorization"].to_numpy(float)
        value = value[np.isfinite(value)]
        low, high = (min(-0.1, value.min()), max(1.0, value.max())) if value.size else (-0.1, 1.0)
        axes.hist(value, bins=np.linspace(low, high, 45).tolist(), color=BLUE, edgecolor="white", linewidth=0.3)
        counts(axes)
        error = table["stderr"].to_numpy(float)
        # where all models say the same the error is 0, which would make the others' look small
        noise = root_mean_square(error[error > 0]) or 0.0
        axes.axvspan(-2 * noise, 2 * noise, color=GRAY, alpha=0.18, label="within two standard errors of 0")
        share = float((value >= 0.25).mean()) if value.size else 0.0
        axes.axvline(0.25, color=ORANGE, linestyle="--", label=f"{percent(share, '.1f')} at .25 or more")
        axes.set_xlabel("memorization: accuracy on the example, trained on it less left out")
        axes.set_ylabel("training examples")
        axes.set_title(title)
        axes.legend(loc="upper right")
    return figure


def error_against_trials(curve: pd.DataFrame, title: str) -> Figure:
    """Reported standard error and what two halves differ by, against the number of models; both fall as 1/√t."""
    with drawing(6, 3.8) as figure:
        axes = figure.subplots()
        t = curve["trials"].to_numpy(float)
        axes.plot(t, curve["stderr"], "o-", color=BLUE, label="reported standard error")
        axes.plot(t, curve["disagreement"], "s--", color=ORANGE, label="measured, from two halves")
        last = curve.dropna()
        if len(last):
            end = last.iloc[-1]
            axes.plot(t, end["stderr"] * np.sqrt(end["trials"] / t), ":", color=GRAY, label="1/√(models)")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(t, [f"{v:,.0f}" for v in t], fontsize=8)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("models trained")
        axes.set_ylabel("root mean square error of memorization")
        axes.set_title(title)
        axes.legend(loc="best")
    return figure


def split_half(halves: pd.DataFrame, title: str) -> Figure:
    """Memorization from one half of the models against the other; the title says how far they agree."""
    x, y = halves["first"], halves["second"]
    first, second, both = (int(halves[f"pairs_{name}"].sum()) for name in ("first", "second", "both"))
    spread = min(float(x.std()), float(y.std())) > 0
    correlation = f"correlation {x.corr(y):.3f}" if spread else "no correlation"
    either = first + second - both
    shared = f"pairs shared {percent(both / either, '.0f')}" if either else "no pairs"
    with drawing(4.6, 4.6) as figure:
        axes = figure.subplots()
        x, y = x[:MOST], y[:MOST]
        axes.plot([-0.2, 1], [-0.2, 1], color=GRAY, linewidth=0.8)
        axes.plot(x, y, ".", color=BLUE, markersize=3, alpha=0.35, rasterized=len(x) > 2000)
        axes.set_xlabel("memorization, even models")
        axes.set_ylabel("memorization, odd models")
        axes.set_title(f"{title}\n{correlation}, {shared}")
        axes.set_aspect("equal", adjustable="datalim")
    return figure


def classes(balance: pd.DataFrame, title: str) -> Figure:
    """Training and test examples in each class, largest first."""
    with drawing(6, 3.4) as figure:
        axes = figure.subplots()
        ordered = balance.sort_values("train", ascending=False)
        place = np.arange(len(ordered))
        for name, color, mark in (("train", BLUE, "o"), ("test", ORANGE, "s")):
            share = ordered[name].to_numpy(float) / max(ordered[name].sum(), 1)
            axes.plot(place, share, mark, color=color, markersize=4, label=f"{name}: {ordered[name].sum():,} examples")
        axes.set_ylim(0, 1.2 * axes.dataLim.ymax)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        axes.set_ylabel("share of examples")
        if len(ordered) <= 30:
            axes.set_xticks(place, ordered["class"], rotation=0 if len(ordered) <= 10 else 60)
        axes.set_xlabel("class, largest first")
        axes.set_title(title)
        axes.legend(loc="best")
    return figure


DRAWN: dict[str, Callable[[pd.DataFrame, str], Figure]] = {
    "memorization": memorization_histogram,
    "error": error_against_trials,
    "halves": split_half,
    "classes": classes,
    **{name: alone(name) for name in OBSERVED},
}


def write(directory: Path, names: Collection[str], data: str, models: int) -> list[Path]:
    """Figures of the named tables in a run's folder, as PNG and SVG."""
    written = []
    for name, draw in DRAWN.items():
        if name in names:  # read back: what was rounded in writing may fall into another bar
            table = read_table(directory / f"{name}.csv", ("class",))
            figure = draw(table, f"Classes of {data}" if name == "classes" else f"{data}, {models:,} models")
            written += save_both(figure, directory / name)
    return written
