"""Claim (this project's own): of stand-ins for memorization none beats, on digits, the loss of models on what they did not see.

Each stand-in gets 5 models of ``MLP(width=256)`` on digits, the subset estimator 40 too; turn-over and example-tied dropout
train nets of their own, ``Net((256,))``, 20 epochs. Held against subset memorization (0/1, 500 other models, 300 where training
is long) by Pearson's correlation, against the exact memorization of 1-NN by Spearman's, and against labels flipped to another
class by AUC and average precision (AP), at 5, 10 and 20 %. By Spearman's none goes with subset memorization beyond .47,
but forgetting events (.70 and .68), which are 0 for most examples, as memorization is.

Measured: processor seconds of a run, values ± 1 standard error (of AUC at most .002 above .99, else up to .05, .03 and .02):

    15 epochs, 0 % of flipped   seconds   subset       1-NN          AUC at 5, 10, 20 %     AP
    confidence over training       .28   .70 ± .03    .75 ± .01    1.000  1.000   .999   1.00 1.00 1.00
    forgetting events              .27   .32 ± .10    .42 ± .02     .999   .999   .999    .96  .99  .99
    cumulative loss                .27   .69 ± .05    .75 ± .01    1.000  1.000   .999   1.00 1.00 1.00
    loss at the end                .17   .61 ± .07    .71 ± .01    1.000  1.000   .999   1.00 1.00 1.00
    input curvature               3.35   .78 ± .03    .73 ± .01     .668   .613   .603    .12  .15  .25
    difference in differences      .13   .35 ± .04    .46 ± .02     .285   .288   .300    .09  .13  .23
    loss unseen                    .14   .87 ± .03    .72 ± .01    1.000  1.000   .999   1.00 1.00 1.00
    turn-over dropout              .33   .74 ± .04    .61 ± .02    1.000  1.000   .999   1.00 1.00 1.00
    example-tied dropout           .31   .73 ± .05    .56 ± .02    1.000  1.000  1.000   1.00 1.00 1.00
    subset estimator               .12   .79 ± .03    .34 ± .03     .680   .596   .507    .08  .12  .19
    subset estimator, 40           .93   .87 ± .02    .54 ± .02     .675   .615   .523    .08  .13  .19
    at random                            .00 ± .02   −.02 ± .03     .481   .532   .529    .05  .11  .22

    60 epochs, 22 to 41 % of flipped labels fitted
    confidence over training      1.22   .75 ± .03    .75 ± .01     .999   .999   .999    .99  .99 1.00
    forgetting events             1.14   .74 ± .04    .42 ± .02     .997   .996   .995    .95  .97  .98
    cumulative loss               1.19   .79 ± .03    .75 ± .01    1.000  1.000   .999   1.00 1.00 1.00
    loss at the end                .70   .76 ± .03    .67 ± .02     .997   .996   .993    .96  .97  .98
    input curvature              12.64   .74 ± .03    .73 ± .01     .922   .865   .817    .51  .48  .49
    difference in differences      .52   .45 ± .04    .48 ± .02     .941   .888   .829    .80  .77  .74
    loss unseen                    .58   .91 ± .02    .68 ± .02    1.000   .999   .998    .99  .99  .99
    turn-over dropout              .37   .79 ± .03    .61 ± .02    1.000  1.000   .999   1.00 1.00 1.00
    example-tied dropout           .35   .82 ± .03    .56 ± .02    1.000  1.000  1.000   1.00 1.00 1.00
    subset estimator               .51   .88 ± .03    .31 ± .03     .941   .888   .787    .41  .41  .41
    subset estimator, 40          4.17   .95 ± .01    .52 ± .02     .951   .907   .826    .47  .50  .50
    at random                           −.01 ± .02   −.02 ± .03     .481   .532   .529    .05  .11  .22

    MNIST, first 3,000, 92 to 96 % of flipped labels fitted
    confidence over training      2.86   .83 ± .01   .72 ± .01    .988   .988   .979    .88  .92  .93
    forgetting events             2.91   .45 ± .03   .35 ± .01    .851   .887   .872    .35  .52  .62
    cumulative loss               2.74   .76 ± .04   .71 ± .01    .991   .993   .989    .92  .96  .97
    loss at the end               1.96   .81 ± .01   .67 ± .01    .962   .935   .889    .59  .60  .68
    input curvature               7.11   .68 ± .02   .69 ± .01    .930   .899   .860    .49  .53  .61
    difference in differences     1.41   .72 ± .02   .52 ± .01    .991   .991   .983    .89  .94  .94
    loss unseen                   1.43   .77 ± .02   .71 ± .01    .991   .987   .977    .85  .91  .91
    turn-over dropout             1.57   .85 ± .01   .63 ± .01    .991   .991   .991    .91  .95  .97
    example-tied dropout          1.58   .75 ± .03   .50 ± .02    .993   .991   .977    .91  .93  .94
    subset estimator              1.47   .92 ± .01   .53 ± .02    .961   .951   .919    .41  .58  .64
    turn-over, their net         51.91   .79 ± .01   .73 ± .01    .988   .988   .986    .87  .92  .94
    subset estimator, 20          9.42   .97 ± .00   .63 ± .01    .975   .970   .947    .58  .72  .76
    at random                     0.00   −.01 ± .02   .01 ± .02    .484   .517   .522    .06  .12  .22

    TREC, 72 % of flipped labels fitted
    confidence over training      2.94   .63 ± .02   .51 ± .01    .948   .946   .919    .52  .67  .74
    forgetting events             3.02   .03 ± .01   .15 ± .01    .682   .692   .692    .25  .35  .46
    cumulative loss               2.81   .38 ± .04   .51 ± .01    .956   .954   .934    .57  .72  .78
    loss at the end               2.27   .19 ± .03   .47 ± .01    .921   .906   .859    .42  .56  .63
    input curvature               5.92   .62 ± .01   .55 ± .01    .832   .796   .753    .15  .23  .35
    difference in differences     1.72   .68 ± .01   .52 ± .01    .899   .890   .883    .62  .73  .79
    loss unseen                   1.48   .75 ± .02   .54 ± .01    .965   .949   .916    .65  .70  .73
    turn-over dropout             4.49   .74 ± .01   .50 ± .01    .966   .960   .948    .69  .78  .83
    example-tied dropout          4.28   .61 ± .02   .48 ± .01    .963   .966   .964    .69  .82  .89
    subset estimator              1.60   .86 ± .01   .51 ± .01    .831   .801   .743    .18  .26  .36
    subset estimator, 20         10.53   .94 ± .00   .58 ± .01    .841   .809   .766    .25  .33  .43
    at random                     0.00   −.01 ± .01   −.00 ± .01    .499   .513   .518    .05  .10  .20

    Fashion-MNIST, first 5,000, 40, 31 and 23 % of flipped labels fitted
    confidence over training      7.02   .70 ± .01   .81 ± .01    .975  .976  .974    .72  .84  .91
    forgetting events             5.18   .36 ± .02   .67 ± .01    .917  .936  .944    .53  .70  .82
    cumulative loss               5.15   .61 ± .02   .81 ± .01    .986  .984  .980    .80  .88  .93
    loss at the end               4.02   .35 ± .02   .79 ± .01    .935  .946  .946    .56  .73  .85
    input curvature              11.79   .56 ± .01   .75 ± .01    .786  .755  .665    .18  .28  .33
    difference in differences     2.81   .58 ± .01   .67 ± .01    .913  .848  .743    .63  .62  .58
    loss unseen                   2.86   .61 ± .05   .80 ± .01    .990  .985  .978    .84  .85  .89
    turn-over dropout             4.39   .59 ± .05   .56 ± .01    .978  .959  .878    .81  .81  .77
    example-tied dropout          4.21   .27 ± .02   .19 ± .01    .816  .739  .671    .40  .47  .41
    subset estimator              2.77   .84 ± .01   .51 ± .02    .842  .758  .671    .22  .25  .33
    subset estimator, 20         18.38   .91 ± .00   .68 ± .01    .848  .777  .663    .27  .30  .33
    at random                     0.00   −.00 ± .01   −.01 ± .01    .493  .511  .516    .05  .10  .20

Of memorization in 0/1 at 10 % flipped: bias on clean examples and what 95 % intervals hold there, the reference's own error
counted in; and both on flipped examples:

    digits    subset estimator, 5          .005 ± .003   1.00       .00 ± .00  1.00
              subset estimator, 40        −.000 ± .001   1.00       .00 ± .00  1.00
              turn-over dropout, 5         .230 ± .007    .88       .95 ± .01   .03
              example-tied dropout, 5      .027 ± .004    .96       .97 ± .01   .01
    MNIST     subset estimator, 3          .000 ± .005   1.00      −.00 ± .01   .99
              subset estimator, 20        −.004 ± .002    .99      −.00 ± .00   .98
              turn-over dropout, 3         .143 ± .005    .88       .06 ± .01   .91
              turn-over, their net, 3      .269 ± .007    .75       .06 ± .01   .91
              example-tied dropout, 3     −.064 ± .003    .86      −.05 ± .02   .92
    TREC      subset estimator, 3         −.002 ± .005    .99       .03 ± .01   .99
              subset estimator, 20         .001 ± .002    .99       .01 ± .00   .98
              turn-over dropout, 3         .075 ± .004    .82       .20 ± .01   .71
              example-tied dropout, 3     −.052 ± .004    .74       .22 ± .02   .65
    Fashion   subset estimator, 3          .002 ± .004    .99      −.01 ± .02   .98
              subset estimator, 20        −.001 ± .002    .99       .00 ± .00   .99
              turn-over dropout, 3         .061 ± .004    .94       .10 ± .02   .84
              example-tied dropout, 3     −.120 ± .003    .81      −.28 ± .02   .65

On images 3 models a stand-in, ``MLP(width=128, epochs=25)``, and 100 others to hold them against, 60 on Fashion-MNIST; on TREC
``MLP(width=64, epochs=10)``; turn-over's own nets as above, on MNIST 3 of their authors' too. On digits it is the net of 15
epochs, which does not come to fit flipped labels, as nets under masks do.

For memorization itself three models and the subset estimator are the best that can be had so cheaply, and 20 are better; on
digits the loss of five models on what they did not see is. Turn-over dropout comes second to fifth in correlation; it is too
high on clean examples, most so with its authors' net, which costs 33 times as much, and its intervals do not hold what they
should. Example-tied dropout is worse. For wrong labels memorization is the wrong measure: what nets never fit they do not
memorize. The loss over training finds them, and on TREC turn-over and example-tied dropout do so better (AP). Seconds were
measured on a loaded machine, turn-over's without its compilation.

One net under masks costs as much as so many models of the subset estimator, by these seconds: 2.8 on digits, 1.1 on MNIST, 2.8 on
TREC, 1.6 on Fashion-MNIST; one of its authors' 35.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from empirical.courses.course import Course, watched
from empirical.data.data import Data
from empirical.data.relabeled import Relabeled, relabeled
from empirical.designs import Fixed
from empirical.dynamics.masks import Masks
from empirical.dynamics.net import AUTHORS, Net
from empirical.estimates.memorization import memorization_cells
from empirical.learners.knn.exact import exact
from empirical.learners.learner import Learner
from empirical.learners.parse import parse_learner
from empirical.standins.confidence import Confidence
from empirical.standins.cumulative import CumulativeLoss
from empirical.standins.curvature import Curvature
from empirical.standins.differences import Differences
from empirical.standins.final import FinalLoss
from empirical.standins.forgetting import Forgetting
from empirical.standins.judge import auc, average_precision, pearson, spearman
from empirical.standins.standin import Needs, StandIn
from empirical.standins.subsets import Subsets
from empirical.standins.turnover import TurnOver
from empirical.standins.unseen import UnseenLoss
from empirical.training.job import Job
from empirical.training.run import run as train
from longtail.core import Estimate, Floats
from longtail.core.published import above
from simulations.claim import FAIR, Claim, cell, chosen, fairness, less
from simulations.command import main
from simulations.places import each, loaded
from simulations.trusted import trusted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUBSET = "subset memorization"
TESTS = 500
NEAREST = "exact 1-NN memorization"
MASKED = {"turn-over dropout": Net((256,)), "example-tied dropout": Net((256,), Masks(kept=0.1, shared=0.2))}


@dataclass(frozen=True)
class AtRandom(StandIn):
    """Numbers that know nothing: the control."""

    seed: int = 0
    name: ClassVar[str] = "at random"
    needs: ClassVar[Needs] = Needs("nothing", "last")

    def watch(self, learner: Learner, data: Data, models: int = 1, *, seed: int = 0) -> Course:
        return Course("nothing", (learner.last_epoch,), np.ones((1, data.n), bool), np.zeros((1, 1, data.n)))

    def __call__(self, course: Course) -> Floats:
        return np.asarray(np.random.default_rng([self.seed, 0xA7]).random(course.inside.shape[1]))


@dataclass(frozen=True)
class Case:
    """The first ``n`` training examples of a source (None: all). ``few`` models for a stand-in, ``more`` for the subset
    estimator a second time, ``many`` for what it is held against, and ``authors`` nets as turn-over dropout's authors', 0 for
    none; ``shares`` of labels are flipped.
    """

    source: str
    net: str
    n: int | None = None
    few: int = 5
    more: int = 40
    many: int = 500
    authors: int = 0
    shares: tuple[float, ...] = (0.05, 0.1, 0.2)


IMAGES = "MLP(width=128, epochs=25, batch=32)"


@dataclass(frozen=True)
class Config:
    """What is judged on what, and the share of flipped labels at which bias and intervals are."""

    cases: tuple[Case, ...] = (
        Case("digits", "MLP(width=256)"),
        Case("digits", "MLP(width=256, epochs=60)", many=300),
        Case("simulations.subset.mnist", IMAGES, 3000, few=3, more=20, many=100, authors=3),
        Case("simulations.subset.fashion_mnist", IMAGES, 5000, few=3, more=20, many=60),
        Case("text/trec_questions.zip", "MLP(width=64, epochs=10, batch=32)", few=3, more=20, many=100),
    )
    trusted: float = 0.1
    seed: int = 0


QUICK = Config(cases=(Case("digits", "MLP(width=64, epochs=8)", few=3, more=20, many=60, shares=(0.1,)),))


def standins(data: Data, case: Case) -> list[tuple[StandIn, int]]:
    """What is judged, each with the models it gets: one more is one more line here."""
    one_each: list[StandIn] = [
        Confidence(),
        Forgetting(),
        CumulativeLoss(),
        FinalLoss(),
        Curvature(),
        Differences(data.y_train),
        UnseenLoss(),
        *(TurnOver(net, name) for name, net in MASKED.items()),
        Subsets(),
    ]
    found: list[tuple[StandIn, int]] = [(one, case.few) for one in one_each]
    if case.authors:
        found.append((TurnOver(AUTHORS, "turn-over, their net"), case.authors))
    return [*found, (Subsets(), case.more), (AtRandom(), 1)]


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """A row a measure: data, what it is held ``against``, stand-in, models, seconds, measure, value, stderr."""
    return each(config.cases, lambda case: pd.DataFrame(list(_case(case, config))))


def _case(case: Case, config: Config) -> Iterator[dict[str, Any]]:
    name, data, net = loaded(case.source).name, examples(case), parse_learner(case.net)
    if case.n is not None:
        name = f"{name.partition(',')[0]}, first {data.n:,}"
    told = {"data": name, "n": data.n, "net": case.net}
    for row in _held_against_memorization(case, data, net, config.seed):
        yield {**told, **row}
    for share in case.shares:
        noisy = relabeled(data, share, seed=config.seed)
        against = {**told, "against": f"{share:g} flipped"}
        yield {**against, "standin": "the net itself", "models": case.few, **fitted(noisy, net, case.few, config.seed)}
        for standin, models, seconds, numbers in judged(noisy.data, net, case, config.seed):
            for measure, found in (
                ("auc", auc(numbers, noisy.changed)),
                ("average precision", average_precision(numbers, noisy.changed, seed=config.seed)),
            ):
                row = {"standin": standin, "models": models, "seconds": seconds, "measure": measure, **both(found)}
                yield {**against, **row}
    noisy, counts = relabeled(data, config.trusted, seed=config.seed), (case.few, case.more)
    for row in trusted(noisy, net, counts, masked(case), case.many, config.seed):
        yield {**told, "against": f"{config.trusted:g} flipped", **row}


def examples(case: Case) -> Data:
    """The first of them, and some to test on, which no stand-in asks for."""
    entire = loaded(case.source).data
    if case.n is None:
        return entire
    n = case.n
    return Data(entire.x_train[:n], entire.y_train[:n], entire.x_test[:TESTS], entire.y_test[:TESTS], entire.classes)


def masked(case: Case) -> dict[str, tuple[Net, int]]:
    """The nets under masks, and how many."""
    theirs = {"turn-over, their net": (AUTHORS, case.authors)} if case.authors else {}
    return {name: (net, case.few) for name, net in MASKED.items()} | theirs


def _held_against_memorization(case: Case, data: Data, net: Learner, seed: int) -> Iterator[dict[str, Any]]:
    truths = {SUBSET: reference(case, data, net, seed), NEAREST: exact(data, m=Fixed(0.7).size(data.n))[0]}
    for name, models, seconds, numbers in judged(data, net, case, seed):
        for against, truth in truths.items():
            for measure, of in (("pearson", pearson), ("spearman", spearman)):
                told = {"against": against, "standin": name, "models": models, "seconds": seconds, "measure": measure}
                yield {**told, **both(of(numbers, truth, seed=seed))}


def fitted(noisy: Relabeled, net: Learner, models: int, seed: int) -> dict[str, Any]:
    """Which share of the flipped labels nets are right on at the end, trained on them: whether there is memorization to find."""
    seen = watched(net, noisy.data, "correct", models, epochs=(net.last_epoch,), seed=seed).numbers[:, 0, noisy.changed]
    each = seen.mean(axis=1)
    return {"measure": "fitted", "value": float(each.mean()), "stderr": float(each.std(ddof=1) / np.sqrt(models))}


def reference(case: Case, data: Data, net: Learner, seed: int) -> Floats:
    """Memorization from ``many`` models that no stand-in has seen."""
    return memorization_cells(train(Job(data, net, Fixed(0.7), seed + 1), case.many)).value


def judged(data: Data, net: Learner, case: Case, seed: int) -> Iterator[tuple[str, int, float, Floats]]:
    """Name, models, processor seconds and numbers of every stand-in."""
    for standin, models in standins(data, case):
        began = time.process_time()
        numbers = standin(standin.watch(net, data, models, seed=seed))
        yield standin.name, models, time.process_time() - began, numbers


def both(found: Estimate) -> dict[str, float]:
    """Value and error as columns."""
    return {"value": float(found.value), "stderr": float(found.stderr)}


FLIPPED = "0.1 flipped"
CLAIMS = (
    Claim(
        "correlation with subset memorization of the loss unseen, less that of the best other with as few models",
        above(0.0, "none beats it"),
        lambda t: unseen_beyond(first_net(t)),
    ),
    Claim(
        "AUC of the loss at the end for flipped labels",
        above(0.9, "any loss finds them"),
        lambda t: flips(first_net(t), "loss at the end"),
    ),
    Claim(
        "that less the AUC of memorization estimated by as few models",
        above(0.0, "memorization does not"),
        lambda t: less(flips(first_net(t), "loss at the end"), flips(first_net(t), "subset estimator")),
    ),
    Claim("mean z² of numbers at random, the control", FAIR, lambda t: fairness(control(t))),
)


def first_net(table: pd.DataFrame) -> pd.DataFrame:
    """The net that is trained shortest."""
    return chosen(table, net=table["net"].iloc[0])


def unseen_beyond(table: pd.DataFrame) -> Estimate:
    """The loss unseen less the best of the others, errors taken as independent."""
    rows = chosen(table, against=SUBSET, measure="pearson")
    rows = rows[(rows["models"] == rows["models"][rows["standin"] == "loss unseen"].iloc[0])]
    mine = rows["standin"] == "loss unseen"
    best = rows[~mine].sort_values("value").iloc[-1]
    ours = rows[mine].iloc[0]
    return Estimate(float(ours["value"]), float(ours["stderr"])) - Estimate(float(best["value"]), float(best["stderr"]))


def flips(table: pd.DataFrame, standin: str) -> Estimate | None:
    """AUC with the fewest models."""
    rows = chosen(table, against=FLIPPED, measure="auc", standin=standin)
    return cell(rows[rows["models"] == rows["models"].min()], "value", "stderr")


def control(table: pd.DataFrame) -> pd.Series[Any]:
    """z of numbers at random against what chance makes of each measure."""
    rows = table[(table["standin"] == "at random") & (table["measure"] != "average precision")]
    chance = rows["measure"].map({"auc": 0.5, "pearson": 0.0, "spearman": 0.0})
    return (rows["value"] - chance) / rows["stderr"]


def plot(frame: pd.DataFrame) -> Figure:
    """A panel for each data set and what stand-ins are held against there: rank correlation, or AUC, with 2 standard errors."""
    from longtail.plots import BLUE, GRAY, ORANGE, drawing

    shown = frame[frame["measure"].isin(["spearman", "auc"])]
    cases = [list(part.groupby("against", sort=False)) for _, part in shown.groupby(["data", "net"], sort=False)]
    columns = max(map(len, cases))
    with drawing(3.0 * columns + 1.5, 2.6 * len(cases) + 0.6) as figure:
        grid = figure.subplots(len(cases), columns, squeeze=False, sharey="row")  # a case has stand-ins of its own
        for row, panels in zip(grid, cases, strict=True):
            for axes in row[len(panels) :]:
                axes.remove()
        drawn = [
            (axes, *panel)
            for row, panels in zip(grid, cases, strict=True)
            for axes, panel in zip(row, panels, strict=False)
        ]
        for axes, against, part in drawn:
            found = part["measure"].iloc[0] == "auc"
            y = len(part) - 1 - np.arange(len(part))
            color = ORANGE if found else BLUE
            axes.errorbar(part["value"], y, xerr=2 * part["stderr"], fmt="o", color=color, capsize=2.5, markersize=4)
            axes.axvline(0.5 if found else 0, color=GRAY, linewidth=0.8)
            axes.set_yticks(y, [f"{r.standin}, {r.models}" for r in part.itertuples()], fontsize=7)
            axes.set_title(f"{part['data'].iloc[0]}: {against}", fontsize=8)
            axes.set_xlabel("AUC" if found else "rank correlation")
        figure.suptitle("Stand-ins for memorization, by how many models they had (± 2 s.e.)")
    return figure


if __name__ == "__main__":
    sys.exit(main(name="standins"))
