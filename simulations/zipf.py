"""Claim (Feldman, arXiv 1906.05271, section 1): with N = n = 50,000 Zipf frequencies not memorizing singletons costs 7 %.

α = 1, ten labels.
Published, to two digits, for the list itself ("fixed"): nτ_1 ≈ .47, singletons ≈ 17 % of the sample, optimal error ≈ 15 %,
and not memorizing the singletons costs ≈ 7 %. Measured here, exactly: .4717, 17.04 %, 15.34 %, 7.233 % (fixed) and
.4747, 17.11 %, 15.39 %, 7.307 % (drawn, then normalized, as the model says). All published figures are confirmed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtail import Problem, Zipf, exact
from longtail.core.published import printed
from simulations.claim import Claim, at
from simulations.command import main

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PUBLISHED = {"n_tau_1": 0.47, "singleton_fraction": 0.17, "optimal_error": 0.15, "cost": 0.07}


@dataclass(frozen=True)
class Config:
    """The example's numbers."""

    alpha: float = 1.0
    subpopulations: int = 50_000
    samples: int = 50_000
    n_classes: int = 10


QUICK = Config()


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """One row a mode, and the published one."""
    import pandas as pd

    rows = [{"mode": "published", **PUBLISHED}]
    for mode in ("fixed", "random"):
        problem = Problem(Zipf(config.alpha, config.subpopulations), config.samples, config.n_classes, mode)
        rows.append(
            {
                "mode": mode,
                "n_tau_1": config.samples * exact.tau(problem, 1).value,
                "singleton_fraction": exact.singleton_fraction(problem).value,
                "optimal_error": exact.optimal_error(problem).value,
                "cost": exact.cost(problem).value,
            }
        )
    return pd.DataFrame(rows)


CLAIMS = (
    Claim("n times the expected frequency of a singleton, nτ_1", printed(".47"), at("n_tau_1", mode="fixed")),
    Claim("singletons of the sample", printed("17 %"), at("singleton_fraction", mode="fixed")),
    Claim("optimal error", printed("15 %"), at("optimal_error", mode="fixed")),
    Claim("cost of not memorizing singletons", printed("7 %"), at("cost", mode="fixed")),
    Claim("the same, frequencies drawn and normalized", printed("7 %"), at("cost", mode="random")),
)


def plot(frame: pd.DataFrame) -> Figure:
    """Each quantity: published, fixed, drawn."""
    from longtail.plots import grouped_figure

    return grouped_figure(frame, "mode", "Zipf frequencies, N = n = 50,000: published and exact")


if __name__ == "__main__":
    sys.exit(main(name="zipf"))
