"""The trials of a run, back from its folder: scores from its shards, subsets drawn again by its design."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from empirical.designs import recorded
from empirical.training import DTYPES
from empirical.training.spans import parts_of, shards_of
from empirical.training.store import Store
from empirical.training.trials import Trials, floats, whole_numbers
from longtail.core import ArgumentError, Integers, whole


def stored(folder: str | Path, models: int, *, first: int = 0, classes: Callable[[], Integers] | None = None) -> Trials:
    """Trials ``first`` to ``first + models``; ``classes`` gives the training labels, asked for if subsets are stratified.

    >>> import tempfile
    >>> from empirical.data.load import load
    >>> from empirical.designs import Fixed
    >>> from empirical.learners import KNN
    >>> from empirical.training.job import Job
    >>> from empirical.training.run import run
    >>> job = Job(load("planted", n=60).data, KNN(), Fixed(0.7))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trained = run(job, 64, store=Store.open(folder, job.identity()))
    ...     again = stored(folder, 64)
    >>> bool((again.masks() == trained.masks()).all()), bool((again.test == trained.test).all())
    (True, True)
    """
    store = Store.at(folder)
    one = store.identity
    shard, n, n_test = (whole(name, getattr(one, name)) for name in ("shard", "n", "n_test"))
    models, design = whole("models", models), recorded(one.design)
    if one.score not in ("correct", "predicted") and one.dtype not in DTYPES:
        raise ArgumentError("run", f"{folder}, of scores in {one.dtype}", f"scores are kept in {' or '.join(DTYPES)}")
    asked, there = range(first, first + models), store.spans()
    count, parts = len(shards_of(asked, shard)), []
    if count <= len(there):  # else some are missing, and there may be too many to ask for each
        found = [store.gather(k, span, spans=there.get(k, ())) for k, span in parts_of(asked, shard)]
        parts = [part for part in found if part is not None]
    if len(parts) < count:
        least = "" if parts or not there else "at least "
        missing = count - (len(parts) or len(there))
        got = f"{folder}, where {least}{missing:,} of {count:,} shards are missing or damaged"
        raise ArgumentError("run", got, "run the same python -m empirical.estimate again, which makes them")
    train, test = (np.concatenate([getattr(part, name) for part in parts]) for name in ("train", "test"))
    if one.score == "predicted":
        train, test = whole_numbers("train", train), whole_numbers("test", test)
    elif one.score != "correct":
        train, test = floats("train", train), floats("test", test)
    number = np.arange(first, first + models)
    y = classes() if getattr(design, "stratified", False) and classes is not None else None
    inside = np.packbits(design.subsets(one.seed, number, n, y), axis=1)
    return Trials(n, n_test, number, inside, train, test, one.score, design)
