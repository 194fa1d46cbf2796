"""Exactly the models that are asked for: parts of shards, kept, taken up, shared, damaged and merged."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from empirical import estimate
from empirical.training.columns import Bits
from empirical.training.run import run
from empirical.training.shard import Shard, pieced
from empirical.training.shelved import Shelved
from empirical.training.spans import gaps, name_of, parts_of, spans_in
from empirical.training.store import Store
from empirical.training.stored import stored
from longtail.core import ArgumentError
from tests.empirical.runs import opened, same


@pytest.fixture
def counted(job, monkeypatch):
    """Every trial that is trained, by its number."""
    trained, train = [], type(job).train

    def counting(self, trainer, number, span=None):
        start, stop = self.span(number) if span is None else span
        trained.extend(range(number * self.shard + start, number * self.shard + stop))
        return train(self, trainer, number, span)

    monkeypatch.setattr(type(job), "train", counting)
    return trained


def files(folder):
    return sorted(path.name for path in folder.glob("shard-*"))


def test_gaps_are_what_is_nowhere():
    rng = np.random.default_rng(0)
    for _ in range(300):
        ends = np.sort(rng.integers(0, 13, (rng.integers(0, 5), 2)), axis=1)
        there = [(int(a), int(b)) for a, b in ends if a < b]
        wanted = tuple(sorted(rng.choice(13, 2, replace=False).tolist()))
        left = set(range(*wanted)) - {k for span in there for k in range(*span)}
        found = gaps(wanted, there)
        assert [k for span in found for k in range(*span)] == sorted(left)
        assert all(a[1] < b[0] for a, b in itertools.pairwise(found))
    for first, count, size in rng.integers(1, 40, (50, 3)):
        parts = parts_of(range(first, first + count), size)
        assert [k * size + i for k, span in parts for i in range(*span)] == list(range(first, first + count))


def test_names_say_what_files_hold():
    names = [name_of(2, 16, span) for span in ((0, 16), (3, 16), (0, 3))]
    strange = [
        "shard-000003-00-4.npz",
        "shard-000003-4-4.npz",
        "shard-000003-4-17.npz",
        "shard-3.npz",
        "shard-000003-1.npz",
    ]
    assert spans_in([*names, *strange], 16) == {2: ((0, 16),)}
    assert spans_in(names[1:], 16) == {2: ((0, 3), (3, 16))}


def test_exactly_the_models_asked_for_are_trained_and_kept(job, tmp_path, counted):
    entire = run(job, 50)
    counted.clear()
    assert same(run(job, 20, store=opened(job, tmp_path)), entire.take(slice(20)))
    assert counted == list(range(20))
    assert files(tmp_path) == ["shard-000000.npz", "shard-000001-0-4.npz"]
    steps = []
    assert same(run(job, 39, first=11, store=opened(job, tmp_path), progress=steps.append), entire.take(slice(11, 50)))
    assert counted == list(range(50))
    assert files(tmp_path)[1:] == [
        "shard-000001-0-4.npz",
        "shard-000001-4-16.npz",
        "shard-000002.npz",
        "shard-000003-0-2.npz",
    ]
    assert (steps[0].done, steps[-1].done, steps[-1].wanted) == (9, 39, 39)
    assert same(run(job, 50, store=opened(job, tmp_path)), entire)
    assert len(counted) == 50
    store = Store.at(tmp_path)
    assert [store.missing(range(*some)) for some in ((0, 50), (0, 64), (49, 51), (60, 70))] == [0, 14, 1, 10]


def test_readers_put_parts_together(job, tmp_path):
    for first, count in ((0, 10), (10, 25), (35, 5)):
        run(job, count, first=first, store=opened(job, tmp_path))
    entire = run(job, 40)
    assert same(stored(tmp_path, 40), entire)
    assert same(stored(tmp_path, 20, first=7), entire.take(slice(7, 27)))
    bits, whole = Shelved.at(tmp_path, 30, first=5).bits, Bits.of(entire.take(slice(5, 35)))
    assert np.array_equal(bits.right, whole.right)
    assert np.array_equal(bits.inside(slice(0, 60)), whole.inside(slice(0, 60)))
    for ask in (stored, Shelved.at):
        with pytest.raises(ArgumentError, match="missing or damaged"):
            ask(tmp_path, 41)


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_damaged_part_is_done_again_as_it_was(job, tmp_path, counted, damage):
    entire = run(job, 20, store=opened(job, tmp_path))
    name = tmp_path / "shard-000001-0-4.npz"
    good = name.read_bytes()
    if damage == "cut":
        name.write_bytes(good[:-30])
    else:  # another part of as many trials under its name
        run(job, 4, first=20, store=opened(job, tmp_path))
        (tmp_path / "shard-000001-4-8.npz").rename(name)
    counted.clear()
    assert same(run(job, 18, store=opened(job, tmp_path)), entire.take(slice(18)))
    assert counted == [16, 17, 18, 19]
    assert name.read_bytes() == good


def test_parts_merge(job, tmp_path):
    left, right = opened(job, tmp_path / "a"), opened(job, tmp_path / "b")
    run(job, 20, store=left)
    run(job, 30, first=20, store=right)
    assert left.merge(right) == 30
    assert left.merge(right) == 0
    assert same(stored(tmp_path / "a", 50), run(job, 50))
    entire = opened(job, tmp_path / "c")
    run(job, 64, store=entire)
    assert entire.merge(left) == 0


def test_warnings_of_parts_add_up():
    def part(start, stop, **warned):
        rows = np.arange(start, stop, dtype=np.uint8)[:, None]
        return Shard(3, rows, rows, {name: (count, name) for name, count in warned.items()}, start=start)

    found = pieced([part(4, 9, a=2), part(0, 5, a=1, b=3)], (1, 8))
    assert found.train[:, 0].tolist() == list(range(1, 8))
    assert (found.span, found.warned) == ((1, 8), {"a": (3, "a"), "b": (3, "b")})
    with pytest.raises(ValueError, match="trials 5 to 8 of shard 3"):
        pieced([part(0, 5)], (1, 8))


def test_the_command_trains_no_more_than_asked(tmp_path, capsys):
    asked = ("planted", "--n", "40", "--no-plot", "--out", str(tmp_path))
    assert estimate.main([*asked, "--trials", "70"]) == 0
    assert files(tmp_path / "trials") == ["shard-000000.npz", "shard-000001-0-6.npz"]
    assert "will be trained" not in capsys.readouterr().err
    assert estimate.main([*asked, "--trials", "80"]) == 0
    assert "70 of them there already" in capsys.readouterr().err
    assert files(tmp_path / "trials")[1:] == ["shard-000001-0-6.npz", "shard-000001-6-16.npz"]
