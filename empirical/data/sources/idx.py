"""The IDX format of MNIST and Fashion-MNIST: two zero bytes, a type, a rank, big-endian sizes, the values (LeCun)."""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.data.dataset import Dataset
from empirical.data.sources.files import Remote, fetch
from longtail.core import ArgumentError
from longtail.core.opened import STEP, reading, regular, within

FLOAT = 5  # bytes that a byte takes with its float32

PARTS = {
    "x_train": ("train-images-idx3-ubyte.gz", 3),
    "y_train": ("train-labels-idx1-ubyte.gz", 1),
    "x_test": ("t10k-images-idx3-ubyte.gz", 3),
    "y_test": ("t10k-labels-idx1-ubyte.gz", 1),
}


def load_idx(
    name: str,
    host: str,
    md5: dict[str, str],
    classes: tuple[Any, ...],
    data_dir: str | None,
    subfolders: tuple[str, ...] = (),
) -> Dataset:
    """Images in [0, 1] and labels, in original order."""
    files = {file: Remote(host + file, md5[file]) for file, _ in PARTS.values()}
    paths = fetch(name, files, data_dir, subfolders)
    parts = {part: read(paths[file], rank) for part, (file, rank) in PARTS.items()}
    for side in ("train", "test"):
        x, y = parts[f"x_{side}"], parts[f"y_{side}"]
        if len(x) != len(y):
            raise ArgumentError(
                "data", name, f"{len(x)} {side} images and {len(y)} labels; the files are of different sets"
            )
        if x.shape[1:] != (28, 28):
            raise ArgumentError(
                "data", name, f"{side} images of {x.shape[1]} × {x.shape[2]} pixels; they should be 28 × 28"
            )
    return Dataset(
        name,
        Data(
            pixels(parts["x_train"]),
            parts["y_train"].astype(np.int64),
            pixels(parts["x_test"]),
            parts["y_test"].astype(np.int64),
            classes,
        ),
    )


def pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bytes to [0, 1], in one pass and one copy."""
    return np.multiply(images, np.float32(1 / 255), dtype=np.float32)


def read(path: Path, rank: int) -> NDArray[np.uint8]:
    """The bytes of an IDX file, gzipped or not: as many as its head promises, and no more are unpacked."""
    with regular("data", path) as raw, reading("data", path):
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file = gzip.GzipFile(fileobj=raw) if zipped else raw
        head_size = 4 + 4 * rank
        head = file.read(head_size)
        if len(head) < head_size or head[:4] != bytes((0, 0, 8, rank)):
            raise ArgumentError("data", str(path), f"not an IDX file of bytes in {rank} dimensions")
        shape = struct.unpack(f">{rank}I", head[4:])
        promised = math.prod(shape)
        within("data", path, FLOAT * promised, "it is cut short or not the data set")
        values = np.empty(promised, np.uint8)
        there = _filled(values, file)
        if there != promised or file.read(1):
            got = "more" if there == promised else f"{there}"
            raise ArgumentError("data", str(path), f"{got} bytes where its head promises {shape}; it is cut short")
    return values.reshape(shape)


def _filled(values: NDArray[np.uint8], file: Any) -> int:
    """How many bytes of ``values`` the file had to give."""
    view, there = values.data, 0
    while got := file.readinto(view[there : there + STEP]):
        there += got
    return there
