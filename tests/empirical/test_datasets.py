"""Data sets in their official layouts, the user's own files, the published scores, and what is refused."""

import gzip
import struct
import subprocess
import sys
import zipfile
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from empirical.data import Data
from empirical.dataset import Dataset, encoded, split
from empirical.datasets import load, load_published, load_published_pairs
from empirical.datasets.planted import memorization, planted
from empirical.designs import Bernoulli, Fixed
from empirical.learners import KNN
from empirical.memorization import memorization_cells
from empirical.run import Job, run
from longtail import Zipf
from longtail.core import ArgumentError
from tests.empirical.places import real


def test_digits_are_there():
    digits = load("digits")
    assert (digits.data.n, digits.data.n_test, digits.data.labels) == (1500, 297, 10)
    assert digits.data.x_train.max() == 1.0
    assert "10 classes, from" in digits.imbalance


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_idx_sets_are_read_in_original_order(name):
    found = load(name, data_dir=real(name)).data
    assert found.x_train.shape == (60_000, 28, 28)
    assert found.x_test.shape == (10_000, 28, 28)
    assert found.x_train.dtype == np.float32
    assert found.x_train.max() == 1.0
    first = {"mnist": [5, 0, 4, 1, 9], "fashion_mnist": [9, 0, 0, 3, 0]}[name]
    assert found.y_train[:5].tolist() == first
    assert (np.bincount(found.y_train) > 5000).all()


@pytest.fixture(scope="module")
def cifar100(tmp_path_factory):
    source = real("cifar100")
    folder = tmp_path_factory.mktemp("cifar100")
    subprocess.run([sys.executable, source / "cifar100" / "unpack.py", folder], check=True, capture_output=True)
    return folder


def test_cifar100_is_read_in_original_order(cifar100):
    found = load("cifar100", data_dir=cifar100).data
    assert found.x_train.shape == (50_000, 32, 32, 3)
    assert found.classes[:2] == ("apple", "aquarium_fish")
    assert (np.bincount(found.y_train) == 500).all()
    raw = np.fromfile(cifar100 / "cifar-100-binary" / "train.bin", np.uint8).reshape(-1, 3074)
    assert (found.y_train == raw[:, 1]).all()
    assert np.allclose(found.x_train[7, :, :, 1], raw[7, 2 + 1024 : 2 + 2048].reshape(32, 32) / 255)
    scores = load_published("cifar100", data_dir=real("feldman_zhang"))
    pairs = load_published_pairs("cifar100", data_dir=real("feldman_zhang"))
    same = found.y_train[pairs["train_index"]] == found.y_test[pairs["test_index"]]
    assert same.all()  # published pairs are of one class: the order is the original one
    assert np.allclose(scores["memorization"].to_numpy()[pairs["train_index"]], pairs["memorization"])


def test_published_scores():
    root = real("feldman_zhang")
    scores = load_published("cifar100", data_dir=root)
    assert (scores["memorization"] >= 0.25).mean() == pytest.approx(0.362, abs=5e-4)
    assert (scores["index"] == np.arange(50_000)).all()
    for name, count, tests in (("cifar100", 1015, 888), ("imagenet", 1641, 1462)):
        pairs = load_published_pairs(name, data_dir=root)
        assert len(pairs) == count
        assert pairs["test_index"].nunique() == tests
        assert pairs["influence"].min() >= 0.15
    with pytest.raises(ArgumentError, match="pairs"):
        load_published("imagenet", data_dir=root)


