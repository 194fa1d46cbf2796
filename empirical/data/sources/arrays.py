"""Arrays in NumPy's own files, .npy and .npz: of each the header is read first.

What it promises has to be there, be numbers or text, and fit into memory. Nothing is unpickled.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from empirical.data.sources.zipped import check
from longtail.core import ArgumentError
from longtail.core.opened import reading, regular, within

HEAD = 2**14  # bytes that hold any header: NumPy itself reads none of more than 10,000 characters
KINDS = "biufUSMm"  # numbers, text, dates; no objects, which are pickled, and no records
READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# bytes of a Python string besides its characters; Unicode
LETTER, HIGHEST, SURROGATES = 100, 0x10FFFF, (0xD800, 0xDFFF)
REMEDY = "save arrays by np.savez; pickled objects are not opened"


@dataclass(frozen=True)
class Header:
    """What an array's first bytes promise, and how many they are."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    length: int

    @property
    def memory(self) -> int:
        """Bytes that the array takes, with a float32 or another copy of it and a mask."""
        count = math.prod(self.shape)
        held = count * self.dtype.itemsize
        return held + max(held, 4 * count) + count * (LETTER if self.dtype.kind in "US" else 1)


def header(argument: str, name: str, stream: IO[bytes], length: int) -> Header:
    """Of an array in a file or member of ``length`` bytes; an ArgumentError where it is not an array that can be taken."""
    head = io.BytesIO(stream.read(HEAD))
    version = npy.read_magic(head)
    if version not in READERS:
        raise ValueError(f"{name} is of format {version}")
    shape, _, dtype = READERS[version](head)
    if dtype.kind not in KINDS or not dtype.itemsize:
        what = "pickled objects" if dtype.hasobject else f"values of type {dtype}"
        raise ArgumentError(argument, f"{name} with {what}", f"give numbers or text; {REMEDY}")
    found = Header(shape, dtype, head.tell())
    there = length - found.length
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != there or max(shape, default=0) > length:
        raise ValueError(f"{name} promises {dtype} of shape {shape} where {there} bytes are")
    return found


def array(name: str, stream: IO[bytes]) -> np.ndarray:
    """The array in a stream that stands at its beginning, after its header was found good."""
    found: np.ndarray = npy.read_array(stream, allow_pickle=False)
    if stream.read(1):
        raise ValueError(f"{name} has bytes left over")
    if found.dtype.kind == "b" and found.size and found.view(np.uint8).max() > 1:
        raise ValueError(f"{name} has booleans that are neither true nor false")
    if found.dtype.kind == "U" and found.size:
        _written(name, found)
    return found


def _written(name: str, text: np.ndarray) -> None:
    """Refuse what no file, page or terminal could be given: halves of characters (lone surrogates), and no characters."""
    codes = np.ascontiguousarray(text).reshape(-1).view(np.dtype(np.uint32).newbyteorder(text.dtype.byteorder))
    bad = (codes > HIGHEST) | ((codes >= SURROGATES[0]) & (codes <= SURROGATES[1]))
    if bad.any():
        at = int(np.argmax(bad))
        got = f"U+{int(codes[at]):X} in row {at // (text.dtype.itemsize // 4)}"
        raise ArgumentError(name.removesuffix(".npy"), got, "it is no character of its own: write that text anew")


def opened(source: str, names: Sequence[str], needed: Sequence[str], argument: str = "data") -> dict[str, np.ndarray]:
    """Those of ``names`` that an .npz holds, and no others; an error where one of ``needed`` is not there."""
    with regular(argument, source) as file:
        return arrays(file, source, names, needed, argument)


def arrays(
    file: BinaryIO, source: str, names: Sequence[str], needed: Sequence[str], argument: str = "data"
) -> dict[str, np.ndarray]:
    """The same of a file that is open, called ``source`` in what an error says."""
    with reading(argument, source):
        if file.read(6) == npy.MAGIC_PREFIX:
            raise ArgumentError(argument, source, "one array only; save several by np.savez")
    with reading(argument, source, REMEDY), zipfile.ZipFile(file) as archive:
        there = {m.filename.removesuffix(".npy"): m for m in archive.infolist() if m.filename.endswith(".npy")}
        lacking = [name for name in needed if name not in there]
        if lacking:
            held = ", ".join(list(there)[:12]) or "no arrays"
            raise ArgumentError(argument, f"{source} with {held}", f"save {', '.join(lacking)} in it too")
        wanted = [m for m in archive.infolist() if m.filename in {f"{name}.npy" for name in names}]
        check(argument, source, file, wanted)
        heads = []
        for member in wanted:
            with archive.open(member) as stream:
                heads.append(header(argument, member.filename, stream, member.file_size))
        within(argument, source, sum(head.memory for head in heads), "give fewer examples or features")
        found = {}
        for name in (name for name in names if name in there):
            with archive.open(there[name]) as stream:
                found[name] = array(name, stream)
        return found


def single(source: str, argument: str = "data") -> np.ndarray:
    """The array of an .npy."""
    with regular(argument, source) as file, reading(argument, source, REMEDY):
        length = file.seek(0, 2)
        file.seek(0)
        head = header(argument, source, file, length)
        within(argument, source, head.memory, "give fewer examples")
        file.seek(0)
        return array(source, file)
