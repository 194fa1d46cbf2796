"""What a run holds is a function of the job alone: not of workers, order, resume, damage or the range it was asked
for.
"""

import errno
import json
import logging
import os
import stat
import sys
import time
import warnings
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from empirical import store as store_module
from empirical.data import Data
from empirical.designs import Fixed, Orthogonal
from empirical.digest import digest
from empirical.learners import External
from empirical.run import Job, run
from empirical.store import DiskFull, Shard, Store, whole
from empirical.trials import Trials, joined
from longtail import arrays
from longtail.core import ArgumentError
from longtail.philox import LEARNER, words
from tests.empirical.nearest import blobs


@pytest.fixture
def job(data, learner):
    return Job(data, learner, Fixed(0.7), seed=3, shard=16)


def same(a: Trials, b: Trials) -> bool:
    return all(np.array_equal(getattr(a, k), getattr(b, k)) for k in ("number", "inside", "train", "test"))


def opened(job, folder):
    return Store.open(folder, job.identity())


def test_workers_leave_no_trace(job):
    alone = run(job, 70)
    assert alone.count == 70
    assert same(alone, run(job, 70, workers=2))
    assert not same(alone, run(replace(job, seed=4), 70))


def test_the_subsets_kept_are_those_trained_on(data):
    """A model that is right exactly where it was trained: its bits are the subsets' own, in every shard."""

    def echo(X, y, subset):
        held = np.isin(np.arange(data.n + data.n_test), subset)
        truth = np.append(data.y_train, data.y_test)
        return np.where(held, truth, (truth + 1) % data.labels)

    trials = run(Job(data, External(echo), Fixed(0.7), seed=3, shard=16), 40, first=8)
    assert np.array_equal(trials.inside, trials.train)
    assert trials.number.tolist() == list(range(8, 48))
    assert not trials.test.any()


def test_a_resumed_run_has_the_same_bits(job, tmp_path):
    entire = run(job, 100)
    run(job, 40, store=opened(job, tmp_path))
    steps = []
    resumed = run(job, 100, store=opened(job, tmp_path), progress=steps.append)
    assert same(entire, resumed)
    assert steps[0].found == 48
    assert steps[-1].done == steps[-1].wanted == 112
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    (tmp_path / "shard-000002.npz").unlink()
    run(job, 100, store=opened(job, tmp_path))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


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
    caplog.set_level(logging.CRITICAL, "empirical.store")  # thousands of lines
    identity = replace(job.identity(), n=40_000, n_test=40_000, shard=2)  # zipfile reads 4 KB at least, CRC and all
    store = Store.open(tmp_path, identity)
    bits = np.random.default_rng(0).integers(256, size=(2, 2, 5000), dtype=np.uint8)
    truth = Shard(0, *bits)
    store.write(truth)
    name = store.path(0)
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
    assert left.merge(right) == 2
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
    foreign = other.path(1).read_bytes()
    here.path(1).write_bytes(foreign)
    with pytest.raises(ArgumentError, match=r"^out: got .*shard-000001\.npz; it is a shard of another run"):
        run(job, 32, store=here)
    assert here.path(1).read_bytes() == foreign
    with pytest.raises(ArgumentError, match="another run"):
        opened(job, tmp_path / "c").merge(here)


