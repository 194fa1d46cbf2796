"""``python -m empirical.turnover DATA``: memorization and influence from few nets, at every epoch, by turn-over dropout."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.command import grouping
from empirical.command.options import add_data, add_dry_run, add_store, add_trainers
from longtail.command import parser as command
from longtail.core import ArgumentError, Bools, real, whole
from longtail.core.shown import many

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from empirical.command.grouping import Loaded
    from empirical.courses.groups import Groups
    from empirical.data.data import Data
    from empirical.dynamics.net import Net
    from empirical.dynamics.run import Progress
    from empirical.dynamics.scores import Scores
    from empirical.dynamics.training import Trainer
    from longtail.core.arrays import Device

log = logging.getLogger("empirical")
EPOCHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # asked for by default, as far as a net is trained, and its last
SEEDS = 8


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    kept = "stopped; nets that were trained are kept, and the same command goes on from there"
    return command.run(parser(), argv, _run, lambda arguments: kept if arguments.out or arguments.store else "stopped")


def _run(arguments: argparse.Namespace) -> int:
    from empirical.command.grouping import loaded
    from empirical.command.keeping import kept_at
    from empirical.command.trainers import trainers
    from empirical.courses import masked
    from empirical.data.fingerprint import digest
    from empirical.data.relabeled import relabeled
    from empirical.dynamics import run
    from empirical.dynamics.parse import parse_net
    from empirical.dynamics.store import Identity, Nets
    from empirical.dynamics.training import Trainer
    from longtail.core.files import folder, json_text

    described = parse_net(arguments.net)
    epochs = _epochs(arguments.epochs_at, described)
    first = whole("--seed", arguments.seed, 0, 2**64 - 1)
    seeds = range(first, first + whole("--seeds", arguments.seeds, 1, 10**6))
    if seeds[-1] >= 2**64:
        raise ArgumentError("--seed", first, f"{len(seeds)} seeds from there on go beyond 2^64 - 1: give a smaller one")
    share = real("--noise", arguments.noise, 0, 1)
    where = _place(arguments)
    log.info("on %s", where.name)
    found = loaded(arguments)
    dataset, true = found.dataset, found.dataset.data
    data = relabeled(true, share, seed=first, others=False).data
    log.info("%s: %s + %s examples; %s", dataset.name, f"{data.n:,}", f"{data.n_test:,}", dataset.imbalance)
    tests = data.n_test if arguments.tests is None else whole("--tests", arguments.tests, 1, data.n_test)
    masks, groups = _groups(arguments, found, data, data.y_train != true.y_train)
    trainer = Trainer.of(described, data, masks)
    if arguments.dry_run:
        return _dry_run(arguments, trainer, data, groups, (len(seeds), epochs, tests))
    moves = None if groups is None else masked.Gradients(trainer, groups)
    log.info("%r: %s nets, scores after epochs %s", described, len(seeds), ", ".join(map(str, epochs)))
    out = folder("--out", arguments.out) if arguments.out else None
    shelf = kept_at(arguments.store, out, what="nets")
    nets = None if shelf is None else Nets.open(shelf, Identity.of(trainer, data, epochs))
    began = time.monotonic()
    with Bar("net") as bar, trainers(arguments) as executor:
        how: dict[str, Any] = {"executor": executor, "device": where, "reading": moves}
        scores, moved = run.trained(trainer, data, seeds, epochs, nets, bar, **how)
    table = _table(scores, data, true, dataset.train_ids)
    summary = {
        "data": dataset.name, "n": data.n, "n_test": data.n_test, "net": repr(described), "noise": share,
        "seeds": list(seeds), "fingerprint": digest(true), "masks": None if masks is None else len(np.unique(masks)),
        "epochs": _by_epoch(scores, data, true), "seconds": round(time.monotonic() - began, 3),
    }  # fmt: skip
    frames = {}
    if groups is not None:
        frames = {
            "groups": masked.by_group(scores, groups, moved),
            "speeds": masked.speeds(scores, groups, data.n_classes),
        }
        summary |= {name: frame.to_dict("records") for name, frame in frames.items()}
    if out is not None:
        _write(out, {"turnover": table, **frames}, summary, dataset.name, plot=not arguments.no_plot)
        if arguments.influence and nets is not None:
            with Bar("epoch") as bar:
                log.info("wrote %s", run.influence(trainer, data, seeds, nets, tests, out, bar))
            frames["influence"] = _influence(out, data)
            _write(out, {"turnover": table, **frames}, summary, dataset.name, plot=not arguments.no_plot)
    if arguments.json:
        command.say(json_text(summary))
    else:
        from empirical.report.turnover_text import report

        command.say(report(summary))
    return 0


def _place(arguments: argparse.Namespace) -> Device:
    """Where nets are to be trained, of options that go together."""
    from longtail.core.arrays import device

    if arguments.influence and not arguments.out:
        raise ArgumentError("--influence", "no --out", "say by --out where influence.npz is to be written")
    if arguments.tests is not None and not arguments.influence:
        raise ArgumentError("--tests", arguments.tests, "it is how many tests --influence is of; give both or neither")
    if arguments.one_mask and arguments.groups is None:
        remedy = "say by --groups COLUMN which examples have one mask in common"
        raise ArgumentError("--one-mask", "no --groups", remedy)
    if arguments.data is None:
        raise ArgumentError("DATA", None, "give a data set")
    where = device(arguments.device)
    if where.kind == "gpu" and (arguments.scheduler or arguments.workers != 1):
        name, got = ("--scheduler", arguments.scheduler) if arguments.scheduler else ("--workers", arguments.workers)
        remedy = "on a GPU nets are trained many at once, here: leave it out, or give --device cpu"
        raise ArgumentError(name, got, remedy)
    if where.kind == "gpu" and arguments.dry_run:
        raise ArgumentError("--device", arguments.device, "a dry run times the CPU: give --device cpu")
    return where


def _dry_run(
    arguments: argparse.Namespace,
    trainer: Trainer,
    data: Data,
    groups: Groups | None,
    asked: tuple[int, tuple[int, ...], int],
) -> int:
    """What so many nets, epochs and tests would cost; nothing is written."""
    from dataclasses import asdict

    from empirical.command.dry import say
    from empirical.courses import masked
    from empirical.dynamics.stages import Case, calibrated, stages
    from empirical.learners.learner import features

    nets, epochs, tests = asked
    size = (data.n, data.n_test, nets, len(epochs), tests if arguments.influence else 0)
    case = Case(*size, grouped=groups is not None, kept=bool(arguments.out or arguments.store))
    log.info("timing a little of each stage")
    reading = None if groups is None else lambda few, some: masked.Gradients(few, groups.some(some))
    rates = calibrated(trainer, features(data)[1], reading)
    head = f"{data.n:,} training and {many(data.n_test, 'test example')}, "
    head += f"{many(nets, 'net')} asked after {many(len(epochs), 'epoch')}"
    return say(arguments, head, asdict(case), stages(case, trainer.net, trainer.sizes.tolist(), rates))


def _groups(arguments: argparse.Namespace, found: Loaded, data: Data, changed: Bools) -> tuple[Any, Groups | None]:
    """Whose mask each example has (None: its own), and the groups of the curves; None where masks are of too many to draw."""
    from empirical.command.grouping import grouped
    from empirical.courses.groups import MOST

    if arguments.one_mask and found.column is not None:
        _, masks = np.unique(found.column, return_inverse=True)
        if masks.max() >= MOST:
            log.info("no curves by group: there are %s, and %s can be shown", f"{masks.max() + 1:,}", MOST)
            return masks, None
        return masks, grouped(arguments.groups, found, data, changed)
    groups = grouped(arguments.groups, found, data, changed)
    if not arguments.one_mask:
        return None, groups
    alone = np.cumsum(groups.of < 0) + len(groups.names) - 1  # an example of no group has a mask of its own
    return np.where(groups.of < 0, alone, groups.of), groups


def _epochs(text: str | None, net: Net) -> tuple[int, ...]:
    if text is None:
        return (*(epoch for epoch in EPOCHS if epoch < net.epochs), net.epochs)
    try:
        asked = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise ArgumentError("--epochs-at", text, "give whole numbers with commas between: 1,2,5,10,20") from error
    try:
        return net.check_epochs(asked)
    except ArgumentError as error:
        raise ArgumentError(
            "--epochs-at", error.shown, f"{error.remedy}; the net is trained for {net.epochs}"
        ) from error


def _influence(out: Path, data: Data) -> pd.DataFrame:
    """By epoch, of ``influence.npz``."""
    from empirical.data.sources.arrays import opened
    from empirical.dynamics.influence import by_epoch
    from empirical.dynamics.run import ARRAYS

    found = opened(str(out / "influence.npz"), ARRAYS, ARRAYS, "out")
    same = data.y_test[found["tests"]][:, None] == data.y_train
    return by_epoch(found["influence"], found["stderr"], found["epochs"].tolist(), same)


def _table(scores: Scores, data: Data, true: Data, ids: Sequence[Any] | None) -> pd.DataFrame:
    """``Scores.table`` with classes by their names; row names and the labels before noise where there are any."""
    table = scores.table([data.classes[k] for k in data.y_train])
    times = len(scores.epochs)
    if ids is not None:
        table.insert(1, "id", list(ids) * times)
    if (data.y_train != true.y_train).any():
        table["true_label"] = [true.classes[k] for k in true.y_train] * times
    return table


def _by_epoch(scores: Scores, data: Data, true: Data) -> list[dict[str, Any]]:
    """Means over examples, and of those whose label was changed, by epoch."""
    (loss, _), (value, _) = scores.memorization("loss"), scores.memorization("correct")
    changed = data.y_train != true.y_train
    rows = []
    for at, epoch in enumerate(scores.epochs):
        own, flipped, entire = (float(scores.right[:, at, k].mean()) for k in range(3))
        row: dict[str, Any] = {"epoch": epoch, "memorization": float(value[at].mean())}
        row |= {"memorization_loss": float(loss[at].mean()), "share_above_0.25": float((value[at] >= 0.25).mean())}
        row |= {"own_accuracy": own, "flipped_accuracy": flipped, "train_accuracy": entire}
        row["test_accuracy"] = float(scores.right_test[:, at].mean())
        if changed.any():
            row["memorization_changed"] = float(value[at, changed].mean())
        rows.append(row)
    return rows


def _write(out: Path, frames: dict[str, pd.DataFrame], summary: dict[str, Any], data: str, *, plot: bool) -> None:
    from longtail.core.files import write_json, write_table
    from longtail.core.record import hardware, versions
    from longtail.core.sealed import sealed

    written = [write_table(out / f"{name}.csv", frame) for name, frame in frames.items()]
    for path in written:
        log.info("wrote %s", path)
    # of an earlier run: the figure and the report would show them
    for name in {"groups", "speeds", "influence"} - frames.keys():
        (out / f"{name}.csv").unlink(missing_ok=True)
    if plot:
        from empirical.report.turnover_figures import write

        for drawn in write(out, data, len(summary["seeds"])):
            log.info("wrote %s", drawn)
    record = {**summary, "versions": versions(), "hardware": hardware()}
    write_json(out / "turnover.json", sealed(record, written))


class Bar:
    """Call it with a run's progress: on a terminal a bar, else a line a unit."""

    def __init__(self, unit: str) -> None:
        self.unit, self.bar = unit, None  # type: tuple[str, Any]

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, now: Progress) -> None:
        """Show how far it is."""
        from empirical.training.resources import duration

        if sys.stderr.isatty() and log.isEnabledFor(logging.INFO):
            if self.bar is None:
                from tqdm import tqdm

                self.bar = tqdm(
                    total=now.wanted, initial=now.found, unit=self.unit, file=sys.stderr, dynamic_ncols=True
                )
            self.bar.update(now.done - self.bar.n)
        elif now.done > now.found:
            left = now.seconds * (now.wanted - now.done) / (now.done - now.found)
            log.info("%s of %s %ss, %s left", now.done, now.wanted, self.unit, duration(left))


