"""``python -m empirical.judge RUN SCORES``: how well attribution scores hold against the models of a run."""

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
    import pandas as pd

    from empirical.attributions.judged import Judged
    from empirical.command.opening import Kept
    from longtail.core import Integers

log = logging.getLogger("empirical")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command.run(parser(), argv, _run)


def _run(arguments: argparse.Namespace) -> int:
    from empirical.attributions.judged import judged
    from empirical.attributions.scores import read
    from empirical.command.opening import kept
    from empirical.report.judged_text import report
    from longtail.core.files import folder, json_text

    skip = whole("--skip", arguments.skip, 0)
    retrain = whole("--retrain", arguments.retrain, 0, 10**5)
    run = kept(arguments)
    if skip >= run.trials.count:
        remedy = f"the run has {run.trials.count} models, and some have to judge"
        raise ArgumentError("--skip", skip, remedy)
    trials = run.trials.take(slice(skip, None))
    tests = chosen(arguments.tests, trials.n_test)
    flipped = None if arguments.flipped is None else known_wrong(arguments.flipped, trials.n)
    every = {}
    how: dict[str, Any] = {"queries_first": arguments.queries_first, "tests": tests, "n_test": trials.n_test}
    for source in arguments.scores:
        scores = read(source, trials.n, len(tests), lambda: run.dataset().data, **how)
        log.info("%s: judging by %s models", source, f"{trials.count:,}")
        found = judged(trials, scores, tests=tests, flipped=flipped)
        every[source] = _retrained(found, run, scores, tests, retrain, arguments.learner) if retrain else found
    record = {"run": run.name, "judged": [{"scores": source, **found.summary} for source, found in every.items()]}
    if arguments.out:
        _write(record, every, folder("--out", arguments.out), run, vars(arguments))
    command.say(json_text(record) if arguments.json else report(every, run.name))
    return 0


def _retrained(found: Judged, run: Kept, scores: Any, tests: Integers, count: int, spec: str | None) -> Judged:
    """With how many answers turn wrong where models are retrained without what carries them."""
    from dataclasses import replace

    from empirical.attributions.brittle import brittleness

    data = run.dataset().data
    assert run.measured is not None  # a run with data has estimates
    taught = run.measured.experiment.taught(spec)
    return replace(found, brittle=brittleness(data, taught, scores, count, tests=tests))


def chosen(asked: str | None, n_test: int) -> Integers:
    """Test examples by ``start:stop``, or by a file of their indices; all of them unless asked."""
    import numpy as np

    if asked is None:
        return np.arange(n_test)
    start, colon, stop = asked.partition(":")
    if colon and all(not part or part.isdecimal() for part in (start, stop)):
        found = np.arange(n_test)[int(start or 0) : int(stop) if stop else None]
    else:
        found = numbers("--tests", asked).astype(np.int64)
    if not found.size or found.min() < 0 or found.max() >= n_test or len(np.unique(found)) < len(found):
        remedy = f"give start:stop, or a file of indices, each once, from 0 to {n_test - 1}"
        raise ArgumentError("--tests", asked, remedy)
    return found


def known_wrong(path: str, n: int) -> Any:
    """The examples whose labels are known to be wrong, by a file."""
    from empirical.attributions.judged import marked

    try:
        return marked(numbers("--flipped", path), n)
    except ArgumentError as error:
        if error.argument != "flipped":
            raise
        raise ArgumentError("--flipped", f"{path}, {error.shown}", error.remedy) from error


def numbers(option: str, path: str) -> Any:
    """Whole numbers of an .npy, or of a text with one a line."""
    import numpy as np

    from empirical.data.sources.arrays import single
    from longtail.core.opened import content, reading

    if Path(path).suffix == ".npy":
        found = single(path, option)
    else:
        raw = content(option, path, 20)
        with reading(option, path, "write one whole number a line"):
            found = np.array([int(word) for word in raw.decode().replace(",", " ").split()], np.int64)
    if found.ndim != 1 or not found.size or found.dtype.kind not in "iub":
        raise ArgumentError(option, f"{path}, {found.dtype} of shape {found.shape}", "give whole numbers, one a line")
    return found


def _write(record: dict[str, Any], every: dict[str, Judged], out: Path, run: Kept, arguments: dict[str, Any]) -> None:
    """Tables by test example and of brittleness, a figure, and the record last."""
    import pandas as pd

    from empirical.command.writing import drawn, recorded, told
    from longtail.core.files import write_table

    tables: dict[str, pd.DataFrame] = {"judged": pd.concat([one.table.assign(scores=k) for k, one in every.items()])}
    brittle = [one.brittle.assign(scores=k) for k, one in every.items() if one.brittle is not None]
    if brittle:
        tables["brittle"] = pd.concat(brittle)
    told(write_table(out / f"{name}.csv", frame, digits=9) for name, frame in tables.items())
    if not arguments["no_plot"]:
        from empirical.report.judged_figure import judged_figure

        drawn(judged_figure(every, run.name), out / "judged")
    recorded(record, out / "judged.json", arguments)


def parser() -> command.Parser:
    """All options."""
    p = command.Parser(
        prog="python -m empirical.judge",
        description="Judge attribution scores by models they have not seen: linear datamodeling score with its noise ceiling, "
        "leave-one-out correlation, mislabeled examples, brittleness.",
        epilog="Margins judge best: python -m empirical.estimate digits --learner softmax --score margin --fraction 0.5 "
        "--design bernoulli --out runs/margins. Then: python -m empirical.judge runs/margins scores.npy",
    )
    add_kept(p)
    p.add_argument(
        "scores",
        nargs="+",
        metavar="SCORES",
        help="scores of n training by q test examples: .npy, .npz, .csv, .parquet; TRAK's .mmap, a tensor of torch.save (.pt), "
        "kronfluence's .safetensors, bergson's or zarr's folder; or package.module.function of the data, marked by makes_scores",
    )
    p.add_argument("--score", metavar="S", help="what the predictions of a .npz are (default correct)")
    p.add_argument(
        "--tests",
        metavar="A:B",
        help="test examples to judge by, start:stop or a file of indices: scores are of these, or of all",
    )
    p.add_argument("--queries-first", action="store_true", help="scores are q by n, where n and q do not tell")
    p.add_argument(
        "--skip", type=int, default=0, metavar="K", help="leave out the first K models, which the scores were made from"
    )
    p.add_argument(
        "--flipped", metavar="FILE", help="examples whose labels are wrong, indices or 0 and 1: the AUC for them"
    )
    p.add_argument(
        "--retrain",
        type=int,
        default=0,
        metavar="N",
        help="brittleness of N answers, by the run's learner (default none)",
    )
    p.add_argument("--learner", metavar="SPEC", help="to retrain, where the run's is a function of yours")
    command.add_output(p, "judged.json, tables and a figure", "one JSON object instead of words")
    return p


if __name__ == "__main__":
    sys.exit(main())
