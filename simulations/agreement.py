"""Claim (Feldman & Zhang, arXiv 2008.03703, sections 3.4 and 3.5): learners memorize the same examples; a last layer hardly any.

Published: strong overlap across architectures; with all but the last layer fixed, 38 memorized examples of CIFAR-100 against
18,099 of full training. Here 1,000 models of each learner on digits, 500 on the first 5,000 of MNIST and of Fashion-MNIST, 200
on TREC's questions.
Measured, the net beside the others: rank correlation (Jaccard of what either memorizes ≥ .25; by chance) and how many these are.

    digits         47   softmax .84 ± .02 (.49; .02)   ridge .51 ± .04 (.12; .01)   1-NN .46 ± .04 (.23; .01)   last layer 5
    MNIST         424   softmax .81 ± .01 (.60; .05)   ridge .48 ± .01 (.19; .06)   1-NN .56 ± .01 (.33; .04)   last layer 1
    Fashion       514   softmax .79 ± .01 (.43; .07)   ridge .68 ± .01 (.31; .07)   1-NN .60 ± .01 (.28; .08)   last layer 4
    TREC        1,323   softmax .69 ± .01 (.41; .11)   ridge .86 ± .00 (.69; .12)   1-NN .52 ± .01 (.39; .18)   last layer 14

CIFAR-100's published scores have .304 ± .004 with those of nearest neighbors on pixels, which memorize 90 % (.39; .35), and
−.174 ± .004 with those of random features on pixels, which fit poorly what they are shown (.05; .08). Of pairs two learners share
fewer: 27 %, 16 %, 10 % and 6 % of those that the net or softmax has, 13 % of the net's and ridge's on TREC, and at most 8 %
between others that train all they have.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from longtail.core import Estimate
from longtail.core.published import above, below
from simulations.claim import Claim, at, cell, chosen, ratio
from simulations.command import main
from simulations.places import data_folder, each, loaded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from empirical.data.data import Data


@dataclass(frozen=True)
class Config:
    """(data, net, trials of each learner); of ``cifar100`` the published scores stand for the net."""

    cases: tuple[tuple[str, str, int], ...] = (
        ("digits", "MLP(width=256)", 1000),
        ("simulations.subset.mnist", "MLP(width=64, epochs=12)", 500),
        ("simulations.subset.fashion_mnist", "MLP(width=64, epochs=12)", 500),
        ("text/trec_questions.zip", "MLP(width=64, epochs=12)", 200),
        ("cifar100", "", 200),
    )
    seed: int = 0


QUICK = Config(cases=(("digits", "MLP(width=256)", 200), ("simulations.subset.mnist", "MLP(width=64, epochs=12)", 40)))


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """A row for every two runs on the same data."""
    return each(config.cases, lambda case: _case(config, *case))


def _case(config: Config, source: str, net: str, trials: int) -> pd.DataFrame:
    """``last layer`` is softmax on the hidden units of a net that was trained on everything."""
    import pandas as pd

    from empirical.data.examples import Examples
    from empirical.designs import Fixed
    from empirical.estimates.kept import published
    from empirical.estimates.measure import measure
    from empirical.estimates.measured import Experiment, Measured
    from empirical.estimates.memorization import memorization
    from empirical.estimates.overlap import consistency
    from empirical.learners import KNN, RandomFeatures, Ridge, Softmax
    from empirical.learners.learner import Learner
    from empirical.learners.parse import parse_learner
    from empirical.training.job import Job
    from empirical.training.run import run as train

    dataset = loaded(source)
    data = dataset.data

    def observed(learner: Learner, on: Data) -> Measured:
        made = train(Job(on, learner, Fixed(0.7), config.seed), trials)
        if not net:  # at this many trials most pairs would be noise
            none = pd.DataFrame({"train_index": [], "test_index": [], "influence": []})
            how = Experiment(source, on.n_test, trials, 0.7, on.n_classes)
            return Measured(how, memorization(made, on.y_train), none)
        return measure(made, Examples(on.y_train, on.y_test, on.classes))

    runs: dict[str, Callable[[], Measured]] = {"nearest neighbor": lambda: observed(KNN(), data)}
    if net:
        runs = {
            "net": lambda: observed(parse_learner(net), data),
            "softmax": lambda: observed(Softmax(), data),
            "ridge": lambda: observed(Ridge(), data),
            **runs,
            "last layer": lambda: observed(Softmax(), hidden(data, config.seed)),
        }
    else:
        runs = {
            "published": lambda: published(source, data_folder("feldman_zhang")),
            **runs,
            "random features": lambda: observed(RandomFeatures(512), data),
        }
    frame = consistency({name: made() for name, made in runs.items()}, seed=config.seed)
    frame.insert(0, "data", dataset.name)
    return frame


def hidden(data: Data, seed: int) -> Data:
    """The data as the hidden units of a net that was trained on all of it see it."""
    from sklearn.neural_network import MLPClassifier

    from empirical.data.data import Data

    net = MLPClassifier((256,), max_iter=200, random_state=seed)
    x, z = (np.asarray(part, float).reshape(len(part), -1) for part in (data.x_train, data.x_test))
    net.fit(x, data.y_train)
    units = [np.maximum(part @ net.coefs_[0] + net.intercepts_[0], 0).astype(np.float32) for part in (x, z)]
    return Data(units[0], data.y_train, units[1], data.y_test, data.classes)


STRONG = above(0.0, "strong overlap")


def beyond_chance(table: pd.DataFrame, data: str, first: str, second: str) -> Estimate | None:
    """Jaccard less what two such sets at random have."""
    told: dict[str, str] = {"data": data, "first": first, "second": second}
    found = cell(table, "memorized_jaccard", "memorized_jaccard_stderr", **told)
    chance = cell(table, "memorized_jaccard_by_chance", **told)
    return None if found is None or chance is None else found - chance


def last_layer(table: pd.DataFrame, data: str) -> Estimate | None:
    """The ratio of two counts of examples, with Poisson errors."""
    rows = chosen(table, data=data, first="net", second="last layer")
    net, last = (
        [Estimate(float(count), float(np.sqrt(max(count, 1)))) for count in rows[f"memorized_{which}"]]
        for which in ("first", "second")
    )
    return ratio(last[0], net[0]) if net else None


CLAIMS = (
    *(
        Claim(
            f"{data}: rank correlation of memorization by a net and by {other}",
            STRONG,
            at("rank_correlation", "rank_correlation_stderr", data=data, first="net", second=other),
        )
        for data in ("digits", "mnist, first 5,000")
        for other in ("softmax", "nearest neighbor")
    ),
    Claim(
        "digits: overlap (Jaccard) of what a net and softmax memorize, less that by chance",
        STRONG,
        lambda t: beyond_chance(t, "digits", "net", "softmax"),
    ),
    Claim(
        "cifar100: rank correlation of a published ResNet's memorization and that of nearest neighbors on pixels",
        STRONG,
        at("rank_correlation", "rank_correlation_stderr", first="published", second="nearest neighbor"),
    ),
    *(
        Claim(
            f"{data}: examples that a last layer memorizes, in parts of those of a whole net",
            below(1.0, "38 of 18,099 (CIFAR-100)"),
            partial(last_layer, data=data),
        )
        for data in ("digits", "mnist, first 5,000")
    ),
)


def plot(frame: pd.DataFrame) -> Figure:
    """Rank correlation and overlap of the memorized, with errors, for every two runs."""

    from longtail.plots import BLUE, GRAY, ORANGE, drawing

    sets = list(frame.groupby("data", sort=False))
    looks = (("rank_correlation", 0.12, BLUE, "o"), ("memorized_jaccard", -0.12, ORANGE, "s"))
    rows = max(len(part) for _, part in sets)
    with drawing(11, 1.4 + 0.32 * rows * -(-len(sets) // 2)) as figure:
        panels = figure.subplots(-(-len(sets) // 2), 2, squeeze=False).ravel()
        for axes, (name, part) in zip(panels, sets, strict=False):
            y = rows - 1 - np.arange(len(part))
            for column, shift, color, marker in looks:
                label = "rank correlation of memorization" if shift > 0 else "overlap (Jaccard) of the memorized ≥ .25"
                error = 2 * part[f"{column}_stderr"]
                axes.errorbar(
                    part[column], y + shift, xerr=error, fmt=marker, color=color, capsize=2.5, markersize=4, label=label
                )
            chance = part["memorized_jaccard_by_chance"]
            axes.plot(chance, y - 0.12, "|", color=GRAY, markersize=9, label="overlap by chance")
            axes.set_yticks(y, [f"{r.first}, {r.second}" for r in part.itertuples()], fontsize=8)
            axes.set_xlim(-0.25, 1.05)
            axes.set_ylim(-0.6, rows - 0.4)
            axes.set_title(str(name))
        for axes in panels[len(sets) :]:
            axes.remove()
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        figure.suptitle("Do learners memorize the same examples? (± 2 s.e.)")
    return figure


if __name__ == "__main__":
    sys.exit(main(name="agreement"))
