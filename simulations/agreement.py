"""Claim (Feldman & Zhang, arXiv 2008.03703, sections 3.4 and 3.5): learners memorize the same examples; a last layer hardly any.

Published: strong overlap across architectures; with all but the last layer fixed, 38 memorized examples of CIFAR-100 against
18,099 of full training. Here scikit-learn's digits, 1,500 to train on, 1,000 models each. Measured: rank correlation .84 ± .02
between the net and softmax, .51 and .46 (± .04) between the net and ridge or nearest neighbors; they share 51 ± 6 %, 12 ± 4 %
and 23 ± 5 % of what either memorizes ≥ .25, where chance gives 1 to 2 %. The net memorizes 47, its last layer alone 6.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
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
    """(data, net, trials of each learner); of ``cifar100`` the published scores stand for the net."""

    cases: tuple[tuple[str, str, int], ...] = (
        ("digits", "MLP(width=256)", 1000),
        ("simulations.subset.mnist", "MLP(width=64, epochs=12)", 500),
        ("simulations.subset.fashion_mnist", "MLP(width=64, epochs=12)", 500),
        ("cifar100", "", 200),
    )
    seed: int = 0


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """A row for every two runs on the same data."""
    import pandas as pd

    return pd.concat([_case(config, *case) for case in config.cases], ignore_index=True)


def _case(config: Config, source: str, net: str, trials: int) -> pd.DataFrame:
    """``last layer`` is softmax on the hidden units of a net that was trained on everything."""
    import pandas as pd

    from empirical.consistency import consistency
    from empirical.datasets import load
    from empirical.designs import Fixed
    from empirical.learner import Learner
    from empirical.learners import KNN, RandomFeatures, Ridge, Softmax
    from empirical.memorization import memorization
    from empirical.observed import Observed, published
    from empirical.results import results
    from empirical.run import Job
    from empirical.run import run as train
    from empirical.spec import learner as parse
    from simulations.places import data_folder

    data = load(source, data_dir=None if source == "digits" else data_folder(None)).data

    def observed(learner: Learner, on: Data) -> Observed:
        made = train(Job(on, learner, Fixed(0.7), config.seed), trials)
        if not net:  # at this many trials most pairs would be noise
            none = pd.DataFrame({"train_index": [], "test_index": [], "influence": []})
            table = memorization(made, on.y_train)
            return Observed(source, table, none, on.labels, on.n_test, trials, 0.7)
        found = results(made, on.y_train, on.y_test)
        return Observed(source, found.memorization, found.pairs, on.labels, on.n_test, trials, 0.7)

    runs: dict[str, Callable[[], Observed]] = {"nearest neighbor": lambda: observed(KNN(), data)}
    if net:
        runs = {
            "net": lambda: observed(parse(net), data),
            "softmax": lambda: observed(Softmax(), data),
            "ridge": lambda: observed(Ridge(), data),
            **runs,
            "last layer": lambda: observed(Softmax(), hidden(data, config.seed)),
        }
    else:
        runs = {
            "published": lambda: published(source, data_folder(None)),
            **runs,
            "random features": lambda: observed(RandomFeatures(512), data),
        }
    frame = consistency({name: made() for name, made in runs.items()}, seed=config.seed)
    frame.insert(0, "data", source.rpartition(".")[2])
    sys.stderr.write(f"{frame.to_string()}\n")
    return frame


def hidden(data: Data, seed: int) -> Data:
    """The data as the hidden units of a net that was trained on all of it see it."""
    from sklearn.neural_network import MLPClassifier

    from empirical.data import Data

    net = MLPClassifier((256,), max_iter=200, random_state=seed)
    x, z = (np.asarray(part, float).reshape(len(part), -1) for part in (data.x_train, data.x_test))
    net.fit(x, data.y_train)
    units = [np.maximum(part @ net.coefs_[0] + net.intercepts_[0], 0).astype(np.float32) for part in (x, z)]
    return Data(units[0], data.y_train, units[1], data.y_test, data.classes)


def plot(frame: pd.DataFrame) -> Figure:
    """Rank correlation and overlap of the memorized, with errors, for every two runs."""

    from longtail.plots import BLUE, GRAY, ORANGE, drawing

    sets = list(frame.groupby("data", sort=False))
    looks = (("rank_correlation", 0.12, BLUE, "o"), ("memorized_jaccard", -0.12, ORANGE, "s"))
    with drawing(11, 1.2 + 0.3 * len(frame)) as figure:
        panels = figure.subplots(-(-len(sets) // 2), 2, squeeze=False).ravel()
        for axes, (name, part) in zip(panels, sets, strict=False):
            y = np.arange(len(part))[::-1]
            for column, shift, color, marker in looks:
                label = "rank correlation of memorization" if shift > 0 else "overlap (Jaccard) of the memorized ≥ .25"
                error = 2 * part[f"{column}_stderr"]
                axes.errorbar(
                    part[column], y + shift, xerr=error, fmt=marker, color=color, capsize=2.5, markersize=4, label=label
                )
            chance = part["memorized_jaccard_by_chance"]
            axes.plot(chance, y - 0.12, "|", color=GRAY, markersize=9, label="overlap by chance")
            axes.set_yticks(y, [f"{r.first}, {r.second}" for r in part.itertuples()], fontsize=8)
            axes.set_xlim(-0.1, 1.05)
            axes.set_title(str(name))
        for axes in panels[len(sets) :]:
            axes.remove()
        panels[0].legend(loc="center right", fontsize=7)
        figure.suptitle("Do learners memorize the same examples? (± 2 s.e.)")
    return figure


def main() -> int:
    """``python -m simulations.agreement [--out DIR]``."""
    return main_of(__doc__, Config, run, plot)


if __name__ == "__main__":
    sys.exit(main())
