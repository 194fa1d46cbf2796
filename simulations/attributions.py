"""Claim (Park et al., arXiv 2303.14186): TRAK foretells models that were trained on other subsets better than gradients alone do.

Published (Park et al., ICML 2023, figure 1): of nets, TRAK has linear datamodeling scores several times those of influence
functions, TracIn and similarity, at a fraction of the cost of training thousands of models. Here of learners whose influence
functions can be had exactly.

With 1,000 models of digits that judge, each trained on half of the 1,500 examples (highest: the noise ceiling; left out:
correlation with what having an example in does; AUC: for a tenth of labels flipped; turned: right answers that turn wrong
without the 16 that carry them most, none where 16 are left out at random; processor seconds):

    judged by ridge               highest .963 ± .010    softmax   highest .950 ± .006
                              score          turned      score          left out       AUC            turned   s
    random                   .004 ± .002    .00          .004 ± .002    .004 ± .004    .527 ± .026    .00      .00
    nearness                 .395 ± .009    .08          .254 ± .007    .317 ± .008    .864 ± .017    .18      .01
    ridge, left out          .952 ± .003    .17          .536 ± .008    .562 ± .009    .825 ± .023    .20      .06
    softmax, influence       .496 ± .008    .07          .906 ± .005    .914 ± .007    .803 ± .029    .23      .11
    TracIn                   .440 ± .007    .07          .588 ± .008    .619 ± .009    .814 ± .028    .22      .04
    TRAK                     .303 ± .008    .07          .457 ± .011    .498 ± .011    .607 ± .035    .18      .37
    subsets, 1,000 models    .583 ± .003    .15          .579 ± .003    .592 ± .005                   .23     1.5

And of the first 5,000 images of Fashion-MNIST, 400 to test on, with 500 models, judged by ridge (highest .900 ± .011):

                              score          left out       AUC            turned   s
    random                  -.002 ± .002   -.003 ± .003    .498 ± .014    .00      .02
    nearness                 .107 ± .004    .129 ± .006    .767 ± .010    .10      .20
    ridge, left out          .850 ± .003    .881 ± .015    .695 ± .016    .35      .77
    softmax, influence       .444 ± .008    .480 ± .011    .738 ± .017    .17     27
    TracIn                   .130 ± .005    .138 ± .006    .814 ± .014    .00     10
    TRAK                     .344 ± .007    .371 ± .010    .786 ± .016    .13     12
    subsets, 500 models      .236 ± .003    .253 ± .006                   .08     13

Judged by softmax regression, with 150 models and 200 test examples only (highest .903 ± .063): random .005 ± .005,
nearness .104 ± .008, ridge .420 ± .012, influence .780 ± .008, TracIn .204 ± .009, TRAK .577 ± .010, subsets .151 ± .007.

A learner is told best by its own influence, close to the ceiling, and better than by as many models as judge. TRAK is above
TracIn on Fashion-MNIST and below it on digits; what finds wrong labels need not foretell.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from longtail.core import Estimate
from longtail.core.published import above
from simulations.claim import FAIR, Claim, cell, chosen, fairness, ratio
from simulations.command import main
from simulations.places import each, loaded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from empirical.data.data import Data
    from longtail.core import Floats

RANDOM, NEAR, RIDGE, INFLUENCE = "random", "nearness", "ridge, left out", "softmax, influence"
TRACIN, TRAK, SUBSETS = "TracIn", "TRAK", "subsets, as many models"


@dataclass(frozen=True)
class Config:
    """(data, training examples, test examples, learner, models that judge) of each case; ``fraction`` of examples in a subset.

    Of the same data with a share ``flipped`` of labels changed, who hurts most is asked; ``removed`` of the examples that carry
    an answer most are left out, of so many ``answers``.
    """

    cases: tuple[tuple[str, int, int, str, int], ...] = (
        ("digits", 1500, 297, "ridge", 1000),
        ("digits", 1500, 297, "softmax", 1000),
        ("simulations.subset.fashion_mnist", 5000, 400, "ridge", 500),
        ("simulations.subset.fashion_mnist", 5000, 400, "softmax", 500),
    )
    fraction: float = 0.5
    flipped: float = 0.1
    removed: int = 16
    answers: int = 60
    directions: int = 512
    seed: int = 0


QUICK = Config(
    cases=(("digits", 400, 100, "ridge", 300), ("digits", 400, 100, "softmax", 300)), answers=40, directions=128
)


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """A row for every case and attribution."""
    import pandas as pd

    return each(config.cases, lambda case: pd.DataFrame(list(_case(config, *case))))


def methods(data: Data, config: Config) -> dict[str, Callable[[], Floats]]:
    """Those that need no other models than their own: one more is one more line here."""
    from empirical.attributions import plain, ridge, softmax

    return {
        RANDOM: partial(plain.at_random, data, config.seed),
        NEAR: partial(plain.nearness, data),
        RIDGE: partial(ridge.left_out, data),
        INFLUENCE: partial(softmax.influence, data),
        TRACIN: partial(softmax.tracin, data),
        TRAK: partial(softmax.trak, data, directions=config.directions, seed=config.seed),
    }


def _case(config: Config, source: str, n: int, q: int, spec: str, models: int) -> Iterator[dict[str, Any]]:
    from empirical.attributions.brittle import brittleness
    from empirical.attributions.judged import judged
    from empirical.attributions.plain import estimated
    from empirical.data.data import Data
    from empirical.data.relabeled import relabeled
    from empirical.designs import Bernoulli
    from empirical.learners.parse import parse_learner
    from empirical.standins.judge import auc
    from empirical.training.job import Job
    from empirical.training.run import run as train

    dataset = loaded(source)
    entire = dataset.data
    data = Data(entire.x_train[:n], entire.y_train[:n], entire.x_test[:q], entire.y_test[:q], entire.classes)
    noisy = relabeled(data, config.flipped, seed=config.seed)
    taught = parse_learner(spec)
    began = time.process_time()
    trials = train(Job(data, taught, Bernoulli(config.fraction), config.seed, "margin", dtype="float32"), 2 * models)
    spent = (time.process_time() - began) / 2
    own, judges = trials.take(slice(0, models)), trials.take(slice(models, 2 * models))
    ways: dict[str, Callable[[], Floats]] = {**methods(data, config), SUBSETS: partial(estimated, own)}
    wrong = methods(noisy.data, config)
    for name, scores in ways.items():
        began = time.process_time()
        a = scores()
        seconds = time.process_time() - began + (spent if name == SUBSETS else 0)
        found = judged(judges, a)
        brittle = brittleness(data, taught, a, config.answers, removed=(config.removed,), seed=config.seed).iloc[0]
        hurts = auc(-wrong[name]().sum(1), noisy.changed) if name in wrong else Estimate(np.nan, np.nan)
        row = {"data": dataset.name.partition(",")[0], "n": n, "learner": spec, "models": models, "attribution": name}
        for column, one in (
            ("lds", found.lds),
            ("highest", found.highest),
            ("left_out", found.left_out),
            ("auc", hurts),
        ):
            row |= {column: _number(one, "value"), f"{column}_stderr": _number(one, "stderr")}
        yield row | {
            "turned": float(brittle["turned"]),
            "turned_random": float(brittle["turned_random"]),
            "seconds": seconds,
        }


def _number(one: Estimate | None, part: str) -> float:
    return float("nan") if one is None else float(getattr(one, part))


def score(table: pd.DataFrame, data: str, learner: str, attribution: str) -> Estimate | None:
    """A mean linear datamodeling score."""
    return cell(table, "lds", "lds_stderr", data=data, learner=learner, attribution=attribution)


def beyond(table: pd.DataFrame, data: str, learner: str, one: str, other: str) -> Estimate | None:
    """A score less another's, errors taken as independent, which they are not: they share their models."""
    first, second = (score(table, data, learner, name) for name in (one, other))
    return None if first is None or second is None else first - second


