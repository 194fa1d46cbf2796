"""Options that the commands share, in groups: which data, which run, what comes out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from empirical.data.sources import NAMES as DATA
from empirical.designs import NAMES as DESIGNS
from empirical.estimates import INFLUENCE, THRESHOLD, TRIALS
from empirical.learners import ALIASES as LEARNERS
from empirical.learners.score import SCORES
from empirical.training import DTYPES, SHARD
from longtail.command.parser import Parser
from longtail.command.parser import add_output as output
from longtail.core import ArgumentError


def add_data(p: Parser) -> argparse._ArgumentGroup:
    """Which data set, and how it is read."""
    p.add_argument(
        "data",
        nargs="?",
        metavar="DATA",
        help="; ".join(DATA) + "; a .npz, .csv, .parquet, .txt or .zip "
        "file; a folder of images per class; or package.module.function, marked by empirical.makes_data",
    )
    data = p.add_argument_group("data")
    data.add_argument(
        "--data-dir", metavar="DIR", help="where official files are (default: LONGTAIL_DATA, else a download)"
    )
    data.add_argument(
        "--label",
        metavar="COLUMN",
        help='column of labels (default "label"); for text: fine or coarse; for a sparse .npz: a file, '
        "with --test two: y.npy,y_test.npy",
    )
    data.add_argument("--id", metavar="COLUMN", help="column that names rows, carried through to the results")
    data.add_argument("--text", metavar="COLUMN", help="column of text, by TF-IDF, or as it is to a learner that reads")
    data.add_argument("--test", metavar="FILE", help="test rows from another file")
    data.add_argument("--test-fraction", type=float, metavar="F", help="else this share of the rows (default 0.2)")
    data.add_argument(
        "--missing",
        metavar="HOW",
        help="gaps of a table: median (of the training rows), drop (those rows), or as-is, for a learner that takes them",
    )
    data.add_argument("--size", type=int, metavar="P", help="bring images to P × P pixels, whatever their sizes are")
    data.add_argument("--rows", type=int, metavar="N", help="train on N of the examples only, drawn at random")
    data.add_argument("--prior", metavar="SPEC", help='for planted: a prior, as in "Zipf(alpha=1, size=1000)"')
    data.add_argument("--n", type=int, metavar="N", help="for planted: training examples (default 1000)")
    return data


def add_recorded(p: Parser, **how: Any) -> None:
    """A run that is on disk, and what of it no folder can name: its data and prior, where they are the user's own."""
    p.add_argument("directory", metavar="DIR", help="folder that python -m empirical.estimate --out wrote", **how)
    p.add_argument("--data-dir", metavar="DIR", help="where official files are (default: LONGTAIL_DATA)")
    p.add_argument(
        "--data",
        metavar="DATA",
        help="the run's data, if they moved or a function of yours makes them: names in its folder are never imported",
    )
    p.add_argument("--prior", metavar="SPEC", help="the run's prior of planted data, if it is a class of yours")


def add_masks(data: argparse._ArgumentGroup) -> None:
    """Instead of a data set: models trained elsewhere."""
    data.add_argument(
        "--masks",
        metavar="FILE.npz",
        help="models trained elsewhere: masks, correct_train, correct_test, "
        "and y_train, y_test where pairs are to be of one class; train_ids, test_ids if you like",
    )
    data.add_argument("--labels", type=int, metavar="K", help="number of classes, for --masks without labels")


def add_run(p: Parser) -> None:
    """Which learner, how many models, and where they are trained."""
    run = p.add_argument_group("run")
    run.add_argument(
        "--learner",
        default="knn",
        metavar="SPEC",
        help=f"{', '.join(LEARNERS)}, as a call for options, or "
        "package.module.Class(...), ours or scikit-learn's, or package.module.fit_predict (default knn)",
    )
    run.add_argument("--trials", type=int, metavar="T", help=f"models to train (default {TRIALS})")
    run.add_argument(
        "--error", type=float, metavar="X", help="instead: as many models as a standard error of X takes, at worst"
    )
    run.add_argument(
        "--power",
        type=float,
        metavar="P",
        help="instead: as many as find a pair of true influence --influence with chance P at the threshold",
    )
    run.add_argument(
        "--influence",
        type=float,
        metavar="D",
        help=f"what --power is to find (default {INFLUENCE}); above the threshold",
    )
    run.add_argument(
        "--false",
        type=float,
        metavar="F",
        help="instead: as many as let at most F pairs without influence pass the threshold, as expected; of --error, "
        "--power and --false all that are given hold",
    )
    run.add_argument(
        "--first", type=int, default=0, metavar="K", help="number of the first trial, to share a run (default 0)"
    )
    run.add_argument(
        "--fraction", type=float, metavar="F", help="of examples in a subset (default 0.7; orthogonal 0.75)"
    )
    run.add_argument("--design", default="fixed", choices=DESIGNS, help="how subsets are drawn (default fixed)")
    run.add_argument(
        "--learning-curve",
        action="store_true",
        help="beside them a tenth as many models on half as many examples, for the error at both sizes",
    )
    run.add_argument("--stratified", action="store_true", help="the same share of each class; arrays class by class")
    run.add_argument(
        "--score",
        default="correct",
        choices=SCORES,
        help="what is kept of a prediction (default correct); predicted: which class",
    )
    run.add_argument(
        "--dtype",
        default=DTYPES[0],
        choices=DTYPES,
        help="of scores that are no whole numbers (default float16, up to 65,504)",
    )
    add_training(run, "subsets and learners", device="train and look for pairs")
    run.add_argument(
        "--merge", action="append", default=[], metavar="DIR", help="take over another run's trials as well"
    )


