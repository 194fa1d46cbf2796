"""All that ``estimate`` measures, of made-up trials that stay in their store, or are held, in a process of its own: time, memory.

    python -m benchmarks.bounded --n 100000 --tests 500 --trials 2048 --classes 100 --memory 100M
    python -m benchmarks.bounded --n 100000 --tests 500 --trials 2048 --classes 100            # held

Models are right on what they saw, and on the rest by chance, each example with a rate of its own. The marks of both ways are the
same where their results are.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.blocks import SHARD, labels, resident
from empirical.data.examples import Examples
from empirical.designs import Fixed
from empirical.estimates import THRESHOLD
from empirical.estimates.bounded import Bounded
from empirical.estimates.measure import measure, of_trials
from empirical.estimates.measured import Measured
from empirical.estimates.streamed import memory
from empirical.training.shard import Shard
from empirical.training.shelved import Shelved
from empirical.training.store import Identity, Store
from empirical.training.stored import stored


def make(folder: Path, n: int, tests: int, trials: int) -> None:
    """The store."""
    store = Store.open(folder, Identity("made up", "none", repr(Fixed(0.7)), 0, "correct", "uint8", SHARD, n, tests))
    rng = np.random.default_rng(0)
    rates = [rng.random(width, dtype=np.float32) for width in (n, tests)]
    for k in range(-(-trials // SHARD)):
        masks = Fixed(0.7).subsets(0, np.arange(k * SHARD, (k + 1) * SHARD), n)
        train, test = (rng.random((SHARD, len(rate)), dtype=np.float32) < rate for rate in rates)
        store.write(Shard(k, np.packbits(train | masks, axis=1), np.packbits(test, axis=1)))


def found(folder: Path, trials: int, examples: Examples, allowed: str | None) -> Measured:
    """What is measured, in so much memory, or of trials that are held."""
    if allowed is None:
        held = stored(folder, trials)
        return measure(held, examples, of_trials(held, examples, fraction=0.7))
    bounded = Bounded(Shelved.at(folder, trials), examples, memory(allowed))
    done = bounded.write(folder.parent / "pairs.parquet", THRESHOLD, keep=10**6)
    experiment = of_trials(bounded.trials.bits, examples, fraction=0.7)
    return bounded.measure(experiment, done.largest, THRESHOLD)


def mark(measured: Measured) -> str:
    """Twelve digits of all results."""
    told = [measured.memorization.to_csv(), measured.pairs.to_csv(), json.dumps(measured.summary)]
    return hashlib.sha256("".join(told).encode()).hexdigest()[:12]


def main() -> None:
    p = argparse.ArgumentParser()
    for name, default in (("n", 100_000), ("tests", 500), ("trials", 512), ("classes", 100)):
        p.add_argument(f"--{name}", type=int, default=default)
    p.add_argument("--memory", help="leave trials in the store, in so many bytes")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        sizes = ((a.n, a.tests, a.trials, a.classes), (320, 64, 64, 2))
        for n, tests, trials, classes in reversed(sizes):  # the small one first: compiled by then
            folder = Path(temporary) / str(n) / "trials"
            make(folder, n, tests, trials)
            examples = Examples(labels(n, classes), labels(tests, classes))
            before = resident("VmRSS")
            Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
            wall, spent = time.perf_counter(), time.process_time()
            measured = found(folder, trials, examples, a.memory)
            took = {"seconds": time.perf_counter() - wall, "processor": time.process_time() - spent}
        peak = resident("VmHWM") - before
        bits = (2 * a.n + a.tests) * a.trials // 8
        told = {**vars(a), **took, "bits": bits, "before": before, "held": peak, "mark": mark(measured)}
        print(json.dumps(told))


if __name__ == "__main__":
    main()
