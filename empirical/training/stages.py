"""What a run would take, stage by stage: operations and bytes, counted, and a processor's seconds, of a little that is done here.

A rate is a median over rounds, not the least of them: what is foretold is a time that others' use of the machine is part of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from longtail.core.opened import size

ROUNDS, MOST, ENOUGH = 3, 25, 0.3  # at the least, at the most, and seconds after which there are no more
NOTE = "Seconds are a processor's. Figures and fits of theory come on top: they hardly depend on sizes."


@dataclass(frozen=True)
class Stage:
    """``operations`` of a kind, bytes that are read or written, and a processor's seconds, NaN where they were not timed.

    >>> Stage("train", 1e15, "FLOP", 0, seconds=7200.0).hours
    2.0
    """

    name: str
    operations: float | None
    kind: str
    bytes: float
    seconds: float = float("nan")

    @property
    def hours(self) -> float:
        """Machine-hours, of one processor."""
        return self.seconds / 3600


def spent(work: Callable[[], object], rounds: int = ROUNDS, clock: Callable[[], float] = time.process_time) -> float:
    """Seconds of the processor: the median of some rounds, after one that may have compiled.

    >>> import itertools
    >>> spent(lambda: sum(range(1000)), clock=itertools.count().__next__)  # by a clock that strikes whenever it is asked
    1.0
    """
    work()
    took: list[float] = []
    while len(took) < rounds or (sum(took) < ENOUGH and len(took) < MOST):
        start = clock()
        work()
        took.append(clock() - start)
    return float(np.median(took))


def text(head: str, done: Sequence[Stage], workers: int = 1, note: str = NOTE) -> str:
    """For a person to read; the stages called "train" are those that ``workers`` share.

    >>> print(text("2,000 models", [Stage("train", 1e15, "FLOP", 0, seconds=7200.0), Stage("store", 1e9, "bits", 1.25e8)]))
    2,000 models; nothing was written
    <BLANKLINE>
    stage   operations  of                  bytes      seconds  machine-hours
    train        1e+15  FLOP              0 bytes      7.2e+03              2
    store        1e+09  bits               125 MB          nan            nan
    all                                                    nan            nan
    <BLANKLINE>
    Seconds are a processor's. Figures and fits of theory come on top: they hardly depend on sizes.
    """
    wide = max(len("stage"), *(len(s.name) for s in done))
    lines = [
        f"{head}; nothing was written",
        "",
        f"{'stage':<{wide}} {'operations':>12}  {'of':<14} {'bytes':>10} {'seconds':>12} {'machine-hours':>14}",
    ]
    for s in done:
        count = "unknown" if s.operations is None else f"{s.operations:.3g}"
        row = f"{s.name:<{wide}} {count:>12}  {s.kind:<14} {size(s.bytes):>10} {s.seconds:>12.3g} {s.hours:>14.3g}"
        lines.append(row)
    total = sum(s.seconds for s in done)
    lines += [f"{'all':<{wide}} {'':>12}  {'':<14} {'':>10} {total:>12.3g} {total / 3600:>14.3g}", "", note]
    if workers > 1:
        shared = sum(s.seconds for s in done if s.name.startswith("train"))
        lines.append(f"Training by {workers} workers, {shared / workers + total - shared:.3g} s by the clock.")
    return "\n".join(lines)
