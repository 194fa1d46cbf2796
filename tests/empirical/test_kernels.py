"""Which kernels made a run is kept beside its shards, and said once where others go on with it or take it over."""

import json
import logging
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

from empirical.training.run import run
from empirical.training.store import UNKNOWN
from longtail.core.record import hardware, kernels
from tests.empirical.runs import opened, same

ROOT = Path(__file__).parents[2]


@pytest.fixture
def said(caplog):
    """Takes the lines about kernels logged so far."""
    caplog.set_level(logging.WARNING)

    def taken():
        lines = [line.getMessage() for line in caplog.records if "last bits" in line.getMessage()]
        caplog.clear()
        return lines

    return taken


def faked(folder, **other):
    """The store's one record of kernels, of another processor."""
    (name,) = folder.glob("kernels-*.json")
    name.unlink()
    (folder / "kernels-000000000000.json").write_text(json.dumps(kernels() | other))


def test_a_run_that_other_kernels_go_on_with_says_so_once(job, tmp_path, said):
    run(job, 32, store=opened(job, tmp_path))
    assert opened(job, tmp_path).kernels() == [kernels()]
    assert said() == []
    faked(tmp_path, blas="openblas 9 Abacus")
    store = opened(job, tmp_path)
    assert said() == [
        "scores may differ in their last bits: made with other kernels "
        f"(blas openblas 9 Abacus there, {kernels()['blas']} now)"
    ]
    assert same(run(job, 64, store=store), run(job, 64))
    assert [kind["blas"] for kind in store.kernels()] == ["openblas 9 Abacus", kernels()["blas"]]
    run(job, 96, store=opened(job, tmp_path))
    assert said() == []


def test_runs_of_other_kernels_are_merged_and_it_is_said_once(job, tmp_path, said):
    left, right = opened(job, tmp_path / "a"), opened(job, tmp_path / "b")
    run(job, 32, store=left)
    run(job, 64, store=right)
    faked(tmp_path / "b", numba="abacus")
    assert left.merge(right) == 32
    assert said() == [
        f"scores may differ in their last bits: made with other kernels (numba abacus there, {kernels()['numba']} here)"
    ]
    assert left.merge(right) == 0
    assert opened(job, tmp_path / "a").kernels() in (
        [a, b] for a, b in both(kernels(), kernels() | {"numba": "abacus"})
    )
    assert said() == []


def both(a, b):
    return (a, b), (b, a)


def test_where_kernels_were_not_kept_nothing_is_said(job, tmp_path, said):
    run(job, 32, store=opened(job, tmp_path))
    (name,) = tmp_path.glob("kernels-*.json")
    name.unlink()
    store = opened(job, tmp_path)
    assert store.kernels() == []
    run(job, 64, store=store)
    other = opened(job, tmp_path / "other")
    assert other.merge(store) == 64
    assert said() == []
    for one in (store, other):  # some are of these kernels, of the others it is not known
        assert one.kernels() in ([a, b] for a, b in both(kernels(), UNKNOWN))


ELSEWHERE = """
import sys
from empirical.designs import Fixed
from empirical.training.run import Job, run
from empirical.training.store import Store
from tests.empirical.nearest import Nearest, blobs
job = Job(blobs(), Nearest(), Fixed(0.7), seed=3, shard=16)
run(job, 32, store=Store.open(sys.argv[1], job.identity()))
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the kernels named are of x86-64")
def test_kernels_in_force_are_told(job, tmp_path, said):
    blas = [one for one in threadpool_info() if one["internal_api"] == "openblas"]
    if not blas:
        pytest.skip("BLAS is another than OpenBLAS here")
    kernel = "Nehalem" if "Nehalem" not in {one["architecture"] for one in blas} else "Prescott"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_CORETYPE": kernel, "NUMBA_CPU_NAME": "generic"}
    subprocess.run([sys.executable, "-c", ELSEWHERE, tmp_path], env=environment, cwd=ROOT, check=True)
    store = opened(job, tmp_path)
    (line,) = said()
    (made,) = store.kernels()
    assert made["blas"] != kernels()["blas"]
    assert f"blas {made['blas']} there, {kernels()['blas']} now" in line
    assert f"numba generic there, {kernels()['numba']} now" in line
    assert same(run(job, 64, store=store), run(job, 64))  # nearest neighbors need no BLAS


def test_a_record_of_hardware_names_the_kernels():
    assert kernels().items() <= hardware().items()
    assert kernels()["machine"] == platform.machine()
    assert all(kernels().values())
