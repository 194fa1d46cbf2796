"""Claim (Feldman & Zhang, arXiv 2008.03703, section 3.3): removing the memorized costs more accuracy than as many at random.

Published: ImageNet without the 32 % of memorization ≥ .3 loses 3.4 %, without as many at random 2.6 %; CIFAR-100 without its
964 influential examples falls from 76.06 ± .28 to 73.52 ± .25. Here memorization is estimated, theory fitted to it, its
prediction of the loss written down, and only then are models retrained; on all test examples and on those without
near-duplicates in training.

Measured, percent lost at memorization ≥ .25, all test examples, ± 95 %: seen; and as foretold by theory, which is fitted at once
to memorization, to the error of models on half as many examples and to what examples carry, with difficulty, dust and λ of each
pair's own (Zipf frequencies); by theory fitted to memorization alone; by the sum of influences, and with what as many others
carry added; without as many at random; p of the joint fit (``benchmarks/results/2026-11-29-removal.csv``).

                            seen           theory          alone    sum  and others  random   p
    planted, 1-NN          16.30 ± 2.39   16.88 ± 4.95    16.84    9.14     12.67     4.32   .2
    digits, net             1.75 ± 1.65     .52 ± 5.79     2.24    1.55      1.64     −.07   .88
    digits, softmax         1.35 ± 1.31       .41 ± 31     1.82     .60       .67      .13   .61
    digits, 1-NN              .34 ± .66     .75 ± 2.21     1.10     .41       .43      .00   .83
    Fashion, 5,000, 1-NN      .81 ± .57    2.88 ± 5.77    11.45    −.10       .65      .77   .41
    TREC, ridge             2.60 ± 2.10    2.88 ± 1.50    10.05    6.24      6.94      .32   .83
    MNIST, 5,000, 1-NN        .38 ± .25    1.67 ± 1.31     6.15     .25       .48      .10   .0038
    MNIST, 10,000, 1-NN       .32 ± .23    1.52 ± 1.52     5.21    −.39      −.25      .11   2e-6
    MNIST, imbalanced, net    6.41 ± .50    1.16 ± 3.47     1.97    5.34      5.75      .21   .88  missed
    TREC, softmax           2.80 ± 1.91    5.27 ± 3.32     7.83    5.74      6.62      .12   1
    Fashion, 5,000, net       .62 ± .25      .47 ± .77     5.16     .78      1.00      .11   .44
    MNIST, 10,000, features     .41 ± .15      .04 ± .69     1.09     .34       .38      .01   .88
    Fashion, 10,000, features     .21 ± .18      .01 ± .06     1.27     .29       .33      .02   .93  missed

    who foretold                              foretold  by s alone  mean absolute error   more than theory
    theory                                    11 of 13    6 of 13   1.26 ± .38
    memorization alone                         8 of 13    3 of 13   3.60 ± .86   2.33 ± .81
    sum of influences                         12 of 13    8 of 13   1.38 ± .57   .11 ± .65
    that sum and what as many others carry    13 of 13    9 of 13   1.13 ± .45   −.14 ± .55
    as many at random                          6 of 13    4 of 13   2.16 ± .92   .90 ± .88

Foretold is what lies within its own 95 % interval, or within a quarter of the loss (``simulations.foretold``). Cases are thirteen
of the sixteen of ``Config``; nets on 10,000 of MNIST and of Fashion-MNIST, and CIFAR-100, are still to be measured.

The joint fit says a quarter of what memorization alone does, in the median, and is nearer to what is lost. It is not better than
what examples are measured to carry, once what as many others carry is added, and much of its success is the width of its
intervals: on digits 297 test examples leave λ and N open, and with them the loss. Where it is wrong:

- MNIST by nearest neighbors, where it is refused. Examples of memorization below .05 carry −.6 ± .8 % beyond what as many others
  do, of 10,000 +.6 ± .9; theory has −2.1 and −1.9, 3.7 and 5.5 standard errors off, and the memorized carry .2 ± .7 and −.4 ± .7
  where it has 1.4 and 1.3. With what others carry, the 8 % that are memorized have a sixth of all influence, not the half that
  theory gives them: in it an example is as hard as test examples of its subpopulation are, and none is odd among others that are
  not. What it would take is difficulty that is an example's own, as ``apart`` is for λ.
- Imbalanced MNIST, though no test of the fit sees it. Test examples are of all digits alike, training examples are not: 21.6 % of
  tests are wrong where theory, of tests that come as training examples do, has 3.4, and each bin carries some six times as much.
  Its loss times the ratio of these errors would be 7.4. What it would take is a test set with frequencies of its own.
- Learners that do not fit what they train on. Random features err on 11.1 % of the examples they hold on MNIST, on 12.4 % of
  those held out: what is memorized makes 1.3 % of errors, and theory has no others. The fit takes the ratio of all errors at two
  sizes for that of these (14.0 to 12.7 %: it has 1.39 to 1.25), and so a ninth of what half the examples cost, 1.2 ± .3 %, and
  of the loss, .04 % where .41 ± .15 are seen; so on Fashion-MNIST (17.6 and 19.1 %), .01 ± .06 where .21 ± .18 are seen, a miss.
  The net on Fashion-MNIST errs on 10.4 and 15.2 %. Taking off the errors that no example mends (.89, .92 and .69 of all) was
  tried, after the losses were seen: theory then says .45, .60 ± .43 and 1.59 ± .91 where .41, .21 and .62 are seen, nearer on
  MNIST only.
  It now has the gain of more examples, but gives it to those that are memorized; measured, those of memorization below .05 carry
  .64 of all influence for the net and theory has .15. So this too takes difficulty that is an example's own, and then both.

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
    from empirical.learners.parse import learner as parse

    dataset = loaded(source)
    observed = observe(dataset, source, learner, trials)
    expected = expect(observed, config)
    shown = expected.drop(columns=["prior", "coupling_law"])
    sys.stderr.write(f"{source} {learner}: predicted before retraining\n{shown.to_string()}\n")
    values = observed.memorization["memorization"].to_numpy(float)
    table = removal(dataset.data, parse(learner), values, config.thresholds, seeds=config.seeds)
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
    from empirical.learners.parse import learner as parse
    from empirical.training.job import Job
    from empirical.training.run import run as train

    if not trials:
        return published(source, data_folder("feldman_zhang"))
    data, design = dataset.data, Fixed(0.7)
    made = train(Job(data, parse(learner), design), trials)
    half = train(Job(data, parse(learner), halved(design), seed=1), max(trials // PART, LEAST))
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
MORE = above(0.0, "3.4 − 2.6 % (ImageNet)", percent=True)
LEVEL = 0.25  # of memorization
ENOUGH = 10  # cases, for a share of them
SHARE = Published("at least 13 of 16", 13 / 16, 1.0, otherwise=0.5)
WORSE = above(0.0, "theory says more", percent=True)


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
            Published("0", 0.0, 0.0, otherwise=0.1, percent=True),
            partial(beyond_theory, data=data, learner=learner),
        )
        for data, says, learner in (
            ("planted", "nearest neighbor", "KNN()"),
            ("mnist, first 10,000", "net", NET),
        )
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
    from longtail.plots import (
        BLUE,
        GRAY,
        GREEN,
        ORANGE,
        PURPLE,
        drawing,
    )

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
