"""Fashion-MNIST (Xiao, Rasul & Vollgraf, arXiv 1708.07747) in its official layout: four gzipped IDX files."""

from __future__ import annotations

from typing import Any

from empirical.data.dataset import Dataset
from empirical.data.options import refuse
from empirical.data.sources.idx import load_idx

HOST = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def load(source: str, options: dict[str, Any]) -> Dataset:
    """Ten kinds of clothing."""
    refuse(options)
    return load_idx("fashion_mnist", HOST, MD5, CLASSES, options.get("data_dir"), ("FashionMNIST/raw",))
