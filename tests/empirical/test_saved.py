"""Data sets that ``datasets`` saved: read as it reads them, and nothing in a stranger's is followed, run or unpacked."""

from __future__ import annotations

import io
import json
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from empirical.data.fingerprint import digest
from empirical.data.load import load
from empirical.data.sources.saved import Table, compressed
from empirical.report.exhibits import exhibits
from longtail.core import ArgumentError

pytestmark = pytest.mark.extra
datasets = pytest.importorskip("datasets", reason="the library that saves such folders is not installed")
pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

WORDS = [f"the film of {k % 7} was {'fine' if k % 2 else 'dull'}" for k in range(20)]


def texts(count: int = 20) -> Any:
    features = {"words": datasets.Value("string"), "mood": datasets.ClassLabel(names=["bad", "good"])}
    columns = {"words": WORDS[:count], "mood": [k % 2 for k in range(count)]}
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    texts().save_to_disk(tmp_path / "texts", num_shards=2)
    return tmp_path / "texts"


def test_texts_are_those_that_datasets_reads(saved: Path) -> None:
    found, other = load(saved, label="mood", test_fraction=0.25), datasets.load_from_disk(saved)
    assert (found.data.n, found.data.n_test, found.data.classes) == (15, 5, ("bad", "good"))
    for part, ids, y in zip(found.data.texts, (found.train_ids, found.test_ids), ("train", "test"), strict=True):
        assert list(part) == [other[i]["words"] for i in ids]
        assert getattr(found.data, f"y_{y}").tolist() == [other[i]["mood"] for i in ids]
    assert sorted([*found.train_ids, *found.test_ids]) == list(range(20))
    assert exhibits(found).texts["test"][2] == other[found.test_ids[2]]["words"]


def test_splits_are_kept_and_rows_may_have_names(tmp_path: Path) -> None:
    every = texts().add_column("key", [f"k{k}" for k in range(20)])
    datasets.DatasetDict({"train": every.select(range(12)), "validation": every.select(range(12, 20))}).save_to_disk(
        tmp_path / "both"
    )
    found = load(tmp_path / "both", label="mood", id="key", text="words")
    assert found.train_ids == tuple(f"k{k}" for k in range(12))
    assert list(found.data.texts[1]) == WORDS[12:]
    with pytest.raises(ArgumentError, match="test_fraction"):
        load(tmp_path / "both", label="mood", text="words", test_fraction=0.5)
    with pytest.raises(ArgumentError, match="words, key"):
        load(tmp_path / "both", label="mood")


def test_images_are_their_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (12, 5, 4, 3)).astype(np.uint8)
    columns = {"picture": [Image.fromarray(x) for x in pixels], "label": [k % 3 for k in range(12)]}
    datasets.Dataset.from_dict(columns).cast_column("picture", datasets.Image()).save_to_disk(tmp_path / "pictures")
    found = load(tmp_path / "pictures")
    for x, ids in ((found.data.x_train, found.train_ids), (found.data.x_test, found.test_ids)):
        np.testing.assert_allclose(x, pixels[list(ids)] / 255, atol=1e-6)
    assert found.data.texts is None


def flowers(count: int = 24) -> Any:
    rng = np.random.default_rng(3)
    columns = {
        "height": rng.normal(size=count).tolist(),
        "petals": rng.integers(3, 9, count).tolist(),
        "scented": (rng.random(count) < 0.5).tolist(),
        "color": [("red", "blue", "white")[k % 3] for k in range(count)],
        "soil": [k % 2 for k in range(count)],
        "label": [k % 4 // 2 for k in range(count)],
    }
    kinds = {
        name: datasets.Value(kind) for name, kind in zip(columns, ("float64", "int8", "bool", "string"), strict=False)
    }
    kinds |= {
        "soil": datasets.ClassLabel(names=["clay", "sand"]),
        "label": datasets.ClassLabel(names=["rose", "daisy"]),
    }
    return datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))


def test_a_table_is_what_the_same_csv_is(tmp_path: Path) -> None:
    made = flowers()
    made.save_to_disk(tmp_path / "flowers", num_shards=3)
    frame = made.to_pandas()
    for name in ("soil", "label"):
        frame[name] = [made.features[name].names[code] for code in frame[name]]
    frame.to_csv(tmp_path / "flowers.csv", index=False)
    found, same = load(tmp_path / "flowers"), load(tmp_path / "flowers.csv")
    assert found.data.classes == same.data.classes == ("daisy", "rose")
    assert (found.train_ids, found.test_ids) == (same.train_ids, same.test_ids)
    for part in ("x_train", "x_test"):
        np.testing.assert_allclose(getattr(found.data, part), getattr(same.data, part), atol=1e-6)
    assert found.data.x_train.shape == (19, 3 + 3 + 2)
    assert "soil sand" in found.rows[0][1]
    splits = {"train": made.select(range(16)), "test": made.select(range(16, 24)).remove_columns("color")}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "both")
    with pytest.raises(ArgumentError, match="lacks the columns color"):
        load(tmp_path / "both")


