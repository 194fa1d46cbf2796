"""From options to trials: the data loaded, the models planned, trained or read, and what the command says of it meanwhile."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from empirical.command.keeping import There, kept_at, named
from empirical.command.trainers import trainers, watched
from empirical.data.dataset import Dataset
from empirical.data.examples import Examples
from empirical.data.load import load
from empirical.data.sources.arrays import opened
from empirical.designs import Orthogonal, design, halved
from empirical.estimates import INFLUENCE, THRESHOLD, TRIALS, bounded, costs, matrix, streamed
from empirical.estimates.costs import Case
from empirical.estimates.learning import PART
from empirical.estimates.measure import of_trials
from empirical.estimates.measured import Experiment
from empirical.estimates.planning import PLANNED, plan, stderr
from empirical.estimates.recorded import KINDS
from empirical.learners.parse import parse_learner
from empirical.learners.score import BY_CLASS
from empirical.limits.arms import privacy_of
from empirical.training.elsewhere import NEEDED, OPTIONAL, outside
from empirical.training.executors import Executor
from empirical.training.job import Job
from empirical.training.resources import duration, needs, rehearsal
from empirical.training.run import Progress, fill, run
from empirical.training.shelved import Shelved
from empirical.training.stages import Stage
from empirical.training.store import Store
from empirical.training.trials import Trials
from longtail.core import ArgumentError, arrays, whole
from longtail.core.arrays import CPU, Device

log = logging.getLogger("empirical")
HALF = 2**63  # from the seed of a run's models to that of those on half as many examples
ENOUGH = 4  # orthogonal arrays for error bars that hold (simulations.verification)


@dataclass(frozen=True)
class Outcome:
    """Trials, who the examples are, and the experiment; ``dataset`` and ``models_per_second`` where models were trained now;
    ``half`` are others on half as many examples, where they were asked for; ``device`` is where pairs are looked for, in
    ``memory`` bytes where they are streamed: trials that were trained then stay in their store. ``trials`` say who was right,
    where models said which class, and ``predicted`` which.
    """

    trials: Trials | Shelved
    examples: Examples
    experiment: Experiment
    dataset: Dataset | None = None
    models_per_second: float | None = None
    half: Trials | Shelved | None = None
    device: Device = CPU
    predicted: Trials | None = None
    memory: float | None = None


def foreseen(arguments: argparse.Namespace) -> tuple[Case, tuple[Stage, ...], There | None]:
    """What a run of all models that are not there yet would cost, a little of each stage done here for the time."""
    if arguments.score != "correct":
        remedy = "costs are counted of scores that are right or wrong: leave one of both out"
        raise ArgumentError("--dry-run", f"--score {arguments.score}", remedy)
    dataset = load(arguments.data, **{name: getattr(arguments, name) for name in KINDS})
    data, count = dataset.data, _count(arguments, dataset)
    job = _job(arguments, dataset, count)
    job.check(count, arguments.first)
    _memory(arguments, job, count)
    whole("--workers", arguments.workers, 1, 4096)
    there = There.of(arguments, job, count)
    log.info("timing a little of each stage")
    threshold = THRESHOLD if arguments.threshold is None else arguments.threshold
    case = costs.Case.of(
        data.y_train,
        data.y_test,
        count,
        shard=job.shard,
        per_model=job.learner.operations(data, round(job.design.inclusion(data.n) * data.n)),
    )
    rehearsal(job, 1, 1)  # compiled by now
    model = rehearsal(job, count, 1, time.perf_counter if job.device.kind == "gpu" else time.process_time) / count
    rates = costs.calibrated(case, model, job.design, threshold)
    return case, costs.stages(case, rates, None if there is None else there.missing), there


def trained(arguments: argparse.Namespace, out: Path | None) -> Outcome:
    """Models trained on a data set; those in the folder already are read."""
    if arguments.labels is not None:
        raise ArgumentError("--labels", arguments.labels, "a data set has labels of its own; leave it out")
    dataset = load(arguments.data, **{name: getattr(arguments, name) for name in KINDS})
    data = dataset.data
    log.info("%s: %s + %s examples; %s", dataset.name, f"{data.n:,}", f"{data.n_test:,}", dataset.imbalance)
    for note in dataset.notes:
        log.info("%s", note)
    count = _count(arguments, dataset)
    job = _job(arguments, dataset, count)
    job.check(count, arguments.first)
    memory = _memory(arguments, job, count)
    if arguments.learning_curve:
        _check_half(job)
    where = kept_at(arguments.store, out)
    store = None if where is None else Store.open(where, job.identity(), resume=arguments.resume)
    missing = _missing(job, store, arguments, count)
    there = max(count - missing, 0)
    beside = f", {there:,} of them there already" if there else ""
    log.info("%r, %r: %s models%s", job.learner, job.design, f"{count:,}", beside)
    fraction = job.design.inclusion(data.n)
    if job.score in PLANNED:
        log.info("standard error of an influence: %.3f at most", stderr(count, fraction))
    with trainers(arguments) as executor, watched(job) as bar:
        if missing:
            wanted = needs(job, count, missing, executor.workers, None if _held(arguments) else memory)
            log.info("this needs %s%s", wanted, _after(arguments, job, count, executor.workers))
        trials = _found(job, count, arguments.first, store, executor, bar, held=_held(arguments))
    examples, predicted = Examples.of(dataset), None
    if isinstance(trials, Trials) and job.score in BY_CLASS:
        predicted, trials = trials, trials.judged(data.y_train, data.y_test)
    experiment = of_trials(
        trials.bits if isinstance(trials, Shelved) else trials,
        examples,
        data=dataset.name,
        fraction=fraction,
        learner=repr(job.learner),
        design=repr(job.design),
        seed=job.seed,
        device=job.device.kind,
        fingerprint="" if store is None else store.identity.data,
        kernels=() if store is None else tuple(store.kernels()),
        arguments={**vars(arguments), "trials": count, **_privacy(job)},
    )
    rate = bar.models_per_second
    half = _half(job, count, arguments, out) if arguments.learning_curve else None
    rate_known = None if rate != rate else rate
    return Outcome(trials, examples, experiment, dataset, rate_known, half, job.device.arrays, predicted, memory)


def _found(
    job: Job,
    count: int,
    first: int,
    store: Store | None,
    executor: Executor,
    progress: Callable[[Progress], None],
    *,
    held: bool,
) -> Trials | Shelved:
    """The trials of a run, ``held`` in memory or left in the store."""
    if held or store is None:
        return run(job, count, first=first, store=store, executor=executor, progress=progress)
    fill(job, count, store, first=first, executor=executor, progress=progress)
    data = job.data
    return Shelved.at(store.shelf, count, first=first, classes=lambda: data.y_train, y_test=data.y_test)


def _held(arguments: argparse.Namespace) -> bool:
    """Whether trials are put together in memory: they are for the matrix."""
    return arguments.memory is None or arguments.matrix is not None


def _memory(arguments: argparse.Namespace, job: Job, count: int) -> float | None:
    """Bytes for the search of pairs, if there is to be one in blocks: what it, or the matrix, cannot do with is refused before
    training.
    """
    score = "correct" if job.score in BY_CLASS else job.score
    held = streamed.memory(arguments.memory, "--memory")
    if arguments.matrix is not None:
        matrix.enough(held, count, job.data.n_test, workers=arguments.workers, score=score)
    if arguments.memory is None or not arguments.out:
        return None
    wanted = streamed.room if _held(arguments) else bounded.bounds
    wanted(held, count, job.data.n_test, workers=arguments.workers, score=score, iid=job.design.iid)
    return held


def _after(arguments: argparse.Namespace, job: Job, count: int, workers: int) -> str:
    """What comes after training: models on half as many, pairs and tables, timed on a few examples, figures and a report."""
    said = ""
    if arguments.learning_curve:
        other, models = _halved(job, count)
        said = f"; then at most {duration(rehearsal(other, models, workers))} for {models:,} models on half as many"
    if not arguments.out or getattr(arguments, "no_plot", True):
        return said
    reported = arguments.score in ("correct", "predicted", "margin")
    what = "figures and the report" if reported else "figures"
    seconds = costs.FIGURES
    if arguments.score in ("correct", *BY_CLASS) and job.data.n_test:
        case = Case.of(job.data.y_train, job.data.y_test, count, shard=job.shard)
        threshold = THRESHOLD if arguments.threshold is None else arguments.threshold
        seconds = costs.afterwards(case, costs.rough(case, threshold))
    if reported and not arguments.no_theory:
        seconds += costs.THEORY + (costs.JOINT if arguments.learning_curve else 0.0)
    return f"{said}; then about {duration(seconds)} for tables, {what} (--no-plot: sooner)"


def _check_half(job: Job) -> None:
    """Refuse a learning curve that cannot be had before anything is trained."""
    if job.score not in ("correct", "margin", *BY_CLASS):
        remedy = f"errors are read off right and wrong, not a {job.score}; give --score correct or margin"
        raise ArgumentError("--learning-curve", True, remedy)
    replace(job, design=halved(job.design)).check(2, 0)


def _halved(job: Job, count: int) -> tuple[Job, int]:
    """A tenth as many models on half as many examples, of another seed: else theirs would be subsets of the others' subsets."""
    return replace(job, design=halved(job.design), seed=(job.seed + HALF) % 2**64), max(2, round(count / PART))


