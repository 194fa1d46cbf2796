"""The host's half of the GPU path, on a CuPy of two dozen lines: its arrays are NumPy's, its kernels g++'s.

It says nothing about the real CuPy but that what is asked of it is small; it does run every line that launches.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from longtail import Gamma, Problem, Zipf, montecarlo
from longtail.core import ArgumentError, Floats, arrays
from longtail.core.arrays import Random
from longtail.learners import Capacity, Forget
from longtail.montecarlo import kernels
from longtail.montecarlo.kernels import census_cuda
from tests.cuda_shim import library


class HostArray(np.ndarray):
    def get(self) -> Floats:
        return np.asarray(self)


class Kernel:
    def __init__(self, library: ctypes.CDLL, name: str) -> None:
        self.function = getattr(library, f"run_{name}")

    def __call__(self, grid: tuple[int], block: tuple[int], given: tuple[Any, ...]) -> None:
        assert block == (census_cuda.BLOCK,)
        passed = [
            a.ctypes.data_as(ctypes.c_void_p) if isinstance(a, np.ndarray) else ctypes.c_uint64(int(a)) for a in given
        ]
        self.function(grid[0], 4, *passed)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A CuPy that computes on the host, with what memory the test says it has."""
    state = SimpleNamespace(free=2**30, launches=[])
    cupy: Any = ModuleType("cupy")

    def empty(shape: Any, dtype: Any) -> Any:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size > state.free:
            raise MemoryError(f"{size} bytes")
        return np.empty(shape, dtype).view(HostArray)

    class Device:
        id = 0
        attributes: ClassVar = {"MultiProcessorCount": 2}

        def __init__(self, number: int = 0) -> None: ...

        def __enter__(self) -> Device:
            return self

        def __exit__(self, *_: object) -> None: ...

    def module(code: str, options: tuple[str, ...]) -> Any:
        assert code == census_cuda.source()

        def function(name: str) -> Any:
            kernel = Kernel(library(), name)

            def launch(grid: Any, block: Any, given: Any) -> None:
                state.launches.append((name, grid[0]))
                kernel(grid, block, given)

            return launch

        return SimpleNamespace(get_function=function)

    runtime = SimpleNamespace(
        memGetInfo=lambda: (state.free, 2**31),
        getDeviceCount=lambda: 1,
        getDeviceProperties=lambda _: {"name": b"pretend"},
    )
    cupy.empty, cupy.asarray, cupy.RawModule = empty, lambda a: np.array(a).view(HostArray), module
    cupy.cuda = SimpleNamespace(Device=Device, runtime=runtime)
    cupy.get_default_memory_pool = lambda: SimpleNamespace(free_bytes=lambda: 0)
    for name in ("uint32", "uint64", "int64", "float64"):
        setattr(cupy, name, getattr(np, name))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    census_cuda.kernel.cache_clear()
    yield state
    census_cuda.kernel.cache_clear()


@pytest.mark.parametrize("prior", [Zipf(alpha=1, size=600), Gamma(shape=0.5, size=200)], ids=repr)
@pytest.mark.parametrize("conditional", [False, True])
def test_a_run_there_is_the_run_here(fake: SimpleNamespace, prior: Any, conditional: bool) -> None:
    problem, learners = Problem(prior, 500), () if conditional else (Forget(2), Capacity(30))
    there = Random(4, arrays.device("gpu"))
    mine = montecarlo.run(problem, trials=40, rng=there, learners=learners, conditional=conditional)
    theirs = montecarlo.run(problem, trials=40, rng=Random(4), learners=learners, conditional=conditional)
    assert mine.device == "gpu"
    assert fake.launches == [("census", 1), ("expected" if conditional else "census", 12)]
    np.testing.assert_allclose(mine.moments.mean, theirs.moments.mean, rtol=1e-11)


def test_draws_stay_there_and_are_the_same(fake: SimpleNamespace) -> None:
    problem = Problem(Zipf(alpha=1, size=300), 400)
    mine = next(montecarlo.draws(problem, trials=5, rng=Random(4, arrays.gpu())))
    theirs = next(montecarlo.draws(problem, trials=5, rng=Random(4)))
    assert isinstance(mine.counts, HostArray)
    assert np.array_equal(mine.counts, theirs.counts)
    np.testing.assert_allclose(mine.frequency, theirs.frequency, rtol=1e-13)


def test_batches_are_sized_from_its_memory_and_halved_when_that_was_too_much(
    fake: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, device = Problem(Zipf(alpha=1, size=300), 400), arrays.gpu()
    fake.free = 400_000
    montecarlo.run(problem, trials=200, rng=Random(4, device))
    assert len(fake.launches) > 2
    monkeypatch.setattr(arrays, "fitting", lambda item, device, most, share=0.5: 2**14)  # a bad guess
    fake.free, fake.launches[:] = 3_000, []
    starved = montecarlo.run(Problem(Zipf(alpha=1, size=5), 4), trials=200, rng=Random(4, device))
    here = montecarlo.run(Problem(Zipf(alpha=1, size=5), 4), trials=200, rng=Random(4))
    assert len(fake.launches) > 4
    np.testing.assert_allclose(starved.moments.mean, here.moments.mean, rtol=1e-12)


def test_auto_takes_the_gpu_where_there_is_one_and_says_why(fake: SimpleNamespace) -> None:
    found = arrays.device()
    assert (str(found), found.name, found.reason) == ("gpu", "pretend", "a CUDA device is present")
    assert found.free == 2**30
    assert str(arrays.device("cpu")) == "cpu"


def test_without_cupy_auto_takes_the_cpu_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    found = arrays.device("auto")
    assert str(found) == "cpu"
    assert "CuPy is not installed" in found.reason
    with pytest.raises(ArgumentError, match="pip install"):
        arrays.device("gpu")
    with pytest.raises(ArgumentError, match="give auto, cpu or gpu"):
        arrays.device("tpu")
    assert kernels.draws(kernels.Source(2, 1, np.ones(2)), Random(1, found), 0, 1).counts.sum() == 1


def test_a_device_without_a_driver_is_no_device(fake: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> int:
        raise RuntimeError("cudaErrorNoDevice")

    monkeypatch.setattr(sys.modules["cupy"].cuda.runtime, "getDeviceCount", fails)
    found = arrays.device("auto")
    assert str(found) == "cpu"
    assert "cudaErrorNoDevice" in found.reason
    monkeypatch.setattr(sys.modules["cupy"].cuda.runtime, "getDeviceCount", lambda: 0)
    assert "no CUDA device" in arrays.device("auto").reason
