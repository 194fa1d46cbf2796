"""numba's compiler as the ``*_cpu`` modules use it: cached on disk, free of the interpreter's lock.

numba recompiles a cached function when its own file changes, but not when a function or a constant that it took from
another file does. Here the cache is good for one state of all of them.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba as nb


@lru_cache(maxsize=1)
def state() -> str:
    """A digest of every source that compiled code is made of."""
    home = Path(__file__).parent
    sources = [*home.glob("*_cpu.py"), *(home / "kernels").glob("*.py"), *(home / "philox").glob("*.py")]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sorted(sources))).hexdigest()


def compiled(**options: Any) -> Callable[[Any], Any]:
    """``@compiled()``: nopython, nogil, cached until any kernel's source changes."""

    def decorate(function: Any) -> Any:
        dispatcher = nb.njit(nogil=True, cache=True, **options)(function)
        with contextlib.suppress(AttributeError):  # a numba that keeps its cache elsewhere goes by the file's own date
            dispatcher._cache._cache_file._source_stamp = state()
        return dispatcher

    return decorate
