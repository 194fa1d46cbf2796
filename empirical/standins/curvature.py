"""Input curvature over training: (1/E) Σ_e ‖H_e‖², H_e the second derivative of the loss by the input after epoch e.

Garg, Ravikumar & Roy, "Memorization through the lens of curvature of loss function around samples" (arXiv 2307.05831). They
estimate ‖H‖² = tr H² by differences of input gradients along random signs v: ‖∇L(x + hv) − ∇L(x)‖²/h² is near ‖Hv‖², whose mean
is ‖H‖². A net with one hidden layer has it in closed form (``empirical.courses.backward``), so here there is no h, and no signs;
what its hidden units' kinks add at finite h is left out. Mean over models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from empirical.courses.backward import Backward, Nets
from empirical.courses.course import Course
from empirical.data.data import Data
from empirical.learners.learner import Learner
from empirical.standins.standin import Needs, StandIn
from longtail.core import Floats


@dataclass(frozen=True)
class Curvature(StandIn):
    """In nats², for features of scale 1; of ``MLP(...)`` only.

    >>> from empirical.data.load import load
    >>> from empirical.learners import MLP
    >>> data = load("planted", n=60).data
    >>> found = Curvature()(Curvature().watch(MLP(width=4, epochs=2), data))
    >>> found.shape, bool((found >= 0).all())
    ((60,), True)
    """

    name: ClassVar[str] = "input curvature"
    needs: ClassVar[Needs] = Needs("curvature")

    def watch(self, learner: Learner, data: Data, models: int = 1, *, seed: int = 0) -> Course:
        self.check_models(models)
        nets, epochs = Nets.of(learner, data, seed=seed), tuple(range(1, learner.last_epoch + 1))
        numbers = np.array([nets.read(model, epochs, Backward.curvatures) for model in range(models)])
        return Course(self.needs.score, epochs, np.ones((models, data.n), bool), numbers)

    def __call__(self, course: Course) -> Floats:
        return np.asarray(np.mean(self.read(course).numbers, axis=(0, 1)), float)
