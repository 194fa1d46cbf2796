"""Claim (Feldman, arXiv 1906.05271, section 2.3): what memorizing buys depends on how much of the data lies near 1/n.

N = n = 50,000, ten labels. Exactly: guessing singletons costs 33.1 % under a uniform list, 25.3 % Zipf ½, 22.5 % Gamma 1,
20.6 % log-normal σ = 1, 19.3 % Pareto 1.5, 7.31 % Zipf 1, 3.39 % log-normal σ = 3, 1.80 % geometric .999, .851 % Zipf 1.5,
.168 % Zipf 2. The weight of [1/3n, 2/n] gives the same order but for Pareto 1.5, which has more than the two before it. The
bound τ_1 ≥ weight/(5n) holds throughout, 5 times below τ_1 under the uniform list and 713 times below under Zipf 2.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtail import Gamma, Geometric, LogNormal, Pareto, Prior, Problem, Uniform, Zipf, bounds, exact
from longtail.core import Estimate
from longtail.core.published import above
from simulations.claim import Claim
from simulations.command import main

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Config:
    """The priors compared, at one size."""

    subpopulations: int = 50_000
    samples: int = 50_000
    n_classes: int = 10

    def priors(self) -> list[Prior]:
        """From no tail at all to nothing else."""
        size = self.subpopulations
        return [
            Uniform(size),
            Zipf(0.5, size),
            Gamma(1.0, size),
            LogNormal(1.0, size),
            Pareto(1.5, size),
            Zipf(1.0, size),
            LogNormal(3.0, size),
            Geometric(0.999, size),
            Zipf(1.5, size),
            Zipf(2.0, size),
        ]


QUICK = Config()


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """One row a prior."""
    import pandas as pd

    rows = []
    for prior in config.priors():
        problem = Problem(prior, config.samples, config.n_classes)
        bound = bounds.lower(problem)
        rows.append(
            {
                "problem": repr(prior),
                "optimal_error": exact.optimal_error(problem).value,
                "cost": exact.cost(problem).value,
                "n_tau_1": config.samples * exact.tau(problem, 1).value,
                "n_tau_1_lower_bound": config.samples * bound.value,
                "tail_weight": 5 * config.samples * bound.value,
            }
        )
    return pd.DataFrame(rows)


CLAIMS = (
    Claim(
        "τ_1 over its bound, the weight of [1/3n, 2/n] over 5n, least of ten priors",
        above(1.0, "at least 1"),
        lambda t: Estimate(float((t["n_tau_1"] / t["n_tau_1_lower_bound"]).min())),
    ),
    Claim(
        "rank correlation of that weight with the cost of guessing singletons, ten priors",
        above(0.0, "the more, the more"),
        lambda t: Estimate(float(t["tail_weight"].corr(t["cost"], method="spearman"))),
    ),
)


def plot(frame: pd.DataFrame) -> Figure:
    """Optimal error and cost, prior by prior."""
    from longtail.plots import sweep_figure

    return sweep_figure(frame.assign(error_guessing_singletons=frame["optimal_error"] + frame["cost"]), None)


if __name__ == "__main__":
    sys.exit(main(name="priors"))
