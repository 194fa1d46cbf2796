"""A CuPy of a few lines whose arrays are NumPy's and whose kernels g++ compiled, behind ``cuda_shim``.

It says nothing about the real CuPy but that what is asked of it is small; it does run every line that launches.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from longtail import arrays
from tests.cuda_shim import Launched, compiled, entries

THREADS = 4  # to a block, of kernels that serve any number


class HostArray(np.ndarray):
    def get(self) -> Any:
        return np.asarray(self)


def stand_in(monkeypatch: pytest.MonkeyPatch, *, threads: int | None = THREADS) -> ModuleType:
    """That CuPy in the place of the real one, and a device that says it is a GPU."""
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

    for name in ("empty", "zeros", "argsort", "sort", "concatenate", "full"):
        setattr(cupy, name, on_host(getattr(np, name)))
    cupy.asarray = on_host(lambda a, dtype=None: np.array(a, dtype, copy=not isinstance(a, HostArray), order="C"))
    for name in ("uint8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"):
        setattr(cupy, name, getattr(np, name))
    cupy.RawModule, cupy.cuda = module, SimpleNamespace(Device=Device)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(arrays, "device", lambda choice: SimpleNamespace(kind="gpu", xp=cupy))
    return cupy
