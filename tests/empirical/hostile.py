"""Files made to do harm: what never ends, what becomes gigabytes, what promises what it does not hold. Each with the words of
its refusal.
"""

from __future__ import annotations

import gzip
import io
import os
import socket
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.empirical.fuzzed import arrays, idx, lines, npz, scores

BOMB = 5 * 2**26  # bytes that a small file becomes: more than any archive of its size may
FULL = 10**6  # rows of a table that points to one long text


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def link(target: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.unlink()
        path.symlink_to(target)

    return make


def bound(path: Path) -> None:
    path.unlink()
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


def bomb(member: str, head: bytes = b"", parts: dict[str, object] | None = None) -> Callable[[Path], None]:
    """An archive whose member goes on with zeros."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            with archive.open(member, "w", force_zip64=True) as file:
                file.write(head)
                for _ in range(BOMB >> 20):
                    file.write(bytes(2**20))
            for name, part in (parts or {}).items():
                raw = io.BytesIO()
                np.save(raw, part)  # type: ignore[arg-type]
                archive.writestr(f"{name}.npy", raw.getvalue())

    return make


def liar(member: str, head: bytes) -> Callable[[Path], None]:
    """An archive whose directory says that the bomb in it is small."""

    def make(path: Path) -> None:
        packer = zlib.compressobj(1, zlib.DEFLATED, -15)
        stream = (
            packer.compress(head) + b"".join(packer.compress(bytes(2**20)) for _ in range(BOMB >> 20)) + packer.flush()
        )
        name, small = member.encode(), len(head) + 1000
        fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, 0, len(stream), small, len(name), 0)
        local = b"PK\x03\x04" + fields + name
        central = b"PK\x01\x02" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
        end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(stream), 0)
        path.write_bytes(local + stream + central + end)

    return make


def npy(shape: str, kind: str = "<f4", extra: int = 0) -> bytes:
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(extra)


def with_member(member: str, content: bytes, packing: int = zipfile.ZIP_DEFLATED) -> Callable[[Path], None]:
    """A good archive but for one member."""

    def make(path: Path) -> None:
        raw = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                same = name != member
                new.writestr(name, old.read(name) if same else content, zipfile.ZIP_DEFLATED if same else packing)

    return make


def encrypted(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := raw.find(mark, start + 1)) >= 0:
            raw[start + at] |= 1
    path.write_bytes(raw)


def saved(**change: object) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(npz(np.savez, **(arrays() | change))) and None


def content(raw: bytes | Callable[[], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(raw if isinstance(raw, bytes) else raw()) and None


def no_text(path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    n = 9
    places, letters = pyarrow.py_buffer(np.arange(n + 1, dtype=np.int32)), pyarrow.py_buffer(b"abc\xff\xffdefg")
    words = pyarrow.Array.from_buffers(pyarrow.string(), n, [None, places, letters])
    parquet.write_table(pyarrow.table({"animal": ["cat", "dog", "cat"] * 3, "key": words, "x": range(n)}), path)


def pointed(path: Path) -> None:
    """A million rows that point to one text of a megabyte."""
    import pyarrow
    from pyarrow import parquet

    words = pyarrow.DictionaryArray.from_arrays(np.zeros(FULL, np.int32), ["x" * 2**20])
    parquet.write_table(pyarrow.table({"animal": np.arange(FULL) % 2, "key": words}), path, store_schema=False)


def gzipped(head: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with gzip.open(path, "wb", 1) as file:
            file.write(head)
            for _ in range(BOMB >> 20):
                file.write(bytes(2**20))

    return make


def tarred(kind: bytes, size: int) -> Callable[[Path], None]:
    member = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
    member.size, member.type = size, kind
    return gzipped(member.tobuf(tarfile.GNU_FORMAT))


def portable(width: int) -> Callable[[Path], None]:
    return content(b"P5 %d %d 255\n" % (width, width))


WIDE = b",".join(b"c%d" % k for k in range(20_000)) + b"\n"
HEAD = npy(f"({BOMB // 16}, 4)")
HOSTILE: dict[str, tuple[str, Callable[[Path], None], str]] = {
    **{
        f"pipe {name}": (name, pipe, "it is a pipe")
        for name in ("npz", "masks", "csv", "parquet", "png", "text", "text zip", "counts", "run")
    },
    **{f"folder {name}": (name, folder, "it is a folder") for name in ("masks", "png", "counts", "run")},
    "device": ("counts", link("/dev/zero"), "it is a device"),
    "full": ("counts", link("/dev/full"), "it is a device"),
    "device of text": ("text", link("/dev/zero"), "it is a device"),
    "socket": ("csv", bound, "it is a socket"),
    "link to nothing": ("csv", link("nowhere"), "no such file"),
    "link to itself": ("counts", lambda path: link(path.name)(path), "symbolic links"),
    "npz bomb": (
        "npz",
        bomb("X_train.npy", HEAD, {k: v for k, v in arrays().items() if k != "X_train"}),
        "would become 336 MB",
    ),
    "masks bomb": (
        "masks",
        bomb("masks.npy", npy(f"({BOMB}, 1)", "|b1"), {k: v for k, v in scores().items() if k != "masks"}),
        "would become",
    ),
    "text bomb": ("text zip", bomb("train.txt", b"good film\n"), "would become 336 MB"),
    "npz that lies": ("npz", liar("X_train.npy", npy("(250,)")), "save y_train"),
    "text that lies": ("text zip", liar("train.txt", lines()), "cannot be read"),
    "npz of terabytes": (
        "npz",
        with_member("X_train.npy", npy("(9, 99999999999)", "<f4", 144)),
        "promises float32 of shape",
    ),
    "npz of no columns": ("npz", with_member("y_train.npy", npy("(0, 99999999999)")), "promises float32 of shape"),
    "npz of empty words": ("npz", with_member("train_ids.npy", npy("(99999999999,)", "<U0")), "give numbers or text"),
    "npz below nothing": ("npz", with_member("X_train.npy", npy("(-3, -3)", "<f4", 36)), "promises"),
    "records": ("npz", saved(train_ids=np.zeros(9, "i4,i4")), "give numbers or text"),
    "objects": ("npz", saved(train_ids=np.array([{}] * 9)), "pickled objects"),
    "long header": (
        "npz",
        with_member("X_train.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 2**16),
        "cannot be read",
    ),
    "lzma": ("npz", with_member("X_train.npy", npy("(2, 2)", "<f4", 16), zipfile.ZIP_LZMA), "not packed by deflate"),
    "bzip2": ("text zip", with_member("a/train.txt", lines(), zipfile.ZIP_BZIP2), "not packed by deflate"),
    "encrypted": ("npz", encrypted, "is encrypted"),
    "encrypted text": ("text zip", encrypted, "is encrypted"),
    "half a character": ("npz", saved(y_train=np.array([*"abcabcab", "\ud800"])), r"y_train: got U\+D800 in row 8"),
    "no character": ("npz", saved(test_ids=np.full(5, 0xFFFFFFFF, np.uint32).view("<U1")), r"U\+FFFFFFFF in row 0"),
    "third truth": (
        "masks",
        content(lambda: npz(np.savez, **(scores() | {"masks": np.full((12, 10), 2, np.uint8).view(bool)}))),
        "neither true nor false",
    ),
    "words not UTF-8": ("parquet", no_text, "(?i)invalid utf"),
    "one text a million times": ("parquet", pointed, "of memory where"),
    "short rows below many names": ("csv", content(WIDE + b"1\n" * 400_000), "of memory where"),
    "one line": ("csv", content(b"," * 2_000_000), "of memory where"),
    "more cells than names": ("csv", content(b"animal,key\n" + b"1,2,3,4,5\n" * 9), "more cells"),
    "labels beyond counting": ("npz", saved(y_train=np.arange(9) % 3 * 1e300, y_test=np.zeros(5)), "smaller numbers"),
    "one cell": ("counts", content(b"1" * 10**6), "field"),
    "one line of counts": ("counts", content(b"1," * 10**6), "1000000 numeric columns"),
    "huge image": ("png", portable(60_000), "decompression bomb"),
    "large image": ("png", portable(10_000), "DecompressionBomb|make images smaller|bomb"),
    "no image": (
        "png",
        content(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 12\n%%EndComments\n"),
        "cannot identify",
    ),
    "idx of gigabytes": (
        "idx",
        content(gzip.compress(bytes((0, 0, 8, 3)) + b"\x7f\xff\xff\xff" * 3)),
        "of memory where",
    ),
    "idx bomb": ("idx", gzipped(idx(5, 28, 28)), "more bytes where its head"),
    "tar of terabytes": ("cifar", tarred(tarfile.REGTYPE, 10**10), "a file of 10,000,000,000 bytes"),
    "tar of a long name": ("cifar", tarred(tarfile.GNUTYPE_LONGNAME, 2**33 - 1), "a part of"),
}
