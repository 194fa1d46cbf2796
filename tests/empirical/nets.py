"""Nets of PyTorch's that tests name by their paths, as a user's module would have them."""

from __future__ import annotations

import math
from typing import Any

import empirical


def dense(shape: tuple[int, ...], n_classes: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), 24), nn.ReLU(), nn.Linear(24, n_classes))


@empirical.makes_learner
def learner(epochs: int = 3) -> Any:
    from empirical.learners import TorchLearner

    return TorchLearner(dense, epochs=epochs, batch=16)
