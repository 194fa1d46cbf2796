"""The binary layout of CIFAR (Krizhevsky 2009): records of label bytes and 3072 pixels, channel by channel.

The python version of the archives is pickled, and is refused: a pickle runs what it likes.
"""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from empirical.data.sources.files import Remote, download, local
from longtail.core import ArgumentError
from longtail.core.opened import content, reading, regular

COPIES = 6  # bytes that a byte takes with its float32
MOST, MEMBERS = 2**28, 100  # bytes of a file in the archives, and files; the largest has 154 million, and they are ten
HEADERS = 2**20  # bytes of all heads of files together: ten kilobytes each


def reader(name: str, folder: str, archive: str, remote: Remote, data_dir: str | None) -> Callable[[str], bytes]:
    """A function from a file's name in the archive to its bytes: from a folder, an archive beside it, or a download."""
    home = local(data_dir)
    if home is None:
        return _member(name, folder, download(name, archive, remote))
    for place in (home / folder, home / name / folder):
        if place.is_dir():
            return lambda file: content("data_dir", place / file, COPIES)
    for place in (home / archive, home / name / archive):
        if place.is_file():
            return _member(name, folder, place)
    pickled = archive.replace("binary", "python")
    python = folder.replace("-binary", "-python").replace("-bin", "-py")
    for place in (home, home / name):
        if (place / pickled).exists() or (place / python).exists() or (place / "cifar-10-batches-py").exists():
            raise ArgumentError(
                "data_dir",
                str(home),
                f"only the pickled python version of {name} is there, which is not opened; put {archive} there",
            )
    raise ArgumentError("data_dir", str(home), f"{name} needs the folder {folder} or {archive} there")


class _Within(gzip.GzipFile):
    """Gives no more in all than is ``left``, of headers first, then of a file: a broken header may ask for gigabytes, at once or
    bit by bit.
    """

    left = HEADERS

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= self.left:
            raise ValueError(f"a part of {size} bytes")
        self.left -= size
        return super().read(size)


def _member(name: str, folder: str, archive: Path) -> Callable[[str], bytes]:
    def read(file: str) -> bytes:
        remedy = f"it is not the binary archive of {name}"
        with regular("data", archive) as raw, reading("data", archive, remedy):
            with _Within(fileobj=raw) as packed, tarfile.open(fileobj=packed, mode="r:") as tar:
                for member, _ in zip(tar, range(MEMBERS), strict=False):
                    if member.size > MOST:
                        raise ValueError(f"a file of {member.size:,} bytes")
                    if member.name == f"{folder}/{file}" and member.isreg():
                        packed.left = member.size
                        found = tar.extractfile(member)
                        return found.read() if found else b""
            raise ValueError(f"no {folder}/{file}")

    return read


def records(raw: bytes, labels: int, classes: int, what: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images (n, 32, 32, 3) in [0, 1] and the last of ``labels`` label bytes."""
    width = labels + 3072
    if not raw or len(raw) % width:
        raise ArgumentError(
            "data", what, f"{len(raw)} bytes are not whole records of {width}; it is cut short or not CIFAR"
        )
    table = np.frombuffer(raw, np.uint8).reshape(-1, width)
    y = table[:, labels - 1].astype(np.int64)
    if y.max() >= classes:
        raise ArgumentError("data", what, f"a label {y.max()} where there are {classes} classes; not this data set")
    images = table[:, labels:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.multiply(images, np.float32(1 / 255), dtype=np.float32, order="C"), y
