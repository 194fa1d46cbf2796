"""Claim (Feldman, arXiv 1906.05271, section 2.3): without a long tail, memorizing singletons buys next to nothing.

If no mass lies in [θ, t/n], θ ≤ 1/2n and t = ln(1/(θβ)) + 2 with β the mass below θ, then τ_1 ≤ 2θ. The counterexample: 100
common subpopulations and N' rare ones that share a fixed 1 % of the data. At n = 10,000 the singletons stay 1 % of the
sample however many they are, but what memorizing them buys falls as 1/N': measured .000090 % of error at N' = 10^6 and
.000000090 % at N' = 10^9, each half of its bound 2θ·E|X_1|·(1 − 1/K), as τ_1 is half of 2θ throughout.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtail import Problem, TwoLevel, bounds, exact
from longtail.core import Estimate
from longtail.core.published import below, equal, printed
from simulations.claim import Claim, at, cell, ratio
from simulations.command import main

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Config:
    """``rare`` subpopulations, in each row, share ``share`` of the data with ``common`` others holding the rest."""

    common: int = 100
    share: float = 0.01
    rare: tuple[int, ...] = (10**5, 10**6, 10**7, 10**8, 10**9, 10**10)
    samples: int = 10_000
    n_classes: int = 10


QUICK = Config()


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """τ_1, its upper bound, singletons and what memorizing them buys, for each number of rare subpopulations."""
    import pandas as pd

    rows = []
    for rare in config.rare:
        ratio = config.share / (1 - config.share) * config.common / rare
        problem = Problem(TwoLevel(config.common, rare, ratio), config.samples, config.n_classes, "fixed")
        bound = bounds.no_tail(problem)
        singletons = exact.subpopulations(problem, 1).value
        rows.append(
            {
                "rare": rare,
                "tau_1": exact.tau(problem, 1).value,
                "bound": bound.value,
                "holds": bound.holds,
                "singleton_fraction": singletons / config.samples,
                "cost": exact.cost(problem).value,
                "cost_bound": bound.value * singletons * problem.guess,
            }
        )
    return pd.DataFrame(rows)


CLAIMS = (
    Claim(
        "τ_1 over its bound 2θ, the largest",
        below(1.0, "at most 1"),
        lambda t: Estimate(float((t["tau_1"] / t["bound"]).max())),
    ),
    Claim(
        "singletons of the sample, at 10^10 rare subpopulations", printed("1 %"), at("singleton_fraction", rare=10**10)
    ),
    Claim(
        "what memorizing them buys there, in parts of what it buys at a tenth of the rare",
        equal(0.1, "1/10", otherwise=1.0, digits=6),
        lambda t: ratio(cell(t, "cost", rare=10**10), cell(t, "cost", rare=10**9)),
    ),
)


def plot(frame: pd.DataFrame) -> Figure:
    """Cost falls, singletons stay."""
    from longtail.plots import lines_figure

    return lines_figure(
        frame,
        "rare",
        {
            "singleton_fraction": "singletons, share of the sample",
            "cost_bound": "bound on their worth",
            "cost": "what memorizing them buys",
        },
        "No tail, no need: rare subpopulations share 1 % of the data",
        "number of rare subpopulations",
        "share of samples, or of error",
    )


if __name__ == "__main__":
    sys.exit(main(name="notail"))
