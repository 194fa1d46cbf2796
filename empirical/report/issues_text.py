"""The labels that are likely wrong, in words."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import pandas as pd

from empirical.estimates.issues import Issues
from longtail.core.shown import many

MEANING = (
    "The chance is that of the label given, by models that did not see it; of labels that are wrong because the example is "
    "hard to see it is rather too low. Share: of these models, those that say the suggested class."
)


def headline(found: Issues, name: str) -> str:
    """How many, of how many."""
    n, labels = len(found.table), "test labels" if found.part == "test" else "labels"
    wrong = (
        "no label is" if not found.likely else "one label is" if found.likely == 1 else f"{found.likely:,} labels are"
    )
    share = 100 * found.expected / n
    return (
        f"{name}: of {n:,} {labels} about {_count(found.expected)} are expected to be wrong ({share:.2g} %); "
        f"{wrong} likelier wrong than right."
    )


def _count(expected: float) -> str:
    """An expected number: its tenths where it is small."""
    return f"{expected:,.0f}" if expected >= 10 else f"{expected:.1f}"


def notes(found: Issues) -> list[str]:
    """What else there is to say."""
    number = f"{found.unseen:,.0f}" if found.unseen >= 1000 else f"{found.unseen:.3g}"
    which = "all of which" if found.part == "test" else f"of which {number}"
    lines = [f"{found.models:,} models, {which} judged each label without having seen it."]
    if (most := found.taken.head(1)).shape[0] and most["expected"].iloc[0] >= 1:
        row = most.iloc[0]
        lines.append(f"Most often {row['class']} is labelled {row['labelled']}: about {_count(row['expected'])} times.")
    if found.part == "test" and found.likely:
        lines.append(
            "Where test examples are of another kind (other writers, another year), models err more: look before changing."
        )
    if found.duplicates:
        among = " to train on" if found.part == "test" else ""
        have = f"{many(found.duplicates, 'example')} {'has' if found.duplicates == 1 else 'have'}"
        lines.append(f"{have} a near-duplicate{among} with another label.")
    if unknown := int(found.table["chance"].isna().sum()):
        lines.append(f"Of {many(unknown, 'label')} nothing is known: every model trained on them.")
    return lines


def report(parts: Sequence[Issues], name: str, top: int) -> str:
    """What the command prints: of training examples, then of test examples where they were judged."""
    return "\n".join([*(line for found in parts for line in _part(found, name, top)), textwrap.fill(MEANING, 100)])


def _part(found: Issues, name: str, top: int) -> list[str]:
    columns = ("index", "id", "given", "suggested", "share", "chance", "memorization", "nearest")
    shown = [c for c in columns if c in found.table and (c != "memorization" or found.part == "train")]
    rows: pd.DataFrame = found.table[shown].head(top)
    table = rows.to_string(index=False, float_format=lambda v: f"{v:.3f}", na_rep="")
    title = "likeliest wrong" if found.part == "train" else "test labels likeliest wrong"
    return [headline(found, name), "", *notes(found), "", title, table, ""]
