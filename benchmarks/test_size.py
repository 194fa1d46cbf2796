"""Pairs in blocks over a store: the answer checked against pairs in memory, then time and memory at growing n, a process each.

    LONGTAIL_BENCHMARK=full python -m pytest benchmarks/test_size.py --benchmark-only -n 0 -s

Work at n = 10^6, q = 10^4, t = 500, of one class of ten: n q t/64/10 = 8 × 10^9 words ANDed, counted and added, 10^9 vectors of
512 bits, .39 s of a core at one population count a cycle of 2.6 GHz; 10^9 pairs compared with the threshold; and 2 × n t keys of
two Philox words drawn, 10^9, once for each trial's m-th smallest, once for the masks. Bytes: n t/8 = 62 MB of masks made once,
q t/8 = .6 MB of tests read, 40 bytes a pair written.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.alternating import FULL
from benchmarks.blocks import labels, make
from empirical.estimates import streamed
from empirical.estimates.influence import influence_pairs
from empirical.estimates.pairing import Pairing
from empirical.training.shelved import Shelved
from empirical.training.stored import stored

pytest.importorskip("pyarrow", reason="Parquet files need it")
SIZES = (250_000, 1_000_000, 4_000_000) if FULL else (4000, 16_000)
TESTS, TRIALS = (1000, 500) if FULL else (300, 100)
LARGE = ((1_000_000, 10_000, 500, 10, "300M"), (1_000_000, 10_000, 500, 1, "300M")) if FULL else ()


def measured(folder: Path, n: int, tests: int, trials: int, classes: int, memory: str) -> dict[str, Any]:
    numbers = {"n": n, "tests": tests, "trials": trials, "classes": classes, "memory": memory, "folder": folder}
    asked = [part for name, value in numbers.items() for part in (f"--{name}", str(value))]
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.blocks", *asked], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(told.stdout)
    print(
        f"  n = {n:>9,}, q = {tests:>6,}, t = {trials}, {classes:>2} classes, {memory}: {found['seconds']:7.2f} s, processor "
        f"{found['processor']:7.2f} s, {(found['peak'] - found['before']) / 1e6:6.1f} MB beside {found['before'] / 1e6:.0f}, "
        f"{found['pairs']:,} pairs in {found['file'] / 1e6:.1f} MB"
    )
    return found


def test_pairs_over_a_store(benchmark: Any, tmp_path: Path) -> None:
    make(tmp_path / "one" / "trials", 3000, 200, 150)
    pairing = Pairing(labels(3000, 10), labels(200, 10), 0.15)
    want = influence_pairs(stored(tmp_path / "one" / "trials", 150), pairing)

    def blocks() -> streamed.Written:
        bits = Shelved.at(tmp_path / "one" / "trials", 150).bits
        return streamed.write(tmp_path / "pairs.parquet", bits, pairing, memory=4e7, keep=len(want))

    pd.testing.assert_frame_equal(blocks().largest, want, check_exact=True)
    print()
    grown = [measured(tmp_path / f"{n}" / "trials", n, TESTS, TRIALS, 10, "100M") for n in SIZES]
    assert all(one["peak"] - one["before"] < 1e8 for one in grown)
    for n, tests, trials, classes, memory in LARGE:
        measured(tmp_path / "large" / "trials", n, tests, trials, classes, memory)
    benchmark(blocks)
