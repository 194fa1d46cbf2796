"""A cluster of Dask (``distributed``, extra ``dask``): tasks are small, each a number; the work goes once to each worker.

The work travels as a plugin of the workers, so that one which joins later, or comes back after it was killed, has it too; nothing
is scattered. Where a run has a store, on a folder that all see, workers write their shards there, and what comes back is small.
A task that is lost, by a worker that was killed, a result that did not come or a scheduler that was started anew, is done again:
the store knows what is there already.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from longtail.core import ArgumentError, whole

RETRIES = 3  # times that a shard whose workers were killed is given to others
PATIENCE = 60.0  # seconds that a scheduler may be away
AHEAD = 16  # tasks a thread that are with the scheduler at most, and half as many at least
LOCAL = "local:"
PLUGIN = "longtail-"
log = logging.getLogger(__name__)
R = TypeVar("R")


@dataclass(frozen=True)
class Cluster:
    """The cluster of ``client``, a ``distributed.Client``.

    >>> import distributed
    >>> options = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    >>> with distributed.Client(**options, scheduler_kwargs={"dashboard_address": "127.0.0.1:0"}):  # a port of its own
    ...     sorted(Cluster.here().map(lambda number: number**2, [1, 2, 3]))
    [1, 4, 9]
    """

    client: Any
    patience: float = PATIENCE

    @classmethod
    def here(cls) -> Cluster:
        """That of the client which is open in this process."""
        try:
            from distributed import get_client

            return cls(get_client())
        except ImportError as error:
            raise ArgumentError("executor", "dask", "install longtail's extra dask, or give processes") from error
        except ValueError as error:
            remedy = "no client is connected: make a distributed.Client(address), or give processes"
            raise ArgumentError("executor", "dask", remedy) from error

    @property
    def workers(self) -> int:
        """Threads of all workers."""
        return max(1, int(sum(self.client.nthreads().values())))

    def map(self, work: Callable[[int], R], numbers: Sequence[int]) -> Generator[R, None, None]:
        """Rounds of tasks until each number is done: one, unless the scheduler goes away."""
        left, killed = dict.fromkeys(numbers), Counter[int]()
        while left:
            try:
                for number, found in self._round(work, list(left), killed):
                    del left[number]
                    yield found
            except _gone() as error:
                log.warning("the scheduler does not answer (%s); waiting for it", type(error).__name__)
                self._wait()

    def _round(self, work: Callable[[int], R], numbers: list[int], killed: Counter[int]) -> Iterator[tuple[int, R]]:
        from distributed import as_completed

        name = PLUGIN + os.urandom(8).hex()
        waiting, held = numbers[::-1], AHEAD * self.workers
        results = as_completed()
        running: dict[Any, int] = {}
        try:
            self.client.register_plugin(_plugin(work), name=name)
            while waiting or running:
                if waiting and len(running) <= held // 2:  # many at once: each message to the scheduler takes its time
                    next_ones = [waiting.pop() for _ in range(min(len(waiting), held - len(running)))]
                    futures = self.client.map(_task, [name] * len(next_ones), next_ones, pure=False)
                    running |= dict(zip(futures, next_ones, strict=True))
                    results.update(futures)
                for future in results.next_batch():
                    number = running.pop(future)
                    if _done(future, number, killed):
                        yield number, future.result()
                    else:
                        waiting.append(number)
        finally:
            self._forget(name, list(running))

    def _forget(self, name: str, running: list[Any]) -> None:
        """Leave nothing behind, as far as scheduler and workers are still there to be told."""
        with contextlib.suppress(Exception):
            self.client.cancel(running)
        with contextlib.suppress(Exception):
            self.client.unregister_worker_plugin(name)
        with contextlib.suppress(Exception):  # of workers that came while it was being taken back
            self.client.run(_dropped, name, on_error="ignore")

    def _wait(self) -> None:
        """Until the scheduler answers and has a worker."""
        until = time.monotonic() + self.patience
        while time.monotonic() < until and self.client.status != "closed":
            with contextlib.suppress(*_gone()):
                if self.client.status == "running" and self.client.nthreads():
                    return
            time.sleep(0.2)
        raise ConnectionError(
            f"the scheduler is gone, and did not come back in {self.patience:g} s; what was stored is kept, and the same run "
            "goes on from there"
        )


def _done(future: Any, number: int, killed: Counter[int]) -> bool:
    """Whether a task gave something; if not, it is to be given to another worker."""
    from distributed import KilledWorker

    if future.status in ("cancelled", "lost"):
        raise ConnectionError("its tasks are gone")
    if future.status == "finished":
        return True
    error = future.exception()
    if not isinstance(error, KilledWorker):
        raise error
    killed[number] += 1
    if killed[number] > RETRIES:
        remedy = "as the system does when memory runs out: give workers more of it"
        raise ChildProcessError(f"workers were killed whenever they worked on number {number}, {remedy}") from error
    log.warning("a worker was killed at number %s, which is done again", number)
    return False


def _gone() -> tuple[type[BaseException], ...]:
    """What is raised where a scheduler is away."""
    from asyncio import CancelledError
    from concurrent.futures import CancelledError as Cancelled

    from distributed import client
    from distributed.comm.core import CommClosedError

    closed = getattr(client, "ClosedClientError", CommClosedError)  # older versions have none of their own
    return (CommClosedError, closed, CancelledError, Cancelled, ConnectionError, TimeoutError)


def _plugin(work: Callable[[int], Any]) -> Any:
    """What a worker is given once."""
    from distributed import WorkerPlugin

    class Given(WorkerPlugin):  # type: ignore[misc]  # of an untyped package
        def __init__(self, work: Callable[[int], Any]) -> None:
            self.work = work

    return Given(work)


def _task(name: str, number: int) -> Any:
    """On a worker: the work that it was given, of one number."""
    from distributed import get_worker

    return get_worker().plugins[name].work(number)


def _dropped(name: str, dask_worker: Any) -> None:
    """On a worker: give up what it was given."""
    dask_worker.plugins.pop(name, None)


@contextlib.contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """The cluster at ``address``, or "local:4", of that many processes here; left, or ended, with the block.

    >>> with connected("local:many") as cluster:  # local:4 would be four processes of this machine
    ...     pass
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: --scheduler: got local:many; give local: and how many processes, as local:4
    """
    count = _processes(address)
    try:
        import distributed
    except ImportError as error:
        raise ArgumentError("--scheduler", address, "it needs Dask: pip install 'longtail[dask]'") from error
    if count is not None:
        options: dict[str, Any] = {"n_workers": count, "threads_per_worker": 1, "dashboard_address": None}
        # else all want port 8787, and warn if it is taken
        options["scheduler_kwargs"] = {"dashboard_address": "127.0.0.1:0"}
        import dask

        # the profiler looks 100 times a second, and costs 5 %
        unsampled = dask.config.set({"distributed.worker.profile.enabled": False})
        with unsampled, distributed.LocalCluster(**options) as local, distributed.Client(local) as client:
            yield Cluster(client)
        return
    try:
        client = distributed.Client(address, timeout=10)
    except (OSError, ValueError, TimeoutError, AssertionError) as error:  # the last of http://
        remedy = "no scheduler answers there; give tcp://host:port, as dask scheduler prints it, or local:4"
        raise ArgumentError("--scheduler", address, remedy) from error
    with client:
        if not client.nthreads():
            log.info("waiting for a worker of %s", address)
            try:
                client.wait_for_workers(1, timeout=PATIENCE)
            except TimeoutError as error:
                remedy = f"it has no worker: start some, as by dask worker {address}"
                raise ArgumentError("--scheduler", address, remedy) from error
        yield Cluster(client)


def _processes(address: str) -> int | None:
    """Of "local:4" the four; None for another address."""
    if not address.startswith(LOCAL):
        return None
    text = address.removeprefix(LOCAL)
    if not text.isdecimal():
        raise ArgumentError("--scheduler", address, "give local: and how many processes, as local:4")
    return whole("--scheduler", int(text), 1, 4096)
