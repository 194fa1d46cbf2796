"""Claim (Liu, Lin & Jaggi, arXiv 2112.08798): a correct hard example informs more than an easy one.

Hard and easy are the highest and lowest third of rightly labeled examples by subset memorization, from 60 other nets. Asked
twice: by turn-over influence, a mean over a group's examples and tests, of 24 nets (12 on images); and by retraining 24 (8)
nets with equally many of either more, beside the middle third alone, or less, all else the same: 100 of 500 digits (80 of those
with wrong labels), 600 of 3,000 images. Errors are over nets and tests, differences paired by both. Controls: the same of
groups at random, twice; and wrong labels, which are hard too.

Measured, hard − easy ± 1 standard error (the control's difference):

                           turn-over influence, loss on                           accuracy, percent
                           tests of its class            all tests                added                   removed
    digits                 .335 ± .033 (−.007 ± .021)     .005 ± .006 (−.010)     3.7 ± .6 (.2 ± .3)      1.9 ± .4 (−.3 ± .2)
    digits, 20 % wrong     .447 ± .074 (−.092 ± .051)     .018 ± .017 (−.002)     4.1 ± .6 (−.2 ± .4)     6.2 ± .6 (−.4 ± .3)
    MNIST                  .089 ± .010 (.009 ± .010)     −.001 ± .002 (.002)      3.4 ± .5 (.0 ± .4)      2.2 ± .3 (.1 ± .2)
    Fashion-MNIST          .085 ± .019 (−.011 ± .011)    −.003 ± .002 (.002)      2.2 ± .5 (.0 ± .3)      1.8 ± .3 (.2 ± .2)

Retraining bears the claim out everywhere: easy examples are worth next to nothing (.2 to .5 % added, 1.8 with wrong labels; −.8
to .1 removed), hard ones 2 to 6 %. Turn-over influence bears it out on tests of an example's class only (on digits .38 easy,
.72 hard); what is gained there is lost on other classes, and over all tests it tells hard from easy nowhere. On its label's
class a wrong example's influence is the largest (2.27, hard 1.70), though it costs others: .59 of loss when added, 15 % of
accuracy.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from empirical.courses.groups import THIRDS, Groups
from empirical.data.data import Data
from empirical.data.relabeled import Relabeled, relabeled
from empirical.dynamics.influence import Loss, Probes
from empirical.dynamics.parse import parse_net
from empirical.dynamics.training import Trainer
from empirical.estimates.removal import at_random, paired
from empirical.learners.learner import features
from empirical.learners.parse import parse_learner
from empirical.learners.score import Score
from empirical.standins.subsets import Subsets
from longtail.core import Bools, Floats
from longtail.core.published import Published, above
from longtail.core.shares import percent
from simulations.claim import Claim, at
from simulations.command import main
from simulations.places import each, loaded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EASY, MIDDLE, HARD = THIRDS
WRONG, RANDOM, AGAIN = "relabeled", "at random", "at random again"
CONTRASTS = (("hard − easy", HARD, EASY), ("at random, twice", AGAIN, RANDOM))
OWN, OTHER, EVERY = "tests of its class", "tests of other classes", "all tests"
ADDED, REMOVED = "added to the middle third", "removed from all"


@dataclass(frozen=True)
class Case:
    """A learner on the first ``n`` examples, of whose labels a ``share`` is another's; the next ``tests`` are tested on.

    ``moved`` examples are added or removed; ``masked`` are the nets under turn-over dropout, ``nets`` of them, and ``seeds``
    of retraining.
    """

    source: str
    n: int
    tests: int
    share: float
    moved: int
    net: str = "MLP(width=128, epochs=30, batch=32)"
    masked: str = "Net(widths=(128,), epochs=20, batch=16)"
    nets: int = 24
    seeds: int = 24


IMAGES = {
    "net": "MLP(width=128, epochs=10, batch=32)",
    "masked": "Net(widths=(128,), epochs=20)",
    "nets": 12,
    "seeds": 8,
}


@dataclass(frozen=True)
class Config:
    """``graders`` are the nets that say what is hard: others than those that are asked."""

    cases: tuple[Case, ...] = (
        Case("digits", 500, 1297, 0.0, moved=100),
        Case("digits", 500, 1297, 0.2, moved=80),
        Case("simulations.subset.mnist", 3000, 2000, 0.0, moved=600, **IMAGES),  # type: ignore[arg-type]
        Case("simulations.subset.fashion_mnist", 3000, 2000, 0.0, moved=600, **IMAGES),  # type: ignore[arg-type]
    )
    graders: int = 60
    seed: int = 0


QUICK = Config(
    cases=(
        Case(
            "digits",
            500,
            600,
            0.0,
            100,
            "MLP(width=64, epochs=30, batch=32)",
            "Net(widths=(64,), epochs=15, batch=16)",
            12,
            12,
        ),
    ),
    graders=40,
)


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """A row for every case, way of asking, measure and group: what an example, or a group of ``moved``, gains test examples."""
    return each(config.cases, lambda case: _case(case, config))


def _case(case: Case, config: Config) -> pd.DataFrame:
    noisy = first(case, config.seed)
    net = parse_learner(case.net)
    hard = Subsets()(Subsets().watch(net, noisy.data, config.graders, seed=config.seed + 1))
    thirds = Groups.ranked(np.where(noisy.changed, np.nan, hard)).of
    groups = {name: thirds == k for k, name in enumerate(THIRDS)} | {WRONG: noisy.changed}
    told = {"data": case.source.split(".")[-1], "n": case.n, "share": case.share}
    found = [*masked(case, noisy.data, groups, config.seed), *retrained(case, noisy.data, groups, config.seed)]
    return pd.DataFrame([{**told, **row} for row in found])


def first(case: Case, seed: int) -> Relabeled:
    """The examples, with labels replaced by others."""
    entire = loaded(case.source).data
    x, y = np.concatenate([entire.x_train, entire.x_test]), np.append(entire.y_train, entire.y_test)
    own, rest = slice(0, case.n), slice(case.n, case.n + case.tests)
    return relabeled(Data(x[own], y[own], x[rest], y[rest], entire.classes), case.share, seed=seed)


def masked(case: Case, data: Data, groups: dict[str, Bools], seed: int) -> Iterator[dict[str, Any]]:
    """Turn-over influence of a group's examples at the end of training, a mean over them and over tests; the control is of
    thirds at random, drawn anew for each net.
    """
    net = parse_net(case.masked)
    trainer, last = Trainer.of(net, data), net.epochs
    same = data.y_train[:, None] == data.y_test
    sides = {OWN: same, OTHER: ~same, EVERY: np.ones_like(same)}
    scores: tuple[Loss, ...] = ("loss", "correct")
    each: dict[tuple[str, str, str], list[Floats]] = {}
    for k in range(case.nets):
        drawn = Groups.at_random(data.n, seed=seed, number=k).of
        asked = {**groups, RANDOM: drawn == 0, AGAIN: drawn == 1}
        probes = Probes.of(trainer, seed + k, trainer.parameters(seed + k, (last,))[0], features(data)[1], data.y_test)
        for score in scores:
            found = probes.influence(score=score).astype(float)
            for side, tests in sides.items():
                for name, own in asked.items():
                    if own.any():
                        kept = tests[own]
                        with np.errstate(invalid="ignore"):  # no test of a class that the group has not
                            part = (found[own] * kept).sum(0) / kept.sum(0)
                        each.setdefault((side, score, name), []).append(part)
    for side in sides:
        for score in scores:
            arms = {name: np.array(part) for (a, b, name), part in each.items() if (a, b) == (side, score)}
            yield from _rows(f"turn-over, {side}", score, arms)


def retrained(case: Case, data: Data, groups: dict[str, Bools], seed: int) -> Iterator[dict[str, Any]]:
    """What tests gain by ``moved`` examples of a group, drawn anew for each seed: more or less of them, all else the same."""
    net = parse_learner(case.net)
    everyone, right = np.ones(data.n, bool), ~groups[WRONG]
    scores: tuple[Score, ...] = ("loss", "correct")
    for how, base in ((ADDED, groups[MIDDLE]), (REMOVED, everyone)):
        others = right if how == REMOVED else right & ~base
        pools = {**{name: groups[name] for name in (EASY, HARD, WRONG)}, RANDOM: others, AGAIN: others}
        for score in scores:
            trainer = net.prepare(data, score, seed=seed)
            arms: dict[str, list[Floats]] = {name: [] for name, pool in pools.items() if pool.any()}
            for s in range(case.seeds):
                some = {name: drawn(pools[name], case.moved, seed + 1 + (name == AGAIN), s) for name in arms}
                masks = [base, *(base & ~one if how == REMOVED else base | one for one in some.values())]
                plain, *moved = (trainer(mask[None], np.array([s]))[1][0].astype(float) for mask in masks)
                sign = (1 if score == "correct" else -1) * (1 if how == ADDED else -1)
                for name, one in zip(arms, moved, strict=True):
                    arms[name].append(sign * (one - plain))
            yield from _rows(how, score, {name: np.array(part) for name, part in arms.items()})


def drawn(pool: Bools, count: int, seed: int, s: int) -> Bools:
    """``count`` of the examples of a pool."""
    out = np.zeros(len(pool), bool)
    out[np.flatnonzero(pool)[at_random(int(pool.sum()), count, seed, s)]] = True
    return out


def _rows(how: str, score: str, arms: dict[str, Floats]) -> Iterator[dict[str, Any]]:
    """Of arms (nets, tests), and of the differences between two, paired by net and test; over tests that every net says it of."""
    shown = {**arms} | {name: arms[a] - arms[b] for name, a, b in CONTRASTS}
    for name, part in shown.items():
        value, stderr = paired(part[:, np.isfinite(part).all(axis=0)])
        yield {"how": how, "measure": score, "group": name, "value": value, "stderr": stderr, "nets": len(part)}


MORE = above(0.0, "more")
CLAIMS = (
    *(
        Claim(
            f"{data}: accuracy that hard examples bring beyond as many easy ones, {how}",
            above(0.0, "more", points=True),
            at("value", "stderr", data=data, share=0.0, how=how, measure="correct", group="hard − easy"),
        )
        for data, how in (("digits", ADDED), ("digits", REMOVED), ("mnist", ADDED), ("fashion_mnist", ADDED))
    ),
    *(
        Claim(
            f"digits: turn-over influence of hard examples less that of easy ones, loss on {side}",
            MORE,
            at(
                "value",
                "stderr",
                data="digits",
                share=0.0,
                how=f"turn-over, {side}",
                measure="loss",
                group="hard − easy",
            ),
        )
        for side in (OWN, EVERY)
    ),
    Claim(
        "digits: accuracy of one group at random beyond another, added, the control",
        Published("0", 0.0, 0.0, otherwise=0.05, points=True),
        at("value", "stderr", data="digits", share=0.0, how=ADDED, measure="correct", group="at random, twice"),
    ),
)


def plot(frame: pd.DataFrame) -> Figure:
    """In loss, a panel for each way of asking: what easy, hard and relabeled examples are worth, with 95 % intervals."""
    from longtail.core.intervals import Z95
    from longtail.plots import BLUE, GRAY, GREEN, ORANGE, PURPLE, drawing

    shown = frame[frame["measure"] == "loss"]
    cases = list(shown.groupby(["data", "share"], sort=False))
    ways = list(shown["how"].unique())
    names = [
        f"{data}, {percent(float(str(share)), '.0f')} relabeled" if share else str(data) for (data, share), _ in cases
    ]
    with drawing(2.4 * len(ways) + 1.2, 0.62 * len(cases) + 1.7) as figure:
        panels = figure.subplots(1, len(ways), sharey=True)
        for axes, how in zip(np.atleast_1d(panels), ways, strict=True):
            for k, (name, color) in enumerate(((EASY, BLUE), (HARD, ORANGE), (WRONG, PURPLE), (RANDOM, GREEN))):
                part = [case[(case["how"] == how) & (case["group"] == name)] for _, case in cases]
                at = [len(cases) - 1 - y - 0.17 * (k - 1.5) for y, one in enumerate(part) if len(one)]
                rows = pd.concat(part)
                axes.errorbar(
                    rows["value"],
                    at,
                    xerr=Z95 * rows["stderr"],
                    fmt="o",
                    color=color,
                    capsize=2,
                    markersize=3.5,
                    label=name,
                )
            axes.axvline(0, color=GRAY, linewidth=0.8)
            axes.set_title(how, fontsize=8)
            axes.set_yticks(np.arange(len(cases))[::-1], names)
        figure.supxlabel("loss that test examples are spared (95 % intervals)", fontsize=9)
        figure.legend(*np.atleast_1d(panels)[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


if __name__ == "__main__":
    sys.exit(main(name="informs"))
