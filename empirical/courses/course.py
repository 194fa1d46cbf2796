"""One number of every training example, for every model, after each of some epochs: what stand-ins for memorization read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.designs import Fixed
from empirical.designs.design import Design
from empirical.designs.everything import Everything
from empirical.learners.learner import Learner
from empirical.learners.score import Score
from empirical.training.job import Job
from empirical.training.run import run
from empirical.training.trials import Trials
from longtail.core import ArgumentError, Bools

FRACTION = 0.7  # of the examples, where models train on subsets


@dataclass(frozen=True)
class Course:
    """``numbers`` (models, epochs, n) are of the kind ``score``, after ``epochs`` in ascending order; ``inside`` (models, n) says
    who trained on what.

    >>> one = Course("loss", epochs=(1, 2), inside=np.ones((1, 3), bool), numbers=np.zeros((1, 2, 3)))
    >>> one.numbers.shape  # a model, two epochs, three examples; another shape is refused
    (1, 2, 3)
    """

    score: str
    epochs: tuple[int, ...]
    inside: Bools = field(repr=False)
    numbers: NDArray[Any] = field(repr=False)

    def __post_init__(self) -> None:
        models, n = np.shape(self.inside)
        wanted = (models, len(self.epochs), n)
        if np.shape(self.numbers) != wanted or not all(wanted):
            got = f"shape {np.shape(self.numbers)}"
            raise ArgumentError("numbers", got, f"give {wanted}: models, epochs and examples, one or more of each")

    @classmethod
    def of(cls, trials: Trials, last: int) -> Course:
        """From trials that kept scores on the way; ``last`` is the epoch at which they ended."""
        epochs = (*trials.earlier, last)
        kept = [*(trials.at(epoch) for epoch in trials.earlier), trials]
        numbers = np.stack([one.train_scores() for one in kept], axis=1)
        return cls(trials.score, epochs, trials.masks(), numbers)


def watched(
    learner: Learner,
    data: Data,
    score: Score,
    models: int,
    *,
    epochs: tuple[int, ...] | None = None,
    subsets: bool = False,
    seed: int = 0,
) -> Course:
    """Train ``models`` on everything, or on ``subsets`` of .7 of it, and keep their scores after ``epochs``, by default all.

    >>> from empirical.learners import MLP
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> found = watched(MLP(3, epochs=2), Data(x, y, x, y, (0, 1)), "loss", models=2)
    >>> found.epochs, found.numbers.shape  # models, epochs, examples
    ((1, 2), (2, 2, 4))
    """
    last = learner.last_epoch
    if not last:
        raise ArgumentError("learner", learner, "it is not trained by epochs: give one that is, as MLP() or Softmax()")
    asked = tuple(range(1, last + 1)) if epochs is None else epochs
    if not asked or asked[-1] != last:
        raise ArgumentError("epochs", asked, f"end with the last, {last}")
    design: Design = Fixed(FRACTION) if subsets else Everything()
    trials = run(Job(data, learner, design, seed, score, "float32", epochs=asked), models)
    return Course.of(trials, last)
