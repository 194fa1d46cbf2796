"""``python -m empirical.estimate DATA``: memorization and influence on real data, with error bars, resumable."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from empirical.command.options import add_data, add_masks, add_output, add_run, check_report, given
from longtail.command import parser as command
from longtail.core import ArgumentError, real

if TYPE_CHECKING:
    import pandas as pd

    from empirical.command.running import Outcome
    from empirical.estimates.measured import Measured

log = logging.getLogger("empirical")
LARGEST = 100_000  # pairs in tables, where all of them are in a Parquet file
OF_MASKS = (  # options that mean something where models were trained elsewhere
    *("data", "masks", "labels", "score", "seed", "device", "out", "threshold", "fdr", "published_rule", "no_theory"),
    *("no_plot", "json", "quiet", "memory", "matrix"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    kept = "stopped; what was trained is kept, and the same command goes on from there"
    p = parser()
    return command.run(
        p,
        argv,
        lambda arguments: _run(arguments, given(p, argv)),
        lambda arguments: kept if arguments.out or arguments.store else "stopped",
    )


def _run(arguments: argparse.Namespace, asked: dict[str, object]) -> int:
    if (arguments.data is None) == (arguments.masks is None):
        raise ArgumentError("DATA", arguments.data, "give either a data set or --masks FILE.npz, and not both")
    from empirical.command.measuring import by_right, measured
    from empirical.command.running import elsewhere, trained
    from empirical.report.run_text import report
    from longtail.core.files import folder, json_text

    _check_pairs(arguments)
    check_report(arguments)
    if arguments.masks:
        _check_masks(asked)
    if arguments.dry_run:
        return _dry_run(arguments)
    out = folder("--out", arguments.out) if arguments.out else None
    began = time.monotonic()
    outcome = elsewhere(arguments) if arguments.masks else trained(arguments, out)
    done = measured(outcome, arguments, out, LARGEST)
    found = done.measured
    facts: dict[str, Any] = {} if arguments.masks else {"models_per_second": outcome.models_per_second}
    facts |= done.facts
    if arguments.matrix is not None:
        facts["matrix"] = _matrix(outcome, arguments)
    facts["seconds"] = round(time.monotonic() - began, 3)
    news = True
    if out is not None:
        before = _before(out)
        if facts.get("models_per_second", 0) is None:  # none was trained now: it stays what it was
            facts["models_per_second"] = before.summary.get("models_per_second")
        _write(outcome, found, facts, out, None if arguments.no_plot else done.curve())
        news = before.tables != _tables(out) or any(
            before.summary.get(key) != found.summary.get(key) for key in ("threshold", "labels", "data")
        )
    command.say(json_text({**found.summary, **facts}) if arguments.json else report(found, dataset=outcome.dataset))
    if out is not None and not arguments.no_plot:
        from empirical.command import reporting

        if not news and not arguments.twins and reporting.is_made(out, theory=not arguments.no_theory):
            made = out / "report.html"
            log.info("%s is there already, of the very same tables; remove it to have it made again", made)
            return 0
        how = {"seed": arguments.seed, "twins": arguments.twins, "theory": not arguments.no_theory}
        reporting.report(by_right(outcome, found), out, outcome.dataset, **how)
    return 0


def _dry_run(arguments: argparse.Namespace) -> int:
    """What the run would take; nothing is written."""
    from dataclasses import asdict

    from empirical.command.dry import say
    from empirical.command.running import foreseen
    from empirical.estimates.costs import head

    case, stages, there = foreseen(arguments)
    if there is None:
        return say(arguments, head(case), asdict(case), stages)
    return say(arguments, f"{head(case)}; {there}", asdict(case) | {"store": asdict(there)}, stages)


def _check_masks(asked: dict[str, object]) -> None:
    """Refuse what was asked of data or training where models were trained elsewhere: it would do nothing."""
    for name, value in asked.items():
        if name not in OF_MASKS:
            shown = f"--{name.replace('_', '-')}"
            raise ArgumentError(shown, value, "with --masks no data are loaded and no models trained; leave it out")


def _check_pairs(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be said of pairs before anything is trained."""
    from empirical.estimates.influence import possible

    if arguments.threshold is not None and arguments.fdr is not None:
        raise ArgumentError("--fdr", arguments.fdr, "give --threshold or --fdr, not both")
    if arguments.threshold is not None:
        possible(arguments.threshold, arguments.score)
    if arguments.fdr is not None:
        real("--fdr", arguments.fdr, 0, 1, open_low=True)
    if arguments.matrix is not None:
        from empirical.estimates.matrix import checked

        checked(arguments.matrix, "--matrix")
        if arguments.dry_run:
            raise ArgumentError(
                "--matrix", arguments.matrix, "--dry-run writes nothing and counts no matrix: leave it out"
            )
    if arguments.memory is not None:
        from empirical.estimates.streamed import memory, parquet

        memory(arguments.memory, "--memory")
        if arguments.matrix is not None and not arguments.out:
            return
        if not arguments.out:
            raise ArgumentError("--memory", "no --out", "say by --out in which folder pairs.parquet is to be written")
        parquet("--memory", arguments.memory)


