"""Shards: whole or absent, believed only if nothing flipped, and never another run's."""

import errno
import json
import logging
import os
import stat
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from empirical.designs import Fixed
from empirical.training import store as store_module
from empirical.training.run import run
from empirical.training.shard import Shard
from empirical.training.store import Store
from empirical.training.trials import joined
from longtail.core import ArgumentError, arrays
from longtail.core.files import DiskFull, whole_binary
from tests.empirical.nearest import blobs
from tests.empirical.runs import opened, same


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "other", "pickle"])
def test_a_damaged_shard_is_done_again(job, tmp_path, damage, caplog):
    entire = run(job, 64, store=opened(job, tmp_path))
    name = tmp_path / "shard-000001.npz"
    good = name.read_bytes()
    if damage == "flip":
        at = good.index(b"NUMPY", good.index(b"train.npy")) + 200
        bad = good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :]
    elif damage == "truncate":
        bad = good[:-40]
    elif damage == "empty":
        bad = b""
    elif damage == "other":
        bad = (tmp_path / "shard-000002.npz").read_bytes()
    else:
        np.savez(tmp_path / "x.npz", number=1, train=np.array([{}], object), test=np.zeros(1))
        bad = (tmp_path / "x.npz").read_bytes()
    name.write_bytes(bad)
    with caplog.at_level(logging.WARNING):
        again = run(job, 64, store=opened(job, tmp_path))
    assert "done again" in caplog.text
    assert same(entire, again)
    assert name.read_bytes() == good


def test_no_flipped_bit_is_believed(job, tmp_path, caplog):
    """Every byte of the headers and of the zip's directory, and some of the bodies: a shard is right or done again."""
    caplog.set_level(logging.CRITICAL, "empirical.training.store")  # thousands of lines
    identity = replace(job.identity(), n=40_000, n_test=40_000, shard=2)  # zipfile reads 4 KB at least, CRC and all
    store = Store.open(tmp_path, identity)
    bits = np.random.default_rng(0).integers(256, size=(2, 2, 5000), dtype=np.uint8)
    truth = Shard(0, *bits)
    store.write(truth)
    name = tmp_path / store.name(0)
    good = name.read_bytes()
    with zipfile.ZipFile(name) as archive:
        starts = [i.header_offset for i in archive.infolist()]
        directory = archive.start_dir
    places = {at for start in starts for at in range(start, start + 200)}  # of the zip, then NumPy's: 128 bytes
    places |= set(range(directory, len(good))) | set(range(0, len(good), 211))
    redone = 0
    for at in sorted(p for p in places if p < len(good)):
        for bit in (0, 5):
            name.write_bytes(good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :])
            shard = store.read(0)
            assert shard is None or (
                np.array_equal(shard.train, truth.train) and np.array_equal(shard.test, truth.test)
            )
            redone += shard is None
    assert redone > 800
    name.write_bytes(good)
    assert store.read(0) is not None


def test_ranges_merge(job, tmp_path):
    entire = run(job, 64)
    left, right = opened(job, tmp_path / "a"), opened(job, tmp_path / "b")
    run(job, 32, store=left)
    run(job, 32, first=32, store=right)
    assert left.merge(right) == 32
    steps = []
    assert same(entire, run(job, 64, store=left, progress=steps.append))
    assert steps[0].found == 64
    assert same(entire, joined([run(job, 24, first=40), run(job, 40)]))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 4}, "seed is 3 there, 4 now"),
        ({"design": Fixed(0.6)}, "design is .*0.7.*0.6"),
        ({"shard": 32}, "shard is 16 there, 32 now"),
        ({"score": "probability"}, "score is 'correct' there"),
    ],
)
def test_another_run_is_refused_with_the_difference_named(job, tmp_path, change, named):
    here = opened(job, tmp_path / "a")
    other = replace(job, **change)
    with pytest.raises(ArgumentError, match=named):
        opened(other, tmp_path / "a")
    with pytest.raises(ArgumentError, match="not the same run"):
        here.merge(opened(other, tmp_path / "b"))


def test_shards_that_no_identity_names_are_not_adopted(job, tmp_path):
    run(job, 32, store=opened(job, tmp_path))
    (tmp_path / "identity.json").unlink()
    for anyone in (job, replace(job, seed=4)):
        with pytest.raises(ArgumentError, match=r"^out: got .*no identity\.json"):
            opened(anyone, tmp_path)
    assert not (tmp_path / "identity.json").exists()


