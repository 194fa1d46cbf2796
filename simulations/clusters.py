"""Claim (Feldman, arXiv 1906.05271, section 4): where points come from clusters, a misfit example costs λ_ℓ τ_ℓ,

    err ≥ opt + E Σ_ℓ λ_ℓ τ_ℓ errn(ℓ),

λ_ℓ the chance that a learner says of a fresh point of the cluster what it says of the misfit example. And memorization follows:
of an example with c copies, J of the c − 1 others are in a subset, so that

    mem(c) = E fresh(J) − E wrong(J + 1),

fresh(ℓ) and wrong(ℓ) how often a model of the subset's size is wrong on fresh points, and on examples, of clusters with ℓ
examples: both are measured on other data sets. The bridge knows one number only: with fresh(ℓ) = (1 − 1/K)(1 − λ)^ℓ, λ read
off ℓ = 1, and wrong = 0, it is (1 − 1/K) E(1 − λ)^J (``longtail.experiment.predictions``).

Measured (N = 200 clusters of Zipf 1, K = 5, 210 samples, 60 data sets; five learners in 8, 32 and 128 dimensions, points .1, .5
and 1 from centers that are 1.41 apart): of 45 errors none is below what misfits cost by more than .64 standard errors. The sides
are one where a learner fits what it saw and points are close (nearest neighbor; ridge and the net in 128 dimensions at spread
.1), and up to 3.2 times apart where an example teaches its cluster little: the theorem counts misfits only.

Memorization estimated from 400 models on subsets of 300 against that predicted, 45 × 4 numbers of copies: correlation .979, root
mean square of the difference .043, of singletons mean z² .87. By one λ it is .38 and .41: right for nearest neighbor (.039), and
for no learner that does not fit its singletons, which the bridge has to know of.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from empirical.data.clusters import Gaussian
from empirical.data.data import Data
from empirical.designs import Fixed
from empirical.estimates.coupled import coupled
from empirical.estimates.memorization import memorization
from empirical.learners import KNN, MLP, Ridge, Softmax
from empirical.learners.learner import Learner
from empirical.training.job import Job
from empirical.training.run import run as train
from longtail.core import Estimate
from longtail.core.published import Published, below
from longtail.experiment import predictions
from longtail.priors import Zipf
from simulations.claim import FAIR, Claim, fairness
from simulations.command import main

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Config:
    """``spreads`` are distances of points from their centers, which are 1.41 apart."""

    alpha: float = 1.0
    size: int = 200
    samples: int = 210
    n_classes: int = 5
    dimensions: tuple[int, ...] = (8, 32, 128)
    spreads: tuple[float, ...] = (0.1, 0.5, 1.0)
    learners: tuple[Learner, ...] = (KNN(1), KNN(5), Ridge(1.0), Softmax(), MLP())
    data_sets: int = 60
    ells: int = 12
    estimated_samples: int = 300
    models: int = 400
    copies: int = 4
    seed: int = 0


QUICK = Config(dimensions=(32,), spreads=(0.1, 1.0), learners=(KNN(1), Ridge(1.0), Softmax()), data_sets=40, models=200)


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """One row a learner, dimension and spread: both sides of the theorem, then memorization by copies."""
    import pandas as pd

    rows = []
    for d, spread, learner in itertools.product(config.dimensions, config.spreads, config.learners):
        clusters = Gaussian(Zipf(config.alpha, config.size), config.n_classes, dimensions=d, noise=spread / np.sqrt(d))
        found = coupled(clusters, learner, config.samples, config.data_sets, ells=config.ells, seed=config.seed)
        once = found.table.iloc[0]
        row = {
            "learner": repr(learner).split("(")[0] + (f" k={learner.k}" if isinstance(learner, KNN) else ""),
            "dimensions": d,
            "spread": spread,
            "agreement_1": once["agreement"],
            "misfit_agreement_1": once["misfit_agreement"],
            "error": found.error.value,
            "error_stderr": found.error.stderr,
            "bound": found.bound.value,
            "bound_stderr": found.bound.stderr,
            "slack_z": found.slack.z,
            "averaged": found.averaged.value,
        }
        rows.append(row | _memorized(clusters, learner, found.table, config))
    return pd.DataFrame(rows)


def _memorized(clusters: Gaussian, learner: Learner, seen: pd.DataFrame, config: Config) -> dict[str, float]:
    """Memorization by copies: predicted from what was seen of counts, by one λ, and estimated, the mean over examples."""
    guess, n, m = 1 - 1 / config.n_classes, config.estimated_samples, config.samples
    fresh = np.append(guess, seen["fresh_wrong"].to_numpy())
    wrong = np.append(np.nan, seen["wrong"].to_numpy())
    taught = float(np.clip(1 - fresh[1] / guess, 0.0, 1.0))
    drawn = clusters.draw(n, config.seed, 10**6)
    test = clusters.draw(50, config.seed, 10**6 + 1)
    data = Data(drawn.x, drawn.y, test.x, test.y, tuple(range(config.n_classes)))
    table = memorization(train(Job(data, learner, Fixed(m / n), seed=config.seed), config.models), data.y_train)
    count = np.bincount(drawn.cluster)[drawn.cluster]
    out = {}
    for c in range(1, config.copies + 1):
        j = np.arange(c)
        out_of, within = (stats.hypergeom.pmf(j, n - 1, c - 1, size) for size in (m, m - 1))
        here = table[count == c]
        out[f"predicted_{c}"] = float(out_of @ fresh[j] - within @ wrong[j + 1])
        out[f"one_lambda_{c}"] = float(predictions.memorization(c, taught, config.n_classes, m / n, n=n))
        out[f"estimated_{c}"] = float(here["memorization"].mean())
        out[f"estimated_{c}_stderr"] = float(here["memorization"].std() / np.sqrt(len(here)))
    return out


CLAIMS = (
    Claim(
        "standard errors by which an error lies above what misfits cost, the least of all learners",
        Published("0 or more", 0.0, np.inf, otherwise=-5.0),
        lambda t: Estimate(float(t["slack_z"].min()), 1.0),
    ),
    Claim(
        "mean z² of the memorization of singletons against that predicted by counts",
        FAIR,
        lambda t: fairness((t["estimated_1"] - t["predicted_1"]) / t["estimated_1_stderr"]),
    ),
    Claim(
        "root mean square of the difference, 1 to 4 copies",
        below(0.1, "small"),
        lambda t: Estimate(off(t, "predicted")),
    ),
)


def off(table: pd.DataFrame, by: str) -> float:
    """Root mean square of a prediction less what was estimated."""
    copies = [name.rpartition("_")[2] for name in map(str, table) if name.startswith(f"{by}_")]
    return float(np.sqrt(np.mean([(table[f"{by}_{c}"] - table[f"estimated_{c}"]) ** 2 for c in copies])))


def plot(frame: pd.DataFrame) -> Figure:
    """Left, error against what the misfits cost; right, memorization predicted against estimated."""
    from longtail.plots import BLUE, GRAY, GREEN, ORANGE, PURPLE, drawing

    colors = dict(zip(frame["learner"].unique(), (BLUE, ORANGE, GREEN, PURPLE, GRAY), strict=False))
    marks = dict(zip(sorted(frame["spread"].unique()), "osD^v", strict=False))
    copies = [int(name.split("_")[1]) for name in map(str, frame) if name.startswith("predicted_")]
    with drawing(10, 4.6) as figure:
        left, right = figure.subplots(1, 2)
        for (learner, spread), rows in frame.groupby(["learner", "spread"], sort=False):
            kind = {"color": colors[learner], "marker": marks[spread], "linestyle": "none", "markersize": 5}
            left.errorbar(
                rows["bound"], rows["error"], xerr=2 * rows["bound_stderr"], yerr=2 * rows["error_stderr"], **kind
            )
            for c in copies:
                right.plot(rows[f"predicted_{c}"], rows[f"estimated_{c}"], **kind, alpha=0.8)
        for axes in (left, right):
            sides = axes.get_xlim(), axes.get_ylim()
            axes.axline((0, 0), slope=1, color="black", linewidth=0.8)
            axes.set(xlim=sides[0], ylim=sides[1])
        left.set_xlabel("opt + Σ λ τ errn, ± 2 standard errors")
        left.set_ylabel("error measured")
        left.set_title("No learner errs less than its misfits cost")
        right.set_xlabel("memorization predicted, by counts")
        right.set_ylabel("memorization estimated")
        right.set_title(f"Examples with 1 to {max(copies)} copies")
        for name, color in colors.items():
            left.plot([], [], "o", color=color, label=name)
        for spread, mark in marks.items():
            right.plot([], [], mark, color="black", label=f"spread {spread:g}")
        left.legend(fontsize=8, loc="lower right")
        right.legend(fontsize=8, loc="upper left")
    return figure


if __name__ == "__main__":
    sys.exit(main(name="clusters"))