def of_highest(table: pd.DataFrame, data: str, learner: str, attribution: str) -> Estimate | None:
    """A score in parts of its noise ceiling."""
    at = {"data": data, "learner": learner, "attribution": attribution}
    return ratio(score(table, **at), cell(table, "highest", "highest_stderr", **at))


def control(table: pd.DataFrame) -> pd.Series[Any]:
    """z of random scores."""
    rows = chosen(table, attribution=RANDOM)
    return rows["lds"] / rows["lds_stderr"]


CLAIMS = (
    *(
        Claim(
            f"{data}, softmax: linear datamodeling score of TRAK less that of TracIn",
            above(0.0, "TRAK above TracIn"),
            partial(beyond, data=data, learner="softmax", one=TRAK, other=TRACIN),
        )
        for data in ("digits", "fashion_mnist")
    ),
    Claim(
        "digits, softmax: that of TRAK less that of influence functions, which are exact here",
        above(0.0, "TRAK above influence functions (of nets)"),
        partial(beyond, data="digits", learner="softmax", one=TRAK, other=INFLUENCE),
    ),
    Claim(
        "digits, ridge: that of leaving each out, in parts of the noise ceiling",
        above(0.9, "a linear learner is nearly a sum"),
        partial(of_highest, data="digits", learner="ridge", attribution=RIDGE),
    ),
    Claim("mean z² of random scores, the control", FAIR, lambda t: fairness(control(t))),
)


def plot(frame: pd.DataFrame) -> Figure:
    """Linear datamodeling scores by attribution, a panel a case, with two standard errors, and the ceiling."""
    from longtail.plots import BLUE, GRAY, ORANGE, drawing

    cases = list(frame.groupby(["data", "learner"], sort=False))
    with drawing(3.0 * len(cases) + 1.2, 3.2) as figure:
        panels = figure.subplots(1, len(cases), sharey=True, squeeze=False)[0]
        for axes, ((data, learner), part) in zip(panels, cases, strict=True):
            y = np.arange(len(part))[::-1]
            bars: dict[str, Any] = {"fmt": "o", "color": BLUE, "capsize": 2.5, "markersize": 4.5}
            axes.errorbar(part["lds"], y, xerr=2 * part["lds_stderr"], **bars)
            high, error = part["highest"].iloc[0], part["highest_stderr"].iloc[0]
            axes.axvspan(high - 2 * error, high + 2 * error, color=ORANGE, alpha=0.3, linewidth=0)
            axes.axvline(0, color=GRAY, linewidth=0.8)
            axes.set_yticks(y, part["attribution"], fontsize=8)
            axes.set_title(f"{data}, {learner}", fontsize=9)
            axes.set_xlabel("linear datamodeling score")
        figure.suptitle("Attributions against models on other subsets (± 2 s.e.; band: noise ceiling)", fontsize=10)
    return figure


if __name__ == "__main__":
    sys.exit(main(name="attributions"))
