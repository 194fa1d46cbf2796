"""From a run's folder to its report: the comparison with theory, its figures, tables and page."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from empirical.command.writing import drawn, told
from longtail.core import ArgumentError, whole

if TYPE_CHECKING:
    import pandas as pd

    from empirical.bridge.comparison import Comparison
    from empirical.data.dataset import Dataset
    from empirical.estimates.measured import Measured

log = logging.getLogger("empirical")
REMOVAL = ("removal", "removal_predicted")  # tables that python -m empirical.remove writes
LEAST = 2  # simulated data sets, of which there is a spread


def report(
    found: Measured,
    out: Path,
    dataset: Dataset | None = None,
    *,
    seed: int = 0,
    twins: bool = False,
    theory: bool = True,
) -> Path | None:
    """``report.html``, tables and figures of what was measured, into the run's folder: what estimate does last.

    A few fits only, for it is to take seconds, and none without ``theory``. Where nothing can be fitted, the page says why and
    shows the rest; None, and the reason in the log, where scores do not say who was right.
    """
    from empirical.bridge.comparison import Comparison

    if found.experiment.score != "correct":
        log.info(
            "no report: it speaks of right and wrong, and these are scores of another kind (estimate --score correct)"
        )
        return None
    asked = {"DIR": str(out), "seed": seed, "twins": twins, "theory": theory}
    if not theory:
        from empirical.report.headline import UNASKED

        return written(Comparison(found, (), why=UNASKED), out, asked, None, dataset)
    quick = {"family": ["Zipf", "Uniform"], "coupling": ["beta"], "simulations": 50, "seed": seed}
    try:
        comparison = compared(found, quick | {"directory": out})
    except ArgumentError as error:
        log.info("no theory in the report: %s", error)
        comparison = Comparison(found, (), why=f"{error.shown}; {error.remedy}")
    return written(comparison, out, asked, None, dataset)


def is_made(directory: Path, *, theory: bool = True) -> bool:
    """Whether a report is there, with ``theory`` one that was to have it, and no removal newer than it, made or only begun."""
    from longtail.core.files import read_json

    page = directory / "report.html"
    if theory:
        try:
            if read_json(directory / "compare" / "run.json")["arguments"].get("theory") is False:
                return False
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # reports of before say nothing of it, and had theory
    newer = [path for path in (directory / f"{name}.csv" for name in REMOVAL) if path.is_file()]
    return page.is_file() and all(path.stat().st_mtime <= page.stat().st_mtime for path in newer)


def compared(observed: Measured, options: dict[str, Any]) -> Comparison:
    from empirical.bridge import comparison as c
    from empirical.bridge.fit import SIMULATIONS
    from empirical.bridge.forecast import forecast
    from empirical.bridge.profiles import profiles

    asked, seed = options.get("simulations"), whole("--seed", options.get("seed", 0), 0, 2**64 - 1)
    simulations = SIMULATIONS if asked is None else whole("--simulations", asked, LEAST)
    removal, foretold = tried(observed, options.get("directory"))
    usual = c.BASELINE[:1] if options.get("published") else c.FAMILIES
    families, couplings = (
        _names(name, options.get(name), known) for name, known in (("family", usual), ("coupling", c.COUPLINGS))
    )
    log.info("fitting %s to %s estimates", ", ".join(families), f"{len(observed.values):,}")
    how: dict[str, Any] = {"simulations": simulations, "seed": seed}
    if options.get("published"):
        found = c.compare(observed, families, couplings, together=c.PUBLISHED, steps=True, **how)
        found = replace(found, forecast=forecast(observed, **how))
    else:
        found = c.compare(observed, families, couplings, removal=removal, foretold=foretold, **how)
    return replace(found, profiles=profiles(found.best)) if options.get("profiles") else found


def _names(argument: str, asked: Any, usual: Sequence[str]) -> Sequence[str]:
    """Those asked for, or the usual ones; one name is a list of it."""
    if asked is None or (isinstance(asked, list | tuple) and not asked):
        return usual
    given = [asked] if isinstance(asked, str) else asked
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        raise ArgumentError(argument, asked, f"give a list of names, as {list(usual)[:2]}")
    return given


def tried(observed: Measured, directory: str | Path | None) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """What ``python -m empirical.remove`` found of these very estimates, and what was predicted of this before."""
    from empirical.estimates.removal import ALL, FORETOLD, FOUND, of_set, unbroken
    from longtail.core.files import read_table

    found, before = (Path(directory or "") / f"{name}.csv" for name in REMOVAL)
    if directory is None or not found.is_file():
        return None, None
    names = ("learner", "run")
    try:
        unbroken(found.parent, [path.name for path in (found, before)])
        removal = read_table(found, names, FOUND)
        foretold = read_table(before, names, FORETOLD) if before.is_file() else None
        if of_set(removal, ALL).empty:
            raise ValueError("no rows in removal.csv")
    except (OSError, ValueError) as error:
        remedy = f"its removal cannot be read ({error}); run python -m empirical.remove again, or delete removal.csv"
        raise ArgumentError("DIR", str(directory), remedy) from error
    if {run for *_, run in _rows(removal)} != {observed.mark}:
        log.info("left out: %s is not of these estimates; run python -m empirical.remove again", found)
        return None, None
    same = foretold is not None and _rows(foretold) == _rows(removal)
    return removal.drop(columns="run"), foretold.drop(columns="run") if foretold is not None and same else None


def _rows(table: pd.DataFrame) -> set[tuple[Any, ...]]:
    """What was retrained, by threshold, as either table of a removal has it."""
    from empirical.estimates.removal import RECORD

    return set(table.reindex(columns=["threshold", *RECORD]).itertuples(index=False, name=None))


def written(
    comparison: Comparison, out: Path, arguments: dict[str, Any], data_dir: str | None, dataset: Dataset | None = None
) -> Path:
    """Tables, figures drawn from them, the report, and the record of the run, last."""
    from empirical.report.figures import figures
    from empirical.report.page import write
    from empirical.report.turnover_section import read
    from longtail.core.record import Run

    for name, figure in figures(comparison.frames, comparison.observed.experiment.data).items():
        drawn(figure, out / name)
    turnover = read(arguments.get("directory") or arguments.get("DIR"), comparison.observed)
    page = write(comparison, out / "report.html", data_dir, dataset, turnover, twins=bool(arguments.get("twins")))
    told([page])
    asked = {key: value for key, value in arguments.items() if key != "seed"}
    told(Run.of(asked, int(arguments.get("seed", 0)), comparison.frames).write(out / "compare"))
    return page