def test_gaps_and_what_is_no_number_are_said(tmp_path: Path) -> None:
    made = flowers().to_dict()
    made["height"][2] = made["color"][5] = None
    picture = [{"path": "a", "size": 1}] * 24
    datasets.Dataset.from_dict(made | {"source": picture}, features=None).save_to_disk(tmp_path / "gappy")
    with pytest.raises(ArgumentError, match="NaN or infinite in gappy"):
        load(tmp_path / "gappy")
    found = load(tmp_path / "gappy", missing="drop")
    assert found.data.n + found.data.n_test == 22
    assert not {2, 5} & {*found.train_ids, *found.test_ids}
    assert found.notes[-1] == "left out: source"
    texts().save_to_disk(tmp_path / "texts")
    for option, value in (("missing", "drop"), ("size", 8)):
        with pytest.raises(ArgumentError, match=f"{option}: got .*these are texts; leave it out"):
            load(tmp_path / "texts", label="mood", **{option: value})


@pytest.mark.parametrize("kind", ["lists", "fixed", "two dimensions"])
def test_arrays_are_taken_as_they_are(tmp_path: Path, kind: str) -> None:
    x = np.random.default_rng(4).normal(size=(12, 3, 2) if kind == "two dimensions" else (12, 3)).astype(np.float32)
    feature = {
        "lists": datasets.Sequence(datasets.Value("float32")),
        "fixed": datasets.Sequence(datasets.Value("float32"), length=3),
        "two dimensions": datasets.Array2D((3, 2), "float32"),
    }[kind]
    columns = {"vector": x.tolist(), "label": [k % 2 for k in range(12)]}
    features = datasets.Features({"vector": feature, "label": datasets.Value("int64")})
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(tmp_path / "arrays", num_shards=2)
    found = load(tmp_path / "arrays")
    for part, ids in ((found.data.x_train, found.train_ids), (found.data.x_test, found.test_ids)):
        np.testing.assert_array_equal(part, x[list(ids)])
    wide = datasets.Dataset.from_dict(
        {**columns, "more": list(range(12))}, features=datasets.Features({**features, "more": datasets.Value("int64")})
    )
    wide.save_to_disk(tmp_path / "wide")
    assert load(tmp_path / "wide").data.x_train.shape == (10, x[0].size + 1)
    if kind == "lists":
        columns["vector"][4] = [1.0]
        datasets.Dataset.from_dict(columns, features=features).save_to_disk(tmp_path / "ragged")
        with pytest.raises(ArgumentError, match="lists of several lengths"):
            load(tmp_path / "ragged")


def test_without_a_split_to_test_on_each_column_is_read_once(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    pieces = Table.pieces

    def counted(self: Table, argument: str, name: str) -> list[Any]:
        read.append(name)
        return pieces(self, argument, name)

    monkeypatch.setattr(Table, "pieces", counted)
    columns = {"vector": [[float(k), 1.0] for k in range(12)], "label": [k % 2 for k in range(12)]}
    for name in ("arrays", "pictures"):
        made = {**columns, "vector": [Image.new("L", (2, 2), k) for k in range(12)]} if name == "pictures" else columns
        datasets.Dataset.from_dict(made).save_to_disk(saved / name)
        load(saved / name)
        assert sorted(read) == ["label", "vector"]
        read.clear()
    load(saved, label="mood")
    assert sorted(read) == ["mood", "words"]


def test_the_order_of_words_tells_data_apart(tmp_path: Path) -> None:
    """TF-IDF does not know it, what reads does."""
    for name, words in (("one", WORDS), ("other", [" ".join(w.split()[::-1]) for w in WORDS])):
        lines = "\n".join(f"{'good' if k % 2 else 'bad'}\t{w}" for k, w in enumerate(words))
        (tmp_path / f"{name}.txt").write_text(lines)
    one, other = (load(tmp_path / f"{name}.txt").data for name in ("one", "other"))
    np.testing.assert_allclose(one.x_train, other.x_train)
    assert digest(one) != digest(other)


def rewritten(folder: Path, column: Any, **changes: Any) -> None:
    """The folder with its one file's words in place of them, and ``changes`` to what is said of its columns."""
    for path in folder.glob("*.arrow"):
        path.unlink()
    table = pyarrow.table({"words": column, "mood": [k % 2 for k in range(len(column))]})
    options = pyarrow.ipc.IpcWriteOptions(compression=changes.pop("compression", None))
    with pyarrow.ipc.new_stream(folder / "data.arrow", table.schema, options=options) as writer:
        writer.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
    info = json.loads((folder / "dataset_info.json").read_text())
    info["features"] |= changes
    (folder / "dataset_info.json").write_text(json.dumps(info))


def test_what_would_unpack_to_more_than_its_file_is_refused(saved: Path) -> None:
    rewritten(saved, WORDS)
    assert load(saved, label="mood").data.n == 16
    for compression in ("zstd", "lz4"):
        rewritten(saved, ["x" * 2**20] * 20, compression=compression)
        assert (saved / "data.arrow").stat().st_size < 2**17
        with pytest.raises(ArgumentError, match="compressed"):
            load(saved, label="mood")
    rewritten(saved, pyarrow.array(WORDS).dictionary_encode())
    with pytest.raises(ArgumentError, match="words are kept as numbers"):
        load(saved, label="mood")
    rewritten(saved, pyarrow.nulls(10**4))
    with pytest.raises(ArgumentError, match="not numbers, texts"):
        load(saved, label="mood", text="words")


@pytest.mark.parametrize("kind", ["stream", "stream with a dictionary"])
def test_whether_a_batch_is_compressed_is_read_off_its_header(kind: str) -> None:
    column = pyarrow.array(["aa", "bb"] * 50)
    table = pyarrow.table({"a": column.dictionary_encode() if "dictionary" in kind else column, "b": range(100)})
    for compression in (None, "zstd", "lz4"):
        raw = io.BytesIO()
        options = pyarrow.ipc.IpcWriteOptions(compression=compression)
        with pyarrow.ipc.new_stream(raw, table.schema, options=options) as writer:
            writer.write_table(table)
        batches = [m for m in pyarrow.ipc.MessageReader.open_stream(raw.getvalue()) if m.type == "record batch"]
        assert batches
        assert all(compressed(m.metadata.to_pybytes()) is (compression is not None) for m in batches)


def test_a_path_in_place_of_an_image_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret.png"
    Image.new("L", (4, 4)).save(secret)
    features = datasets.Features({"picture": datasets.Image(), "label": datasets.Value("int64")})
    for place in (str(secret), "https://example.org/secret.png"):
        columns = {"picture": [{"path": place, "bytes": None}] * 6, "label": [0, 1] * 3}
        table = pyarrow.table(columns, schema=features.arrow_schema)
        shutil.rmtree(tmp_path / "pictures", ignore_errors=True)
        _plain(table, tmp_path / "pictures")
        monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("something is fetched"))
        with pytest.raises(ArgumentError, match="6 images not in the file"):
            load(tmp_path / "pictures")


