"""``python -m empirical.limit DATA``: what it costs to limit memorization, by privacy or compression, and whom it costs."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.command import parser as command
from longtail.core import ArgumentError

if TYPE_CHECKING:
    from empirical.data.dataset import Dataset
    from empirical.limits.costs import Costs

log = logging.getLogger("empirical")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command.run(parser(), argv, _run, command.resumable)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.data is None:
        raise ArgumentError("DATA", None, "give a data set, as digits")
    from empirical.command.limiting import foreseen, limited
    from longtail.core.files import folder, json_text

    if arguments.dry_run:
        return foreseen(arguments)
    out = folder("--out", arguments.out) if arguments.out else None
    dataset, found = limited(arguments, out)
    if out is not None:
        _write(arguments, dataset, found, out)
    if arguments.json:
        command.say(json_text(record(dataset, found)))
    else:
        from empirical.report.limit_text import report

        command.say(report(dataset, found))
    return 0


def record(dataset: Dataset, found: Costs) -> dict[str, Any]:
    """The object that ``--json`` prints."""
    tables = {name: frame.to_dict("records") for name, frame in found.frames.items()}
    return {"data": dataset.name, "n": dataset.data.n, "n_test": dataset.data.n_test, **tables, "theory": found.theory}


def _write(arguments: argparse.Namespace, dataset: Dataset, found: Costs, out: Path) -> None:
    """Tables and the record of the run; the figure before it."""
    from empirical.command.writing import drawn, told
    from longtail.core.record import Run

    if not arguments.no_plot:
        from empirical.report.limit_figure import figure

        drawn(figure(found.frames, dataset.name), out / "limits")
    told(Run.of(vars(arguments), arguments.seed, found.frames).write(out))


def parser() -> command.Parser:
    """All options."""
    from empirical.command.options import add_data, add_dry_run, add_training

    p = command.Parser(
        prog="python -m empirical.limit",
        description="Train a learner, and beside it others of limited memorization on the same subsets: what they lose, "
        "by memorization and by group, and what theory says of it.",
        epilog="Values may be repeated or be ranges. Started again with the same --out, a run goes on where it was stopped. "
        "Example: python -m empirical.limit digits --private 1:8:x2 --prune 0.3:0.9:0.2 --out runs/limits",
    )
    add_data(p).add_argument(
        "--groups", metavar="COLUMN", help="of a table: who pays is asked of these (default: classes)"
    )
    how = p.add_argument_group("limits")
    how.add_argument(
        "--private", action="append", default=[], metavar="ε", help="differentially private in each example"
    )
    how.add_argument("--delta", type=float, default=1e-5, metavar="δ", help="of privacy (default 1e-5)")
    how.add_argument(
        "--mechanism", metavar="SPEC", help="private learner: dpsgd(...), private_softmax(...) or private_ridge(...)"
    )
    how.add_argument("--prune", action="append", default=[], metavar="SHARE", help="of weights put to 0 after training")
    how.add_argument(
        "--scope", default="global", choices=("global", "layer"), help="of all weights, or of each layer's"
    )
    how.add_argument(
        "--limited", action="append", default=[], metavar="SPEC", help='any other learner, as "mlp(4)" or "ridge(1000)"'
    )
    run = p.add_argument_group("run")
    run.add_argument("--learner", default="mlp", metavar="SPEC", help="the unlimited one (default mlp)")
    run.add_argument("--trials", type=int, default=100, metavar="T", help="models of each learner (default 100)")
    run.add_argument("--fraction", type=float, default=0.7, metavar="F", help="of examples in a subset (default 0.7)")
    run.add_argument("--stratified", action="store_true", help="the same share of each class")
    add_training(run, "subsets and learners")
    run.add_argument(
        "--simulations", type=int, default=10, metavar="R", help="data sets behind the fit's p-value (default 10)"
    )
    add_dry_run(command.add_output(p, "tables, figure, record and trials"))
    return p


if __name__ == "__main__":
    sys.exit(main())
