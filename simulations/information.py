"""Claim (Brown, Bun, Feldman, Smith & Talwar, arXiv 2012.06421): a learner that is accurate holds the bits of what it saw once.

The line is (1 − ρ) d E|X_1|, all bits that singletons have to themselves (``longtail.irrelevant.information``). Models are made
to hold less: fewer steps, weights rounded, pruned or with noise, private training, narrower nets. What a model holds for sure is
1 − h(rate of irrelevant bits recovered) of the line, by Fano's inequality; beside it stand the error that it adds to the best
learner's on fresh points, and three learners that are known to need less than the line for their error.

Measured (n = N = 500, d = 1,000: a line of 152,104 bits; 3 data sets each). As trained, softmax regression gives back all and
adds .7 ± .4 % of error; so it does with a bit a weight (.6 ± .1 %) or 30 % of weights pruned. Limited, none that adds less
than 2.5 % is sure to hold less than 76 ± 7 % (half of the weights pruned), and none that holds less than a tenth adds less
than 27 ± 2 %. Private at ε = 28,909 it holds 15 % and adds 21 %, at ε = 59 it has learned nothing. Nets (n = 100, d = 300) of
200 units hold 57 % and add 2 ± 1 %, of 16 units 7 % and 35 ± 3 %. Signs are counted only: weights tell more, and some points
lie below the exact curves. Exactly, copies with flipped bits that add .1 % need 91 % of the line, 1 % 67 %, 5 % 43 %. Of Zipf
priors with α = 1 and 2 the line is 90,707 and 14,592 bits, worth 13.0 and 1.9 % of error, and softmax regression holds them
all.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.irrelevant.learners import MLP, Learner, Softmax
from empirical.irrelevant.limited import Perturbed, Private, Pruned, Rounded
from empirical.irrelevant.recovery import recover
from longtail import Problem, exact
from longtail.core import Estimate
from longtail.core.published import above
from longtail.irrelevant import information
from longtail.irrelevant.attacks import Signs
from longtail.irrelevant.reachable import recovered_bits
from longtail.irrelevant.tasks import Hypercube
from longtail.priors import Uniform, Zipf
from simulations.claim import Claim
from simulations.command import main

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
SAID = {
    "Thinned": "exact: some coordinates kept",
    "Blurred": "exact: bits flipped",
    "Forgotten": "exact: some forgotten",
}


@dataclass(frozen=True)
class Config:
    """Data sets of each arm; limits on softmax regression at the published size, and on nets at n = 100, d = 300."""

    n: int = 500
    dimension: int = 1000
    fixed: float | None = None
    steps: tuple[int, ...] = (2, 4, 6, 8, 10, 14, 20, 30, 50)
    bits: tuple[int, ...] = (1, 2, 3, 4)
    pruned: tuple[float, ...] = (0.3, 0.5, 0.7, 0.8, 0.9, 0.97)
    noise: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0)
    private: tuple[float, ...] = (0.03, 0.1, 0.2, 0.4, 1.0)
    widths: tuple[int, ...] = (2, 4, 8, 16, 32, 64, 200)
    alphas: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
    repeats: int = 3
    seed: int = 0


QUICK = Config(
    steps=(6, 10, 20, 50), bits=(1,), pruned=(0.5, 0.9), noise=(0.5, 2.0), private=(0.03,), widths=(4, 32), alphas=(1.0, 2.0),
    repeats=2,
)  # fmt: skip


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """One row a learner: share of the line held for sure and error added; and, by α, what softmax regression holds."""
    import pandas as pd

    task = Hypercube(Uniform(size=config.n), config.dimension, config.fixed)
    rows = [
        _row(config, kind, task, config.n, learner, limit)
        for kind, learner, limit in (
            *(("steps", Softmax(steps=k), float(k)) for k in config.steps),
            *(("bits a weight", Rounded(Softmax(), b), float(b)) for b in config.bits),
            *(("share pruned", Pruned(Softmax(), share), share) for share in config.pruned),
            *(("noise", Perturbed(Softmax(), noise), noise) for noise in config.noise),
            *(("private", private, private.epsilon()) for private in (Private(z, rate=20.0) for z in config.private)),
        )
    ]
    small = Hypercube(Uniform(size=100), 300)
    rows += [_row(config, "width of a net", small, 100, _net(width), float(width)) for width in config.widths]
    for alpha in config.alphas:
        prior = Zipf(alpha=alpha, size=config.n) if alpha else Uniform(size=config.n)
        long = Hypercube(prior, config.dimension, task.share(config.n))
        rows.append(_row(config, "alpha", long, config.n, Softmax(), alpha))
    return pd.DataFrame(rows)


def _net(width: int) -> MLP:
    return MLP(steps=200, rate=0.02, momentum=0.98, width=width)


def _row(config: Config, kind: str, task: Hypercube, n: int, learner: Learner, limit: float) -> dict[str, Any]:
    found = recover(task, learner, Signs(), n, config.repeats, config.seed)
    problem, share = Problem(task.prior, n), task.share(n)
    line = float(information.line(problem, task.dimension, share).value)
    alone, tau = exact.subpopulations(problem, 1).value, exact.tau(problem).value
    rate = found.rate("irrelevant")
    low, high = np.clip([rate.value - rate.stderr, rate.value + rate.stderr], 0.5, 1.0)
    return {
        "kind": kind,
        "limit": limit,
        "n": n,
        "dimension": task.dimension,
        "fixed": share,
        "rate": rate.value,
        "rate_stderr": rate.stderr,
        "share_bits": found.held / found.entropy,
        "share_stderr": (recovered_bits(high, 1) - recovered_bits(low, 1)) / 2,
        "held_bits": found.held * found.alone,
        "line_bits": line,
        "singletons": float(alone),
        "mass": float(alone * tau),
        "excess_error": found.excess.value,
        "excess_stderr": found.excess.stderr,
        "control": found.rate("control").value,
        "control_z": (found.rate("control").value - 0.5) / 0.5 * np.sqrt(float(found.singletons["control_bits"].sum())),
    }


def least(table: pd.DataFrame, column: str, **below: float) -> Estimate | None:
    """The least number in a column of the limited learners that are below these values in others, with its error."""
    rows = table[table["kind"] != "alpha"]
    for name, value in below.items():
        rows = rows[rows[name] < value]
    if not len(rows):
        return None
    row = rows.sort_values(column).iloc[0]
    return Estimate(float(row[column]), float(row[column.rpartition("_")[0] + "_stderr"]))


def tail(table: pd.DataFrame, alpha: float) -> Estimate | None:
    """Bits that softmax regression holds for sure, of those that its data sets' singletons have to themselves."""
    rows = table[(table["kind"] == "alpha") & (table["limit"] == alpha)]
    return Estimate(float(rows["share_bits"].iloc[0])) if len(rows) else None


