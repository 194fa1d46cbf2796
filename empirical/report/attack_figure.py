"""The figure of ``python -m empirical.attack``: bits recovered by part, how they spread over examples, and accuracies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from empirical.irrelevant.recovery import ACCURACIES, PARTS
from empirical.report.attack_text import WORDS
from longtail.plots import BLUE, GRAY, GREEN, ORANGE, PURPLE, drawing

if TYPE_CHECKING:
    from empirical.irrelevant.recovery import Recovered

COLORS = dict(zip(PARTS, (BLUE, GREEN, ORANGE, GRAY), strict=True))
BINS = 60


def figure(found: Recovered, title: str) -> Figure:
    """Three panels."""
    with drawing(12, 3.8) as drawn:
        rates, spread, right = drawn.subplots(1, 3)
        values = np.array([found.rate(part).value for part in PARTS])
        ends = np.array([found.interval(part) for part in PARTS]).T
        rates.bar(range(len(PARTS)), values, color=[COLORS[part] for part in PARTS], width=0.6)
        rates.errorbar(
            range(len(PARTS)), values, yerr=np.abs(ends - values), fmt="none", ecolor="black", capsize=4, linewidth=1
        )
        rates.set_xticks(range(len(PARTS)), ["all", "the\ncluster's", "the\nexample's", "of data\nnot seen"])
        rates.axhline(0.5, color=GRAY, linestyle=":", linewidth=1)
        rates.set_title("Bits recovered (95 %)")
        for part in ("irrelevant", "control"):
            share = found.singletons[f"{part}_right"] / found.singletons[f"{part}_bits"].clip(lower=1)
            spread.hist(
                share, bins=np.linspace(0, 1, BINS + 1).tolist(), color=COLORS[part], alpha=0.8, label=WORDS[part]
            )
        spread.set_xlabel("share of an example's bits recovered")
        spread.set_ylabel("examples")
        spread.set_title("Example by example")
        spread.legend(loc="upper left")
        accuracy = [found.accuracy(of).value for of in ACCURACIES]
        right.bar(range(len(ACCURACIES)), accuracy, color=PURPLE, width=0.6)
        right.set_xticks(
            range(len(ACCURACIES)), ["training\npoints", "fresh, of\nclusters seen", "fresh, of clusters\nseen once"]
        )
        right.set_title("Accuracy")
        for axes in (rates, right):
            axes.set_ylim(0, 1.03)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        spread.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        drawn.suptitle(title, x=0.01, ha="left")
    return drawn
