"""Claim (Feldman & Zhang, arXiv 2008.03703, table 1 and section 3): a few training examples carry a few test examples alone.

Published: pairs of influence ≥ .15 and memorization ≥ .25, distinct test examples in them, test examples with one influencer:
CIFAR-100 1015 / 888 / 774, ImageNet 1641 / 1462 / 1298; 36.2 % of CIFAR-100 has memorization ≥ .25. Measured from the
published files: 1015 / 888 / 774 from 964 training examples, 1641 / 1462 / 1298 from 1605, and 36.198 %.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from longtail.core.published import printed
from simulations.claim import Claim, at
from simulations.command import main
from simulations.places import data_folder

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Config:
    """Thresholds of memorization, and the data sets."""

    memorized: float = 0.25
    names: tuple[str, ...] = ("cifar100", "imagenet")
    thresholds: tuple[float, ...] = (0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6)


QUICK = Config()


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """Counts by data set and threshold of influence; the share memorized where all scores were published."""
    import pandas as pd

    from empirical.data.load import load_published, load_published_pairs

    folder = data_folder("feldman_zhang")
    rows = []
    for name in config.names:
        pairs = load_published_pairs(name, data_dir=folder)
        share = np.nan
        if name == "cifar100":
            share = float((load_published(name, data_dir=folder)["memorization"] >= config.memorized).mean())
        for theta in config.thresholds:
            kept = pairs[pairs["influence"] >= theta]
            times = kept["test_index"].value_counts()
            rows.append(
                {
                    "data": name,
                    "threshold": theta,
                    "pairs": len(kept),
                    "tests": len(times),
                    "single": int((times == 1).sum()),
                    "training_examples": kept["train_index"].nunique(),
                    "memorized_share": share,
                }
            )
    return pd.DataFrame(rows)


TABLE = {"cifar100": ("1,015", "888", "774"), "imagenet": ("1,641", "1,462", "1,298")}
COUNTS = {
    "pairs": "pairs of influence ≥ .15 and memorization ≥ .25",
    "tests": "test examples in them",
    "single": "test examples with one influencer",
}
CLAIMS = (
    *(
        Claim(f"{name}: {says}", printed(number), at(column, data=name, threshold=0.15))
        for name, numbers in TABLE.items()
        for (column, says), number in zip(COUNTS.items(), numbers, strict=True)
    ),
    Claim(
        "cifar100: examples of memorization ≥ .25",
        printed("36.2 %"),
        at("memorized_share", data="cifar100", threshold=0.15),
    ),
)


def plot(frame: pd.DataFrame) -> Figure:
    """Pairs and test examples by threshold, with Poisson errors."""

    from longtail.plots import BLUE, ORANGE, drawing

    with drawing(6, 3.9) as figure:
        axes = figure.subplots()
        for (name, part), color in zip(frame.groupby("data"), (BLUE, ORANGE), strict=False):
            for column, marker in (("pairs", "o"), ("single", "s")):
                label = f"{name}: {'pairs' if column == 'pairs' else 'test examples with one influencer'}"
                line = "-" if column == "pairs" else "--"
                axes.errorbar(
                    part["threshold"],
                    part[column],
                    yerr=2 * np.sqrt(part[column]),
                    fmt=marker + line,
                    color=color,
                    capsize=2,
                    markersize=4,
                    label=label,
                )
        axes.set_yscale("log")
        axes.set_xlabel("influence of at least")
        axes.set_ylabel("count (± 2 s.e.)")
        axes.set_title("Published pairs: most test examples have one influencer")
        axes.legend(loc="best")
    return figure


if __name__ == "__main__":
    sys.exit(main(name="published"))
