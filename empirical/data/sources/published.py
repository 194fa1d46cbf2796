"""The published estimates (Feldman & Zhang, arXiv 2008.03703), in original order.

Memorization of CIFAR-100's 50,000 training examples, 36.2 % of them at .25 or more; pairs with influence ≥ .15 and
memorization ≥ .25: 1,015 for CIFAR-100, 1,641 for ImageNet, whose indices are those of the sorted lists of files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from empirical.data.sources.arrays import opened, single
from empirical.data.sources.files import Remote, download, find, local
from longtail.core import ArgumentError

HOST = "https://pluskid.github.io/influence-memorization/data/"
MATRIX = "cifar100_infl_matrix.npz"
OWN = "cifar100_memorization.npy"
PAIRS = {"cifar100": 1015, "imagenet": 1641}
SHARE = 0.36198  # of CIFAR-100 with memorization ≥ .25, as published


def load_published(name: str, *, data_dir: str | None = None) -> pd.DataFrame:
    """index and memorization, one row a training example in original order; only "cifar100" was published in full.

    >>> table = load_published("cifar100")  # doctest: +SKIP
    >>> load_published("imagenet")
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: name: got imagenet; memorization was published for cifar100; ...
    """
    if name != "cifar100":
        raise ArgumentError("name", name, "memorization was published for cifar100; for imagenet there are pairs")
    folder = local(data_dir)
    path = None if folder is None else find(folder, [f"feldman_zhang/{OWN}", OWN, f"feldman_zhang/{MATRIX}", MATRIX])
    if folder is not None and path is None:
        raise ArgumentError("data_dir", str(folder), f"{OWN} or {MATRIX} is not there")
    if path is None:
        path = download("feldman_zhang", MATRIX, Remote(HOST + MATRIX, None))
    values = arrays(path, ["tr_mem"])["tr_mem"]
    if values.dtype.kind == "f":
        values = values.astype(float)
    if values.dtype.kind != "f" or values.shape != (50_000,) or abs((values >= 0.25).mean() - SHARE) > 1e-4:
        raise ArgumentError("data", str(path), "these are not the published 50,000 scores")
    return pd.DataFrame({"index": np.arange(50_000), "memorization": values})


def load_published_pairs(name: str, *, data_dir: str | None = None) -> pd.DataFrame:
    """train_index, test_index, influence and memorization of the published pairs, largest influence first.

    >>> pairs = load_published_pairs("imagenet")  # doctest: +SKIP
    >>> load_published_pairs("mnist")
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: name: got mnist; pairs were published for cifar100 and imagenet
    """
    if not isinstance(name, str) or name not in PAIRS:
        raise ArgumentError("name", name, f"pairs were published for {' and '.join(PAIRS)}")
    file = f"{name}_high_infl_pairs_infl0.15_mem0.25.npz"
    folder = local(data_dir)
    path = None if folder is None else find(folder, [f"feldman_zhang/{file}", file])
    if folder is not None and path is None:
        raise ArgumentError("data_dir", str(folder), f"{file} is not there")
    if path is None:
        path = download("feldman_zhang", file, Remote(HOST + file, None))
    parts = arrays(path, ["tr_idx", "tt_idx", "infl", "mem"])
    if any(part.ndim != 1 or part.dtype.kind not in "iuf" for part in parts.values()):
        raise ArgumentError("data", str(path), "not columns of numbers, which were published")
    if len({len(part) for part in parts.values()}) > 1:
        raise ArgumentError("data", str(path), "columns of different lengths; the published ones have one")
    table = pd.DataFrame(parts)
    if len(table) != PAIRS[name]:
        raise ArgumentError("data", str(path), f"{len(table)} pairs; {PAIRS[name]} were published")
    table.columns = pd.Index(["train_index", "test_index", "influence", "memorization"])
    return table.sort_values(["influence", "train_index"], ascending=[False, True]).reset_index(drop=True)


def arrays(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Arrays of an .npz by name, or the one array of an .npy; nothing is unpickled."""
    if path.suffix == ".npy":
        return {names[0]: single(str(path))}
    return opened(str(path), names, names)
