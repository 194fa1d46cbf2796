"""Weights laid on a lattice of whole numbers: each between the two about its place, so that the mean is kept.

A weight w at place k + s, k whole and 0 ≤ s < 1, goes as w − s w to k and as s w to k + 1. Places are products, of what
memorization can be at the most and what others leave of it; they hardly ever differ between the models of a search, and are kept.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from longtail.core import Floats

KEPT = 8  # of two megabytes each


def laid(tops: Floats, values: Floats, weight: Floats, cells: int) -> Floats:
    """``weight``, tops × values, at the products of these, on 0, 1, ..., ``cells``.

    >>> laid(np.ones(1), np.array([0.0, 0.75, 2.0]), np.array([[1.0, 8.0, 4.0]]), cells=2).tolist()
    [3.0, 6.0, 4.0]
    """
    low, part = _places(
        np.ascontiguousarray(tops, float).tobytes(), np.ascontiguousarray(values, float).tobytes(), cells
    )
    whole = np.asarray(weight, float).ravel()
    over = whole * part
    found = np.bincount(low, whole - over, cells + 1)
    found[1:] += np.bincount(low, over, cells)
    return np.asarray(found, float)


@lru_cache(maxsize=KEPT)
def _places(tops: bytes, values: bytes, cells: int) -> tuple[NDArray[np.int64], Floats]:
    """The whole number below each place, and how far beyond it that is."""
    place = np.multiply.outer(np.frombuffer(tops), np.frombuffer(values)).ravel()
    low = np.minimum(place.astype(np.int64), cells - 1)
    return low, place - low
