"""``python -m empirical.estimate DATA``: memorization and influence on real data, with error bars, resumable."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from empirical.options import given, parser
from longtail import command
from longtail.core import ArgumentError

if TYPE_CHECKING:
    from empirical.dataset import Dataset
    from empirical.results import Results
    from empirical.run import Job
    from empirical.store import Store
    from empirical.trials import Trials

log = logging.getLogger("empirical")
OF_MASKS = (  # options that mean something where models were trained elsewhere
    *("data", "masks", "labels", "score", "seed", "device", "out", "threshold", "fdr", "published_rule"),
    *("no_plot", "json", "quiet"),
)
ENOUGH = 4  # orthogonal arrays for error bars that hold (simulations.verification)


@dataclass(frozen=True)
class Scored:
    """Trials, how to read them, and what is said of the run in the summary."""

    trials: Trials
    y_train: Any
    y_test: Any
    classes: tuple[Any, ...] | None
    train_ids: tuple[Any, ...] | None
    test_ids: tuple[Any, ...] | None
    record: dict[str, Any]
    dataset: Dataset | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    kept = "stopped; what was trained is kept, and the same command goes on from there"
    return command.run(
        parser(),
        argv,
        lambda arguments: _run(arguments, given(argv)),
        lambda arguments: kept if arguments.out else "stopped",
    )


def _run(arguments: argparse.Namespace, asked: dict[str, object]) -> int:
    if (arguments.data is None) == (arguments.masks is None):
        raise ArgumentError("DATA", arguments.data, "give either a data set or --masks FILE.npz, and not both")
    from longtail.files import folder

    _check_pairs(arguments)
    if arguments.masks:
        _check_masks(asked)
    out = folder("--out", arguments.out) if arguments.out else None
    began = time.monotonic()
    scored = _elsewhere(arguments) if arguments.masks else _train(arguments, out)
    found = _results(scored, arguments)
    found.summary["seconds"] = round(time.monotonic() - began, 3)
    news = True
    if out is not None:
        before = _before(out)
        if found.summary.get("models_per_second", 0) is None:  # none was trained now: it stays what it was
            found.summary["models_per_second"] = before.summary.get("models_per_second")
        _write(scored, found, out, arguments)
        news = before.tables != _tables(out) or any(
            before.summary.get(key) != found.summary.get(key) for key in ("threshold", "labels", "data")
        )
    if arguments.json:
        from longtail.files import json_text

        print(json_text(found.summary), flush=True)  # noqa: T201
    else:
        from empirical.meaning import report

        print(report(found), flush=True)  # noqa: T201
    if out is not None and not arguments.no_plot:
        from empirical import compare

        if not news and compare.is_made(out):
            log.info(
                "%s is there already, of the very same tables; remove it to have it made again", out / "report.html"
            )
            return 0
        compare.report(out, dataset=scored.dataset, seed=arguments.seed)
    return 0


def _check_masks(asked: dict[str, object]) -> None:
    """Refuse what was asked of data or training where models were trained elsewhere: it would do nothing."""
    for name, value in asked.items():
        if name not in OF_MASKS:
            shown = f"--{name.replace('_', '-')}"
            raise ArgumentError(shown, value, "with --masks no data are loaded and no models trained; leave it out")


@dataclass(frozen=True)
class Before:
    """What an earlier run left in the folder: its summary, and the digests of its tables."""

    summary: dict[str, Any]
    tables: list[str]


def _before(out: Path) -> Before:
    try:
        summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        summary = {}
    return Before(summary if isinstance(summary, dict) else {}, _tables(out))


def _tables(out: Path) -> list[str]:
    """Digests of the two tables that a report is made from, as far as they are there."""
    import hashlib

    digests = []
    for path in (out / "memorization.csv", out / "pairs.csv"):
        if path.is_file():
            with open(path, "rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests


def _check_pairs(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be said of pairs before anything is trained."""
    from longtail.core import real

    if arguments.threshold is not None and arguments.fdr is not None:
        raise ArgumentError("--fdr", arguments.fdr, "give --threshold or --fdr, not both")
    if arguments.threshold is not None:
        real("--threshold", arguments.threshold, -1e9)
    if arguments.fdr is not None:
        real("--fdr", arguments.fdr, 0, 1, open_low=True)


