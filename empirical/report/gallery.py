"""What the report shows of single examples: the most memorized of each class, typical ones, and pairs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from empirical.observed import Observed
from empirical.report.exhibits import Exhibits, Place, Sheets

EVERYTHING = 10_000  # examples up to which all are shown
MEMORIZED, TYPICAL = 40, 10  # of each class, beyond
PAIRS = 2000  # the strongest


@dataclass(frozen=True)
class Gallery:
    """Rows for the script: [class, index, memorization, its interval, picture, text, id], [index, picture, text, id] of test
    examples and [training row, test row, influence, its interval], strongest first. ``total`` and ``paired`` count all
    examples and pairs, shown or not.
    """

    classes: list[str]
    examples: list[list[Any]] = field(repr=False)
    tests: list[list[Any]] = field(repr=False)
    pairs: list[list[Any]] = field(repr=False)
    sheets: Sheets | None
    total: int
    paired: int


def gallery(observed: Observed, exhibits: Exhibits, labels: pd.Series | None = None) -> Gallery:
    """The examples worth showing; all of them where they are no more than 10,000."""
    table = observed.memorization.copy()
    if labels is not None:
        table["label"] = labels.to_numpy()
    if "label" not in table:
        table["label"] = ""
    table = table[np.isfinite(table["memorization"].to_numpy(float))]
    pairs = observed.pairs.sort_values("influence", ascending=False).head(PAIRS)
    chosen = _chosen(table, set(pairs["train_index"].tolist()))
    classes = sorted({str(c) for c in table["label"]}, key=_natural)
    number = {name: k for k, name in enumerate(classes)}
    order = chosen["index"].astype(int).tolist()
    partners = pairs.drop_duplicates("test_index")
    tested = partners["test_index"].astype(int).tolist()
    places: list[Place] = [("train", i) for i in order] + [("test", j) for j in tested]
    sheets = exhibits.sheets(places)
    examples = [
        [number[str(label)], i, round(float(value), 4), e, k, exhibits.text(("train", i)), name]
        for k, (i, label, value, e, name) in enumerate(
            zip(
                order,
                chosen["label"],
                chosen["memorization"],
                _intervals(chosen, "memorization"),
                _names(chosen, "id"),
                strict=True,
            )
        )
    ]
    tests = [
        [j, len(order) + k, exhibits.text(("test", j)), name]
        for k, (j, name) in enumerate(zip(tested, _names(partners, "test_id"), strict=True))
    ]
    row, column = {i: k for k, i in enumerate(order)}, {j: k for k, j in enumerate(tested)}
    listed = [
        [row[int(i)], column[int(j)], round(float(value), 4), e]
        for i, j, value, e in zip(
            pairs["train_index"], pairs["test_index"], pairs["influence"], _intervals(pairs, "influence"), strict=True
        )
        if int(i) in row
    ]
    return Gallery(classes, examples, tests, listed, sheets, len(table), len(observed.pairs))


def _chosen(table: pd.DataFrame, paired: set[int]) -> pd.DataFrame:
    """All rows, or each class's most memorized, its least extreme, and whatever is in a pair."""
    if len(table) <= EVERYTHING:
        return table
    ordered = table.sort_values("memorization", ascending=False)
    top = ordered.groupby("label", sort=False).head(MEMORIZED)
    typical = ordered.iloc[np.argsort(np.abs(ordered["memorization"].to_numpy(float)), kind="stable")]
    typical = typical.groupby("label", sort=False).head(TYPICAL)
    kept = set(top["index"]) | set(typical["index"])
    room = EVERYTHING - len(kept)
    kept |= set(sorted(paired - kept)[: max(room, 0)])
    return table[table["index"].isin(kept)]


def _names(table: pd.DataFrame, column: str) -> list[str]:
    """The user's own names of rows, empty where there are none."""
    return table[column].astype(str).tolist() if column in table else [""] * len(table)


def _intervals(table: pd.DataFrame, name: str) -> list[list[float] | None]:
    """The 95 % interval of each estimate: the table's own, else 1.96 standard errors, None where neither is known."""
    value = table[name].to_numpy(float)
    if "low" in table and "high" in table:
        low, high = table["low"].to_numpy(float), table["high"].to_numpy(float)
    elif "stderr" in table:
        error = 1.96 * table["stderr"].to_numpy(float)
        low, high = value - error, value + error
    else:
        return [None] * len(table)
    known = np.isfinite(low) & np.isfinite(high)
    return [[round(float(a), 3), round(float(b), 3)] if k else None for a, b, k in zip(low, high, known, strict=True)]


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers in their order, before names."""
    try:
        number = float(name)
    except ValueError:
        number = np.nan
    return (0, number, name) if np.isfinite(number) else (1, 0.0, name)  # a class may be called "nan"
