"""Nearest neighbors for numba: 64 trials at a time where one neighbor decides, and the majority's DP.

For k = 1 a query walks down its list with one word of 64 trials: those whose subset holds the neighbor are settled and
leave, so at r = .7 about five steps settle all 64.
"""

from __future__ import annotations

import numpy as np

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


@compiled()
def chances(classes, step, size, correct, k, n, m, p, inside, outside, beyond):
    """Pr[right | s in] and Pr[right | s out] for each place s of one list, by states that count the classes chosen;
    ``beyond`` is the pair for an example past the list's end.

    ``step[state, c]`` is the state with one more of class c, ``size`` how many it holds, ``correct`` whether its
    majority is right. m ≥ 0: subsets of fixed size m of n (element r is taken with probability (m − chosen)/(n − r), r
    from 0, given those before); m < 0: each with probability p. Before s the other elements are m − 1 of n − 1 where
    s is in, and m of n − 1 where it is out; after s both are the plain chain.
    """
    places, states = classes.shape[0], size.shape[0]
    after = np.empty((places + 1, states))  # Pr[right] from each state, the first r elements seen
    for a in range(states):
        after[places, a] = correct[a]
    for r in range(places - 1, -1, -1):
        for a in range(states):
            if size[a] == k:
                after[r, a] = correct[a]
                continue
            take = min(max((m - size[a]) / (n - r), 0.0), 1.0) if m >= 0 else p
            after[r, a] = take * after[r + 1, step[a, classes[r]]] + (1 - take) * after[r + 1, a]
    for given in range(2):
        before, later = np.zeros(states), np.zeros(states)
        before[0] = 1.0
        chosen = m - 1 + given  # of the n − 1 others
        for s in range(places):
            total = 0.0
            for a in range(states):
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
            for a in range(states):
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
        for a in range(states):
            beyond[given] += before[a] * correct[a]
