"""Train on t subsets: shards over worker processes of one thread each, kept as they come, taken up where they stopped.

What a shard holds is a function of (data, learner, design, seed, shard number) alone, so workers, order, kills and
resumes leave no trace in the result. ``joblib`` does the processes ("processes") and clusters ("dask", with a client of
yours).
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.data.fingerprint import digest
from empirical.designs.design import Design
from empirical.learners.fingerprint import named
from empirical.learners.learner import Learner, Score, Trainer
from empirical.training import DTYPES, EXECUTORS, SHARD
from empirical.training.resources import room
from empirical.training.store import Identity, Shard, Store
from empirical.training.trials import Trials, floats, joined
from longtail.core import ArgumentError, whole

log = logging.getLogger(__name__)
KILLED = (
    "a worker process was killed, as the system does when memory runs out: give fewer workers; "
    "what was stored is kept, and the same run goes on from there"
)


@dataclass(frozen=True)
class Job:
    """Everything that trials are a function of, and the device they are trained on."""

    data: Data
    learner: Learner
    design: Design
    seed: int = 0
    score: Score = "correct"
    dtype: str = "float16"
    shard: int = SHARD
    device: str = "cpu"

    def identity(self) -> Identity:
        """Its name in a store."""
        packed = self.score == "correct"
        return Identity(
            data=digest(self.data),
            learner=named(self.learner),
            design=repr(self.design),
            seed=self.seed,
            score=self.score,
            dtype="uint8" if packed else self.dtype,
            shard=self.shard,
            n=self.data.n,
            n_test=self.data.n_test,
            device=self.learner.place(self.device).kind,
            version=version(),
        )

    def trainer(self) -> Trainer:
        """What all shards share, made once per process."""
        return self.learner.prepare(self.data, self.score, seed=self.seed, device=self.device)

    def train(self, trainer: Trainer, number: int) -> Shard:
        """One shard."""
        trials = np.arange(number * self.shard, (number + 1) * self.shard)
        masks = self.design.subsets(self.seed, trials, self.data.n, self.data.y_train)
        train, test = trainer(masks, trials)
        told: dict[str, Any] = {"warned": dict(getattr(trainer, "warned", {})), "inside": np.packbits(masks, axis=1)}
        if self.score == "correct":
            return Shard(number, np.packbits(train, axis=1), np.packbits(test, axis=1), **told)
        return Shard(number, self._kept("train", train), self._kept("test", test), **told)

    def _kept(self, name: str, scores: Any) -> NDArray[Any]:
        """Finite scores in the type they are stored in, which must hold them."""
        given = floats(name, np.asarray(scores))
        with np.errstate(over="ignore"):
            kept = given.astype(self.dtype)
        if not np.isfinite(kept).all():
            largest = f"{self.dtype}, which does not hold a score of {np.abs(given).max():.3g}"
            raise ArgumentError("dtype", largest, "give float32")
        return kept

    def trials(self, shard: Shard) -> Trials:
        """A shard with its subsets, drawn again where it was read and not trained."""
        number = np.arange(shard.number * self.shard, (shard.number + 1) * self.shard)
        inside = shard.inside
        if inside is None:
            inside = np.packbits(self.design.subsets(self.seed, number, self.data.n, self.data.y_train), axis=1)
        return Trials(self.data.n, self.data.n_test, number, inside, shard.train, shard.test, self.score, self.design)


@dataclass(frozen=True)
class Progress:
    """How far a run is: trials done and wanted, how many of those were there before, seconds, and the last shard."""

    done: int
    wanted: int
    found: int
    seconds: float
    shard: Shard | None = None


def run(
    job: Job,
    trials: int,
    *,
    first: int = 0,
    store: Store | None = None,
    workers: int = 1,
    executor: str = "processes",
    progress: Callable[[Progress], None] | None = None,
) -> Trials:
    """Trials ``first`` to ``first + trials`` of a job; those in the store are read, the others trained and stored."""
    check(job, trials, first, workers, executor)
    began = time.monotonic()
    wanted = range(first // job.shard, -(-(first + trials) // job.shard))
    there = [] if store is None else [k for k in store.numbers() if k in wanted]
    room(job, trials, (len(wanted) - len(there)) * job.shard, None if store is None else store.folder)
    shards = {k: shard for k in there if store is not None and (shard := store.read(k)) is not None}
    found = len(shards)
    missing = [k for k in wanted if k not in shards]

    def report(shard: Shard | None) -> None:
        if progress is not None:
            counts = (len(shards) * job.shard, len(wanted) * job.shard, found * job.shard)
            progress(Progress(*counts, time.monotonic() - began, shard))

    report(None)
    with contextlib.closing(trained(job, missing, workers, executor)) as results:
        for shard in results:
            if store is not None:
                store.write(shard)
            shards[shard.number] = shard
            report(shard)
    say([shards[k].warned for k in missing], len(missing) * job.shard)
    whole_shards = joined(job.trials(shards[k]) for k in wanted)
    return whole_shards.take(slice(first - wanted[0] * job.shard, first - wanted[0] * job.shard + trials))


def say(warned: Sequence[Mapping[str, tuple[int, str]]], models: int) -> None:
    """One warning for all models that warned of the same; the words are the first one's."""
    for name in sorted({name for one in warned for name in one}):
        found = [one[name] for one in warned if name in one]
        text = f"{sum(count for count, _ in found)} of {models} models: {name}: {found[0][1]}"
        warnings.warn(text, stacklevel=3)


