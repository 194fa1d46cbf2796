"""Claim (this project's own): a profile shows the interval of a parameter where a parabola follows no ridge, and what is open.

Data of 4,000 examples, Zipf .8, λ ~ Beta(1.5, 1), difficulty .6, guesses partly alike (.3), a fifth of them dust, are fitted to
memorization and to what a run with ``--learning-curve`` knows beside. A profile is how −2 log L rises as one parameter is moved
and all others follow; a 95 % interval ends where it has risen by what simulated data sets allow. Wald's interval is the estimate
± 1.96 standard errors: where that is drawn level with the ends of the curve, a parabola says as much.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from longtail.core import Estimate
from longtail.core.published import above, below, equal
from simulations.claim import Claim
from simulations.command import main
from simulations.coverage import known_together, truth_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Z = 1.96


@dataclass(frozen=True)
class Config:
    """How many examples and models, points of a profile, and simulated data sets; ``guess`` is what is fitted of guesses."""

    samples: int = 4000
    trials: int = 2000
    points: int = 9
    simulations: int = 200
    guess: str = "dust"
    seed: int = 4


QUICK = Config(points=7, simulations=60)


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """The profiles of all parameters, each with its truth, its interval (``low``, ``high``) and Wald's."""
    from empirical.bridge.fit import fit
    from empirical.bridge.profiles import profiles
    from empirical.estimates.noise import SubsetNoise

    problem, coupling, ((estimates, beside),) = known_together(config.samples, config.trials, 1, config.seed)
    how: Any = {"guess": config.guess, "beside": beside, "simulations": config.simulations}
    found = fit(estimates, problem.n_classes, SubsetNoise(config.trials), "Zipf", "beta", **how)
    table = profiles(found, points=config.points)
    columns: dict[str, dict[str, float]] = {"truth": truth_of(problem.prior, coupling)}
    columns |= {end: {name: ends[k] for name, ends in found.intervals.items()} for k, end in enumerate(("low", "high"))}
    for end, z in (("wald_low", -Z), ("wald_high", Z)):
        columns[end] = {name: one.value + z * one.stderr for name, one in found.parameters.items()}
    return table.assign(**{column: table["parameter"].map(of) for column, of in columns.items()})


def held(table: pd.DataFrame) -> Estimate:
    """The share of parameters whose interval holds the truth."""
    rows = table.groupby("parameter").first()
    return Estimate(float(((rows["low"] <= rows["truth"]) & (rows["truth"] <= rows["high"])).mean()))


def beside_wald(table: pd.DataFrame, name: str) -> Estimate | None:
    """How far below the estimate the profile's interval reaches, in parts of Wald's."""
    rows = table[table["parameter"] == name]
    if rows.empty:
        return None
    best = _best(rows)
    return Estimate((best - float(rows["low"].iloc[0])) / (best - float(rows["wald_low"].iloc[0])))


def read_off(table: pd.DataFrame) -> Estimate:
    """The largest difference of an end read off a profile from the one searched for, in parts of its distance from the best; of
    those that are not open.
    """
    from empirical.report.profile_figure import crossings

    apart = []
    for _, rows in table.groupby("parameter"):
        best = _best(rows)
        for drawn, end in zip(crossings(rows), rows[["low", "high"]].to_numpy(float)[0], strict=True):
            if np.isfinite(drawn) and np.isfinite(end):
                apart.append(abs(drawn - end) / abs(end - best))
    return Estimate(float(max(apart)))


def _best(rows: pd.DataFrame) -> float:
    return float(rows["value"].to_numpy(float)[rows["rise"].to_numpy(float).argmin()])


def farthest(table: pd.DataFrame, name: str) -> Estimate | None:
    """The rise at the largest value that was tried, in parts of what 95 % allow."""
    rows = table[table["parameter"] == name]
    return None if rows.empty else Estimate(float(rows["rise"].iloc[-1] / rows["allowed"].iloc[-1]))


CLAIMS = (
    Claim("share of parameters whose interval holds the truth", equal(1.0, "1"), held),
    Claim(
        "how far below its estimate λ's mean may lie, by its profile in parts of Wald's",
        above(2.0, "more than 2"),
        partial(beside_wald, name="coupling"),
    ),
    Claim(
        "rise at the largest a + b that was tried, in parts of what 95 % allow",
        below(1.0, "below 1: open above"),
        partial(farthest, name="concentration"),
    ),
    Claim("largest difference of ends read off a profile and searched for", below(0.25, "below a quarter"), read_off),
)


def plot(frame: pd.DataFrame) -> Figure:
    """A panel a parameter: the profile in parts of what 95 % allow, Wald's interval where it ends, and the truth."""
    from empirical.report.frequencies import PARAMETERS
    from empirical.report.profile_figure import POSITIVE, panels
    from longtail.plots import BLUE, GRAY, ORANGE, drawing

    names = list(dict.fromkeys(frame["parameter"]))
    with drawing(11, 5.6) as figure:
        every = panels(figure, len(names), -(-len(names) // 2), "rise, in parts of what 95 % allow")
        for axes, name in zip(every, names, strict=True):
            rows = frame[frame["parameter"] == name]
            axes.plot(rows["value"], rows["rise"] / rows["allowed"], "o-", color=BLUE, markersize=4, label="profile")
            axes.axhline(1, color=GRAY, linestyle="--", linewidth=1, label="95 % intervals end here")
            axes.axvline(rows["truth"].iloc[0], color=GRAY, linewidth=1, label="truth")
            wald = rows[["wald_low", "wald_high"]].iloc[0].to_numpy(float)
            axes.plot(wald, [1, 1], "|-", color=ORANGE, linewidth=2, markersize=12, label="Wald's interval")
            axes.set_ylim(-0.05, 2)
            axes.set_xlabel(f"{name}: {PARAMETERS[name]}")
            if name in POSITIVE:
                axes.set_xscale("log")
        every[0].set_title("Profiles of a joint fit")
        handles, labels = every[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize="small")
    return figure


if __name__ == "__main__":
    sys.exit(main(name="profiles"))
