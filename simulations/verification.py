"""Claim (this project's own): error bars are right, and an orthogonal array is worth 1.8 times its trials or more.

Against the exact influence of nearest neighbors (``empirical.learners.knn.exact``), z = (estimate − truth)/error has
standard deviation within .95–1.05, by the exact standard deviation for designs of independent trials and by the reported
standard error for every design but one array alone; and an array that serves all examples divides the mean squared error
by 1.8 or more.

The check by the exact error takes pairs expected to vary at all (a success or failure in all trials: below that a z is 0, or
once in a while huge), the other pairs with at least 20 successes and failures in both cells.
The factor is the mean squared error that independent Bernoulli trials would have, over that measured.

Measured on digits, 8 repeats of each design, seeds 0 to 7 (``python -m simulations.verification``):

    design                               n     trials   z by exact   z by reported   factor
    Fixed(.7)                            1500   2,000    .987         1.000           1.00
    Fixed(.7, stratified)                1500   2,000    .973         1.004           1.00
    Bernoulli(.7)                        1500   2,000    1.015        1.014           .99
    Orthogonal(.75), 16 arrays of 256    60     4,096                 .955            4.2
    Orthogonal(.75), 64 arrays of 256    85     16,384                .964            4.2
    Orthogonal(.75), 4 arrays of 1,024   200    4,096                 .986            3.4
    Orthogonal(.75), 4 arrays of 1,024   341    4,096                 .976            3.9
    Orthogonal(.75), 4 arrays of 4,096   1365   16,384                1.001           2.6
    Orthogonal(.75), 1 array of 4,096    1365   4,096                 .585            2.7
    Orthogonal(.75, stratified), 1,024   1500   4,096                 1.000           1.07
    Orthogonal(.5), 4 arrays of 2,048    1500   8,192                 .948            2.2

By the reported error, spread over seeds makes z of arrays at n ≥ 1365 good to .03–.05, elsewhere to .01–.02. Over 24 repeats
and 6,000 pairs it is .998 for arrays of two levels, .998 at n = 200, and .937 at n = 60, which is outside: there a sixth of
the pairs has a variance below that of one trial, so that z is near 0; without them it is 1.03. One array alone is right only
without selection: over all pairs whose cells are expected to be filled its z is 1.03 (``z_unselected``), but a pair with an
alias has all failures in one cell, so to ask for filled cells drops .3 % of pairs and most of the squared error. No variance
can be right for both: give it four arrays or more. Stratified arrays help little here, so they are an option and no default.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from empirical.data.data import Data
from empirical.data.load import load
from empirical.designs import Bernoulli, Fixed, Orthogonal
from empirical.designs.design import Design
from empirical.estimates.influence import influence, pair_cells
from empirical.learners import KNN
from empirical.learners.knn.exact import exact
from empirical.training.job import Job
from empirical.training.run import run as train
from longtail.core import Estimate, Floats
from longtail.core.published import Published, above
from simulations.claim import Claim
from simulations.command import main

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL = 20  # successes and failures in both cells for a z by the reported error


@dataclass(frozen=True)
class Case:
    """A design at a number of trials, on the first ``n`` training examples."""

    design: Design
    trials: int
    n: int


@dataclass(frozen=True)
class Config:
    """What is run: cases, repeats with a seed each, and at most so many pairs for the reported error."""

    cases: tuple[Case, ...] = (
        Case(Fixed(0.7), 2000, 1500),
        Case(Fixed(0.7, stratified=True), 2000, 1500),
        Case(Bernoulli(0.7), 2000, 1500),
        Case(Orthogonal(0.75, 256), 4096, 60),
        Case(Orthogonal(0.75, 256), 16384, 85),
        Case(Orthogonal(0.75, 1024), 4096, 200),
        Case(Orthogonal(0.75, 1024), 4096, 341),
        Case(Orthogonal(0.75, 4096), 16384, 1365),
        Case(Orthogonal(0.75, 4096), 4096, 1365),
        Case(Orthogonal(0.75, 1024, stratified=True), 4096, 1500),
        Case(Orthogonal(0.5, 2048), 8192, 1500),
    )
    repeats: int = 8
    pairs: int = 3000
    seed: int = 0


QUICK = Config(
    cases=(
        Case(Fixed(0.7), 1000, 1500),
        Case(Bernoulli(0.75), 1024, 341),
        Case(Orthogonal(0.75, 1024), 4096, 341),
        Case(Orthogonal(0.5, 512), 4096, 341),
    ),
    repeats=4,
    pairs=1500,
)


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """One row a case."""
    data = load("digits").data
    return pd.DataFrame([_row(case, config, data) for case in config.cases])


def _row(case: Case, config: Config, data: Data) -> dict[str, object]:
    part = Data(data.x_train[: case.n], data.y_train[: case.n], data.x_test, data.y_test, data.classes)
    t, p = case.trials, case.design.inclusion(case.n)
    q_in, q_out = truth(case.design, part)
    spread = q_in * (1 - q_in) / (t * p) + q_out * (1 - q_out) / (t * (1 - p))
    cell = np.minimum(np.minimum(q_in, 1 - q_in) * t * p, np.minimum(q_out, 1 - q_out) * t * (1 - p)) >= CELL
    often = np.minimum(q_in, 1 - q_in) * t * p + np.minimum(q_out, 1 - q_out) * t * (1 - p) >= 1
    i, j = np.nonzero(cell)
    some = np.random.default_rng(config.seed).permutation(len(i))[: config.pairs]
    i, j = i[some], j[some]
    mean_square, by_exact, by_reported, unselected = [], [], [], []
    for repeat in range(config.repeats):
        trials = train(Job(part, KNN(), case.design, seed=config.seed + repeat), t)
        gap = influence(trials, slice(0, part.n_test)) - (q_in - q_out)
        mean_square.append([np.mean(gap**2), np.mean(spread)])
        if case.design.iid:
            n_in = trials.masks().sum(0)[:, None]
            known = q_in * (1 - q_in) / n_in + q_out * (1 - q_out) / (t - n_in)
            by_exact.append(np.mean(gap[often] ** 2 / known[often]))
        cells = pair_cells(trials, i, j, part.y_train)
        seen = np.minimum(least(cells.in_mean, cells.n_in), least(cells.out_mean, cells.n_out)) >= CELL
        z = (cells.value - (q_in - q_out)[i, j]) / cells.stderr
        by_reported.append(np.mean(z[seen] ** 2))
        unselected.append(np.mean(z**2))
    measured, independent = np.mean(mean_square, 0)
    design = case.design
    return {
        "design": repr(case.design),
        "n": case.n,
        "trials": t,
        "arrays": t // design.rows if isinstance(design, Orthogonal) else 0,
        "serves": isinstance(design, Orthogonal) and not design.stratified and case.n <= design.columns,
        **_deviation("z_by_exact", by_exact),
        **_deviation("z_by_reported", by_reported),
        "z_unselected": float(np.sqrt(np.mean(unselected))),
        "pairs": len(i),
        "repeats": config.repeats,
        "factor": float(independent / measured),
        "factor_stderr": float(independent / measured * _relative(np.array(mean_square)[:, 0])),
    }


def _deviation(name: str, squares: list[Any]) -> dict[str, float]:
    """The root of the mean of the repeats' mean z², and its error; NaN where there are none."""
    value = float(np.sqrt(np.mean(squares))) if squares else float("nan")
    return {name: value, f"{name}_stderr": value * _relative(np.array(squares)) / 2 if squares else value}


