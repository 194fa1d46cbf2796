"""Random Fourier features: ridge on √(2/width) cos(x W + b), an approximation of kernel ridge that grows with n, not
n².

Rahimi & Recht, "Random features for large-scale kernel machines" (NeurIPS 2007): W ~ N(0, 2γ), b uniform, and the
features' inner products tend to exp(−γ|x − y|²). W and b are one draw, shared by all trials, so that the subset is
all that differs; their words are Philox's, keyed by the seed. The Gram matrix of all is downdated by the left-out rows
(``empirical.learners.ridge.ridge.Wide``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from empirical.data.data import Data
from empirical.learners.learner import Learner, Trainer, features
from empirical.learners.ridge.ridge import Wide, on_device, precise
from empirical.learners.score import Floats32, Score
from empirical.learners.shared.places import lined
from empirical.learners.shared.threads import one_thread
from longtail.core import real, whole
from longtail.core.arrays import CPU, Device
from longtail.philox import LEARNER, uniforms


@dataclass(frozen=True)
class RandomFeatures(Learner):
    """``width`` features of the kernel exp(−γ|x − y|²); ``gamma`` is 1/features unless given. A free intercept.

    >>> from empirical import SubsetEstimator, load
    >>> data = load("planted", n=60).data
    >>> found = SubsetEstimator(RandomFeatures(width=64), models=16).fit(data.x_train, data.y_train)
    >>> bool(found.memorization_["memorization"].max() > 0.5)
    True
    """

    width: int = 512
    penalty: float = 1.0
    gamma: float | None = None
    scores: ClassVar[tuple[str, ...]] = ("correct", "predicted", "margin")

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", whole("width", self.width, 1, 2**16))
        object.__setattr__(self, "penalty", real("penalty", self.penalty, 0, open_low=True))
        if self.gamma is not None:
            object.__setattr__(self, "gamma", real("gamma", self.gamma, 0, open_low=True))

    @one_thread
    def prepare(self, data: Data, score: Score = "correct", *, seed: int = 0, device: Device = CPU) -> Trainer:
        """The features of every example, once a process."""
        self.check(data, score)
        train, test = features(data)
        rows = lined(self.rows(np.concatenate([train, test]), seed))
        rows[:, 1:] -= rows[: data.n, 1:].mean(0, dtype=np.float64).astype(np.float32)
        if device.kind == "gpu":
            return on_device(device, self.penalty, score, data, rows)
        labels = np.append(data.y_train, data.y_test)
        return Wide(self.penalty, score, data, rows, labels, precise(rows[: data.n], self.penalty))

    def rows(self, x: Floats32, seed: int) -> Floats32:
        """A leading 1, then the random features of each row."""
        d = x.shape[1]
        gamma = 1 / d if self.gamma is None else self.gamma
        u = uniforms(seed, LEARNER, 0, 0, (2 * d + 1) * self.width)
        radius = np.sqrt(-2 * np.log1p(-u[: d * self.width]))
        normal = radius * np.cos(2 * np.pi * u[d * self.width : 2 * d * self.width])  # Box–Muller, one of each pair
        angles = x @ (np.sqrt(2 * gamma) * normal.reshape(d, self.width)) + 2 * np.pi * u[2 * d * self.width :]
        out = np.ones((len(x), 1 + self.width), np.float32)
        out[:, 1:] = np.sqrt(2 / self.width) * np.cos(angles)
        return out
