"""Why an answer is what it is, in words with numbers."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from empirical.estimates.explained import Explained
from longtail.core.shown import many

if TYPE_CHECKING:
    import pandas as pd

    from empirical.report.exhibits import Exhibits

SHOWN = 60  # characters of a text
SOLID = 0.05  # noise below which an example is counted


def report(found: Explained, name: str, shown: Exhibits, *, score: str = "correct", top: int = 10) -> str:
    """What one reads at a glance: the answer, who carries it and who hurts it, and what of that may be noise."""
    lines = [f"{name}: {headline(found, score)}"]
    said = _words(shown, found.part, found.index)
    lines += [f"  {said}"] if said else []
    for title, rows in (("carried by", found.carries(top)), ("hurt by", found.hurts(top))):
        lines += ["", title, table(rows, shown) if len(rows) else "  nothing"]
    return "\n".join([*lines, "", textwrap.fill(meaning(found), 100)])


def headline(found: Explained, score: str = "correct") -> str:
    """One sentence: the answer."""
    which = f"{'test' if found.part == 'test' else 'training'} example {found.index}"
    known = [
        str(word)
        for word in (found.name and f"“{found.name}”", found.label is not None and f"label {found.label}")
        if word
    ]
    who = f"{which} ({', '.join(known)})" if known else which
    without = "" if found.part == "test" else " that did not train on it"
    if score == "correct":
        text = f"{who}: {100 * found.score:.3g} % of {found.models:,} models{without} are right"
    else:
        text = f"{who}: mean {score} {found.score:.4g} of {found.models:,} models{without}"
    return text if found.memorization is None else f"{text}; memorization {found.memorization:.3f}"


def table(rows: pd.DataFrame, shown: Exhibits) -> str:
    """Who, how much, and how likely it is noise."""
    text = rows[[c for c in ("index", "id", "label", "influence", "stderr", "low", "high") if c in rows]].copy()
    text["noise"] = [chance(v) for v in rows["noise"]]
    words = [_words(shown, "train", int(i)) for i in rows["index"]]
    if any(words):
        text["text"] = words
    return text.to_string(index=False, float_format=lambda v: f"{v:.3f}")


def meaning(found: Explained) -> str:
    """What the numbers are, and how many are told from noise."""
    solid = found.table["noise"] < SOLID
    carry, hurt = (int((solid & side).sum()) for side in (found.table["influence"] > 0, found.table["influence"] < 0))
    return (
        f"Influence: by how much more often models that trained on the example are right on this one. Of "
        f"{many(len(found.table), 'candidate')} {carry} carry it and {hurt} hurt it with a chance of less than "
        f"{chance(SOLID)} to be noise. Noise is that chance, the number of candidates taken into account; low and high are a "
        "95 % interval."
    )


def chance(value: float) -> str:
    """A chance for a reader.

    >>> chance(0.0312), chance(1e-9), chance(1.0)
    ('3.1 %', 'under 0.1 %', '100 %')
    """
    return "under 0.1 %" if value < 0.001 else f"{100 * value:.2g} %" if value < 0.995 else "100 %"


def _words(shown: Exhibits, part: str, index: int) -> str:
    words = " ".join(shown.text((part, index)).split())
    return words if len(words) <= SHOWN else words[: SHOWN - 1] + "…"
