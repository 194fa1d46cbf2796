"""Nearest neighbors for numba: 64 trials at a time where one neighbor decides, and the majority's DP.

For k = 1 a query walks down its list with one word of 64 trials: those whose subset holds the neighbor are settled and
leave, so at r = .7 about five steps settle all 64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from empirical.data.compiled_cpu import compiled


@compiled()
def nearest(order, agree, bits, valid, right, open_):
    """right[q, w]: trials whose first neighbor in the subset agrees; open_[q] where a list ended too soon."""
    for q in range(order.shape[0]):
        for w in range(bits.shape[1]):
            waiting, hit = valid[w], np.uint64(0)
            for s in range(order.shape[1]):
                settled = waiting & bits[order[q, s], w]
                if agree[q, s]:
                    hit |= settled
                waiting &= ~settled
                if waiting == 0:
                    break
            right[q, w] = hit
            open_[q] |= waiting != 0


@compiled()
def votes(order, labels, masks, k, counts, short):
    """counts[t, q, class] of the k nearest in the subset; short[q] where a list ended before k and before the data."""
    for t in range(masks.shape[0]):
        for q in range(order.shape[0]):
            left = k
            for s in range(order.shape[1]):
                i = order[q, s]
                if masks[t, i]:
                    counts[t, q, labels[i]] += 1
                    left -= 1
                    if left == 0:
                        break
            short[q] |= left > 0


class States(NamedTuple):
    """Counts of classes chosen, k at most: ``step[state, c]`` is the state with one more of class c, ``size`` how many it holds,
    ``winner`` the class of most.
    """

    step: NDArray[np.int64]
    size: NDArray[np.int64]
    winner: NDArray[np.int64]


class Draw(NamedTuple):
    """Subsets of n: of fixed size m, or, where m < 0, each element with probability p; k of its nearest vote."""

    k: int
    n: int
    m: int
    p: float


class Found(NamedTuple):
    """Pr[right | s in] and Pr[right | s out] by list and place, and the pair for an example past the list's end."""

    inside: NDArray[np.float64]
    outside: NDArray[np.float64]
    beyond: NDArray[np.float64]


@compiled()
def chances(lists, labels, at, states, draw, found):
    """Of lists (rows, places) of classes whose queries are of the classes ``labels``, into the rows ``at`` of ``found``."""
    correct = np.empty(states.size.shape[0])
    for row in range(lists.shape[0]):
        for a in range(correct.shape[0]):
            correct[a] = 1.0 if states.winner[a] == labels[row] else 0.0
        q = at[row]
        _chances(lists[row], states, correct, draw, found.inside[q], found.outside[q], found.beyond[q])


@compiled()
def _chances(classes, states, correct, draw, inside, outside, beyond):
    """Of one list, by states, of which ``correct`` says whether the majority is right.

    Of a fixed size, element r is taken with probability (m − chosen)/(n − r), r from 0, given those before. Before s the other
    elements are m − 1 of n − 1 where s is in, and m of n − 1 where it is out; after s both are the plain chain.
    """
    step, size, k, n, m, p = states.step, states.size, draw.k, draw.n, draw.m, draw.p
    places, count = classes.shape[0], size.shape[0]
    after = np.empty((places + 1, count))  # Pr[right] from each state, the first r elements seen
    for a in range(count):
        after[places, a] = correct[a]
    for r in range(places - 1, -1, -1):
        for a in range(count):
            if size[a] == k:
                after[r, a] = correct[a]
                continue
            take = min(max((m - size[a]) / (n - r), 0.0), 1.0) if m >= 0 else p
            after[r, a] = take * after[r + 1, step[a, classes[r]]] + (1 - take) * after[r + 1, a]
    for given in range(2):
        before, later = np.zeros(count), np.zeros(count)
        before[0] = 1.0
        chosen = m - 1 + given  # of the n − 1 others
        for s in range(places):
            total = 0.0
            for a in range(count):
                if before[a] == 0.0:
                    continue
                if size[a] == k:
                    total += before[a] * correct[a]
                elif given == 0:
                    total += before[a] * after[s + 1, step[a, classes[s]]]
                else:
                    total += before[a] * after[s + 1, a]
            if given == 0:
                inside[s] = total
            else:
                outside[s] = total
            later[:] = 0.0
            for a in range(count):
                if before[a] == 0.0:
                    continue
                if size[a] == k:
                    later[a] += before[a]
                    continue
                take = min(max((chosen - size[a]) / (n - 1 - s), 0.0), 1.0) if m >= 0 else p
                if n - 1 - s == 0:
                    take = 0.0
                later[step[a, classes[s]]] += before[a] * take
                later[a] += before[a] * (1 - take)
            before, later = later, before
        beyond[given] = 0.0
        for a in range(count):
            beyond[given] += before[a] * correct[a]
