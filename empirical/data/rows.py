"""Some of the training examples only, drawn at random; all test examples stay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.dataset import Dataset
from empirical.data.sources.table import Rows
from empirical.data.texts import Texts
from longtail import philox
from longtail.core import ArgumentError, whole

DRAWN = 3  # stream of these draws among those of resampling


def fewer(dataset: Dataset, rows: Any, seed: int = 0) -> Dataset:
    """``rows`` training examples, in their order, a function of (n, rows, seed) alone; they keep their names, else get their
    numbers among all for names.

    >>> from empirical import load
    >>> some = fewer(load("digits"), 10)
    >>> some.data.n, some.data.n_test, len(some.train_ids)
    (10, 297, 10)
    """
    data, count = dataset.data, whole("rows", rows, 2)
    if count > data.n:
        raise ArgumentError(
            "rows", count, f"{dataset.name} has {data.n:,} training examples; give no more, or leave it out"
        )
    keys = philox.uniforms(seed, philox.substream(philox.RESAMPLE, DRAWN), 0, 0, data.n)
    kept = np.sort(np.argsort(keys, kind="stable")[:count])
    texts = data.texts and (Texts.of(data.texts[0][i] for i in kept), data.texts[1])
    names = dataset.train_ids or tuple(range(data.n))
    told = dataset.rows and (_taken(dataset.rows[0], kept), dataset.rows[1])
    return replace(
        dataset,
        data=replace(data, x_train=_taken(data.x_train, kept), y_train=data.y_train[kept], texts=texts),
        train_ids=tuple(names[i] for i in kept),
        truth=None if dataset.truth is None else dataset.truth.iloc[kept].reset_index(drop=True),
        rows=told,
        notes=(*dataset.notes, f"{count:,} of {data.n:,} training examples, drawn at random (--rows)"),
    )


def _taken(x: Any, at: NDArray[np.int64]) -> Any:
    """Rows of an array, a sparse matrix, a data frame, a table in words or a list."""
    if isinstance(x, Rows):
        return x.kept(at)
    if hasattr(x, "iloc"):
        return x.iloc[at]
    return [x[i] for i in at] if not hasattr(x, "shape") else x[at]
