"""``report.html``: the page itself, whole in one file. Everything from the data is escaped, and the page's own policy runs
no script but ours: its hash is in the Content-Security-Policy.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import longtail
from empirical.report import text as words
from empirical.report.exhibits import Exhibits, Place, embedded, exhibits
from empirical.report.explained_section import section
from empirical.report.frequencies import frequencies
from empirical.report.gallery import Gallery, gallery
from empirical.report.laws import law
from empirical.report.majority import no_better
from empirical.report.numbers import brief
from empirical.report.profile_figure import CAPTION
from empirical.report.setting import meant, setting
from empirical.report.templates import file, rendered
from empirical.report.todo import Task, places, tasks
from longtail.core import ArgumentError
from longtail.core.files import whole_file
from longtail.plots import styled
from longtail.plots.style import SYMBOL

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from empirical.bridge.comparison import Comparison
    from empirical.bridge.fit import TheoryFit
    from empirical.data.dataset import Dataset
    from empirical.estimates.measured import Measured
    from empirical.report.turnover_section import Section

WORDS = 160  # characters of an example's words on a card of the lists
NARROWEST = 76.2  # pixels of an inch, at the least: words of 9 points are then 9.5 high
INK = "#010203"  # drawn with, then replaced by currentColor: figures follow the page, light or dark
CAPTIONS = {
    "theory": "Points: the share of training examples with memorization of at least θ, as estimated. Line: the fitted theory. "
    "The band is what chance moves it by.",
    "distribution": "Training examples by bin of memorization; theory with the noise of the estimates in it.",
    "removal": "What training without the most memorized examples costs, and without as many random ones.",
    "influence": "Pairs with influence of at least θ, and the test examples in them. The fit did not see influence, or of "
    "published scores the pairs: what it says of the rest is a prediction.",
    "profiles": CAPTION,
    "samples": "By the fitted theory, with all data and with less or more of it.",
    "turnover": "Loss and accuracy of the sub-network that an example never updated, less those of the one it did.",
    "groups": "Bands: two standard errors over nets.",
    "leak_curve": "Each model attacked by what the others say of its margins, all examples together. Bars: 95 % intervals.",
    "leak_risk": "Points above the line leak more than memorization says: who sees margins knows more than who sees only whether "
    "the model is right.",
}
CARRIED = "influence_by_memorization"
ASIDE = ("profiles",)  # figures under details
NUMBERS = {"leak_curve": "leak_rates", "leak_risk": "leak_bins"}  # the table behind a figure


def write(
    comparison: Comparison,
    path: Path,
    data_dir: str | None = None,
    dataset: Dataset | None = None,
    turnover: Section | None = None,
    *,
    twins: bool = False,
) -> Path:
    """The report of a comparison; with pictures where its data set can be loaded again, and what turn-over dropout found.
    With ``twins`` near-duplicates are looked for however long it takes.
    """
    import logging

    try:
        shown = dataset if dataset is not None else comparison.observed.dataset(data_dir)
    except ArgumentError as error:
        logging.getLogger("empirical").info("no pictures in the report: %s", error)
        shown = None
    text = page(comparison, exhibits(shown), shown, turnover, twins=twins)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")  # half a surrogate pair, as JSON has it
    return path


def page(
    comparison: Comparison,
    shown: Exhibits,
    dataset: Dataset | None = None,
    turnover: Section | None = None,
    *,
    twins: bool = False,
) -> str:
    """The HTML."""
    from empirical.report.figures import figures
    from empirical.report.headline import headline

    frames = comparison.frames
    observed = comparison.observed
    listed = tasks(observed, dataset, all_twins=twins)
    items = gallery(observed, shown, _labels(comparison, dataset), places(listed))
    script = file("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    drawn = [
        _drawn(name, figure, _table(frames, name))
        for name, figure in figures(frames, comparison.observed.experiment.data, ink=INK).items()
    ]
    teaching = _influence(comparison.observed, frames.get("carried"))
    # what the memorized carry, beside what the fit says of it, is the second picture
    if teaching is not None and drawn:
        second = [figure for figure in teaching["figures"] if figure["name"] == CARRIED]
        drawn[1:1] = second
        teaching["figures"] = [figure for figure in teaching["figures"] if figure["name"] != CARRIED]
    return rendered(
        "page.html",
        name=comparison.observed.experiment.data,
        headline=headline(comparison),
        warning=no_better(observed, dataset),
        tasks=[_task(task, items, shown) for task in listed],
        setting=setting(observed),
        meant=meant(observed),
        findings=words.foretold(comparison),
        details=words.fitted(comparison),
        figures=[figure for figure in drawn if figure["name"] not in ASIDE],
        aside=[figure for figure in drawn if figure["name"] in ASIDE],
        influence=teaching,
        leak=_leak(comparison.observed),
        why=section(comparison.observed.explained, shown),
        turnover=_turnover(turnover),
        fits=[
            _fit(one, row) for one, row in zip(comparison.fits, comparison.fits_table().to_dict("records"), strict=True)
        ],
        gallery=items,
        least=math.floor(100 * observed.threshold) / 100,  # the slider's steps; it opens on all pairs
        data=embedded(_data(items)),
        style=file("style.css"),
        script=script,
        digest=digest,
        version=longtail.__version__,
    )


def _task(task: Task, items: Gallery, shown: Exhibits) -> dict[str, Any]:
    """A list for the page, with a picture or the words of each example on its cards."""
    picture = {("train", e[1]): e[4] for e in items.examples} | {("test", e[0]): e[1] for e in items.tests}

    def example(place: Place, name: str) -> dict[str, Any]:
        text = shown.text(place)
        at = None if items.sheets is None or place not in picture else items.sheets.at(picture[place])
        kept = {"part": place[0], "index": place[1], "name": name, "picture": at}
        return kept | {"text": text if len(text) <= WORDS else text[: WORDS - 1] + "…"}

    cards = [
        {"says": card.says, "examples": [example(*one) for one in zip(card.places, card.names, strict=True)]}
        for card in task.cards
    ]
    return {"name": task.name, "title": task.title, "said": task.said, "link": task.link, "cards": cards}


def _fit(fit: TheoryFit, row: Mapping[Any, Any]) -> dict[str, str]:
    """A fit for the page: in words, and as code."""

    def p(name: str) -> str:
        return f"{row[name]:.2g}" if row[name] == row[name] else "–"

    return {
        "frequencies": frequencies(fit.prior),
        "teaching": law(fit.coupling),
        "off": f"{100 * row['largest_difference']:.2g} points",
        "p": p("p_value"),
        "against": p("against_best"),
        "code": brief(f"{fit.prior!r}, {fit.coupling!r}"),
    }


def _drawn(name: str, figure: Figure, table: dict[str, Any], caption: str = "") -> dict[str, Any]:
    caption = caption or CAPTIONS[name]
    return {"name": name, "svg": svg(figure, name, caption), "caption": caption, "table": table}


def _influence(observed: Measured, carried: pd.DataFrame | None = None) -> dict[str, Any] | None:
    """The section of what models say of influence, of runs that have it; beside what examples carry what the fit expects."""
    from empirical.report import observed_figures, observed_text

    tables = observed.observed.tables | ({} if carried is None else {"influence_by_memorization": carried})
    drawn = [
        _drawn(name, figure, cells(tables[name]), observed_figures.CAPTIONS[name])
        for name, figure in observed_figures.figures(tables, INK).items()
    ]
    said = observed_text.said(observed)
    return {"figures": drawn, "said": said} if drawn or said else None


def _leak(observed: Measured) -> dict[str, Any] | None:
    """The section of what margins leak, of runs that kept them."""
    from empirical.limits.accounted import accounted
    from empirical.report import leak_text
    from empirical.report.leak_figures import leak_figures

    found = observed.leak
    if found is None:
        return None
    privacy = accounted(observed.experiment, observed.n)
    drawn = [
        _drawn(name, figure, cells(found.frames[NUMBERS[name]]))
        for name, figure in leak_figures(found.frames, INK).items()
    ]
    said = {
        "headline": leak_text.headline(found),
        "proved": leak_text.proved(found, privacy),
        "meaning": leak_text.meaning(found),
    }
    return {"figures": drawn, **said}


def _turnover(found: Section | None) -> dict[str, Any] | None:
    """The section of memorization through training."""
    if found is None:
        return None
    drawn = [_drawn(name, figure, cells(found.tables[name])) for name, figure in found.figures(INK).items()]
    said = {"headline": found.headline, "pace": found.pace, "agreement": found.agreement}
    return {"figures": drawn, "changing": cells(found.changing), **said}


def svg(figure: Figure, prefix: str, caption: str) -> str:
    """A figure as inline SVG: a least width, ids of its own, drawn in the page's color; its words are text, and it has a name."""
    out = io.StringIO()
    with styled(**{"svg.fonttype": "none"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", text)
    text = re.sub(r'<svg ([^>]*?)width="[^"]*" ', r"<svg \1", text, count=1)
    text = re.sub(r'<svg ([^>]*?)height="[^"]*" ', r"<svg \1", text, count=1)
    text = re.sub(
        r"(<text\b[^>]*>)([^<]+)(?=</text>)",
        lambda found: found[1] + SYMBOL.sub(r'<tspan class="symbol">\g<0></tspan>', found[2]),
        text,
    )
    says = escape(f"{figure.axes[0].get_title('left')}. {caption}")
    least = f"min-width: {NARROWEST * figure.get_figwidth():.0f}px"  # where there is less it is scrolled
    named = f'<svg role="img" aria-label="{says}" style="{least}" '
    return text.replace(INK, "currentColor").replace("<svg ", named, 1)


def _labels(comparison: Comparison, dataset: Dataset | None) -> pd.Series | None:
    """Class names from the data, where the table of estimates has none of its own."""
    import numpy as np
    import pandas as pd

    table = comparison.observed.memorization
    if "label" in table or dataset is None or len(dataset.data.y_train) <= int(table["index"].max()):
        return None
    names = np.array([str(c) for c in dataset.data.classes], dtype=object)
    return pd.Series(names[dataset.data.y_train[table["index"].to_numpy(int)]])


def _table(frames: Mapping[str, pd.DataFrame], figure: str) -> dict[str, Any]:
    """The numbers behind a figure, for those who cannot see it."""
    names = {"theory": "shares", "removal": "predicted_removal", "samples": "error_against_samples"}
    name = "removal" if figure == "removal" and "removal" in frames else names.get(figure, figure)
    frame = frames[name]
    if name == "removal":
        theory = frames["predicted_removal"][["threshold", "lost", "lost_random"]]
        frame = frame.merge(theory, on="threshold", how="left", suffixes=("", "_predicted"))
    return cells(frame)


def cells(frame: pd.DataFrame) -> dict[str, Any]:
    """A table as text; of a long one every so many rows."""
    if len(frame) > 40:
        frame = frame.iloc[:: len(frame) // 20]
    rows = [[f"{v:.4g}" if isinstance(v, float) else str(v) for v in row] for row in frame.itertuples(index=False)]
    return {"columns": list(frame.columns), "rows": rows}


def _data(items: Gallery) -> dict[str, Any]:
    """What the script reads."""
    sheets = items.sheets
    layout = None if sheets is None else {"edge": sheets.edge, "across": sheets.across, "per": sheets.per_sheet}
    return {
        "classes": items.classes,
        "examples": items.examples,
        "tests": items.tests,
        "pairs": items.pairs,
        "sheets": layout,
        "total": items.total,
        "paired": items.paired,
    }
