"""Folders of images: pixels as they are stored, whatever lies about, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from empirical.data.load import load
from empirical.designs import Fixed
from empirical.learners import KNN
from empirical.training.job import Job
from empirical.training.run import run
from longtail.core import ArgumentError
from tests.empirical.samples import images


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
    with pytest.raises(ArgumentError, match=r"bomb\.pgm.*cannot be read"):
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
