"""Who trains the shards of a job: this process, worker processes, a cluster, or any executor of ``concurrent.futures``.

An executor maps a job over shard numbers and gives shards as they are done, in any order: what a shard holds is a function of
the job and its number alone. A worker makes the job's trainer once and keeps it for the next shard.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol, TypeVar

from empirical.learners.learner import Trainer
from empirical.training import EXECUTORS
from empirical.training.job import Job
from empirical.training.store import Shard
from longtail.core import ArgumentError, whole

T = TypeVar("T")
R = TypeVar("R")
KILLED = (
    "a worker process was killed, as the system does when memory runs out: give fewer workers; "
    "what was stored is kept, and the same run goes on from there"
)


class Executor(Protocol):
    """What a run asks of whoever trains: how many shards at once, and a map from shard numbers to shards."""

    @property
    def workers(self) -> int:
        """How many shards are trained at once."""

    def map(self, job: Job, numbers: Sequence[int]) -> Generator[Shard, None, None]:
        """Shards as they are done, in any order; closing the generator stops the work."""


@dataclass(frozen=True)
class Serial:
    """This process, one shard after the other."""

    workers: int = field(default=1, init=False)

    def map(self, job: Job, numbers: Sequence[int]) -> Generator[Shard, None, None]:
        trainer = job.trainer()
        for number in numbers:
            yield job.train(trainer, number)


@dataclass(frozen=True)
class Processes:
    """Worker processes of one thread each; large arrays reach them once, as memory maps that they share (joblib)."""

    workers: int = 1

    def map(self, job: Job, numbers: Sequence[int]) -> Generator[Shard, None, None]:
        if self.workers == 1:
            yield from Serial().map(job, numbers)
            return
        with _ending():
            yield from _joblib(job, numbers, self.workers, backend="loky", inner_max_num_threads=1)


@dataclass(frozen=True)
class Dask:
    """The cluster of the ``distributed.Client`` that is open in this process; its machines are taken to be of this one's kind."""

    workers: int = 1

    def map(self, job: Job, numbers: Sequence[int]) -> Generator[Shard, None, None]:
        yield from _joblib(job, numbers, self.workers, backend="dask")


@dataclass(frozen=True)
class Futures:
    """Any executor of ``concurrent.futures``: a pool of processes or threads, a cluster's. Each task carries the whole job."""

    pool: concurrent.futures.Executor
    workers: int = 1

    def map(self, job: Job, numbers: Sequence[int]) -> Generator[Shard, None, None]:
        token, waiting = _token(), list(numbers)[::-1]
        running: set[concurrent.futures.Future[Shard]] = set()
        try:
            while waiting or running:
                while waiting and len(running) < 2 * self.workers:
                    running.add(self.pool.submit(task, job, token, waiting.pop()))
                done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            for future in running:
                future.cancel()


def executor(choice: Any = "processes", workers: int = 1) -> Executor:
    """ "processes", "dask", an ``Executor``, or one of ``concurrent.futures``, with so many workers."""
    count = whole("workers", workers, 1, 4096)
    if isinstance(choice, concurrent.futures.Executor):
        return Futures(choice, count)
    if hasattr(choice, "map") and hasattr(choice, "workers"):
        found: Executor = choice
        return found
    if choice == "processes":
        return Processes(count)
    if choice == "dask":
        _check_client()
        return Dask(count)
    raise ArgumentError("executor", choice, f"give {' or '.join(EXECUTORS)}, or an executor of concurrent.futures")


def spread(function: Callable[[T], R], items: Sequence[T], workers: int = 1) -> Generator[R, None, None]:
    """What a function gives of each item, as it is done: here, or in worker processes of one thread each, each with a copy of
    the function and all that it holds.
    """
    if workers == 1 or len(items) < 2:
        yield from map(function, items)
        return
    from joblib import Parallel, delayed, parallel_config

    with _ending(), parallel_config(backend="loky", inner_max_num_threads=1):
        pool = Parallel(
            n_jobs=min(workers, len(items)), return_as="generator_unordered", pre_dispatch="n_jobs", max_nbytes=None
        )
        yield from pool(delayed(_followed)(function, item) for item in items)


def _followed(function: Callable[[T], R], item: T) -> R:
    _follow_parent()
    return function(item)


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    """Whatever ends the work early ends the workers; one that the system killed is told."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        yield
    except BaseException as error:
        _stop_workers()
        if isinstance(error, TerminatedWorkerError):
            raise ChildProcessError(KILLED) from error
        raise


def _check_client() -> None:
    """Refuse a cluster that nobody is connected to."""
    try:
        from distributed import get_client

        get_client()
    except ImportError as error:
        raise ArgumentError("executor", "dask", "install longtail's extra dask, or give processes") from error
    except ValueError as error:
        remedy = (
            "no client is connected; use empirical.SubsetEstimator from a program that made a distributed.Client(address), "
            "or give processes"
        )
        raise ArgumentError("executor", "dask", remedy) from error


def _joblib(job: Job, numbers: Sequence[int], workers: int, **backend: Any) -> Generator[Shard, None, None]:
    from joblib import Parallel, delayed, parallel_config

    token = _token()
    with parallel_config(**backend):
        pool = Parallel(
            n_jobs=min(workers, len(numbers)),
            return_as="generator_unordered",
            batch_size="auto",
            pre_dispatch="2*n_jobs",
            max_nbytes="1M",
        )
        yield from pool(delayed(task)(job, token, number) for number in numbers)


def _token() -> str:
    """A name for one map: a worker that served another before must not use that one's trainer."""
    return os.urandom(8).hex()


_prepared = threading.local()


def task(job: Job, token: str, number: int) -> Shard:
    """In a worker: train a shard; the trainer is kept for the next."""
    if getattr(_prepared, "token", None) != token:
        _follow_parent()
        _prepared.trainer, _prepared.token = job.trainer(), token
    trainer: Trainer = _prepared.trainer
    return job.train(trainer, number)


@cache
def _follow_parent() -> None:
    """End a worker process when its parent is gone: a killed run must not go on burning cores."""
    import multiprocessing

    if multiprocessing.parent_process() is None:  # a thread, or a cluster's worker, whose parent is no run of ours
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _stop_workers() -> None:
    """End the pool at once, without waiting for the shards it is in."""
    from joblib.externals.loky import get_reusable_executor

    with contextlib.suppress(Exception):
        get_reusable_executor().shutdown(wait=False, kill_workers=True)
