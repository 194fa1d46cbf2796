"""What the command scores: models that it trains, or that were trained elsewhere, and what is said of them in the summary."""

from __future__ import annotations

import argparse
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.core import ArgumentError

if TYPE_CHECKING:
    from empirical.data.dataset import Dataset
    from empirical.training.run import Job
    from empirical.training.store import Store
    from empirical.training.trials import Trials

log = logging.getLogger("empirical")
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


def trained(arguments: argparse.Namespace, out: Path | None) -> Scored:
    from empirical.data.load import load
    from empirical.estimates.planning import PLANNED, stderr
    from empirical.training.progress import Bar
    from empirical.training.resources import needs
    from empirical.training.run import check, run
    from empirical.training.store import Store

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
    from empirical.learners.parse import learner
    from empirical.training.run import Job
    from longtail.core import whole

    taught = learner(arguments.learner)
    chosen = taught.place(arguments.device)
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
        taught,
        subsets,
        seed,
        arguments.score,
        dtype=arguments.dtype,
        shard=arguments.shard,
        device=chosen.kind,
    )


def _trials(arguments: argparse.Namespace, dataset: Dataset) -> int:
    """--trials, or as many as --error, --power and --false take; of an orthogonal array its own size has to be given."""
    from empirical.estimates import THRESHOLD
    from empirical.estimates.planning import INFLUENCE, PLANNED, TRIALS, plan
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
    from empirical.training.store import Store

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


def elsewhere(arguments: argparse.Namespace) -> Scored:
    from empirical.data.dataset import encoded, one_each
    from empirical.data.sources.npz import opened
    from empirical.training.trials import Trials, enough
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
