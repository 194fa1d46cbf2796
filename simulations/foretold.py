"""Whether a loss was foretold, by whom, and how much better by one than by another.

A case has the loss L that was seen, with standard error s, and what each forecaster said of it before: P with standard error e.
It was foretold if P is within its own 95 % interval, or within a quarter of the loss:

    |P − L| ≤ 1.96 √(s² + e²)     or     |P − L| ≤ |L|/4.

A forecaster who says little (a large e) is right by this, so the same is counted with the errors of what was seen alone, s for
√(s² + e²). Forecasters are compared by their mean absolute error. Its error, and that of the difference of two on the same
cases, is of a bootstrap (Efron 1979): cases drawn with replacement, and to each loss a draw of its own error added, the same for
all forecasters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.estimates.removal import margin
from longtail.core import Estimate, Floats
from longtail.core.intervals import Z95

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

THEORY, ALONE, RANDOM = "theory", "memorization alone", "as many at random"
SUMS, WHOLE = "sum of influences", "that sum and what as many others carry"
COLUMNS = {THEORY: "predicted", ALONE: "alone", SUMS: "linear", WHOLE: "whole", RANDOM: "random"}
QUARTER = 0.25
DRAWS = 10_000
FEWEST = 5  # cases, of which a bootstrap says something


def told(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """A row for each case and forecaster who said something of it, on all test examples at that level of memorization.

    ``sharp`` is whether it was right by the errors of what was seen alone, or within a quarter.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for row in table[(table["set"] == "all") & np.isclose(table["threshold"], level)].to_dict("records"):
        half = float(margin(row["lost_stderr"], row["tests"]))
        for name, column in COLUMNS.items():
            error = row["lost_random_stderr" if name == RANDOM else f"lost_stderr_{column}"]
            says = row[f"lost_{column}"]
            if not np.isfinite(says):
                continue
            off = abs(says - row["lost"])
            near = off <= QUARTER * abs(row["lost"])
            rows.append(
                {
                    "data": row["data"],
                    "learner": row["learner"],
                    "forecaster": name,
                    "lost": row["lost"],
                    "margin": half,
                    "told": says,
                    "told_margin": Z95 * error,
                    "off": off,
                    "within": bool(near or off <= np.hypot(half, Z95 * error)),
                    "sharp": bool(near or off <= half),
                }
            )
    return pd.DataFrame(rows)


def scores(found: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """A row a forecaster: of how many ``cases``, how many are ``within`` and ``sharp``; the ``median`` absolute error, the mean,
    and by how much that is ``more`` than theory's on the cases of both; errors by bootstrap.
    """
    import pandas as pd

    rows = []
    by = found.set_index(["data", "learner"])
    ours = by[by["forecaster"] == THEORY]
    for name in COLUMNS:
        part = by[by["forecaster"] == name]
        if part.empty:
            continue
        both = ours.index.intersection(part.index)
        mine, theirs = ours.loc[both], part.loc[both]
        lost, spread = mine["lost"].to_numpy(float), mine["margin"].to_numpy(float) / Z95
        says = np.array([theirs["told"], mine["told"]], float)
        error, more = errors(says, lost, spread, seed)
        counts = {"cases": len(part), "within": int(part["within"].sum()), "sharp": int(part["sharp"].sum())}
        numbers = {"error": error.value, "error_stderr": error.stderr, "more": more.value, "more_stderr": more.stderr}
        rows.append({"forecaster": name, **counts, "median": float(part["off"].median()), **numbers})
    return pd.DataFrame(rows)


def errors(says: Floats, lost: Floats, spread: Floats, seed: int = 0, draws: int = DRAWS) -> tuple[Estimate, Estimate]:
    """Mean absolute error of the first of two forecasters (2, cases), and by how much it is more than the second's."""

    def both(at: Floats, truth: Floats) -> Floats:
        off = np.abs(at - truth).mean(-1)
        return np.array([off[0], off[0] - off[1]])

    value = both(says, lost)
    rng = np.random.default_rng(seed)
    which = rng.integers(0, len(lost), (draws, len(lost)))
    truth = lost[which] + spread[which] * rng.standard_normal(which.shape)
    spreads = both(says[:, which], truth).std(1, ddof=1)
    return Estimate(float(value[0]), float(spreads[0])), Estimate(float(value[1]), float(spreads[1]))


def more(found: pd.DataFrame, name: str) -> Estimate | None:
    """By how much a rival errs more than theory, None of too few cases."""
    rows = [row for row in scores(found).to_dict("records") if row["forecaster"] == name and row["cases"] >= FEWEST]
    return Estimate(rows[0]["more"], rows[0]["more_stderr"]) if rows else None


def panel(axes: Axes, found: pd.DataFrame) -> None:
    """What each forecaster said against what was lost, with 95 % intervals; the diagonal, and a quarter about it."""
    from matplotlib.ticker import FuncFormatter

    from longtail.plots import BLUE, GRAY, GREEN, ORANGE, PURPLE

    sky = "#56B4E9"
    line = np.concatenate([np.linspace(-0.02, 0.002, 50), np.geomspace(0.002, 0.4, 100)])
    low, high = ((1 - QUARTER) * line, (1 + QUARTER) * line)
    axes.fill_between(line, np.minimum(low, high), np.maximum(low, high), color=GRAY, alpha=0.2, linewidth=0)
    axes.plot(line, line, color=GRAY, linewidth=0.8)
    looks = {THEORY: (ORANGE, "o"), ALONE: (BLUE, "s"), SUMS: (GREEN, "^"), WHOLE: (sky, "D"), RANDOM: (PURPLE, "v")}
    for name, (color, marker) in looks.items():
        part = found[found["forecaster"] == name]
        bars: dict[str, Any] = {"yerr": part["told_margin"], "xerr": part["margin"]} if name == THEORY else {}
        style: dict[str, Any] = {"color": color, "elinewidth": 0.8, "capsize": 0, "linestyle": "none"}
        axes.errorbar(part["lost"], part["told"], marker=marker, markersize=4.5, label=name, **style, **bars)
    for scale in (axes.set_xscale, axes.set_yscale):
        scale("symlog", linthresh=0.01)
    axes.set_xlim(-0.012, 0.25)
    axes.set_ylim(-0.012, 0.4)
    ticks = [-0.01, 0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks)
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:.3g}%".replace("-", "−")))
        axis.minorticks_off()
    axes.set_xlabel("accuracy lost without the memorized (95 %)")
    axes.set_ylabel("foretold")
    axes.legend(loc="lower right", fontsize=8)
    axes.set_title("Who foretold it")
