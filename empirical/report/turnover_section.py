"""The report's section of memorization through training, from what ``python -m empirical.turnover`` left in the run's folder."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from empirical.report import turnover_figures, turnover_text
from empirical.report.course_figures import masked_figure
from empirical.report.figures import INKED
from longtail.core import ArgumentError
from longtail.core.files import read_json, read_table
from longtail.core.sealed import check
from longtail.plots import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from empirical.estimates.measured import Measured

TITLES = {
    "turnover": "Memorization by turn-over dropout",
    "groups": "By group",
    "influence": "Influence by turn-over dropout",
}
TABLES = ("turnover.csv", "groups.csv", "speeds.csv", "influence.csv")
log = logging.getLogger("empirical")


@dataclass(frozen=True)
class Section:
    """What is said, the tables figures are drawn from and those shown beside them, and the examples that change most."""

    headline: str
    pace: tuple[str, ...]
    agreement: str
    frames: dict[str, pd.DataFrame] = field(repr=False)
    tables: dict[str, pd.DataFrame] = field(repr=False)
    changing: pd.DataFrame = field(repr=False)

    def figures(self, ink: str) -> dict[str, Figure]:
        """By name, for a page whose color they take."""
        draw = {
            "turnover": turnover_figures.memorization_by_epoch,
            "groups": masked_figure,
            "influence": turnover_figures.influence_by_epoch,
        }
        with styled(**dict.fromkeys(INKED, ink)):
            drawn = {name: draw[name](frame, TITLES[name], narrow=True) for name, frame in self.frames.items()}
        for figure in drawn.values():
            for legend in (*figure.legends, *(axes.get_legend() for axes in figure.axes)):
                if legend:
                    legend.set_frame_on(False)
        return drawn


def read(directory: str | Path | None, observed: Measured) -> Section | None:
    """None where there is nothing of these data, or it cannot be read, which is logged."""
    folder = Path(directory or "")
    if directory is None or not (folder / "turnover.json").is_file():
        return None
    try:
        summary = read_json(folder / "turnover.json")
        check(summary, "turnover.json", folder, TABLES)
        table = turnover_figures.examples(folder)
        whose, n = summary["fingerprint"], int(summary["n"])
        if n != observed.n or (observed.experiment.fingerprint and whose != observed.experiment.fingerprint):
            log.info("left out: %s is of other data", folder / "turnover.json")
            return None
        if sorted(table["index"].unique()) != list(range(n)) or len(table) != n * len(summary["epochs"]):
            raise ValueError("turnover.csv has not each example once at every epoch")
        return _section(folder, summary, table, observed)
    except (ArgumentError, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        log.warning("%s cannot be read (%s); run python -m empirical.turnover again", folder / "turnover.json", error)
        return None


def _section(folder: Path, summary: dict[str, Any], table: pd.DataFrame, observed: Measured) -> Section:
    frames = {"turnover": table}
    columns = ["memorization", "memorization_loss"]
    tables = {"turnover": table.groupby("epoch", as_index=False)[columns].mean()}
    pace: tuple[str, ...] = ()
    if (folder / "groups.csv").is_file():
        groups = turnover_figures.groups(folder)
        frames["groups"] = groups
        shown = turnover_text.with_errors(groups)
        shown.insert(1, "epoch", groups["epoch"].to_numpy())
        tables["groups"] = shown
        speeds = read_table(folder / "speeds.csv", ("group",), ("half_learned", "slower"))
        rows = [{str(name): value for name, value in row.items()} for row in speeds.to_dict("records")]
        pace = tuple(turnover_text.pace(rows))
    if (folder / "influence.csv").is_file():
        frames["influence"] = tables["influence"] = turnover_figures.influence(folder)
    return Section(
        turnover_text.headline(summary),
        pace,
        _agreement(table, observed),
        frames,
        tables,
        turnover_text.changing(table).round(3),
    )


def _agreement(table: pd.DataFrame, observed: Measured) -> str:
    """How far its last epoch agrees with the memorization that the page is about, which is of labels as they were given."""
    if "true_label" in table:
        return ""
    last = table[table["epoch"] == table["epoch"].max()].set_index("index")["memorization"]
    subset = observed.memorization.set_index("index")["memorization"]
    both = pd.concat([last, subset], axis=1).dropna().to_numpy(float)
    apart = both[:, 0] - both[:, 1]
    if len(both) < 3 or not both.std(axis=0).all():
        return ""
    return (
        f"At the last epoch it correlates {np.corrcoef(both.T)[0, 1]:.2f} with the subset estimator's memorization above, and is "
        f"{abs(apart.mean()):.3f} {'higher' if apart.mean() > 0 else 'lower'} in the mean."
    )
