"""CIFAR-100 (Krizhevsky 2009), binary version, fine labels: the data of the published memorization estimates."""

from __future__ import annotations

from typing import Any

from empirical.data.data import Data
from empirical.data.dataset import Dataset
from empirical.data.options import refuse
from empirical.data.sources.cifar import reader, records
from empirical.data.sources.files import Remote
from longtail.core import ArgumentError

ARCHIVE = "cifar-100-binary.tar.gz"
REMOTE = Remote(f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}", "03b5dce01913d631647c71ecec9e9cb8")


def load(source: str, options: dict[str, Any]) -> Dataset:
    """Photographs in [0, 1], in original order, which is that of ``load_published("cifar100")``."""
    refuse(options)
    read = reader("cifar100", "cifar-100-binary", ARCHIVE, REMOTE, options.get("data_dir"))
    names = tuple(read("fine_label_names.txt").decode(errors="replace").split())
    if len(names) != 100:
        raise ArgumentError("data", "fine_label_names.txt", f"{len(names)} names; CIFAR-100 has 100 classes")
    x, y = records(read("train.bin"), 2, 100, "train.bin")
    x_test, y_test = records(read("test.bin"), 2, 100, "test.bin")
    return Dataset("cifar100", Data(x, y, x_test, y_test, names))
