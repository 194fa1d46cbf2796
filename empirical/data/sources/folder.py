"""A folder of images, one subfolder a class; or ``train`` and ``test`` folders of those. Row names are the files' paths."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.data.dataset import Dataset, encoded, split
from empirical.data.options import TEST_FRACTION, refuse, refuse_share
from longtail.core import ArgumentError, whole
from longtail.core.opened import reading, regular, within

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")  # whatever the name: PostScript would be run, not read
LARGEST = 2**24  # pixels that are looked at to make a smaller image of them
PIXELS = 65_536  # an image past 256 × 256 is to be made smaller first
DEEPEST = 65_535  # the white of 16 bits


def load(source: str, options: dict[str, Any]) -> Dataset:
    """Pixels in [0, 1]; all images of one size and mode, or brought to ``size`` × ``size`` and the first one's mode."""
    refuse(options, "test_fraction", "size")
    size = edge(options)
    root = Path(source)
    if (root / "train").is_dir() and (root / "test").is_dir():
        refuse_share(options, str(root / "test"))
        parts = [listed(root / "train"), listed(root / "test")]
    else:
        every = listed(root)
        train, test = split(len(every), float(options.get("test_fraction", TEST_FRACTION)), int(options.get("seed", 0)))
        parts = [[every[i] for i in train], [every[i] for i in test]]
    first = parts[0][0][0]
    shape = image(first, size).shape
    count = sum(len(part) for part in parts)
    got = f"{root} ({count:,} images of {' × '.join(map(str, shape))})"
    within("data", got, 4 * count * math.prod(shape), "give fewer or smaller images")
    images = [stacked([path for path, _ in part], shape, first, size) for part in parts]
    y, z, classes = encoded("folder", [name for _, name in parts[0]], [name for _, name in parts[1]])
    ids = [tuple(str(path.relative_to(root)) for path, _ in part) for part in parts]
    return Dataset(root.resolve().name, Data(images[0], y, images[1], z, classes), ids[0], ids[1])


def listed(root: Path) -> list[tuple[Path, str]]:
    """Images and their class, in order of name; an error where there are none, or some lie deeper."""
    found = []
    for folder in visible(root):
        if folder.is_dir():
            for path in visible(folder):
                if path.is_dir() and any(p.suffix.lower() in SUFFIXES for p in path.rglob("*")):
                    raise ArgumentError(
                        "data",
                        f"images in {path}",
                        "a class is one folder of images, in the folder given or in its train and test: move them up",
                    )
                if path.suffix.lower() in SUFFIXES:
                    found.append((path, folder.name))
    if len(found) < 3:
        raise ArgumentError(
            "data", str(root), f"{len(found)} images; give a folder with one subfolder of images a class"
        )
    return found


def visible(folder: Path) -> list[Path]:
    """What is in a folder, by name, without the hidden files that systems leave there (.DS_Store, ._1.png)."""
    with reading("data", folder):
        found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for path in found:
        try:
            str(path).encode()
        except UnicodeEncodeError as error:  # bytes that are no UTF-8 would stop the tables from being written
            raise ArgumentError("data", ascii(str(path)), "rename it: its name is not UTF-8") from error
    return found


def edge(options: dict[str, Any]) -> int | None:
    """``size``, the edge that images are brought to, if they are."""
    return whole("size", options["size"], 2, 256) if "size" in options else None


def image(path: Path, size: int | None = None) -> NDArray[np.float32]:
    """One image, the first of several frames: (height, width) or (height, width, 3), in [0, 1]; with ``size`` it is a square."""
    with regular("data", path) as file:
        return decoded(path, file, size)


def decoded(path: Path, file: BinaryIO, size: int | None = None) -> NDArray[np.float32]:
    """The same of a file that is open; ``path`` is how an error calls it."""
    from PIL import Image

    with reading("data", path, "it is not an image, or not all of one"), warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(file, formats=FORMATS) as opened:  # by its first bytes; nothing is decoded yet
            if opened.width * opened.height > (PIXELS if size is None else LARGEST):
                remedy = "make images smaller first" + (", or give --size" if size is None else "")
                raise ArgumentError("data", f"{path}: {opened.width} × {opened.height}", remedy)
            found = pixels(path, opened)
    return found if size is None else resized(found, size)


def resized(x: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Brought to size × size, each pixel the mean of what it covers, or between its neighbors where there are fewer."""
    from PIL import Image

    bands = [x] if x.ndim == 2 else [x[..., k] for k in range(x.shape[2])]
    made = [
        np.asarray(Image.fromarray(np.ascontiguousarray(band)).resize((size, size), Image.Resampling.BILINEAR))
        for band in bands
    ]
    return np.asarray(np.clip(made[0] if x.ndim == 2 else np.stack(made, -1), 0, 1), np.float32)


def pixels(path: Path, opened: Image.Image) -> NDArray[np.float32]:
    """Gray of 8 or 16 bits or RGB, from 0 to 1; what is transparent is laid on white."""
    if opened.mode == "F":
        raise ArgumentError("data", f"{path}: pixels that are decimals", "save it with 8 or 16 bits a pixel")
    if opened.mode.startswith("I"):
        deep = np.asarray(opened)
        if deep.min() < 0 or deep.max() > DEEPEST:
            raise ArgumentError(
                "data", f"{path}: pixels from {deep.min()} to {deep.max()}", "save it with 8 or 16 bits a pixel"
            )
        return np.asarray(deep / DEEPEST, np.float32)
    kept = "L" if opened.mode in ("1", "L", "LA") else "RGB"
    if "A" in opened.getbands() or "transparency" in opened.info:
        from PIL import Image

        clear = opened.convert("RGBA")
        flat = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert(kept)
    else:
        flat = opened.convert(kept)
    return np.asarray(np.multiply(np.asarray(flat), np.float32(1 / 255), dtype=np.float32))


def stacked(paths: list[Path], shape: tuple[int, ...], first: Path, size: int | None = None) -> NDArray[np.float32]:
    """All of them in one array, one at a time."""
    found = np.empty((len(paths), *shape), np.float32)
    for row, path in zip(found, paths, strict=True):
        row[...] = like(path, shape, first, size)
    return found


def like(path: Path, shape: tuple[int, ...], first: Path, size: int | None = None) -> NDArray[np.float32]:
    """The image, if it is of the first one's size and mode; gray among colors is colored gray where a ``size`` is given."""
    found = image(path, size)
    if size is not None and found.ndim < len(shape):
        found = np.repeat(found[..., None], shape[2], 2)
    if found.shape != shape:
        sizes = f"{' × '.join(map(str, found.shape))} where {first.name} is {' × '.join(map(str, shape))}"
        raise ArgumentError("data", f"{path}: {sizes}", "bring all images to one size and mode, or give --size")
    return found
