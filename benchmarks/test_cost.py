"""A curve of a hundred limits once its problem is solved: at most .1 s for ε, γ and room for B, N = 50,000 and 10^12 alike.

Work: a row of e(ℓ) a value, 100 × some 450 sights for ε from .1 (four times as many rows with what bounds it), one product with
the masses and one with g(T) by ℓ, 300 × 450 × 400, 5e7 multiply-adds, and a transform of 300 points a row: some 20 ms. Room for
B is read off one cumulative law. The plain way asks for each learner's error by itself, with all that is solved kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.alternating import Side, alternate
from longtail import Problem, Zipf, exact
from longtail.core import AccuracyError
from longtail.exact import limits
from longtail.learners import Capacity, Learner, Limited, Private

VALUES = 100
PROBLEMS = [Problem(Zipf(alpha=1, size=50_000), 50_000), Problem(Zipf(alpha=1, size=10**12), 10**12)]
EPSILON, GAMMA = np.geomspace(0.1, 10, VALUES), np.linspace(0.01, 1, VALUES)


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
@pytest.mark.parametrize("limit", ["epsilon", "gamma", "items"])
def test_a_curve_against_a_loop(benchmark: Any, limit: str, problem: Problem) -> None:
    if limit == "epsilon":
        learners: list[Learner] = [Private(one) for one in EPSILON.tolist()]
    elif limit == "gamma":
        learners = [Limited(one) for one in GAMMA.tolist()]
    else:
        room = np.unique(np.geomspace(1, 2 * exact.subpopulations(problem, 1).value, VALUES).astype(np.int64)).tolist()
        learners = [Capacity(one) for one in room]

    def curve() -> list[float]:
        if limit == "epsilon":
            return limits.privacy(problem, EPSILON)["excess_error"].tolist()
        if limit == "gamma":
            return limits.memorization(problem, GAMMA)["excess_error"].tolist()
        return limits.compression(problem, [one.items for one in learners if isinstance(one, Capacity)])[
            "excess_error"
        ].tolist()

    def loop() -> list[float]:
        optimal = exact.optimal_error(problem).value
        return [exact.error(problem, learner).value - optimal for learner in learners]

    try:
        found = curve()
    except AccuracyError as error:
        pytest.skip(str(error))
    np.testing.assert_allclose(found, loop(), rtol=1e-8, atol=1e-12)
    alternate(f"{len(learners)} values of {limit}, {problem!r}", [Side("curve", curve), Side("one by one", loop)])
    benchmark.pedantic(curve, rounds=5, warmup_rounds=1)
