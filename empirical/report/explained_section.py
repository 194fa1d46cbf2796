"""The section of a report that says why answers are as they are: each opens by a click, without a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from empirical.report.exhibits import Exhibits, Place, Sheets, shortened
from empirical.report.explained_text import chance
from empirical.report.templates import rendered
from longtail.core.shares import percent

if TYPE_CHECKING:
    import pandas as pd

EDGE = 64  # of a picture as it is shown, in pixels
SAID = (
    "The test examples on which models disagree most hang on who was trained on. Open one to see which training examples carry "
    "its answer and which hurt it: by how much more often models that trained on the example are right, one standard error, and "
    "the chance that this is noise, with the number of candidates taken into account."
)


def section(table: pd.DataFrame | None, shown: Exhibits) -> str:
    """The HTML, everything from the data escaped; nothing where there is no answer to explain."""
    if table is None or table.empty:
        return ""
    tests = list(dict.fromkeys(table["test_index"].astype(int)))
    trained = list(dict.fromkeys(table["train_index"].astype(int)))
    places: list[Place] = [*(("test", j) for j in tests), *(("train", i) for i in trained)]
    sheets = shown.sheets(places)
    words = dict(zip(places, shortened([shown.text(place) for place in places]), strict=True))
    at = {place: k for k, place in enumerate(places)}
    answers = []
    for j in tests:
        rows = table[table["test_index"] == j]
        first = rows.iloc[0]
        name = _name(first, "test", j)
        sides = []
        for title, part in (("carried by", rows[rows["influence"] > 0]), ("hurt by", rows[rows["influence"] < 0])):
            cards = [
                _card(
                    sheets,
                    at["train", int(row["train_index"])],
                    _name(row, "train", int(row["train_index"])),
                    words,
                    places,
                )
                | {
                    "numbers": [
                        f"{row['influence']:+.3f} ± {row['stderr']:.3f}".replace("-", "−"),
                        f"noise {chance(float(row['noise']))}",
                    ]
                }
                for _, row in part.iterrows()
            ]
            sides += [{"title": title, "cards": cards}] if cards else []
        right = float(first["right"])
        title = f"{name}: {percent(right, '.0f' if 0.005 <= right < 0.995 else '.1f')} of models are right"
        answers.append({"title": title, "example": _card(sheets, at["test", j], name, words, places), "sides": sides})
    uris = () if sheets is None else sheets.uris
    return rendered("explained.html", said=SAID, answers=answers, sheets=uris)


def _name(row: pd.Series[Any], part: str, index: int) -> str:
    """The user's own name of it or else its index, and its label."""
    name = str(row[f"{part}_id"]) if f"{part}_id" in row else f"#{index}"
    label = f", labelled {row[f'{part}_label']}" if f"{part}_label" in row else ""
    return f"{'test ' if part == 'test' else ''}{name}{label}"


def _card(sheets: Sheets | None, k: int, name: str, words: dict[Place, str], places: list[Place]) -> dict[str, Any]:
    card: dict[str, Any] = {"name": name, "text": words[places[k]], "numbers": [], "sheet": 0, "style": ""}
    if sheets is None:
        return card
    place = k % sheets.per_sheet
    left, down = place % sheets.across * EDGE, place // sheets.across * EDGE
    style = f"background-size: {sheets.across * EDGE}px auto; background-position: -{left}px -{down}px"
    return card | {"sheet": k // sheets.per_sheet, "style": style}
