"""The subset estimator itself, from as few models as a stand-in takes: mean score of models with the example − of those without.

Feldman & Zhang (arXiv 2008.03703); ``empirical.estimates.memorization`` has it with its errors. Stand-ins are to be compared with
this at equal cost before anything is said for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from empirical.courses.course import Course
from empirical.standins.standin import Needs, StandIn
from longtail.core import Floats


@dataclass(frozen=True)
class Subsets(StandIn):
    """In [−1, 1], of the probability of the label; NaN for an example that was in all models or in none.

    >>> inside = np.array([[True, False], [False, True]])  # two models, each without one example
    >>> numbers = np.array([[[1.0, 0.75]], [[0.25, 1.0]]])  # probabilities of the labels
    >>> Subsets()(Course("probability", (10,), inside, numbers)).tolist()
    [0.75, 0.25]
    """

    name: ClassVar[str] = "subset estimator"
    needs: ClassVar[Needs] = Needs("probability", "last", subsets=True, models=2)

    def __call__(self, course: Course) -> Floats:
        scores, inside = self.read(course).numbers[:, -1].astype(float), course.inside
        with np.errstate(invalid="ignore"):
            within = np.where(inside, scores, 0).sum(axis=0) / inside.sum(axis=0)
            without = np.where(inside, 0, scores).sum(axis=0) / (~inside).sum(axis=0)
        return np.asarray(within - without, float)
