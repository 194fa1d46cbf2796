"""A claim: what was published, and where our number for it stands in a simulation's table."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from longtail.core import Estimate
from longtail.core.published import Finding, Published

if TYPE_CHECKING:
    import pandas as pd

# z of differences that should be noise alone: their mean square is 1, and 4 if the errors were twice as large as they say
FAIR = Published("1", 1.0, 1.0, otherwise=4.0)


@dataclass(frozen=True)
class Claim:
    """``ours`` reads the number, with its standard error, off the table; None where the table has no such row."""

    text: str
    published: Published
    ours: Callable[[pd.DataFrame], Estimate | None]

    def found(self, table: pd.DataFrame | None) -> Finding:
        """The claim beside what was found; without a table, as where data are missing, it was not tried."""
        return Finding(self.text, self.published, None if table is None else self.ours(table))


def cell(table: pd.DataFrame, column: str, stderr: str | None = None, **where: Any) -> Estimate | None:
    """The number in the one row where columns have these values, with its standard error in another column; None without one."""
    rows = chosen(table, **where)
    if not len(rows):
        return None
    if len(rows) > 1:
        raise ValueError(f"{len(rows)} rows have {where}")
    return Estimate(float(rows[column].iloc[0]), float(rows[stderr].iloc[0]) if stderr else 0.0)


def at(column: str, stderr: str | None = None, **where: Any) -> Callable[[pd.DataFrame], Estimate | None]:
    """``cell``, once there is a table."""
    return partial(cell, column=column, stderr=stderr, **where)


def chosen(table: pd.DataFrame, **where: Any) -> pd.DataFrame:
    """The rows where columns have these values: floats to nine digits, for they may have been computed."""
    keep = np.ones(len(table), bool)
    for name, value in where.items():
        column = table[name]
        same = np.isclose(column.astype(float), value, rtol=1e-9) if isinstance(value, float) else column == value
        keep &= np.asarray(same, bool)
    return table[keep]


def fairness(z: pd.Series[float]) -> Estimate | None:
    """Mean z² with its standard error √(2/k), of k differences that are noise alone if a claim is true."""
    known = z.dropna().to_numpy(float)
    return Estimate(float(np.mean(known**2)), math.sqrt(2 / len(known))) if len(known) else None


def ratio(top: Estimate | None, bottom: Estimate | None) -> Estimate | None:
    """top / bottom of two independent estimates, by the delta method."""
    if top is None or bottom is None or not bottom.value:
        return None
    value = top.value / bottom.value
    return Estimate(value, math.hypot(top.stderr, value * bottom.stderr) / abs(bottom.value))


def less(one: Estimate | None, other: Estimate | None) -> Estimate | None:
    """The difference of two independent estimates, None where one of them is not there."""
    return None if one is None or other is None else one - other
