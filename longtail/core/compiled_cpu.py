"""numba's compiler as the ``*_cpu`` modules use it: cached on disk, free of the interpreter's lock.

numba recompiles a cached function when its own file changes, but not when a function or a constant that it took from
another file does. Here the cache is good for one state of all of them. Where it holds none yet, which takes a user many
seconds at a first call, the log says so once.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numba as nb
from numba.core.dispatcher import Dispatcher
from numba.core.event import Event, Listener, register

log = logging.getLogger("longtail")
HOME = Path(__file__).parents[1]
UNUSED: dict[str, Any] = {"no_cfunc_wrapper": True}  # the entry for callers from C, a sixth of the time to compile
OURS: set[str] = set()  # packages that have kernels of this compiler


class Compiling(Listener):
    """Seconds for which kernels of ours were compiled so far; none where all came from the cache. ``processor`` are those of the
    processor, fewer where others share it.

    ``meanwhile`` is what is known already, and said while the rest waits; "" if nothing is.
    """

    def __init__(self) -> None:
        self.seconds, self.processor, self.began = 0.0, 0.0, (0.0, 0.0)
        self.inside, self.said, self.meanwhile = 0, False, ""

    def on_start(self, event: Event) -> None:
        if self.inside == 0:
            if event.data["dispatcher"].py_func.__module__.partition(".")[0] not in OURS:
                return
            if not self.said:
                log.info("compiling for this processor, once: this may take a minute")
                if self.meanwhile:
                    log.info("known already: %s", self.meanwhile)
            self.began, self.said = (time.perf_counter(), time.process_time()), True
        self.inside += 1  # what a kernel calls is compiled within

    def on_end(self, event: Event) -> None:
        if self.inside > 0:
            self.inside -= 1
            if self.inside == 0:
                self.seconds += time.perf_counter() - self.began[0]
                self.processor += time.process_time() - self.began[1]


compiling = Compiling()
register("numba:compile", compiling)  # type: ignore[no-untyped-call]  # numba has no types


@lru_cache
def state(*homes: Path) -> str:
    """A digest of every source that compiled code in these packages is made of, constants and random words included."""
    sources = {path for home in homes for path in home.rglob("*_cpu.py")}
    sources |= {path for part in ("montecarlo/kernels", "philox") for path in (HOME / part).glob("*.py")}
    return hashlib.sha256(b"".join(source.read_bytes() for source in sorted(sources))).hexdigest()


def compiler(*homes: Path, **always: Any) -> Callable[..., Callable[[Any], Any]]:
    """A decorator ``compiled(**options)`` for the kernels of these packages: nopython, nogil, cached."""

    def compiled(**options: Any) -> Callable[[Any], Any]:
        def decorate(function: Any) -> Any:
            OURS.add(function.__module__.partition(".")[0])
            dispatcher = nb.njit(nogil=True, cache=True, **UNUSED, **always, **options)(function)
            with contextlib.suppress(AttributeError):  # a numba that keeps its cache elsewhere goes by the file's date
                dispatcher._cache._cache_file._source_stamp = state(*homes)
            return dispatcher

        return decorate

    return compiled


def cached(module: ModuleType) -> dict[str, bool]:
    """Whether numba's cache holds each kernel that a module defines, compiled for this processor."""
    found = {}
    for name, kernel in vars(module).items():
        ours = isinstance(kernel, Dispatcher) and kernel.py_func.__module__ == module.__name__
        if ours and (file := getattr(kernel._cache, "_cache_file", None)) is not None:
            target = kernel.targetctx.codegen().magic_tuple()
            found[name] = any(target in key for key in file._load_index())
    return found


compiled = compiler(HOME)