def test_another_device_is_refused(job, tmp_path, monkeypatch):
    """Both round in their own ways: shards of one run are of one device."""
    here = opened(job, tmp_path)
    assert here.identity.device == replace(job, device="auto").identity().device == "cpu"
    monkeypatch.setattr(arrays, "device", lambda choice: arrays.Device("gpu", "pretend"))
    with pytest.raises(ArgumentError, match="device is 'cpu' there, 'gpu' now"):
        opened(replace(job, device="gpu"), tmp_path)


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
        monkeypatch.setattr(store_module.os, "link", unable)
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
        if calls[-1] and sum(calls) == 5:  # the identity, versions, then shards: inside the third
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(store_module.os, "fsync", full)
    store = opened(job, tmp_path)
    with pytest.raises(DiskFull, match="free some"):
        run(job, 64, store=store)
    monkeypatch.undo()
    assert store.numbers() == [0, 1]
    assert [p for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    assert same(entire, run(job, 64, store=opened(job, tmp_path)))


def test_other_scores_are_kept_as_small_floats(job, tmp_path):
    half = replace(job, score="probability")
    trials = run(half, 32, store=opened(half, tmp_path))
    assert trials.test.dtype == np.float16
    assert set(np.unique(trials.test_scores())) == {0.25, 0.75}
    right = run(job, 32)
    assert np.array_equal(trials.train_scores() > 0.5, right.train_scores())


def huge(X, y, subset):
    """Values to rank by that float16 does not hold."""
    return np.eye(3)[np.arange(len(X)) % 3] * 1e6


@pytest.mark.parametrize("workers", [1, 2])
def test_scores_that_overflow_are_refused_and_float32_holds_them(job, workers):
    big = replace(job, learner=External(huge), score="margin")
    with pytest.raises(ArgumentError, match=r"dtype: got float16, which does not hold a score of 1e\+06; give float32"):
        run(big, 32, workers=workers)
    if workers == 1:
        assert np.abs(run(replace(big, dtype="float32"), 32).test).max() == 1e6
        with pytest.raises(ArgumentError, match="float16 or float32"):
            run(replace(big, dtype="float64"), 32)


def test_a_killed_worker_is_said_and_what_was_stored_is_kept(job, tmp_path):
    here = os.getpid()

    def mortal(X, y, subset):
        if os.getpid() != here:
            time.sleep(0.01)
            if (tmp_path / "shard-000001.npz").exists():
                os._exit(9)
        return np.full(len(X), y[subset[0]])

    outside = replace(job, learner=External(mortal))
    with pytest.raises(ChildProcessError, match=r"a worker process was killed.* memory .*the same run goes on"):
        run(outside, 160, store=opened(outside, tmp_path), workers=2)
    assert 0 < len(opened(outside, tmp_path).numbers()) < 10
    assert same(run(outside, 160, store=opened(outside, tmp_path)), run(outside, 160))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_models_warn_of_is_said_once_and_what_they_print_is_no_result(job, capfd, workers):
    def noisy(X, y, subset, seed):
        for _ in range(3):
            warnings.warn(f"trouble with {seed}", RuntimeWarning, stacklevel=1)
        sys.stdout.write("python")
        os.write(1, b"compiled")
        return np.zeros(len(X), int)

    def some(X, y, subset, seed):
        return noisy(X, y, subset, seed) if seed % 2 else np.zeros(len(X), int)

    outside = replace(job, learner=External(some))
    seeds = [int(words(job.seed, LEARNER, k, 0, 1)[0] >> 1) % 2 for k in range(48)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        run(outside, 40, workers=workers)
    assert len(caught) == 1
    assert str(caught[0].message).startswith(f"{sum(seeds)} of 48 models: RuntimeWarning: trouble with ")
    out, err = capfd.readouterr()
    assert out == ""
    assert "trouble" not in err
    if workers == 1:
        assert ("python" in err, "compiled" in err) == (True, True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            run(outside, 40)
        assert not caught
        with pytest.raises(ArgumentError, match="RuntimeWarning: trouble"):  # tests' filter makes it an error
            run(outside, 40)


def test_arrays_are_run_whole(data, learner):
    job = Job(data, learner, Orthogonal(0.75, 256), shard=32)
    assert run(job, 256).masks().mean(0) == pytest.approx(0.75, abs=0)
    with pytest.raises(ArgumentError, match="256"):
        run(job, 300)
    with pytest.raises(ArgumentError, match="256"):
        run(job, 256, first=32)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"trials": 0}, "trials"), ({"trials": 5, "workers": 0}, "workers"), ({"trials": 5, "executor": "x"}, "executor")],
)
def test_bad_arguments_are_refused_before_training(job, arguments, named):
    with pytest.raises(ArgumentError, match=named):
        run(job, **arguments)


def test_one_class_is_refused(data, learner):
    flat = Data(data.x_train, np.zeros(60, int), data.x_test, np.zeros(30, int), ("a", "b"))
    with pytest.raises(ArgumentError, match="1 class"):
        run(Job(flat, learner, Fixed(0.7)), 5)


