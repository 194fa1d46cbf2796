"""``python -m empirical.clean DATA``: which labels are likely wrong, ranked, by models that did not see them."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from longtail.command import parser as command
from longtail.core import whole

log = logging.getLogger("empirical")
PRINTED = 20


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command.run(parser(), argv, _run, command.resumable)


def _run(arguments: argparse.Namespace) -> int:
    from empirical.command.cleaning import cleaned, foreseen, written
    from empirical.report.issues_text import report
    from longtail.core.files import folder, json_text

    top = whole("--top", arguments.top, 1, 10_000)
    if arguments.dry_run:
        return foreseen(arguments)
    out = folder("--out", arguments.out) if arguments.out else None
    found = cleaned(arguments, out)
    if out is not None:
        for path in written(found, out, arguments):
            log.info("wrote %s", path)
    if arguments.json:
        rows = found.table.head(top)
        rows = rows.astype(object).where(rows.notna(), None)
        command.say(json_text({**found.summary, "issues": rows.to_dict("records")}))
    else:
        command.say(report(found.parts, found.dataset.name, min(top, PRINTED)))
    return 0


def parser() -> command.Parser:
    """All options."""
    from empirical.command.options import add_data, add_dry_run, add_training
    from longtail.command.parser import add_output

    p = command.Parser(
        prog="python -m empirical.clean",
        description="Which labels are likely wrong, which class they should be, and the chance of it: by models trained on "
        "parts of the data, each of which judges the labels it did not see.",
        epilog="Started again with the same --out, a run goes on where it was stopped. Example: python -m empirical.clean "
        "digits --out runs/labels",
    )
    add_data(p)
    run = p.add_argument_group("run")
    run.add_argument("--learner", metavar="SPEC", help='as in estimate (default "mlp(width=64, epochs=10)")')
    run.add_argument(
        "--trials",
        type=int,
        metavar="T",
        help="models, a multiple of --parts (default: what costs as much as five folds, twice that below 4,000 examples; five "
        "times as many where a learner says classes only)",
    )
    run.add_argument(
        "--parts",
        type=int,
        metavar="P",
        help="a model trains on all but one of so many (default 2; 5 below 4,000 examples)",
    )
    run.add_argument(
        "--run", metavar="RUN", help="instead: the models of python -m empirical.estimate --score predicted --out RUN"
    )
    run.add_argument("--test-labels", action="store_true", help="judge the labels of test examples too, by all models")
    add_training(run, "parts and learners", device="train", shard=None)
    out = add_output(p, "issues.csv, the page issues.html, issues.json and trials", "one JSON object", plot="page")
    out.add_argument(
        "--top",
        type=int,
        default=100,
        metavar="N",
        help="so many on the page and in --json (default 100); tables have all",
    )
    add_dry_run(out)
    return p


if __name__ == "__main__":
    sys.exit(main())
