"""Claim (Carlini et al., arXiv 2112.03570): who is memorized is found out, and so are many who are not; clipping hides most.

Published (Carlini et al., arXiv 2112.03570, table 1): at a false-positive rate of .1 % the likelihood-ratio attack tells of 8.4 %
of CIFAR-10's training examples, of 27.6 % of CIFAR-100's, that a net trained on them. Here 600 models (of digits' softmax 1,000)
of digits and of the first 2,000 examples of Fashion-MNIST, each trained on a half drawn by coins, each attacked by what the
others say of its margins. Measured, in percent: test accuracy, true positives at false-positive rates of 10, 1 and .1 %, risk
where memorization is below .05 and, of how many examples, .75 or more; the least ε that the attack proves, and the accountant's.

                           right   10 %         1 %          .1 %         < .05        ≥ .75              ε ≥     ε
    digits, softmax         89.9   22.4 ± .1    6.95 ± .04   3.02 ± .04   12.7 ± .1    90.3 ± .4 (15)    4.64     ∞
    digits, net (Adam)      89.7   20.6 ± .1    6.21 ± .05   2.59 ± .05   10.9 ± .1    90.4 ± .5 (15)    3.84     ∞
    digits, plain descent   90.0   18.1 ± .1    4.88 ± .05   1.90 ± .04    7.0 ± .1    90.4 ± .6 (8)     5.70     ∞
      clipped to norm 1     86.9   16.7 ± .1    2.36 ± .04    .34 ± .02   10.9 ± .1       none           1.16     ∞
      with noise z = .6     86.8   15.6 ± .1    2.09 ± .04    .29 ± .01    9.4 ± .1       none            .87  27.4
      with noise z = 1      86.4   14.5 ± .1    1.82 ± .03    .22 ± .01    7.6 ± .1       none            .67   9.11
    Fashion, softmax        79.1   43.5 ± .1   21.89 ± .09  12.54 ± .12   15.4 ± .1    96.9 ± .1 (238)   6.82     ∞

Risk is no less than memorization: of at most 1.3 % of examples it is less by three standard errors. It is much more in between:
.51 where memorization is .12 on digits (softmax), .60 where it is .13 on Fashion-MNIST. Ranks of the two correlate .56 and .89.
Clipping, without noise, takes five sixths of what is found out at .1 %, and 3 % of accuracy; it leaves hardly anything memorized.
Every ε proved lies far below the accountant's, whose learner is attacked by its margins alone, on examples that nobody planted.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from longtail.core import Estimate
from longtail.core.published import above, below
from simulations.claim import Claim, cell, ratio
from simulations.command import main
from simulations.places import each, loaded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from empirical.learners.learner import Learner


@dataclass(frozen=True)
class Config:
    """(data, training examples, learner, its name, models) of each case; every example is in with chance ``fraction``."""

    cases: tuple[tuple[str, int, str, str, int], ...] = (
        ("digits", 1500, "Softmax()", "softmax", 1000),
        ("digits", 1500, "MLP(width=256)", "net", 600),
        ("digits", 1500, "DPSGD(noise=0.0, clip=inf)", "plain descent", 600),
        ("digits", 1500, "DPSGD(noise=0.0, clip=1.0)", "clipped", 600),
        ("digits", 1500, "DPSGD(noise=0.6, clip=1.0)", "private, z = .6", 600),
        ("digits", 1500, "DPSGD(noise=1.0, clip=1.0)", "private, z = 1", 600),
        ("simulations.subset.fashion_mnist", 2000, "Softmax()", "softmax", 600),
    )
    fraction: float = 0.5
    seed: int = 0


QUICK = Config(
    cases=(
        ("digits", 600, "Softmax()", "softmax", 200),
        ("digits", 600, "DPSGD(noise=0.0, clip=inf)", "plain descent", 200),
        ("digits", 600, "DPSGD(noise=0.0, clip=1.0)", "clipped", 200),
        ("digits", 600, "DPSGD(noise=1.0, clip=1.0)", "private, z = 1", 200),
        ("simulations.subset.fashion_mnist", 1000, "Softmax()", "softmax", 128),
    )
)


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """A row for every case and bin of memorization."""
    return each(config.cases, lambda case: _case(config, *case))


def _case(config: Config, source: str, n: int, spec: str, name: str, models: int) -> pd.DataFrame:
    from scipy.stats import spearmanr

    from empirical.data.data import Data
    from empirical.designs import Bernoulli
    from empirical.estimates.leak import RATES
    from empirical.estimates.leak.leak import leak
    from empirical.estimates.measure import accuracy
    from empirical.learners.parse import parse_learner
    from empirical.training.job import Job
    from empirical.training.run import run as train

    dataset = loaded(source)
    whole = dataset.data
    data = Data(whole.x_train[:n], whole.y_train[:n], whole.x_test, whole.y_test, whole.classes)
    taught = parse_learner(spec)
    trials = train(Job(data, taught, Bernoulli(config.fraction), config.seed, "margin"), models)
    found = leak(trials, data.y_train)
    table = found.examples
    facts: dict[str, Any] = {
        "data": dataset.name.partition(",")[0],
        "learner": name,
        "models": models,
        "test_accuracy": accuracy(trials.right),
        "rank_correlation": float(spearmanr(table["memorization"], table["risk"]).statistic),
        "less_than_memorized": float((table["risk"] < table["memorization"] - 3 * table["stderr"]).mean()),
    }
    rates = found.rates[found.rates["attack"] == found.attack]
    for rate, value, error in zip(RATES, rates["true_rate"], rates["stderr"], strict=True):
        facts |= {f"true_rate_{rate:g}": value, f"true_rate_{rate:g}_stderr": error}
    facts["area"] = float(rates["area"].iloc[0])
    facts["epsilon_proved"] = np.nan if found.audit is None else found.audit.epsilon
    facts["epsilon"] = _accounted(taught, round(config.fraction * n), data.n_classes)
    frame = found.bins.assign(**facts)
    return frame[[*facts, *found.bins.columns]]


def _accounted(taught: Learner, m: int, n_classes: int) -> float:
    """The accountant's ε at δ = 10⁻⁵; infinite of a learner that is not private, NaN where there is no accountant here."""
    from empirical.limits.arms import privacy_of
    from longtail.core import ArgumentError

    try:
        told = privacy_of(taught, m, n_classes)
    except ArgumentError:
        return np.nan
    return np.inf if told is None else told.epsilon


