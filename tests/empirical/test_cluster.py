"""A cluster of processes, on which workers are killed and the scheduler goes away: not one bit of the result changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from empirical import estimate, turnover
from empirical.estimates.removal import removal
from empirical.learners import External
from empirical.training.cluster import Cluster, connected
from empirical.training.executors import Serial, executor
from empirical.training.job import Job
from empirical.training.run import run
from longtail.core import ArgumentError
from tests.empirical.runs import opened, same, slow

pytestmark = [pytest.mark.extra, pytest.mark.filterwarnings("ignore")]  # the cluster's own
distributed = pytest.importorskip("distributed", reason="Dask is not installed")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    options: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_workers_write_what_a_run_here_would(job: Job, client: Any, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    alone = run(job, 100, store=opened(job, here))
    assert same(alone, run(job, 100, store=opened(job, there), executor=Cluster(client)))
    assert same(alone, run(job, 100, executor=executor("dask")))
    assert bytes_of(here) == bytes_of(there)


def test_a_killed_worker_costs_its_shard_and_no_bit(job: Job, client: Any, tmp_path: Path) -> None:
    one = replace(job, learner=External(slow))
    entire = run(one, 160)
    killed = []

    def kill(_: Any) -> None:
        if len(killed) < 2:
            victim = next(iter(client.run(os.getpid).values()))
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)

    assert same(entire, run(one, 160, store=opened(one, tmp_path), executor=Cluster(client), progress=kill))
    assert len(killed) == 2
    client.wait_for_workers(2)


def test_a_shard_that_kills_every_worker_ends_the_run_with_a_word(job: Job, tmp_path: Path) -> None:
    def fatal(X: Any, y: Any, subset: Any) -> Any:
        os._exit(9)

    import dask

    options: dict[str, Any] = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    once = dask.config.set({"distributed.scheduler.allowed-failures": 0})
    said = pytest.raises(ChildProcessError, match="workers were killed whenever they worked on number 0")
    with once, distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as own, said:
        run(replace(job, learner=External(fatal)), 16, executor=Cluster(own))


def test_two_runs_on_one_folder_do_the_work_once_or_twice_and_agree(job: Job, client: Any, tmp_path: Path) -> None:
    one = replace(job, learner=External(slow))
    entire = run(one, 96)
    with ThreadPoolExecutor(2) as both:
        found = list(both.map(lambda _: run(one, 96, store=opened(one, tmp_path), executor=Cluster(client)), range(2)))
    assert all(same(entire, each) for each in found)
    assert len(list(tmp_path.glob("shard-*.npz"))) == 6
    assert not list(tmp_path.glob(".shard*"))


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]], text=True)


def test_a_scheduler_that_is_started_anew_is_waited_for(job: Job, tmp_path: Path) -> None:
    one = replace(job, learner=External(slow))
    entire = run(one, 128)
    port = 20000 + os.getpid() % 20000
    address = f"tcp://127.0.0.1:{port}"
    scheduler = ["dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show"]
    worker = ["dask_worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path / "space")]
    running = [started(*scheduler), started(*worker)]
    anew = []

    def restart(now: Any) -> None:
        if now.shard is not None and not anew:
            for process in running:
                process.kill()
                process.wait()
            anew.append(threading.Timer(0.5, lambda: running.extend([started(*scheduler), started(*worker)])))
            anew[0].start()

    try:
        with connected(address) as cluster:
            found = run(one, 128, store=opened(one, tmp_path / "run"), executor=cluster, progress=restart)
        assert same(entire, found)
        assert anew
    finally:
        for process in running:
            process.kill()
            process.wait()


def test_a_scheduler_that_stays_away_ends_the_run_with_a_word(job: Job, tmp_path: Path) -> None:
    options: dict[str, Any] = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    cluster = distributed.LocalCluster(**options)
    own = distributed.Client(cluster, timeout=1)

    def end(now: Any) -> None:
        if now.shard is not None:
            cluster.close()

    with pytest.raises(ConnectionError, match=r"gone, and did not come back in 0\.5 s; what was stored is kept"):
        run(replace(job, learner=External(slow)), 160, executor=Cluster(own, patience=0.5), progress=end)
    own.close()


def test_commands_take_a_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["planted", "--n", "60", "--trials", "20", "--shard", "8", "--learner", "knn", "--no-plot", "--quiet"]
    nets = ["digits", "--net", "Net(widths=(8,), epochs=2)", "--seeds", "3", "--no-plot", "--quiet"]
    for name, more in (("here", []), ("there", ["--scheduler", "local:2"])):
        assert estimate.main([*base, "--out", str(tmp_path / name), *more]) == 0
        assert turnover.main([*nets, "--out", str(tmp_path / f"{name}-nets"), *more]) == 0
    for part in ("memorization.csv", "pairs.csv"):
        assert (tmp_path / "here" / part).read_bytes() == (tmp_path / "there" / part).read_bytes()
    kept = [
        {p.name: p.read_bytes() for p in (tmp_path / f"{name}-nets" / "nets").iterdir()} for name in ("here", "there")
    ]
    assert kept[0] == kept[1]
    here, there = (tmp_path / f"{name}-nets" / "turnover.csv" for name in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()
    capsys.readouterr()
    assert estimate.main([*base, "--scheduler", "local:2", "--workers", "2"]) == 2
    assert "--workers: got 2; a cluster has workers of its own" in capsys.readouterr().err
    assert estimate.main([*base, "--scheduler", "local:none"]) == 2
    assert "--scheduler" in capsys.readouterr().err


def test_retraining_without_the_memorized_is_the_same_on_a_cluster(job: Job, client: Any) -> None:
    value = np.arange(job.data.n) / job.data.n
    tables = [
        removal(job.data, job.learner, value, (0.5, 0.9), seeds=3, executor=who) for who in (Serial(), Cluster(client))
    ]
    pd.testing.assert_frame_equal(*tables)


def test_an_address_where_nothing_answers_is_refused() -> None:
    for address in ("nonsense", "http://nobody:1", ""):
        with pytest.raises(ArgumentError, match=f"--scheduler: got {address}"), connected(address):
            pass


def test_a_cluster_is_left_as_it_was(job: Job, client: Any) -> None:
    run(job, 40, executor=Cluster(client))
    assert not any("longtail" in name for names in plugins(client).values() for name in names)


def plugins(client: Any) -> dict[str, list[str]]:
    def names(dask_worker: Any) -> list[str]:
        return list(dask_worker.plugins)

    found: dict[str, list[str]] = client.run(names)
    return found
