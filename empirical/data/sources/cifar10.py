"""CIFAR-10 (Krizhevsky 2009), binary version: five training batches of 10,000 and a test batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from empirical.data.data import Data
from empirical.data.dataset import Dataset
from empirical.data.options import refuse
from empirical.data.sources.cifar import reader, records
from empirical.data.sources.files import Remote

ARCHIVE = "cifar-10-binary.tar.gz"
REMOTE = Remote(f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}", "c32a1d4ab5d03f1284b67883e8d87530")
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load(source: str, options: dict[str, Any]) -> Dataset:
    """Photographs in [0, 1], in original order."""
    refuse(options)
    read = reader("cifar10", "cifar-10-batches-bin", ARCHIVE, REMOTE, options.get("data_dir"))
    batches = [records(read(f"data_batch_{k}.bin"), 1, 10, f"data_batch_{k}.bin") for k in range(1, 6)]
    x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    x_test, y_test = records(read("test_batch.bin"), 1, 10, "test_batch.bin")
    return Dataset("cifar10", Data(x, y, x_test, y_test, CLASSES))