def test_cifar10_from_a_folder_and_from_its_archive(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name in [f"data_batch_{k}.bin" for k in range(1, 6)] + ["test_batch.bin"]:
        table = rng.integers(0, 256, (4, 3073), np.uint8)
        table[:, 0] %= 10
        table.tofile(folder / name)
    found = load("cifar10", data_dir=tmp_path).data
    assert found.x_train.shape == (20, 32, 32, 3)
    import tarfile

    (tmp_path / "zipped").mkdir()
    with tarfile.open(tmp_path / "zipped" / "cifar-10-binary.tar.gz", "w:gz") as tar:
        tar.add(folder, "cifar-10-batches-bin")
    again = load("cifar10", data_dir=tmp_path / "zipped").data
    assert np.array_equal(found.x_train, again.x_train)
    (folder / "test_batch.bin").write_bytes(b"abc")
    with pytest.raises(ArgumentError, match="whole records"):
        load("cifar10", data_dir=tmp_path)
    (tmp_path / "pickled" / "cifar-10-batches-py").mkdir(parents=True)
    with pytest.raises(ArgumentError, match="pickled"):
        load("cifar10", data_dir=tmp_path / "pickled")


def write_idx(path, values, zipped):
    raw = bytes((0, 0, 8, values.ndim)) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()
    path.write_bytes(gzip.compress(raw) if zipped else raw)


@pytest.mark.parametrize("zipped", [True, False])
def test_idx_files_zipped_or_not(tmp_path, zipped):
    end = ".gz" if zipped else ""
    for part, n in (("train", 5), ("t10k", 3)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte{end}", np.full((n, 28, 28), 255, np.uint8), zipped)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte{end}", np.arange(n, dtype=np.uint8), zipped)
    assert load("mnist", data_dir=tmp_path).data.n == 5
    write_idx(tmp_path / f"t10k-images-idx3-ubyte{end}", np.zeros((3, 27, 28), np.uint8), zipped)
    with pytest.raises(ArgumentError, match="27 × 28"):
        load("mnist", data_dir=tmp_path)
    (tmp_path / f"t10k-images-idx3-ubyte{end}").write_bytes(b"\x1f\x8bnonsense")
    with pytest.raises(ArgumentError, match=r"read|IDX"):
        load("mnist", data_dir=tmp_path)
    (tmp_path / f"train-labels-idx1-ubyte{end}").unlink()
    with pytest.raises(ArgumentError, match="train-labels"):
        load("mnist", data_dir=tmp_path)


def test_the_environment_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LONGTAIL_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(ArgumentError, match="no such folder"):
        load("mnist")


def table(n=30):
    rng = np.random.default_rng(1)
    label = np.where(rng.random(n) < 0.5, "cat", "dog")
    return pd.DataFrame(
        {
            "animal": label,
            "weight": rng.normal(size=n) + (label == "dog"),
            "color": rng.choice(["red", "blue"], n),
            "key": [f"row-{i}" for i in range(n)],
        }
    )


@pytest.mark.parametrize("suffix", ["csv", pytest.param("parquet", marks=pytest.mark.extra)])
def test_tables_carry_row_names_through(tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    frame = table()
    path = tmp_path / f"t.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    found = load(path, label="animal", id="key")
    assert found.data.classes == ("cat", "dog")
    assert (found.data.n, found.data.n_test) == (24, 6)
    assert found.data.x_train.shape[1] == 3
    assert set(found.train_ids) | set(found.test_ids) == set(frame["key"])
    row = frame.set_index("key").loc[list(found.train_ids)]
    assert (np.array(found.data.classes)[found.data.y_train] == row["animal"]).all()
    assert found.data.x_train.mean(0) == pytest.approx(0, abs=1e-6)
    plain = load(path, label="animal", test=path) if suffix == "csv" else None
    if plain is not None:
        assert plain.train_ids == tuple(range(30)) == plain.test_ids
    with pytest.raises(ArgumentError, match="animal, weight"):
        load(path, label="species")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda f: f.assign(animal=np.linspace(0, 1, 30)), "regression"),
        (lambda f: f.assign(animal=[None, *f["animal"][1:]]), "missing labels"),
        (lambda f: f.assign(weight=[np.nan, *f["weight"][1:]]), "NaN"),
        (lambda f: f.assign(color=[f"c{i}" for i in range(30)] * 1).assign(many=range(30)), None),
        (
            lambda f: pd.concat([f.assign(color=[f"c{i}{k}" for i in range(30)]) for k in range(3)]),
            "more than 32 kinds",
        ),
    ],
)
def test_tables_that_cannot_serve_are_refused(tmp_path, change, named):
    path = tmp_path / "t.csv"
    change(table()).to_csv(path, index=False)
    if named is None:
        assert load(path, label="animal", id="key").data.n == 24
        return
    with pytest.raises(ArgumentError, match=named):
        load(path, label="animal", id="key")


