"""What a cluster's driver adds to a shard, and two of its workers beside two processes: answers checked first.

    LONGTAIL_BENCHMARK=full python -m pytest benchmarks/test_cluster.py --benchmark-only -n 0 -s

Wanted: 5 ms a shard of 10,000, and .9 of what two processes do. Measured on two quiet cores (2026-11-29): 3.3 ms by the clock a
shard of 10,000, 2.3 of processor, scheduler and driver together; a net on digits, 2,000 a round, medians of 3 rounds in turn, in
shards of 50 (200 ms): .98 of two processes, 1.01 times their processor time, all that take part counted; in shards of 8 (30 ms):
.89 of them, and .88 with the look at the stack that Dask's workers take 100 times a second, which ``local:2`` leaves out.
To begin and to end costs a quarter of a second, whatever the run.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.alternating import FULL, Side, alternate
from benchmarks.test_learners import digits
from empirical.designs import Fixed
from empirical.learners import MLP
from empirical.training.cluster import connected
from empirical.training.executors import Processes
from empirical.training.job import Job
from empirical.training.run import run

pytest.importorskip("distributed", reason="Dask is not installed")
SHARDS = 10_000 if FULL else 200
MODELS = 2000 if FULL else 32
SIZES = (8, 50) if FULL else (8,)


def job(shard: int) -> Job:
    """A net on digits, in shards of so many models."""
    return Job(digits(), MLP(128, epochs=10 if FULL else 2), Fixed(0.7), shard=shard)


def family() -> float:
    """Processor seconds so far of this process and of all that it started, those that still live."""
    children: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # gone meanwhile
            told = entry.read_text().rpartition(")")[2].split()
            children.setdefault(int(told[1]), []).append(int(entry.parent.name))
            used[int(entry.parent.name)] = int(told[11]) + int(told[12])
    waiting, total = [os.getpid()], 0
    while waiting:
        one = waiting.pop()
        total += used.get(one, 0)
        waiting += children.get(one, [])
    return total / os.sysconf("SC_CLK_TCK")


def nothing(number: int) -> int:
    """Work that takes no time."""
    return -number


@pytest.mark.filterwarnings("ignore")  # the cluster's own
def test_cluster(benchmark: Any) -> None:
    """Two workers here."""
    with connected("local:2") as cluster:
        processes = Processes(2)

        def tasks() -> list[int]:
            return list(cluster.map(nothing, range(SHARDS)))

        assert sorted(tasks()) == [-k for k in reversed(range(SHARDS))]
        found = [run(job(SIZES[0]), MODELS, executor=who) for who in (cluster, processes)]
        assert np.array_equal(found[0].test, found[1].test)
        alternate(f"{SHARDS:,} shards of no work", [Side("a shard", tasks, SHARDS)], 1)
        for size in SIZES:
            work = job(size)
            sides = [
                Side("two processes", partial(run, work, MODELS, executor=processes), MODELS, processor=family),
                Side("two workers", partial(run, work, MODELS, executor=cluster), MODELS, processor=family),
            ]
            alternate(f"a net on digits in shards of {size}, a model", sides, 3 if FULL else 2)
        benchmark.pedantic(tasks, rounds=1)
