"""Attribution scores from files, (n, q), as others write them; nothing is unpickled, and nothing that a file names is imported.

    .npy, .mmap     an array; TRAK's scores/NAME.mmap is an .npy by another name, training examples by targets, and
                    experiments.json above says whether they are finished
    .npz            its array ``scores``, or the only one in it
    .csv            a matrix with or without names of columns, or rows train_index, test_index, score
    .pt, .pth       a tensor that torch.save wrote, or a dict of one: what dattri's ``attribute`` returns, training by test
                    examples; what ``influence`` of Captum's TracIn and influence functions does, test by training
    .safetensors    kronfluence's pairwise scores, queries by training examples: all_modules, or the sum of what modules have
    .parquet        a column of lists, a list a training example, as estimate --matrix writes it (extra parquet)
    a folder        bergson's info.json and scores.bin, training examples by queries; or a zarr array (extra zarr)
    package.module.function   a function of yours of the data, marked by ``makes_scores``

By the sources of traker 0.3.2, dattri 0.3.0, captum 0.9.0, kronfluence 1.0.1 and bergson 2.5.1; dattri and Captum leave it to
the user to save what they return.
Scores of q by n are turned where n and q differ; where they do not, ``queries_first`` says which they are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from empirical.attributions import folders, lists, tensors
from empirical.data.sources.arrays import opened, single
from empirical.data.sources.zipped import archived
from longtail.core import ArgumentError, Floats, Integers, calls, flag
from longtail.core.files import read_json
from longtail.core.opened import content, reading, regular, tabular
from longtail.core.shown import not_finite

if TYPE_CHECKING:
    from empirical.data.data import Data

F = TypeVar("F", bound=Callable[..., Any])
LONG = ("train_index", "test_index", "score")
KINDS = ".npy, .npz, .csv, .mmap, .pt or .safetensors file, a folder of bergson's or zarr's, or package.module.function"


def makes_scores(function: F) -> F:
    """Mark a function of yours that takes the data and returns scores (n, q), so that it is called by its name.

    A function without the mark is not.

    >>> @makes_scores
    ... def at_random(data):
    ...     return np.random.default_rng(0).normal(size=(data.n, data.n_test))
    >>> at_random.makes_scores
    True
    """
    function.makes_scores = True  # type: ignore[attr-defined]  # a mark, no part of its type
    return function


def read(
    source: str,
    n: int,
    q: int,
    data: Callable[[], Data] | None = None,
    *,
    queries_first: bool = False,
    tests: Integers | None = None,
    n_test: int = 0,
) -> Floats:
    """Scores (n, q) from a file, a folder, or a function of ``data``; ``tests`` are the q columns of those that have ``n_test``,
    of which zarr and Parquet read no others.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "a.npy", [[1.0, 2.0, 3.0]])
    ...     read(f"{folder}/a.npy", 3, 1).tolist()
    [[1.0], [2.0], [3.0]]
    """
    path = Path(source)

    def picked(shape: tuple[int, ...]) -> Integers | None:
        return tests if tests is not None and shape == (n, n_test) != (n, q) else None

    if path.is_dir():
        found, turned = folders.read(path, picked), queries_first
    elif path.suffix.lower() == ".parquet":
        found, turned = lists.read(source, picked), queries_first
    elif path.suffix.lower() in FILES:
        found, turned = FILES[path.suffix.lower()](source), queries_first or path.suffix.lower() == ".safetensors"
    elif "." in source and all(part.isidentifier() for part in source.split(".")):
        found, turned = _made(source, data), queries_first
    else:
        raise ArgumentError("scores", calls.shortened(source), f"give a {KINDS}")
    if (columns := picked(np.shape(found))) is not None:
        found = np.asarray(found)[:, columns]
    return checked(found, n, q, queries_first=turned)


def checked(scores: Any, n: int, q: int, *, queries_first: bool = False) -> Floats:
    """Finite numbers (n, q), turned where they are (q, n).

    >>> checked([[1, 2, 3]], 3, 1).tolist()
    [[1.0], [2.0], [3.0]]
    """
    queries_first, a = flag("queries_first", queries_first), np.asarray(scores)
    if a.dtype.kind not in "fiub":
        raise ArgumentError("scores", f"values of type {a.dtype}", "give numbers")
    wanted = f"({n}, {q}), a row for each training example and a column for each test example, or the other way round"
    if a.shape not in ((n, q), (q, n)):
        hint = "; --tests says which test examples they are of" if a.ndim == 2 and n in a.shape else ""
        raise ArgumentError("scores", f"shape {a.shape}", f"give {wanted}{hint}")
    if n == q:
        a = a.T if queries_first else a
    elif a.shape == (q, n):
        a = a.T
    a = a.astype(float)
    bad = int((~np.isfinite(a)).sum())
    if bad:
        raise ArgumentError("scores", not_finite(bad), "give a finite score for every pair")
    return a


def _table(source: str) -> Any:
    import pandas as pd

    with regular("scores", source) as file, reading("scores", source, "save a matrix of numbers, comma-separated"):
        tabular("scores", source, file)
        names = file.readline().decode("utf-8-sig").strip().split(",")
        file.seek(0)
        numbers = all(_is_number(name) for name in names)
        table = pd.read_csv(file, header=None if numbers else 0, low_memory=False)
    if not set(LONG) <= set(map(str, table.columns)):
        return table.to_numpy()
    i, j, value = (table[name].to_numpy() for name in LONG)
    for name, at in zip(LONG, (i, j), strict=False):
        if at.dtype.kind not in "iu" or not len(at) or at.min() < 0 or (at.max() + 1) > len(at):
            raise ArgumentError("scores", f"{name} of {at.dtype}", "give indices from 0, and a score for every pair")
    out = np.full((int(i.max()) + 1, int(j.max()) + 1), np.nan)
    out[i, j] = value
    return out


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _archive(source: str) -> Any:
    with archived("scores", source) as (_, archive):
        names = [m.filename.removesuffix(".npy") for m in archive.infolist() if m.filename.endswith(".npy")]
    name = "scores" if "scores" in names else names[0] if len(names) == 1 else None
    if name is None:
        raise ArgumentError("scores", f"{source} with {', '.join(names[:12]) or 'no arrays'}", "call the array scores")
    return opened(source, (name,), (name,), "scores")[name]


def _trak(source: str) -> Any:
    """TRAK's, unless the record above its folder says that they are not finished: they are zeros till then."""
    path = Path(source)
    record = path.resolve().parent.parent / "experiments.json"
    if path.resolve().parent.name == "scores" and record.is_file():
        with reading("scores", record):
            told = read_json(record).get(path.stem, {})
            finished = told.get("scores_finalized", 1)
        if not finished:
            raise ArgumentError("scores", f"{source}, not finished", "finish them: TRAKer.finalize_scores")
    return single(source, "scores")


def _safe(source: str) -> Any:
    if "_module_partition" in Path(source).name:
        raise ArgumentError(
            "scores", f"{source}, of some modules only", "give kronfluence's pairwise_scores.safetensors"
        )
    return tensors.safe(source, content("scores", source, 6))


def _torch(source: str) -> Any:
    from empirical.attributions import saved_torch

    return saved_torch.read(source)


def _made(source: str, data: Callable[[], Data] | None) -> Any:
    maker = calls.imported("scores", source, f"give a {KINDS}")
    if getattr(maker, "makes_scores", False) is not True:
        remedy = "it does not say that it makes scores: mark it by @empirical.makes_scores"
        raise ArgumentError("scores", calls.shortened(source), remedy)
    if data is None:
        raise ArgumentError("scores", calls.shortened(source), "there are no data to call it with; give a file")
    return maker(data())


FILES: dict[str, Callable[[str], Any]] = {
    ".npy": lambda source: single(source, "scores"),
    ".mmap": _trak,
    ".npz": _archive,
    ".csv": _table,
    ".pt": _torch,
    ".pth": _torch,
    ".safetensors": _safe,
}