def test_joined_refuses_what_does_not_belong_together():
    one = Trials.of(np.eye(3), np.eye(3), np.eye(3))
    with pytest.raises(ArgumentError, match="twice"):
        _ = one + one
    with pytest.raises(ArgumentError, match="n_test"):
        _ = one + Trials.of(np.eye(3), np.eye(3), np.ones((3, 4)), number=[7, 8, 9])
    both = Trials.of(np.eye(3), np.eye(3), np.eye(3), number=[5, 6, 7]) + one
    assert both.number.tolist() == [0, 1, 2, 5, 6, 7]


def test_columns_are_those_of_the_whole():
    rng = np.random.default_rng(0)
    m, a, b = (rng.random((9, k)) < 0.5 for k in (21, 21, 13))
    trials = Trials.of(m, a, b)
    for s in (slice(0, 21), slice(3, 5), slice(7, 17), slice(8, 8), slice(20, 40)):
        assert np.array_equal(trials.masks_columns(s), m[:, s])
        assert np.array_equal(trials.test_scores(s), b[:, s])
    assert np.array_equal(trials.take([4, 2]).train_scores(), a[[4, 2]])


def test_a_digest_tells_data_apart():
    base = Data(np.zeros((2, 1)), np.array([0, 1]), np.zeros((1, 1)), np.array([0]), (0, 1))
    assert digest(base) == digest(replace(base))
    assert digest(base) == "7d44b51af121d2d88b4a4d417b465f81fa9eda7498bec74730d0f364aa4e320b"
    others = [replace(base, x_train=np.ones((2, 1))), replace(base, x_train=np.zeros((2, 1), np.float32))]
    others += [replace(base, classes=(0, 2)), replace(base, x_train=["a", "bc"], x_test=["d"])]
    others += [replace(base, x_train=["ab", "c"], x_test=["d"])]
    assert len({digest(d) for d in [base, *others]}) == 6


def test_a_digest_tells_data_frames_apart():
    y = np.array([0, 1])

    def of(**columns):
        frame = pd.DataFrame(columns)
        return digest(Data(frame, y, frame, y, (0, 1)))

    words, missing = ["u", "v"], pd.array([1, None], "Int64")
    frames = [
        {"a": words},
        {"b": words},
        {"a": ["v", "u"]},
        {"a": pd.Categorical(words)},
        {"a": [1, 2]},
        {"a": missing},
    ]
    frames += [
        {"a": pd.Categorical(words, ["u", "v", "w"])},
        {"a": pd.Categorical(words, ordered=True)},
        {"a": [1.0, 2]},
    ]
    frames += [
        {"a": words, "b": words},
        {"a": pd.to_datetime(["2020-01-01", None])},
        {"a": ["u", None]},
        {"a": ["u", 1]},
    ]
    assert [of(**f) for f in frames] == [of(**f) for f in frames]
    assert len({of(**f) for f in frames}) == len(frames)
    nested = [Data(x, y, x, y, (0, 1)) for x in ([[1], [2, 3]], [[1, 2], [3]], [["1"], [2, 3]])]
    assert len({digest(d) for d in nested}) == 3
    with pytest.raises(ArgumentError, match="data: got object"):
        of(a=[object(), object()])


def test_a_file_is_whole_or_absent(tmp_path):
    def broken():
        with whole(tmp_path / "f") as file:
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert list(tmp_path.iterdir()) == []
    with whole(tmp_path / "f") as file:
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


def test_an_edited_function_is_another_learner(job):
    def majority(x, y, subset):
        return np.full(len(x), np.bincount(y[subset]).argmax())

    def minority(x, y, subset):
        return np.full(len(x), np.bincount(y[subset]).argmin())

    minority.__qualname__ = majority.__qualname__
    first, second = (replace(job, learner=External(f)) for f in (majority, minority))
    assert repr(first.learner) == repr(second.learner)
    assert first.identity() != second.identity()
    assert run(first, 8).count == 8


@pytest.mark.extra
@pytest.mark.filterwarnings("ignore")  # the cluster's own
def test_a_cluster_gives_the_same_bits(job):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster):
        assert same(run(job, 40, workers=2, executor="dask"), run(job, 40))
