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


def loud(verbose: int) -> bool:
    """Whether progress is shown: from 1 on, or True.

    >>> loud(0), loud(2), loud(True)
    (False, True, True)
    """
    return bool(verbose if isinstance(verbose, bool | np.bool_) else whole("verbose", verbose, 0, 2**31))


def seed(random_state: Any, place: Shelf | None = None) -> int:
    """A whole number as it is; of None that of the run kept at ``place``, or one that is drawn afresh, as scikit-learn draws it
    from NumPy's global state; of a generator of NumPy's the next that it draws.

    >>> seed(7), seed(np.random.RandomState(1)), seed(np.random.RandomState(1))
    (7, 1791095845, 1791095845)
    """
    if random_state is None and place is not None and place.has(IDENTITY):
        return whole("random_state", identity_of(place).seed, 0, 2**64 - 1)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    if random_state is None or random_state is np.random or isinstance(random_state, np.random.RandomState):
        from sklearn.utils import check_random_state

        return int(check_random_state(random_state).randint(2**31 - 1))
    try:
        return whole("random_state", random_state, 0, 2**64 - 1)
    except ArgumentError as error:
        remedy = f"{error.remedy}, None, or a RandomState or Generator of NumPy's"
        raise ArgumentError("random_state", error.shown, remedy) from error


def size(asked: int | None, place: Shelf | None) -> int:
    """Models in a shard: as ``asked``, else as a store has it that is there.

    >>> size(None, None), size(100, None)
    (64, 100)
    """
    if asked is not None:
        return whole("shard", asked)
    if place is None:
        return SHARD
    if place.has(IDENTITY):
        return identity_of(place).shard
    return SHARD
