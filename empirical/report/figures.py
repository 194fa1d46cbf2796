"""The bridge's figures, from its tables alone: theory as lines, observation as points with error bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from empirical.estimates.removal import ALL, DISTINCT, margin, of_set
from empirical.report.profile_figure import profiles
from longtail.plots import BLUE, GRAY, GREEN, ORANGE, PURPLE, plain_powers, styled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd
    from matplotlib.axes import Axes

INK, SKY = "#1a1a1a", "#56B4E9"
INKED = ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color")
MANY = 30  # counts up to here are seen on an even scale
BARS: dict[str, Any] = {"fmt": "o", "color": BLUE, "markersize": 4, "capsize": 2.5, "elinewidth": 1.2}


def figures(frames: Mapping[str, pd.DataFrame], name: str, ink: str = INK) -> dict[str, Figure]:
    """Every figure whose table is there, by name."""
    wanted: dict[str, Callable[[], Figure]] = {
        "theory": lambda: theory(frames["shares"]),
        "distribution": lambda: distribution(frames["distribution"]),
        "influence": lambda: influence(frames["influence"]),
        "removal": lambda: removal(frames["predicted_removal"], frames.get("removal")),
        "samples": lambda: samples(frames["error_against_samples"]),
        "profiles": lambda: profiles(frames["profiles"]),
    }
    needed = {"removal": "predicted_removal", "samples": "error_against_samples", "theory": "shares"}
    with styled(**dict.fromkeys(INKED, ink)):
        return {key: plain_powers(draw()) for key, draw in wanted.items() if needed.get(key, key) in frames}


def theory(table: pd.DataFrame) -> Figure:
    """The share of examples memorized θ or more, observed and fitted."""
    figure = Figure(figsize=(4.75, 3.4), layout="constrained")
    draw_theory(figure.subplots(), table)
    return figure


def draw_theory(axes: Axes, table: pd.DataFrame) -> None:
    """The same on axes that there are.

    >>> import pandas as pd
    >>> axes = Figure().subplots()
    >>> columns = ["threshold", "observed", "observed_stderr", "fitted", "stderr"]
    >>> draw_theory(axes, pd.DataFrame([(0.25, 0.4, 0.01, 0.41, 0.01), (0.5, 0.2, 0.01, 0.2, 0.01)], columns=columns))
    >>> axes.get_ylabel()
    'share of training examples'
    """
    axes.set_title("How many examples are memorized that much")
    theta, fitted = table["threshold"], table["fitted"]
    band = 2 * table["stderr"]
    axes.fill_between(theta, np.maximum(fitted - band, 0), fitted + band, color=ORANGE, alpha=0.2, linewidth=0)
    axes.plot(theta, fitted, "-", color=ORANGE, label="long-tail theory, fitted (band: 2 s.e. of chance)")
    some = table.iloc[:: max(1, len(table) // 18)]
    axes.errorbar(
        some["threshold"], some["observed"], yerr=2 * some["observed_stderr"], label="observed (± 2 s.e.)", **BARS
    )
    axes.set_xlabel("memorization of at least θ")
    axes.set_ylabel("share of training examples")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.legend(loc="best")


def distribution(table: pd.DataFrame) -> Figure:
    """Examples by memorization, observed and fitted, on a logarithmic scale."""
    figure, axes = _panel("Memorization of the training examples")
    middle, width = (table["low"] + table["high"]) / 2, table["high"] - table["low"]
    axes.bar(middle, table["observed"], width=width, color=BLUE, alpha=0.35, label="observed")
    bar: dict[str, Any] = {"fmt": "none", "ecolor": BLUE, "capsize": 2, "elinewidth": 1.0}
    axes.errorbar(middle, table["observed"], yerr=2 * table["stderr"], **bar)
    axes.step(table["low"], table["fitted"], where="post", color=ORANGE, label="long-tail theory, fitted")
    counts(axes)
    axes.set_xlabel("memorization")
    axes.set_ylabel("training examples")
    axes.legend(loc="best")
    return figure


def influence(table: pd.DataFrame) -> Figure:
    """Pairs with influence ≥ θ, observed and as the fit to memorization alone predicts them."""
    figure, axes = _panel("Test examples carried by a training example")
    _curve(axes, table, "threshold", "pairs_fitted", ORANGE, "-", label="pairs, by the fit (± 2 s.e.)")
    _curve(axes, table, "threshold", "tests_fitted", PURPLE, "--", label="test examples in them, by the fit")
    seen = table[table["pairs"] > 0]
    bars = BARS | {"color": BLUE}
    axes.errorbar(seen["threshold"], seen["pairs"], yerr=2 * seen["pairs_stderr"], label="pairs, observed", **bars)
    bars = BARS | {"color": GREEN, "fmt": "s"}
    axes.errorbar(
        seen["threshold"], seen["tests"], yerr=2 * np.sqrt(seen["tests"]), label="test examples, observed", **bars
    )
    counts(axes)
    axes.set_xlabel("influence of at least θ")
    axes.set_ylabel("count")
    axes.legend(loc="best")
    return figure


def removal(predicted: pd.DataFrame, observed: pd.DataFrame | None) -> Figure:
    """Accuracy lost without the most memorized examples and without as many random ones."""
    figure, axes = _panel("Accuracy lost by training without them")
    # so that a single threshold is seen
    few: dict[str, Any] = {"marker": ".", "markersize": 5} if len(predicted) < 10 else {}
    theta = predicted["threshold"]
    everywhere = theta if observed is None else [*theta, *observed["threshold"]]
    low, high = min(everywhere) - 0.05, max(everywhere) + 0.05
    axes.set_xlim(low, high)
    _curve(axes, predicted, "threshold", "lost", ORANGE, "-", label="memorized ≥ θ, theory (± 2 s.e.)", **few)
    _curve(axes, predicted, "threshold", "lost_random", GRAY, "--", label="as many at random, theory", **few)
    looks = (
        (ALL, "lost", BLUE, "o", "memorized ≥ θ, observed (95 %)"),
        (ALL, "lost_random", GREEN, "s", "as many at random, observed (95 %)"),
        (DISTINCT, "lost", PURPLE, "^", "memorized ≥ θ, without near-duplicates"),
        (DISTINCT, "lost_random", SKY, "v", "as many at random, without near-duplicates"),
    )
    for place, (chosen, column, color, marker, label) in enumerate(looks):
        rows = of_set(observed, chosen) if observed is not None else predicted.iloc[:0]
        if rows.empty:
            continue
        beside = 0.009 * (high - low) * (place - 1.5)  # bars that would hide each other
        bars = BARS | {"color": color, "fmt": marker}
        axes.errorbar(
            rows["threshold"] + beside,
            rows[column],
            yerr=margin(rows[f"{column}_stderr"], rows["tests"]),
            label=label,
            **bars,
        )
    axes.axhline(0, color=GRAY, linewidth=0.7)
    axes.set_xlabel("memorization of at least θ")
    axes.set_ylabel("test accuracy lost, percentage points")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    figure.legend(loc="outside lower left")  # up to six: no corner is free
    figure.set_figheight(3.2 + 0.2 * len(axes.get_legend_handles_labels()[1]))
    return figure


def samples(table: pd.DataFrame) -> Figure:
    """Expected test error against the size of the training set, and the observed one."""
    figure, axes = _panel("Test error that theory expects of more data")
    _curve(axes, table, "samples", "error", ORANGE, "-", most=1.0, label="long-tail theory, fitted (± 2 s.e.)")
    seen = table.dropna(subset="observed")
    axes.errorbar(
        seen["samples"], seen["observed"], yerr=2 * seen["observed_stderr"], label="observed (± 2 s.e.)", **BARS
    )
    axes.set_xscale("log")
    axes.legend(loc="best")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("training examples")
    axes.set_ylabel("expected test error")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    return figure


def counts(axes: Axes) -> None:
    """A scale of counts from 0, logarithmic from 10 on, where there are so many; whole numbers are marked.

    >>> axes = Figure().subplots()
    >>> bars = axes.bar([1, 2], [1, 4])
    >>> counts(axes)
    >>> axes.get_yscale(), float(axes.get_ylim()[0])
    ('linear', 0.0)
    """
    if axes.get_ylim()[1] > MANY:
        axes.set_yscale("symlog", linthresh=10)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)


def _curve(
    axes: Axes, table: pd.DataFrame, x: str, y: str, color: str, style: str, *, most: float = np.inf, **options: Any
) -> None:
    """A prediction, with twice its standard error where that is known, of a number from 0 to ``most``."""
    axes.plot(table[x], table[y], style, color=color, **options)
    if f"{y}_stderr" in table:
        middle, band = table[y].to_numpy(float), 2 * table[f"{y}_stderr"].to_numpy(float)
        low, high = np.clip([middle - band, middle + band], 0, most)
        axes.fill_between(table[x], low, high, color=color, alpha=0.18, linewidth=0)


def _panel(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.75, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes
