"""``python -m empirical.remove DIR``: retrain without the memorized examples of a run, the theory's prediction first."""

from __future__ import annotations

import argparse
import logging
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from empirical.command.options import add_dry_run, add_recorded, add_trainers
from longtail.command import parser as command
from longtail.core import ArgumentError, whole

if TYPE_CHECKING:
    import pandas as pd

    from empirical.data.data import Data
    from empirical.learners.learner import Learner
    from longtail.core import Bools

log = logging.getLogger("empirical")
MEANING = (
    "Lost: test accuracy lost by training without the examples whose memorization is at or above the threshold; lost_random: "
    "without as many drawn at random; predicted: what theory said of either before. No duplicates: on test examples that have no "
    "near-duplicate in training."
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command.run(parser(), argv, _run)


def _run(arguments: argparse.Namespace) -> int:
    from empirical.bridge.comparison import compare, foretell
    from empirical.command.reporting import LEAST
    from empirical.command.trainers import trainers
    from empirical.estimates.kept import read
    from empirical.estimates.removal import DISTINCT, RECORD, SEALED, SEEDS, THRESHOLDS, of_set, removal, removed, seal
    from longtail.core.files import write_table

    seeds = SEEDS if arguments.seeds is None else whole("--seeds", arguments.seeds, 2)
    seed = whole("--seed", arguments.seed, 0, 2**64 - 1)
    simulations = whole("--simulations", arguments.simulations, LEAST)
    out = Path(arguments.directory)
    observed = read(out, data=arguments.data, prior=arguments.prior)
    if not observed.experiment.source:
        remedy = "there is no data set to retrain on, and nothing can be removed; give a run that estimate trained"
        raise ArgumentError("DIR", f"{out}, of models trained elsewhere", remedy)
    dataset = observed.dataset(arguments.data_dir)
    thresholds = list(THRESHOLDS) if arguments.threshold is None else arguments.threshold
    values = observed.memorization["memorization"].to_numpy(float)
    removed(dataset.data, values, thresholds)  # refused before anything is written
    trained = observed.experiment.taught(arguments.learner)
    trained.check(dataset.data, "correct")
    device = trained.place(arguments.device)
    if arguments.dry_run:
        return _dry_run(arguments, dataset.data, trained, removed(dataset.data, values, thresholds), seeds)
    best = compare(observed, couplings=("beta",), simulations=simulations).best
    prediction = foretell(best, thresholds)
    record: dict[str, Any] = dict(zip(RECORD, (repr(trained), seed, observed.mark), strict=True))
    facts = {"prior": repr(best.prior), "coupling": repr(best.coupling)} | record
    for name in ("removal.csv", SEALED):
        (out / name).unlink(missing_ok=True)  # what an earlier prediction was of
    foretold = write_table(out / "removal_predicted.csv", prediction.assign(**facts))  # before anything is retrained
    seal(out, record, [foretold.name])
    log.info("wrote %s; now training", foretold)
    with trainers(arguments) as executor:
        given: dict[str, Any] = {"seeds": seeds, "seed": seed, "device": device, "executor": executor}
        table = removal(dataset.data, trained, values, thresholds, **given)
    lost = write_table(out / "removal.csv", table.assign(**record))
    seal(out, record, [foretold.name, lost.name])
    log.info("wrote %s", lost)
    if of_set(table, DISTINCT).empty:
        log.info(
            "no test example is known to have a near-duplicate in training, or every one has: there is no leaving them out"
        )
    command.say(_shown(table, prediction))
    return 0


def _shown(table: pd.DataFrame, prediction: pd.DataFrame) -> str:
    """What was lost beside what was foretold, for a terminal."""
    from empirical.estimates.removal import margin

    printed = table.merge(prediction, on="threshold", suffixes=("", "_predicted"))
    printed["± 95 %"] = margin(printed["lost_stderr"], printed["tests"])
    columns = ["set", "tests", "threshold", "removed", "lost", "± 95 %"]
    columns += ["lost_predicted", "lost_random", "lost_random_predicted"]
    shown = printed[columns].to_string(index=False, float_format=lambda v: f"{v:.4f}")
    return f"{shown}\n\n{textwrap.fill(MEANING, 100)}"


def _dry_run(arguments: argparse.Namespace, data: Data, learner: Learner, gone: Sequence[Bools], seeds: int) -> int:
    """What it would cost; nothing is written."""
    from dataclasses import asdict

    from empirical.command.dry import say
    from empirical.estimates.removal_stages import RemovalCase, calibrated, stages

    device = learner.place(arguments.device)
    case = RemovalCase.of(data, gone, seeds)
    log.info("timing a little of each stage")
    head = f"{case.n:,} training and {case.n_test:,} test examples, {case.models:,} models"
    return say(arguments, head, asdict(case), stages(case, learner, data, calibrated(data, learner, device)))


def parser() -> command.Parser:
    """All options."""

    p = command.Parser(
        prog="python -m empirical.remove",
        description="Train without the examples of memorization θ or more, and without as many random ones.",
        epilog="Writes removal_predicted.csv, removal.csv and their digests into DIR, where empirical.compare finds them.",
    )
    add_recorded(p)
    p.add_argument("--learner", metavar="SPEC", help="to retrain (default: the run's own, if it is one of ours)")
    p.add_argument("--threshold", type=float, action="append", metavar="X", help="may be repeated (default .1 to .8)")
    p.add_argument("--seeds", type=int, metavar="S", help="of learners and random removals (default 5)")
    p.add_argument(
        "--simulations",
        type=int,
        default=50,
        metavar="R",
        help="data sets simulated for the fit's errors and p (default 50)",
    )
    p.add_argument("--seed", type=int, default=0, metavar="S", help="first seed (default 0)")
    add_trainers(p)
    add_dry_run(p)
    p.add_argument("--device", default="cpu", metavar="cpu|gpu|auto", help="where to train (default cpu)")
    command.add_output(p, prints="", plot="")
    return p


if __name__ == "__main__":
    sys.exit(main())
