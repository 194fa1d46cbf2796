"""Claim (Liu, Lin & Jaggi, arXiv 2112.08798): easy and hard are learned at once, the easy faster, on random labels too.

Easy and hard are the lowest and the highest third by subset memorization, from 60 other nets; a group is half-learned when its
mean loss is ½ log K; *at once* is the share of its whole fall that the hard third has behind it when the easy third is
half-learned (``empirical.courses.speeds``). 12 nets are watched, on 500 examples. The control is thirds at random, drawn anew for
each net.

Measured, speed easy : hard (95 % over nets), the control's, and at once (about ½ in the control):

    digits, true labels               1.47 (1.43 to 1.50)    .99 (.97 to 1.01)     .341 ± .004
    digits, 20 % at random            27.1 (26.6 to 27.6)    .78 (.49 to 1.22)    −.032 ± .003
    digits, all at random             1.43 (1.40 to 1.45)   1.00 (.96 to 1.05)     .299 ± .004
    Fashion-MNIST, true labels        5.24 (4.79 to 5.73)   1.06 (1.02 to 1.09)    .156 ± .010
    Fashion-MNIST, all at random      1.01 (.96 to 1.06)    1.01 (.95 to 1.07)     .502 ± .012

So it holds on true labels, and on random ones of digits. It does not where some labels are random: the hard third, which has
all of the 102 relabeled, waits, and its loss even rises while the others are learned. Nor on Fashion-MNIST's random labels, where
both thirds are half-learned after 21 epochs and the middle third after 27: memorization, in − out, is also low where nets do not
fit, as the easy third's loss of .21 at the end says (the hard third's is .06), so its thirds are not those of speed. On digits'
random labels too the middle third is slower (31.7 epochs) than the hard (27.8; the easy 19.5).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from empirical.courses.course import watched
from empirical.courses.groups import Groups
from empirical.courses.speeds import Curves
from empirical.data.data import Data
from empirical.data.relabeled import relabeled
from empirical.learners.learner import Learner
from empirical.learners.parse import parse_learner
from empirical.standins.subsets import Subsets
from longtail.core import Estimate, Floats
from longtail.core.intervals import Z95
from longtail.core.published import Published, above
from longtail.core.shares import percent
from simulations.claim import Claim, at, cell, chosen
from simulations.command import main
from simulations.places import each, loaded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEMORIZED, RANDOM = "thirds by memorization", "thirds at random"


@dataclass(frozen=True)
class Case:
    """A net on the first ``n`` examples, of whose labels a ``share`` is drawn anew among all classes."""

    source: str
    n: int
    share: float
    net: str = "MLP(width=512, epochs=150, batch=32, penalty=0)"


@dataclass(frozen=True)
class Config:
    """``models`` whose training is watched, and the ``graders`` that say what is hard, on subsets and from another seed."""

    cases: tuple[Case, ...] = (
        Case("digits", 500, 0.0),
        Case("digits", 500, 0.2),
        Case("digits", 500, 1.0),
        Case("simulations.subset.fashion_mnist", 500, 0.0, "MLP(width=128, epochs=120, batch=32, penalty=0)"),
        Case("simulations.subset.fashion_mnist", 500, 1.0, "MLP(width=128, epochs=120, batch=32, penalty=0)"),
    )
    models: int = 12
    graders: int = 60
    seed: int = 0


QUICK = Config(cases=Config.cases, models=6, graders=30)


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """A row for every case, grouping and group: its time to half-learn, the ratio of speeds easy : hard, and what is at once."""
    return each(config.cases, lambda case: _case(case, config))


def _case(case: Case, config: Config) -> pd.DataFrame:
    data, net = first(case, config.seed), parse_learner(case.net)
    seen = watched(net, data, "loss", config.models, seed=config.seed)
    hard = grades(net, data, config.graders, config.seed + 1)
    at_random = [Groups.at_random(data.n, seed=config.seed, number=k) for k in range(config.models)]
    told = {"data": case.source.split(".")[-1], "n": data.n, "random_labels": case.share}
    rows = [
        {**told, "groups": name, **row}
        for name, groups in ((MEMORIZED, Groups.ranked(hard)), (RANDOM, at_random))
        for row in _rows(Curves.of(seen, groups, data.n_classes))
    ]
    return pd.DataFrame(rows)


def _rows(curves: Curves) -> list[dict[str, Any]]:
    times, ratio, share = curves.times(), curves.ratio("easy", "hard"), curves.at_once("easy", "hard")
    told = {"ratio": ratio.value, "low": ratio.low, "high": ratio.high, "z": ratio.z}
    told |= {"at_once": share.value, "at_once_stderr": share.stderr}
    return [
        {
            "group": group,
            "half_learned": times[:, g].mean(),
            "half_learned_stderr": times[:, g].std(ddof=1) / np.sqrt(len(times)),
            "loss_at_end": curves.loss[:, -1, g].mean(),
            **told,
        }
        for g, group in enumerate(curves.groups)
    ]


def first(case: Case, seed: int) -> Data:
    """The first examples, with their labels replaced."""
    entire = loaded(case.source).data
    n = case.n
    some = Data(entire.x_train[:n], entire.y_train[:n], entire.x_test[:1], entire.y_test[:1], entire.classes)
    return relabeled(some, case.share, seed=seed, others=False).data


def grades(net: Learner, data: Data, models: int, seed: int) -> Floats:
    """Memorization of every example, in probability, by models that are not those watched."""
    one = Subsets()
    return one(one.watch(net, data, models, seed=seed))


FASTER, AT_ONCE = above(1.0, "faster"), above(0.0, "at once")


def speed(table: pd.DataFrame, data: str, share: float, groups: str) -> Estimate | None:
    """The ratio, with the standard error that its interval of 95 % has."""
    rows = chosen(table, data=data, random_labels=share, groups=groups, group="easy")
    return cell(rows.assign(stderr=(rows["high"] - rows["low"]) / (2 * Z95)), "ratio", "stderr")


CLAIMS = (
    *(
        Claim(
            f"{data}, {labels}: speed of the easy third over that of the hard",
            FASTER,
            partial(speed, data=data, share=share, groups=MEMORIZED),
        )
        for data, labels, share in (
            ("digits", "true labels", 0.0),
            ("digits", "all labels at random", 1.0),
            ("fashion_mnist", "true labels", 0.0),
            ("fashion_mnist", "all labels at random", 1.0),
        )
    ),
    *(
        Claim(
            f"digits, {labels}: share of its fall that the hard third has behind it when the easy is half-learned",
            AT_ONCE,
            at("at_once", "at_once_stderr", data="digits", random_labels=share, groups=MEMORIZED, group="easy"),
        )
        for labels, share in (("true labels", 0.0), ("20 % of labels at random", 0.2))
    ),
    Claim(
        "digits, true labels: the same speeds of thirds at random, the control",
        Published("1", 1.0, 1.0, otherwise=1.2),
        lambda t: speed(t, "digits", 0.0, RANDOM),
    ),
)


def plot(frame: pd.DataFrame) -> Figure:
    """Ratios of speeds, by memorization and at random, with 95 % intervals."""
    from longtail.plots import BLUE, GRAY, ORANGE, drawing

    each = frame[frame["group"] == "easy"]
    with drawing(6.5, 0.5 * len(each) / 2 + 1.8) as figure:
        axes = figure.subplots()
        names = []
        for k, (name, color) in enumerate(((MEMORIZED, BLUE), (RANDOM, ORANGE))):
            part = each[each["groups"] == name]
            y = len(part) - 1 - np.arange(len(part)) - 0.15 * k
            error = np.abs(part[["low", "high"]].to_numpy(float).T - part["ratio"].to_numpy(float))
            axes.errorbar(part["ratio"], y, xerr=error, fmt="o", color=color, capsize=2.5, markersize=4, label=name)
            names = [f"{r.data}, {percent(float(str(r.random_labels)), '.0f')} random" for r in part.itertuples()]
        axes.set_yticks(np.arange(len(names))[::-1], names)
        axes.axvline(1, color=GRAY, linewidth=0.8)
        axes.set_xscale("log")
        axes.set_xlabel("speed easy : hard, by time to half-learn")
        axes.set_title("The easy are learned faster (95 % intervals)")
        axes.legend(loc="best")
    return figure


if __name__ == "__main__":
    sys.exit(main(name="speeds"))
