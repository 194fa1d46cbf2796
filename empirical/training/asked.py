"""What scikit-learn's manners ask for, as a run takes it: processes, a seed, and the size of shards."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from empirical.training import SHARD
from empirical.training.shelf import Shelf
from empirical.training.store import IDENTITY, identity_of
from longtail.core import ArgumentError, whole


def jobs(n_jobs: int | None) -> int:
    """Worker processes: None is one, −1 as many as there are processors, −2 one fewer.

    >>> jobs(None), jobs(3), jobs(-10**3)
    (1, 3, 1)
    """
    count = 1 if n_jobs is None else whole("n_jobs", n_jobs, -4096, 4096)
    if not count:
        raise ArgumentError("n_jobs", 0, "give a number of processes, -1 for as many as processors, or None for one")
    return count if count > 0 else max((os.cpu_count() or 1) + 1 + count, 1)


def seed(random_state: Any, *, stored: bool) -> int:
    """A whole number as it is; of None or a generator of NumPy's one that is drawn, and not for a run that is ``stored``.

    >>> seed(7, stored=True), seed(np.random.default_rng(0), stored=False) < 2**31
    (7, True)
    """
    if not (random_state is None or isinstance(random_state, (np.random.RandomState, np.random.Generator))):
        return whole("random_state", random_state, 0, 2**64 - 1)
    if stored:
        remedy = "give a whole number: of another seed, what is in a store cannot be taken up again"
        raise ArgumentError("random_state", random_state, remedy)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    from sklearn.utils import check_random_state

    return int(check_random_state(random_state).randint(2**31 - 1))


def size(asked: int | None, models: int, place: Shelf | None) -> int:
    """Models in a shard: as ``asked``, else as a store has it that is there; else such that a new one, which keeps whole shards,
    gets as few as can be that nobody asked for: none unless ``models`` has no divisor from 17 to 64.

    >>> from pathlib import Path
    >>> from empirical.training.shelf import Folder
    >>> size(None, 100, None), size(None, 100, Folder(Path("not there yet")))  # a store keeps whole shards: two of 50
    (64, 50)
    """
    if asked is not None:
        return whole("shard", asked)
    if place is None:
        return SHARD
    if place.has(IDENTITY):
        return identity_of(place).shard
    return min(range(SHARD, SHARD // 4, -1), key=lambda shard: (-models) % shard)
