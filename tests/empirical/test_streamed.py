"""Pairs found in blocks and streamed are those found in memory, to the bit, whatever the memory and the number of threads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from empirical import SubsetEstimator, estimate
from empirical.data.bits import pack
from empirical.designs import Bernoulli, Design, Fixed, Orthogonal
from empirical.designs.fixed import _edge
from empirical.estimates import streamed
from empirical.estimates.influence import influence_pairs
from empirical.estimates.pairing import Pairing
from empirical.estimates.pairs.blocks import ALIGN, APART, Room, Search
from empirical.estimates.pairs.pairs import pairs
from empirical.training.columns import Bits
from empirical.training.job import Job
from empirical.training.run import run
from empirical.training.shelved import Shelved
from empirical.training.trials import Trials
from longtail.core import ArgumentError
from tests.empirical.runs import opened

pytestmark = pytest.mark.kernels
T, N, Q = 130, 700, 90


def trials(design: Design = Fixed(0.7)) -> Trials:  # noqa: B008  # frozen
    rng = np.random.default_rng(0)
    masks = design.subsets(1, np.arange(T), N)
    right = rng.random((T, Q)) < rng.random(Q)
    right[:, :80] |= masks[:, :80] & (rng.random((T, 80)) < 0.6)
    return Trials.of(masks, masks, right, design=design)


LABELS = np.arange(N) % 3, np.arange(Q) % 4  # one that either part alone has
KEPT = np.random.default_rng(2).random(N) < 0.5
PAIRINGS = [
    Pairing(*LABELS, 0.05),
    Pairing(*LABELS, 0.15, kept=KEPT),
    Pairing(threshold=-0.9, same_class=False),
    Pairing(*LABELS, 0.99),
]


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(2, 9000),
    t=st.integers(1, 70),
    first=st.integers(0, 2**40),
    seed=st.integers(0, 2**64 - 1),
    share=st.sampled_from([0.02, 0.5, 0.7, 0.98]),
    kind=st.sampled_from(["fixed", "stratified", "coins"]),
)
def test_some_examples_of_all_subsets_are_those_of_each(
    n: int, t: int, first: int, seed: int, share: float, kind: str
) -> None:
    designs: dict[str, Design] = {"fixed": Fixed(share), "stratified": Fixed(share, True), "coins": Bernoulli(share)}
    number, y = np.arange(first, first + t), np.arange(n) % 3 if kind == "stratified" else None
    if kind != "coins" and not 1 <= round(share * n) < n:
        return
    drawn = designs[kind].by_example(seed, number, n, y)
    everyone = pack(designs[kind].subsets(seed, number, n, y))
    for part in (slice(0, n), slice(0, min(n, 64)), slice(n // 128 * 64, n)):
        np.testing.assert_array_equal(drawn(part), everyone[part])


def test_a_key_that_is_not_where_it_was_looked_for_is_found_all_the_same() -> None:
    want = _edge(3, 5, 2000, 700)
    assert all(_edge(3, 5, 2000, 700, wide) == want for wide in (1e-3, 0.1, 1.0, 1e3))


@pytest.mark.parametrize("pairing", PAIRINGS, ids=["classes", "kept", "nearly all", "none"])
def test_hits_come_in_one_order_whatever_the_room(pairing: Pairing) -> None:
    bits = Bits.of(trials())
    classes = pairing.classes(N, Q)
    found = list(pairs(bits.inside(slice(0, N)), bits.right, T, pairing.threshold, labels=classes))
    rows = np.concatenate([np.stack([h.train, h.test, h.in_sum], 1) for h in found] or [np.zeros((0, 3), int)])
    if pairing.kept is not None:
        rows = rows[pairing.kept[rows[:, 0]]]
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    search = Search(bits.inside, bits.right, N, T, classes, pairing.kept)
    n_in = trials().masks().sum(0)
    for room in (Room(ALIGN, 4 * Q), Room(3 * ALIGN, 1000), Room(1024, 10**5)):
        for workers in (1, 3):
            parts = list(search.parts(pairing.threshold, room, workers))
            assert max(map(len, parts)) <= room.hits
            assert [p.start for p in parts] == [0, *(p.stop for p in parts[:-1])]
            assert parts[-1].stop == N
            joined = [np.concatenate([getattr(p, name) for p in parts]) for name in ("train", "test", "in_sum", "n_in")]
            np.testing.assert_array_equal(np.stack(joined[:3], 1), rows)
            np.testing.assert_array_equal(joined[3], n_in[joined[0]])


def test_a_little_memory_is_little_room_and_too_little_is_refused_with_what_is_needed() -> None:
    rooms = [Room.within(memory, 8, 1000, 2) for memory in (4e7, 6e7, 1e9, 1e12)]
    assert [r.rows for r in rooms] == sorted(r.rows for r in rooms)
    assert rooms[0].hits >= 4000
    assert rooms[-1] == Room.within(2e12, 8, 1000, 2)
    with pytest.raises(ArgumentError, match=r"memory: got 30\.6 MB") as caught:
        Room.within(APART - 3e6, 8, 1000, 2)
    Room.within(streamed.memory(caught.value.remedy.split()[1]), 8, 1000, 2)


@pytest.mark.parametrize(("text", "value"), [("2G", 2e9), ("1.5 MB", 1.5e6), ("300M", 3e8), (4096, 4096.0)])
def test_sizes_as_they_are_written(text: Any, value: float) -> None:
    assert streamed.memory(text) == value


@pytest.mark.parametrize("text", ["", None])
def test_a_third_of_the_free_memory_is_taken_unless_told(text: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "available", lambda: 9e9)
    assert streamed.memory(text) == 3e9


@pytest.mark.parametrize("text", ["much", "-1G", "0", "1Q", "nan"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="memory"):
        streamed.memory(text)


@pytest.mark.parametrize("pairing", PAIRINGS, ids=["classes", "kept", "nearly all", "none"])
def test_a_file_has_the_pairs_of_the_table_and_the_same_bytes(
    pairing: Pairing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(streamed, "GROUP", 5000)
    found = trials()
    want = influence_pairs(found, pairing)
    path, seen = tmp_path / "pairs.parquet", set()
    for memory in (APART + 3e5, APART + 1e6, 1e9):
        for workers in (1, 2):
            got = streamed.write(path, Bits.of(found), pairing, memory=memory, workers=workers, keep=len(want) + 1)
            seen.add(path.read_bytes())
            pd.testing.assert_frame_equal(got.largest, want, check_exact=True)
    assert len(seen) == 1
    back = pd.read_parquet(path)
    assert got.pairs == len(back) == len(want)
    order = np.lexsort((back["test_index"], back["train_index"]))
    assert (order == np.arange(len(back))).all()
    pd.testing.assert_frame_equal(streamed._largest([back], len(back)).reset_index(drop=True), want, check_exact=True)
    some = streamed.write(path, Bits.of(found), pairing, memory=1e9, keep=7)
    pd.testing.assert_frame_equal(some.largest, want.head(7), check_exact=True)


def test_a_store_gives_the_bits_that_its_trials_have(job: Job, tmp_path: Path) -> None:
    for one in (job, replace(job, design=Fixed(0.6, True)), replace(job, design=Bernoulli(0.5))):
        where = tmp_path / repr(one.design)
        kept = run(one, 100, first=5, store=opened(one, where))
        here, there = Bits.of(kept), Shelved.at(where, 100, first=5, classes=lambda: job.data.y_train).bits
        assert (here.count, here.n, here.n_test, here.design) == (there.count, there.n, there.n_test, there.design)
        np.testing.assert_array_equal(here.right, there.right)
        part = slice(0, one.data.n)
        np.testing.assert_array_equal(here.inside(part), there.inside(part))
    (where / "shard-000001.npz").write_bytes(b"")
    with pytest.raises(ArgumentError, match="shard 1 is missing or damaged"):
        Shelved.at(where, 100, first=5)


def test_what_blocks_cannot_do_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "pairs.parquet"
    array = Orthogonal.over(0.75, 64, 20)
    masks = array.subsets(0, np.arange(64), 20)
    aliased = Trials.of(masks, masks, masks, design=array)
    with pytest.raises(ArgumentError, match="memory"):
        streamed.write(path, Bits.of(aliased), Pairing(same_class=False), memory=1e9)
    with pytest.raises(ArgumentError, match="memory: got scores of kind margin"):
        Bits.of(Trials.of(masks, masks.astype(np.float32), masks.astype(np.float32), score="margin"))

    def broken(frame: pd.DataFrame) -> pd.DataFrame:
        if len(frame):
            raise KeyboardInterrupt
        return frame

    with pytest.raises(KeyboardInterrupt):
        streamed.write(path, Bits.of(trials()), PAIRINGS[0], memory=1e9, named=broken)
    assert not list(tmp_path.iterdir())


def test_tables_have_as_many_of_the_largest_as_they_can() -> None:
    frame = pd.DataFrame({"influence": [0.9, 0.5, 0.5, 0.4]})
    assert streamed.raised(streamed.Written(3, frame.head(3)), 0.1, 3) == 0.1
    assert (frame["influence"] >= streamed.raised(streamed.Written(9, frame), 0.1, 3)).sum() == 3
    assert (frame["influence"] >= streamed.raised(streamed.Written(9, frame.head(3)), 0.1, 2)).sum() == 1


def test_the_command_and_the_estimator_write_what_the_table_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    base = ["planted", "--n", "80", "--trials", "100", "--learner", "knn", "--no-plot", "--quiet"]
    plain, blocks = tmp_path / "plain", tmp_path / "blocks"
    assert estimate.main([*base, "--out", str(plain)]) == 0
    assert estimate.main([*base, "--out", str(blocks), "--memory", "100M"]) == 0
    assert (plain / "pairs.csv").read_bytes() == (blocks / "pairs.csv").read_bytes()
    table, file = pd.read_csv(plain / "pairs.csv"), pd.read_parquet(blocks / "pairs.parquet")
    assert list(file) == list(table)
    assert len(file) == len(table) > 20
    monkeypatch.setattr(estimate, "LARGEST", 20)
    assert estimate.main([*base, "--out", str(blocks), "--memory"]) == 0
    least = pd.read_csv(blocks / "pairs.csv")
    pd.testing.assert_frame_equal(least, table.head(len(least)))
    assert 0 < len(least) <= 20
    assert len(pd.read_parquet(blocks / "pairs.parquet")) == len(table)
    capsys.readouterr()
    for wrong in (["--memory", "1G"], ["--memory", "1k", "--out", str(tmp_path / "none")]):
        assert estimate.main([*base, *wrong]) == 2
        assert "--memory: got" in capsys.readouterr().err
    rng = np.random.default_rng(0)
    masks = rng.random((200, 30)) < 0.5
    y = np.arange(30) % 2
    known = SubsetEstimator.from_predictions(masks, masks, masks[:, ::-1] | masks, y=y, y_test=y)
    count = known.write_pairs(tmp_path / "own.parquet", 0.1, memory="100M")
    own = known.influence_pairs(0.1)
    assert count == len(own) == len(pd.read_parquet(tmp_path / "own.parquet"))


@pytest.mark.parametrize(
    "asked",
    [
        ("--memory", "30M"),
        ("--memory", "100M", "--workers", "500"),
        ("--memory", "1G", "--score", "margin", "--learner", "softmax"),
        ("--memory", "1G", "--design", "orthogonal", "--trials", "256"),
    ],
    ids=["little", "many threads", "margins", "an array"],
)
def test_what_cannot_be_streamed_is_refused_before_anything_is_trained(
    asked: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("empirical.training.job.Job.trainer", lambda _: pytest.fail("it trains"))
    base = ["planted", "--n", "60", "--trials", "64", "--out", str(tmp_path), "--quiet", "--no-plot"]
    for dry in ([], ["--dry-run"]):
        if dry and "--score" in asked:  # which a dry run has its own word for
            continue
        assert estimate.main([*base, *asked, *dry]) == 2
        said = capsys.readouterr().err
        assert "--memory: got" in said.splitlines()[-1]
    assert not list(tmp_path.iterdir())
