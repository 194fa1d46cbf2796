"""Claim (Feldman & Zhang, arXiv 2008.03703, section 3.3): removing the memorized costs more accuracy than as many at random.

Published: ImageNet without the 32 % of memorization ≥ .3 loses 3.4 %, without as many at random 2.6 %; CIFAR-100 without its
964 influential examples falls from 76.06 ± .28 to 73.52 ± .25. Here memorization is estimated, theory fitted to it, its
prediction of the loss written down, and only then are models retrained; on all test examples and on those without
near-duplicates in training.

Measured, percent lost at memorization ≥ .25, all test examples, ± 95 %: seen; and as foretold by theory, which is fitted at
once to memorization, to the error of models on half as many examples and to what examples carry, with difficulty of
subpopulations or of each example, dust and λ of each pair's own (Zipf frequencies), all models weighed by how well they explain
it (``empirical.bridge.comparison.foretell``; its errors here are without that of h, the test set's hardness, which is counted
since); by theory fitted to memorization alone; by the sum of influences, and with what
as many others carry added; without as many at random; p of the joint fit (``benchmarks/results/2026-11-29-removal.csv``).

                            seen           theory          alone    sum  and others  random   p
    planted, 1-NN          16.30 ± 2.39   15.50 ± 3.91    16.84    9.14     12.67     4.32   .67
    digits, net             1.75 ± 1.65     .52 ± 5.79     2.24    1.55      1.64     −.07   .88
    digits, softmax         1.35 ± 1.31      1.27 ± 13     1.82     .60       .67      .13   .48
    digits, 1-NN              .34 ± .66     .64 ± 1.44     1.10     .41       .43      .00   .52
    Fashion, 5,000, 1-NN      .81 ± .57    1.24 ± 1.62    11.45    −.10       .65      .77   .43
    TREC, ridge             2.60 ± 2.10    3.55 ± 2.68    10.05    6.24      6.94      .32   .81
    MNIST, 5,000, 1-NN        .38 ± .25      .46 ± .14     6.15     .25       .48      .10   2e-5
    MNIST, 10,000, 1-NN       .32 ± .23      .27 ± .06     5.21    −.39      −.25      .11   5e-4
    MNIST, imbalanced, net    6.41 ± .50    7.11 ± 5.54     1.97    5.34      5.75      .21   .95
    TREC, softmax           2.80 ± 1.91    4.47 ± 2.55     7.83    5.74      6.62      .12   .95
    Fashion, 5,000, net       .62 ± .25     .88 ± 1.11     5.16     .78      1.00      .11   .51
    MNIST, 10,000, features     .41 ± .15      .19 ± .38     1.09     .34       .38      .01   1
    Fashion, 10,000, features     .21 ± .18      .37 ± .52     1.27     .29       .33      .02   1
    Fashion, 10,000, net      .76 ± .29     1.17 ± .84     4.95     .13       .29      .06   .9
    MNIST, 10,000, net       1.46 ± .28      .67 ± .63     2.75    −.16      −.00      .22   .95  missed
    CIFAR-100, features       .97 ± .41           5.45    18.89       –         –      .75   –  missed

    who foretold                              foretold  by s alone  mean absolute error   more than theory
    theory                                    14 of 16   11 of 16   .79 ± .28
    memorization alone                         9 of 16    3 of 16   4.38 ± 1.11   3.60 ± .95
    sum of influences                         14 of 15    8 of 15   1.34 ± .49   .80 ± .42
    that sum and what as many others carry    15 of 15    9 of 15   1.11 ± .39   .57 ± .30
    as many at random                          7 of 16    5 of 16   1.89 ± .76   1.11 ± .79

Foretold is what lies within its own 95 % interval, or within a quarter of the loss (``simulations.foretold``). Of CIFAR-100 the
sums are not known, and theory is fitted to the published memorization and number of pairs (``simulations.cifar100``): it is of
a learner that memorizes what a ResNet does, and what is seen is what random features lose. Its error was not computed, so that
it is counted as missed.

Thirteen of these losses were known when the model got what it has now, and three things were added because of them. With
difficulty of subpopulations alone, at a test set taken for as hard as the training set, and with all errors taken for the
model's, theory had foretold 11 of these 13, off by 1.26 ± .38 in the mean. What each is worth:

- Difficulty of an example's own (``Coupling.own``), at no parameter more. In the old model whoever is memorized teaches. MNIST
  by nearest neighbors refuses that: Schwarz's criterion falls from 7,411 to 7,380 and from 13,137 to 13,095, and the loss
  foretold from 1.67 to .46 and from 1.52 to .27, where .38 and .32 are seen.
- A test set h times as hard (``empirical.bridge.beside``). Imbalanced MNIST is tested on all digits alike: h = 5.1, and theory
  says 7.1 where it had 1.2 and 6.4 are seen.
- Errors that no example mends, .89, .92 and .69 of all for random features on MNIST and Fashion-MNIST and the net on
  Fashion-MNIST, whose losses it had at a tenth, a twentieth and three quarters. Alone that made four cases worse; with the
  others it does not.

The nets on 10,000 examples are new. The likeliest model had said .99 ± .59 of Fashion-MNIST and .59 ± .64 of MNIST before they
were retrained; .76 ± .29 and 1.46 ± .28 were seen, the second a miss. That models are weighed by their likelihood came after
that, for the likeliest alone was far too sure: of MNIST's random features it said .05 ± .03, where one that explains them
nearly as well, with shared difficulty, has .47 and .41 are seen. So theory's lead over the sum of influences with what others
carry is less sure than its error says.

Where it is still wrong: nearest neighbors on MNIST are refused (p), though the loss is foretold. The net on MNIST loses twice
what theory has; there models of own and of shared difficulty say .59 and .86 and explain the rest alike. For the Fashion net
examples of memorization < .05 carry .64 of all influence as measured, .83 by the likeliest model and .15 by the old one: the
truth lies between, at η = .63, but is not worth a parameter (−2 log L falls by 1.3). What the data would take to tell η: totals
by bin of memorization known to a tenth of the loss, where now they are known to .3 to .7 points, and losses are .2 to 1.5.

Fitted to memorization alone, at full size (60,000; percent lost seen, foretold, at random, and p):

    MNIST, net                  .64 ± .18   1.21   .01 ± .11  (.96)      Fashion, net       .39 ± .20  2.69  .05 ± .17  (.06)
    MNIST, features             .02 ± .05    .22     0 ± .03  (.29)      Fashion, features  .03 ± .06   .24  .02 ± .04  (.49)
    MNIST, 1-NN                 .04 ± .14   3.14   .02 ± .04  (10^-23)   CIFAR-100, feat.   .97 ± .41 18.89  .75 ± .36  (.47)

Where data are drawn from the model theory is right, at random too (4.48). On MNIST the net's memorized are worth much more than
others, as published, and half of what memorization says; elsewhere far less: what is memorized is often an example that teaches
nobody, and memorization alone does not tell it from the only one of its kind. CIFAR-100 is the published memorization (18,099
examples of a ResNet) and what random features, 19 % right, lose without them: hardly more than without others, so that what one
learner must memorize is not what another one does. Near-duplicates are not the reason for a loss: on test examples without any
it is 17.41 (planted), 1.82, 1.05, .35 (digits), .67, .02, .04, .40 (MNIST), .41, .03, .78 (Fashion), 3.42 (TREC) and .89.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from longtail.core import Estimate
from longtail.core.published import Published, above
from simulations import foretold
from simulations.claim import Claim, cell, less
from simulations.command import main
from simulations.places import data_folder, each, loaded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from empirical.data.dataset import Dataset
    from empirical.estimates.measured import Measured


NET = "MLP(width=128, epochs=10, batch=128, rate=0.003)"


@dataclass(frozen=True)
class Config:
    """(data, learner, trials) of each case, the thresholds and the seeds of retraining.

    Without trials, memorization is as published: scores of another learner, retraining with this one.
    """

    cases: tuple[tuple[str, str, int], ...] = (
        ("planted", "KNN()", 1000),
        ("digits", "MLP()", 1000),
        ("digits", "Softmax()", 1000),
        ("digits", "KNN()", 1000),
        ("simulations.subset.fashion_mnist", "KNN()", 500),
        ("text/trec_questions.zip", "Ridge()", 400),
        ("simulations.subset.mnist", "KNN()", 500),
        ("mnist[:10000]", "KNN()", 500),
        ("simulations.subset.unequal_mnist", NET, 200),
        ("text/trec_questions.zip", "Softmax()", 150),
        ("simulations.subset.fashion_mnist", NET, 400),
        ("mnist[:10000]", "RandomFeatures(width=512)", 200),
        ("fashion_mnist[:10000]", "RandomFeatures(width=512)", 200),
        ("fashion_mnist[:10000]", NET, 100),
        ("mnist[:10000]", NET, 100),
        ("cifar100", "RandomFeatures(width=2048)", 0),
    )
    thresholds: tuple[float, ...] = (0.25,)
    seeds: int = 5
    simulations: int = 40
    families: tuple[str, ...] = ("Zipf",)
    together: tuple[str, ...] = ("beta", "apart")  # couplings that are tried with difficulty and dust


QUICK = Config(
    cases=(("planted", "KNN()", 500), ("digits", "Softmax()", 500)),
    thresholds=(0.25,),
    simulations=20,
    families=("Zipf",),
)


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """A row for each case, set of test examples and threshold."""
    return each(config.cases, lambda case: _case(config, *case))


def _case(config: Config, source: str, learner: str, trials: int) -> pd.DataFrame:
    """What is foretold, said before anything is retrained, and what is then seen."""
    from empirical.estimates.removal import removal
    from empirical.learners.parse import parse_learner

    dataset = loaded(source)
    observed = observe(dataset, source, learner, trials)
    expected = expect(observed, config)
    shown = expected.drop(columns=["prior", "coupling_law"])
    sys.stderr.write(f"{source} {learner}: predicted before retraining\n{shown.to_string()}\n")
    values = observed.memorization["memorization"].to_numpy(float)
    table = removal(dataset.data, parse_learner(learner), values, config.thresholds, seeds=config.seeds)
    return table.merge(expected, on="threshold").assign(data=dataset.name, learner=learner)


def observe(dataset: Dataset, source: str, learner: str, trials: int) -> Measured:
    """Memorization, what examples carry, and the error of models on as many and on half as many examples."""
    import pandas as pd

    from empirical.designs import Fixed, halved
    from empirical.estimates.kept import published
    from empirical.estimates.learning import PART, learning
    from empirical.estimates.measured import Experiment, Measured
    from empirical.estimates.memorization import memorization
    from empirical.estimates.observed import Observed
    from empirical.estimates.totals import totals
    from empirical.learners.parse import parse_learner
    from empirical.training.job import Job
    from empirical.training.run import run as train

    if not trials:
        return published(source, data_folder("feldman_zhang"))
    data, design = dataset.data, Fixed(0.7)
    made = train(Job(data, parse_learner(learner), design), trials)
    half = train(Job(data, parse_learner(learner), halved(design), seed=1), max(trials // PART, LEAST))
    none = pd.DataFrame({"train_index": [], "test_index": [], "influence": []})
    return Measured(
        Experiment(source, data.n_test, trials, 0.7, data.n_classes),
        memorization(made, data.y_train),
        none,
        test_accuracy=float(made.test_scores(slice(0, data.n_test)).mean()),
        accurate_at=0.7,
        observed=Observed(totals(made), learning=learning([(made, 0.7), (half, 0.35)])),
    )


def expect(observed: Measured, config: Config) -> pd.DataFrame:
    """A row a threshold: the loss by theory fitted to all that is known, to memorization alone, and by the sum of influences."""
    import pandas as pd

    from empirical.bridge.comparison import compare, foretell
    from longtail.experiment.predictions import error_at

    how: dict[str, Any] = {"families": config.families, "couplings": ("beta",), "simulations": config.simulations}
    best = compare(observed, together=config.together, **how).best
    alone = compare(observed, together=(), **how).best
    ours, theirs = (foretell(one, config.thresholds).set_index("threshold") for one in (best, alone))
    sums = [summed(observed, theta) for theta in config.thresholds]
    whole = [summed(observed, theta, others=True) for theta in config.thresholds]
    columns = {
        "lost_predicted": ours["lost"],
        "lost_stderr_predicted": ours["lost_stderr"],
        "lost_random_predicted": ours["lost_random"],
        "lost_alone": theirs["lost"],
        "lost_stderr_alone": theirs["lost_stderr"],
        "lost_linear": [float(one.value) for one in sums],
        "lost_stderr_linear": [float(one.stderr) for one in sums],
        "lost_whole": [float(one.value) for one in whole],
        "lost_stderr_whole": [float(one.stderr) for one in whole],
    }
    facts: dict[str, Any] = {
        "prior": repr(best.prior),
        "coupling": best.coupling.mean,
        "coupling_law": repr(best.coupling),
        "largest_difference": best.distance,
        "p_value": best.goodness.p_value,
        "p_value_alone": alone.goodness.p_value,
        "test_error": 1 - observed.test_accuracy,
        "test_error_predicted": float(error_at(best.problem, best.coupling, [observed.accurate_at])[0]),
    }
    return pd.DataFrame(columns).reset_index().assign(**facts)


def summed(observed: Measured, theta: float, others: bool = False) -> Estimate:
    """The sum of the influences of those memorized θ or more, as a linear data model adds them up; NaN where it is not known.

    Subsets of a fixed size tell it beyond what as many others carry. These carry their share of Σ_i T_i, the slope of accuracy in
    the logarithm of the number of examples, (error of models on half − error)/log 2.
    """
    carried, curve = observed.observed.totals, observed.observed.learning
    if carried is None or (others and curve is None):
        return Estimate(np.nan, np.nan)
    found = carried.above(theta)
    if not others or curve is None:
        return Estimate(float(found.value), float(found.stderr))
    share = float((observed.values >= theta).mean()) / np.log(2)
    return Estimate(found.value + share * curve.gain.value, float(np.hypot(found.stderr, share * curve.gain.stderr)))


LEAST = 50  # models on half as many examples
MORE = above(0.0, "3.4 − 2.6 % (ImageNet)", points=True)
LEVEL = 0.25  # of memorization
ENOUGH = 10  # cases, for a share of them
SHARE = Published("at least 13 of 16", 13 / 16, 1.0, otherwise=0.5)
WORSE = above(0.0, "theory says more", points=True)


def beyond_theory(table: pd.DataFrame, data: str, learner: str) -> Estimate | None:
    """The loss without the memorized less what theory said of it."""
    told = {"data": data, "learner": learner}
    return less(lost(table, "lost", **told), lost(table, "lost_predicted", **told))


def lost(table: pd.DataFrame, column: str, data: str, learner: str) -> Estimate | None:
    """A loss on all test examples at the level of memorization, with its error."""
    error = "lost_stderr_predicted" if column == "lost_predicted" else f"{column}_stderr"
    return cell(table, column, error, data=data, learner=learner, set="all", threshold=LEVEL)


def share(table: pd.DataFrame) -> Estimate | None:
    """The share of cases that theory foretold, and its binomial error; None of less than ``ENOUGH``."""
    rows = foretold.told(table, LEVEL).to_dict("records")
    within = [row["within"] for row in rows if row["forecaster"] == foretold.THEORY]
    if len(within) < ENOUGH:
        return None
    p = float(np.mean(within))
    return Estimate(p, float(np.sqrt(p * (1 - p) / len(within))))


def worse(table: pd.DataFrame, name: str) -> Estimate | None:
    """By how much a rival's mean absolute error is more than theory's."""
    found = foretold.told(table, LEVEL)
    return foretold.more(found, name) if len(found) else None


CLAIMS = (
    *(
        Claim(
            f"{data}, {says}: accuracy lost without the memorized, more than without as many at random",
            MORE,
            partial(lost, column="lost_more", data=data, learner=learner),
        )
        for data, says, learner in (
            ("planted", "nearest neighbor", "KNN()"),
            ("digits", "softmax", "Softmax()"),
            ("mnist, first 10,000", "net", NET),
            ("fashion_mnist, first 5,000", "net", NET),
        )
    ),
    *(
        Claim(
            f"{data}, {says}: accuracy lost without the memorized, less what theory says",
            Published("0", 0.0, 0.0, otherwise=0.1, points=True),
            partial(beyond_theory, data=data, learner=learner),
        )
        for data, says, learner in (("planted", "nearest neighbor", "KNN()"), ("mnist, first 10,000", "net", NET))
    ),
    Claim("share of cases whose loss theory foretold, within 95 % or a quarter of it", SHARE, share),
    *(
        Claim(f"mean absolute error of {name}, more than theory's", WORSE, partial(worse, name=name))
        for name in (foretold.ALONE, foretold.SUMS, foretold.WHOLE, foretold.RANDOM)
    ),
)


def plot(frame: pd.DataFrame) -> Figure:
    """Observed and predicted loss with 95 % intervals: at one threshold all who foretold it, at several a panel for each case."""
    from matplotlib.ticker import PercentFormatter

    from longtail.core.intervals import Z95
    from longtail.plots import BLUE, GRAY, GREEN, ORANGE, PURPLE, drawing

    levels = frame["threshold"].unique()
    if len(levels) == 1:
        with drawing(6.4, 5.2) as figure:
            foretold.panel(figure.subplots(), foretold.told(frame, float(levels[0])))
        return figure
    cases = list(frame.groupby(["data", "learner"], sort=False))
    rows = -(-len(cases) // 3)
    with drawing(11, 0.6 + 2.9 * rows) as figure:
        panels = figure.subplots(rows, 3, squeeze=False).ravel()
        for axes, ((data, learner), part) in zip(panels, cases, strict=False):
            whole = part[part["set"] == "all"]
            axes.plot(whole["threshold"], whole["lost_predicted"], "-", color=ORANGE, label="memorized ≥ θ, theory")
            axes.plot(whole["threshold"], whole["lost_random_predicted"], "--", color=GRAY, label="random, theory")
            looks = (("lost", "all", BLUE, "o", "memorized ≥ θ"), ("lost_random", "all", GREEN, "s", "random"))
            for column, name, color, marker, label in (
                *looks,
                ("lost", "no duplicates", PURPLE, "^", "memorized ≥ θ, no duplicates"),
            ):
                shown = part[part["set"] == name]
                axes.errorbar(
                    shown["threshold"] + (0.012 if name != "all" else 0),
                    shown[column],
                    yerr=Z95 * shown[f"{column}_stderr"],
                    fmt=marker,
                    color=color,
                    capsize=2.5,
                    markersize=4,
                    label=label,
                )
            axes.axhline(0, color=GRAY, linewidth=0.7)
            axes.set_title(f"{data}: {str(learner).partition('(')[0]}")
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
            axes.set_xlabel("memorization of at least θ")
        for axes in panels[::3]:
            axes.set_ylabel("test accuracy lost (95 %)")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
        for axes in panels[len(cases) :]:
            axes.remove()
    return figure


if __name__ == "__main__":
    sys.exit(main(name="removal"))