@pytest.mark.parametrize("end", ["csv", "test"])
def test_classes_and_row_names_may_be_words_for_nothing(tmp_path, end):
    """Only an empty cell is a missing label; of numbers, "NA" is one as well."""
    frame = table().assign(animal=["NA", "null", "None", "nan", "cat"] * 6, key=["null", "NA", "nan"] * 10)
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    found = load(path, label="animal", id="key", **({"test": path} if end == "test" else {}))
    assert found.data.classes == ("NA", "None", "cat", "nan", "null")
    assert set(found.train_ids) == {"null", "NA", "nan"}
    texts = frame.assign(words=[f"{v} film" for v in frame["animal"][:-1]] + [""])
    texts.to_csv(path, index=False)
    assert load(path, label="animal", text="words").data.x_train.shape[1] == 6
    for gone in ("", "NA"):
        frame.assign(animal=[gone, *range(29)]).to_csv(path, index=False)
        with pytest.raises(ArgumentError, match="1 missing labels"):
            load(path, label="animal", id="key")
    frame.assign(animal=["", *frame["animal"][1:]]).to_csv(path, index=False)
    with pytest.raises(ArgumentError, match="1 missing labels"):
        load(path, label="animal", id="key")


IDS = {
    "padded": [f"{i:05d}" for i in range(30)],
    "hexadecimal": [f"{i}e{i % 7}" for i in range(30)],
    "long": [str(76561198000000000 + i) for i in range(30)],
    "decimals": [f"{20240000000001 + i}.50" for i in range(30)],
    "a word for nothing": [*map(str, range(29)), "NA"],
}


@pytest.mark.parametrize("names", IDS.values(), ids=IDS)
def test_row_names_come_through_as_they_are_written(tmp_path, names):
    path = tmp_path / "t.csv"
    table().assign(key=names).to_csv(path, index=False)
    for found in (load(path, label="animal", id="key"), load(path, label="animal", id="key", test=path)):
        assert set(found.train_ids) | set(found.test_ids) == set(names)


@pytest.mark.parametrize("end", ["source", "test"])
def test_a_row_without_its_name_is_refused(tmp_path, end):
    whole, gaps = tmp_path / "whole.csv", tmp_path / "gaps.csv"
    table().assign(key=range(30)).to_csv(whole, index=False)
    table().assign(key=[*range(3), "", *range(8), "", *range(17)]).to_csv(gaps, index=False)
    files = {"source": whole, "test": whole} | {end: gaps}
    with pytest.raises(ArgumentError, match=r"id: got 2 empty cells in column key of gaps\.csv .*: 4, 13\); fill them"):
        load(**files, label="animal", id="key")


@pytest.mark.parametrize(
    ("written", "classes"),
    [
        (("01", "02"), ("01", "02")),
        (("1e3", "10"), ("10", "1e3")),
        (("1", "2"), (1, 2)),
        (("1.0", "2.00"), (1, 2)),
        ((" -1", "2"), (-1, 2)),
        (("True", "False"), (False, True)),
        (("18446744073709551615", "3"), ("18446744073709551615", "3")),
    ],
    ids=str,
)
def test_labels_are_numbers_where_their_text_says_no_more(tmp_path, written, classes):
    table().assign(animal=written * 15).to_csv(tmp_path / "t.csv", index=False)
    assert load(tmp_path / "t.csv", label="animal", id="key").data.classes == classes


@pytest.mark.parametrize("row", [0, 7, 29])
@pytest.mark.parametrize("gone", ["", "NA", "inf", "1e300"])
def test_a_missing_number_is_named_by_its_row_in_the_file(tmp_path, row, gone):
    frame = table()
    weight = frame["weight"].astype(object)
    weight[row] = gone
    path, other = tmp_path / "t.csv", tmp_path / "whole.csv"
    frame.assign(weight=weight).to_csv(path, index=False)
    frame.to_csv(other, index=False)
    where = rf"1 values .* in t\.csv \(first in row {row + 1} below the header, column weight\)"
    for files in ({"source": path}, {"source": path, "test": other}, {"source": other, "test": path}):
        with pytest.raises(ArgumentError, match=where):
            load(**files, label="animal", id="key")


