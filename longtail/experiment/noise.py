"""What an estimator makes of true memorization and influence: the law of an estimate, Pr[estimate ≥ θ | truth].

Each estimator brings its own, that of Feldman & Zhang as any other. Theory and fits ask it for no more than what stands here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from longtail.core import ArgumentError, Floats, real

FRACTION = 0.7  # of the training set in a subset, as published


class Noise(ABC):
    """The law of an estimate, by what it is an estimate of; frozen and hashable, for what it gives is kept.

    ``fraction`` is r in mem = u (1 − rλ)^{c−1}: the chance that a model whose example is held out has another example.

    >>> Exact().chances(np.array([0.25, 0.5]), np.array([0.1, 0.3])).tolist()  # three bins, two examples
    [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    """

    fraction: float

    @property
    @abstractmethod
    def sharpness(self) -> float:
        """1/(2 s), s the largest standard deviation of an estimate of memorization: how finely truths have to be told apart."""

    @abstractmethod
    def above(self, theta: Floats, memorized: Floats) -> Floats:
        """Pr[estimate ≥ θ], ``theta`` × ``memorized``."""

    @abstractmethod
    def influence_above(self, theta: float, wrong_in: Floats, wrong_out: Floats) -> Floats:
        """Pr[estimate ≥ θ] of an influence wrong_out − wrong_in: how often models err that had the example, and that had not."""

    @abstractmethod
    def draw(self, memorized: Floats, rng: np.random.Generator) -> Floats:
        """One estimate of each."""

    def chances(self, edges: Floats, memorized: Floats) -> Floats:
        """Pr[estimate in bin], of the bins between ``edges`` and beyond either end; bins × ``memorized``."""
        over = self.above(edges, memorized)
        at_least = np.vstack([np.ones(len(memorized)), over, np.zeros(len(memorized))])
        least = np.minimum.accumulate(at_least)  # a noise that is rounded may cross by a little
        return np.asarray(least[:-1] - least[1:])


@dataclass(frozen=True)
class Exact(Noise):
    """Of estimates that are never off, as by models without end.

    >>> Exact().influence_above(0.2, np.array([0.1, 0.1]), np.array([0.2, 0.4])).tolist()
    [0.0, 1.0]
    """

    fraction: float = FRACTION
    sharpness: ClassVar[float] = 1000.0

    def above(self, theta: Floats, memorized: Floats) -> Floats:
        return np.asarray(memorized >= theta[:, None], float)

    def influence_above(self, theta: float, wrong_in: Floats, wrong_out: Floats) -> Floats:
        return np.asarray(wrong_out - wrong_in >= theta, float)

    def draw(self, memorized: Floats, rng: np.random.Generator) -> Floats:
        return memorized


def included(fraction: float | None, noise: Noise | None) -> float:
    """r, as it is given, or as the noise has it; never two of them.

    >>> included(None, None), included(0.5, None)
    (0.7, 0.5)
    """
    if noise is not None and fraction is not None:
        raise ArgumentError("fraction", fraction, f"leave it out: the noise has {noise.fraction:g} for it")
    return (
        FRACTION if noise is None and fraction is None else checked(noise.fraction if noise is not None else fraction)
    )


def checked(fraction: float | None) -> float:
    """``fraction`` in (0, 1]; it is 1 where all others are trained on, as when one example is left out.

    >>> checked(0.5)
    0.5
    >>> checked(1.5)
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: fraction: got 1.5; give the share of examples in a subset, between 0 and 1
    """
    try:
        return real("fraction", fraction, 0.0, 1.0, open_low=True)
    except ArgumentError as error:
        raise ArgumentError("fraction", fraction, "give the share of examples in a subset, between 0 and 1") from error
