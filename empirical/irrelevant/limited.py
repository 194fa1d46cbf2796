"""Learners whose models are made to hold less: what comes of the bits that do not matter, and of accuracy.

    Rounded    each layer's weights to 2^b levels, evenly over its range
    Pruned     the smallest weights of all put to 0
    Perturbed  noise added to each layer's weights, in parts of their standard deviation
    Private    softmax regression by full-batch descent on clipped gradients plus noise, T steps of it: by ρ-zCDP with
               ρ = T/(2 z²) it is (ρ + 2 √(ρ ln 1/δ), δ)-private in adding or removing an example (Bun & Steinke 2016)

Fewer steps and smaller widths are options of the learners themselves.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from empirical.irrelevant.descent import first_weights
from empirical.irrelevant.learners import MLP, Learner, Ridge, Softmax
from longtail import philox
from longtail.core import ArgumentError, real, whole
from longtail.irrelevant.models import Floats32, Linear
from longtail.irrelevant.tasks import Clusters, Sample


@dataclass(frozen=True)
class Limited(Learner):
    """``learner``'s model, changed after training.

    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> task = Hypercube(Uniform(size=10), 50, 0.4)
    >>> model = Rounded(Ridge(), bits=1).model(task, task.draw(10))
    >>> len(np.unique(model.w))  # what a bit can say
    2
    """

    learner: Learner

    def __post_init__(self) -> None:
        if not isinstance(self.learner, (Softmax, MLP, Ridge)):
            raise ArgumentError(
                "learner", repr(self.learner), "its model has no trained weights: give softmax, mlp or ridge"
            )

    @property
    def kind(self) -> type:  # type: ignore[override]  # of the learner within
        return self.learner.kind

    def model(self, task: Clusters, sample: Sample, seed: int = 0) -> Any:
        model = self.learner.model(task, sample, seed)
        return replace(model, **self.changed(dict(vars(model)), seed, sample.number))

    @abstractmethod
    def changed(self, layers: dict[str, Floats32], seed: int, number: int) -> dict[str, Floats32]:
        """All weights and intercepts, by name."""


@dataclass(frozen=True)
class Rounded(Limited):
    """To ``bits`` a weight.

    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> task = Hypercube(Uniform(size=10), 50, 0.4)
    >>> len(np.unique(Rounded(Ridge(), bits=2).model(task, task.draw(10)).w)) <= 4
    True
    """

    bits: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "bits", whole("bits", self.bits, 1, 24))

    def changed(self, layers: dict[str, Floats32], seed: int, number: int) -> dict[str, Floats32]:
        out = {}
        for name, w in layers.items():
            low, high = float(w.min()), float(w.max())
            step = (high - low) / 2**self.bits or 1.0
            level = np.clip(np.floor((w - low) / step), 0, 2**self.bits - 1)
            out[name] = np.asarray(low + (level + 0.5) * step, np.float32)
        return out


@dataclass(frozen=True)
class Pruned(Limited):
    """A ``share`` of the weights.

    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> task = Hypercube(Uniform(size=10), 50, 0.4)
    >>> round(float((Pruned(Ridge(), share=0.9).model(task, task.draw(10)).w == 0).mean()), 2)
    0.9
    """

    share: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "share", real("share", self.share, 0, 1, open_high=True))

    def changed(self, layers: dict[str, Floats32], seed: int, number: int) -> dict[str, Floats32]:
        least = np.quantile(np.concatenate([np.abs(w).ravel() for w in layers.values() if w.ndim > 1]), self.share)
        return {name: np.where((np.abs(w) >= least) | (w.ndim == 1), w, np.float32(0)) for name, w in layers.items()}


@dataclass(frozen=True)
class Perturbed(Limited):
    """By ``noise`` times a layer's own spread.

    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> sample = (task := Hypercube(Uniform(size=10), 50, 0.4)).draw(10)
    >>> before, after = (Perturbed(Ridge(), noise=z).model(task, sample).w for z in (0.0, 0.5))
    >>> bool(0.4 < (after - before).std() / before.std() < 0.6)
    True
    """

    noise: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "noise", real("noise", self.noise, 0))

    def changed(self, layers: dict[str, Floats32], seed: int, number: int) -> dict[str, Floats32]:
        out = {}
        for part, (name, w) in enumerate(layers.items()):
            drawn = _normal(seed, part, number, w.size).reshape(w.shape)
            out[name] = np.asarray(w + np.float32(self.noise) * w.std() * drawn, np.float32)
        return out


@dataclass(frozen=True)
class Private(Learner):
    """``noise`` is z, in parts of ``clip``; the mean gradient is over the number of examples, which counts as known.

    >>> round(Private(noise=4.0, steps=50).epsilon(delta=1e-5), 2)
    10.05
    """

    noise: float = 1.0
    clip: float = 1.0
    steps: int = 50
    rate: float = 3.0
    momentum: float = 0.5
    kind = Linear

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise", real("noise", self.noise, 0))
        object.__setattr__(self, "clip", real("clip", self.clip, 0, open_low=True))
        object.__setattr__(self, "steps", whole("steps", self.steps, 1, 10**6))
        object.__setattr__(self, "rate", real("rate", self.rate, 0, open_low=True))
        object.__setattr__(self, "momentum", real("momentum", self.momentum, 0, 1, open_high=True))

    def epsilon(self, delta: float = 1e-5) -> float:
        """The ε that zCDP proves."""
        delta = real("delta", delta, 0, 1, open_low=True, open_high=True)
        if self.noise == 0:
            return math.inf
        rho = self.steps / (2 * self.noise**2)
        return rho + 2 * math.sqrt(rho * math.log(1 / delta))

    def model(self, task: Clusters, sample: Sample, seed: int = 0) -> Linear:
        """The gradient of an example is (p − y) ⊗ (x, 1), of norm |p − y| |(x, 1)|: clipped without being written out."""
        rows = np.concatenate([sample.inputs, np.ones((len(sample.x), 1), np.float32)], axis=1)
        length = np.sqrt((rows * rows).sum(1))
        classes, n = len(sample.population.frequency), len(rows)
        w = first_weights(classes, rows.shape[1], seed, sample.number, 0)
        speed = np.zeros_like(w)
        for step in range(self.steps):
            scores = rows @ w.T
            scores -= scores.max(1, keepdims=True)
            p = np.exp(scores)
            p /= p.sum(1, keepdims=True)
            p[np.arange(n), sample.label] -= 1
            norm = np.sqrt((p * p).sum(1)) * length
            p *= np.minimum(1, self.clip / np.maximum(norm, 1e-12))[:, None]
            gradient = p.T @ rows
            if self.noise:
                spread = np.float32(self.noise * self.clip)
                gradient += spread * _normal(seed, 1 + step, sample.number, w.size).reshape(w.shape)
            speed = np.float32(self.momentum) * speed + gradient / np.float32(n)
            w = w - np.float32(self.rate) * speed
        return Linear(np.ascontiguousarray(w[:, :-1]), w[:, -1].copy())


def _normal(seed: int, part: int, number: int, count: int) -> Floats32:
    """Standard normals of a stream's words, in pairs (Box & Muller 1958)."""
    half = -(-count // 2)
    words = philox.words(seed, philox.substream(philox.PRIVACY, part), number, 0, 2 * half).astype(np.float32)
    u, v = (words[:half] + np.float32(0.5)) * np.float32(2**-32), words[half:] * np.float32(2 * np.pi * 2**-32)
    r = np.sqrt(np.float32(-2) * np.log(np.minimum(u, np.float32(1))))
    return np.concatenate([r * np.cos(v), r * np.sin(v)])[:count]


NAMES: dict[str, type[Learner]] = {"rounded": Rounded, "pruned": Pruned, "perturbed": Perturbed, "private": Private}
