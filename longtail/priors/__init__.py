"""Frequency priors. ``parse`` reads one from its repr; a new one is a file here and a line in ``NAMES``, or a class of yours."""

from __future__ import annotations

from longtail.core import Nodes, Prior
from longtail.priors.gamma import Gamma
from longtail.priors.geometric import Geometric
from longtail.priors.listed import Listed
from longtail.priors.lognormal import LogNormal
from longtail.priors.mixture import Mixture
from longtail.priors.pareto import Pareto
from longtail.priors.parse import parse
from longtail.priors.ranked import Ranked
from longtail.priors.twolevel import TwoLevel
from longtail.priors.uniform import Uniform
from longtail.priors.zipf import Zipf

NAMES: dict[str, type[Prior]] = {
    prior.__name__: prior for prior in (Zipf, Uniform, Geometric, LogNormal, Pareto, Gamma, TwoLevel, Mixture, Listed)
}

__all__ = [
    "NAMES",
    "Gamma",
    "Geometric",
    "Listed",
    "LogNormal",
    "Mixture",
    "Nodes",
    "Pareto",
    "Prior",
    "Ranked",
    "TwoLevel",
    "Uniform",
    "Zipf",
    "parse",
]