def _train(arguments: argparse.Namespace, out: Path | None) -> Scored:
    from empirical.bar import Bar
    from empirical.datasets import load
    from empirical.needs import needs
    from empirical.planning import PLANNED, stderr
    from empirical.run import check, run
    from empirical.store import Store

    if arguments.labels is not None:
        raise ArgumentError("--labels", arguments.labels, "a data set has labels of its own; leave it out")
    names = ("data_dir", "label", "id", "text", "test", "test_fraction", "prior", "n", "seed")
    dataset = load(arguments.data, **{name: getattr(arguments, name) for name in names})
    log.info(
        "%s: %s + %s examples; %s", dataset.name, f"{dataset.data.n:,}", f"{dataset.data.n_test:,}", dataset.imbalance
    )
    for note in dataset.notes:
        log.info("%s", note)
    arguments.trials = _trials(arguments, dataset)
    job = _job(arguments, dataset)
    check(job, arguments.trials, arguments.first, arguments.workers, arguments.executor)
    store = None if out is None else Store.open(out / "trials", job.identity(), resume=arguments.resume)
    missing = _missing(job, store, arguments)
    log.info("%r, %r: %s models%s", job.learner, job.design, f"{arguments.trials:,}", _there(arguments.trials, missing))
    fraction = job.design.inclusion(job.data.n)
    if job.score in PLANNED:
        log.info("an influence will be off by %.3f at most (one standard error)", stderr(arguments.trials, fraction))
    if missing:
        log.info("this needs %s", needs(job, arguments.trials, missing, arguments.workers))
    bar = Bar(fraction, job.data.n_test)
    try:
        with warnings.catch_warnings(record=True) as caught:
            trials = run(
                job,
                arguments.trials,
                first=arguments.first,
                store=store,
                workers=arguments.workers,
                executor=arguments.executor,
                progress=bar,
            )
    finally:
        bar.close()
    for warning in caught:
        log.info("%s", warning.message)
    record = {
        "data": dataset.name,
        "fraction": fraction,
        "design": repr(job.design),
        "learner": repr(job.learner),
        "seed": job.seed,
        "device": job.device,
        "models_per_second": None if bar.models_per_second != bar.models_per_second else bar.models_per_second,
    }
    if store is not None:
        record["digest"] = store.identity.data  # by which compare and remove know whether the data are still these
    data = dataset.data
    return Scored(trials, data.y_train, data.y_test, data.classes, dataset.train_ids, dataset.test_ids, record, dataset)


def _job(arguments: argparse.Namespace, dataset: Dataset) -> Job:
    from empirical.designs import Orthogonal, design
    from empirical.run import Job
    from empirical.spec import learner
    from longtail.core import whole

    trained = learner(arguments.learner)
    chosen = trained.place(arguments.device)
    log.info("on %s (%s)", chosen.name, chosen.reason)
    subsets = design(
        arguments.design,
        arguments.fraction,
        trials=whole("--trials", arguments.trials),
        n=dataset.data.n,
        classes=dataset.data.y_train,
        stratified=arguments.stratified,
    )
    if isinstance(subsets, Orthogonal) and arguments.trials < ENOUGH * subsets.rows:
        log.warning(
            "%s arrays of %s trials: error bars are rough below %s arrays (%s trials)",
            arguments.trials // subsets.rows,
            subsets.rows,
            ENOUGH,
            ENOUGH * subsets.rows,
        )
    seed = whole("--seed", arguments.seed, 0, 2**64 - 1)
    return Job(
        dataset.data,
        trained,
        subsets,
        seed,
        arguments.score,
        dtype=arguments.dtype,
        shard=arguments.shard,
        device=chosen.kind,
    )


def _trials(arguments: argparse.Namespace, dataset: Dataset) -> int:
    """--trials, or as many as --error, --power and --false take; of an orthogonal array its own size has to be given."""
    from empirical.names import INFLUENCE, THRESHOLD, TRIALS
    from empirical.planning import PLANNED, plan
    from longtail.core import whole

    wanted = {name: getattr(arguments, name) for name in ("error", "power", "false")}
    asked = [(f"--{name}", value) for name, value in wanted.items() if value is not None]
    if arguments.influence is not None and arguments.power is None:
        raise ArgumentError("--influence", arguments.influence, "say by --power how surely a pair of it is to be found")
    if not asked:
        return TRIALS if arguments.trials is None else whole("--trials", arguments.trials, 2)
    if arguments.trials is not None:
        raise ArgumentError(*asked[0], f"give --trials or {asked[0][0]}, not both")
    if arguments.score not in PLANNED:
        remedy = f"how far a {arguments.score} spreads is not known before; give --trials, or another --score"
        raise ArgumentError(*asked[0], remedy)
    if arguments.design == "orthogonal":
        raise ArgumentError(*asked[0], "whole arrays are trained; give their --trials")
    if arguments.fdr is not None and asked[-1][0] != "--error":
        raise ArgumentError(
            "--fdr", arguments.fdr, f"it picks the threshold afterwards; plan {asked[-1][0]} by --threshold"
        )
    influence = INFLUENCE if arguments.influence is None else arguments.influence
    threshold = THRESHOLD if arguments.threshold is None else arguments.threshold
    found = plan(
        **wanted,
        influence=influence,
        threshold=threshold,
        pairs=int((dataset.balance["train"] * dataset.balance["test"]).sum()),
        fraction=0.7 if arguments.fraction is None else arguments.fraction,
    )
    log.info(
        "at a threshold of %g a pair of influence %g will be found with chance %.3g, beside %.3g false pairs, at worst",
        threshold,
        influence,
        found.power,
        found.expected_false,
    )
    return found.trials


