"""A data set that Hugging Face's ``datasets`` saved by ``save_to_disk``: a column of labels, and one of texts or of images.

The folder holds Arrow's stream format and JSON, read by pyarrow alone: nothing is fetched, no path or address in it is followed,
and no code is run. Of a DatasetDict the split ``train`` is trained on, ``test`` or ``validation`` tested on.
"""

from __future__ import annotations

import io
import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.data.dataset import Dataset, encoded, split
from empirical.data.options import TEST_FRACTION, refuse, refuse_share
from empirical.data.sources.folder import decoded, edge
from empirical.data.sources.text import worded
from longtail.core import ArgumentError
from longtail.core.opened import content, reading, regular, shortened, within

COPIES = 8  # bytes of memory for a byte of a file: Arrow's, Python's strings, and the array of all texts
TESTED = ("test", "validation")
PACKED = 3  # where Arrow's format says of a batch of rows that it is compressed


def load(source: str, options: dict[str, Any]) -> Dataset:
    """``label`` names the column of labels, "label" unless told; ``text`` that of texts, where there are several; ``id``
    that of names.
    """
    refuse(options, "label", "text", "id", "test_fraction", "size")
    root, label = Path(source), str(options.get("label", "label"))
    train, test = _splits(root)
    tables = [Table.read(train)]
    tables.append(tables[0] if test is None else Table.read(test))
    kinds = [table.labels(label) for table in tables]
    if test is None:
        rows = split(len(kinds[0]), float(options.get("test_fraction", TEST_FRACTION)), int(options.get("seed", 0)))
    else:
        refuse_share(options, str(test))
        rows = np.arange(len(kinds[0])), np.arange(len(kinds[1]))

    def parts(columns: list[list[Any]]) -> list[list[Any]]:
        return [[values[i] for i in some] for values, some in zip(columns, rows, strict=True)]

    y, z, classes = encoded(f"label column {label}", *parts(kinds))
    kind, named = tables[0].shown(label, options)
    if kind == "text" and "size" in options:
        raise ArgumentError("size", options["size"], "these are texts, not images; leave it out")
    shown = parts([table.column(kind, named) for table in tables])
    names = (
        parts([table.column("id", options["id"]) for table in tables])
        if "id" in options
        else [r.tolist() for r in rows]
    )
    if kind == "text":
        data, note = worded(y, z, classes, *([str(text) for text in part] for part in shown))
        notes: tuple[str, ...] = (f"{note}, of {named}; other columns are left out",)
    else:
        x = _pixels(root / named, [*shown[0], *shown[1]], edge(options))
        data, notes = Data(x[: len(y)], y, x[len(y) :], z, classes), ()
    return Dataset(root.resolve().name, data, tuple(names[0]), tuple(names[1]), notes)


@dataclass(frozen=True)
class Table:
    """The columns of one split, each a list of pieces of Arrow's, and what ``datasets`` says that they are."""

    folder: Path
    names: tuple[str, ...]
    features: dict[str, Any]
    batches: tuple[Any, ...]

    @classmethod
    def read(cls, folder: Path) -> Table:
        """All of its files."""
        state, info = _json(folder / "state.json"), _json(folder / "dataset_info.json")
        files = state.get("_data_files")
        listed = [str(one.get("filename")) for one in files if isinstance(one, dict)] if isinstance(files, list) else []
        features = info.get("features")
        if state.get("_indices_files") or not listed or not isinstance(features, dict):
            remedy = "give a folder that datasets' save_to_disk wrote"
            raise ArgumentError("data", str(folder), f"it lists no files, or rows in another order: {remedy}")
        for name in listed:
            if Path(name).name != name:
                raise ArgumentError(
                    "data", shortened(f"{folder}, file {name}"), "it lies elsewhere: give a whole folder"
                )
        batches = tuple(batch for name in listed for batch in _batches(folder / name))
        names = tuple(batches[0].schema.names) if batches else ()
        if not batches or any(tuple(batch.schema.names) != names for batch in batches):
            raise ArgumentError("data", str(folder), "no rows, or files of different columns: give a whole data set")
        return cls(folder, names, features, batches)

    def column(self, argument: str, name: str) -> list[Any]:
        """A column's values, checked to be what its buffers hold; none missing."""
        if self.names.count(name) != 1:
            there = ", ".join(self.names[:12]) + (", ..." if len(self.names) > 12 else "")
            raise ArgumentError(argument, shortened(name), f"{self.folder.name} has the columns {shortened(there)}")
        place, values = self.names.index(name), []
        with reading("data", self.folder, f"column {shortened(name)}"):
            for batch in self.batches:
                batch.column(place).validate(full=True)
                if not _stored(batch.column(place).type):
                    raise ValueError(f"column {name} holds {batch.column(place).type}, not numbers, texts or images")
                values += batch.column(place).to_pylist()
        missing = [row for row, value in enumerate(values) if value is None]
        if missing:
            got = f"{len(missing)} empty cells in column {name} of {self.folder.name} (first in row {missing[0]})"
            raise ArgumentError("data", got, "fill them, or drop those rows")
        return values

    def labels(self, name: str) -> list[Any]:
        """Names of classes where ``datasets`` keeps them, else the values themselves."""
        values, feature = self.column("label", name), self.features.get(name)
        classes = feature.get("names") if isinstance(feature, dict) else None
        if not isinstance(classes, list):
            return values
        bad = [value for value in values if type(value) is not int or not 0 <= value < len(classes)]
        if bad:
            got = f"{len(bad)} labels such as {shortened(repr(bad[0]))} for {len(classes)} classes"
            raise ArgumentError("label", got, "drop the rows without a label, as those of a hidden test")
        return [str(classes[value]) for value in values]

    def shown(self, label: str, options: dict[str, Any]) -> tuple[str, str]:
        """ "text" or "image", and the column that examples are read off."""
        rest = [name for name in self.names if name not in (label, options.get("id"))]
        found = {
            "text": [name for name in rest if self._feature(name).get("dtype") in ("string", "large_string")],
            "image": [name for name in rest if self._feature(name).get("_type") == "Image"],
        }
        if "text" in options:
            return "text", str(options["text"])
        kinds = [kind for kind, names in found.items() if names]
        if len(kinds) == 1 and len(found[kinds[0]]) == 1:
            return kinds[0], found[kinds[0]][0]
        many = shortened(", ".join(found["text"] + found["image"])) or "none"
        raise ArgumentError(
            "data", f"columns of texts or images: {many}", "name one of texts by --text, or keep one only"
        )

    def _feature(self, name: str) -> dict[str, Any]:
        feature = self.features.get(name)
        return feature if isinstance(feature, dict) else {}


