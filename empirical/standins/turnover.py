"""Turn-over dropout: L(x; sub-network that the example never updated) − L(x; the one that it did), at the end of training.

Kobayashi et al. (arXiv 2012.04207); ``empirical.dynamics`` has it at every epoch, with errors. It trains nets of its own,
whatever the learner is. With ``Masks(kept=0.1, shared=0.2)`` it is example-tied dropout (Maini et al., arXiv 2307.09542). Mean
over nets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from empirical.courses.course import Course
from empirical.data.data import Data
from empirical.dynamics.net import Net
from empirical.dynamics.scores import FLIPPED, OWN, joined, scored
from empirical.dynamics.training import Trainer
from empirical.learners.learner import Learner
from empirical.standins.standin import Needs, StandIn
from longtail.core import Floats


@dataclass(frozen=True)
class TurnOver(StandIn):
    """In units of the loss, nats; ``net`` says which nets, and their masks.

    >>> from empirical.data.load import load
    >>> from empirical.learners import KNN
    >>> stand_in = TurnOver(Net(widths=(8,), epochs=2))
    >>> stand_in(stand_in.watch(KNN(), load("planted", n=60).data)).shape
    (60,)
    """

    net: Net = field(default_factory=Net)
    name: str = "turn-over dropout"  # type: ignore[misc]  # one description may stand beside another
    needs: ClassVar[Needs] = Needs("turn-over", "last")

    def watch(self, learner: Learner, data: Data, models: int = 1, *, seed: int = 0) -> Course:
        self.check_models(models)
        trainer, last = Trainer.of(self.net, data), self.net.epochs
        loss = joined([scored(trainer, data, seed + k, (last,))[0] for k in range(models)]).loss
        numbers = loss[:, :, FLIPPED].astype(float) - loss[:, :, OWN]
        return Course(self.needs.score, (last,), np.ones((models, data.n), bool), numbers)

    def __call__(self, course: Course) -> Floats:
        return np.asarray(self.read(course).numbers.mean(axis=(0, 1)), float)
