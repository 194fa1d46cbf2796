"""What stands in for memorization: one number an example, from the training of a few models; the larger, the more memorized.

A stand-in is a frozen dataclass that says what it needs and what it makes of it. ``watch`` trains and keeps what is needed, so
that its cost is the stand-in's; the call is a function of what was kept alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from empirical.courses.course import Course, watched
from empirical.data.data import Data
from empirical.learners.learner import Learner
from empirical.learners.score import SCORES, Score
from longtail.core import ArgumentError, Floats


@dataclass(frozen=True)
class Needs:
    """Which ``score`` of every training example, after "all" epochs, the "last", or both "ends"; of models trained on everything
    or on ``subsets``, ``models`` of them at the least.

    >>> Needs("loss", "ends", subsets=True, models=2).epochs
    'ends'
    """

    score: str
    epochs: Literal["all", "last", "ends"] = "all"
    subsets: bool = False
    models: int = 1


class StandIn(ABC):
    """Give ``name``, ``needs`` and the call; ``watch`` too where scores of a trainer are not what is needed.

    >>> class Best(StandIn):  # loss at its lowest
    ...     name, needs = "lowest loss", Needs("loss")
    ...
    ...     def __call__(self, course):
    ...         return self.read(course).numbers.min(axis=1).mean(axis=0)
    >>> from empirical.learners import Softmax
    >>> from empirical.data.load import load
    >>> data = load("planted", n=60).data
    >>> Best()(Best().watch(Softmax(evaluations=3), data)).shape
    (60,)
    """

    name: ClassVar[str]
    needs: ClassVar[Needs]

    @abstractmethod
    def __call__(self, course: Course) -> Floats:
        """One number an example; NaN where there is none to be had."""

    def watch(self, learner: Learner, data: Data, models: int = 1, *, seed: int = 0) -> Course:
        """Train ``models`` of a learner and keep what this stand-in needs."""
        self.check_models(models)
        last = learner.last_epoch
        epochs = {"all": None, "last": (last,), "ends": (1, last)}[self.needs.epochs]
        score: Score = next(one for one in SCORES if one == self.needs.score)
        return watched(learner, data, score, models, epochs=epochs, subsets=self.needs.subsets, seed=seed)

    def check_models(self, models: int) -> None:
        """Refuse fewer than it takes."""
        if models < self.needs.models:
            raise ArgumentError("models", models, f"{self.name} takes {self.needs.models} or more")

    def read(self, course: Course) -> Course:
        """The course, if it is of what is needed."""
        if course.score != self.needs.score:
            raise ArgumentError("course", f"scores {course.score!r}", f"{self.name} reads {self.needs.score!r}")
        return course
