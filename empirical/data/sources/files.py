"""Where the files of a published data set are: ``--data-dir``, ``LONGTAIL_DATA``, or downloaded once into a cache.

Downloads are checked against the hosts' own MD5 sums by pooch. Local copies may be compressed otherwise than the
originals, so what is checked of them is their layout.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from longtail.core import ArgumentError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Remote:
    """A file on its official host; ``md5`` None where the host names none."""

    url: str
    md5: str | None


def local(data_dir: str | Path | None) -> Path | None:
    """The folder that the user named, or LONGTAIL_DATA; an error where it is not there."""
    named = data_dir if data_dir is not None else os.environ.get("LONGTAIL_DATA")
    if not named:
        return None
    folder = Path(named)
    if not folder.is_dir():
        raise ArgumentError("data_dir", str(named), "there is no such folder")
    return folder


def find(folder: Path, candidates: list[str]) -> Path | None:
    """The first of these names that is there."""
    return next((folder / name for name in candidates if (folder / name).is_file()), None)


def fetch(
    name: str, files: Mapping[str, Remote], data_dir: str | Path | None, subfolders: tuple[str, ...]
) -> dict[str, Path]:
    """Paths of files by their official names: below the user's folder, or else downloaded."""
    folder = local(data_dir)
    if folder is not None:
        found: dict[str, Path] = {}
        for file in files:
            stems = [file, file.removesuffix(".gz")]
            where = find(
                folder, [f"{sub}/{stem}" if sub else stem for sub in (name, *subfolders, "") for stem in stems]
            )
            if where is None:
                raise ArgumentError(
                    "data_dir", str(folder), f"{name} needs {file} there, in a folder {name} or beside it"
                )
            found[file] = where
        return found
    return {file: download(name, file, remote) for file, remote in files.items()}


def download(name: str, file: str, remote: Remote) -> Path:
    """A file from its host, checked and kept; an error that says what else to do where it cannot be had."""
    import pooch

    cache = Path(pooch.os_cache("longtail")) / name
    log.info("%s is looked for in %s, else downloaded from %s", file, cache, remote.url)
    try:
        known = f"md5:{remote.md5}" if remote.md5 else None
        return Path(pooch.retrieve(remote.url, known, fname=file, path=cache, progressbar=sys.stderr.isatty()))
    except ValueError as error:
        raise ArgumentError("data", name, f"{remote.url} is not the file it was ({error})") from error
    except Exception as error:  # requests has no one class for a host that cannot be reached
        raise ArgumentError(
            "data",
            name,
            f"cannot download {remote.url} ({type(error).__name__}); put {file} in a folder and name it by --data-dir",
        ) from error
