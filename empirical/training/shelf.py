"""Where files of a run lie by name, each whole: a folder, or a bucket (``bucket``); nothing else in a run knows which.

Three things are asked: what is there, the content of one, and to put one there, all of it at once, and if told so only where
none is.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from longtail.core import ArgumentError
from longtail.core.files import whole_binary
from longtail.core.opened import regular

HALF = (".*.npz.*", ".*.json.*")  # what a file of a run is called before it is whole
STALE = 3600.0  # seconds after which a half-written file is a killed run's: writing one takes a few


class Shelf(Protocol):
    """What a run asks of the place where its files are. Whoever opens one may be on another machine than who made it.

    >>> runs: Shelf = Folder(Path("runs"))
    >>> runs.inside("digits").names(), runs.has("digits")
    ([], False)
    """

    def names(self) -> list[str]:
        """The files that lie here, sorted; none that is half-written."""

    def has(self, name: str) -> bool:
        """Whether a file is there."""

    def read(self, name: str) -> BinaryIO:
        """A file, opened; FileNotFoundError where there is none, ArgumentError where what is there can be none of a run's."""

    def write(self, name: str, *, first: bool = False) -> AbstractContextManager[BinaryIO]:
        """A file that is there once the block has ended well, and nowhere otherwise; with ``first``, one that is there stays."""

    def inside(self, name: str) -> Shelf:
        """Another one, within this."""

    def make(self) -> None:
        """Make it, or find it, and clear what killed runs left; an ArgumentError, or an OSError, where it cannot be had."""

    def seen(self) -> bool:
        """Whether it is there for who asks."""

    @property
    def free(self) -> float:
        """Bytes that there is room for."""


@dataclass(frozen=True)
class Folder:
    """A folder, of this machine or shared.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = Folder(Path(place))
    ...     with folder.write("shard.npz") as file:
    ...         _ = file.write(b"all of it")
    ...     with folder.read("shard.npz") as file:
    ...         print(folder.names(), file.read())
    ['shard.npz'] b'all of it'
    """

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def names(self) -> list[str]:
        if not self.path.is_dir():
            return []
        return sorted(name for name in os.listdir(self.path) if not name.startswith("."))

    def has(self, name: str) -> bool:
        return (self.path / name).exists()

    def read(self, name: str) -> BinaryIO:
        where = self.path / name
        if not where.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(where))
        return regular("out", where)

    def write(self, name: str, *, first: bool = False) -> AbstractContextManager[BinaryIO]:
        return whole_binary(self.path / name, first=first)

    def inside(self, name: str) -> Folder:
        return Folder(self.path / name)

    def make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise ArgumentError("store", str(self.path), "a file is there: give a folder") from error
        for kind in HALF:
            for name in self.path.glob(kind):
                with contextlib.suppress(OSError):
                    if time.time() - name.stat().st_mtime > STALE:  # a younger one may be in another process's hands
                        name.unlink()

    def seen(self) -> bool:
        return self.path.is_dir()

    @property
    def free(self) -> float:
        return shutil.disk_usage(self.path).free


def shelf(place: str | Path, argument: str = "store") -> Shelf:
    """The folder at a path, or the bucket at an address such as s3://bucket/prefix.

    >>> shelf("runs/digits").path.name
    'digits'
    >>> shelf("s3://")
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: store: got s3://; give a folder, or a bucket as s3://bucket/prefix
    """
    address = str(place)
    if not address or (address.startswith(("s3:/", "gs:/", "az:/")) and "://" not in address):
        raise ArgumentError(argument, address or "nothing", "give a folder, or a bucket as s3://bucket/prefix")
    if "://" not in address:
        return Folder(Path(place).absolute())  # workers may be elsewhere
    from empirical.training.bucket import KINDS, Bucket

    kind, _, rest = address.partition("://")
    if kind not in KINDS or not rest.strip("/").partition("/")[0] or rest.startswith("/"):
        raise ArgumentError(argument, address, "give a folder, or a bucket as s3://bucket/prefix")
    return Bucket.of(f"{kind}://{rest.strip('/')}")