@pytest.mark.parametrize("suffix", ["csv", pytest.param("parquet", marks=pytest.mark.extra)])
@pytest.mark.parametrize("values", [["", "red", "blue"] * 10, [None, "NA", "red"] * 10, [True, False, None] * 10])
def test_missing_words_are_refused(tmp_path, values, suffix):
    """They would be a kind of their own that nobody named; a class may be called NA, a feature's value not."""
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    gaps, whole = table().assign(color=[None if v == "" else v for v in values]), table()
    paths = [tmp_path / f"{name}.{suffix}" for name in ("gaps", "whole")]
    for path, frame in zip(paths, (gaps, whole), strict=True):
        frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    missing = 20 if suffix == "csv" and "NA" in values else 10
    for files in ({"source": paths[0]}, {"source": paths[1], "test": paths[0]}):
        with pytest.raises(
            ArgumentError, match=rf"{missing} empty cells in column color of gaps\.\w+ \(rows .*: [13], "
        ):
            load(**files, label="animal", id="key")


@pytest.mark.extra
@pytest.mark.parametrize("cell", [[1.5, 2.5], {"a": 1}], ids=["list", "record"])
def test_a_column_of_lists_is_refused(tmp_path, cell):
    pytest.importorskip("pyarrow")
    table().assign(color=[cell] * 30).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(
        ArgumentError, match=r"lists in column color of t\.parquet; give each of their numbers a column"
    ):
        load(tmp_path / "t.parquet", label="animal", id="key")


def test_words_where_the_training_file_has_numbers(tmp_path):
    table().to_csv(tmp_path / "a.csv", index=False)
    table().assign(weight="?").to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(ArgumentError, match="words in column weight"):
        load(tmp_path / "a.csv", label="animal", id="key", test=tmp_path / "b.csv")


def test_a_table_without_features(tmp_path):
    table()[["animal", "key"]].to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ArgumentError, match="at least one feature"):
        load(tmp_path / "a.csv", label="animal", id="key")


def npz(path, **change):
    rng = np.random.default_rng(2)
    parts = {
        "X_train": rng.normal(size=(9, 4)),
        "y_train": np.arange(9) % 3,
        "X_test": rng.normal(size=(5, 4)),
        "y_test": np.arange(5) % 3,
    }
    np.savez(path, **{k: v for k, v in (parts | change).items() if v is not None})
    return path


def test_arrays_are_read(tmp_path):
    found = load(npz(tmp_path / "a.npz", train_ids=np.arange(100, 109)))
    assert found.train_ids == tuple(range(100, 109))
    assert found.data.x_train.dtype == np.float32
    words = load(npz(tmp_path / "b.npz", y_train=np.array(list("abcabcabc")), y_test=np.array(list("abcab"))))
    assert words.data.classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"y_train": None}, "y_train"),
        ({"X_train": np.full((9, 4), np.nan)}, "NaN"),
        ({"X_train": np.full((9, 4), 1e300)}, "36 values that are NaN or infinite"),
        ({"X_train": np.ones((8, 4))}, "8 rows for 9 labels"),
        ({"X_test": np.ones((5, 3))}, "one shape"),
        ({"y_train": np.eye(9)[:, :3]}, "several labels leave open"),
        ({"y_train": np.linspace(0, 1, 9)}, "regression"),
        ({"X_train": np.array([{}] * 9, object)}, "pickled"),
        ({"train_ids": np.arange(3)}, "train_ids: got 3 names"),
        ({"train_ids": np.float64(2)}, r"train_ids: got names of shape \(\)"),
        ({"test_ids": np.arange(10).reshape(5, 2)}, r"test_ids: got names of shape \(5, 2\)"),
        ({"y_train": np.int64(3)}, "one label for all"),
        ({"X_train": np.ones((0, 4)), "y_train": np.arange(0)}, "x_train: got no examples"),
        ({"X_test": np.ones((0, 4)), "y_test": np.arange(0)}, "x_test: got no examples"),
        ({"X_train": np.ones((9, 0)), "X_test": np.ones((5, 0))}, "at least one feature"),
    ],
)
def test_arrays_that_cannot_serve_are_refused(tmp_path, change, named):
    with pytest.raises(ArgumentError, match=named):
        load(npz(tmp_path / "a.npz", **change))


def images(root, n=6, size=(5, 4)):
    rng = np.random.default_rng(3)
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for k in range(n):
            Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(root / name / f"{k}.png")
    return root


