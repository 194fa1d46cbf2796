"""Train on t subsets: shards by whoever trains them, kept as they come, taken up where they stopped.

What a shard holds is a function of (data, learner, design, seed, shard number) alone, so workers, order, kills and
resumes leave no trace in the result: the same bits on one kind of processor and with the same versions. Another kind may
differ in the last bits, and a run that goes on there says so (``store``).
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from empirical.training.executors import Executor, Serial
from empirical.training.job import Job
from empirical.training.resources import room, space
from empirical.training.shard import Shard
from empirical.training.spans import gaps, parts_of
from empirical.training.store import Store
from empirical.training.trials import Trials, joined
from empirical.training.work import Work
from longtail.core.shown import many

SERIAL = Serial()


@dataclass(frozen=True)
class Progress:
    """How far a run is: trials done and wanted, how many of those were there before, seconds, and the last shard.

    >>> Progress(done=128, wanted=512, found=64, seconds=2.0)
    Progress(done=128, wanted=512, found=64, seconds=2.0, shard=None)
    """

    done: int
    wanted: int
    found: int
    seconds: float
    shard: Shard | None = None


def run(
    job: Job,
    models: int,
    *,
    first: int = 0,
    store: Store | None = None,
    executor: Executor = SERIAL,
    progress: Callable[[Progress], None] | None = None,
) -> Trials:
    """Trials ``first`` to ``first + models`` of a job; those in the store are read, the others trained and stored.

    ``executor`` is who trains, and ``progress`` is told how far it is at the start and after each shard.

    >>> from empirical.data.load import load
    >>> from empirical.designs import Fixed
    >>> from empirical.learners import KNN
    >>> job = Job(load("planted", n=60).data, KNN(), Fixed(0.7))
    >>> trials = run(job, 16, progress=lambda now: print(now.done, "of", now.wanted))
    0 of 16
    16 of 16
    >>> trials.count, trials.masks().sum(1).tolist()[:3]
    (16, [42, 42, 42])
    """
    job.check(models, first)
    room(job, models)
    shards: dict[int, Shard] = {}
    say(*_train(job, range(first, first + models), store, executor, progress, shards.__setitem__))
    return joined(job.trials(shards[k]) for k in sorted(shards))


def fill(
    job: Job,
    models: int,
    store: Store,
    *,
    first: int = 0,
    executor: Executor = SERIAL,
    progress: Callable[[Progress], None] | None = None,
) -> None:
    """The same trials, into the store and nowhere else: of those that are there each is read once, to know that it is whole.

    >>> import tempfile
    >>> from empirical.data.load import load
    >>> from empirical.designs import Fixed
    >>> from empirical.learners import KNN
    >>> job = Job(load("planted", n=60).data, KNN(), Fixed(0.7), shard=8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store.open(folder, job.identity())
    ...     fill(job, 16, store)
    ...     store.numbers()
    [0, 1]
    """
    job.check(models, first)
    say(*_train(job, range(first, first + models), store, executor, progress, lambda number, shard: None))


def _train(
    job: Job,
    asked: range,
    store: Store | None,
    executor: Executor,
    progress: Callable[[Progress], None] | None,
    keep: Callable[[int, Shard], None],
) -> tuple[list[Mapping[str, tuple[int, str]]], int]:
    """Read or train what is asked for of each shard, and hand it on; what models warned of, and how many were trained."""
    job, models = replace(job, only=asked), len(asked)
    began = time.monotonic()
    wanted = dict(parts_of(asked, job.shard))
    there = {} if store is None else {k: some for k, some in store.spans().items() if k in wanted}
    lacking = {k: sum(b - a for a, b in gaps(span, there.get(k, ()))) for k, span in wanted.items()}
    if store is not None:
        space(job, sum(lacking.values()), store.shelf)
    ready: set[int] = set()
    for k, some in there.items():
        if store is not None and (kept := store.gather(k, wanted[k], spans=some)) is not None:
            keep(k, kept)
            ready.add(k)
    missing = [k for k in wanted if k not in ready]

    left_of = {k: lacking[k] or wanted[k][1] - wanted[k][0] for k in missing}  # of what is damaged all
    found = models - sum(left_of.values())

    def report(shard: Shard | None) -> None:
        if progress is not None:
            done = models - sum(count for k, count in left_of.items() if k not in ready)
            progress(Progress(done, models, found, time.monotonic() - began, shard))

    report(None)
    warned: list[Mapping[str, tuple[int, str]]] = []
    left = missing
    while left:
        with contextlib.closing(executor.map(Work(job, store, there), left)) as results:
            for done in results:
                k = done.shard.number
                shard = done.shard if done.whole or store is None else store.gather(k, wanted[k])
                if shard is not None:  # else it was damaged since, which is said: it is done again
                    keep(k, shard)
                    ready.add(k)
                    warned.append(done.shard.warned)
                    report(shard)
        left = [k for k in left if k not in ready]
        if left and store is not None:
            there = store.spans()  # what came since and is damaged is to be written over
    return warned, sum(left_of.values())


def say(warned: Sequence[Mapping[str, tuple[int, str]]], models: int) -> None:
    """One warning for all models that warned of the same; the words are the first one's.

    >>> with warnings.catch_warnings(record=True) as heard:
    ...     warnings.simplefilter("always")
    ...     say([{"ConvergenceWarning": (2, "no convergence in 100 steps")}, {}], models=8)
    >>> print(heard[0].message)
    2 of 8 models: ConvergenceWarning: no convergence in 100 steps
    """
    for name in sorted({name for one in warned for name in one}):
        found = [one[name] for one in warned if name in one]
        text = f"{sum(count for count, _ in found)} of {many(models, 'model')}: {name}: {found[0][1]}"
        warnings.warn(text, stacklevel=3)