def _missing(job: Job, store: Store | None, arguments: argparse.Namespace) -> int:
    """Trials still to be trained, once other runs' have been taken over."""
    from empirical.store import Store

    wanted = range(arguments.first // job.shard, -(-(arguments.first + arguments.trials) // job.shard))
    if store is None:
        if arguments.merge:
            raise ArgumentError("--merge", arguments.merge[0], "say by --out where to")
        return len(wanted) * job.shard
    for other in arguments.merge:
        place = Path(other)
        copied = store.merge(Store.at(place / "trials" if (place / "trials").is_dir() else place))
        log.info("took over %s trials from %s", copied * job.shard, other)
    return (len(wanted) - sum(k in wanted for k in store.numbers())) * job.shard


def _there(trials: int, missing: int) -> str:
    found = max(trials - missing, 0)
    return f", {found:,} of them there already" if found else ""


def _elsewhere(arguments: argparse.Namespace) -> Scored:
    from empirical.dataset import encoded, one_each
    from empirical.datasets.npz import opened
    from empirical.trials import Trials, enough
    from longtail.core import whole

    parts = opened(arguments.masks)
    lacking = [name for name in ("masks", "correct_train", "correct_test") if name not in parts]
    if lacking:
        raise ArgumentError(
            "--masks", f"{arguments.masks} with {', '.join(parts)}", f"save {', '.join(lacking)} in it too"
        )
    trials = enough(Trials.of(parts["masks"], parts["correct_train"], parts["correct_test"], score=arguments.score))
    for side, n in (("train", trials.n), ("test", trials.n_test)):
        for name in (f"{side}_ids", f"y_{side}"):
            one_each(name, parts.get(name), n)
    record = {
        "data": arguments.masks,
        "fraction": float(trials.masks().mean()),
        "design": None,
        "learner": None,
        "seed": None,
    }
    ids = [tuple(parts[k].tolist()) if k in parts else None for k in ("train_ids", "test_ids")]
    y_train, y_test = parts.get("y_train"), parts.get("y_test")
    if y_train is None and y_test is not None:
        raise ArgumentError(
            "y_train", None, f"save the labels of training examples in {arguments.masks} too, or no y_test"
        )
    if y_test is None:
        log.info("without y_train and y_test pairs are of any two classes")
    if y_train is None:
        record["labels"] = None if arguments.labels is None else whole("--labels", arguments.labels, 2)
        return Scored(trials, None, None, None, ids[0], ids[1], record)
    if arguments.labels is not None:
        raise ArgumentError("--labels", arguments.labels, f"{arguments.masks} has labels of its own; leave it out")
    y, z, classes = encoded("y_train, y_test", y_train, y_train[:0] if y_test is None else y_test)
    return Scored(trials, y, None if y_test is None else z, classes, ids[0], ids[1], record)


def _results(scored: Scored, arguments: argparse.Namespace) -> Results:
    from empirical.names import THRESHOLD
    from empirical.results import lowest_threshold, results

    threshold = THRESHOLD if arguments.threshold is None else arguments.threshold
    if arguments.fdr is not None:
        threshold = lowest_threshold(
            scored.trials,
            scored.y_train,
            scored.y_test,
            arguments.fdr,
            published_rule=arguments.published_rule,
            device=arguments.device,
        )
        if threshold != threshold:
            raise ArgumentError(
                "--fdr", arguments.fdr, "no threshold keeps false pairs to that share; train more models"
            )
    found = results(
        scored.trials,
        scored.y_train,
        scored.y_test,
        threshold=threshold,
        published_rule=arguments.published_rule,
        classes=scored.classes,
        train_ids=scored.train_ids,
        test_ids=scored.test_ids,
        device=arguments.device,
    )
    found.summary.update(scored.record)
    return found


def _write(scored: Scored, found: Results, out: Path, arguments: argparse.Namespace) -> None:
    """Each file under another name, then renamed; the summary last."""
    from longtail.files import json_text, read_table, whole_file

    tables = {"memorization": found.memorization, "pairs": found.pairs}
    if not arguments.no_plot:
        from empirical.halves import curve

        tables |= {"error": curve(scored.trials), "halves": found.agreement.table}
        if scored.dataset is not None:
            tables["classes"] = scored.dataset.balance
    for name, frame in tables.items():
        with whole_file(out / f"{name}.csv") as path:
            frame.to_csv(path, index=False, float_format="%.9g")
        log.info("wrote %s", out / f"{name}.csv")
    if not arguments.no_plot:
        from empirical import plots

        title = f"{found.summary['data']}, {found.summary['trials']:,} models"
        for name in plots.DRAWN:
            if name in tables:  # read back: what was rounded in writing may fall into another bar
                table = read_table(out / f"{name}.csv", ("class",))
                about = f"Classes of {scored.record['data']}" if name == "classes" else title
                for path in plots.write(name, table, about, out):
                    log.info("wrote %s", path)
    from longtail.run import hardware, versions

    record = {**found.summary, "arguments": vars(arguments), "versions": versions(), "hardware": hardware()}
    with whole_file(out / "summary.json") as path:
        path.write_text(json_text(record, indent=1) + "\n", encoding="utf-8")
    log.info("wrote %s", out / "summary.json")


if __name__ == "__main__":
    sys.exit(main())
