"""Feldman's long-tail model, exactly: ``exact.tau(problem)`` and its like, each with a bound on its numerical error."""

from longtail.exact.distributions import MassLaw
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
from longtail.exact.laws import Law, Spread, capacity_excess, law, mass_variance, spread, variance
from longtail.exact.mass_laws import mass_law
from longtail.exact.scored import error

__all__ = [
    "Law",
    "MassLaw",
    "Spread",
    "capacity_excess",
    "cost",
    "error",
    "law",
    "mass_law",
    "mass_variance",
    "optimal_error",
    "samples",
    "singleton_fraction",
    "spread",
    "subpopulations",
    "table",
    "tau",
    "unseen_mass",
    "variance",
]
