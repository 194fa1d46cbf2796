"""The CUDA kernels compiled by g++ as they are, behind a shim in which a block is so many threads and a barrier."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longtail.montecarlo.kernels import census_cuda

ENTRY = """
extern "C" void run_census(unsigned blocks, unsigned threads, const double* e, u64 listed, const double* g, u64 given,
    u64 size, u64 n, u64 seed, u64 first, u64 trials, u64 rows, u64* number, u64* mass, u64* counts, double* frequency,
    double* before, u32* queue, u32* points, u64 room) {
  launch(blocks, threads, [=] { census(e, listed, g, given, size, n, seed, first, trials, rows, number, mass, counts,
                                       frequency, before, queue, points, room); });
}
extern "C" void run_expected(unsigned blocks, unsigned threads, const double* e, u64 listed, const double* g, u64 given,
    u64 size, u64 n, u64 seed, u64 first, u64 trials, u64 rows, double* number, double* mass, double* before) {
  launch(blocks, threads, [=] { expected(e, listed, g, given, size, n, seed, first, trials, rows, number, mass, before); });
}
"""


def entries(text: str) -> str:
    """A ``run_NAME`` for every kernel of a CUDA text: blocks, threads to a block, then the kernel's own arguments."""
    found = re.findall(r'extern "C" __global__ void\s+(?:__launch_bounds__\([^\n]*\)\s+)?(\w+)\(([^)]*)\)', text)
    assert found
    parts = []
    for name, given in found:
        names = ", ".join(re.findall(r"(\w+)(?:,|$)", given))
        parts.append(
            f'extern "C" void run_{name}(unsigned blocks, unsigned threads, {given}) {{\n'
            f"  launch(blocks, threads, [=] {{ {name}({names}); }});\n}}\n"
        )
    return "".join(parts)


class Launched:
    """A kernel of a compiled text, called as CuPy calls one; with ``threads`` to a block, and two blocks at most, if given."""

    def __init__(self, library: ctypes.CDLL, name: str, threads: int | None = None) -> None:
        self.function, self.threads = getattr(library, f"run_{name}"), threads

    def __call__(self, grid: tuple[int], block: tuple[int], given: tuple[Any, ...]) -> None:
        blocks = min(grid[0], 2) if self.threads else grid[0]
        self.function(blocks, self.threads or block[0], *(passed(value) for value in given))


def passed(value: Any) -> Any:
    """A NumPy array as a pointer, a NumPy scalar by its own type."""
    if isinstance(value, np.ndarray):
        assert value.flags.c_contiguous
        return value.ctypes.data_as(ctypes.c_void_p)
    return np.ctypeslib.as_ctypes_type(value.dtype)(value.item())


def library() -> ctypes.CDLL:
    """``run_census`` and ``run_expected``: blocks, threads to a block, then the kernel's own arguments."""
    return compiled(census_cuda.source() + ENTRY)


@lru_cache(maxsize=8)
def compiled(text: str) -> ctypes.CDLL:
    """Kernels and the entries that launch them, behind the shim."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    shim = Path(__file__).with_suffix(".h").read_text()
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "kernels.so"
        (Path(folder) / "kernels.cpp").write_text(shim + text)
        options = ["-std=c++20", "-O1", "-shared", "-fPIC", "-pthread", "-Wno-unknown-pragmas"]
        subprocess.run(["g++", *options, "-o", built, Path(folder) / "kernels.cpp"], check=True)
        return ctypes.CDLL(str(built))