@dataclass(frozen=True)
class Before:
    """What an earlier run left in the folder: its summary, and the digests of its tables."""

    summary: dict[str, Any]
    tables: list[str]


def _before(out: Path) -> Before:
    from longtail.core.files import read_json

    try:
        summary = read_json(out / "summary.json")
    except (OSError, ValueError):
        summary = {}
    return Before(summary, _tables(out))


def _tables(out: Path) -> list[str]:
    """Digests of what a report is made from, as far as it is there."""
    import hashlib

    digests = []
    for path in (out / "memorization.csv", out / "pairs.csv", out / "observed.json"):
        if path.is_file():
            with open(path, "rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests


def _matrix(outcome: Outcome, arguments: argparse.Namespace) -> str:
    """The whole matrix of influences into a file of its own; its name."""
    from empirical.estimates.matrix import write
    from empirical.estimates.streamed import memory
    from empirical.training.trials import Trials

    trials = outcome.trials
    if not isinstance(trials, Trials):
        raise ArgumentError("--matrix", arguments.matrix, "it is written of trials that are held: leave --memory out")
    held = memory(arguments.memory, "--memory")
    told = {"data": outcome.experiment.data, "learner": outcome.experiment.learner}
    log.info("wrote %s", write(arguments.matrix, trials, memory=held, workers=arguments.workers, told=told))
    return str(arguments.matrix)


def _write(outcome: Outcome, found: Measured, facts: dict[str, Any], out: Path, errors: pd.DataFrame | None) -> None:
    """Tables, the figures drawn from them where there is one of ``errors``, and the summary last."""
    from empirical.estimates.kept import write_summary, write_tables
    from longtail.core.record import hardware, versions

    tables: dict[str, pd.DataFrame] = {}
    if errors is not None:
        tables["error"] = errors
        if found.trust.halves is not None:
            tables["halves"] = found.trust.halves
        if outcome.dataset is not None:
            tables["classes"] = outcome.dataset.balance
    written = write_tables(found, out, tables)
    if errors is not None:
        from empirical.report.observed_figures import tells
        from empirical.report.run_figures import write

        told = [name for name, table in found.observed.tables.items() if tells(name, table)]
        written += write(out, ["memorization", *tables, *told], found.experiment.data, found.experiment.models)
    beside = {"arguments": dict(found.experiment.arguments), "versions": versions(), "hardware": hardware()}
    written.append(write_summary(found, out, {**facts, **beside}))
    for path in written:
        log.info("wrote %s", path)


def parser() -> command.Parser:
    """All options."""
    p = command.Parser(
        prog="python -m empirical.estimate",
        description="Which training examples a learner memorizes, and which test examples each of them carries.",
        epilog="Started again with the same --out, a run goes on where it was stopped. Example: python -m empirical.estimate "
        "digits --learner ridge --trials 2000 --out runs/digits",
    )
    add_masks(add_data(p))
    add_run(p)
    add_output(p)
    return p


if __name__ == "__main__":
    sys.exit(main())
