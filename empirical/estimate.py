"""``python -m empirical.estimate DATA``: memorization and influence on real data, with error bars, resumable."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from empirical.command.options import given, parser
from empirical.command.scored import Scored, elsewhere, trained
from longtail.command import parser as command
from longtail.core import ArgumentError

if TYPE_CHECKING:
    from empirical.estimates.results import Results

log = logging.getLogger("empirical")
OF_MASKS = (  # options that mean something where models were trained elsewhere
    *("data", "masks", "labels", "score", "seed", "device", "out", "threshold", "fdr", "published_rule"),
    *("no_plot", "json", "quiet"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    kept = "stopped; what was trained is kept, and the same command goes on from there"
    return command.run(
        parser(),
        argv,
        lambda arguments: _run(arguments, given(argv)),
        lambda arguments: kept if arguments.out else "stopped",
    )


def _run(arguments: argparse.Namespace, asked: dict[str, object]) -> int:
    if (arguments.data is None) == (arguments.masks is None):
        raise ArgumentError("DATA", arguments.data, "give either a data set or --masks FILE.npz, and not both")
    from longtail.core.files import folder

    _check_pairs(arguments)
    if arguments.masks:
        _check_masks(asked)
    out = folder("--out", arguments.out) if arguments.out else None
    began = time.monotonic()
    scored = elsewhere(arguments) if arguments.masks else trained(arguments, out)
    found = _results(scored, arguments)
    found.summary["seconds"] = round(time.monotonic() - began, 3)
    news = True
    if out is not None:
        before = _before(out)
        if found.summary.get("models_per_second", 0) is None:  # none was trained now: it stays what it was
            found.summary["models_per_second"] = before.summary.get("models_per_second")
        _write(scored, found, out, arguments)
        news = before.tables != _tables(out) or any(
            before.summary.get(key) != found.summary.get(key) for key in ("threshold", "labels", "data")
        )
    if arguments.json:
        from longtail.core.files import json_text

        command.say(json_text(found.summary))
    else:
        from empirical.report.meaning import report

        command.say(report(found))
    if out is not None and not arguments.no_plot:
        from empirical.command import reporting

        if not news and reporting.is_made(out):
            log.info(
                "%s is there already, of the very same tables; remove it to have it made again", out / "report.html"
            )
            return 0
        reporting.report(out, dataset=scored.dataset, seed=arguments.seed)
    return 0


def _check_masks(asked: dict[str, object]) -> None:
    """Refuse what was asked of data or training where models were trained elsewhere: it would do nothing."""
    for name, value in asked.items():
        if name not in OF_MASKS:
            shown = f"--{name.replace('_', '-')}"
            raise ArgumentError(shown, value, "with --masks no data are loaded and no models trained; leave it out")


@dataclass(frozen=True)
class Before:
    """What an earlier run left in the folder: its summary, and the digests of its tables."""

    summary: dict[str, Any]
    tables: list[str]


def _before(out: Path) -> Before:
    try:
        summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        summary = {}
    return Before(summary if isinstance(summary, dict) else {}, _tables(out))


def _tables(out: Path) -> list[str]:
    """Digests of the two tables that a report is made from, as far as they are there."""
    import hashlib

    digests = []
    for path in (out / "memorization.csv", out / "pairs.csv"):
        if path.is_file():
            with open(path, "rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests


def _check_pairs(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be said of pairs before anything is trained."""
    from longtail.core import real

    if arguments.threshold is not None and arguments.fdr is not None:
        raise ArgumentError("--fdr", arguments.fdr, "give --threshold or --fdr, not both")
    if arguments.threshold is not None:
        real("--threshold", arguments.threshold, -1e9)
    if arguments.fdr is not None:
        real("--fdr", arguments.fdr, 0, 1, open_low=True)


def _results(scored: Scored, arguments: argparse.Namespace) -> Results:
    from empirical.estimates import THRESHOLD
    from empirical.estimates.results import lowest_threshold, results

    threshold = THRESHOLD if arguments.threshold is None else arguments.threshold
    if arguments.fdr is not None:
        threshold = lowest_threshold(
            scored.trials,
            scored.y_train,
            scored.y_test,
            arguments.fdr,
            published_rule=arguments.published_rule,
            device=arguments.device,
        )
        if threshold != threshold:
            raise ArgumentError(
                "--fdr", arguments.fdr, "no threshold keeps false pairs to that share; train more models"
            )
    found = results(
        scored.trials,
        scored.y_train,
        scored.y_test,
        threshold=threshold,
        published_rule=arguments.published_rule,
        classes=scored.classes,
        train_ids=scored.train_ids,
        test_ids=scored.test_ids,
        device=arguments.device,
    )
    found.summary.update(scored.record)
    return found


def _write(scored: Scored, found: Results, out: Path, arguments: argparse.Namespace) -> None:
    """Each file under another name, then renamed; the summary last."""
    from longtail.core.files import json_text, read_table, whole_file

    tables = {"memorization": found.memorization, "pairs": found.pairs}
    if not arguments.no_plot:
        from empirical.estimates.halves import curve

        tables |= {"error": curve(scored.trials), "halves": found.agreement.table}
        if scored.dataset is not None:
            tables["classes"] = scored.dataset.balance
    for name, frame in tables.items():
        with whole_file(out / f"{name}.csv") as path:
            frame.to_csv(path, index=False, float_format="%.9g")
        log.info("wrote %s", out / f"{name}.csv")
    if not arguments.no_plot:
        from empirical.report import run_figures as plots

        title = f"{found.summary['data']}, {found.summary['trials']:,} models"
        for name in plots.DRAWN:
            if name in tables:  # read back: what was rounded in writing may fall into another bar
                table = read_table(out / f"{name}.csv", ("class",))
                about = f"Classes of {scored.record['data']}" if name == "classes" else title
                for path in plots.write(name, table, about, out):
                    log.info("wrote %s", path)
    from longtail.core.record import hardware, versions

    record = {**found.summary, "arguments": vars(arguments), "versions": versions(), "hardware": hardware()}
    with whole_file(out / "summary.json") as path:
        path.write_text(json_text(record, indent=1) + "\n", encoding="utf-8")
    log.info("wrote %s", out / "summary.json")


if __name__ == "__main__":
    sys.exit(main())
