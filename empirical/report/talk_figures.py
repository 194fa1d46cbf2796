"""Figures of the talk, from its acts' tables alone, one or two an act."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from empirical.estimates.removal import margin
from empirical.report.figures import INKED
from empirical.report.observed_figures import SIZE
from longtail.plots import BLUE, GRAY, GREEN, ORANGE, plain_powers, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from empirical.story.act import Act
    from longtail.core import Floats

PERCENT = PercentFormatter(1.0, symbol=" %")
LABELED = 5  # bars with their number
CAPTIONS = {
    "cost": "Error that guessing adds, on all subpopulations seen so often: exact.",
    "expected": "Times that one of them is to be expected in as many fresh samples: what was seen once returns half a time.",
    "memorized": "Share of training examples with memorization of θ or more.",
    "removal": "Test accuracy lost without examples of memorization θ or more, and without as many at random. 95 % intervals.",
    "bits": "Share of each singleton's bits that the attack finds, those that its cluster does not fix, and by the control.",
    "accuracy": "Accuracy of the models attacked: on training points, on fresh ones of clusters seen, of clusters seen once.",
    "by_epoch": "Memorization by turn-over dropout, mean over examples ± 2 standard errors, by epoch.",
    "thirds": "Mean loss of thirds of the training examples, by how much nets memorize them.",
}


def figures(act: Act, ink: str) -> dict[str, tuple[Figure, pd.DataFrame]]:
    """The figures of an act by name, each with the table behind it."""
    drawn = {}
    with styled(**dict.fromkeys(INKED, ink)):
        for name, (frame, draw) in DRAWERS[act.name].items():
            figure = Figure(figsize=SIZE, layout="constrained")
            draw(figure.subplots(), act.frames[frame])
            drawn[name] = plain_powers(figure), act.frames[frame]
    return drawn


def cost(axes: Axes, table: pd.DataFrame) -> None:
    """Bars by times seen; unseen is what nobody avoids."""
    colors = [GRAY, ORANGE, *[BLUE] * (len(table) - 2)]
    bars = axes.bar(table["ell"], table["cost"], color=colors)
    axes.bar_label(bars, [f"{100 * value:.3g}" if at < LABELED else "" for at, value in enumerate(table["cost"])])
    axes.set_xticks(table["ell"])
    axes.set_xlabel("times seen")
    axes.yaxis.set_major_formatter(PERCENT)
    axes.set_title("What guessing costs, by how often it was seen")


def expected(axes: Axes, table: pd.DataFrame) -> None:
    """n·τ against ℓ."""
    axes.plot(table["ell"], table["ell"], ":", color=GRAY, label="as often as it was seen")
    axes.plot(table["ell"], table["n_tau"], "o-", color=ORANGE, label=r"to be expected, $n\,\tau_\ell$")
    axes.set_xticks(table["ell"])
    axes.set_xlabel(r"times seen, $\ell$", parse_math=True)
    axes.set_ylabel("times in as many fresh samples")
    axes.set_title("How often it will be met again")
    for text in axes.legend(loc="best").get_texts():
        text.set_parse_math(True)


def memorized(axes: Axes, table: pd.DataFrame) -> None:
    """The share of examples above each θ."""
    value = np.sort(table["memorization"].to_numpy(float))
    theta = np.linspace(0.02, 1, 99)
    share = 1 - np.searchsorted(value, theta) / len(value)
    axes.semilogy(theta[share > 0], share[share > 0], color=BLUE)
    axes.axvline(0.25, color=GRAY, linestyle=":")
    axes.set_xlabel("memorization of at least θ")
    axes.set_ylabel("share of examples")
    axes.yaxis.set_major_formatter(PERCENT)
    axes.set_title("Most examples are taught by others, some by none")


def removal(axes: Axes, table: pd.DataFrame) -> None:
    """Accuracy lost by threshold."""
    for column, shift, color, mark, label in (
        ("lost", -0.006, ORANGE, "o", "without the memorized"),
        ("lost_random", 0.006, BLUE, "s", "without as many at random"),
    ):
        error = margin(table[f"{column}_stderr"], table["tests"])
        axes.errorbar(
            table["threshold"] + shift, table[column], yerr=error, fmt=mark, color=color, capsize=3, label=label
        )
    axes.axhline(0, color=GRAY, linewidth=0.8)
    axes.set_xlabel("memorization of at least θ")
    axes.set_ylabel("test accuracy lost, percentage points")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    axes.set_title("What the memorized are worth")
    axes.legend(loc="best")


def bits(axes: Axes, table: pd.DataFrame) -> None:
    """Histograms over singletons."""
    for part, color, label in (
        ("irrelevant", ORANGE, "bits of its own, which do not matter"),
        ("control", GRAY, "the control, a model of other data"),
    ):
        share = table[f"{part}_right"] / table[f"{part}_bits"].clip(lower=1)
        axes.hist(share, bins=np.linspace(0, 1.001, 61).tolist(), color=color, alpha=0.85, label=label)
    axes.set_xlabel("share of an example's bits recovered")
    axes.set_ylabel("examples seen once")
    axes.xaxis.set_major_formatter(PERCENT)
    axes.set_title("Bits of every singleton, read off the weights")
    axes.legend(loc="best")


def accuracy(axes: Axes, table: pd.DataFrame) -> None:
    """Bars with the data sets as points."""
    names = ("train", "represented", "singletons")
    axes.bar(range(len(names)), [table[name].mean() for name in names], color=GREEN, width=0.6)
    for place, name in enumerate(names):
        axes.plot([place] * len(table), table[name], "o", color="black", markersize=3)
    axes.set_xticks(
        range(len(names)), ["training\npoints", "fresh, of\nclusters seen", "fresh, of clusters\nseen once"]
    )
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PERCENT)
    axes.set_title("How accurate the same models are")


def by_epoch(axes: Axes, table: pd.DataFrame) -> None:
    """Right and wrong labels."""
    wrong = table["label"].astype(str) != table["true_label"].astype(str)
    for rows, color, mark, label in (
        (~wrong, BLUE, "o-", "labels as they were"),
        (wrong, ORANGE, "s--", "labels changed"),
    ):
        by = table[rows].groupby("epoch")["memorization"]
        axes.errorbar(by.mean().index, by.mean(), yerr=2 * by.sem(), fmt=mark, color=color, capsize=2, label=label)
    _epochs(axes, np.unique(table["epoch"].to_numpy(float)))
    axes.set_ylabel("memorization")
    axes.set_title("Memorization, from the first epoch on")
    axes.legend(loc="best")


def thirds(axes: Axes, table: pd.DataFrame) -> None:
    """Loss by third."""
    for name, color, style in zip(table.columns.drop("epoch"), (BLUE, GRAY, ORANGE), ("-", "--", "-."), strict=True):
        axes.plot(table["epoch"], table[name], style, color=color, label=f"{name} third")
    axes.set_xlabel("epochs trained")
    axes.set_ylabel("mean loss")
    axes.set_title("Easy and hard are learned at once, the easy faster")
    axes.legend(loc="best")


def _epochs(axes: Axes, epochs: Floats) -> None:
    axes.set_xscale("log")
    axes.set_xticks(epochs, [f"{epoch:g}" for epoch in epochs])
    axes.minorticks_off()
    axes.set_xlabel("epochs trained")


Draw = Callable[["Axes", "pd.DataFrame"], None]
DRAWERS: dict[str, dict[str, tuple[str, Draw]]] = {
    "singletons": {"cost": ("singletons", cost), "expected": ("singletons", expected)},
    "learners": {"memorized": ("memorization", memorized)},
    "worth": {"removal": ("removal", removal)},
    "irrelevant": {"bits": ("recovered", bits), "accuracy": ("repeats", accuracy)},
    "epochs": {"by_epoch": ("turnover", by_epoch), "thirds": ("thirds", thirds)},
}