def add_training(
    run: argparse._ArgumentGroup, seeded: str, *, device: str | None = None, shard: int | None = SHARD
) -> None:
    """Seed, who trains and, if a ``device`` can be chosen to do that, where; and how trials are kept and taken up again."""
    run.add_argument("--seed", type=int, default=0, metavar="S", help=f"seed of {seeded} (default 0)")
    add_trainers(run)
    if device is not None:
        run.add_argument(
            "--device",
            default="auto",
            metavar="auto|cpu|gpu",
            help=f"where to {device} (default auto); for PyTorch's nets also as it says, mps or cuda:1",
        )
    add_store(run)
    run.add_argument(
        "--shard",
        type=int,
        default=shard,
        metavar="K",
        help=f"trials written at a time (default {'all' if shard is None else shard})",
    )
    run.add_argument(
        "--resume", action=argparse.BooleanOptionalAction, default=True, help="take up a stopped run (default)"
    )


def add_trainers(run: argparse._ArgumentGroup | Parser) -> None:
    """Who trains."""
    run.add_argument("--workers", type=int, default=1, metavar="W", help="processes, of one thread each (default 1)")
    run.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="instead: the workers of a Dask cluster, as tcp://host:8786, or local:4 for one of four processes (extra dask)",
    )


def add_store(run: argparse._ArgumentGroup | Parser, what: str = "trials") -> None:
    """Where trials, or nets, are kept, if not beside the tables."""
    run.add_argument(
        "--store",
        metavar="ADDRESS",
        help=f"keep {what} there: s3://bucket/prefix (extra bucket), or a folder (default: {what} in that of --out)",
    )


def add_output(p: Parser) -> None:
    """What comes out, and where."""
    out = output(p, "tables, summary, figures and trials", "the summary as one JSON object", plot="figures")
    out.add_argument("--threshold", type=float, metavar="X", help=f"of pairs (default {THRESHOLD})")
    out.add_argument(
        "--fdr", type=float, metavar="RATE", help="instead: the threshold that keeps false pairs to this share"
    )
    out.add_argument(
        "--published-rule", action="store_true", help="only pairs whose training example has memorization ≥ .25"
    )
    add_twins(out)
    out.add_argument(
        "--no-theory",
        action="store_true",
        help="fit no theory for the report: it is there in a few seconds (python -m empirical.compare DIR --out DIR makes it "
        "with theory later)",
    )
    add_dry_run(out)
    out.add_argument(
        "--matrix",
        metavar="FILE",
        help="write the influence of every training example on every test example, block by block in --memory: NAME.zarr (extra "
        "zarr) or NAME.parquet (extra parquet), as python -m empirical.judge takes it",
    )
    out.add_argument(
        "--memory",
        nargs="?",
        const="",
        metavar="SIZE",
        help="hold no trials, but SIZE, as 2G or 500M (default: a third of what is free); stream all pairs to pairs.parquet: "
        "pairs.csv then has the largest only, at most 100,000 (extra parquet)",
    )


def add_twins(out: argparse._ArgumentGroup | Parser) -> None:
    """Near-duplicates, of however many examples."""
    out.add_argument(
        "--twins",
        action="store_true",
        help="look for near-duplicates across training and test for the report however long it takes (else up to 3e10 products)",
    )


def check_report(arguments: argparse.Namespace) -> None:
    """Refuse what is said of a report that will not be made."""
    for name in ("twins", "no_theory"):
        if getattr(arguments, name, False):
            shown = f"--{name.replace('_', '-')}"
            if getattr(arguments, "no_plot", False):
                raise ArgumentError(
                    shown, "--no-plot", "it is for the report, which that leaves out: give one of the two"
                )
            if not arguments.out:
                raise ArgumentError(shown, "no --out", "it is for the report: say by --out in which folder")


def add_dry_run(out: argparse._ArgumentGroup | Parser) -> None:
    """Only what it would cost."""
    out.add_argument(
        "--dry-run",
        action="store_true",
        help="write nothing: say what the run would take stage by stage, in operations, bytes and seconds timed on a little",
    )


def given(p: Parser, argv: Sequence[str] | None) -> dict[str, object]:
    """The options that were asked for, whatever their defaults are, by name."""
    blank = argparse.Namespace(**dict.fromkeys(vars(p.parse_args(argv))))  # argparse puts no default where a value is
    return {name: value for name, value in vars(p.parse_args(argv, blank)).items() if value is not None}
