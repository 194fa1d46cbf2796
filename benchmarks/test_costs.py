"""What --dry-run foretells, against what the stages then take, by processor time, at three sizes each.

LONGTAIL_BENCHMARK=full python -m pytest benchmarks/test_costs.py --benchmark-only -n 0 -s
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.alternating import FULL
from benchmarks.test_learners import digits
from empirical.designs import Fixed
from empirical.estimates import costs
from empirical.estimates.pairing import Pairing
from empirical.estimates.taught import taught
from empirical.learners import MLP
from empirical.training.job import Job
from empirical.training.resources import rehearsal
from empirical.training.run import run
from empirical.training.store import Identity, Store

SIZES = (
    ((30_000, 4000, 2048, 10), (100_000, 6000, 1024, 100), (120_000, 8000, 2048, 20)) if FULL else ((900, 90, 128, 3),)
)
NETS = ((64, 400), (128, 400), (256, 200)) if FULL else ((8, 8),)
WITHIN = 0.3


def spent(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def stored(n: int, q: int, models: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder), Identity("", "", repr(Fixed(0.7)), 0, "correct", "uint8", 64, n, q))
        for k in range(models // 64):
            costs.kept(store, Fixed(0.7), k)


def compared(n: int, q: int, models: int, classes: int) -> dict[str, tuple[float, float]]:
    """Seconds foretold and taken, by stage."""
    case = costs.Case.even(n, q, classes, models)
    told = {s.name: s.seconds for s in costs.stages(case, costs.calibrated(case, 0.0))}
    trials, y, z = costs.made_up(n, q, models), np.arange(n) % classes, np.arange(q) % classes
    stages: dict[str, Callable[[], object]] = {
        "store": lambda: stored(n, q, models),
        "pairs": lambda: costs.found(trials, Pairing(y, z, 0.15)),
        "report": lambda: costs.tables(trials),
        "taught": lambda: taught(trials, Pairing(y, None, 0.15)),
    }
    return {name: (told[name], spent(work)) for name, work in stages.items() if told[name]}


def trained(width: int, models: int) -> dict[str, tuple[float, float]]:
    """The same of nets on digits."""
    job = Job(digits(), MLP(width, epochs=10 if FULL else 1), Fixed(0.7), shard=64)
    rehearsal(job, 1, 1)
    return {"train": (rehearsal(job, models, 1, time.process_time), spent(lambda: run(job, models)))}


def test_costs(benchmark: Any) -> None:
    cases = [partial(compared, *sizes) for sizes in SIZES] + [partial(trained, *net) for net in NETS]
    off = []
    print()
    for case in cases:
        rounds = [
            case() for _ in range(3 if FULL else 1)
        ]  # each timed right after it was foretold: others use the machine
        for name in rounds[0]:
            ratio = float(np.median([found[name][0] / found[name][1] for found in rounds]))
            took = float(np.median([found[name][1] for found in rounds]))
            print(f"  {case.func.__name__}{case.args}: {name:<6} took {took:6.2f} s, foretold {ratio:.2f} of it")
            off.append(abs(np.log(ratio)))
    assert not FULL or max(off) <= np.log(1 + WITHIN)
    benchmark(lambda: costs.stages(costs.PUBLISHED["ImageNet"]))
