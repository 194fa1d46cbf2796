"""Forgetting events: how often an example that was classified rightly after an epoch is not after the next.

Toneva et al., "An empirical study of example forgetting" (arXiv 1812.05159), who count when an example comes by in a minibatch;
here models are asked after each epoch. An example that was never right counts as forgotten at every epoch, E times, which is more
than any that was ever learned. Mean over models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from empirical.courses.course import Course
from empirical.standins.standin import Needs, StandIn
from longtail.core import Floats


@dataclass(frozen=True)
class Forgetting(StandIn):
    """In [0, E].

    >>> right = np.array([[[True, False], [False, False], [True, False]]])  # one model, three epochs, two examples
    >>> Forgetting()(Course("correct", (1, 2, 3), np.ones((1, 2), bool), right)).tolist()
    [1.0, 3.0]
    """

    name: ClassVar[str] = "forgetting events"
    needs: ClassVar[Needs] = Needs("correct")

    def __call__(self, course: Course) -> Floats:
        right = np.asarray(self.read(course).numbers, bool)
        events = (right[:, :-1] & ~right[:, 1:]).sum(axis=1)
        return np.asarray(np.mean(np.where(right.any(axis=1), events, len(course.epochs)), axis=0), float)
