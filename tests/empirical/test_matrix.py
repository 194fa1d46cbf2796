"""The matrix of influences, block by block: that of memory, in little memory, read back by judge and by the libraries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from empirical import SubsetEstimator, estimate, judge, load
from empirical.attributions.scores import read
from empirical.designs import Fixed
from empirical.estimates import matrix
from empirical.estimates.influence import influence, pair_cells
from empirical.estimates.matrix import COLUMNS, ROWS, TILE, blocks, needed, write
from empirical.training.trials import Trials
from longtail.core import ArgumentError

pytestmark = pytest.mark.extra
zarr = pytest.importorskip("zarr", reason="zarr is not installed")
pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
N, Q, T = 2 * ROWS + 3, COLUMNS + 9, 70  # chunks, tiles and words that end early
KINDS = [".zarr", ".parquet"]


def trials(score: str = "correct", n: int = N, q: int = Q, t: int = T) -> Trials:
    rng = np.random.default_rng(0)
    masks = Fixed(0.7).subsets(1, np.arange(t), n)
    right = rng.random((t, q)) < rng.random(q)
    k = min(n, q, 80)
    right[:, :k] |= masks[:, :k] & (rng.random((t, k)) < 0.6)
    if score == "correct":
        return Trials.of(masks, masks, right)
    values = (right + rng.normal(size=right.shape)).astype(np.float32)
    return Trials.of(masks, masks.astype(np.float32), values, score=score)


def kept(path: Path) -> np.ndarray[Any, Any]:
    if path.suffix == ".zarr":
        return np.asarray(zarr.open(str(path), mode="r")[:])
    lists = pq.read_table(path)["influence"].combine_chunks()
    return lists.flatten().to_numpy().reshape(len(lists), -1)


def contents(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    return {str(one.relative_to(path)): one.read_bytes() for one in files}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("score", ["correct", "margin", "loss"])
def test_it_is_what_it_is_in_memory(tmp_path: Path, kind: str, score: str) -> None:
    found = trials(score)
    one, other = (tmp_path / f"{name}{kind}" for name in "ab")
    assert write(one, found, memory=1e9) == one
    write(other, found, memory=1e9, workers=2)
    assert contents(one) == contents(other)
    values = kept(one)
    assert (values.dtype, values.shape) == (np.float32, (N, Q))
    np.testing.assert_allclose(values, influence(found, slice(None)), atol=3e-5 if score != "correct" else 3e-7)
    rng = np.random.default_rng(1)
    i, j = rng.integers(N, size=500), rng.integers(Q, size=500)
    np.testing.assert_allclose(values[i, j], pair_cells(found, i, j).value, atol=1e-6)


def test_who_was_always_in_has_none(tmp_path: Path) -> None:
    some = trials(n=5, q=4, t=40)
    masks = some.masks()
    masks[:, 2], masks[:, 3] = True, False
    write(tmp_path / "m.zarr", Trials.of(masks, masks, some.test_scores()), memory=1e9)
    assert np.isnan(kept(tmp_path / "m.zarr")).all(1).tolist() == [False, False, True, True, False]
    with pytest.raises(ArgumentError, match="8 values that are NaN"):
        read(str(tmp_path / "m.zarr"), 5, 4)


HELD = """
import sys, tracemalloc
from pathlib import Path
import numpy as np, pyarrow, pyarrow.parquet, zarr
from tests.empirical.test_matrix import trials
from empirical.estimates.matrix import needed, write
kind, score = sys.argv[2:]
write(Path(sys.argv[1]) / f"small{kind}", trials(score, n=40, q=30), memory=1e9)
found = trials(score, n=5000, q=5000)
memory = needed(found.count, 5000, score=score)
before = pyarrow.total_allocated_bytes()
tracemalloc.start()
write(Path(sys.argv[1]) / f"large{kind}", found, memory=memory)
print(tracemalloc.get_traced_memory()[1] + pyarrow.default_memory_pool().max_memory() - before, memory, 4 * 5000 * 5000)
"""


@pytest.mark.parametrize(("kind", "score"), [(".zarr", "correct"), (".parquet", "correct"), (".zarr", "margin")])
def test_no_more_is_held_than_memory_says(tmp_path: Path, kind: str, score: str) -> None:
    """By Python's and Arrow's own counts of what they hold; the matrix is larger."""
    run = [sys.executable, "-c", HELD, str(tmp_path), kind, score]
    done = subprocess.run(run, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    held, memory, whole = map(int, done.stdout.split())
    assert held < memory < 0.85 * whole
    assert held > 4 * ROWS * 5000  # a block: it is counted


def test_too_little_memory_is_refused_with_what_would_do(tmp_path: Path) -> None:
    found = trials()
    with pytest.raises(ArgumentError, match=r"memory: got 1 MB, where the matrix of 1,033 .* or more") as caught:
        write(tmp_path / "m.zarr", found, memory=1e6)
    assert not list(tmp_path.iterdir())
    from empirical.estimates.streamed import memory

    write(tmp_path / "m.zarr", found, memory=memory(caught.value.remedy.split()[1]))
    assert needed(T, Q, workers=2) > needed(T, Q) > 4 * ROWS * Q
    assert ROWS % TILE == 0


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_there_whole_or_not_at_all(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found, path = trials(n=ROWS + 1, q=20), tmp_path / f"m{kind}"
    write(path, found, memory=1e9)
    before = contents(path)

    def broken(*_: Any) -> Any:
        yield from list(blocks(found))[:1]
        raise OSError("no more")

    monkeypatch.setattr(matrix, "blocks", broken)
    with pytest.raises(OSError, match="no more"):
        write(path, found, memory=1e9)
    assert contents(path) == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    monkeypatch.undo()
    write(path, trials(n=7, q=20), memory=1e9)
    assert kept(path).shape == (7, 20)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_what_cannot_be_written_is_said_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "letter.txt").write_text("keep me")
    (tmp_path / "f.parquet").mkdir()
    for name, said in (
        ("m.csv", "call it NAME.zarr or NAME.parquet"),
        ("none/m.zarr", "there is no folder"),
        ("mine.zarr", "no zarr array"),
        ("f.parquet", "it is a folder"),
    ):
        with pytest.raises(ArgumentError, match=said):
            write(tmp_path / name, trials(n=3, q=2), memory=1e9)
    alone = Trials.of(np.eye(3, dtype=bool), np.eye(3, dtype=bool), np.zeros((3, 0), bool))
    with pytest.raises(ArgumentError, match="no test examples"):
        write(tmp_path / "m.zarr", alone, memory=1e9)
    for module, name in (("zarr", "m.zarr"), ("pyarrow.parquet", "m.parquet")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ArgumentError, match=rf"pip install 'longtail\[{name[2:]}\]'"):
            write(tmp_path / name, trials(n=3, q=2), memory=1e9)


@pytest.mark.parametrize("kind", KINDS)
def test_some_columns_are_read_alone(tmp_path: Path, kind: str) -> None:
    path, found = tmp_path / f"m{kind}", trials(n=600, q=40)
    write(path, found, memory=1e9)
    values, tests = kept(path), np.array([31, 4, 17])
    np.testing.assert_array_equal(read(str(path), 600, 40), values)
    np.testing.assert_array_equal(read(str(path), 600, 3, tests=tests, n_test=40), values[:, tests])
    with pytest.raises(ArgumentError, match=r"scores: got shape \(600, 40\)"):
        read(str(path), 600, 3)


def test_other_lists_are_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    path = tmp_path / "s.parquet"
    for columns, said in (
        ({"scores": [[1.0, 2.0], [3.0]]}, "columns are scores"),
        ({"scores": [[1.0, 2.0], None]}, "columns are scores"),
        ({"scores": [[1.0, None], [3.0, 4.0]]}, "several lengths, or empty"),
        ({"a": [1.0, 2.0]}, "columns are a"),
        ({"scores": [[1.0], [2.0]], "train_index": [1, 0]}, "train_index is not"),
        ({"scores": [[1.0], [2.0, 3.0], []]}, "of 4 numbers in 3 lists"),
    ):
        pq.write_table(pa.table(columns), path)
        with pytest.raises(ArgumentError, match=said):
            read(str(path), 2, 2)
    pq.write_table(pa.table({"mine": [[1.0, 2.0], [3.0, 4.0]]}), path)
    assert read(str(path), 2, 2).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArgumentError, match=r"^scores: got"):
        read(str(path), 2, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_writes_what_judge_reads(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / f"m{kind}", tmp_path / "run"
    asked = ("planted", "--n", "60", "--trials", "80", "--no-plot", "--matrix", str(path))
    assert estimate.main([*asked, "--out", str(out), "--quiet"]) == 0
    assert json.loads((out / "summary.json").read_text())["matrix"] == str(path)
    assert not (out / "pairs.parquet").exists()
    capsys.readouterr()
    assert judge.main([str(out), str(path), "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["judged"][0]["scores"] == str(path)
    assert judge.main([str(out), str(path), "--tests", "5:25", "--json", "--quiet"]) == 0
    made = SubsetEstimator(models=80, random_state=0)
    data = load("planted", n=60).data
    made.fit(data.x_train, data.y_train, data.x_test, data.y_test)
    own = made.write_influence(tmp_path / f"own{kind}", memory="100M")
    np.testing.assert_array_equal(kept(own), kept(path))
    for more, said in ((("--memory", "1k"), "--memory: got"), (("--dry-run",), "--matrix: got")):
        assert estimate.main([*asked, *more]) == 2
        assert said in capsys.readouterr().err
