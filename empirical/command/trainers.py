"""Who trains, by the options: worker processes here, or a cluster; and what is said meanwhile."""

from __future__ import annotations

import argparse
import contextlib
import logging
import warnings
from collections.abc import Iterator

from empirical.training.executors import Executor, Processes
from empirical.training.job import Job
from empirical.training.progress import Bar
from longtail.core import ArgumentError, whole

log = logging.getLogger("empirical")


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


@contextlib.contextmanager
def watched(job: Job) -> Iterator[Bar]:
    """A bar for the progress of a job; what models warned of is said when it has ended well."""
    bar = Bar(job.design.inclusion(job.data.n), job.data.n_test, score=job.score)
    try:
        with warnings.catch_warnings(record=True) as caught:
            yield bar
    finally:
        bar.close()
    for warning in caught:
        log.info("%s", warning.message)
