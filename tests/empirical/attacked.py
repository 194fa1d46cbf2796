"""Margins whose leak is known: Gaussian ones, and those of randomized response."""

from __future__ import annotations

import numpy as np

from empirical.designs import Fixed
from empirical.designs.design import Design
from empirical.training.trials import Trials

HALF = Fixed(0.5)


def gaussian(
    seed: int, t: int, n: int, d: float, *, spread: float = 0.0, design: Design = HALF, shuffled: bool = False
) -> Trials:
    """Margins N(μ_i + d σ_i · in, σ_i²), log σ_i ~ N(0, spread²); ``shuffled`` says of other models who was in them."""
    rng = np.random.default_rng(seed)
    masks = design.subsets(seed, np.arange(t), n)
    mean, scale = rng.normal(0, 3, n), np.exp(rng.normal(0, spread, n))
    scores = mean + scale * (rng.normal(size=(t, n)) + d * masks)
    told = design.subsets(seed + 10_000, np.arange(t), n) if shuffled else masks
    return Trials.of(told, scores.astype(np.float32), np.zeros((t, 1)), score="margin", design=design)


def response(seed: int, t: int, n: int, epsilon: float, delta: float, design: Design) -> Trials:
    """Each example's bit told with chance e^ε/(1 + e^ε), the other one else; with chance δ it is shouted."""
    rng = np.random.default_rng(seed)
    masks = design.subsets(seed, np.arange(t), n)
    true = rng.random((t, n)) < 1 / (1 + np.exp(-epsilon))
    loud = rng.random((t, n)) < delta
    scores = np.where(masks == (true | loud), 1.0, -1.0) * np.where(loud, 100.0, 1.0)
    return Trials.of(masks, scores, np.zeros((t, 1)), score="margin", design=design)