def check(job: Job, trials: int, first: int, workers: int, executor: str) -> None:
    """Refuse what cannot be run before anything is trained."""
    whole("trials", trials)
    whole("first", first, 0)
    whole("workers", workers, 1, 4096)
    whole("shard", job.shard, 1, 2**20)
    if executor not in EXECUTORS:
        raise ArgumentError("executor", executor, f"give one of {', '.join(EXECUTORS)}")
    if job.dtype not in DTYPES:
        raise ArgumentError("dtype", job.dtype, f"give {' or '.join(DTYPES)}")
    job.design.check(job.data.n, trials, job.data.y_train)
    if first:
        job.design.check(job.data.n, first, job.data.y_train)
    if job.device == "gpu" and "gpu" not in job.learner.devices:
        job.learner.place("gpu")
    job.learner.check(job.data, job.score)


def trained(job: Job, numbers: list[int], workers: int, executor: str) -> Generator[Shard, None, None]:
    """Shards as they are done, in any order."""
    if not numbers:
        return
    if workers == 1 and executor == "processes":
        trainer = job.trainer()
        for number in numbers:
            yield job.train(trainer, number)
        return
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    processes = executor == "processes"
    settings: dict[str, Any] = {"backend": "loky", "inner_max_num_threads": 1} if processes else {"backend": "dask"}
    token = os.urandom(8).hex()
    try:
        with parallel_config(**settings):  # joblib sends large arrays once, as memory maps that the workers share
            pool = Parallel(
                n_jobs=min(workers, len(numbers)),
                return_as="generator_unordered",
                batch_size="auto",
                pre_dispatch="2*n_jobs",
                max_nbytes="1M",
            )
            yield from pool(delayed(task)(job, token, number) for number in numbers)
    except BaseException as error:
        if processes:
            stop_workers()
        if isinstance(error, TerminatedWorkerError):
            raise ChildProcessError(KILLED) from error
        raise


_prepared: dict[str, Trainer] = {}


def task(job: Job, token: str, number: int) -> Shard:
    """In a worker: train a shard; the trainer is kept for the next."""
    if token not in _prepared:
        _prepared.clear()
        follow_parent()
        _prepared[token] = job.trainer()
    return job.train(_prepared[token], number)


def follow_parent() -> None:
    """End this worker when its parent is gone: a killed run must not go on burning cores."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def stop_workers() -> None:
    """End the pool at once, without waiting for the shards it is in."""
    from joblib.externals.loky import get_reusable_executor

    with contextlib.suppress(Exception):
        get_reusable_executor().shutdown(wait=False, kill_workers=True)


def version() -> str:
    """The version of this package, part of a run's identity: a subset or a learner may change with it."""
    try:
        return metadata.version("longtail")
    except metadata.PackageNotFoundError:
        return "0"
