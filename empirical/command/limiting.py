"""From options to what limits cost: the learners named, trained on the same subsets, and put beside each other and theory."""

from __future__ import annotations

import argparse
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from empirical.command.dry import say
from empirical.command.keeping import kept_at
from empirical.command.trainers import trainers, watched
from empirical.data.dataset import Dataset
from empirical.data.load import load
from empirical.designs import Fixed
from empirical.estimates.costs import head
from empirical.estimates.recorded import KINDS
from empirical.learners.parse import parse_learner
from empirical.limits.arms import Arm, arms
from empirical.limits.costs import Costs, Groups, costs, observed
from empirical.limits.stages import case_of, stages
from empirical.limits.theory import Theory
from empirical.training.executors import Executor
from empirical.training.job import Job
from empirical.training.run import run
from empirical.training.store import Store
from longtail.command.problems import values
from longtail.core import ArgumentError, real, whole

if TYPE_CHECKING:
    from empirical.training.trials import Trials

log = logging.getLogger("empirical")
MODELS = 100


@dataclass(frozen=True)
class Asked:
    """What is to be trained, and who is asked for: the arms and their jobs, so many models each."""

    dataset: Dataset
    groups: Groups
    arms: list[Arm]
    jobs: list[Job]
    models: int
    simulations: int


def limited(arguments: argparse.Namespace, out: Path | None) -> tuple[Dataset, Costs]:
    """Everything that is asked for; nothing is trained before all of it is known to be possible."""
    asked = _asked(arguments)
    each, seed = zip(asked.arms, asked.jobs, strict=True), asked.jobs[0].seed
    with trainers(arguments) as executor:
        trained = [_trained(arguments, arm, job, asked.models, out, executor) for arm, job in each]
    fraction = asked.jobs[0].design.inclusion(asked.dataset.data.n)
    seen = observed(asked.dataset, trained[0], fraction, repr(asked.arms[0].learner))
    theory = _theory(seen, asked.simulations, seed)
    return asked.dataset, costs(asked.arms, trained, seen, asked.groups, theory, seed)


def foreseen(arguments: argparse.Namespace) -> int:
    """What it would cost; nothing is written."""
    asked = _asked(arguments)
    log.info("timing a little of each stage")
    names = [arm.name for arm in asked.arms]
    found = stages(asked.jobs, names, asked.models, time.process_time)
    case = case_of(asked.jobs[0], asked.models)
    return say(arguments, f"{head(case)} of each of {len(names)} learners", {**asdict(case), "arms": names}, found)


def _asked(arguments: argparse.Namespace) -> Asked:
    dataset = _dataset(arguments)
    data, groups = dataset.data, Groups.of(dataset, arguments.groups is not None)
    models, seed = whole("--trials", arguments.trials, 2), whole("--seed", arguments.seed, 0, 2**64 - 1)
    simulations = whole("--simulations", arguments.simulations, 2)
    design = Fixed(real("--fraction", arguments.fraction, 0, 1, open_low=True, open_high=True), arguments.stratified)
    log.info("%s: %s + %s examples; %s", dataset.name, f"{data.n:,}", f"{data.n_test:,}", dataset.imbalance)
    chosen = arms(
        parse_learner(arguments.learner),
        design.size(data.n),
        data.n_classes,
        private=[v for text in arguments.private for v in values("--private", text)],
        mechanism=parse_learner(arguments.mechanism) if arguments.mechanism else None,
        delta=real("--delta", arguments.delta, 0, 1, open_high=True),
        prune=[v for text in arguments.prune for v in values("--prune", text)],
        scope=arguments.scope,
        others=[parse_learner(text) for text in arguments.limited],
    )
    jobs = [Job(data, arm.learner, design, seed, shard=arguments.shard) for arm in chosen]
    for job in jobs:
        job.check(models)
    return Asked(dataset, groups, chosen, jobs, models, simulations)


def _dataset(arguments: argparse.Namespace) -> Dataset:
    """With the column of groups in the place of the rows' names."""
    options: dict[str, Any] = {name: getattr(arguments, name) for name in KINDS}
    if arguments.groups is not None:
        if options["id"] is not None:
            raise ArgumentError("--id", options["id"], "--groups takes its place; leave one out")
        options["id"] = arguments.groups
    try:
        return load(arguments.data, **options)
    except ArgumentError as error:
        if error.argument == "id" and arguments.groups is not None:
            raise ArgumentError("--groups", error.shown, error.remedy) from error
        raise


def _trained(
    arguments: argparse.Namespace, arm: Arm, job: Job, models: int, out: Path | None, executor: Executor
) -> Trials:
    where = kept_at(arguments.store, out)
    store = None if where is None else Store.open(where.inside(arm.folder), job.identity(), resume=arguments.resume)
    privacy = "" if arm.privacy is None else f"; (ε, δ) = ({arm.privacy.epsilon:.4g}, {arm.privacy.delta:g})"
    log.info("%s: %r, %s models%s", arm.name, arm.learner, f"{models:,}", privacy)
    with watched(job) as bar:
        return run(job, models, store=store, executor=executor, progress=bar)


def _theory(seen: Any, simulations: int, seed: int) -> Theory | None:
    """The model of the unlimited learner, or none, and why."""
    log.info("fitting theory to what the unlimited learner memorizes")
    try:
        return Theory.of(seen, simulations, seed)
    except ArgumentError as error:
        log.info("no theory: %s; %s", error.shown, error.remedy)
        return None
