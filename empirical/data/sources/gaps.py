"""What to do with the gaps of a table: refuse them, drop their rows, fill them, or leave them to a learner that takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from longtail.core import ArgumentError
from longtail.core.opened import shortened

WAYS = ("median", "drop", "as-is")
NOTHING = "(missing)"  # the kind of words that are not there


def way(options: dict[str, Any]) -> str:
    """``missing``, "" where it was not asked for."""
    asked = str(options.get("missing", ""))
    if asked and asked not in WAYS:
        raise ArgumentError("missing", asked, f"give {', '.join(WAYS)}")
    return asked


def whole_rows(table: pd.DataFrame, needed: list[Any]) -> pd.DataFrame:
    """Rows without a gap, under the numbers they have in the file; of columns ``needed`` elsewhere gaps stay an error."""
    return table[table.drop(columns=needed).notna().all(axis=1)]


def filled(table: pd.DataFrame, top: np.ndarray, asked: str) -> tuple[pd.DataFrame, list[str]]:
    """Gaps filled: numbers by the median of the rows ``top``, those to train on ("median"), or not at all ("as-is"); missing
    words are a kind of their own. And what was done, in words.
    """
    columns, done = {}, []
    for name, values in table.items():
        gaps = values.isna()
        if not gaps.any():
            columns[name] = values
            continue
        if values.dtype.kind in "fiub":
            number = values.astype(float)
            middle = number.iloc[top].median()
            if asked == "median" and np.isnan(middle):
                raise ArgumentError("missing", f"column {name}, empty in all training rows", "drop that column")
            columns[name] = number.fillna(middle) if asked == "median" else number
            what = f"by their median {middle:.4g}" if asked == "median" else "as they are"
            done.append(f"{int(gaps.sum())} gaps of {name} {'filled ' if asked == 'median' else 'left '}{what}")
        else:
            columns[name] = values.astype(object).where(~gaps, NOTHING)
            done.append(f"{int(gaps.sum())} gaps of {name} are a kind of their own")
    notes = [shortened("; ".join(done))] if done else []
    return pd.DataFrame(columns, index=table.index), notes
