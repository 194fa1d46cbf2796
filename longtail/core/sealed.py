"""Digests by which what was read is known to be what was written: a digit that flipped in a table is a number like any other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from longtail.core.files import json_text
from longtail.core.opened import STEP, regular

SEAL, FILES = "checksum", "files"


def sealed(record: Mapping[str, Any], files: Iterable[Path] = ()) -> dict[str, Any]:
    """A record with the digests of files beside it, and one of all that it says."""
    told = {**record, FILES: {path.name: digest(path) for path in files}}
    return {**told, SEAL: _own(json.loads(json_text(told)))}


def check(record: Mapping[str, Any], name: str, folder: Path, files: Iterable[str]) -> None:
    """A ValueError that names the file which is not as it was written: the record, called ``name``, or one of ``files``.

    Records of before they were sealed pass, and files of which nothing was said.
    """
    if SEAL not in record and FILES not in record:
        return
    if record.get(SEAL) != _own({key: value for key, value in record.items() if key != SEAL}):
        raise ValueError(f"{name} is not as it was written: its checksum is another's")
    for file in files:
        told = record[FILES].get(file)
        if told is not None and (folder / file).is_file() and digest(folder / file) != told:
            raise ValueError(f"{file} is not as it was written: its digest in {name} is another's")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    found = hashlib.sha256()
    with regular(path.name, path) as file:
        while piece := file.read(STEP):
            found.update(piece)
    return found.hexdigest()


def _own(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
