"""Trials shared among threads: each writes its own rows, so that the number of threads changes nothing but the time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise


def share(work: Callable[[int, int], None], trials: int, workers: int) -> None:
    """``work(start, stop)`` over pieces of ``range(trials)``, on up to ``workers`` threads."""
    workers = min(workers, trials)
    if workers <= 1:
        work(0, trials)
        return
    pieces = min(trials, 4 * workers)  # a few each, so that a slow core does not hold up the rest
    edges = [trials * i // pieces for i in range(pieces + 1)]
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, a, b) for a, b in pairwise(edges)]:
            done.result()
