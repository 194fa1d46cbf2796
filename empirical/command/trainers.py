"""Who trains, by the options: worker processes here, or a cluster."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

from empirical.training.executors import Executor, Processes
from longtail.core import ArgumentError, whole


@contextlib.contextmanager
def trainers(arguments: argparse.Namespace) -> Iterator[Executor]:
    """--workers processes, or the workers of --scheduler; a cluster is left when the block ends."""
    count = whole("--workers", arguments.workers, 1, 4096)
    if arguments.scheduler is None:
        yield Processes(count)
        return
    if count != 1:
        raise ArgumentError("--workers", count, "a cluster has workers of its own: leave it out, or --scheduler")
    from empirical.training.cluster import connected

    with connected(arguments.scheduler) as cluster:
        yield cluster
