"""How fast groups are learned: the epoch by which a group's mean loss has fallen to half of what a uniform guess has, log K.

The loss of model m on its own examples of group g is L_m,g(e) after epoch e, and log K before the first, between epochs on a
straight line; it is half-learned at the first T_m,g with L_m,g(T) = ½ log K. The ratio of speeds of a fast to a slow group is
the geometric mean over models of T_slow / T_fast, with an interval by Student's t for the mean of its logarithm. Groups at random
of one size have a logarithm of mean 0, exactly, for to exchange them turns its sign: the control.

*At once* asks what share of its whole fall the slow group has behind it when the fast one is half-learned: 0 if one waited for
the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from empirical.courses.course import Course
from empirical.courses.groups import Groups
from longtail.core import ArgumentError, Estimate, Floats, Integers, whole

HALF = 0.5


@dataclass(frozen=True)
class Ratio:
    """A geometric mean over ``models``, its interval, and how many standard errors its logarithm is from 0.

    >>> found = Ratio.of(np.array([2.0, 8.0]))
    >>> round(found.value, 9), found.models, found.low < 4 < found.high
    (4.0, 2, True)
    """

    value: float
    low: float
    high: float
    z: float
    models: int

    @classmethod
    def of(cls, ratios: Floats, level: float = 0.95) -> Ratio:
        """Of one ratio a model; NaN where a group never got there in one of them."""
        logs = np.log(np.asarray(ratios, float))
        if len(logs) < 2:
            raise ArgumentError("models", len(logs), "give two or more: the interval is over models")
        mean, error = float(logs.mean()), float(logs.std(ddof=1) / np.sqrt(len(logs)))
        width = float(student.ppf((1 + level) / 2, len(logs) - 1)) * error
        z = mean / error if error > 0 else float(np.sign(mean)) * np.inf
        value, low, high = np.exp([mean, mean - width, mean + width]).tolist()
        return cls(value, low, high, z, len(logs))


@dataclass(frozen=True)
class Curves:
    """Mean loss (models, epochs + 1, groups) of each model on its own examples; epoch 0 is the uniform guess.

    >>> loss = np.log(2) * np.array([[[0.5, 1.0], [0.0, 0.5]], [[0.25, 1.0], [0.0, 0.5]]])  # models, epochs, examples
    >>> course = Course("loss", (1, 2), np.ones((2, 2), bool), loss)
    >>> curves = Curves.of(course, Groups(("fast", "slow"), np.array([0, 1])), n_classes=2)
    >>> curves.times().round(3).tolist(), round(curves.ratio("fast", "slow").value, 3)
    ([[1.0, 2.0], [0.667, 2.0]], 2.449)
    """

    epochs: Integers
    loss: Floats
    groups: tuple[str, ...]

    @classmethod
    def of(cls, course: Course, groups: Groups | Sequence[Groups], n_classes: int) -> Curves:
        """Of a course of losses; ``groups`` of all models, or one for each of them."""
        if course.score != "loss":
            raise ArgumentError("course", f"scores {course.score!r}", "give one of 'loss'")
        models, _, n = course.numbers.shape
        each = [groups] * models if isinstance(groups, Groups) else list(groups)
        if len(each) != models:
            raise ArgumentError("groups", f"{len(each)} of them", f"give one, or one for each of the {models} models")
        start = np.full((1, len(each[0].names)), np.log(whole("n_classes", n_classes, 2)))
        found = []
        for own, numbers, inside in zip(each, course.numbers, course.inside, strict=True):
            member = np.eye(len(own.names))[own.check(n).of] * (inside & (own.of >= 0))[:, None]
            with np.errstate(invalid="ignore"):
                found.append(np.concatenate([start, numbers.astype(float) @ member / member.sum(0)]))
        return cls(np.array([0, *course.epochs]), np.array(found), each[0].names)

    def times(self, part: float = HALF) -> Floats:
        """When each model has learned a group (models, groups): its loss is ``part`` of what it was; NaN for never."""
        start = self.loss[:, :1]
        return crossing(self.epochs, self.loss, part * start)

    def ratio(self, fast: str, slow: str, part: float = HALF) -> Ratio:
        """By how much the one is learned faster than the other."""
        times = self.times(part)
        return Ratio.of(times[:, self.groups.index(slow)] / times[:, self.groups.index(fast)])

    def at_once(self, fast: str, slow: str, part: float = HALF) -> Estimate:
        """The slow group's share of its fall when the fast one is learned, mean over models."""
        when, loss = self.times(part)[:, self.groups.index(fast)], self.loss[:, :, self.groups.index(slow)]
        there = np.array([np.interp(t, self.epochs, own) for t, own in zip(when, loss, strict=True)])
        share = (loss[:, 0] - there) / (loss[:, 0] - loss[:, -1])
        return Estimate(float(share.mean()), float(share.std(ddof=1) / np.sqrt(len(share))))


def crossing(epochs: Integers, curve: Floats, level: Floats) -> Floats:
    """Where straight lines through ``curve`` (models, epochs, groups) first come down to ``level`` (models, 1, groups).

    >>> crossing(np.array([0, 1, 2]), np.array([[[4.0], [3.0], [1.0]]]), np.array([[[2.0]]])).tolist()
    [[1.5]]
    """
    below = curve <= level
    first = below.argmax(axis=1, keepdims=True)
    before = np.maximum(first - 1, 0)
    high, low = (np.take_along_axis(curve, at, 1) for at in (before, first))
    with np.errstate(invalid="ignore", divide="ignore"):
        between = np.where(first > before, (high - level) / (high - low), 0)
    at = epochs[before] + between * (epochs[first] - epochs[before])
    return np.asarray(np.where(below.any(axis=1, keepdims=True), at, np.nan)[:, 0], float)