def _half(job: Job, count: int, arguments: argparse.Namespace, out: Path | None) -> Trials | Shelved:
    """The models of a learning curve, kept beside the others'."""
    other, models = _halved(job, count)
    where = kept_at(arguments.store, out, "-half")
    store = None if where is None else Store.open(where, other.identity(), resume=arguments.resume)
    log.info("%r, %r: %s models", other.learner, other.design, f"{models:,}")
    with trainers(arguments) as executor, watched(other) as bar:
        trials = _found(other, models, 0, store, executor, bar, held=_held(arguments))
    if isinstance(trials, Trials) and job.score in BY_CLASS:
        return trials.judged(job.data.y_train, job.data.y_test)
    return trials


def _privacy(job: Job) -> dict[str, Any]:
    """What the accountant says of a private learner, for the record."""
    found = None
    try:
        found = privacy_of(job.learner, round(job.design.inclusion(job.data.n) * job.data.n), job.data.n_classes)
    except ArgumentError as error:
        log.info("no ε: %s; %s", error.shown, error.remedy)
    return {} if found is None else {"privacy": found.record()}


def elsewhere(arguments: argparse.Namespace) -> Outcome:
    """Models that were trained elsewhere, from the file that --masks names."""
    parts = opened(arguments.masks, (*NEEDED, *OPTIONAL), NEEDED, "--masks")
    trials, examples = outside(*(parts[name] for name in NEEDED), score=arguments.score, parts=parts)
    predicted = trials if trials.score in BY_CLASS else None
    if predicted is not None:
        trials = predicted.judged(examples.y_train, examples.y_test)
    experiment = of_trials(trials, examples, data=arguments.masks, arguments=vars(arguments))
    if not examples.labeled:
        log.info("without y_train and y_test, pairs of any two classes are shown")
    if arguments.labels is not None:
        if examples.classes is not None:
            raise ArgumentError("--labels", arguments.labels, f"{arguments.masks} has labels of its own; leave it out")
        experiment = replace(experiment, n_classes=whole("--labels", arguments.labels, 2))
    held = None if arguments.memory is None else streamed.memory(arguments.memory, "--memory")
    if arguments.matrix is not None:  # refused before anything is written
        if not trials.n_test:
            raise ArgumentError("--matrix", arguments.matrix, "there are no test examples: leave it out")
        held_at_once = streamed.memory(arguments.memory, "--memory")
        workers = whole("--workers", arguments.workers)
        matrix.enough(held_at_once, trials.count, trials.n_test, workers=workers, score=trials.score)
    where = arrays.device(arguments.device)
    return Outcome(trials, examples, experiment, device=where, predicted=predicted, memory=held)


