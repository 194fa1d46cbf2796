"""What ``python -m empirical.limit`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.report.numbers import brief, p_value
from longtail.core.intervals import Z95
from longtail.core.shares import percent

if TYPE_CHECKING:
    from empirical.data.dataset import Dataset
    from empirical.limits.costs import Costs


def report(dataset: Dataset, found: Costs) -> str:
    """Tables in percentage points, with 95 % errors; theory beside what was measured."""
    first, limited = found.arms.iloc[0], found.arms.iloc[1:]
    titles = ("", "lost", "γ", "theory", "private", "most: group", "lost", "p", "order")
    lines = [
        f"{dataset.name}: {first['learner']} is right on {percent(first['test_accuracy'], '.2f')} of {dataset.data.n_test:,} "
        f"test examples (mean of {first['models']} models).",
        "",
        "Lost: percentage points of test accuracy, ± 95 %; γ: what is left of memorization; theory: with that γ; private:",
        "the least that privacy costs",
        "",
        "{:<24} {:>14}  {:>5} {:>7} {:>7}   {:<14} {:>14}  {:>6} {:>6}".format(*titles),
        *(_line(row) for row in limited.to_dict("records")),
    ]
    lines += [
        "",
        "p: chance that groups which pay alike differ as much.  order: rank correlation of the groups' losses with theory's",
        "",
        f"By memorization{'':<24} {'examples':>8} {'trained on':>14} {'theory':>7} {'held out':>14} {'theory':>7}",
    ]
    for row in found.bins.to_dict("records"):
        span = f"{_end(row['low'], 'below')} to {_end(row['high'], 'above')}".replace("below to", "below").replace(
            "to above", "and more"
        )
        lines.append(
            f"{_cut(row['arm'], 24):<24} {span:<14} {row['examples']:>8,.0f} {_loss(row['in_lost'], row['in_stderr'])} "
            f"{_points(row['in_predicted'])} {_loss(row['out_lost'], row['out_stderr'])} {_points(row['out_predicted'])}"
        )
    if found.theory is not None:
        lines += [
            "",
            f"Theory: frequencies {brief(found.theory['prior'])}, one member of a subpopulation teaches another with probability "
            f"{found.theory['coupling']:.2f} on average; {p_value(found.theory['goodness']['p_value'])}",
        ]
    return "\n".join(lines)


def _line(row: dict[Any, Any]) -> str:
    return (
        f"{_cut(row['arm'], 24):<24} {_loss(row['lost'], row['stderr'])}  {row['gamma']:>5.2f} "
        f"{_points(row['lost_limited'])} {_points(row['lost_private'])}   {_cut(str(row['worst_group']), 14):<14} "
        f"{_loss(row['worst_lost'], row['worst_stderr'])}  {row['disparity_p']:>6.3f} {_number(row['order'])}"
    )


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _loss(value: float, stderr: float) -> str:
    return f"{'–':>14}" if np.isnan(value) else f"{100 * value:>6.2f} ± {100 * Z95 * stderr:>5.2f}"


def _points(value: Any) -> str:
    return f"{'–':>7}" if np.isnan(value) else f"{100 * value:>7.2f}"


def _number(value: float) -> str:
    return f"{'–':>6}" if np.isnan(value) else f"{value:>6.2f}"


def _end(value: float, word: str) -> str:
    return word if np.isinf(value) else f"{value:g}"
