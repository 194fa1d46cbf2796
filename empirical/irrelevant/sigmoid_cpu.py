"""σ(x) = 1/(1 + e^−x) in place, compiled: NumPy's takes ten times as long, which a net of many units would notice."""

from __future__ import annotations

import numpy as np

from empirical.data.compiled_cpu import compiled
from empirical.learners.shared.exponential_cpu import exponential


@compiled()
def sigmoid(values):
    """Of a vector."""
    for i in range(values.shape[0]):
        values[i] = np.float32(1) / (np.float32(1) + exponential(-values[i]))


@compiled()
def pulled_back(pull, z):
    """pull · σ'(x) in place, where z = σ(x): z (1 − z) times it."""
    for i in range(pull.shape[0]):
        pull[i] *= z[i] * (np.float32(1) - z[i])
