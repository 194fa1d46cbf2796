"""``python -m empirical.explain RUN --test ID``: which examples carry an answer, which hurt it, and what may be noise."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from empirical.command.opening import add_kept
from longtail.command import parser as command
from longtail.core import ArgumentError, whole

if TYPE_CHECKING:
    from empirical.estimates.explained import Explained

log = logging.getLogger("empirical")
TOP = 10


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command.run(parser(), argv, _run)


def _run(arguments: argparse.Namespace) -> int:
    from empirical.command.opening import kept
    from empirical.estimates.explained import explained
    from empirical.report.exhibits import exhibits
    from empirical.report.explained_text import report
    from longtail.core.files import folder, json_text

    if (arguments.test is None) == (arguments.train is None):
        got = None if arguments.test is None else f"{arguments.test}, and --train {arguments.train}"
        raise ArgumentError("--test", got, "give --test ID or --train ID, one of the two")
    top = whole("--top", arguments.top, 1, 10_000)
    run = kept(arguments)
    found = explained(run.trials, run.examples, test=arguments.test, train=arguments.train)
    shown = exhibits(run.shown)
    score = run.trials.score
    record = {"run": run.name, "score_kind": score} | found.record(top)
    if arguments.out:
        out = folder("--out", arguments.out)
        _write(record, found, out, vars(arguments))
        if not arguments.no_plot:
            from empirical.command.writing import drawn
            from empirical.report.explained_figure import explained_figure

            drawn(explained_figure(found, run.name, shown, score=score, top=min(top, 2 * TOP)), out / _stem(found))
    command.say(json_text(record) if arguments.json else report(found, run.name, shown, score=score, top=top))
    return 0


def _stem(found: Explained) -> str:
    return f"explained_{found.part}_{found.index}"


def _write(record: dict[str, Any], found: Explained, out: Path, arguments: dict[str, Any]) -> None:
    """Every candidate as a table, and the record last."""
    from empirical.command.writing import recorded, told
    from longtail.core.files import write_table

    told([write_table(out / f"{_stem(found)}.csv", found.table, digits=9)])
    recorded(record, out / f"{_stem(found)}.json", arguments)


def parser() -> command.Parser:
    """All options."""
    p = command.Parser(
        prog="python -m empirical.explain",
        description="Why this answer: the training examples that carry an example's answer and those that hurt it, with errors "
        "and the chance that each is noise.",
        epilog="Example: python -m empirical.explain runs/digits --test 73",
    )
    add_kept(p)
    p.add_argument("--test", metavar="ID", help="explain the answer on this test example: its name, or its index")
    p.add_argument("--train", metavar="ID", help="or on this training example, by models that did not train on it")
    p.add_argument("--score", metavar="S", help="what the predictions of a .npz are (default correct)")
    out = command.add_output(p, "all candidates as CSV, the record and a figure", "one JSON object instead of words")
    out.add_argument("--top", type=int, default=TOP, metavar="N", help=f"examples of either side (default {TOP})")
    return p


if __name__ == "__main__":
    sys.exit(main())
