"""A run whose trials lie in a bucket is, to the byte, the run of a folder; whoever is killed, or is second, changes nothing."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from empirical import SubsetEstimator, estimate, leak, limit, turnover
from empirical.learners import KNN, External
from empirical.training import bucket
from empirical.training.job import Job
from empirical.training.run import run
from longtail.core import ArgumentError
from tests.empirical.bucketed import NAME, Server, served
from tests.empirical.runs import opened, same, slow
from tests.processes import wait_until

pytestmark = pytest.mark.extra
pytest.importorskip("obstore", reason="obstore is not installed")
pytest.importorskip("moto.server", reason="moto's server is not installed")
ROOT = Path(__file__).parents[2]
PLANTED = ("planted", "--n", "120", "--trials", "160", "--shard", "8", "--no-plot", "--quiet")
counter = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as found:
        yield found


@pytest.fixture
def address(server: Server) -> str:
    return f"s3://{NAME}/runs/{next(counter)}"


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def command(capsys: pytest.CaptureFixture[str], *arguments: object, door: Any = estimate) -> tuple[int, str]:
    code = door.main([str(one) for one in arguments])
    return code, capsys.readouterr().err


def test_an_estimate_is_byte_for_byte_that_of_a_folder(
    server: Server, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there, back = (tmp_path / name for name in ("here", "there", "back"))
    assert command(capsys, *PLANTED, "--out", here)[0] == 0
    assert command(capsys, *PLANTED, "--out", there, "--store", address)[0] == 0
    assert not (there / "trials").exists()
    assert server.objects(address) == bytes_of(here / "trials")
    assert command(capsys, *PLANTED, "--out", back, "--merge", address)[0] == 0
    assert bytes_of(back / "trials") == bytes_of(here / "trials")
    for name in ("memorization.csv", "pairs.csv"):
        assert (there / name).read_bytes() == (back / name).read_bytes() == (here / name).read_bytes()


def test_a_run_goes_on_and_another_is_refused(
    server: Server, address: str, job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entire, steps = run(job, 64), []
    run(job, 32, store=opened(job, address))
    assert same(entire, run(job, 64, store=opened(job, address), progress=steps.append))
    assert steps[0].found == 32
    with pytest.raises(ArgumentError, match=r"^out: got s3://.*another run is there \(seed is 3 there, 4 now\)"):
        opened(replace(job, seed=4), address)


def test_trials_of_python_and_of_limits_go_there_too(
    server: Server, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 2)), np.arange(40) % 2
    both = [
        SubsetEstimator(KNN(), models=64, store=where, random_state=0).fit(X[:30], y[:30], X[30:], y[30:])
        for where in (tmp_path / "x", f"{address}/x")
    ]
    assert same(both[0].trials_, both[1].trials_)
    assert server.objects(f"{address}/x") == bytes_of(tmp_path / "x")
    narrow = ("planted", "--n", "60", "--learner", "mlp(8, epochs=2)", "--limited", "mlp(2, epochs=2)", "--trials", "8")
    narrow = (*narrow, "--shard", "8", "--simulations", "2", "--quiet", "--no-plot")
    assert command(capsys, *narrow, "--out", tmp_path / "limits", door=limit)[0] == 0
    assert command(capsys, *narrow, "--store", f"{address}/limits", door=limit)[0] == 0
    assert server.objects(f"{address}/limits") == bytes_of(tmp_path / "limits" / "trials")


NETS = ("planted", "--n", "60", "--net", "Net(widths=(8,), epochs=4)", "--epochs-at", "1,4", "--seeds", "4")
NETS = (*NETS, "--no-plot", "--quiet")


def test_nets_are_byte_for_byte_those_of_a_folder(
    server: Server, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    asked = (*NETS, "--influence")
    assert command(capsys, *asked, "--out", here, door=turnover)[0] == 0
    assert command(capsys, *NETS, "--seeds", "2", "--store", address, door=turnover)[0] == 0  # stopped, as it were
    early = server.objects(address)
    assert command(capsys, *asked, "--out", there, "--store", address, door=turnover)[0] == 0
    assert server.objects(address) == bytes_of(here / "nets")
    assert early.items() <= server.objects(address).items()
    assert not (there / "nets").exists()
    for name in ("turnover.csv", "groups.csv", "speeds.csv", "influence.csv", "influence.npz"):
        assert (there / name).read_bytes() == (here / name).read_bytes()


def test_damaged_nets_are_trained_again_and_others_refused(
    server: Server, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(capsys, *NETS, "--store", address, door=turnover)[0] == 0
    good = server.objects(address)
    name, other = f"seed-{1:020d}.npz", f"seed-{2:020d}.npz"
    at = good[name].index(b"NUMPY", good[name].index(b"parameters.npy")) + 300
    flipped = good[name][:at] + bytes([good[name][at] ^ 4]) + good[name][at + 1 :]
    for bad in (flipped, good[name][:-40], b"", good[other]):
        server.put(f"{address}/{name}", bad)
        assert command(capsys, *NETS, "--store", address, "--influence", "--out", tmp_path, door=turnover)[0] == 0
        assert server.objects(address) == good
    code, err = command(capsys, *NETS, "--noise", "0.2", "--store", address, door=turnover)
    assert code == 2
    assert f"out: got {address}; nets of another run are there (" in err
    with server.locked():
        bucket._opened.cache_clear()
        code, err = command(capsys, *NETS, "--store", address, door=turnover)
        assert code == 2
        assert "the keys are refused" in err


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "other"])
def test_a_damaged_object_is_done_again(server: Server, address: str, job: Job, damage: str) -> None:
    entire = run(job, 64, store=opened(job, address))
    good = server.objects(address)
    name, other = "shard-000001.npz", "shard-000002.npz"
    at = good[name].index(b"NUMPY", good[name].index(b"train.npy")) + 200
    flipped = good[name][:at] + bytes([good[name][at] ^ 4]) + good[name][at + 1 :]
    bad = {"flipped": flipped, "truncated": good[name][:-40], "empty": b"", "other": good[other]}[damage]
    server.put(f"{address}/{name}", bad)
    assert same(entire, run(job, 64, store=opened(job, address)))
    assert server.objects(address) == good


def test_two_drivers_at_once_lose_nothing(server: Server, address: str, job: Job) -> None:
    one = replace(job, learner=External(slow))
    entire = run(one, 160)
    with ThreadPoolExecutor(2) as both:
        found = list(both.map(lambda _: run(one, 160, store=opened(one, address)), range(2)))
    assert all(same(entire, each) for each in found)
    assert sum(name.startswith("shard") for name in server.objects(address)) == 10


def test_killed_it_goes_on_to_the_same_bytes(
    server: Server, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(capsys, *PLANTED, "--out", tmp_path / "here")[0] == 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    again = [sys.executable, "-m", "empirical.estimate", *PLANTED, "--store", address]
    reached = []
    for shards in (1, 3, 9):
        with subprocess.Popen(again, env=environment, stdout=subprocess.DEVNULL) as process:

            def enough(shards: int = shards) -> bool:
                return sum(name.startswith("shard") for name in server.objects(address)) >= shards

            assert wait_until(enough, lambda process=process: process.poll() is None)
            process.send_signal(signal.SIGKILL)
        reached.append(sum(name.startswith("shard") for name in server.objects(address)))
    assert reached == sorted(reached)
    assert reached[0] < 20  # it was caught in the middle
    assert command(capsys, *PLANTED, "--out", tmp_path / "there", "--store", address)[0] == 0
    assert server.objects(address) == bytes_of(tmp_path / "here" / "trials")
    for name in ("memorization.csv", "pairs.csv"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


@pytest.mark.filterwarnings("ignore")  # the cluster's own
def test_workers_of_a_cluster_write_there_though_they_are_killed(server: Server, address: str, job: Job) -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    from empirical.training.cluster import Cluster

    one = replace(job, learner=External(slow))
    entire, killed = run(one, 160), []
    options: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:

        def kill(now: Any) -> None:
            if now.shard is not None and not killed:
                killed.append(next(iter(client.run(os.getpid).values())))
                os.kill(killed[0], signal.SIGKILL)

        found = run(one, 160, store=opened(one, address), executor=Cluster(client), progress=kill)
    assert killed
    assert same(entire, found)
    assert same(entire, run(one, 160, store=opened(one, address)))


def test_what_goes_wrong_is_one_line(
    server: Server, address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(where: str) -> str:
        bucket._opened.cache_clear()
        code, err = command(capsys, *PLANTED, "--store", where)
        assert code == 2
        assert "Traceback" not in err
        return err.splitlines()[-1]

    assert said("s3://nobodys/run").endswith("--store: got s3://nobodys/run; there is no such bucket: make it first")
    with server.locked():
        assert "the keys are refused (InvalidAccessKeyId): give AWS_ACCESS_KEY_ID and" in said(address)
    monkeypatch.setattr(bucket, "RETRY", {"max_retries": 1})
    with monkeypatch.context() as away:
        away.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert f"--store: got {address}; it does not answer (error sending request)" in said(address)
        away.delenv("AWS_ALLOW_HTTP")
        assert "its address is plain HTTP: give AWS_ALLOW_HTTP=true too" in said(address)
    bucket._opened.cache_clear()
    assert command(capsys, *PLANTED, "--merge", "s3://nobodys/run", "--store", address) == (
        1,
        f"python -m empirical.estimate: error: s3://nobodys/run: there is no such bucket: make it first; {bucket.KEPT}\n",
    )


def test_a_bucket_that_is_lost_between_nets_ends_it_with_a_line(
    server: Server, address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be read is not taken for damaged: it would be trained again, and put over what is there."""
    assert command(capsys, *NETS, "--store", address, door=turnover)[0] == 0
    with server.locked(at_once=False) as lock:
        opened_before = turnover.Bar.__enter__
        monkeypatch.setattr(turnover.Bar, "__enter__", lambda bar: (lock(), opened_before(bar))[1])
        code, err = command(capsys, *NETS, "--store", address, door=turnover)
    assert code == 1
    assert "Traceback" not in err
    assert "keys are refused" in err
    assert "is damaged" not in err
    monkeypatch.undo()


