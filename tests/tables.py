"""Tables of priors and learners that drive the tests."""

from __future__ import annotations

from longtail import Geometric, Listed, LogNormal, Mixture, Pareto, Prior, TwoLevel, Uniform, Zipf
from longtail.learners import Forget, Limited, Majority, Memorizer, Private

LEARNERS = (Memorizer(), Forget(1), Forget(3), Limited(0.3), Private(1.5, 0.01), Majority(0.6))


def lists(size: int) -> list[Prior]:
    """Every list prior at this size, T spanning up to three decades."""
    half = size // 2
    return [
        Zipf(alpha=0.5, size=size),
        Zipf(alpha=1, size=size),
        Zipf(alpha=2, size=size),
        Uniform(size=size),
        Geometric(ratio=0.7, size=size),
        LogNormal(sigma=1, size=size),
        Pareto(shape=1.5, size=size),
        TwoLevel(common=size // 3, rare=size - size // 3, ratio=0.01),
        Mixture(parts=((half / size, Zipf(alpha=1, size=half)), (1 - half / size, Uniform(size=1))), size=size),
        Listed([1.0 + (7 * k % 5) for k in range(size)]),
    ]


def wide_lists(size: int) -> list[Prior]:
    """Lists under which T spans more than three decades."""
    return [
        Zipf(alpha=5, size=size),
        Geometric(ratio=0.1, size=size),
        LogNormal(sigma=4, size=size),
        Pareto(shape=0.2, size=size),
    ]