def test_a_folder_of_images(tmp_path):
    found = load(images(tmp_path / "pets"))
    assert found.data.x_train.shape == (10, 5, 4, 3)
    assert found.data.classes == ("cat", "dog")
    assert set(found.train_ids + found.test_ids) == {f"{c}/{k}.png" for c in ("cat", "dog") for k in range(6)}
    images(tmp_path / "two" / "train")
    images(tmp_path / "two" / "test", 2)
    assert load(tmp_path / "two").data.n_test == 4
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "pets" / "dog" / "other.png")
    with pytest.raises(ArgumentError, match=r"other.png: 9 × 9 × 3 where 0.png is 5 × 4 × 3"):
        load(tmp_path / "pets")
    (tmp_path / "pets" / "dog" / "other.png").write_bytes(b"no image")
    with pytest.raises(ArgumentError, match="not an image"):
        load(tmp_path / "pets")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArgumentError, match="0 images"):
        load(tmp_path / "empty")


def save(path, values, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values)).save(path, **more)


RAMP = np.arange(20).reshape(4, 5)


def like_ramp(path):
    """The pixels of one image file, loaded from a folder of three."""
    root = path.parent
    for k in range(3):
        (root / "all" / "a").mkdir(parents=True, exist_ok=True)
        (root / "all" / "a" / f"{k}{path.suffix}").write_bytes(path.read_bytes())
    return load(root / "all").data.x_train[0]


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_images_of_sixteen_bits_are_not_clipped(tmp_path, suffix):
    deep = (RAMP * 3000).astype(np.uint16)
    if suffix == "pgm":
        (tmp_path / "x.pgm").write_bytes(b"P5 5 4 65535\n" + deep.astype(">u2").tobytes())
    else:
        save(tmp_path / f"x.{suffix}", deep)
    assert like_ramp(tmp_path / f"x.{suffix}") == pytest.approx(deep / 65535, abs=1e-7)


@pytest.mark.parametrize("values", [RAMP.astype(np.int32) * 10_000, -RAMP.astype(np.int32), RAMP.astype(np.float32)])
def test_pixels_beyond_sixteen_bits_are_refused(tmp_path, values):
    save(tmp_path / "x.tif", values)
    with pytest.raises(ArgumentError, match=r"0\.tif.*8 or 16 bits"):
        like_ramp(tmp_path / "x.tif")


def test_palettes_and_transparent_pixels(tmp_path):
    """What cannot be seen does not teach: hidden colors become the page's white."""
    color = np.stack([RAMP * 9, RAMP * 5, 255 - RAMP], -1).astype(np.uint8)
    Image.fromarray(color).quantize(64).save(tmp_path / "p.png")
    assert like_ramp(tmp_path / "p.png") == pytest.approx(color / 255, abs=0.01)
    alpha = np.where(RAMP % 2, 255, 0).astype(np.uint8)[..., None]
    save(tmp_path / "rgba.png", np.concatenate([color, alpha], -1))
    assert like_ramp(tmp_path / "rgba.png") == pytest.approx(np.where(alpha, color, 255) / 255)
    gray = (RAMP * 9).astype(np.uint8)
    save(tmp_path / "la" / "la.png", np.stack([gray, alpha[..., 0]], -1))
    assert like_ramp(tmp_path / "la" / "la.png") == pytest.approx(np.where(alpha[..., 0], gray, 255) / 255)
    save(tmp_path / "l" / "l.png", gray, transparency=9)
    assert like_ramp(tmp_path / "l" / "l.png") == pytest.approx(np.where(gray == 9, 255, gray) / 255)


def test_an_image_that_promises_gigabytes_is_refused(tmp_path):
    pets = images(tmp_path / "pets")
    (pets / "cat" / "bomb.pgm").write_bytes(b"P5 60000 60000 255\n")
    with pytest.raises(ArgumentError, match=r"bomb\.pgm.*decompression bomb"):
        load(pets)
    (pets / "cat" / "bomb.pgm").write_bytes(b"P5 5 4 255\n")
    with pytest.raises(ArgumentError, match=r"bomb\.pgm.*can be read"):
        load(pets)


