"""Laws of scale: the error against the number of samples."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from longtail.core import LARGEST, AccuracyError, Problem
from longtail.exact.functions import cost, optimal_error

if TYPE_CHECKING:
    import pandas as pd


def error_against_samples(problem: Problem, points: int = 17, decades: float = 2.0) -> pd.DataFrame:
    """Optimal error, and error when singletons are guessed, for n up to ``decades`` powers of ten below and above."""
    import pandas as pd

    exponent = np.log10(problem.n) + np.linspace(-decades, decades, points)
    sizes = np.unique(np.clip(np.round(10**exponent), 1, LARGEST).astype(np.int64))
    rows = []
    for n in sizes:
        there = replace(problem, n=int(n))
        try:
            optimal, guessing = optimal_error(there).value, cost(there, 1).value
        except AccuracyError:  # far beyond where anything is left to see: a curve may end there
            continue
        rows.append(
            {
                "samples": int(n),
                "optimal_error": optimal,
                "cost": guessing,
                "error_guessing_singletons": optimal + guessing,
            }
        )
    return pd.DataFrame(rows, columns=["samples", "optimal_error", "cost", "error_guessing_singletons"])
