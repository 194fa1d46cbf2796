"""Difference in differences over epochs: by how much more the loss fell on a model's own example than on ones it did not see.

Lesci et al., "Causal estimation of memorisation profiles" (arXiv 2406.04327), who compare what was trained on at a step with
what was held out, before that step and later. Here every example is trained on in every epoch, so *before* is after the first
epoch and *later* after the last, and the untreated are the examples with the same label that the same model did not see:

    [L_1(i) − L_E(i)] − mean over those j of [L_1(j) − L_E(j)],

mean over the models that trained on i. It holds memorization since the first epoch if, untrained, i's loss would have gone the
way of theirs; a hard example's does not, which is what the subset estimator waits for models without i to see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from empirical.courses.course import Course
from empirical.standins.standin import Needs, StandIn
from longtail.core import ArgumentError, Floats, Integers


@dataclass(frozen=True)
class Differences(StandIn):
    """``labels`` are the training examples'; NaN for one that was in no model, or with none of its label held out.

    >>> inside = np.array([[True, True, False, False]])  # one model, four examples
    >>> numbers = np.array([[[2.0, 2.0, 2.0, 2.0], [0.1, 0.1, 0.1, 1.5]]])  # losses after the first and the last epoch
    >>> Differences(np.array([0, 1, 0, 1]))(Course("loss", (1, 10), inside, numbers)).round(9).tolist()
    [0.0, 1.4, nan, nan]
    """

    labels: Integers
    name: ClassVar[str] = "difference in differences"
    needs: ClassVar[Needs] = Needs("loss", "ends", subsets=True)

    def __call__(self, course: Course) -> Floats:
        numbers, inside = self.read(course).numbers, course.inside
        if len(course.epochs) < 2:
            raise ArgumentError("course", f"epochs {course.epochs}", "give the first and the last")
        classes, own = np.unique(np.asarray(self.labels), return_inverse=True)
        if own.shape != (inside.shape[1],):
            raise ArgumentError("labels", f"shape {own.shape}", f"give one for each of the {inside.shape[1]} examples")
        fell = numbers[:, 0].astype(float) - numbers[:, -1]
        member = np.eye(len(classes))[own]
        with np.errstate(invalid="ignore"):
            untreated = (np.where(inside, 0, fell) @ member) / (~inside @ member)
            gap = np.where(inside, fell - untreated[:, own], np.nan)
        known = np.isfinite(gap)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(known, gap, 0).sum(axis=0) / known.sum(axis=0), float)
