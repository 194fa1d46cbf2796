"""``talk.html``: the talk on one page, each figure with what it claims, what was published and ours. No script runs on it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import longtail
from empirical.report.exhibits import Exhibits, pixels
from empirical.report.page import INK, cells, svg
from empirical.report.talk_figures import CAPTIONS, figures
from empirical.report.templates import file, rendered
from empirical.training.resources import duration
from longtail.core.files import whole_file
from longtail.core.published import number, tally

if TYPE_CHECKING:
    import pandas as pd

    from empirical.story.act import Act


def write(acts: Sequence[Act], shown: Exhibits, seed: int, seconds: float, path: Path) -> Path:
    """The page of these acts on disk."""
    text = page(acts, shown, seed, seconds)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def page(acts: Sequence[Act], shown: Exhibits, seed: int, seconds: float) -> str:
    """The HTML."""
    return rendered(
        "talk.html",
        acts=[_act(act, shown) for act in acts],
        headline=headline(acts),
        minutes=duration(seconds),
        seed=seed,
        style=file("style.css"),
        version=longtail.__version__,
    )


def headline(acts: Sequence[Act]) -> str:
    """How many of the claims agree."""
    verdicts = [finding.verdict for act in acts for finding in act.findings]
    return f"Of {len(verdicts)} claims, each with what was published and what was found here, {tally(verdicts)}."


def _act(act: Act, shown: Exhibits) -> dict[str, Any]:
    drawn = [
        {"name": name, "svg": svg(figure, name, CAPTIONS[name]), "caption": CAPTIONS[name], "table": cells(table)}
        for name, (figure, table) in figures(act, INK).items()
    ]
    most = act.frames.get("most_memorized")
    return {
        "name": act.name,
        "title": act.title,
        "says": act.says,
        "findings": act.findings,
        "figures": drawn,
        "pictures": [] if most is None or shown.images is None else _pictures(most, shown),
    }


def _pictures(table: pd.DataFrame, shown: Exhibits) -> list[dict[str, Any]]:
    """The examples of a table as they look, with label and memorization."""
    from PIL import Image

    from longtail.core import Estimate

    images = {} if shown.images is None else shown.images
    told = []
    for row in table.to_dict("records"):
        out = io.BytesIO()
        Image.fromarray(pixels(images["train"][int(row["index"])])).save(out, "PNG")
        uri = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
        value = number(Estimate(row["memorization"], row["stderr"]))
        told.append({"uri": uri, "index": int(row["index"]), "label": str(row["label"]), "value": value})
    return told
