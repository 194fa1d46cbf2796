"""One search for pairs over a store of made-up scores, in a process of its own: its time, and the most memory it held.

    python -m benchmarks.blocks --n 1000000 --tests 10000 --trials 500 --classes 10 --memory 300M --workers 2

A tenth of the test examples hang on one training example each; the others are right by chance, each with a rate of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from empirical.designs import Fixed
from empirical.estimates import streamed
from empirical.estimates.pairing import Pairing
from empirical.training.shard import Shard
from empirical.training.shelved import Shelved
from empirical.training.store import Identity, Store

SHARD = 64


def make(folder: Path, n: int, tests: int, trials: int) -> None:
    """The store; of training scores it has none but zeros."""
    identity = Identity("made up", "none", repr(Fixed(0.7)), 0, "correct", "uint8", SHARD, n, tests)
    store, rng = Store.open(folder, identity), np.random.default_rng(0)
    rate, hung = rng.random(tests, dtype=np.float32), np.arange(0, tests, 10)
    inside = Fixed(0.7).by_example(0, np.arange(-(-trials // SHARD) * SHARD), n)
    block = inside(slice(0, min(n, -(-len(hung) // 64) * 64)))
    bits = np.unpackbits(block.view(np.uint8), axis=1, bitorder="little").view(bool)
    for k in range(-(-trials // SHARD)):
        right = rng.random((SHARD, tests), dtype=np.float32) < rate
        right[:, hung] |= bits[np.arange(len(hung)) % len(bits), SHARD * k : SHARD * (k + 1)].T
        store.write(Shard(k, np.zeros((SHARD, -(-n // 8)), np.uint8), np.packbits(right, axis=1)))


def labels(n: int, classes: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(n) % classes


def searched(folder: Path, out: Path, n: int, tests: int, trials: int, classes: int, memory: str, workers: int) -> Any:
    """Seconds by the clock and of the processor, and resident memory before, and at its highest."""
    y = (labels(n, classes), labels(tests, classes)) if classes > 1 else (None, None)
    pairing = Pairing(*y, same_class=classes > 1)
    small = Path(folder).parent / "small"
    make(small, 64, 64, 64)
    # once before it is measured: compiling takes memory
    streamed.write(out, Shelved.at(small, 64).bits, Pairing(threshold=0.15, same_class=False), memory=1e9)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    wall, spent = time.perf_counter(), time.process_time()
    bits = Shelved.at(folder, trials).bits
    drawn = time.perf_counter() - wall, time.process_time() - spent
    found = streamed.write(out, bits, pairing, memory=streamed.memory(memory), workers=workers)
    return {
        "n": n,
        "tests": tests,
        "trials": trials,
        "classes": classes,
        "memory": memory,
        "workers": workers,
        "pairs": found.pairs,
        "seconds": time.perf_counter() - wall,
        "processor": time.process_time() - spent,
        "opening": drawn,
        "before": before,
        "peak": resident("VmHWM"),
        "most_ever": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "file": out.stat().st_size,
    }


def resident(which: str) -> int:
    """Bytes, of the system's record of this process."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(which))
    return 1024 * int(line.split()[1])


def main() -> None:
    p = argparse.ArgumentParser()
    for name, default in (("n", 100_000), ("tests", 1000), ("trials", 500), ("classes", 10), ("workers", 2)):
        p.add_argument(f"--{name}", type=int, default=default)
    p.add_argument("--memory", default="300M")
    p.add_argument("--folder", type=Path, help="of a store made before, or to be made")
    p.add_argument("--make", action="store_true", help="make the store only")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = a.folder or Path(temporary) / "trials"
        if not folder.exists():
            make(folder, a.n, a.tests, a.trials)
        if not a.make:
            out = Path(temporary) / "pairs.parquet"
            print(json.dumps(searched(folder, out, a.n, a.tests, a.trials, a.classes, a.memory, a.workers)))


if __name__ == "__main__":
    main()
