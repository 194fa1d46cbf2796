"""The simulation's inner loops, each a pair: compiled for the CPU (``*_cpu``, numba) and for a GPU (``*_cuda``, CuPy).

The three functions here go by the device of ``rng`` and give the same draws on either. ``entries`` is the prior's list,
from which frequencies are drawn; where ``given`` has rows they are the frequencies, one row for all trials or one each.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from longtail.core import Floats
from longtail.core.arrays import Random
from longtail.montecarlo.census import Census, Draws

NONE: Floats = np.empty((0, 0))


@dataclass(frozen=True)
class Source:
    """Where a trial's frequencies come from, and how many points are drawn: all that a kernel needs of a problem."""

    size: int
    n: int
    entries: Floats = field(repr=False)
    given: Floats = field(default_factory=lambda: NONE, repr=False)


def ready(rng: Random) -> None:
    """Compile the kernels, or load them compiled, so that a clock started next times the simulation alone."""
    census(Source(1, 1, np.ones(1)), rng, 0, 1, 3)


def census(source: Source, rng: Random, first: int, trials: int, rows: int, workers: int = 1) -> Census:
    """The census of trials first, first + 1, …, with ``rows`` columns."""
    if rng.device.kind == "gpu":
        from longtail.montecarlo.kernels.census_cuda import census as there

        return there(source, rng, first, trials, rows)
    from longtail.montecarlo.kernels.census_cpu import census as here

    return here(source, rng, first, trials, rows, workers)


def expected(source: Source, rng: Random, first: int, trials: int, rows: int, workers: int = 1) -> Census:
    """The census expected given each trial's frequencies: the sample integrated out."""
    if rng.device.kind == "gpu":
        from longtail.montecarlo.kernels.census_cuda import expected as there

        return there(source, rng, first, trials, rows)
    from longtail.montecarlo.kernels.expected_cpu import expected as here

    return here(source, rng, first, trials, rows, workers)


def draws(source: Source, rng: Random, first: int, trials: int, workers: int = 1) -> Draws:
    """The same trials, drawn out: counts and frequencies, (trials, N), on the device of ``rng``."""
    if rng.device.kind == "gpu":
        from longtail.montecarlo.kernels.census_cuda import draws as there

        return there(source, rng, first, trials)
    from longtail.montecarlo.kernels.census_cpu import draws as here

    return here(source, rng, first, trials, workers)


def item(source: Source, kind: str, *, drawn: bool = False) -> int:
    """Bytes one more trial takes: its draws where they are kept, its frequencies where they are given, its census."""
    kept = 24 * source.size if drawn or (kind == "gpu" and source.size > 2**24) else 0
    return kept + (8 * source.size if len(source.given) > 1 else 0) + 4096
