"""``python -m empirical.compare DIR``: how well the long-tail theory explains what was observed, in numbers and a report."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from empirical.command.options import add_recorded, add_twins, check_report
from longtail.command import parser as command
from longtail.core import ArgumentError

if TYPE_CHECKING:
    pass

log = logging.getLogger("empirical")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command.run(parser(), argv, _run)


def _run(arguments: argparse.Namespace) -> int:
    from empirical.command.reporting import compared, written
    from empirical.estimates.kept import published, read
    from longtail.core.files import folder

    if (arguments.directory is None) == (arguments.published is None):
        raise ArgumentError(
            "DIR", arguments.directory, "give the folder of a run, or --published cifar100, one of the two"
        )
    check_report(arguments)
    out = folder("--out", arguments.out) if arguments.out else None
    if arguments.published:
        if arguments.labels is not None:
            raise ArgumentError("--labels", arguments.labels, "published scores have labels; leave it out")
        if arguments.data is not None or arguments.prior is not None:
            raise ArgumentError("--data", arguments.data, "published scores are of data that are known; leave it out")
        observed = published(arguments.published, arguments.data_dir)
    else:
        observed = read(arguments.directory, arguments.labels, data=arguments.data, prior=arguments.prior)
    comparison = compared(observed, vars(arguments))
    if arguments.json:
        from longtail.core.files import json_text

        command.say(json_text(comparison.record()))
    else:
        from empirical.report.text import summary

        command.say(summary(comparison))
    if out is not None:
        written(comparison, out, vars(arguments), arguments.data_dir)
    return 0


def parser() -> command.Parser:
    """All options."""

    p = command.Parser(
        prog="python -m empirical.compare",
        description="Put the predicted memorization curve beside the observed one, and say how well theory explains it.",
        epilog="Example: python -m empirical.compare runs/digits --out runs/digits",
    )
    add_recorded(p, nargs="?")
    p.add_argument("--published", choices=["cifar100"], help="instead: Feldman & Zhang's estimates")
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
    fit.add_argument(
        "--simulations", type=int, metavar="R", help="data sets simulated for each fit's errors and p (default 200)"
    )
    fit.add_argument(
        "--profiles", action="store_true", help="draw how the fit worsens as each parameter is moved (a minute more)"
    )
    fit.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the simulations (default 0)")
    add_twins(fit)
    command.add_output(p, "report.html, figures, tables and the record", "one JSON object instead of words", plot="")
    return p


if __name__ == "__main__":
    sys.exit(main())
