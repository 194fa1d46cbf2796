"""Claim (Feldman, arXiv 1906.05271, section 4): noisy labels and outliers must be fit where they are alone, and not among many.

A label is kept with chance κ, else uniform over K = 10. Seen once, it must be fit with weight κ, be it right or wrong. A wrong
label with company must not be fit the more often the more there is of it: at κ = .6, ℓ = 3, 42 % must not and 8 % must; at ℓ =
10, 98.6 % must not. Their mean weight turns negative at ℓ = 3 for κ = .9 and .6, at 4 for .2 and at 5 for .05 (at 21 where K =
2). Votes drawn for 100,000 subpopulations agree within 2.1 standard errors. For Zipf frequencies, N = n = 50,000, κ = .6, not
fitting what is seen once costs 4.38 % of error (counted on clean labels; 2.63 % on fresh noisy ones, 7.31 % where the flip is
the subpopulation's own), fitting every label 24.0 %.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from longtail.core import Floats
from longtail.core.published import above, below, equal
from longtail.exact import noise
from simulations.claim import FAIR, Claim, at, fairness
from simulations.command import main

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


RARE = 100  # labels that are not better left unfit, fewer than which a standard error says little


@dataclass(frozen=True)
class Config:
    """The noise, sights, and subpopulations drawn for each."""

    kappa: tuple[float, ...] = (0.05, 0.2, 0.6, 0.9)
    n_classes: int = 10
    ell: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8, 10)
    cells: int = 100_000
    seed: int = 0


QUICK = Config(cells=20_000)


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """One row a κ and ℓ: how many wrong labels must be fit and must not, and their mean weight, exactly and by votes drawn."""
    import pandas as pd

    rows = []
    for kappa in config.kappa:
        table = noise.labels(kappa, config.n_classes, list(config.ell))
        crossover = noise.crossover(kappa, config.n_classes)
        for row in table.to_dict("records"):
            drawn = weights(kappa, config.n_classes, row["ell"], config)
            rows.append(
                {
                    "kappa": kappa,
                    "crossover": crossover,
                    **{key: row[key] for key in ("ell", "wrong_fit", "wrong_unfit", "wrong_weight")},
                    "wrong_labels": len(drawn),
                    "simulated": drawn.mean(),
                    "stderr": drawn.std(ddof=1) / np.sqrt(len(drawn)),
                    "simulated_fit": np.mean(drawn > 1e-9),
                    "simulated_unfit": np.mean(drawn < -1e-9),
                }
            )
    frame = pd.DataFrame(rows)
    normal = (frame["stderr"] > 1e-12) & ((1 - frame["wrong_unfit"]) * frame["wrong_labels"] >= RARE)
    return frame.assign(z=((frame["simulated"] - frame["wrong_weight"]) / frame["stderr"].where(normal)))


def weights(kappa: float, n_classes: int, ell: int, config: Config) -> Floats:
    """The weight, p of the label less the largest p of another, of one wrong label in each subpopulation that has one."""
    rng = np.random.default_rng([config.seed, ell, round(1000 * kappa)])
    votes = np.zeros((config.cells, n_classes), np.int64)
    each = np.arange(config.cells)
    label = np.zeros(config.cells, np.int64)
    for sight in range(ell):
        kept = rng.random(config.cells) < kappa
        vote = np.where(kept, 0, rng.integers(n_classes, size=config.cells))  # the truth is 0
        votes[each, vote] += 1
        if sight == 0:
            label = vote
    q, r = kappa + (1 - kappa) / n_classes, (1 - kappa) / n_classes
    odds = (q / r) ** (votes - votes.max(1, keepdims=True))
    posterior = odds / odds.sum(1, keepdims=True)
    mine = posterior[each, label]
    posterior[each, label] = -1.0
    found: Floats = (mine - posterior.max(1))[label != 0]
    return found


CLAIMS = (
    Claim(
        "worth of fitting a wrong label that is alone, κ = .6",
        equal(0.6, "κ = .6"),
        at("wrong_weight", kappa=0.6, ell=1),
    ),
    Claim(
        "worth of fitting a wrong label among ten, κ = .6",
        below(0.0, "less than none"),
        at("simulated", "stderr", kappa=0.6, ell=10),
    ),
    Claim(
        "wrong labels among ten that must not be fit, κ = .6",
        above(0.5, "most", percent=True),
        at("wrong_unfit", kappa=0.6, ell=10),
    ),
    Claim("mean z² of votes drawn against exact weights", FAIR, lambda t: fairness(t["z"])),
)


def plot(frame: pd.DataFrame) -> Figure:
    """The mean weight of a wrong label against ℓ, exact and drawn."""
    from longtail.plots import BLUE, GRAY, GREEN, ORANGE, PURPLE, drawing

    with drawing(7.5, 4.5) as figure:
        axes = figure.subplots()
        axes.axhline(0, color=GRAY, lw=1)
        for (kappa, part), color in zip(frame.groupby("kappa"), (PURPLE, GREEN, BLUE, ORANGE), strict=False):
            label = f"κ = {kappa:g}: not worth fitting from {part['crossover'].iloc[0]} sights on"
            axes.plot(part["ell"], part["wrong_weight"], "-", color=color, label=label)
            axes.errorbar(part["ell"], part["simulated"], yerr=2 * part["stderr"], fmt="o", ms=4, color=color)
        axes.set_title("What fitting a wrong label is worth, by how often its subpopulation was seen (points: drawn)")
        axes.set_xlabel("times seen, ℓ")
        axes.set_ylabel("mean weight of a wrong label")
        axes.legend(loc="best")
    return figure


if __name__ == "__main__":
    sys.exit(main(name="noise"))