def _splits(root: Path) -> tuple[Path, Path | None]:
    """The folder to train on, and the one to test on, if there is one."""
    if (root / "state.json").is_file():
        return root, None
    if not (root / "train" / "state.json").is_file():
        raise ArgumentError("data", str(root), "it has no split train: name the folder of one split")
    return root / "train", next((root / name for name in TESTED if (root / name / "state.json").is_file()), None)


def _json(path: Path) -> dict[str, Any]:
    raw = content("data", path, 50)
    with reading("data", path):
        found = json.loads(raw)
    if not isinstance(found, dict):
        raise ArgumentError("data", str(path), "it is not what datasets' save_to_disk wrote")
    return found


def _batches(path: Path) -> Iterator[Any]:
    """Batches of rows, which take no more memory than their file: compressed ones, and words kept once, are refused."""
    try:
        import pyarrow
        from pyarrow import ipc
    except ImportError as error:
        raise ArgumentError("data", str(path), "reading it needs pyarrow: pip install 'longtail[parquet]'") from error
    with regular("data", path) as file, reading("data", path):
        within("data", path, COPIES * path.stat().st_size, "give fewer rows")
        schema = None
        for message in ipc.MessageReader.open_stream(pyarrow.BufferReader(file.read())):
            if message.type == "schema":
                schema = ipc.read_schema(message)
            elif message.type != "record batch" or schema is None or compressed(message.metadata.to_pybytes()):
                raise ValueError("its rows are compressed, or words are kept as numbers: save it by save_to_disk")
            else:
                yield ipc.read_record_batch(message, schema)


def compressed(metadata: bytes) -> bool:
    """Whether a batch's buffers are: Arrow's header is a flatbuffer, whose third table of a batch says it, where it is there."""

    def field(table: int, number: int) -> int:
        """Where a table's field lies; 0 where it has none."""
        (back,) = struct.unpack_from("<i", metadata, table)
        (length,) = struct.unpack_from("<H", metadata, table - back)
        place = 4 + 2 * number
        (offset,) = struct.unpack_from("<H", metadata, table - back + place) if place < length else (0,)
        return table + int(offset) if offset else 0

    (root,) = struct.unpack_from("<I", metadata, 0)
    header = field(root, 2)
    return bool(field(header + struct.unpack_from("<I", metadata, header)[0], PACKED))


def _stored(kind: Any) -> bool:
    """Whether values take as much room in the file as they do in memory, about: nothing that is said once and meant often."""
    from pyarrow import types

    if types.is_struct(kind):
        return all(_stored(kind.field(at).type) for at in range(kind.num_fields))
    held = (types.is_integer, types.is_floating, types.is_boolean, types.is_string, types.is_large_string)
    return any(is_it(kind) for is_it in (*held, types.is_binary, types.is_large_binary))


def _pixels(column: Path, cells: list[Any], size: int | None) -> NDArray[np.float32]:
    """Images in the file itself, of one size: a path or an address in place of one is not followed."""
    raw = [cell["bytes"] for cell in cells if isinstance(cell, dict) and isinstance(cell.get("bytes"), bytes)]
    if len(raw) < len(cells):
        raise ArgumentError("data", f"{column}: {len(cells) - len(raw)} images not in the file", "save them in it")
    first = decoded(column, io.BytesIO(raw[0]), size)
    got = f"{column} ({len(raw):,} images of {' × '.join(map(str, first.shape))})"
    within("data", got, 4 * len(raw) * math.prod(first.shape), "give fewer or smaller images")
    found = np.empty((len(raw), *first.shape), np.float32)
    for row, one in enumerate(raw):
        image = decoded(column, io.BytesIO(one), size)
        if size is not None and image.ndim < first.ndim:
            image = np.repeat(image[..., None], 3, 2)
        if image.shape != first.shape:
            sizes = f"{' × '.join(map(str, image.shape))} where the first is {' × '.join(map(str, first.shape))}"
            raise ArgumentError(
                "data", f"{column}, row {row}: {sizes}", "bring all images to one size and mode, or give --size"
            )
        found[row] = image
    return found
