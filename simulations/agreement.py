"""Claim (Feldman & Zhang, arXiv 2008.03703, sections 3.4 and 3.5): learners memorize the same examples; a last layer hardly any.

Published: strong overlap across architectures; with all but the last layer fixed, 38 memorized examples of CIFAR-100 against
18,099 of full training. Here scikit-learn's digits, 1,500 to train on, 1,000 models each. Measured: rank correlation .84 ± .02
between the net and softmax, .51 and .46 (± .04) between the net and ridge or nearest neighbors; they share 51 ± 6 %, 12 ± 4 %
and 23 ± 5 % of what either memorizes ≥ .25, where chance gives 1 to 2 %. The net memorizes 47, its last layer alone 6.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulations.command import main_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from empirical.data import Data


@dataclass(frozen=True)
class Config:
    """Trials of each learner, and the width of the net whose last layer is trained alone."""

    trials: int = 1000
    width: int = 256
    seed: int = 0


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """A row for every two runs; ``last layer`` is softmax on the hidden units of a net trained on everything."""
    from empirical.consistency import consistency
    from empirical.datasets import load
    from empirical.designs import Fixed
    from empirical.learner import Learner
    from empirical.learners import KNN, MLP, Ridge, Softmax
    from empirical.observed import Observed
    from empirical.results import results
    from empirical.run import Job
    from empirical.run import run as train

    data = load("digits").data

    def observed(learner: Learner, on: Data) -> Observed:
        trials = train(Job(on, learner, Fixed(0.7), config.seed), config.trials)
        found = results(trials, on.y_train, on.y_test)
        return Observed("digits", found.memorization, found.pairs, 10, on.n_test, config.trials, 0.7)

    runs = {
        "net": observed(MLP(width=config.width), data),
        "softmax": observed(Softmax(), data),
        "ridge": observed(Ridge(), data),
        "nearest neighbor": observed(KNN(), data),
        "last layer": observed(Softmax(), hidden(data, config)),
    }
    return consistency(runs, seed=config.seed)


def hidden(data: Data, config: Config) -> Data:
    """The data as the hidden units of a net that was trained on all of it see it."""
    from sklearn.neural_network import MLPClassifier

    from empirical.data import Data

    net = MLPClassifier((config.width,), max_iter=200, random_state=config.seed)
    x, z = (np.asarray(part, float).reshape(len(part), -1) for part in (data.x_train, data.x_test))
    net.fit(x, data.y_train)
    units = [np.maximum(part @ net.coefs_[0] + net.intercepts_[0], 0).astype(np.float32) for part in (x, z)]
    return Data(units[0], data.y_train, units[1], data.y_test, data.classes)


def plot(frame: pd.DataFrame) -> Figure:
    """Rank correlation and overlap of the memorized, with errors, for every two runs."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from longtail.plots import BLUE, GRAY, ORANGE, STYLE

    with rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(7.5, 4.2), layout="constrained")
        axes = figure.subplots()
        y = np.arange(len(frame))[::-1]
        for name, shift, color, marker in (
            ("rank_correlation", 0.12, BLUE, "o"),
            ("memorized_jaccard", -0.12, ORANGE, "s"),
        ):
            label = "rank correlation of memorization" if shift > 0 else "overlap (Jaccard) of the memorized ≥ .25"
            error = 2 * frame[f"{name}_stderr"]
            axes.errorbar(
                frame[name], y + shift, xerr=error, fmt=marker, color=color, capsize=2.5, markersize=4, label=label
            )
        axes.plot(
            frame["memorized_jaccard_by_chance"], y - 0.12, "|", color=GRAY, markersize=9, label="overlap by chance"
        )
        axes.set_yticks(y, [f"{r.first}, {r.second}" for r in frame.itertuples()])
        axes.set_xlim(-0.1, 1.15)
        axes.set_title("Do learners memorize the same digits? (± 2 s.e.)")
        axes.legend(loc="center right", fontsize=8)
    return figure


def main() -> int:
    """``python -m simulations.agreement [--out DIR]``."""
    return main_of(__doc__, Config, run, plot)


if __name__ == "__main__":
    sys.exit(main())
