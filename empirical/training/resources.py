"""What a run will need, said before it starts: time from a rehearsal of a few models, memory and disk from counting.

On a GPU the rehearsal is a whole block of models, since one takes as long, and the memory it took is read off the device.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from empirical.training.job import Job
from empirical.training.shelf import Shelf
from longtail.core import ArgumentError
from longtail.core.compiled_cpu import compiling
from longtail.core.opened import available, size

PATIENCE = 10.0  # seconds a first model may take for another to be worth it: the first may have been compiling
LONG = 2.0  # seconds that a rehearsal of many models may take


@dataclass(frozen=True)
class Needs:
    """Seconds (NaN where nothing was rehearsed), bytes of memory and of disk, and of a GPU's memory.

    >>> print(Needs(seconds=7300.0, memory=2 * 10**9, disk=10**8))
    about 2 h 2 min, 2 GB of memory, 100 MB of disk
    """

    seconds: float
    memory: int
    disk: int
    gpu: int = 0

    def __str__(self) -> str:
        parts = [] if np.isnan(self.seconds) else [f"about {duration(self.seconds)}"]
        on_gpu = [f"{size(self.gpu)} of GPU memory"] if self.gpu else []
        return ", ".join([*parts, f"{size(self.memory)} of memory", *on_gpu, f"{size(self.disk)} of disk"])


def needs(job: Job, models: int, missing: int, workers: int, bound: float | None = None) -> Needs:
    """Of a run whose ``missing`` trials are still to be trained; the models rehearsed are thrown away. Trials are put together,
    or left in their store and read in ``bound`` bytes.

    >>> from empirical.data.load import load
    >>> from empirical.designs import Fixed
    >>> from empirical.learners import KNN
    >>> job = Job(load("planted", n=60).data, KNN(), Fixed(0.7))
    >>> needs(job, models=640, missing=0, workers=1).disk  # bytes: bits of scores, and tables
    15600
    """
    seconds = rehearsal(job, missing, workers) if missing else float("nan")
    memory = max(_resident(), 2**27) * (1 if workers == 1 else 1 + workers)
    memory += _aggregation(job, models) if bound is None else int(bound)
    return Needs(seconds, memory, _stored(job, models) + 100 * job.data.n, _gpu_memory(job, models))


def _aggregation(job: Job, models: int) -> int:
    """Bytes of memory in which all trials are put together: rows and columns of bits, or scores twice; a block unpacked."""
    n, q = job.data.n, job.data.n_test
    bits = models * (4 * n + 3 * q) // 8
    more = _stored(job, models) * len(job.earlier) // (1 + len(job.earlier))  # of earlier epochs, held beside
    return (bits + more if job.score == "correct" else bits + 2 * _stored(job, models)) + 8 * 1024 * models


def _stored(job: Job, models: int) -> int:
    """Bytes of the trials' scores on disk."""
    examples = (job.data.n + job.data.n_test) * (1 + len(job.earlier))
    numbers = examples * (job.data.n_classes if job.score == "probabilities" else 1)
    return models * numbers // 8 if job.score == "correct" else models * numbers * job.kind.itemsize


def room(job: Job, models: int) -> None:
    """Refuse more trials than can be held together.

    >>> from empirical.data.load import load
    >>> from empirical.designs import Fixed
    >>> from empirical.learners import KNN
    >>> job = Job(load("planted", n=60).data, KNN(), Fixed(0.7))
    >>> room(job, models=10**12)
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: models: got 1,000,000,000,000, which together need ...
    """
    wanted, free = _aggregation(job, models), available()
    if wanted > free:
        got = f"{models:,}, which together need {size(wanted)} of memory where {size(free)} are free"
        raise ArgumentError(
            "models", got, "train fewer, take a larger machine, or leave them in their store (--memory)"
        )


def space(job: Job, missing: int, shelf: Shelf) -> None:
    """Refuse more missing trials than there is room for where they are kept.

    >>> import numpy, tempfile
    >>> from empirical.training.store import Store
    >>> from pathlib import Path
    >>> from empirical.data.data import Data
    >>> from empirical.designs import Fixed
    >>> from empirical.learners import KNN
    >>> x, y = numpy.arange(8.0, dtype=numpy.float32)[:, None], numpy.arange(8) % 2
    >>> job = Job(Data(x, y, x, y, (0, 1)), KNN(1), Fixed(0.5), shard=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store.open(Path(folder), job.identity())
    ...     space(job, 64, store.shelf)
    """
    if (wanted := _stored(job, missing)) > (free := shelf.free):
        got = f"{shelf}, where {size(free)} are free for trials of {size(wanted)}"
        raise ArgumentError("out", got, "train fewer, or give a folder on a larger disk")


def _gpu_memory(job: Job, models: int) -> int:
    """The most bytes held there: by the rehearsal, which was a whole block, or by the bits that pairs are found from."""
    if job.device.kind != "gpu":
        return 0
    bits = (job.data.n + job.data.n_test) * -(-models // 64) * 8 if job.score == "correct" else 0
    return max(job.device.held, bits)


def rehearsal(job: Job, missing: int, workers: int, clock: Callable[[], float] | None = None) -> float:
    """Seconds for the missing trials, by the time of a few, without what compiling took; too high where the first alone is slow.

    On a GPU by that of a block, the second, unless the first is slow even with compiling; it serves all workers.

    >>> import itertools
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from empirical.data.load import load
    >>> from empirical.designs import Fixed
    >>> from empirical.learners import External
    >>> job = Job(load("planted", n=60).data, External(GaussianNB()), Fixed(0.7))
    >>> rehearsal(job, missing=100, workers=2, clock=itertools.count().__next__)  # by a clock on which a model takes a second
    50.0
    """
    trainer, now = job.trainer(), clock or time.perf_counter

    def compiled() -> float:  # by the same clock: less of the processor's
        return compiling.processor if clock and clock is time.process_time else compiling.seconds

    def spent(count: int) -> float:
        number = np.arange(count)
        masks = job.design.subsets(job.seed, number, job.data.n, job.data.y_train)
        start, before = now(), compiled()
        trainer(masks, number)
        return now() - start - (compiled() - before)

    if job.device.kind == "gpu":
        block = min(max(int(trainer.batch), 1), job.shard)
        took = spent(block)
        return (min(took, spent(block)) if took < PATIENCE else took) * -(-missing // block)
    one = spent(1)
    if one < PATIENCE:
        one = min(one, spent(1))
        many = min(max(int(trainer.batch), 1), job.shard, missing)
        if (some := min(many, int(LONG / max(one, 1e-9)))) > 1:  # together they may take much less
            one = min(one, spent(some) / some)
    return one * missing / workers


def _resident() -> int:
    """The most memory this process has held, in bytes; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def duration(seconds: float) -> str:
    """For a person to read.

    >>> duration(7300)
    '2 h 2 min'
    """
    if seconds < 1:
        return "a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{int(seconds // 3600)} h {round(seconds % 3600 / 60)} min"