def parser() -> command.Parser:
    """All options."""
    p = command.Parser(
        prog="python -m empirical.turnover",
        description="Memorization and influence by turn-over dropout (Kobayashi et al., 2020): a few nets in each of which every "
        "example has a sub-network that learns from it and one that never does, told apart at every epoch asked for.",
        epilog="Started again with the same --out, a run goes on where it was stopped. Example: python -m empirical.turnover "
        "digits --epochs-at 1,2,5,10,20 --seeds 8 --noise 0.2 --out runs/turnover",
    )
    add_data(p).add_argument("--groups", metavar="WHAT", help=f"whose curves: {grouping.HELP} (default: classes)")
    run = p.add_argument_group("run")
    run.add_argument(
        "--net",
        default="Net()",
        metavar="SPEC",
        help='as in "Net(widths=(256,), masks=Masks(kept=0.5, layers=(1,)), epochs=20)", or authors (default Net())',
    )
    run.add_argument(
        "--epochs-at", metavar="E,E,...", help="epochs to give scores at (default 1,2,5,10,20,... and the last)"
    )
    run.add_argument("--seeds", type=int, default=SEEDS, metavar="S", help=f"nets, one a seed (default {SEEDS})")
    run.add_argument("--seed", type=int, default=0, metavar="S", help="the first of them, and of --noise (default 0)")
    run.add_argument(
        "--noise",
        type=float,
        default=0.0,
        metavar="F",
        help="chance of a training label to be drawn anew, from all classes (default 0)",
    )
    run.add_argument(
        "--one-mask",
        action="store_true",
        help="examples of one of --groups have one mask: memorization and influence are then a group's",
    )
    add_trainers(run)
    add_store(run, "nets")
    run.add_argument(
        "--device",
        default="cpu",
        metavar="auto|cpu|gpu",
        help="where nets are trained (default cpu); on a GPU as many at once as fit, to the same numbers but for rounding",
    )
    run.add_argument(
        "--influence", action="store_true", help="influence of every example on tests too, in influence.npz"
    )
    run.add_argument("--tests", type=int, metavar="Q", help="the first Q test examples only (default all)")
    add_dry_run(command.add_output(p, "table, figure, summary and nets", "the summary as one JSON object"))
    return p


if __name__ == "__main__":
    sys.exit(main())
