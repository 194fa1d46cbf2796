"""Tables of priors and learners that drive the tests."""

from __future__ import annotations

from longtail import (
    Geometric,
    Listed,
    LogNormal,
    Mixture,
    Pareto,
    Prior,
    TwoLevel,
    Uniform,
    Zipf,
)
from longtail.learners import Forget, Limited, Majority, Memorizer, Private

LEARNERS = (Memorizer(), Forget(1), Forget(3), Limited(0.3), Private(1.5, 0.01), Majority(0.6))
