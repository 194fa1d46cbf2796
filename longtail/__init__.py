"""Feldman's model of learning from a long tail: solved exactly and simulated.

>>> from longtail import Problem, Zipf, exact
>>> round(exact.cost(Problem(Zipf(alpha=1, size=50000), n=50000)).value, 4)  # guessing on what was seen once
0.0731
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from longtail import bounds, exact, learners, montecarlo
    from longtail.core import AccuracyError, ArgumentError, Estimate, Moments, Nodes, Prior, Problem
    from longtail.core.arrays import Random
    from longtail.priors import (
        Gamma,
        Geometric,
        Listed,
        LogNormal,
        Mixture,
        Pareto,
        Ranked,
        TwoLevel,
        Uniform,
        Zipf,
        parse,
    )

__version__ = "0.1.0"

_HOMES = {
    "longtail.core": ("AccuracyError", "ArgumentError", "Estimate", "Moments", "Nodes", "Prior", "Problem"),
    "longtail.core.arrays": ("Random",),
    "longtail.priors": (
        *("Gamma", "Geometric", "Listed", "LogNormal", "Mixture", "Pareto", "Ranked", "TwoLevel", "Uniform", "Zipf"),
        "parse",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
_MODULES = ("bounds", "exact", "learners", "montecarlo")

__all__ = [
    "AccuracyError",
    "ArgumentError",
    "Estimate",
    "Gamma",
    "Geometric",
    "Listed",
    "LogNormal",
    "Mixture",
    "Moments",
    "Nodes",
    "Pareto",
    "Prior",
    "Problem",
    "Random",
    "Ranked",
    "TwoLevel",
    "Uniform",
    "Zipf",
    "bounds",
    "exact",
    "learners",
    "montecarlo",
    "parse",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when first used: ``import longtail`` alone costs next to nothing."""
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"longtail.{name}")
    raise AttributeError(f"module 'longtail' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Public names, for completion."""
    return [*__all__, "__version__"]
