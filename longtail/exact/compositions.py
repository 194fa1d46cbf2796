"""The law of T as a sum over how often each value is drawn, for lists of few entries or few values.

    P(m_1, ..., m_K) = (N−1)! Π_k (c_k/N)^{m_k} / m_k!,   T = Σ_k m_k v_k,   Σ_k m_k = N − 1.

Every term is positive, so a value keeps its digits however small it is: no filter, no tilt. ``longtail.exact.spectrum`` comes
here where the law of ``longtail.exact.mellin`` leaves too few, and there are no more than ``MOST`` terms.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from longtail.core import Prior, compressed
from longtail.exact.mellin import Rule

MOST = 20_000


@lru_cache(maxsize=8)
def composed(prior: Prior) -> Rule | None:
    """The law of T, or None where the terms are too many or the list is compressed, its counts no longer those of its values."""
    nodes, finer = compressed(prior), compressed(prior, 2.0)
    kinds, draws = len(nodes.count), prior.size - 1
    whole = np.array_equal(nodes.log_value, finer.log_value) and bool((nodes.count == np.round(nodes.count)).all())
    if prior.is_law or not whole or comb(draws + kinds - 1, kinds - 1) > MOST:
        return None
    drawn = _compositions(draws, kinds)
    top = float(nodes.log_value.max())
    log_share = np.log(nodes.count / prior.size)
    log_t = top + np.log(drawn @ np.exp(nodes.log_value - top))
    ways, apart, chance = gammaln(draws + 1.0), gammaln(drawn + 1.0).sum(1), drawn @ log_share
    one = np.ones(len(log_t))
    return Rule(log_t, one, np.zeros(1), one, 1, ways - apart + chance, ways + apart - chance)


def _compositions(draws: int, kinds: int) -> NDArray[np.int64]:
    """All ways to write ``draws`` as an ordered sum of ``kinds`` whole numbers, one a row."""
    rows = np.zeros((1, 0), np.int64)
    left = np.array([draws])
    for _ in range(kinds - 1):
        take = np.concatenate([np.arange(x + 1) for x in left])
        rows = np.column_stack([np.repeat(rows, left + 1, axis=0), take])
        left = np.repeat(left, left + 1) - take
    return np.column_stack([rows, left])