@pytest.mark.parametrize("change", [{"seed": 4}, {"design": Fixed(0.6)}, {"data": blobs(50)}])
def test_a_shard_of_another_run_is_refused_and_left_as_it_is(job, tmp_path, change):
    """Copied in, or with another run's identity put beside it: no subsets are drawn for models of others."""
    here, other = opened(job, tmp_path / "a"), opened(replace(job, **change), tmp_path / "b")
    run(job, 32, store=here)
    run(replace(job, **change), 32, store=other)
    foreign = (tmp_path / "b" / other.name(1)).read_bytes()
    (tmp_path / "a" / here.name(1)).write_bytes(foreign)
    with pytest.raises(ArgumentError, match=r"^out: got .*shard-000001\.npz; it is a shard of another run"):
        run(job, 32, store=here)
    assert (tmp_path / "a" / here.name(1)).read_bytes() == foreign
    with pytest.raises(ArgumentError, match="another run"):
        opened(job, tmp_path / "c").merge(here)


def test_another_device_is_refused(job, tmp_path):
    """Both round in their own ways: shards of one run are of one device."""
    here = opened(job, tmp_path)
    assert here.identity.device == replace(job, device=arrays.CPU).identity().device == "cpu"
    with pytest.raises(ArgumentError, match="device is 'cpu' there, 'gpu' now"):
        opened(replace(job, device=arrays.Device("gpu")), tmp_path)


def test_other_data_are_refused(job, tmp_path, data):
    opened(job, tmp_path)
    y = data.y_train.copy()
    y[0] = (y[0] + 1) % 3
    with pytest.raises(ArgumentError, match="data is"):
        opened(replace(job, data=replace(data, y_train=y)), tmp_path)


@pytest.mark.parametrize("links", [True, False])
def test_of_two_runs_that_begin_at_once_one_is_refused(job, tmp_path, monkeypatch, links):
    """The other's identity comes after this one has looked, and before it writes."""
    other = replace(job, seed=4).identity()
    real = store_module.asdict

    def meanwhile(identity):
        if links:
            (tmp_path / "identity.json").write_text(json.dumps(real(other)))
        return real(identity)

    def unable(*_):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(store_module, "asdict", meanwhile)
    if links:
        with pytest.raises(ArgumentError, match="seed is 4 there, 3 now"):
            opened(job, tmp_path)
    else:
        monkeypatch.setattr("longtail.core.files.os.link", unable)
        opened(job, tmp_path)
    assert Store.at(tmp_path).identity.seed == (4 if links else 3)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_what_killed_runs_left_is_removed_once_it_is_old(job, tmp_path):
    old, young = tmp_path / ".shard-000001.npz.abc", tmp_path / ".shard-000002.npz.def"
    for name in (old, young):
        name.write_bytes(b"half")
    os.utime(old, (0, 0))
    opened(job, tmp_path)
    assert [old.exists(), young.exists()] == [False, True]


def test_a_full_disk_loses_nothing(job, tmp_path, monkeypatch):
    entire = run(job, 64)
    real, calls = os.fsync, []

    def full(handle):
        calls.append(stat.S_ISREG(os.fstat(handle).st_mode))
        if calls[-1] and sum(calls) == 6:  # the identity, versions, kernels, then shards: inside the third
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr("longtail.core.files.os.fsync", full)
    store = opened(job, tmp_path)
    with pytest.raises(DiskFull, match="free some"):
        run(job, 64, store=store)
    monkeypatch.undo()
    assert store.numbers() == [0, 1]
    assert [p for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    assert same(entire, run(job, 64, store=opened(job, tmp_path)))


def test_a_file_is_whole_or_absent(tmp_path):
    def broken():
        with whole_binary(tmp_path / "f") as file:
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert list(tmp_path.iterdir()) == []
    with whole_binary(tmp_path / "f") as file:
        file.write(b"all")
    assert (tmp_path / "f").read_bytes() == b"all"


def test_an_unreadable_identity_is_an_error(job, tmp_path):
    (tmp_path / "identity.json").write_text(json.dumps({"seed": 1}))
    with pytest.raises(ArgumentError, match="identity"):
        opened(job, tmp_path)


def test_other_versions_are_said(job, tmp_path, caplog):
    opened(job, tmp_path)
    name = tmp_path / "versions.json"
    name.write_text(json.dumps(json.loads(name.read_text()) | {"numpy": "0.1"}))
    with caplog.at_level(logging.WARNING):
        opened(job, tmp_path)
    assert "numpy 0.1 then" in caplog.text