def _relative(values: Floats) -> float:
    """The standard error of a mean over repeats, in parts of it."""
    return float(values.std(ddof=1) / np.sqrt(len(values)) / values.mean())


def least(accuracy: Floats, trials: Floats) -> Floats:
    """Successes or failures in a cell, whichever are fewer."""
    return np.asarray(np.round(np.minimum(accuracy, 1 - accuracy) * trials), float)


def truth(design: Design, data: Data) -> tuple[Floats, Floats]:
    """Exact chances of being right, in and out, (n, n_test): of fixed size or Bernoulli, which arrays are unbiased for."""
    if isinstance(design, Fixed):
        return exact(data, m=design.size(data.n))[1].dense(data.n)
    return exact(data, p=design.inclusion(data.n))[1].dense(data.n)


HELD = Published(".95 to 1.05", 0.95, 1.05, otherwise=0.5)
CLAIMS = (
    Claim(
        "standard deviation of z by the exact error, the farthest from 1 of all designs of independent trials",
        HELD,
        lambda t: farthest(t, "z_by_exact"),
    ),
    Claim(
        "the same by the reported error, of all designs but one array alone",
        HELD,
        lambda t: farthest(t[t["arrays"] != 1], "z_by_reported"),
    ),
    Claim(
        "independent trials that a trial of an array is worth, where it serves all examples, the least",
        above(1.8, "1.8 or more"),
        lambda t: least_factor(t[t["serves"]]),
    ),
)


def farthest(table: pd.DataFrame, column: str) -> Estimate:
    """The value that is farthest from 1, with its error over repeats."""
    row = table.iloc[int((table[column] - 1).abs().argmax())]
    return Estimate(float(row[column]), float(row[f"{column}_stderr"]))


def least_factor(table: pd.DataFrame) -> Estimate:
    """The smallest factor, with its error over repeats."""
    row = table.iloc[int(table["factor"].argmin())]
    return Estimate(float(row["factor"]), float(row["factor_stderr"]))


def plot(frame: pd.DataFrame) -> Figure:
    """Both z of each design, between the lines that the claim draws."""
    from longtail.plots import BLUE, GRAY, ORANGE, drawing

    with drawing(8, 0.4 * len(frame) + 1.6) as figure:
        axes = figure.subplots()
        place = np.arange(len(frame))[::-1]
        axes.axvspan(0.95, 1.05, color=GRAY, alpha=0.18)
        axes.plot(frame["z_by_reported"], place, "o", color=BLUE, label="by the reported standard error")
        axes.plot(frame["z_by_exact"], place, "s", color=ORANGE, mfc="none", label="by the exact one")
        rows = zip(frame["design"], frame["n"], frame["trials"], frame["factor"], strict=True)
        axes.set_yticks(place, [f"{d}\nn = {n:,}, t = {t:,}, factor {f:.2f}" for d, n, t, f in rows], fontsize=7)
        axes.set_xlabel("standard deviation of z against the exact influence of nearest neighbors")
        axes.set_title("Do the error bars hold?")
        axes.legend(loc="best", fontsize=8)
    return figure


if __name__ == "__main__":
    sys.exit(main(name="verification"))
