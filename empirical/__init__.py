"""Memorization and influence on real data, by training on random subsets.

>>> from empirical import SubsetEstimator, load
>>> load("digits").data.n
1500
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from empirical.attributions.scores import makes_scores
    from empirical.data.data import Data, makes_data
    from empirical.data.dataset import Dataset
    from empirical.data.load import load, load_published, load_published_pairs
    from empirical.estimates.planning import plan
    from empirical.estimator import SubsetEstimator
    from empirical.learners.learner import makes_learner

_HOME = {
    "Data": "empirical.data.data",
    "Dataset": "empirical.data.dataset",
    "SubsetEstimator": "empirical.estimator",
    "load": "empirical.data.load",
    "load_published": "empirical.data.load",
    "load_published_pairs": "empirical.data.load",
    "makes_data": "empirical.data.data",
    "makes_learner": "empirical.learners.learner",
    "makes_scores": "empirical.attributions.scores",
    "plan": "empirical.estimates.planning",
}

__all__ = [
    "Data",
    "Dataset",
    "SubsetEstimator",
    "load",
    "load_published",
    "load_published_pairs",
    "makes_data",
    "makes_learner",
    "makes_scores",
    "plan",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when first used."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """Public names, for completion."""
    return list(__all__)
