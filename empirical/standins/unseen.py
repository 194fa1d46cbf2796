"""Loss of what is not seen: the mean loss at the end of those models that did not train on the example.

It is the outer half of the subset estimator, and what finds mislabeled examples by cross-validation (Northcutt et al., "Confident
learning", arXiv 1911.00068, go by probabilities out of sample). It cannot tell the memorized from the never right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from empirical.courses.course import Course
from empirical.standins.standin import Needs, StandIn
from longtail.core import Floats


@dataclass(frozen=True)
class UnseenLoss(StandIn):
    """In units of the loss, nats; NaN for an example that was in all models.

    >>> inside = np.array([[True, False], [False, True]])  # two models, each without one example
    >>> numbers = np.array([[[0.0, 0.5]], [[2.0, 0.0]]])  # losses
    >>> UnseenLoss()(Course("loss", (10,), inside, numbers)).tolist()
    [2.0, 0.5]
    """

    name: ClassVar[str] = "loss unseen"
    needs: ClassVar[Needs] = Needs("loss", "last", subsets=True, models=2)

    def __call__(self, course: Course) -> Floats:
        loss, outside = self.read(course).numbers[:, -1].astype(float), ~course.inside
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(outside, loss, 0).sum(axis=0) / outside.sum(axis=0), float)
