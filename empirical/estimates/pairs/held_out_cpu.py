"""AND and popcount in numba, of models that held one of the pair out: how many trained on i but not on j, and were right on j.

As in ``pairs_cpu``, twice a block: one count is how many models compare, the other how many of them are right. An example is
never its own teacher: no model trains on it and holds it out.
"""

from __future__ import annotations

import numpy as np

from empirical.data.compiled_cpu import compiled
from empirical.estimates.pairs.pairs_cpu import LANES, ROWS, shared


@compiled()
def hits(a, right, out, counted, threshold, start, pairs):
    """Fill ``pairs`` with those at or above ``threshold`` from step ``start`` on; how many, and where to go on.

    Of the s models that held j out, w trained on i; c of its ``total`` right ones are among these: c/w − (total − c)/(s − w) ≥ θ
    where c s − total w ≥ θ w (s − w), which is tried first, less a margin, without a division.
    """
    sums, within = np.empty((ROWS, LANES), np.uint64), np.empty((ROWS, LANES), np.uint64)
    passed = np.empty(LANES, np.uint8)
    n, totals, models = counted
    row, column, count, inside = pairs
    found = 0
    steps = a.shape[0] // ROWS
    for step in range(start, right.shape[0] * steps):
        if found + ROWS * LANES > row.shape[0]:
            return found, step
        c, i = step // steps, step % steps * ROWS
        shared(a, right[c], i, sums)
        shared(a, out[c], i, within)
        total, model = totals[c * LANES : (c + 1) * LANES], models[c * LANES : (c + 1) * LANES]
        for r in range(min(ROWS, n - i)):
            line, width = sums[r], within[r]
            some = 0
            for j in range(LANES):
                w, s = np.float64(width[j]), np.float64(model[j])
                passed[j] = np.float64(line[j]) * s - np.float64(total[j]) * w >= threshold * w * (s - w) - 1e-6
                some += passed[j]
            if some == 0:
                continue
            for j in range(LANES):
                both = np.int64(width[j])
                if passed[j] and 0 < both < model[j]:
                    here = np.int64(line[j])
                    if here / both - (total[j] - here) / (model[j] - both) >= threshold:
                        row[found], column[found], count[found], inside[found] = i + r, c * LANES + j, here, both
                        found += 1
    return found, right.shape[0] * steps
