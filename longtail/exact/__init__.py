"""Feldman's long-tail model, exactly: ``exact.tau(problem)`` and its like, each with a bound on its numerical error."""

from longtail.exact.functions import (
    cost,
    optimal_error,
    samples,
    singleton_fraction,
    subpopulations,
    table,
    tau,
    unseen_mass,
)
from longtail.exact.scored import error

__all__ = [
    "cost",
    "error",
    "optimal_error",
    "samples",
    "singleton_fraction",
    "subpopulations",
    "table",
    "tau",
    "unseen_mass",
]
