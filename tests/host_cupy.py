"""A CuPy of a few lines whose arrays are NumPy's and whose kernels g++ compiled, behind ``cuda_shim``.

It says nothing about the real CuPy but that what is asked of it is small; it does run every line that launches.
"""

from __future__ import annotations

import ctypes
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from longtail.core import arrays
from tests.cuda_shim import Launched, compiled, entries

THREADS = 4  # to a block, of kernels that serve any number


class HostArray(np.ndarray):
    def get(self) -> Any:
        return np.asarray(self)

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self.ctypes.data)


class Blas:
    """cuBLAS's product of many matrices, by columns, from addresses."""

    CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT = 68, -1
    HALF, SINGLE = 2, 0

    @classmethod
    def gemmStridedBatchedEx(
        cls, handle, turn_a, turn_b, m, n, k, alpha, a, kind_a, lead_a, stride_a, b, kind_b, lead_b, stride_b, beta, c,
        kind_c, lead_c, stride_c, count, compute, how,
    ) -> None:  # fmt: skip
        assert (kind_a, kind_b, kind_c, compute) == (cls.HALF, cls.HALF, cls.SINGLE, cls.CUBLAS_COMPUTE_32F)
        left = cls.matrices(a, np.float16, k if turn_a else m, m if turn_a else k, lead_a, stride_a, count)
        right = cls.matrices(b, np.float16, n if turn_b else k, k if turn_b else n, lead_b, stride_b, count)
        out = cls.matrices(c, np.float32, m, n, lead_c, stride_c, count)
        left, right = (v.astype(np.float32) for v in (left, right))
        out[:] = (left.swapaxes(1, 2) if turn_a else left) @ (right.swapaxes(1, 2) if turn_b else right)

    @staticmethod
    def matrices(where, kind, rows, columns, lead, stride, count) -> np.ndarray:
        size = np.dtype(kind).itemsize
        assert lead >= rows
        extent = size * ((count - 1) * stride + (columns - 1) * lead + rows)
        memory = (ctypes.c_char * extent).from_address(where)
        return np.ndarray((count, rows, columns), kind, memory, strides=(size * stride, size, size * lead))


def stand_in(monkeypatch: pytest.MonkeyPatch, *, threads: int | None = THREADS) -> ModuleType:
    """That CuPy in the place of the real one, and a device that says it is a GPU.

    ``threads`` and a few blocks serve kernels that take turns; None gives each launch what it asks for.
    """
    cupy: Any = ModuleType("cupy")

    class Device:
        id = 0

        def __init__(self, number: int = 0) -> None: ...

        def __enter__(self) -> Device:
            return self

        def __exit__(self, *_: object) -> None: ...

    def module(code: str, options: tuple[str, ...]) -> Any:
        library = compiled(code + entries(code))
        return SimpleNamespace(get_function=lambda name: Launched(library, name, threads))

    def on_host(make: Any) -> Any:
        return lambda *given, **named: np.asarray(make(*given, **named)).view(HostArray)

    for name in ("empty", "zeros", "argsort", "sort", "ones", "zeros_like", "broadcast_to"):
        setattr(cupy, name, on_host(getattr(np, name)))
    cupy.asarray = on_host(lambda a, dtype=None: np.array(a, dtype, copy=not isinstance(a, HostArray), order="C"))
    for name in ("uint8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"):
        setattr(cupy, name, getattr(np, name))
    cuda, libs = ModuleType("cupy.cuda"), ModuleType("cupy_backends.cuda.libs")
    cuda.Device, cuda.device = Device, SimpleNamespace(get_cublas_handle=lambda: 0)  # type: ignore[attr-defined]
    cuda.runtime = SimpleNamespace(CUDA_R_16F=Blas.HALF, CUDA_R_32F=Blas.SINGLE)  # type: ignore[attr-defined]
    libs.cublas = Blas  # type: ignore[attr-defined]
    cupy.RawModule, cupy.cuda = module, cuda
    for name, made in (("cupy", cupy), ("cupy.cuda", cuda), ("cupy_backends.cuda.libs", libs)):
        monkeypatch.setitem(sys.modules, name, made)
    for name in ("cupy_backends", "cupy_backends.cuda"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(arrays, "device", lambda choice: SimpleNamespace(kind="gpu", xp=cupy))
    return cupy
