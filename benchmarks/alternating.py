"""Timing sides in turn: each round runs every side once, so that what else the machine does falls on all alike."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from longtail.core import ArgumentError
from longtail.core.arrays import gpu

# children read the environment; this process may have loaded its BLAS before it was set
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
ONE_THREAD = threadpool_limits(1)
SIZE = os.environ.get("LONGTAIL_BENCHMARK", "small")
if SIZE not in ("small", "once", "full"):
    raise ArgumentError("LONGTAIL_BENCHMARK", SIZE, "give small, once or full")
FULL = SIZE == "full"
ONCE = SIZE == "once"  # small, and every side runs a single time: in CI, where nobody reads what it took
ROUNDS = 9 if FULL else 2


def gpu_or_skip() -> str:
    """The GPU's name; a skip that says what is missing where there is none."""
    try:
        return gpu().name
    except ArgumentError as error:
        pytest.skip(str(error))


@dataclass(frozen=True)
class Side:
    """``run`` does ``units`` of work (models, or 1); ``processor`` reads the processor seconds it has used so far.

    Processor time is what a busy machine leaves comparable; wall time is what a user waits.
    """

    name: str
    run: Callable[[], Any]
    units: float = 1
    note: str = ""
    processor: Callable[[], float] | None = time.process_time


def alternate(title: str, sides: list[Side], rounds: int = ROUNDS) -> dict[str, float]:
    """Median seconds a unit of each side, after one run each to warm up (not of ``once``); printed beside their ratios."""
    rounds = 1 if ONCE else rounds
    for side in () if ONCE else sides:
        side.run()
    took: dict[str, list[float]] = {side.name: [] for side in sides}
    spent: dict[str, list[float]] = {side.name: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            clock = side.processor or (lambda: np.nan)
            start, before = time.perf_counter(), clock()
            side.run()
            took[side.name].append((time.perf_counter() - start) / side.units)
            spent[side.name].append((clock() - before) / side.units)
    medians = {name: float(np.median(values)) for name, values in took.items()}
    lines = [f"\n{title} ({rounds} rounds, one BLAS thread a process, {os.cpu_count()} cores)"]
    first = medians[sides[0].name]
    for side in sides:
        seconds = medians[side.name]
        spread = np.subtract(*np.quantile(took[side.name], [0.75, 0.25])) / seconds
        lines.append(
            f"  {side.name:<42} {1e3 * seconds:>10.4f} ms ± {50 * spread:>3.0f} %  {seconds / first:>8.2f} x   "
            f"processor {1e3 * np.median(spent[side.name]):>10.4f} ms   {side.note}"
        )
    print("\n".join(lines))
    return medians


_trainer: Any = None


def _prepare(learner: Any, data: Any, score: str) -> None:
    global _trainer
    _trainer = learner.prepare(data, score)


def _train(n: int, packed: Any, trials: Any) -> Any:
    before = time.process_time()
    train, test = _trainer(np.unpackbits(packed, axis=1, count=n).view(bool), trials)
    return np.packbits(train, axis=1), np.packbits(test, axis=1), time.process_time() - before


class Workers:
    """``count`` processes with a trainer each; ``train`` splits the trials between them and gets packed bits, as a run does."""

    def __init__(self, learner: Any, data: Any, count: int = 2) -> None:
        self.count = count
        self.widths = data.n, data.n_test
        self.spent = 0.0
        self.pool = ProcessPoolExecutor(count, get_context("spawn"), _prepare, (learner, data, "correct"))

    def train(self, masks: Any) -> tuple[Any, Any]:
        trials = np.array_split(np.arange(len(masks)), self.count)
        packed = np.packbits(masks, axis=1)
        parts = list(self.pool.map(partial(_train, self.widths[0]), [packed[k] for k in trials], trials))
        self.spent += sum(seconds for _, _, seconds in parts)
        return np.concatenate([a for a, _, _ in parts]), np.concatenate([b for _, b, _ in parts])

    def right(self, masks: Any) -> Any:
        """Whether each model is right on each row, training rows first: ``train``, unpacked."""
        parts = zip(self.train(masks), self.widths, strict=True)
        return np.hstack([np.unpackbits(part, axis=1, count=width).view(bool) for part, width in parts])

    def close(self) -> None:
        self.pool.shutdown()
