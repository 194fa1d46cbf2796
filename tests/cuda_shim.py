"""The CUDA kernels compiled by g++ as they are, behind a shim in which a block is so many threads and a barrier."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import pytest

from longtail.kernels import census_cuda

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


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """``run_census`` and ``run_expected``: blocks, threads to a block, then the kernel's own arguments."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    shim = Path(__file__).with_suffix(".h").read_text()
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "kernels.so"
        (Path(folder) / "kernels.cpp").write_text(shim + census_cuda.source() + ENTRY)
        options = ["-std=c++20", "-O1", "-shared", "-fPIC", "-pthread", "-Wno-unknown-pragmas"]
        subprocess.run(["g++", *options, "-o", built, Path(folder) / "kernels.cpp"], check=True)
        return ctypes.CDLL(str(built))
