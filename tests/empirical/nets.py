"""Nets of PyTorch's that tests name by their paths, as a user's module would have them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import empirical
from empirical.data.data import Data


def dense(shape: tuple[int, ...], n_classes: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), 24), nn.ReLU(), nn.Linear(24, n_classes))


@empirical.makes_learner
def learner(epochs: int = 3) -> Any:
    from empirical.learners import TorchLearner

    return TorchLearner(dense, epochs=epochs, batch=16)


def threefold() -> Data:
    """Forty points to train on and twenty to test on, of three classes that two of five numbers tell apart."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 5)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 1)
    return Data(x[:40], y[:40], x[40:], y[40:], ("a", "b", "c"))
