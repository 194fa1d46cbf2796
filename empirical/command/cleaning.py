"""From options to the labels that are likely wrong: models trained for it on parts of the data, or those of a run."""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from empirical.command.dry import say, started, timed
from empirical.command.keeping import kept_at
from empirical.command.trainers import trainers, watched
from empirical.data.data import Data
from empirical.data.dataset import Dataset
from empirical.data.examples import Examples
from empirical.data.load import load
from empirical.data.texts import Texts
from empirical.designs import Folds
from empirical.estimates.issues import LEAST, Issues, issues, rounds, with_tests
from empirical.estimates.issues_stages import Few, IssuesCase, afterwards, calibrated, features, head, stages
from empirical.estimates.kept import read
from empirical.estimates.recorded import KINDS
from empirical.learners.external import External
from empirical.learners.learner import Learner
from empirical.learners.parse import parse_learner
from empirical.learners.score import BY_CLASS, Score
from empirical.training.job import Job
from empirical.training.resources import LONG, duration, needs, rehearsal
from empirical.training.run import run
from empirical.training.stages import Stage
from empirical.training.store import Store
from empirical.training.stored import stored
from empirical.training.trials import Trials
from longtail.core import ArgumentError, whole
from longtail.core.compiled_cpu import compiling

log = logging.getLogger("empirical")
LEARNER = "mlp(width=64, epochs=10)"
PAGE = "empirical.report.issues_page"
VOTES = 5  # times as many models where they say a class only
OF_A_RUN = ("learner", "trials", "parts", "store")  # options that a run has settled


@dataclass(frozen=True)
class Cleaned:
    """The data set; its issues among training examples, and then among test examples where they were asked for; and which
    models found them.
    """

    dataset: Dataset
    parts: list[Issues]
    learner: str
    design: str

    @property
    def table(self) -> pd.DataFrame:
        """Of both parts, ranked by chance, of equal ones training examples first."""
        every = pd.concat([one.table for one in self.parts], ignore_index=True)
        return every.sort_values("chance", ascending=False, kind="stable", na_position="last", ignore_index=True)

    @property
    def taken(self) -> pd.DataFrame:
        """Which class is labelled as which, in either part."""
        return pd.concat([one.taken.assign(part=one.part) for one in self.parts], ignore_index=True)

    @property
    def summary(self) -> dict[str, Any]:
        """The object that ``--json`` prints, without the table; of test examples under ``test``."""
        first, *others = [one.summary for one in self.parts]
        told = {"data": self.dataset.name, "learner": self.learner, "design": self.design, **first}
        return {**told, "test": others[0]} if others else told


@dataclass(frozen=True)
class Asked:
    """What is to be trained, and whether test examples are judged."""

    dataset: Dataset
    job: Job
    models: int
    tests: bool

    @property
    def case(self) -> IssuesCase:
        """Sizes of it."""
        job = self.job
        data, numbers = job.data, job.data.n_classes if job.score == "probabilities" else 1
        per_model = job.learner.operations(data, round(job.design.inclusion(data.n) * data.n))
        sizes = data.n, data.n_test if self.tests else 0, data.n_classes, self.models
        return IssuesCase(*sizes, numbers * job.kind.itemsize, features(data.x_train), per_model)


def cleaned(arguments: argparse.Namespace, out: Path | None) -> Cleaned:
    """Models are trained, or read with --run, and their verdicts put together."""
    seed = whole("--seed", arguments.seed, 0, 2**64 - 1)
    dataset, trials, taught, design = _of_run(arguments) if arguments.run else _trained(arguments, out)
    data, examples = dataset.data, Examples.of(dataset)
    if not arguments.test_labels:
        return Cleaned(dataset, [issues(trials, examples, data.x_train, seed=seed)], taught, design)
    return Cleaned(dataset, with_tests(trials, examples, data.x_train, data.x_test, seed=seed), taught, design)


