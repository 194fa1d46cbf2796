"""Who does the work: this process, worker processes, or any executor of ``concurrent.futures``; a cluster is in ``cluster``.

An executor maps work over numbers, of shards or of nets, and gives what is made of each, in any order: that is a function of the
work and the number alone.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol, TypeVar

from empirical.training import EXECUTORS
from longtail.core import ArgumentError, whole

R = TypeVar("R")

KILLED = (
    "a worker process was killed, as the system does when memory runs out: give fewer workers; "
    "what was stored is kept, and the same run goes on from there"
)


class Executor(Protocol):
    """What a run asks of whoever trains: how much is done at once, and a map of work over numbers.

    >>> class Backwards:
    ...     workers = 1
    ...
    ...     def map(self, work, numbers):
    ...         yield from map(work, reversed(numbers))
    >>> list(executor(Backwards()).map(lambda number: number**2, [1, 2, 3]))
    [9, 4, 1]
    """

    @property
    def workers(self) -> int:
        """How many numbers are worked on at once."""

    def map(self, work: Callable[[int], R], numbers: Sequence[int]) -> Generator[R, None, None]:
        """What work makes of the numbers, as it is done, in any order; closing the generator stops it."""


@dataclass(frozen=True)
class Serial:
    """This process, one after the other.

    >>> list(Serial().map(lambda number: number**2, [1, 2, 3]))
    [1, 4, 9]
    """

    workers: int = field(default=1, init=False)

    def map(self, work: Callable[[int], R], numbers: Sequence[int]) -> Generator[R, None, None]:
        yield from map(work, numbers)


@dataclass(frozen=True)
class Processes:
    """Worker processes of one thread each; large arrays reach them once, as memory maps that they share (joblib).

    >>> sorted(Processes(1).map(lambda number: number**2, [1, 2, 3]))  # one worker is this process
    [1, 4, 9]
    """

    workers: int = 1

    def map(self, work: Callable[[int], R], numbers: Sequence[int]) -> Generator[R, None, None]:
        if self.workers == 1 or len(numbers) < 2:
            yield from Serial().map(work, numbers)
            return
        from joblib import Parallel, delayed, parallel_config
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        try:
            with parallel_config(backend="loky", inner_max_num_threads=1):
                pool = Parallel(
                    n_jobs=min(self.workers, len(numbers)),
                    return_as="generator_unordered",
                    batch_size="auto",
                    pre_dispatch="2*n_jobs",
                    max_nbytes="1M",
                )
                yield from pool(delayed(_followed)(work, number) for number in numbers)
        except BaseException as error:
            _stop_workers()
            if isinstance(error, TerminatedWorkerError):
                raise ChildProcessError(KILLED) from error
            raise


@dataclass(frozen=True)
class Futures:
    """Any executor of ``concurrent.futures``: a pool of processes or threads, a cluster's. Each task carries the whole job.

    >>> with concurrent.futures.ThreadPoolExecutor(2) as pool:
    ...     sorted(Futures(pool, workers=2).map(lambda number: number**2, [1, 2, 3]))
    [1, 4, 9]
    """

    pool: concurrent.futures.Executor
    workers: int = 1

    def map(self, work: Callable[[int], R], numbers: Sequence[int]) -> Generator[R, None, None]:
        waiting = list(numbers)[::-1]
        running: set[concurrent.futures.Future[R]] = set()
        try:
            while waiting or running:
                while waiting and len(running) < 2 * self.workers:
                    running.add(self.pool.submit(work, waiting.pop()))
                done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            for future in running:
                future.cancel()


def executor(choice: Any = "processes", workers: int = 1) -> Executor:
    """ "processes", "dask", an ``Executor``, or one of ``concurrent.futures``, with so many workers.

    >>> executor("processes", 2)
    Processes(workers=2)
    >>> with concurrent.futures.ThreadPoolExecutor(2) as pool:
    ...     sorted(executor(pool, 2).map(lambda number: number**2, [1, 2, 3]))
    [1, 4, 9]
    """
    count = whole("workers", workers, 1, 4096)
    if isinstance(choice, concurrent.futures.Executor):
        return Futures(choice, count)
    if hasattr(choice, "map") and hasattr(choice, "workers"):
        found: Executor = choice
        return found
    if choice == "processes":
        return Processes(count)
    if choice == "dask":
        from empirical.training.cluster import Cluster

        return Cluster.here()
    raise ArgumentError("executor", choice, f"give {' or '.join(EXECUTORS)}, or an executor of concurrent.futures")


def _stop_workers() -> None:
    """End the pool at once, without waiting for the shards it is in."""
    from joblib.externals.loky import get_reusable_executor

    with contextlib.suppress(Exception):
        get_reusable_executor().shutdown(wait=False, kill_workers=True)


def _followed(work: Callable[[int], R], number: int) -> R:
    _follow_parent()
    return work(number)


@cache
def _follow_parent() -> None:
    """End a worker process when its parent is gone: a killed run must not go on burning cores."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
