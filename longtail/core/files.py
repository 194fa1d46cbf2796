"""Files written whole or not at all: to a temporary name beside the target, then renamed over it."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.core import ArgumentError

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path that becomes ``path`` when the block ends, and is gone if it fails."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


def folder(argument: str, path: str | Path) -> Path:
    """``path`` as a folder that exists and can be written to, or an ArgumentError."""
    target = Path(path)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target):
            pass
    except OSError as error:
        raise ArgumentError(argument, str(path), f"{error.strerror}: give a folder that can be written to") from error
    return target


def read_table(path: Path, names: Collection[str] = (), numbers: Collection[str] = ()) -> pd.DataFrame:
    """A CSV that we wrote: what is empty is missing, but "NA", "null" and "None" are words, and classes may be called so.

    Columns in ``names`` stay text, though all of them be numbers: 007 is another name than 7. A ValueError where a column in
    ``numbers`` is missing or holds something else.
    """
    import pandas as pd

    table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(names, str))
    bad = [c for c in numbers if c not in table or (len(table) and not pd.api.types.is_numeric_dtype(table[c]))]
    if bad:
        raise ValueError(f"no numbers for {', '.join(bad)} in {path.name}")
    named = [name for name in names if name in table]
    return table.fillna(dict.fromkeys(named, ""))


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