def foreseen(arguments: argparse.Namespace) -> int:
    """What it would cost, what every run does included; nothing is written but in a folder that goes again."""
    if arguments.run:
        raise ArgumentError("--dry-run", True, "with --run no models are trained: leave one of both out")
    asked, reading = timed(lambda: _asked(arguments))
    log.info("timing a little of each stage")
    job, models, case = asked.job, asked.models, asked.case
    compiled = compiling.processor
    gpu = job.device.kind == "gpu"
    clock = time.perf_counter if gpu else time.process_time
    (training, _), forecast = timed(lambda: (rehearsal(job, models, 1, clock), afterwards(case)))
    forecast = max(forecast - (compiling.processor - compiled), 0.0)  # the run will find it compiled
    trials, again = timed(lambda: _few(job, models, training / models), clock)
    model = min(training / models, again / trials.count)
    few = Few.of(trials, job.data, models, asked.tests)
    case = replace(case, asked=few.asked(case.n))
    rates = calibrated(case, model, job.design, few)
    found = Cleaned(asked.dataset, few.issues, repr(job.learner), repr(job.design))
    needed = ["empirical.clean", __name__, "empirical.report.issues_text"]
    if arguments.out and not arguments.no_plot:
        needed.append(PAGE)
        import_module(PAGE)  # so that it is not counted twice
    rows, shown = case.n + case.n_test, sum(len(one.table) for one in few.issues)
    told = [
        Stage("start", 1, "process", 0, started(*needed)),
        Stage("read", asked.dataset.data.n + asked.dataset.data.n_test, "examples", 0, reading),
        Stage("forecast", None, "FLOP", 0, forecast),
        *stages(case, rates),
    ]
    if arguments.out:
        told.append(Stage("write", rows, "rows", 0, _writing(found, arguments, rows / shown)))
    note = "Seconds of training are the GPU's, others a processor's." if gpu else "Seconds are a processor's."
    return say(arguments, head(case), asdict(case), told, note)


def _few(job: Job, models: int, each: float) -> Trials:
    """Trials of as many models as take no longer than a rehearsal may; two at the least, as one judges nothing it saw."""
    job = replace(job, shard=max(job.shard, 2))
    count = int(np.clip(LONG / max(each, 1e-9), 2, min(models, job.shard)))
    return job.trials(job.train(job.trainer(), 0, (0, count)))


def _writing(found: Cleaned, arguments: argparse.Namespace, times: float) -> float:
    """Seconds of the page, once, and of tables with so many times as many rows."""
    with tempfile.TemporaryDirectory() as folder:
        tables = argparse.Namespace(**{**vars(arguments), "no_plot": True})
        both, one = (timed(partial(written, found, Path(folder), how))[1] for how in (arguments, tables))
    return both + max(times - 1, 0.0) * one


def written(found: Cleaned, out: Path, arguments: argparse.Namespace) -> list[Path]:
    """The tables, the page made of them, and the record with their digests, last."""
    from empirical.estimates.issues_kept import TABLE, write_record
    from longtail.core.files import write_table
    from longtail.core.record import hardware, versions

    tables = {TABLE: found.table, "issues_by_class.csv": found.taken}
    paths = [write_table(out / name, table, digits=9) for name, table in tables.items()]
    if not arguments.no_plot:
        from empirical.report.issues_page import write

        paths.append(write(found.parts, found.dataset, out / "issues.html", whole("--top", arguments.top)))
    record = {**found.summary, "arguments": vars(arguments), "versions": versions(), "hardware": hardware()}
    return [*paths, write_record(record, paths, out)]


