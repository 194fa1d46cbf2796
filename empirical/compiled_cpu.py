"""``longtail.compiled_cpu`` for this package's kernels: cached until the source of any kernel in either changes."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba as nb

from longtail import compiled_cpu


@lru_cache(maxsize=1)
def state() -> str:
    """A digest of every source that compiled code here is made of."""
    digest = hashlib.sha256(compiled_cpu.state().encode())
    for source in sorted(Path(__file__).parent.glob("**/*_cpu.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def compiled(**options: Any) -> Callable[[Any], Any]:
    """``@compiled()``: nopython, nogil, division as in C (a check for zero would keep LLVM from vectorizing), cached."""

    def decorate(function: Any) -> Any:
        dispatcher = nb.njit(nogil=True, cache=True, error_model="numpy", **options)(function)
        with contextlib.suppress(AttributeError):  # a numba that keeps its cache elsewhere goes by the file's own date
            dispatcher._cache._cache_file._source_stamp = state()
        return dispatcher

    return decorate
