"""Files written whole or not at all: to a temporary name beside the target, then renamed over it; and read back as data.

What is read may be a stranger's: no device or pipe is opened, nothing is unpickled, and JSON has a size and a depth.
"""

from __future__ import annotations

import errno
import json
import math
import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from longtail.core import ArgumentError
from longtail.core.opened import reading, regular, tabular

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 2**26  # bytes of a JSON file
DEEPEST = 30  # objects and lists within each other
DIGITS = 20  # of a whole number: seeds have as many
# folders that the command that runs has made, an outer one before what is in it; None where none runs
_MADE: ContextVar[list[Path] | None] = ContextVar("_MADE", default=None)


class DiskFull(OSError):
    """No room for a file; what was written before is whole and stays."""


@contextmanager
def whole_binary(name: Path, *, first: bool = False) -> Iterator[BinaryIO]:
    """A binary file that is at ``name`` once the block has ended well, and nowhere otherwise.

    With ``first``, a file that another process has put there meanwhile stays, and this one goes.
    """
    handle, temporary = tempfile.mkstemp(dir=name.parent, prefix=f".{name.name}.", suffix=name.suffix)
    os.close(handle)
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        _put(temporary, name, first)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(error.errno, f"no room to write {name}; free some and run the same command again") from error
        raise
    if os.name != "posix":
        return
    folder = os.open(name.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _put(temporary: str, name: Path, first: bool) -> None:
    """Give a finished file its name; with ``first``, only if nothing has that name (a link is made or refused whole)."""
    if first:
        try:
            os.link(temporary, name)
        except FileExistsError:
            pass
        except OSError:  # a file system without links, where two that begin at once are told apart by the last
            os.replace(temporary, name)
            return
        os.unlink(temporary)
    else:
        os.replace(temporary, name)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """The same for what writes to a path: a temporary one that becomes ``path`` when the block ends, and is gone if it fails."""
    with whole_binary(path) as file:
        yield Path(file.name)


def path_of(argument: str, given: Any) -> Path:
    """What is given as a path, if it is one.

    >>> path_of("directory", 5)
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: directory: got 5; give a path, as "runs/mine"
    """
    try:
        path = Path(given)
        if b"\0" in os.fsencode(path):  # which no system takes; nor half a character, of which this is a ValueError
            raise ValueError("a path with a null character")
    except (TypeError, ValueError) as error:
        raise ArgumentError(argument, given, 'give a path, as "runs/mine"') from error
    return path


def folder(argument: str, path: str | Path) -> Path:
    """``path`` as a folder that exists and can be written to, or an ArgumentError."""
    if "://" in str(path):
        raise ArgumentError(argument, str(path), "it is an address: give a folder (--store keeps trials in a bucket)")
    target = path_of(argument, path)
    try:
        new = [one for one in (target.absolute(), *target.absolute().parents) if not one.exists()]
        target.mkdir(parents=True, exist_ok=True)
        if (made := _MADE.get()) is not None:
            made.extend(reversed(new))
        with tempfile.TemporaryFile(dir=target):
            pass
    except OSError as error:
        raise ArgumentError(argument, str(path), f"{error.strerror}: give a folder that can be written to") from error
    return target


@contextmanager
def refusable() -> Iterator[None]:
    """Take away what ``folder`` makes in the block, where nothing was written there, if it is refused: it leaves nothing.

    >>> with tempfile.TemporaryDirectory() as kept:
    ...     with suppress(ArgumentError), refusable():
    ...         made = folder("--out", Path(kept) / "new")
    ...         raise ArgumentError("--samples", 0, "give a whole number")
    ...     made.exists()
    False
    """
    made: list[Path] = []
    before = _MADE.set(made)
    try:
        yield
    except (ArgumentError, OSError):
        for one in reversed(made):
            with suppress(OSError):
                one.rmdir()
        raise
    finally:
        _MADE.reset(before)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of ours; a ValueError where there is another thing, of a kind or size that we do not write."""
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    with regular(path.name, path) as file:
        return json_of(file, path.name)


def json_of(file: BinaryIO, name: str) -> dict[str, Any]:
    """The same of a file that is open, called ``name`` in what an error says."""
    text = file.read(LONGEST + 1)
    if len(text) > LONGEST:
        raise ValueError(f"{name} has more than {LONGEST >> 20} MiB")
    try:
        value = json.loads(text, parse_constant=_refused, parse_float=_decimal, parse_int=_integer)
    except RecursionError as error:
        raise ValueError(f"{name} is nested too deep") from error
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{name} holds no object")
    if b"\\ud" in text.lower():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except (UnicodeEncodeError, RecursionError) as error:
            raise ValueError(f"{name} holds half a character, of a pair of \\ud800 and \\udc00") from error
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        inside = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, (dict, list))]
        level = [item for items in inside for item in items]
    if level:
        raise ValueError(f"{name} is nested too deep")
    return value


def _refused(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def _decimal(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refused(text[:DIGITS])


def _integer(text: str) -> int:
    if len(text) > DIGITS + 1:
        raise ValueError(f"a whole number of {len(text)} digits")
    return int(text)


def read_table(path: Path, names: Collection[str] = (), numbers: Collection[str] = ()) -> pd.DataFrame:
    """A CSV that we wrote: what is empty is missing, but "NA", "null" and "None" are words, and classes may be called so.

    Columns in ``names`` stay text, though all of them be numbers: 007 is another name than 7. A ValueError where it cannot be
    read, or a column in ``numbers`` is missing or holds something else.
    """
    import pandas as pd

    with regular(path.name, path) as file, reading(path.name, path):
        tabular(path.name, path, file)
        kinds = dict.fromkeys(names, str)
        table = pd.read_csv(file, keep_default_na=False, na_values=[""], dtype=kinds, low_memory=False)
    bad = [c for c in numbers if c not in table or (len(table) and not pd.api.types.is_numeric_dtype(table[c]))]
    if bad:
        raise ValueError(f"no numbers for {', '.join(bad)} in {path.name}")
    named = [name for name in names if name in table]
    return table.fillna(dict.fromkeys(named, ""))


def write_table(path: Path, table: pd.DataFrame, digits: int | None = None) -> Path:
    """``path``, now a CSV of a table, its numbers to so many ``digits``.

    >>> import pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(Path(folder) / "issues.csv", pd.DataFrame({"index": [0], "chance": [2 / 3]}), digits=9).read_text()
    'index,chance\\n0,0.666666667\\n'
    """
    with whole_file(path) as file:
        table.to_csv(file, index=False, float_format=None if digits is None else f"%.{digits}g")
    return path


def write_json(path: Path, value: Any, indent: int | None = 1) -> Path:
    """``path``, now what ``json_text`` makes of ``value``.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_json(write_json(Path(folder) / "leak.json", {"models": 8}))
    {'models': 8}
    """
    with whole_file(path) as file:
        file.write_text(json_text(value, indent) + "\n", encoding="utf-8")
    return path


def json_text(value: Any, indent: int | None = None, *, ensure_ascii: bool = True) -> str:
    """``value`` as JSON, which knows no NaN and no infinity: they become null.

    >>> json_text({"known": 0.5, "unknown": [float("nan")]})
    '{"known": 0.5, "unknown": [null]}'
    """
    return json.dumps(_finite(value), indent=indent, allow_nan=False, ensure_ascii=ensure_ascii)


def _finite(value: Any) -> Any:
    if isinstance(value, float):  # numpy's float64 is one too
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, (list, tuple)) else value
