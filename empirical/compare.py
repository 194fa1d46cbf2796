"""``python -m empirical.compare DIR``: how well the long-tail theory explains what was observed, in numbers and a report."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import longtail
from longtail import command
from longtail.core import ArgumentError, whole

if TYPE_CHECKING:
    import pandas as pd

    from empirical.comparison import Comparison
    from empirical.dataset import Dataset
    from empirical.observed import Observed

log = logging.getLogger("empirical")
REMOVAL = ("removal", "removal_predicted")  # tables that python -m empirical.remove writes
LEAST = 2  # simulated data sets, of which there is a spread


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command.run(parser(), argv, _run)


def report(
    directory: str | Path, out: str | Path | None = None, *, dataset: Dataset | None = None, seed: int = 0
) -> Path | None:
    """``report.html``, tables and figures for a run's folder, into ``out`` or the folder itself: what estimate calls last.

    A few fits only, for it is to take seconds. Where nothing can be fitted, the page says why and shows the rest; None, and
    the reason in the log, where there is no run.
    """
    from empirical.comparison import Comparison
    from empirical.observed import read
    from longtail.files import folder

    target = folder("--out", out if out is not None else directory)
    quick = {"family": ["Zipf", "Uniform"], "coupling": ["beta"], "simulations": 50, "seed": seed}
    try:
        observed = read(directory)
    except ArgumentError as error:
        log.info("no report: %s", error)
        return None
    try:
        comparison = _comparison(observed, quick | {"directory": directory})
    except ArgumentError as error:
        log.info("no theory in the report: %s", error)
        comparison = Comparison(observed, (), why=f"{error.shown}; {error.remedy}")
    return _write(comparison, target, {"DIR": str(directory), "seed": seed}, None, dataset)


def is_made(directory: Path) -> bool:
    """Whether a report is there, and no removal newer than it, made or only begun."""
    page = directory / "report.html"
    newer = [path for path in (directory / f"{name}.csv" for name in REMOVAL) if path.is_file()]
    return page.is_file() and all(path.stat().st_mtime <= page.stat().st_mtime for path in newer)


def _run(arguments: argparse.Namespace) -> int:
    from empirical.observed import published, read
    from longtail.files import folder

    if (arguments.directory is None) == (arguments.published is None):
        raise ArgumentError(
            "DIR", arguments.directory, "give the folder of a run, or --published cifar100, one of the two"
        )
    out = folder("--out", arguments.out) if arguments.out else None
    if arguments.published:
        if arguments.labels is not None:
            raise ArgumentError("--labels", arguments.labels, "published scores have labels; leave it out")
        observed = published(arguments.published, arguments.data_dir)
    else:
        observed = read(arguments.directory, arguments.labels)
    comparison = _comparison(observed, vars(arguments))
    if arguments.json:
        from longtail.files import json_text

        command.say(json_text(comparison.record()))
    else:
        from empirical.report.words import summary

        command.say(summary(comparison))
    if out is not None:
        _write(comparison, out, vars(arguments), arguments.data_dir)
    return 0


def _comparison(observed: Observed, options: dict[str, Any]) -> Comparison:
    from empirical import comparison as c
    from empirical.bridge import SIMULATIONS

    asked, seed = options.get("simulations"), whole("--seed", options.get("seed", 0), 0, 2**64 - 1)
    simulations = SIMULATIONS if asked is None else whole("--simulations", asked, LEAST)
    removal, foretold = _removal(observed, options.get("directory"))
    families, couplings = options.get("family") or c.FAMILIES, options.get("coupling") or c.COUPLINGS
    log.info("fitting %s to %s estimates", ", ".join(families), f"{len(observed.values):,}")
    return c.compare(
        observed,
        families,
        couplings,
        simulations=simulations,
        seed=seed,
        removal=removal,
        foretold=foretold,
    )


def _removal(observed: Observed, directory: str | Path | None) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """What ``python -m empirical.remove`` found of these very estimates, and what was predicted of this before."""
    from empirical.removal import ALL, FORETOLD, FOUND, of_set
    from longtail.files import read_table

    found, before = (Path(directory or "") / f"{name}.csv" for name in REMOVAL)
    if directory is None or not found.is_file():
        return None, None
    names = ("learner", "run")
    try:
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
    from empirical.removal import RECORD

    return set(table.reindex(columns=["threshold", *RECORD]).itertuples(index=False, name=None))


def _write(
    comparison: Comparison, out: Path, arguments: dict[str, Any], data_dir: str | None, dataset: Dataset | None = None
) -> Path:
    """Tables, figures drawn from them, the report, and the record of the run, last."""
    from empirical.report.draw import figures
    from empirical.report.page import write
    from longtail.plots import save
    from longtail.run import Run

    drawn = figures(comparison.frames, comparison.observed.name)
    for name, figure in drawn.items():
        for kind in ("png", "svg"):
            log.info("wrote %s", save(figure, out / f"{name}.{kind}"))
    page = write(comparison, out / "report.html", data_dir, dataset)
    log.info("wrote %s", page)
    asked = {key: value for key, value in arguments.items() if key != "seed"}
    for path in Run.of(asked, int(arguments.get("seed", 0)), comparison.frames).write(out / "compare"):
        log.info("wrote %s", path)
    return page


def parser() -> command.Parser:
    """All options."""

    p = command.Parser(
        prog="python -m empirical.compare",
        description="Put the predicted memorization curve beside the observed one, and say how well theory explains it.",
        epilog="Example: python -m empirical.compare runs/digits --out runs/digits",
    )
    p.add_argument("directory", nargs="?", metavar="DIR", help="folder that python -m empirical.estimate --out wrote")
    p.add_argument("--published", choices=["cifar100"], help="instead: Feldman & Zhang's estimates")
    p.add_argument("--data-dir", metavar="DIR", help="where official files are (default: LONGTAIL_DATA)")
    p.add_argument("--labels", type=int, metavar="K", help="number of classes, of a run without labels")
    fit = p.add_argument_group("fit")
    fit.add_argument(
        "--family",
        action="append",
        metavar="NAME",
        help="of priors, may be repeated (default: Zipf, LogNormal, Gamma, ...)",
    )
    fit.add_argument(
        "--coupling",
        action="append",
        metavar="LAW",
        help="lookup, uniform, fixed or beta (default: beta; Zipf with lookup always)",
    )
    fit.add_argument("--simulations", type=int, metavar="R", help="data sets behind each error (default 200)")
    fit.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the simulations (default 0)")
    out = p.add_argument_group("output")
    out.add_argument("--out", metavar="DIR", help="write report.html, figures, tables and the record there")
    out.add_argument("--json", action="store_true", help="print one JSON object instead of words")
    out.add_argument("--quiet", action="store_true", help="no diagnostics on stderr")
    p.add_argument("--version", action="version", version=f"longtail {longtail.__version__}")
    return p


if __name__ == "__main__":
    sys.exit(main())