def _job(arguments: argparse.Namespace, dataset: Dataset, count: int) -> Job:
    taught = parse_learner(arguments.learner)
    chosen = taught.place(arguments.device)
    log.info("on %s (%s)", chosen.name, chosen.reason)
    subsets = design(
        arguments.design,
        arguments.fraction,
        models=whole("--trials", count),
        n=dataset.data.n,
        classes=dataset.data.y_train,
        stratified=arguments.stratified,
    )
    if isinstance(subsets, Orthogonal) and count < ENOUGH * subsets.rows:
        log.warning(
            "%s arrays of %s trials: error bars are rough below %s arrays (%s trials)",
            count // subsets.rows,
            subsets.rows,
            ENOUGH,
            ENOUGH * subsets.rows,
        )
    return Job(
        dataset.data,
        taught,
        subsets,
        whole("--seed", arguments.seed, 0, 2**64 - 1),
        arguments.score,
        dtype=arguments.dtype,
        shard=arguments.shard,
        device=chosen,
    )


def _count(arguments: argparse.Namespace, dataset: Dataset) -> int:
    """--trials, or as many as --error, --power and --false take; of an orthogonal array its own size has to be given."""
    wanted = {name: getattr(arguments, name) for name in ("error", "power", "false")}
    asked = [(f"--{name}", value) for name, value in wanted.items() if value is not None]
    if arguments.influence is not None and arguments.power is None:
        raise ArgumentError(
            "--influence", arguments.influence, "give --power too, the chance with which such a pair is to be found"
        )
    if not asked:
        return TRIALS if arguments.trials is None else whole("--trials", arguments.trials, 2)
    if arguments.trials is not None:
        raise ArgumentError(*asked[0], f"give --trials or {asked[0][0]}, not both")
    if arguments.score not in PLANNED:
        remedy = f"how much a {arguments.score} varies is not known before training; give --trials, or another --score"
        raise ArgumentError(*asked[0], remedy)
    if arguments.design == "orthogonal":
        raise ArgumentError(
            *asked[0], "an orthogonal design trains whole arrays; give --trials, a multiple of an array's size"
        )
    if arguments.fdr is not None and asked[-1][0] != "--error":
        raise ArgumentError(
            "--fdr",
            arguments.fdr,
            f"it picks the threshold after training, {asked[-1][0]} needs one before; give --threshold",
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
    return found.models


def _missing(job: Job, store: Store | None, arguments: argparse.Namespace, count: int) -> int:
    """Trials still to be trained, once other runs' have been taken over."""
    if store is None:
        if arguments.merge:
            raise ArgumentError("--merge", arguments.merge[0], "give --out, the folder to merge into, or --store")
        return count
    for other in arguments.merge:
        copied = store.merge(named(other))
        log.info("took over %s trials from %s", copied, other)
    return store.missing(range(arguments.first, arguments.first + count))