CHANCE = above(0.001, "8.4 % (CIFAR-10), 27.6 % (CIFAR-100)", percent=True)


def found_out(table: pd.DataFrame, data: str, learner: str) -> Estimate | None:
    """True positives at a false-positive rate of .1 %, which all bins of a case repeat."""
    return cell(first(table, data, learner), "true_rate_0.001", "true_rate_0.001_stderr")


def least_memorized(table: pd.DataFrame, data: str, learner: str) -> Estimate | None:
    """The risk in the lowest bin of memorization."""
    return cell(first(table, data, learner), "risk", "stderr")


def proved(table: pd.DataFrame, data: str, learner: str) -> Estimate | None:
    """The ε below which the learner is not private, at 95 % confidence, over the accountant's."""
    row = first(table, data, learner)
    return ratio(cell(row, "epsilon_proved"), cell(row, "epsilon"))


def first(table: pd.DataFrame, data: str, learner: str) -> pd.DataFrame:
    """The row of a case's lowest bin; none where the case was left out."""
    return table[(table["data"] == data) & (table["learner"] == learner)].head(1)


CLAIMS = (
    *(
        Claim(
            f"{data}, softmax: examples found out at a false-positive rate of .1 %",
            CHANCE,
            partial(found_out, data=data, learner="softmax"),
        )
        for data in ("digits", "fashion_mnist")
    ),
    Claim(
        "digits, softmax: risk of those memorized least, below .05",
        above(0.0, "many are found out that are not memorized"),
        lambda t: least_memorized(t, "digits", "softmax"),
    ),
    Claim(
        "digits: found out at .1 % with gradients clipped, in parts of those without",
        below(0.5, "less than half"),
        lambda t: ratio(found_out(t, "digits", "clipped"), found_out(t, "digits", "plain descent")),
    ),
    Claim(
        "digits, private by noise z = 1: ε proved by the attack, in parts of the accountant's",
        below(1.0, "no more than 1"),
        lambda t: proved(t, "digits", "private, z = 1"),
    ),
)


def plot(frame: pd.DataFrame) -> Figure:
    """Risk by memorization, and how often the attack finds out at each false-positive rate."""
    from longtail.plots import BLUE, GRAY, GREEN, ORANGE, PURPLE, drawing

    looks = zip((BLUE, ORANGE, "#E69F00", GREEN, PURPLE, GRAY, "#56B4E9"), "osX^vDP", strict=True)
    with drawing(11, 4.6) as figure:
        left, right = figure.subplots(1, 2)
        for ((data, learner), part), (color, mark) in zip(
            frame.groupby(["data", "learner"], sort=False), looks, strict=False
        ):
            bars: dict[str, Any] = {"fmt": f"{mark}-", "color": color, "capsize": 2.5, "markersize": 4.5}
            left.errorbar(
                part["memorization"], part["risk"], yerr=2 * part["stderr"], label=f"{data}, {learner}", **bars
            )
            _rates(right, part.iloc[0], bars)
        left.plot([0, 1], [0, 1], color=GRAY, linewidth=0.8)
        left.set_xlabel("memorization, mean of a bin")
        left.set_ylabel("risk")
        left.set_title("Risk against memorization (± 2 s.e.)")
        right.plot([1e-3, 0.1], [1e-3, 0.1], color=GRAY, linewidth=0.8)
        right.set_xscale("log")
        right.set_yscale("log")
        right.set_xlabel("false-positive rate")
        right.set_ylabel("true-positive rate")
        right.set_title("How often the attack finds out (± 2 s.e.)")
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _rates(axes: Axes, row: pd.Series, bars: dict[str, Any]) -> None:
    from empirical.estimates.leak import RATES

    values = np.array([row[f"true_rate_{rate:g}"] for rate in RATES])
    errors = np.array([row[f"true_rate_{rate:g}_stderr"] for rate in RATES])
    axes.errorbar(RATES, values, yerr=2 * errors, **bars)


if __name__ == "__main__":
    sys.exit(main(name="leak"))
