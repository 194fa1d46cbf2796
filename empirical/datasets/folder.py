"""A folder of images, one subfolder a class; or ``train`` and ``test`` folders of those. Row names are the files' paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from empirical.data import Data
from empirical.dataset import Dataset, encoded, split
from empirical.datasets.table import TEST_FRACTION
from longtail.core import ArgumentError

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
PIXELS = 65_536  # an image past 256 × 256 is to be made smaller first


def load(source: str, options: dict[str, Any]) -> Dataset:
    """Pixels in [0, 1]; all images of one size and mode."""
    from empirical.datasets import refuse

    refuse(options, "test_fraction")
    root = Path(source)
    if (root / "train").is_dir() and (root / "test").is_dir():
        parts = [listed(root / "train"), listed(root / "test")]
    else:
        every = listed(root)
        train, test = split(len(every), float(options.get("test_fraction", TEST_FRACTION)), int(options.get("seed", 0)))
        parts = [[every[i] for i in train], [every[i] for i in test]]
    first = parts[0][0][0]
    shape = image(first).shape
    images = [np.stack([like(path, shape, first) for path, _ in part]) for part in parts]
    y, z, classes = encoded("folder", [name for _, name in parts[0]], [name for _, name in parts[1]])
    ids = [tuple(str(path.relative_to(root)) for path, _ in part) for part in parts]
    return Dataset(root.name, Data(images[0], y, images[1], z, classes), ids[0], ids[1])


def listed(root: Path) -> list[tuple[Path, str]]:
    """Images and their class, in order of name; an error where there are none."""
    found = [
        (path, folder.name)
        for folder in sorted(root.iterdir())
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES
    ]
    if len(found) < 3:
        raise ArgumentError(
            "data", str(root), f"{len(found)} images; give a folder with one subfolder of images a class"
        )
    return found


def image(path: Path) -> np.ndarray:
    """One image: (height, width) or (height, width, 3), in [0, 1]."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            if opened.width * opened.height > PIXELS:
                raise ArgumentError("data", f"{path}: {opened.width} × {opened.height}", "make images smaller first")
            plain = opened.mode in ("1", "L", "I;16", "I")
            array = np.asarray(opened.convert("L" if plain else "RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise ArgumentError("data", str(path), f"not an image that can be read ({error})") from error
    return np.asarray(np.multiply(array, np.float32(1 / 255), dtype=np.float32))


def like(path: Path, shape: tuple[int, ...], first: Path) -> np.ndarray:
    """The image, if it is of the first one's size and mode."""
    found = image(path)
    if found.shape != shape:
        sizes = f"{' × '.join(map(str, found.shape))} where {first.name} is {' × '.join(map(str, shape))}"
        raise ArgumentError("data", f"{path}: {sizes}", "bring all images to one size and mode")
    return found
