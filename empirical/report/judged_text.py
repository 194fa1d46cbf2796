"""How well attributions hold, in words with numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from empirical.attributions.judged import Judged

if TYPE_CHECKING:
    from longtail.core import Estimate


def report(every: Mapping[str, Judged], name: str) -> str:
    """A row for each attribution, and what the numbers mean."""
    one = next(iter(every.values()))
    vary = int(one.table["lds"].notna().sum())
    width = max(len(short(source)) for source in every)
    columns = ["linear datamodeling", "leave one out", "mislabeled, AUC"]
    lines = [
        f"{name}: judged by {one.models:,} models, {vary:,} of {len(one.table):,} test examples vary between them ({one.score})",
        "",
        f"{'':<{width}}" + "".join(f"{column:>24}" for column in columns),
    ]
    for source, found in every.items():
        cells = (found.lds, found.left_out, found.mislabeled)
        lines.append(f"{short(source):<{width}}" + "".join(f"{_with(cell):>24}" for cell in cells))
    lines += [f"{'noise ceiling':<{width}}{_with(one.highest):>24}"] if one.highest is not None else []
    lines += _brittle(every)
    return "\n".join([*lines, "", textwrap.fill(meaning(one), 100)])


def _brittle(every: Mapping[str, Judged]) -> list[str]:
    """How many answers turn, a column for each attribution."""
    known = {short(source): found.brittle for source, found in every.items() if found.brittle is not None}
    if not known:
        return []
    first = next(iter(known.values()))
    shown = first[["removed"]].assign(random=first["turned_random"], **{k: t["turned"] for k, t in known.items()})
    says = f"share of {first['tests'].iloc[0]} right answers that turn wrong without so many examples that carry them"
    return ["", says, shown.to_string(index=False, float_format=lambda v: f"{v:.2f}")]


def short(source: str) -> str:
    """The last part of a path."""
    return Path(source).name or source


def meaning(found: Judged) -> str:
    """What the numbers are."""
    text = (
        "Linear datamodeling score: the rank correlation, over models, of an answer's score with the sum of attributions over "
        "what the model trained on, mean over test examples. "
    )
    if found.highest is None:
        text += "Trials of orthogonal arrays depend on each other: no ceiling is known. "
    else:
        text += (
            "No attributions are expected above the noise ceiling; the run's own influence, its noise taken out, sets it. "
            "Leave one out: correlation with what having an example in does, corrected for the noise of that. "
        )
    return text + "After ±, one standard error, over models and test examples."


def _with(one: Estimate | None) -> str:
    if one is None or one.value != one.value:
        return "unknown"
    return f"{float(one.value):.3f} ± {float(one.stderr):.3f}"
