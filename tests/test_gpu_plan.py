"""The plan of the first hour on a GPU, rehearsed on the CPU at toy size: every part runs, none twice, and no figure is kept."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from longtail.core.arrays import device

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "gpu.sh"
OURS = ("montecarlo", "mlp", "rate", "cifar", "cifar-table")


def planned(room: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LONGTAIL_GPU_ROOM": str(room), "LONGTAIL_GPU_WORKERS": "0", **more}
    return subprocess.run([str(SCRIPT), *arguments], env=environment, capture_output=True, text=True)


def results() -> set[str]:
    return {path.name for path in (ROOT / "benchmarks" / "results").iterdir()}


@pytest.mark.extra
def test_every_part_of_ours_runs_at_toy_size_and_once(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    before = results()
    first = planned(tmp_path, "--toy", *OURS)
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.count("a rehearsal on the CPU: its figures say nothing") == len(OURS)
    assert "4 of 4 models, 0 there before" in first.stdout
    (tmp_path / "done-toy" / "cifar").unlink()  # as if it had been ended before it was done
    (tmp_path / "toy" / "shard-000001.npz").unlink()
    again = planned(tmp_path, "--toy", *OURS)
    assert again.stdout.count("done before") == len(OURS) - 1
    assert "4 of 4 models, 2 there before" in again.stdout
    assert results() == before


def test_without_a_gpu_nothing_is_claimed(tmp_path: Path) -> None:
    if device("auto").kind == "gpu":
        pytest.skip("there is one")
    before = results()
    ended = planned(tmp_path, "montecarlo", "mnist")
    assert ended.returncode == 3
    assert ended.stdout.splitlines() == [
        f"=== {name}: no GPU here, nothing is measured" for name in ("montecarlo", "mnist")
    ]
    assert results() == before
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_part_that_is_none_is_refused(tmp_path: Path) -> None:
    ended = planned(tmp_path, "nothing")
    assert ended.returncode == 2
    assert "no part nothing: give some of setup tests" in ended.stderr


def test_packs_can_be_carried_one_at_a_time_and_come_together_again(tmp_path: Path) -> None:
    """Files of 400 KiB, of which two fit into a pack of 1 MiB: each is in one pack, and all are in the room that gathers them."""
    data, away, there = (tmp_path / name for name in ("data", "away", "there"))
    for k, name in enumerate(("mnist/a.gz", "feldman_zhang/b.npy", *(f"cifar100/c{k}.webp" for k in range(4)))):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(bytes([k]) * 400 * 1024)
    environment = {"LONGTAIL_DATA": str(data), "LONGTAIL_GPU_PACK": "1"}
    assert planned(away, "prepare", "--no-wheels", **environment).returncode == 0
    packs = sorted(away.glob("pack-*"))
    held = [[path for path in pack.rglob("*") if path.is_file()] for pack in packs]
    assert [len(files) for files in held] == [2, 2, 2]
    assert all(sum(path.stat().st_size for path in files) <= 2**20 for files in held)
    for pack in packs:  # carried one after the other
        there.mkdir(exist_ok=True)
        pack.rename(there / pack.name)
        assert planned(there, "nothing").returncode == 2  # it gathers before it looks at what is asked
    found = {str(path.relative_to(there / "data")): path.read_bytes() for path in (there / "data").rglob("*.*")}
    assert found == {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*.*")}
    assert planned(
        tmp_path / "none", "prepare", "--no-wheels", LONGTAIL_GPU_PACK="0", LONGTAIL_DATA=str(data)
    ).returncode