def test_folders_as_systems_leave_them(tmp_path):
    """Hidden files are passed over, endings may be capitals, and images that would be left out are refused."""
    pets = images(tmp_path / "pets")
    for name in (".DS_Store", "cat/.DS_Store", "cat/._0.png", "notes.txt", "cat/Thumbs.db"):
        (pets / name).write_bytes(b"no image")
    images(pets / ".ipynb_checkpoints")
    (pets / "cat" / "0.png").rename(pets / "cat" / "0.PNG")
    found = load(pets)
    assert found.data.classes == ("cat", "dog")
    assert "cat/0.PNG" in found.train_ids + found.test_ids
    assert found.data.n + found.data.n_test == 12
    with pytest.raises(ArgumentError, match="move them up"):
        load(tmp_path)
    (pets / "cat" / "\udcff.png").write_bytes((pets / "cat" / "1.png").read_bytes())
    with pytest.raises(ArgumentError, match="not UTF-8"):
        load(pets)


def test_a_class_of_one_example(tmp_path):
    pets = images(tmp_path / "pets")
    save(pets / "emu" / "0.png", np.zeros((5, 4, 3), np.uint8))
    found = load(pets)
    assert found.data.classes == ("cat", "dog", "emu")
    assert run(Job(found.data, KNN(), Fixed(0.7)), 64).count == 64


def test_trec_questions():
    path = real("text/trec_questions.zip") / "text" / "trec_questions.zip"
    fine, coarse = load(path), load(path, label="coarse")
    assert (fine.data.n, fine.data.n_test) == (5452, 500)
    assert (fine.data.labels, coarse.data.labels) == (50, 6)
    assert np.allclose(np.linalg.norm(fine.data.x_train, axis=1), 1, atol=1e-5)


def test_labelled_text(tmp_path):
    lines = [f"{'good' if k % 2 else 'bad'}\tthe film was {'fine' if k % 2 else 'dull'} number {k}" for k in range(12)]
    (tmp_path / "t.txt").write_text("\n".join(lines))
    found = load(tmp_path / "t.txt", test_fraction=0.25)
    assert found.data.classes == ("bad", "good")
    assert found.data.n_test == 3
    pd.DataFrame({"mood": [v.split("\t")[0] for v in lines], "words": [v.split("\t")[1] for v in lines]}).to_csv(
        tmp_path / "t.csv", index=False
    )
    assert load(tmp_path / "t.csv", label="mood", text="words").data.x_train.shape[1] == found.data.x_train.shape[1]
    (tmp_path / "t.txt").write_text("good\nbad film\nbad film\n")
    with pytest.raises(ArgumentError, match="line 1"):
        load(tmp_path / "t.txt")


@pytest.mark.parametrize(
    "raw",
    [
        "bad\tcaf\xe9 film\x85 of {k}\n".encode("latin-1"),
        "bad\tcaf\xe9 film of {k}\r\n".encode(),
        b"bad\ta film of {k}\r",
    ],
)
def test_text_in_other_encodings(tmp_path, raw):
    """Latin-1 too, with the end of line of any system; the mark before UTF-8 is no part of a class."""
    mark = b"\xef\xbb\xbf" if b"\xc3" in raw else b""
    lines = b"".join(raw.replace(b"{k}", b"%d" % k) for k in range(8))
    (tmp_path / "t.txt").write_bytes(mark + lines + lines.replace(b"bad", b"good"))
    found = load(tmp_path / "t.txt")
    assert found.data.classes == ("bad", "good")
    assert found.data.n + found.data.n_test == 16


def test_text_that_cannot_serve_is_refused(tmp_path):
    path = tmp_path / "t.txt"
    for raw, named in (
        (b"", "0 lines"),
        (b"\n \n", "0 lines"),
        ("good film\nbad film\n".encode("utf-16"), "save it as UTF-8"),
        (b"good film\ngood news\ngood day\n", "nothing to learn from"),
        (b"a b\nb c\nbad\x00", "save it as UTF-8"),
    ):
        path.write_bytes(raw)
        with pytest.raises(ArgumentError, match=named):
            load(path)
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        for name in ("one/train.txt", "two/train.txt", "__MACOSX/._train.txt"):
            archive.writestr(name, "good film\n" * 9)
    with pytest.raises(ArgumentError, match="more than one"):
        load(tmp_path / "t.zip")
    raw = (tmp_path / "t.zip").read_bytes()
    for broken in (b"", raw[:-30], raw.replace(b"good film", b"Good film")):
        (tmp_path / "t.zip").write_bytes(broken)
        with pytest.raises(ArgumentError):
            load(tmp_path / "t.zip")


