"""Confidence over training, turned round: 1 − (1/E) Σ_e p_e(y|x), p_e the probability of the label after epoch e of E.

Swayamdipta et al., "Dataset cartography" (arXiv 2009.10795), whose hard-to-learn examples are those of low confidence. Mean over
models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from empirical.courses.course import Course
from empirical.standins.standin import Needs, StandIn
from longtail.core import Floats


@dataclass(frozen=True)
class Confidence(StandIn):
    """In [0, 1].

    >>> numbers = np.array([[[0.5, 0.9], [1.0, 0.3]]])  # of one model, after two epochs, the probabilities of two labels
    >>> Confidence()(Course("probability", (1, 2), np.ones((1, 2), bool), numbers)).round(9).tolist()
    [0.25, 0.4]
    """

    name: ClassVar[str] = "confidence over training"
    needs: ClassVar[Needs] = Needs("probability")

    def __call__(self, course: Course) -> Floats:
        return np.asarray(1 - np.mean(self.read(course).numbers, axis=(0, 1), dtype=float), float)
