"""What the report shows of single examples: of each class the most memorized, the typical and the never right; and pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from empirical.estimates.groups import NAMES as GROUPS
from empirical.estimates.measured import Measured
from empirical.report.exhibits import NAMES, Exhibits, Place, Sheets, shortened
from longtail.core.intervals import Z95

EVERYTHING = 10_000  # examples at the most
MEMORIZED, TYPICAL, NEVER = 40, 10, 20  # of each class at the most, where not all are shown
PAIRS = 2000  # the strongest
WHOLE = 2000  # characters of a text that opens large, at the most; its card shows the beginning
UNKNOWN = -1


@dataclass(frozen=True)
class Gallery:
    """Rows for the script: [class, index, memorization, its interval, picture, text, id, group, how often models are right with
    it, and without], [index, picture, text, id] of test examples and [training row, test row, influence, its interval],
    strongest first. ``total`` and ``paired`` count all examples and pairs, shown or not.
    """

    classes: list[str]
    examples: list[list[Any]] = field(repr=False)
    tests: list[list[Any]] = field(repr=False)
    pairs: list[list[Any]] = field(repr=False)
    sheets: Sheets | None
    total: int
    paired: int


def gallery(
    observed: Measured, exhibits: Exhibits, labels: pd.Series | None = None, wanted: Sequence[Place] = ()
) -> Gallery:
    """The examples worth showing, those ``wanted`` among them; all where they are no more than 10,000."""
    table = observed.memorization.copy()
    if labels is not None:
        table["label"] = labels.to_numpy()
    if "label" not in table:
        table["label"] = ""
    table = table[np.isfinite(table["memorization"].to_numpy(float))]
    pairs = observed.pairs.sort_values("influence", ascending=False).head(PAIRS)
    also = {part: [index for where, index in wanted if where == part] for part in ("train", "test")}
    chosen = _chosen(table, {*pairs["train_index"], *also["train"]})
    classes = sorted({str(c) for c in chosen["label"]}, key=_natural)
    number = {name: k for k, name in enumerate(classes)}
    partners = pairs.drop_duplicates("test_index")
    order, tested = (part.astype(int).tolist() for part in (chosen["index"], partners["test_index"]))
    tested += [index for index in dict.fromkeys(also["test"]) if index not in set(tested)]
    places: list[Place] = [("train", i) for i in order] + [("test", j) for j in tested]
    words = shortened([exhibits.text(place) for place in places], longest=WHOLE)
    names = shortened(_names(chosen, "id") + _names(partners, "test_id"), NAMES) + [""] * (len(tested) - len(partners))
    columns = (chosen["label"], order, chosen["memorization"], _intervals(chosen, "memorization"), _groups(chosen))
    examples = [
        [number[str(label)], i, round(float(value), 4), e, k, words[k], names[k], group, *right]
        for k, (label, i, value, e, group, right) in enumerate(zip(*columns, _right(chosen), strict=True))
    ]
    tests = [[j, k, words[k], names[k]] for k, j in enumerate(tested, len(order))]
    row, column = {i: k for k, i in enumerate(order)}, {j: k for k, j in enumerate(tested)}
    listed = [
        [row[int(i)], column[int(j)], round(float(value), 4), e]
        for i, j, value, e in zip(
            pairs["train_index"], pairs["test_index"], pairs["influence"], _intervals(pairs, "influence"), strict=True
        )
        if int(i) in row
    ]
    return Gallery(
        shortened(classes, NAMES), examples, tests, listed, exhibits.sheets(places), len(table), len(observed.pairs)
    )


def _right(table: pd.DataFrame) -> list[list[float | None]]:
    """How often models are right on each example, with it and without; None where that was not kept."""
    kept = [
        table[name].to_numpy(float) if name in table else np.full(len(table), np.nan)
        for name in ("in_accuracy", "out_accuracy")
    ]
    return [[round(float(v), 3) if np.isfinite(v) else None for v in both] for both in zip(*kept, strict=True)]


def _chosen(table: pd.DataFrame, paired: set[Any]) -> pd.DataFrame:
    """All rows; of too many those in a pair, then each class's most memorized, typical and never right, as there is room."""
    if len(table) <= EVERYTHING:
        return table
    value, group = table["memorization"], pd.Series(_groups(table), index=table.index)
    places = []
    for order, of, most in (
        (-value, table.index, MEMORIZED),
        (value.abs(), table.index[group.isin((GROUPS.index("typical"), UNKNOWN))], TYPICAL),
        (value.abs(), table.index[group == GROUPS.index("never right")], NEVER),
    ):
        ranked = table.loc[order.loc[of].sort_values(kind="stable").index]
        places.append((ranked.groupby("label", sort=False).cumcount() + 0.5) / most)
    place = pd.concat(places, axis=1).min(axis=1).mask(table["index"].isin(paired), -1)
    kept = place[place < 1].sort_values(kind="stable").index[:EVERYTHING]
    return table[table.index.isin(kept)]


def _groups(table: pd.DataFrame) -> list[int]:
    """The number of each row's group in ``GROUPS``; UNKNOWN where estimates came without the accuracies that tell it."""
    if "group" not in table:
        return [UNKNOWN] * len(table)
    return [GROUPS.index(name) if name in GROUPS else UNKNOWN for name in table["group"]]


def _names(table: pd.DataFrame, column: str) -> list[str]:
    """The user's own names of rows, empty where there are none."""
    return table[column].astype(str).tolist() if column in table else [""] * len(table)


def _intervals(table: pd.DataFrame, name: str) -> list[list[float] | None]:
    """The 95 % interval of each estimate: the table's own, else from standard errors; None where neither is known."""
    value = table[name].to_numpy(float)
    if "low" in table and "high" in table:
        low, high = table["low"].to_numpy(float), table["high"].to_numpy(float)
    elif "stderr" in table:
        error = Z95 * table["stderr"].to_numpy(float)
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
