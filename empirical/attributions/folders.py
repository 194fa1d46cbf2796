"""Scores in a folder: bergson's, or a zarr array.

bergson (read: 2.5.1, score/score_writer.py and data.py) writes ``info.json`` (num_items, num_rows, num_scores, attribute_tokens,
dtype with names, formats, offsets and itemsize) and ``scores.bin``, a record a row with a number ``score_k`` and a flag
``written_k`` for each query k. A row is a training example, or, where ``candidates.npy`` lies beside, the one that it names;
with attribute_tokens it is a token, which is refused. More is better, but of its MAGIC, whose scores are of the loss.

Of zarr the metadata are read first: numbers in chunks of blosc, zstd, gzip and the like; a codec that unpickles is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from empirical.attributions.lists import Picked
from empirical.attributions.tensors import brain
from empirical.data.sources.arrays import single
from longtail.core import ArgumentError, whole
from longtail.core.files import read_json
from longtail.core.opened import content, reading, within

META = ("zarr.json", ".zarray", ".zgroup")
CODECS = {
    "bytes",
    "transpose",
    "blosc",
    "zstd",
    "gzip",
    "zlib",
    "lz4",
    "crc32c",
    "sharding_indexed",
    "shuffle",
    "bz2",
    "delta",
}
FORMATS = {"float64": "<f8", "float32": "<f4", "float16": "<f2", "bfloat16": "<u2"}
REMEDY = "give a folder that bergson wrote (info.json and scores.bin) or a zarr array"


def read(path: Path, picked: Picked = lambda shape: None) -> Any:
    """The scores in the folder, of a zarr array the ``picked`` columns of them.

    >>> read(Path("."))
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: scores: got .; give a folder that bergson wrote (info.json and scores.bin) or a zarr array
    """
    if (path / "scores.bin").exists():
        return _bergson(path)
    if any((path / name).exists() for name in META):
        return _zarr(path, picked)
    raise ArgumentError("scores", str(path), REMEDY)


def _bergson(path: Path) -> Any:
    with reading("scores", path, REMEDY):
        told = read_json(path / "info.json")
        if told.get("attribute_tokens"):
            got = f"{path}, a score for each token (attribute_tokens)"
            raise ArgumentError("scores", got, "score whole examples, or give their sums as a matrix")
        items, queries = (whole(name, told.get(name)) for name in ("num_items", "num_scores"))
        record = told["dtype"]
        size = whole("itemsize", record["itemsize"], 1, 2**31)
        places = dict(zip(record["names"], zip(record["formats"], record["offsets"], strict=True), strict=True))
        raw = content("scores", path / "scores.bin", 1 + 8 * items * queries / max(items * size, 1))
        if len(raw) != items * size:
            raise ValueError(f"scores.bin has {len(raw)} bytes where info.json promises {items * size}")
        rows = np.frombuffer(raw, np.uint8).reshape(items, size)
        out = np.empty((items, queries))
        for k in range(queries):
            (kind, start), (_, flag) = places[f"score_{k}"], places[f"written_{k}"]
            dtype = np.dtype(FORMATS[kind])
            if not (isinstance(start, int) and isinstance(flag, int) and 0 <= flag < size):
                raise ValueError(f"score_{k} is nowhere")
            if not 0 <= start <= size - dtype.itemsize:
                raise ValueError(f"score_{k} lies outside of its record")
            values = np.ascontiguousarray(rows[:, start : start + dtype.itemsize]).view(dtype)[:, 0]
            out[:, k] = brain(values) if kind == "bfloat16" else values
            unwritten = int((rows[:, flag] == 0).sum())
            if unwritten:
                raise ValueError(f"{unwritten} of {items} scores of query {k} are not written yet")
        if (path / "candidates.npy").exists():
            named = single(str(path / "candidates.npy"), "scores")
            if not np.array_equal(np.sort(named), np.arange(items)):
                got = f"{path}, of the {items} training examples only that candidates.npy names"
                raise ArgumentError("scores", got, "score all of them: give bergson no candidates")
            out[named] = out.copy()
    return out


def _zarr(path: Path, picked: Picked) -> Any:
    with reading("scores", path, REMEDY):
        for meta in (*path.rglob("zarr.json"), *path.rglob(".zarray")):
            strange = set(_codecs(read_json(meta))) - CODECS
            if strange:
                raise ValueError(f"{meta.name} names the codec {', '.join(sorted(map(str, strange)))}")
    try:
        import zarr
    except ImportError as error:
        raise ArgumentError(
            "scores", str(path), "reading zarr needs the extra zarr: pip install 'longtail[zarr]'"
        ) from error
    with reading("scores", path, REMEDY):
        found: Any = zarr.open(str(path), mode="r")
        if not hasattr(found, "shape"):
            names = [name for name, _ in found.arrays()]
            if len(names) != 1 and "scores" not in names:
                raise ValueError(f"it has arrays {', '.join(names) or 'none'}, and none called scores")
            found = found["scores" if "scores" in names else names[0]]
        if np.dtype(found.dtype).kind not in "fiub":
            raise ValueError(f"its values are of type {found.dtype}")
        columns = picked(tuple(found.shape))
        if columns is not None:
            within("scores", path, 9 * found.shape[0] * len(columns), "give fewer scores")
            return np.asarray(found.oindex[:, columns])
        within("scores", path, 9 * int(np.prod(found.shape)), "give fewer scores")
        return np.asarray(found[:])


def _codecs(told: Any) -> list[Any]:
    """Names of all codecs that a zarr array's metadata have, of format 2 or 3."""
    if told.get("node_type") == "group":
        return []
    steps = [told.get("compressor"), *(told.get("filters") or ()), *(told.get("codecs") or ())]
    steps += [one for step in steps if isinstance(step, dict) for one in _inner(step)]
    return [step.get("id", step.get("name")) for step in steps if isinstance(step, dict)]


def _inner(step: dict[str, Any]) -> list[Any]:
    of = step.get("configuration")
    if not isinstance(of, dict):
        return []
    return [*(of.get("codecs") or ()), *(of.get("index_codecs") or ())]
