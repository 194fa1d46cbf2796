"""Feldman's long-tail model by simulation: the namesakes of ``longtail.exact``, and any learner scored on its data sets."""

from longtail.montecarlo.functions import (
    Progress,
    censuses,
    cost,
    draws,
    error,
    optimal_error,
    run,
    samples,
    singleton_fraction,
    subpopulations,
    table,
    tau,
    unseen_mass,
)
from longtail.montecarlo.simulation import Simulation

__all__ = [
    "Progress",
    "Simulation",
    "censuses",
    "cost",
    "draws",
    "error",
    "optimal_error",
    "run",
    "samples",
    "singleton_fraction",
    "subpopulations",
    "table",
    "tau",
    "unseen_mass",
]