def test_a_folder_of_texts_by_any_name(tmp_path, monkeypatch):
    lines = b"".join(b"%s film number %d\n" % (label, k) for k in range(6) for label in (b"good", b"bad", b"fine"))
    (tmp_path / "train.txt").write_bytes(lines + b"once film\n")
    (tmp_path / "test.txt").write_bytes(lines)
    (tmp_path / ".DS_Store").write_bytes(b"\x00")
    (tmp_path / "README.txt").write_bytes(b"\x00")
    monkeypatch.chdir(tmp_path)
    found = load(".")
    assert found.name == tmp_path.name
    assert found.data.classes == ("bad", "fine", "good", "once")


@pytest.mark.parametrize(
    ("x", "x_test", "named"),
    [
        (np.zeros((3, 5)), np.zeros((1, 64)), r"x_test: got examples of shape \(5,\) to train and \(64,\)"),
        (np.zeros((3, 0)), np.zeros((1, 0)), "at least one feature"),
        (np.zeros((0, 2)), np.zeros((1, 2)), "x_train: got no examples"),
        (np.zeros((3, 2)), np.zeros((0, 2)), "x_test: got no examples"),
        ([], ["a"], "x_train: got no examples"),
        (np.zeros((2, 2)), np.zeros((1, 2)), "2 rows for 3 labels"),
    ],
)
def test_data_that_nothing_can_be_trained_on(x, x_test, named):
    labels = np.zeros(0 if len(x) == 0 else 3, int), np.zeros(len(x_test), int)
    with pytest.raises(ArgumentError, match=named):
        Data(x, labels[0], x_test, labels[1], ("a",))
    assert Data(["a", "b"], [0, 0], ["c"], [0], ("a",)).n == 2


def test_planted_memorization_is_what_nearest_neighbors_have():
    """Averaged over the random labels, z = 5; the control is the curve of another number of copies."""
    n, times = 300, 12
    for design, law in ((Fixed(0.7), {"m": 210}), (Bernoulli(0.7), {"p": 0.7})):
        gaps, wrong = [], []
        for seed in range(times):
            made = planted(Zipf(1.0, 2000), n, 50, seed=seed)
            value = memorization_cells(run(Job(made.data, KNN(), design, seed=seed), 192)).value
            copies = made.truth["copies"].to_numpy()
            gaps.append(np.mean(value - memorization(copies, n, 10, **law)))
            wrong.append(np.mean(value - memorization(copies + 1, n, 10, **law)))
        z = np.mean(gaps) / (np.std(gaps, ddof=1) / np.sqrt(times))
        assert abs(z) < 5
        assert np.mean(wrong) / (np.std(wrong, ddof=1) / np.sqrt(times)) > 5
    assert np.allclose(made.truth["memorization"], memorization(copies, n, 10, m=210))
    assert memorization([1, 2, 3], 10**6, 10, m=700_000) == pytest.approx([0.9, 0.27, 0.081], abs=1e-4)


def test_planted_data_from_a_name_and_a_prior():
    made = load("planted", prior="Zipf(alpha=2, size=50)", n=40, seed=3)
    assert made.data.n == made.data.n_test == 40
    assert len(made.truth) == 40
    assert np.array_equal(made.data.x_train, load("planted", prior="Zipf(alpha=2, size=50)", n=40, seed=3).data.x_train)


def shapes(n=12):
    """A data set from outside the package."""
    x = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    return Data(x, np.arange(n) % 2, x, np.arange(n) % 2, ("even", "odd"))


def test_a_function_elsewhere_is_a_data_set():
    assert load("tests.empirical.test_datasets.shapes", n=8).data.n == 8
    for bad in ("tests.empirical.nowhere.shapes", "no_such_name", "missing.csv"):
        with pytest.raises(ArgumentError, match="data"):
            load(bad)


def eight(*, seed=0):
    return shapes(8 + seed)


def open_to_all(**options):
    return shapes(len(options))


