"""What a cluster's driver adds to a shard, and two of its workers beside two processes: answers checked first.

    LONGTAIL_BENCHMARK=full python -m pytest benchmarks/test_cluster.py --benchmark-only -n 0 -s

Wanted: 5 ms a shard of 10,000, and .9 of what two processes do. Measured on two cores that five other jobs shared, at a load
of 4 to 13: 3.0 to 3.3 ms of processor a shard of 10,000, scheduler and driver together, 10 to 15 ms by the clock; a net on
digits, 2,000 a round (24 s of processor), medians of 3 rounds in turn: 1.02 times the processor time of two processes, all
that take part counted, and .86 of their time by the clock. To begin and to end costs a quarter of a second, whatever the
run: 32 models take 2.2 times as long.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.alternating import FULL, Side, alternate
from benchmarks.test_learners import digits
from empirical.designs import Fixed
from empirical.learners import MLP
from empirical.training.cluster import Cluster
from empirical.training.executors import Processes
from empirical.training.job import Job
from empirical.training.run import run

distributed = pytest.importorskip("distributed", reason="Dask is not installed")
SHARDS = 10_000 if FULL else 200
MODELS = 2000 if FULL else 32
JOB = Job(digits(), MLP(128, epochs=10 if FULL else 2), Fixed(0.7), shard=8)


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
    options: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as local, distributed.Client(local) as client:
        cluster, processes = Cluster(client), Processes(2)

        def tasks() -> list[int]:
            return list(cluster.map(nothing, range(SHARDS)))

        assert sorted(tasks()) == [-k for k in reversed(range(SHARDS))]
        found = [run(JOB, MODELS, executor=who) for who in (cluster, processes)]
        assert np.array_equal(found[0].test, found[1].test)
        alternate(f"{SHARDS:,} shards of no work", [Side("a shard", tasks, SHARDS)], 1)
        sides = [
            Side("two processes", lambda: run(JOB, MODELS, executor=processes), MODELS, processor=family),
            Side("two workers", lambda: run(JOB, MODELS, executor=cluster), MODELS, processor=family),
        ]
        alternate("a net on digits, a model", sides, 3 if FULL else 2)
        benchmark.pedantic(tasks, rounds=1)
