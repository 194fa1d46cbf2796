"""``python -m empirical.turnover DATA``: memorization and influence from few nets, at every epoch, by turn-over dropout."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import longtail
from empirical.command.options import add_data
from longtail.command import parser as command
from longtail.core import ArgumentError, real, whole

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from empirical.data.data import Data
    from empirical.dynamics.net import Net
    from empirical.dynamics.run import Progress
    from empirical.dynamics.scores import Scores

log = logging.getLogger("empirical")
EPOCHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # asked for by default, as far as a net is trained, and its last
SEEDS = 8


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    kept = "stopped; nets that were trained are kept, and the same command goes on from there"
    return command.run(parser(), argv, _run, lambda arguments: kept if arguments.out else "stopped")


def _run(arguments: argparse.Namespace) -> int:
    from empirical.data.load import load
    from empirical.data.relabeled import relabeled
    from empirical.dynamics import run
    from empirical.dynamics.parse import net
    from empirical.dynamics.store import Identity, Nets
    from empirical.dynamics.training import Trainer
    from empirical.estimates.recorded import KINDS
    from longtail.core.files import folder, json_text

    described = net(arguments.net)
    epochs = _epochs(arguments.epochs_at, described)
    first = whole("--seed", arguments.seed, 0, 2**64 - 1)
    seeds = range(first, first + whole("--seeds", arguments.seeds, 1, 10**6))
    if seeds[-1] >= 2**64:
        raise ArgumentError("--seed", first, f"{len(seeds)} seeds from there on go beyond 2^64 - 1: give a smaller one")
    share = real("--noise", arguments.noise, 0, 1)
    if arguments.influence and not arguments.out:
        raise ArgumentError("--influence", "no --out", "say by --out where influence.npz is to be written")
    if arguments.tests is not None and not arguments.influence:
        raise ArgumentError("--tests", arguments.tests, "it is how many tests --influence is of; give both or neither")
    if arguments.data is None:
        raise ArgumentError("DATA", None, "give a data set")
    dataset = load(arguments.data, **{name: getattr(arguments, name) for name in KINDS})
    true = dataset.data
    data = relabeled(true, share, seed=first, others=False).data
    log.info("%s: %s + %s examples; %s", dataset.name, f"{data.n:,}", f"{data.n_test:,}", dataset.imbalance)
    tests = data.n_test if arguments.tests is None else whole("--tests", arguments.tests, 1, data.n_test)
    trainer = Trainer.of(described, data)
    log.info("%r: %s nets, scores after epochs %s", described, len(seeds), ", ".join(map(str, epochs)))
    out = folder("--out", arguments.out) if arguments.out else None
    nets = None if out is None else Nets.open(out / "nets", Identity.of(trainer, data, epochs))
    began = time.monotonic()
    with Bar("net") as bar:
        scores = run.trained(trainer, data, seeds, epochs, nets, bar)
    table = _table(scores, data, true, dataset.train_ids)
    summary = {
        "data": dataset.name, "n": data.n, "n_test": data.n_test, "net": repr(described), "noise": share,
        "seeds": list(seeds), "epochs": _by_epoch(scores, data, true), "seconds": round(time.monotonic() - began, 3),
    }  # fmt: skip
    if out is not None:
        _write(out, table, summary, dataset.name, plot=not arguments.no_plot)
        if arguments.influence and nets is not None:
            with Bar("epoch") as bar:
                log.info("wrote %s", run.influence(trainer, data, seeds, nets, tests, out, bar))
    command.say(json_text(summary) if arguments.json else _text(summary))
    return 0


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


def _write(out: Path, table: pd.DataFrame, summary: dict[str, Any], data: str, *, plot: bool) -> None:
    from longtail.core.files import json_text, whole_file
    from longtail.core.record import hardware, versions

    with whole_file(out / "turnover.csv") as path:
        table.to_csv(path, index=False)
    log.info("wrote %s", out / "turnover.csv")
    if plot:
        from empirical.report.turnover_figures import write

        for drawn in write(out, data, len(summary["seeds"])):
            log.info("wrote %s", drawn)
    with whole_file(out / "turnover.json") as path:
        told = {**summary, "versions": versions(), "hardware": hardware()}
        path.write_text(json_text(told, indent=1) + "\n", encoding="utf-8")


def _text(summary: dict[str, Any]) -> str:
    import pandas as pd

    table = pd.DataFrame(summary["epochs"]).rename(columns=lambda name: name.replace("_", " "))
    head = f"{summary['n']:,} training and {summary['n_test']:,} test examples, {len(summary['seeds'])} nets"
    return f"{head}\n\n{table.to_string(index=False, float_format=lambda v: f'{v:.3f}')}"


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
    add_data(p)
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
        "--influence", action="store_true", help="influence of every example on tests too, in influence.npz"
    )
    run.add_argument("--tests", type=int, metavar="Q", help="the first Q test examples only (default all)")
    out = p.add_argument_group("output")
    out.add_argument("--out", metavar="DIR", help="write table, figure, summary and nets there")
    out.add_argument("--no-plot", action="store_true", help="write no figure")
    out.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    out.add_argument("--quiet", action="store_true", help="no diagnostics on stderr")
    p.add_argument("--version", action="version", version=f"longtail {longtail.__version__}")
    return p


if __name__ == "__main__":
    sys.exit(main())