def test_a_function_elsewhere_gets_the_options_it_names():
    here = "tests.empirical.test_datasets."
    assert load(here + "eight", seed=2).data.n == 10
    assert load(here + "shapes", n=8, seed=2).data.n == 8  # the run's seed is not for it
    assert load(here + "open_to_all", n=8, seed=2, label="x").data.n == 3
    for name, options, said in (
        ("eight", {"n": 8, "seed": 2}, "n: got 8; .*eight takes no such option"),
        ("shapes", {"n": 8, "label": "x"}, "label: got x"),
        ("encoded", {}, "missing a required argument: 'argument'"),
        ("pytest", {}, "no function"),
    ):
        with pytest.raises(ArgumentError, match=said):
            load(here + name, **options)


def test_a_split_depends_on_its_seed_alone():
    train, test = split(100, 0.2, 0)
    assert len(test) == 20
    assert sorted([*train, *test]) == list(range(100))
    assert not np.array_equal(test, split(100, 0.2, 1)[1])
    with pytest.raises(ArgumentError, match="0 of 3"):
        split(3, 0.1, 0)


def test_labels_are_numbered_in_order():
    y, z, classes = encoded("y", np.array([5, 3, 5]), np.array([9, 5]))
    assert (y.tolist(), z.tolist(), classes) == ([1, 0, 1], [2, 1], (3, 5, 9))
    found = Dataset("x", Data(np.zeros((3, 1)), y, np.zeros((2, 1)), z, classes))
    assert "never trained on: 9" in found.imbalance


QUANTITIES = np.linspace(0, 1, 40).tolist()


@pytest.mark.parametrize(
    "values",
    [
        np.array(QUANTITIES, object),
        [Decimal(v) for v in QUANTITIES],
        [1, *QUANTITIES],
        pd.Series(QUANTITIES, dtype="Float64"),
        np.arange(200).astype(object),
    ],
    ids=["objects", "decimals", "whole ones among them", "nullable", "many whole ones"],
)
def test_quantities_are_no_classes_whatever_holds_them(values):
    with pytest.raises(ArgumentError, match="regression"):
        encoded("y", values, values[:2])


def test_whole_numbers_are_classes_whatever_holds_them():
    for values in (np.array([7, 10, 7], object), [Decimal(7), Decimal(10), Decimal(7)], np.array([7.0, 10.0, 7.0])):
        assert encoded("y", values, values[:1])[2] == (7, 10)
    assert encoded("y", np.array([True, False], object), [True])[2] == (False, True)


def test_parts_without_a_label_in_common_are_refused():
    said = r"y: got labels a, b to test on, 0, 1, 2, 3, 4 to train on; no prediction could be right"
    with pytest.raises(ArgumentError, match=said):
        encoded("y", np.arange(9), ["b", "a"])
    assert encoded("y", np.arange(2), ["0", "a"])[2] == ("0", "1", "a")
    assert encoded("y", ["a", "b"], [])[2] == ("a", "b")


def test_options_that_mean_nothing_are_refused():
    with pytest.raises(ArgumentError, match="no such option"):
        load("digits", label="x")


def test_a_share_to_test_on_is_refused_where_the_test_rows_are_given(tmp_path):
    path, pets, texts = tmp_path / "t.csv", tmp_path / "pets", tmp_path / "texts"
    table().to_csv(path, index=False)
    texts.mkdir()
    for name in ("train", "test"):
        images(pets / name)
        (texts / f"{name}.txt").write_text("good film\nbad film\n" * 4)
    for source, options, named in (
        (path, {"label": "animal", "id": "key", "test": path}, "t.csv"),
        (texts / "train.txt", {"test": texts / "test.txt"}, "test.txt"),
        (texts, {}, "test.txt"),
        (pets, {}, "test"),
    ):
        assert load(source, **options).data.n_test >= 8
        with pytest.raises(
            ArgumentError, match=rf"^test_fraction: got 0\.3; the test rows are those of .*{named}; leave"
        ):
            load(source, **options, test_fraction=0.3)


def test_labels_are_no_text_to_learn_from(tmp_path):
    table().to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ArgumentError, match="text: got animal; it is the column of labels"):
        load(tmp_path / "t.csv", label="animal", text="animal")
