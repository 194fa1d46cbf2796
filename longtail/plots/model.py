"""Figures of the model, drawn from tables alone: one problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import PercentFormatter

from longtail.core.shares import percent
from longtail.plots.style import BLUE, GRAY, ORANGE, drawing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def problem_figure(title: str, samples: int, table: pd.DataFrame, curve: pd.DataFrame, tail: pd.DataFrame) -> Figure:
    """Cost by ℓ, τ by ℓ, error against n, and where the tail lies.

    >>> from longtail import Problem, Zipf, bounds, exact
    >>> from longtail.exact.scale import error_against_samples
    >>> problem = Problem(Zipf(alpha=1, size=100), n=50)
    >>> curve = error_against_samples(problem, points=3)
    >>> figure = problem_figure("Zipf", problem.n, exact.table(problem, [0, 1, 2]), curve, bounds.frequencies(problem))
    >>> figure.axes[0].get_xlabel()
    'times seen, ℓ'
    """
    with drawing(10, 7.2) as figure:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        ((costs, taus), (errors, tails)) = figure.subplots(2, 2)
        _costs(costs, table)
        _taus(taus, table)
        _errors(errors, curve, samples)
        _tail(tails, tail, samples)
    return figure


def _costs(axes: Axes, table: pd.DataFrame) -> None:
    seen = table[table["ell"] > 0]
    axes.bar(seen["ell"], seen["cost"], color=np.where(seen["ell"] == 1, ORANGE, BLUE), width=0.75)
    axes.set_title("Error added by guessing what was seen ℓ times")
    axes.set_xlabel("times seen, ℓ")
    axes.set_ylabel(r"cost, $(1 - 1/K)\,\tau_\ell\,\mathrm{E}|X_\ell|$", parse_math=True)
    axes.set_xticks(seen["ell"])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))


def _taus(axes: Axes, table: pd.DataFrame) -> None:
    ell = table["ell"]
    axes.plot(ell, ell, ":", color=GRAY, label="frequency in the sample, ℓ/n")
    axes.plot(ell, table["n_tau"], "o-", color=BLUE, label="frequency to expect")
    axes.set_title("How frequent is what was seen ℓ times")
    axes.set_xlabel("times seen, ℓ")
    axes.set_ylabel(r"n times the frequency, $n\tau_\ell$", parse_math=True)
    axes.set_xticks(ell)
    axes.legend(loc="best")


def _errors(axes: Axes, curve: pd.DataFrame, samples: int) -> None:
    axes.plot(
        curve["samples"], curve["error_guessing_singletons"], "--", color=ORANGE, label="guessing what was seen once"
    )
    axes.plot(curve["samples"], curve["optimal_error"], "-", color=BLUE, label="memorizing it (optimal)")
    axes.fill_between(
        curve["samples"], curve["optimal_error"], curve["error_guessing_singletons"], color=ORANGE, alpha=0.15
    )
    axes.axvline(samples, color=GRAY, linestyle=":", label=f"n = {samples:,}")
    axes.set_xscale("log")
    axes.set_title("Error against the number of samples")
    axes.set_xlabel("samples, n")
    axes.set_ylabel("error")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.legend(loc="best")


def _tail(axes: Axes, tail: pd.DataFrame, samples: int) -> None:
    axes.plot(tail["frequency"], tail["mass_below"], color=BLUE)
    ends = np.interp(np.log([1 / (3 * samples), 2 / samples]), np.log(tail["frequency"]), tail["mass_below"])
    inside = f"[1/3n, 2/n]: {percent(ends[1] - ends[0], '.2g')} of the data"
    axes.axvspan(1 / (3 * samples), 2 / samples, color=ORANGE, alpha=0.2, label=inside)
    axes.axvline(1 / samples, color=GRAY, linestyle=":", label="1/n")
    axes.set_xscale("log")
    axes.set_ylim(0, 1.02)
    axes.set_title("Where the tail lies")
    axes.set_xlabel("frequency of a subpopulation, D(x)")
    axes.set_ylabel("share of the data in rarer ones")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.legend(loc="upper left")
