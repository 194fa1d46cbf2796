"""``python -m empirical.leak RUN``: what the models of a run tell of who they were trained on."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from empirical.command.opening import add_kept
from longtail.command import parser as command
from longtail.core.shown import many

if TYPE_CHECKING:
    from empirical.estimates.leak.leak import Leak

log = logging.getLogger("empirical")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command.run(parser(), argv, _run)


def _run(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from empirical.command.attacking import target
    from empirical.estimates.leak.audit import DELTA
    from empirical.estimates.leak.leak import leak
    from empirical.report.leak_text import report
    from longtail.core import real
    from longtail.core.files import folder, json_text

    delta = None if arguments.delta is None else real("delta", arguments.delta, 0, 1, open_high=True)
    of = target(arguments)
    out = folder("--out", arguments.out) if arguments.out else None
    if delta is None:
        delta = of.privacy.delta if of.privacy else DELTA
    trials = of.trials
    log.info("%s: %s models, %s examples", of.name, f"{trials.count:,}", f"{trials.n:,}")
    with tqdm(total=2 * trials.count, unit="model", disable=True if arguments.quiet else None, leave=False) as bar:
        found = leak(trials, of.classes, delta=delta, told=lambda models, _: bar.update(models))
    found = found.named(of.names)
    facts: dict[str, Any] = {} if of.privacy is None else {"privacy": of.privacy.record()}
    if out is not None:
        _write(found.summary | facts, found, out, of.name, vars(arguments), not arguments.no_plot)
    command.say(json_text(found.summary | facts) if arguments.json else report(found, of.name, of.privacy))
    return 0


def _write(record: dict[str, Any], found: Leak, out: Path, name: str, arguments: dict[str, Any], plot: bool) -> None:
    """Tables, the figure drawn from them, and the record last."""
    from empirical.command.writing import drawn, recorded, told
    from longtail.core.files import write_table

    told(write_table(out / f"{part}.csv", frame, digits=9) for part, frame in found.frames.items())
    if plot:
        from empirical.report.leak_figures import leak_figure

        drawn(leak_figure(found.frames, f"{name}, {many(found.models, 'model')}"), out / "leak")
    recorded(record, out / "leak.json", arguments)


def parser() -> command.Parser:
    """All options."""
    p = command.Parser(
        prog="python -m empirical.leak",
        description="What models tell of who they were trained on: the likelihood-ratio membership attack on a run's margins.",
        epilog="The run is one of python -m empirical.estimate --score margin --out RUN. Example: python -m empirical.leak "
        "runs/digits --out runs/digits",
    )
    add_kept(p, "margin")
    p.add_argument(
        "--delta",
        type=float,
        metavar="D",
        help="of the (ε, δ) whose least ε is proved (default: the learner's, else 1e-5)",
    )
    command.add_output(p, "leak.json, tables and the figure", "one JSON object instead of words")
    return p


if __name__ == "__main__":
    sys.exit(main())
