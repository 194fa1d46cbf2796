"""The IDX format of MNIST and Fashion-MNIST: two zero bytes, a type, a rank, big-endian sizes, the values (LeCun)."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.data.dataset import Dataset
from empirical.data.sources.files import Remote, fetch
from longtail.core import ArgumentError

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
    """The bytes of an IDX file, gzipped or not."""
    try:
        with open(path, "rb") as head:
            zipped = head.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if zipped else open(path, "rb") as file:
            raw = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise ArgumentError("data", str(path), f"cannot be read ({error})") from error
    head_size = 4 + 4 * rank
    if len(raw) < head_size or raw[:4] != bytes((0, 0, 8, rank)):
        raise ArgumentError("data", str(path), f"not an IDX file of bytes in {rank} dimensions")
    shape = struct.unpack(f">{rank}I", raw[4:head_size])
    if len(raw) - head_size != int(np.prod(shape, dtype=np.int64)):
        raise ArgumentError(
            "data", str(path), f"{len(raw) - head_size} bytes where its head promises {shape}; it is cut short"
        )
    return np.frombuffer(raw, np.uint8, offset=head_size).reshape(shape)
