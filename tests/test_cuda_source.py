"""The CUDA source without a GPU: compiled as it is by g++ and run against the CPU kernels; compiled by nvcc for sm_90.

On a GPU the same comparisons run on the real thing, marked ``gpu``.
"""

from __future__ import annotations

import ctypes
import importlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longtail import Gamma, Geometric, Problem, Uniform, Zipf, montecarlo
from longtail.core import ArgumentError
from longtail.core.arrays import Random, gpu
from longtail.montecarlo import kernels
from longtail.montecarlo.census import Census, Draws, rows
from longtail.montecarlo.functions import sources
from longtail.montecarlo.kernels import Source, census_cuda
from tests.cuda_shim import library

SEED = 77


@pytest.fixture
def compiled() -> ctypes.CDLL:
    return library()


def pointer(array: Any) -> Any:
    return None if array is None else array.ctypes.data_as(ctypes.c_void_p)


def arguments(source: Source, first: int, trials: int, columns: int) -> list[Any]:
    whole = ctypes.c_uint64
    listed = [pointer(source.entries), whole(len(source.entries)), pointer(source.given), whole(len(source.given))]
    return listed + [whole(v) for v in (source.size, source.n, SEED, first, trials, columns)]


def on_threads(
    compiled: ctypes.CDLL, source: Source, first: int, trials: int, columns: int, blocks: int, threads: int
) -> tuple[Census, Draws]:
    number, mass = (np.empty((trials, columns), np.uint64) for _ in range(2))
    counts, frequency = np.empty((trials, source.size), np.uint64), np.empty((trials, source.size))
    room = census_cuda.room(source.n)
    before = np.empty((blocks, -(-source.size // census_cuda.TILE)))
    queue, points = np.empty((blocks, source.size), np.uint32), np.empty((blocks, room), np.uint32)
    given = [pointer(a) for a in (number, mass, counts, frequency, before, queue, points)]
    compiled.run_census(blocks, threads, *arguments(source, first, trials, columns), *given, ctypes.c_uint64(room))
    return Census(number.astype(np.int64), mass * 2.0**-63), Draws(counts.astype(np.int64), frequency)


def expected_on_threads(compiled: ctypes.CDLL, source: Source, trials: int, columns: int, threads: int) -> Census:
    number, mass = np.empty((trials, columns)), np.empty((trials, columns))
    before = np.empty((2, -(-source.size // census_cuda.TILE)))
    given = [pointer(a) for a in (number, mass, before)]
    compiled.run_expected(2, threads, *arguments(source, 3, trials, columns), *given)
    return Census(number, mass)


PROBLEMS = [
    Problem(Zipf(alpha=1, size=3001), 3000),
    Problem(Zipf(alpha=2, size=700), 50_000),
    Problem(Zipf(alpha=0.5, size=130), 3),
    Problem(Zipf(alpha=1, size=999), 700, mode="fixed"),
    Problem(Geometric(ratio=0.7, size=40), 10**6),
    Problem(Gamma(shape=0.5, size=401), 500),
    Problem(Uniform(size=1), 17),
]


def source_of(problem: Problem, first: int, trials: int) -> Source:
    return sources(problem, Random(SEED))[1](first, trials)


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
@pytest.mark.parametrize(("columns", "threads"), [(12, 5), (300, 3)])
def test_the_cuda_kernel_draws_and_counts_as_the_cpu_does(
    compiled: ctypes.CDLL, problem: Problem, columns: int, threads: int
) -> None:
    source = source_of(problem, 5, 4)
    census, draws = on_threads(compiled, source, 5, 4, columns, 3, threads)
    other = kernels.draws(source, Random(SEED), 5, 4)
    counted = kernels.census(source, Random(SEED), 5, 4, columns)
    assert np.array_equal(draws.counts, other.counts)
    np.testing.assert_allclose(draws.frequency, other.frequency, rtol=1e-13, atol=0)
    assert np.array_equal(census.number, counted.number)
    np.testing.assert_allclose(census.mass, counted.mass, rtol=0, atol=1e-13)


def test_the_cuda_kernel_draws_large_counts_as_the_cpu_does(compiled: ctypes.CDLL) -> None:
    source = source_of(Problem(Geometric(ratio=0.7, size=40), 10**6), 0, 300)
    draws = on_threads(compiled, source, 0, 300, 3, 1, 1)[1]
    other = kernels.draws(source, Random(SEED), 0, 300).counts
    assert (other > 16).mean() > 0.5
    assert np.array_equal(draws.counts, other)


def test_the_cuda_kernel_does_not_depend_on_threads_or_blocks(compiled: ctypes.CDLL) -> None:
    source = source_of(Problem(Zipf(alpha=1, size=2_000), 2_500), 0, 6)
    first = on_threads(compiled, source, 0, 6, 12, 1, 7)[0]
    for blocks, threads in ((2, 7), (6, 7)):
        other = on_threads(compiled, source, 0, 6, 12, blocks, threads)[0]
        assert np.array_equal(first.number, other.number)
        assert np.array_equal(first.mass, other.mass)  # sums of integers: to the bit


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
@pytest.mark.parametrize("columns", [5, 32])
def test_the_cuda_kernel_expects_as_the_cpu_does(compiled: ctypes.CDLL, problem: Problem, columns: int) -> None:
    source = source_of(problem, 3, 2)
    mine = expected_on_threads(compiled, source, 2, columns, 4)
    theirs = kernels.expected(source, Random(SEED), 3, 2, columns)
    np.testing.assert_allclose(mine.number, theirs.number, rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(mine.mass, theirs.mass, rtol=1e-11, atol=1e-13)


def test_the_comparison_would_notice_another_seed(compiled: ctypes.CDLL) -> None:
    source = source_of(PROBLEMS[0], 5, 4)
    census, draws = on_threads(compiled, source, 6, 4, 12, 3, 5)
    other = kernels.draws(source, Random(SEED), 5, 4)
    assert np.array_equal(draws.counts[:3], other.counts[1:])
    assert not np.array_equal(draws.counts[:3], other.counts[:3])
    assert len(census) == 4


SOURCES = {  # every CUDA text, and its kernels
    "longtail.montecarlo.kernels.census_cuda": ("census", "expected"),
    "empirical.estimates.pairs.pairs_cuda": ("hits",),
    "empirical.learners.knn.knn_cuda": ("nearest", "votes"),
    "empirical.dynamics.net_cuda": ("scale", "descend"),
    "empirical.learners.mlp.mlp_cuda": ("start", "keys", "gather", "lift", "softmax", "gated", "adam"),
}


def test_every_cuda_text_is_listed_here() -> None:
    root = Path(__file__).parents[1]
    files = [path for package in ("longtail", "empirical") for path in (root / package).rglob("*_cuda.py")]
    names = {".".join(path.relative_to(root).with_suffix("").parts) for path in files}
    assert names - {"longtail.philox.block_cuda"} == set(SOURCES)


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not installed")
@pytest.mark.parametrize("module", SOURCES)
def test_nvcc_compiles_the_kernels_for_hopper(tmp_path: Path, module: str) -> None:
    (tmp_path / "kernels.cu").write_text(importlib.import_module(module).source())
    built = tmp_path / "kernels.cubin"
    strict = ["-Werror", "all-warnings"]
    subprocess.run(["nvcc", "-arch=sm_90", "-cubin", *strict, "-o", built, tmp_path / "kernels.cu"], check=True)
    made = built.read_bytes()
    for name in SOURCES[module]:
        assert f".text.{name}".encode() in made


@pytest.fixture(scope="module")
def device() -> Any:
    try:
        return gpu()
    except ArgumentError as error:
        pytest.skip(str(error))


@pytest.mark.gpu
@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_the_gpu_draws_and_counts_as_the_cpu_does(device: Any, problem: Problem) -> None:
    source = source_of(problem, 5, 40)
    there, here = Random(SEED, device), Random(SEED)
    assert np.array_equal(rows(kernels.draws(source, there, 5, 40).counts), kernels.draws(source, here, 5, 40).counts)
    mine, theirs = kernels.census(source, there, 5, 40, 12), kernels.census(source, here, 5, 40, 12)
    assert np.array_equal(mine.number, theirs.number)
    np.testing.assert_allclose(mine.mass, theirs.mass, rtol=0, atol=1e-13)
    mine, theirs = kernels.expected(source, there, 5, 40, 12), kernels.expected(source, here, 5, 40, 12)
    np.testing.assert_allclose(mine.number, theirs.number, rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(mine.mass, theirs.mass, rtol=1e-11, atol=1e-13)


@pytest.mark.gpu
def test_a_run_on_the_gpu_is_the_run_on_the_cpu(device: Any) -> None:
    problem = Problem(Zipf(alpha=1, size=50_000), 50_000)
    mine = montecarlo.run(problem, trials=600, rng=Random(SEED, device))
    theirs = montecarlo.run(problem, trials=600, rng=Random(SEED))
    assert mine.device == "gpu"
    np.testing.assert_allclose(mine.moments.mean, theirs.moments.mean, rtol=1e-12)
