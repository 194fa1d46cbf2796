"""``issues.html``: the labels that are likely wrong, as a reader may check them. No script runs on it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import longtail
from empirical.estimates.issues import Issues
from empirical.report.exhibits import Exhibits, exhibits, pixels, shortened
from empirical.report.issues_text import MEANING, headline, notes
from empirical.report.page import cells
from empirical.report.templates import file, rendered
from longtail.core.files import whole_file

if TYPE_CHECKING:
    import pandas as pd

    from empirical.data.dataset import Dataset

EDGE = 96  # pixels of a thumbnail at the most


def write(parts: Sequence[Issues], dataset: Dataset, path: Path, top: int) -> Path:
    """The page on disk."""
    text = page(parts, dataset, top)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def page(parts: Sequence[Issues], dataset: Dataset, top: int) -> str:
    """The HTML: of training examples and, where they were judged, of test examples the ``top`` likeliest, and as many
    near-duplicates that are labelled otherwise.
    """
    shown = exhibits(dataset)
    return rendered(
        "issues.html",
        name=dataset.name,
        meaning=MEANING,
        parts=[_part(found, dataset.name, shown, top) for found in parts],
        style=file("style.css"),
        version=longtail.__version__,
    )


def _part(found: Issues, name: str, shown: Exhibits, top: int) -> dict[str, Any]:
    """What the page has of a part."""
    double = found.table[found.table["duplicate"].fillna(False).astype(bool)]
    tests = found.part == "test"
    return {
        "id": "test-" if tests else "",
        "of": ": test examples" if tests else "",
        "examples": "test example" if tests else "training example",
        "headline": headline(found, name),
        "notes": notes(found),
        "issues": _cards(found.table.head(top), shown, found.part),
        "duplicates": _cards(double.head(top), shown, found.part),
        "taken": cells(found.taken.head(40)),
    }


def _cards(table: pd.DataFrame, shown: Exhibits, part: str) -> list[dict[str, Any]]:
    """Each example and its nearest training example of another label."""
    rows = table.to_dict("records")
    places = [int(row["index"]) for row in rows]
    near = [None if row["nearest"] is None or row["nearest"] != row["nearest"] else int(row["nearest"]) for row in rows]
    words = shortened([shown.text((part, i)) for i in places])
    others = shortened(["" if i is None else shown.text(("train", i)) for i in near])
    return [
        {
            "index": place,
            "id": str(row.get("id", "")),
            "given": str(row["given"]),
            "suggested": str(row["suggested"]),
            "chance": f"{row['chance']:.2f}",
            "share": f"{100 * row['share']:.0f}",
            "memorization": "" if part == "test" else f"{row['memorization']:.2f}",
            "picture": _uri(shown, part, place),
            "text": words[k],
            "nearest": near[k],
            "nearest_label": str(row["nearest_label"]),
            "nearest_picture": "" if near[k] is None else _uri(shown, "train", int(near[k] or 0)),
            "nearest_text": others[k],
        }
        for k, (row, place) in enumerate(zip(rows, places, strict=True))
    ]


def _uri(shown: Exhibits, part: str, place: int) -> str:
    """An example's thumbnail, where it is a picture."""
    if shown.images is None:
        return ""
    from PIL import Image

    picture = Image.fromarray(pixels(shown.images[part][place]))
    picture.thumbnail((EDGE, EDGE))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
