"""MNIST (LeCun, Cortes & Burges 1998) in its official layout: four gzipped IDX files."""

from __future__ import annotations

from typing import Any

from empirical.data.dataset import Dataset
from empirical.data.options import refuse
from empirical.data.sources.idx import load_idx

HOST = "https://ossci-datasets.s3.amazonaws.com/mnist/"  # the mirror that yann.lecun.com's own files moved to
MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}


def load(source: str, options: dict[str, Any]) -> Dataset:
    """Digits 0 to 9."""
    refuse(options)
    return load_idx("mnist", HOST, MD5, tuple(range(10)), options.get("data_dir"), ("MNIST/raw",))