def _asked(arguments: argparse.Namespace) -> Asked:
    if arguments.data is None:
        raise ArgumentError("DATA", None, "give a data set, as digits, or --run RUN")
    seed = whole("--seed", arguments.seed, 0, 2**64 - 1)
    dataset = load(arguments.data, **{name: getattr(arguments, name) for name in KINDS})
    taught = parse_learner(arguments.learner or LEARNER)
    score = kept_by(taught)
    parts, models = rounds(dataset.data.n)
    if arguments.parts is not None:
        models = models // parts * (parts := whole("--parts", arguments.parts, 2, 2**16))
    if score == "predicted":
        models *= VOTES
    if arguments.trials is not None:
        models = whole("--trials", arguments.trials, 2)
    if models % parts == 0 and models // parts < LEAST:
        got = f"{models}, of which {models // parts} judge each label"
        raise ArgumentError("--trials", got, f"train more: {LEAST * parts}, so that {LEAST} do")
    log.info("%s: %s examples; %s", dataset.name, f"{dataset.data.n:,}", dataset.imbalance)
    device = taught.place(arguments.device)
    shard = whole("--shard", arguments.shard) if arguments.shard is not None else models
    data = dataset.data if arguments.test_labels else slim(dataset.data)
    job = Job(data, taught, Folds(parts), seed, score, shard=shard, device=device)
    job.check(models)
    return Asked(dataset, job, models, arguments.test_labels)


def _trained(arguments: argparse.Namespace, out: Path | None) -> tuple[Dataset, Trials, str, str]:
    asked = _asked(arguments)
    job, models = asked.job, asked.models
    where = kept_at(arguments.store, out, "-tests" if arguments.test_labels else "")
    store = None if where is None else Store.open(where, job.identity(), resume=arguments.resume)
    missing = models if store is None else store.missing(range(models))
    log.info("%r, %r: %s models", job.learner, job.design, f"{models:,}")
    with trainers(arguments) as executor, watched(job) as bar:
        if missing > 0:
            after = afterwards(asked.case)
            log.info(
                "this needs %s, then about %s for chances",
                needs(job, models, missing, executor.workers),
                duration(after),
            )
        trials = run(job, models, store=store, executor=executor, progress=bar)
    return asked.dataset, trials, repr(job.learner), repr(job.design)


def _of_run(arguments: argparse.Namespace) -> tuple[Dataset, Trials, str, str]:
    """The trials of a run of estimate that kept classes, and its data, loaded again."""
    for name in OF_A_RUN:
        if getattr(arguments, name) is not None:
            remedy = "with --run no models are trained: leave it out"
            raise ArgumentError(f"--{name}", getattr(arguments, name), remedy)
    path = Path(arguments.run)
    try:
        found = read(path, data=arguments.data, prior=arguments.prior)
    except ArgumentError as error:
        raise ArgumentError(
            "--run" if error.argument == "directory" else error.argument, error.shown, error.remedy
        ) from error
    how = found.experiment
    kept = how.arguments.get("score", "correct")
    if kept not in BY_CLASS:
        remedy = "whether models were right does not tell what they predicted: estimate --score predicted"
        raise ArgumentError("--run", f"{path}, whose models kept {kept}", remedy)
    if how.arguments.get("store") and not (path / "trials").is_dir():
        raise ArgumentError("--run", str(path), "its trials are elsewhere: merge them into its folder first")
    dataset = found.dataset(arguments.data_dir)
    first = whole("first", how.arguments.get("first", 0), 0)
    trials = stored(path / "trials", how.models, first=first, classes=lambda: dataset.data.y_train)
    if trials.score not in BY_CLASS or trials.n != found.n:
        raise ArgumentError("--run", str(path), "its trials are not those of its tables: estimate again")
    return dataset, trials, how.learner or "", how.design or ""


def kept_by(taught: Learner) -> Score:
    """Probabilities of all classes where the learner gives them, else the class alone."""
    if isinstance(taught, External):
        return "probabilities" if hasattr(taught.model, "predict_proba") else "predicted"
    return "probabilities" if "probabilities" in taught.scores else "predicted"


def slim(data: Data) -> Data:
    """With one example to test on: nobody asks about the others, and each takes time."""
    texts = None if data.texts is None else (data.texts[0], Texts.of([data.texts[1][0]]))
    return replace(data, x_test=data.x_test[:1], y_test=data.y_test[:1], texts=texts)