CLAIMS = (
    Claim(
        "least part of the bits of singletons held for sure by a model that adds less than 2.5 % of error",
        above(0.5, "nearly all", percent=True),
        lambda t: least(t, "share_bits", excess_error=0.025),
    ),
    Claim(
        "least error that is added by a model that holds for sure less than a tenth of them",
        above(0.025, "none is accurate", percent=True),
        lambda t: least(t, "excess_error", share_bits=0.1),
    ),
    *(
        Claim(
            f"Zipf, α = {alpha:g}: part of the bits of singletons held for sure by softmax regression",
            above(0.5, "nearly all", percent=True),
            partial(tail, alpha=alpha),
        )
        for alpha in (1.0, 2.0)
    ),
)


def plot(frame: pd.DataFrame) -> Figure:
    """Bits held against error added, beside what is known to suffice; and bits by α."""
    from matplotlib.ticker import PercentFormatter

    from longtail.plots import BLUE, ORANGE, drawing

    arms = frame[frame["kind"] != "alpha"]
    with drawing(12, 7.5) as figure:
        (one, two), (three, four) = figure.subplots(2, 2)
        for axes, part in (
            (one, arms[arms["kind"] != "width of a net"]),
            (two, arms[arms["kind"] == "width of a net"]),
        ):
            _panel(axes, part)
        long = frame[frame["kind"] == "alpha"]
        three.plot(long["limit"], long["line_bits"], "-", color=ORANGE, label="the line, (1 − ρ) d E|X₁|")
        three.plot(long["limit"], long["held_bits"], "o", color=BLUE, label="held by softmax regression")
        three.set_ylabel("bits")
        three.set_title("Bits of singletons, by how long the tail is")
        four.plot(
            long["limit"], long["mass"], "-o", color=ORANGE, label="mass of singletons: what not to hold them costs"
        )
        four.set_title("What they are worth")
        four.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        for axes in (three, four):
            axes.set_xlabel("α of a Zipf prior")
            axes.set_ylim(bottom=0)
            axes.legend(loc="best")
    return figure


def _panel(axes: Axes, part: pd.DataFrame) -> None:
    """Learners that are limited, and curves of learners that need no more."""
    from matplotlib.ticker import PercentFormatter

    from longtail.plots import BLUE, GRAY, GREEN, ORANGE, PURPLE

    first = part.iloc[0]
    n, d = int(first["n"]), int(first["dimension"])
    problem = Problem(Uniform(size=n), n)
    rivals = round(n - exact.subpopulations(problem, 0).value) - 1
    room = information.room(problem, d, float(first["fixed"]), rivals)
    for (name, some), dash in zip(room.groupby("learner", sort=False), ("-", "--", ":"), strict=True):
        axes.plot(some["excess_error"], some["share_of_bits"], dash, color=GRAY, linewidth=1.2, label=SAID[str(name)])
    looks = zip((BLUE, ORANGE, GREEN, PURPLE, "black"), ("o", "s", "^", "v", "D"), strict=True)
    for (kind, some), (color, marker) in zip(part.groupby("kind", sort=False), looks, strict=False):
        axes.errorbar(
            some["excess_error"], some["share_bits"], xerr=2 * some["excess_stderr"], fmt=marker, ms=4, color=color,
            linestyle="none", label=kind,
        )  # fmt: skip
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_title(f"n = {n}, d = {d:,}: the line is {first['line_bits']:,.0f} bits")
    axes.set_xlabel("error added to the best learner's")
    axes.set_ylabel("of the line held for sure")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.legend(loc="best")


if __name__ == "__main__":
    sys.exit(main(name="information"))
