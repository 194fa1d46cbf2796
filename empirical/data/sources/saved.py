"""A data set that Hugging Face's ``datasets`` saved by ``save_to_disk``: a column of labels, and one of texts, of images or of
arrays; or a table of numbers and words, as in ``table``.

Lists of numbers, all of one shape, are an example each where they are alone (as in ``npz``, on no other scale), and columns where
they are beside others. Of class labels the names are taken. The folder holds Arrow's stream format and JSON, read by pyarrow
alone: nothing is fetched, no path or address in it is followed, and no code is run. Of a DatasetDict the split ``train`` is
trained on, ``test`` or ``validation`` tested on.
"""

from __future__ import annotations

import io
import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.data.dataset import Dataset, encoded, finite, split
from empirical.data.options import TEST_FRACTION, refuse, refuse_share
from empirical.data.sources.folder import decoded, edge
from empirical.data.sources.table import KINDS, framed
from empirical.data.sources.text import worded
from longtail.core import ArgumentError
from longtail.core.opened import content, reading, regular, shortened, within

COPIES = 8  # bytes of memory for a byte of a file: Arrow's, Python's strings, and the array of all texts
TESTED = ("test", "validation")
PACKED = 3  # where Arrow's format says of a batch of rows that it is compressed


def load(source: str, options: dict[str, Any]) -> Dataset:
    """``label`` names the column of labels, "label" unless told; ``text`` that of texts, where there are several; ``id``
    that of names; ``missing`` what becomes of gaps in a table.
    """
    refuse(options, "label", "text", "id", "test_fraction", "size", "missing")
    root, label = Path(source), str(options.get("label", "label"))
    train, test = _splits(root)
    tables = [Table.read(train), *([] if test is None else [Table.read(test)])]
    if test is not None:
        refuse_share(options, str(test))
    kind, named = tables[0].shown(label, options)
    for name, meant, what in (("size", "image", "images"), ("missing", "table", "a table's gaps")):
        if name in options and kind != meant:
            raise ArgumentError(name, options[name], f"it is for {what}, and these are {kind}s; leave it out")
    if kind == "table":
        frames = [table.frame(label, options.get("id")) for table in tables]
        found = framed(str(root.resolve()), frames[0], None if test is None else (str(test), frames[1]), options)
        return replace(found, notes=(*found.notes, *tables[0].left_out(label, options.get("id"))))
    kinds = [table.labels(label) for table in tables]
    if test is None:
        rows = split(len(kinds[0]), float(options.get("test_fraction", TEST_FRACTION)), int(options.get("seed", 0)))
    else:
        rows = np.arange(len(kinds[0])), np.arange(len(kinds[1]))

    def both(columns: list[Any]) -> list[Any]:
        """What is trained on and tested on, of a column that was read once from each table: without a split of one."""
        return columns if test is not None else [columns[0], columns[0]]

    def parts(columns: list[list[Any]]) -> list[list[Any]]:
        return [[values[i] for i in some] for values, some in zip(both(columns), rows, strict=True)]

    y, z, classes = encoded(f"label column {label}", *parts(kinds))
    names = (
        parts([table.column("id", options["id"]) for table in tables])
        if "id" in options
        else [r.tolist() for r in rows]
    )
    notes: tuple[str, ...] = ()
    if kind == "array":
        arrays = both([table.array(named) for table in tables])
        x, x_test = (values[some] for values, some in zip(arrays, rows, strict=True))
        for part in (x, x_test):
            finite("data", part)
        data = Data(x, y, x_test, z, classes)
    elif kind == "text":
        shown = parts([table.column("text", named) for table in tables])
        data, note = worded(y, z, classes, *([str(text) for text in part] for part in shown))
        notes = (f"{note}, of {named}; other columns are left out",)
    else:
        shown = parts([table.column("image", named) for table in tables])
        x = _pixels(root / named, [*shown[0], *shown[1]], edge(options))
        data = Data(x[: len(y)], y, x[len(y) :], z, classes)
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
        batches = tuple(batch for name in listed for batch in _batches(folder / name) if batch.num_rows)
        names = tuple(batches[0].schema.names) if batches else ()
        if not batches or any(tuple(batch.schema.names) != names for batch in batches):
            raise ArgumentError("data", str(folder), "no rows, or files of different columns: give a whole data set")
        return cls(folder, names, features, batches)

    def pieces(self, argument: str, name: str) -> list[Any]:
        """A column of Arrow's, checked to be what its buffers hold."""
        if self.names.count(name) != 1:
            there = ", ".join(self.names[:12]) + (", ..." if len(self.names) > 12 else "")
            raise ArgumentError(argument, shortened(name), f"{self.folder.name} has the columns {shortened(there)}")
        place, found = self.names.index(name), []
        with reading("data", self.folder, f"column {shortened(name)}"):
            for batch in self.batches:
                piece = batch.column(place)
                piece.validate(full=True)
                piece = getattr(piece, "storage", piece)  # of an extension, as of arrays of two dimensions
                if not _stored(piece.type):
                    raise ValueError(f"column {name} holds {piece.type}, not numbers, texts or images")
                found.append(piece)
        return found

    def column(self, argument: str, name: str) -> list[Any]:
        """A column's values; none missing."""
        values = [value for piece in self.pieces(argument, name) for value in piece.to_pylist()]
        missing = [row for row, value in enumerate(values) if value is None]
        if missing:
            got = f"{len(missing)} empty cells in column {name} of {self.folder.name} (first in row {missing[0]})"
            raise ArgumentError("data", got, "fill them, or drop those rows")
        return values

    def array(self, name: str) -> NDArray[np.float32]:
        """A column of lists of numbers, or of lists of those, all of one shape: an array with a row's in each row."""
        from pyarrow import compute

        parts = []
        for piece in self.pieces("data", name):
            shape, values = [len(piece)], piece
            while _listed(values.type):
                lengths = compute.list_value_length(values).unique()
                if values.null_count or len(lengths) != 1:
                    got = f"lists of several lengths, or none, in column {name} of {self.folder.name}"
                    raise ArgumentError("data", got, "give every row as many numbers")
                shape.append(lengths[0].as_py())
                values = values.flatten()
            if values.null_count:
                got = f"{values.null_count} empty cells in column {name} of {self.folder.name}"
                raise ArgumentError("data", got, "fill them, or drop those rows")
            within("data", f"{self.folder}, column {name}", 8 * len(values), "give fewer rows")
            parts.append(values.to_numpy(zero_copy_only=False).astype(np.float32).reshape(shape))
        if len({part.shape[1:] for part in parts}) > 1:
            got = f"lists of several lengths in column {name} of {self.folder.name}"
            raise ArgumentError("data", got, "give every row as many numbers")
        return np.concatenate(parts)

    def frame(self, label: str, key: str | None) -> pd.DataFrame:
        """The columns that a table may have, words in place of class labels, with that of labels and that of names."""
        columns: dict[str, Any] = {label: self.labels(label)}
        if key is not None:
            columns[key] = self.column("id", key)
        for name in self._of("number", "text", "array"):
            if name in columns:
                continue
            if self.kind(name) == "array":
                values = self.array(name).reshape(self.count, -1)
                columns |= {f"{name}[{at}]": values[:, at] for at in range(values.shape[1])}
            elif self._classes(name) is not None:
                columns[name] = self.labels(name)
            elif self.kind(name) == "number":
                numbers = [piece.to_numpy(zero_copy_only=False) for piece in self.pieces("data", name)]
                columns[name] = np.concatenate(numbers)
            else:
                columns[name] = [value for piece in self.pieces("data", name) for value in piece.to_pylist()]
        return pd.DataFrame(columns)

    @property
    def count(self) -> int:
        """How many rows."""
        return sum(batch.num_rows for batch in self.batches)

    def kind(self, name: str) -> str:
        """ "text", "image", "array" or "number", by what ``datasets`` says and what is there; "" of another."""
        from pyarrow import types

        if self.names.count(name) != 1:
            return ""
        told, held = self._feature(name), self.batches[0].schema.field(name).type
        held = getattr(held, "storage_type", held)
        if told.get("_type") == "Image":
            return "image"
        if told.get("dtype") in ("string", "large_string") and (types.is_string(held) or types.is_large_string(held)):
            return "text"
        if _listed(held) and _stored(held):
            return "array"
        return "number" if types.is_integer(held) or types.is_floating(held) or types.is_boolean(held) else ""

    def left_out(self, *used: str | None) -> tuple[str, ...]:
        """A note of the columns that a table does not have, if there are any."""
        left = [name for name in self.names if name not in used and self.kind(name) in ("", "image")]
        return (f"left out: {shortened(', '.join(left))}",) if left else ()

    def _of(self, *kinds: str) -> list[str]:
        return [name for name in self.names if self.kind(name) in kinds]

    def _classes(self, name: str) -> list[Any] | None:
        classes = self._feature(name).get("names")
        return classes if isinstance(classes, list) else None

    def labels(self, name: str) -> list[Any]:
        """Names of classes where ``datasets`` keeps them, else the values themselves."""
        values, classes = self.column("label", name), self._classes(name)
        if classes is None:
            return values
        bad = [value for value in values if type(value) is not int or not 0 <= value < len(classes)]
        if bad:
            got = f"{len(bad)} labels such as {shortened(repr(bad[0]))} for {len(classes)} classes"
            raise ArgumentError("label", got, "drop the rows without a label, as those of a hidden test")
        return [str(classes[value]) for value in values]

    def shown(self, label: str, options: dict[str, Any]) -> tuple[str, str]:
        """ "text", "image" or "array" and the column that examples are read off, or "table" of several."""
        if "text" in options:
            return "text", str(options["text"])
        found: dict[str, list[str]] = {kind: [] for kind in ("text", "image", "array", "number")}
        for name in self._of(*found):
            if name not in (label, options.get("id")):
                found[self.kind(name)].append(name)
        texts, images, arrays, numbers = found.values()
        if len(images) == 1 and not texts:
            return "image", images[0]
        if len(texts) == 1 and not images and not ((numbers or arrays) and self._few(texts[0])):
            return "text", texts[0]
        if len(arrays) == 1 and not (texts or images or numbers):
            return "array", arrays[0]
        if (arrays or numbers) and not images:
            return "table", ""
        many = shortened(", ".join(texts + images)) or "none"
        raise ArgumentError(
            "data", f"columns of texts or images: {many}", "name one of texts by --text, or keep one only"
        )

    def _few(self, name: str) -> bool:
        """Whether words are of so few kinds, several rows of a kind, that they are a table's, beside its numbers."""
        values = (value for piece in self.pieces("text", name) for value in piece.to_pylist())
        return len(set(values)) <= min(KINDS, self.count // 2)

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
    if _listed(kind):
        inner = kind.value_type
        return _stored(inner) if _listed(inner) else types.is_integer(inner) or types.is_floating(inner)
    held = (types.is_integer, types.is_floating, types.is_boolean, types.is_string, types.is_large_string)
    return any(is_it(kind) for is_it in (*held, types.is_binary, types.is_large_binary))


def _listed(kind: Any) -> bool:
    """Lists that lie one after the other, none meant twice."""
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


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
