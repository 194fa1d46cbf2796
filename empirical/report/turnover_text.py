"""What turn-over dropout found, in words and in a few tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from longtail.core.shares import percent
from longtail.core.shown import many

SHOWN = {
    "group": "group",
    "examples": "examples",
    "own_accuracy": "own accuracy",
    "flipped_accuracy": "flipped accuracy",
    "memorization": "memorization",
    "memorization_loss": "memorization, loss",
    "norm": "gradient",
    "alignment": "alignment",
}
CHANGING = 20  # examples shown


def report(summary: Mapping[str, Any]) -> str:
    """By epoch, by group at the last one, and how fast groups are learned."""
    table = pd.DataFrame(summary["epochs"]).rename(columns=lambda name: name.replace("_", " "))
    parts = [
        f"{summary['n']:,} training and {many(summary['n_test'], 'test example')}, {many(len(summary['seeds']), 'net')}"
    ]
    parts.append(table.to_string(index=False, float_format=lambda v: f"{v:.3f}"))
    if "groups" in summary:
        groups, last = pd.DataFrame(summary["groups"]), summary["epochs"][-1]["epoch"]
        shown = groups[groups["epoch"] == last]
        parts.append(
            f"by group, after epoch {last}, ± one standard error over nets\n{with_errors(shown).to_string(index=False)}"
        )
        parts += [speed(row, summary["speeds"][0]["group"]) for row in summary["speeds"]]
    return "\n\n".join(parts[:3]) + ("\n\n" + "\n".join(parts[3:]) if len(parts) > 3 else "")


def with_errors(groups: pd.DataFrame) -> pd.DataFrame:
    """The columns of a table by group that a reader is shown, as text, each value with its error."""
    found: dict[str, Any] = {}
    for name, title in SHOWN.items():
        if name not in groups:
            continue
        value = groups[name].tolist()
        if f"{name}_stderr" in groups:
            value = [_pm(*pair) for pair in zip(value, groups[f"{name}_stderr"], strict=True)]
        found[title] = value
    return pd.DataFrame(found)


def speed(row: Mapping[str, Any], first: str) -> str:
    """When a group is half-learned, and how that compares to the first group."""
    half, low, high = (_number(row[name]) for name in ("half_learned", "low", "high"))
    if half != half:
        return f"{row['group']}: not half-learned by every net (loss of ½ log K) at the last of these epochs"
    text = f"{row['group']}: half-learned after {half:.2f} epochs{_between(low, high)}"
    if row["group"] == first:
        return text
    slower, below, above = (_number(row[name]) for name in ("slower", "slower_low", "slower_high"))
    return text if slower != slower else f"{text}, {slower:.2f} times as long as “{first}”{_between(below, above)}"


def changing(table: pd.DataFrame, top: int = CHANGING) -> pd.DataFrame:
    """The examples whose memorization in loss changes most between epochs, each with its values by epoch, largest range first."""
    by = table.pivot(index="index", columns="epoch", values="memorization_loss")
    order = (by.max(axis=1) - by.min(axis=1)).sort_values(ascending=False, kind="stable").index[:top]
    shown = by.loc[order].rename(columns=lambda epoch: f"epoch {epoch}")
    named = table.drop_duplicates("index").set_index("index")
    for at, name in enumerate(name for name in ("id", "label", "true_label") if name in named):
        shown.insert(at, name.replace("_", " "), named.loc[order, name])
    return shown.reset_index()


def headline(summary: Mapping[str, Any]) -> str:
    """One sentence for the report."""
    first, last = summary["epochs"][0], summary["epochs"][-1]
    nets = len(summary["seeds"])
    return (
        f"{many(nets, 'net')} under turn-over dropout, whose examples each have a sub-network that never saw "
        f"them: mean memorization in accuracy is {first['memorization']:.3f} after epoch {first['epoch']} and "
        f"{last['memorization']:.3f} after epoch {last['epoch']}, when {percent(last['share_above_0.25'], '.1f')} of "
        "examples reach .25. It is biased upwards, for an example's sub-network is half a net; errors are over nets, not the "
        "subset estimator's."
    )


def pace(speeds: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line a group."""
    return [speed(row, speeds[0]["group"]) for row in speeds]


def _pm(value: float, error: float) -> str:
    return f"{value:.3f}" if not np.isfinite(_number(error)) else f"{value:.3f} ± {error:.3f}"


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _between(low: float, high: float) -> str:
    return f" (95 %: {low:.2f} to {high:.2f})" if low == low and high == high else ""
