"""What a run's bits say of influence beyond single pairs, beside plain ways; n = 60,000, t = 4,000, 2,000 tests at full size.

Work: ``totals`` does 2 n t additions and 6 K n t multiplications and additions, 1.1 × 10^10 at K = 7, .3 s of a core at 40
GFLOP/s in double precision, beside unpacking 2.4 × 10^8 bits four times. Influences summed densely are a product of n q t, here
4.8 × 10^11 multiply-adds in float32. Measured, processor time: 1.6 s against 31. ``taught`` ANDs and counts t / 64 words twice
for each two examples of a class; the plain way is a product with the models that held an example out, one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.alternating import FULL, Side, alternate
from empirical.estimates.halves import halves
from empirical.estimates.influence import influence
from empirical.estimates.memorization import memorization_cells
from empirical.estimates.pairing import Pairing
from empirical.estimates.taught import taught
from empirical.estimates.totals import EDGES, binned, totals
from empirical.training.trials import Trials
from longtail.core import Floats

T, N, Q = (4000, 60_000, 2000) if FULL else (200, 1200, 200)
THRESHOLD = 0.15


def drawn(t: int = T, n: int = N, q: int = Q) -> Trials:
    rng = np.random.default_rng(0)
    masks = rng.random((t, n), dtype=np.float32) < 0.7
    train = masks | (rng.random((t, n), dtype=np.float32) < np.minimum(2 * rng.random(n, dtype=np.float32), 1))
    test = masks[:, :q] | (rng.random((t, q), dtype=np.float32) < rng.random(q, dtype=np.float32))
    return Trials.of(masks, train, test)


def summed(trials: Trials) -> Floats:
    """Total influence of each bin, from dense influences of either half."""
    parts = halves(trials)
    bins = [binned(memorization_cells(part).value, np.array(EDGES)) for part in parts]
    total = np.zeros(len(EDGES) + 1)
    for part, bin in zip(parts, reversed(bins), strict=True):
        for first in range(0, trials.n_test, 200):
            dense = influence(part, slice(first, min(first + 200, trials.n_test)))
            total += np.bincount(bin, dense.sum(1), minlength=len(total))
    return total / 2 / trials.n_test


def test_totals_against_sums_of_dense_influences(benchmark: Any) -> None:
    trials = drawn()
    np.testing.assert_allclose(totals(trials).total, summed(trials), rtol=0, atol=1e-9 * N)
    alternate(
        f"observed: t={T}, n={N}, q={Q}, total influence by bin of memorization",
        [Side("totals, with errors", lambda: totals(trials)), Side("dense influences, summed", lambda: summed(trials))],
        rounds=2,
    )
    benchmark(lambda: totals(trials))


def test_taught_against_products(benchmark: Any) -> None:
    """A tenth of the examples, in classes of 400: the plain way is too slow for more."""
    t, n = T // 2, N // 10
    trials = drawn(t, n, 8)
    y = np.arange(n) // (400 if FULL else 40)
    pairing = Pairing(y, None, THRESHOLD)

    def plain() -> int:
        found = 0
        for label in np.unique(y):
            some = np.flatnonzero(y == label)
            columns = slice(int(some[0]), int(some[-1]) + 1)
            masks, right = trials.masks_columns(columns).astype(np.float32), trials.train_scores(columns)
            for j in range(len(some)):
                m = masks[masks[:, j] == 0]
                f = right[masks[:, j] == 0, j].astype(np.float32)
                inside, both = m.sum(0), f @ m
                with np.errstate(invalid="ignore", divide="ignore"):
                    value = both / inside.astype(float) - (f.sum() - both) / (len(m) - inside).astype(float)
                found += int((value >= THRESHOLD).sum())
        return found

    assert len(taught(trials, pairing).pairs) == plain()
    alternate(
        f"observed: t={t}, n={n}, pairs of training examples in classes of {int(np.bincount(y).max())}",
        [Side("from bits, twice, with false pairs", lambda: taught(trials, pairing)), Side("products", plain)],
        rounds=2,
    )
    benchmark(lambda: taught(trials, pairing))
