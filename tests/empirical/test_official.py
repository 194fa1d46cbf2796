"""The sets that others publish, in their official layouts, and the published scores."""

import gzip
import struct
import subprocess
import sys

import numpy as np
import pytest

from empirical.data.load import load, load_published, load_published_pairs
from longtail.core import ArgumentError
from tests.empirical.places import real


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
