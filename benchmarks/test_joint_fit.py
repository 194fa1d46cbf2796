"""A joint fit to memorization, the error at half the size and what examples carry; n = 60,000 at full size.

Work: an evaluation lays the prior on its lattice (5 ms, where it is another) and sums over copies, λ and u (3 ms), whatever n
is; a search takes some 700 of them, and as many data sets are drawn as are asked for. Each interval follows the likelihood, the
other coordinates at their best, to either end: with slopes, as many again for one or two of them. No plain way is put beside it:
a fit by drawing whole data sets at each model takes hours. Machines differ less in evaluations than in seconds: both are told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.alternating import FULL
from empirical.bridge.fit import fit
from empirical.bridge.model import Model
from empirical.estimates.noise import SubsetNoise
from simulations.coverage import known_together

N, SIMULATIONS = (60_000, 200) if FULL else (2000, 5)
GUESS = "dust" if FULL else "hard"
EVALUATED = 20


def spent(run: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and its processor seconds."""
    began = time.process_time()
    return run(), time.process_time() - began


def test_joint_fit(benchmark: Any) -> None:
    """A step away from it, either way of each coordinate, no model is more likely; intervals hold estimates, at full size."""
    _, _, ((values, beside),) = known_together(N, 2000, 1, seed=5)
    noise = SubsetNoise(2000)

    def found() -> Any:
        return fit(values, 10, noise, "Zipf", "beta", guess=GUESS, beside=beside, simulations=SIMULATIONS)

    best, fitted = benchmark.pedantic(lambda: spent(found), rounds=1)
    model: Model = best.reach.model
    x, observed = best.reach.x, best.reach.observed
    least = (model.residuals(x, observed) ** 2).sum()
    for i, axis in enumerate(np.eye(len(x))):
        for step in (-0.1, 0.1):
            assert (model.residuals(x + step * axis, observed) ** 2).sum() > least - 0.05, i
    away = [x + 0.001 * k for k in range(1, EVALUATED + 1)]
    _, each = spent(lambda: [model.residuals(there, observed) for there in away])
    times = fitted / (each / EVALUATED)
    told = f"an evaluation {1e3 * each / EVALUATED:.1f} ms, a fit {fitted:.1f} s, {times:.0f} of them ({best.evaluations} done)"
    if FULL:
        intervals, following = spent(lambda: best.intervals)
        for name, one in best.parameters.items():
            assert intervals[name][0] <= one.value <= intervals[name][1], name
        told += f", its {len(intervals)} intervals {following:.1f} s"
    print(f"\nn = {N:,}: {told} of processor")
