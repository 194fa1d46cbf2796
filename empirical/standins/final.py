"""Loss at the end of training, L_E(x, y): what is left when there is no more than the trained model. Mean over models.

It says what was hard to fit, not what was memorized: a net that fits everything leaves next to nothing to tell by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from empirical.courses.course import Course
from empirical.standins.standin import Needs, StandIn
from longtail.core import Floats


@dataclass(frozen=True)
class FinalLoss(StandIn):
    """In units of the loss, nats.

    >>> numbers = np.array([[[2.0, 0.5], [1.0, 0.25]]])  # of one model, after two epochs, the losses of two examples
    >>> FinalLoss()(Course("loss", (1, 2), np.ones((1, 2), bool), numbers)).tolist()
    [1.0, 0.25]
    """

    name: ClassVar[str] = "loss at the end"
    needs: ClassVar[Needs] = Needs("loss", "last")

    def __call__(self, course: Course) -> Floats:
        return np.asarray(np.mean(self.read(course).numbers[:, -1], axis=0, dtype=float), float)