def test_a_bucket_that_is_lost_in_mid_run_ends_it_with_a_line(server: Server, address: str, job: Job) -> None:
    entire, store = run(job, 64), opened(job, address)
    with server.locked(at_once=False) as lock:

        def lose(now: Any) -> None:
            if now.done == 32:
                lock()

        with pytest.raises(bucket.Unanswered, match=r"keys are refused.*the same run goes on from there$"):
            run(job, 64, store=store, progress=lose)
    steps: list[Any] = []
    assert same(entire, run(job, 64, store=store, progress=steps.append))
    assert steps[0].found == 32


def test_a_table_whose_trials_are_in_a_bucket_says_how_to_bring_them(
    server: Server, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    margins = ("planted", "--n", "60", "--learner", "mlp(8, epochs=2)", "--score", "margin", "--trials", "16")
    margins = (*margins, "--shard", "16", "--no-plot")
    assert command(capsys, *margins, "--quiet", "--out", tmp_path, "--store", address)[0] == 0
    code, err = command(capsys, tmp_path, door=leak)
    assert code == 2
    assert f"its trials are in {address}: bring them by" in err
    assert command(capsys, *margins, "--quiet", "--out", tmp_path, "--merge", address)[0] == 0
    assert command(capsys, tmp_path, door=leak)[0] == 0
