"""Files that somebody else made, opened with care: regular ones only, and none that memory could not hold.

What a file will take is reckoned from its size or its header and compared with the free memory before anything is unpacked.
A parser of a broken file may raise anything at all (zlib.error, BadZipFile, EOFError, struct.error, RecursionError, ...):
``reading`` makes one line of it, so that a broken file is an answer and not an accident.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from longtail.core.checks import ArgumentError

SHOWN = 200  # characters of a parser's message, or of a cell, that are worth a reader's time
STEP = 2**20  # bytes read at a time
PARTED = (b",", b";", b"\t")  # what cells of a CSV may be parted by
CELL, COLUMN = 64, 4096  # bytes of memory that a cell of a CSV takes, and a column, in pandas and after it (measured)
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def regular(argument: str, path: str | Path) -> BinaryIO:
    """The file at ``path``, or a link to one, opened to read; anything else is refused unopened, for it may never end."""
    name = os.fspath(path)  # a TypeError of numbers, which the system takes for files that are open already
    try:
        _refuse(argument, path, os.stat(name).st_mode)
        # should a pipe have taken its place since, opening does not wait for somebody to write to it
        number = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ArgumentError:
        raise
    except (OSError, ValueError) as error:  # a ValueError where the name holds a zero byte
        reason = getattr(error, "strerror", None) or str(error)
        raise ArgumentError(argument, str(path), f"{reason}: give a file that can be read") from error
    file = os.fdopen(number, "rb")
    try:
        _refuse(argument, path, os.fstat(number).st_mode)
    except ArgumentError:
        file.close()
        raise
    return file


def _refuse(argument: str, path: str | Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = next((name for is_it, name in KINDS if is_it(mode)), "no file")
        raise ArgumentError(argument, str(path), f"it is {kind}: give a regular file")


@contextmanager
def reading(argument: str, path: str | Path, remedy: str = "") -> Iterator[None]:
    """Whatever is raised inside becomes an ArgumentError that says why ``path`` cannot be read, and the ``remedy``."""
    try:
        yield
    except ArgumentError:
        raise
    except Exception as error:
        ending = f"; {remedy}" if remedy else ""
        raise ArgumentError(argument, str(path), f"cannot be read ({why(error)}){ending}") from error


def why(error: BaseException) -> str:
    """The message of an error, or else its name, on one line and no longer than worth reading."""
    words = " ".join(re.sub(r"<_io[^>]*>", "", str(error)).split())  # of a file as Python sees it
    if isinstance(error, MemoryError):
        words = "memory ran out"
    if isinstance(error, OSError) and error.strerror:
        words = error.strerror
    return shortened(words or type(error).__name__)


def shortened(text: str) -> str:
    """
    >>> len(shortened("x" * 10**6))
    203
    """
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def within(argument: str, path: str | Path, needed: int, remedy: str) -> None:
    """Refuse what would take more bytes of memory than are free."""
    free = available()
    if needed > free:
        got = f"{path}, which would take {size(needed)} of memory where {size(free)} are free"
        raise ArgumentError(argument, got, remedy)


def available() -> float:
    """Bytes of memory that can be had, by the system, the process's own limit and its container's, as far as they say."""
    from longtail.core.arrays import CPU

    found = [float(CPU.free)] if sys.platform == "linux" else [float("inf")]
    with suppress(ImportError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        found += [limit] if limit != resource.RLIM_INFINITY else []
    with suppress(OSError, ValueError):  # "max" where there is no limit
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(found)


def size(number: float) -> str:
    """Bytes for a person to read.

    >>> size(30_000_000)
    '30 MB'
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


def content(argument: str, path: str | Path, times: float = 2, remedy: str = "give a smaller one") -> bytes:
    """All bytes of a file of which reading and using them takes ``times`` as many of memory."""
    with regular(argument, path) as file:
        length = os.fstat(file.fileno()).st_size
        within(argument, path, int(times * length), remedy)
        with reading(argument, path):
            raw = file.read(length + 1)
    if len(raw) > length:
        raise ArgumentError(argument, str(path), "it grows while it is read: give one that is finished")
    return raw


@dataclass(frozen=True)
class Extent:
    """Of a text file: ``bytes``; ``lines``; the ``longest`` of them in bytes; ``columns`` of a CSV by its first line; ``cells``
    that its rows would fill, at most.
    """

    bytes: int
    lines: int
    longest: int
    columns: int
    cells: int


def extent(file: BinaryIO) -> Extent:
    """Counted in one pass through the file, a piece at a time; it is at its beginning again afterwards.

    >>> import io
    >>> extent(io.BytesIO(b"a,b,c\\n1,2,3\\n4,5,6\\n"))
    Extent(bytes=18, lines=3, longest=5, columns=3, cells=9)
    """
    total = feeds = returns = commas = columns = longest = begun = 0
    last, first = b"\n", True  # the byte before, and whether the first line still goes on
    while piece := file.read(STEP):
        codes = np.frombuffer(piece, np.uint8)
        ends = np.flatnonzero((codes == 10) | (codes == 13))
        feeds += int(np.count_nonzero(codes == 10))
        returns += int(np.count_nonzero(codes == 13))
        commas += sum(piece.count(mark) for mark in PARTED)
        if first:
            columns += sum(piece.count(mark, 0, int(ends[0]) if ends.size else len(piece)) for mark in PARTED)
            first = not ends.size
        if ends.size:
            longest = max(longest, total + int(ends[0]) - begun, int(np.diff(ends).max(initial=1)) - 1)
            begun = total + int(ends[-1]) + 1
        total, last = total + len(piece), piece[-1:]
    longest = max(longest, total - begun)
    lines = max(feeds, returns) + (last not in b"\r\n")
    file.seek(0)
    return Extent(total, lines, longest, columns + 1, max(commas + lines, lines * (columns + 1)))


def tabular(argument: str, path: str | Path, file: BinaryIO) -> Extent:
    """The extent of a CSV that memory can hold as a table; an ArgumentError where it cannot."""
    with reading(argument, path):
        found = extent(file)
    needed = 2 * found.bytes + CELL * found.cells + COLUMN * found.columns
    shape = f"{path} ({found.lines:,} lines, {found.columns:,} columns)"
    within(argument, shape, needed, "leave out rows or columns, or save numbers in an .npz")
    return found
