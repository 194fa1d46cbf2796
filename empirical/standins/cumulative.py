"""Loss summed over training: Σ_e L_e(x, y), L_e the loss after epoch e.

Ravikumar, Soufleri, Hashemi & Roy, "Towards memorization estimation: fast, formal and free" (ICML 2025), who bound memorization
by it and call it cumulative sample loss. Mean over models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from empirical.courses.course import Course
from empirical.standins.standin import Needs, StandIn
from longtail.core import Floats


@dataclass(frozen=True)
class CumulativeLoss(StandIn):
    """In units of the loss, nats.

    >>> numbers = np.array([[[2.0, 0.5], [1.0, 0.25]]])  # of one model, after two epochs, the losses of two examples
    >>> CumulativeLoss()(Course("loss", (1, 2), np.ones((1, 2), bool), numbers)).tolist()
    [3.0, 0.75]
    """

    name: ClassVar[str] = "cumulative loss"
    needs: ClassVar[Needs] = Needs("loss")

    def __call__(self, course: Course) -> Floats:
        return np.asarray(np.mean(self.read(course).numbers, axis=0, dtype=float).sum(axis=0), float)
