"""What is in a zip archive, unpacked no further than its directory says, and not at all where that is too much.

Members are stored or deflated, as zip programs and NumPy write them. zlib unpacks a given number of bytes at a time; bzip2 and
LZMA, as Python has them, unpack all that they are given, however much it becomes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from longtail.core import ArgumentError
from longtail.core.opened import STEP, reading, regular, size

PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1  # of a member's flags
SMALL, RATIO = 2**28, 200  # bytes that may come of any archive; how many times its length may come of a small one


@contextmanager
def archived(argument: str, source: str, remedy: str = "") -> Iterator[tuple[BinaryIO, zipfile.ZipFile]]:
    """The file and the archive in it."""
    with regular(argument, source) as file, reading(argument, source, remedy), zipfile.ZipFile(file) as archive:
        yield file, archive


def check(argument: str, source: str, file: BinaryIO, wanted: Iterable[zipfile.ZipInfo]) -> None:
    """Refuse members that are encrypted, twice there, packed otherwise, or that would become absurdly much."""
    total, seen = 0, set()
    for member in wanted:
        if member.filename in seen:
            raise ArgumentError(argument, source, f"{member.filename} is in it twice; leave one")
        if member.flag_bits & ENCRYPTED:
            raise ArgumentError(argument, source, f"{member.filename} in it is encrypted; save it without a password")
        if member.compress_type not in PLAIN:
            raise ArgumentError(
                argument, source, f"{member.filename} in it is not packed by deflate; pack it as .zip does"
            )
        seen.add(member.filename)
        total += member.file_size
    file.seek(0, 2)
    if total > SMALL and total > RATIO * file.tell():
        remedy = "no data pack so well by themselves; if these do, save them unpacked (np.savez, zip -0)"
        raise ArgumentError(argument, f"{source}, {size(file.tell())} that would become {size(total)}", remedy)


def unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """All bytes of a member; its end is where its CRC-32 is checked."""
    raw = bytearray()
    with archive.open(member) as stream:
        while piece := stream.read(STEP):
            raw += piece
    if len(raw) != member.file_size:
        raise EOFError(f"{member.filename} is cut short")
    return bytes(raw)