def _plain(table: Any, folder: Path) -> None:
    """As an older ``datasets`` saved it, which did not take images in."""
    folder.mkdir()
    with pyarrow.ipc.new_stream(folder / "data.arrow", table.schema) as writer:
        writer.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
    features = {"picture": {"_type": "Image"}, "label": {"dtype": "int64", "_type": "Value"}}
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))


def test_folders_that_cannot_serve_are_refused(saved: Path) -> None:
    def refused(match: str, **options: Any) -> None:
        with pytest.raises(ArgumentError, match=match):
            load(saved, **{"label": "mood", **options})

    refused("has the columns words, mood", label="label")
    refused("no such option", test="other.csv")
    state, info = ((saved / name).read_text() for name in ("state.json", "dataset_info.json"))
    (saved / "state.json").write_text(json.dumps({"_data_files": [{"filename": "../texts/data-00000-of-00002.arrow"}]}))
    refused("lies elsewhere")
    for broken in ("[]", "{}", "{", json.dumps({"_data_files": []}), json.dumps({"_data_files": [3]})):
        (saved / "state.json").write_text(broken)
        refused("data: ")
    (saved / "state.json").write_text(state)
    (saved / "dataset_info.json").write_text(info.replace('"bad"', "3").replace('"good"', "").replace("3,", "3"))
    refused("labels such as 1 for 1 classes")
    (saved / "dataset_info.json").write_text(info)
    rewritten(saved, [*WORDS[:-1], None])
    refused("1 empty cells in column words")
    other = json.dumps({"features": {"words": {"dtype": "int64"}, "mood": {"names": ["bad", "good"]}}})
    (saved / "dataset_info.json").write_text(other)
    refused("columns of texts or images: none")


def test_broken_bytes_are_an_answer_or_an_error(saved: Path) -> None:
    """Flipped, cut short or doubled: a data set or one line, and nothing else."""
    rng, rights, wrongs = np.random.default_rng(5), 0, []
    kept = {path: path.read_bytes() for path in saved.iterdir()}
    for _ in range(300):
        path = list(kept)[rng.integers(len(kept))]
        raw = bytearray(kept[path])
        way, at = rng.integers(3), int(rng.integers(len(raw)))
        if way == 0:
            raw[at] ^= 1 << int(rng.integers(8))
        elif way == 1:
            del raw[at:]
        else:
            raw[at:at] = raw[: int(rng.integers(64))]
        path.write_bytes(raw)
        try:
            load(saved, label="mood")
            rights += 1
        except ArgumentError as error:
            wrongs.append(str(error))
        path.write_bytes(kept[path])
    assert rights > 30
    assert len(wrongs) > 30
    assert not any("\n" in said for said in wrongs)
