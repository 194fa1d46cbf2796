"""Magnitude pruning: of a trained model the smallest weights become 0 (Hooker et al., arXiv 1911.05248, prune while training).

Pruned once, after training, without training on. Biases and intercepts stay, and do not count. Weights of linear models are those
of the features less their means. "global" takes the smallest of all weights, "layer" as large a share of each layer's: of a
linear model, which has one layer, both are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.learners.learner import Learner, Trainer
from empirical.learners.mlp.mlp import MLP
from empirical.learners.private.dpsgd import DPSGD
from empirical.learners.ridge.features import RandomFeatures
from empirical.learners.ridge.ridge import Ridge
from empirical.learners.score import Score
from empirical.learners.softmax.softmax import Softmax
from longtail.core import ArgumentError, real
from longtail.core.arrays import CPU, Device


@dataclass(frozen=True)
class Pruned(Learner):
    """``learner``, a net, softmax, ridge or features, without a share ``sparsity`` of its weights.

    >>> from empirical import SubsetEstimator, load
    >>> from empirical.learners import Ridge
    >>> data = load("planted", n=60).data
    >>> pruned = SubsetEstimator(Pruned(Ridge(), sparsity=0.9), models=16, random_state=0).fit(data.x_train, data.y_train)
    >>> whole = SubsetEstimator(Ridge(), models=16, random_state=0).fit(data.x_train, data.y_train)
    >>> bool(pruned.memorization_["in_accuracy"].mean() < whole.memorization_["in_accuracy"].mean())
    True
    """

    learner: Learner
    sparsity: float = 0.9
    scope: Literal["global", "layer"] = "global"
    wraps: ClassVar[bool] = True
    devices: ClassVar[tuple[str, ...]] = ("cpu",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sparsity", real("sparsity", self.sparsity, 0, 1, open_high=True))
        if self.scope not in ("global", "layer"):
            raise ArgumentError("scope", self.scope, "give 'global' or 'layer'")
        if not isinstance(self.learner, (MLP, DPSGD, Softmax, Ridge, RandomFeatures)):
            remedy = "its models have no weights to prune: give mlp, softmax, ridge, features or dpsgd"
            raise ArgumentError("learner", repr(self.learner), remedy)

    @property
    def scores(self) -> tuple[str, ...]:  # type: ignore[override]  # those of what is pruned
        return self.learner.scores

    def prepare(self, data: Data, score: Score = "correct", *, seed: int = 0, device: Device = CPU) -> Trainer:
        """The learner's own trainer, which prunes each model before it scores."""
        self.check_device(device)
        trainer = self.learner.prepare(data, score, seed=seed, device=device)
        width = getattr(self.learner, "width", None)
        features = int(np.prod(np.shape(data.x_train)[1:]))

        def change(w: NDArray[Any]) -> None:
            layers = [w] if w.ndim == 2 else weights(w, features, int(width or 0), data.n_classes)
            prune(layers, self.sparsity, self.scope)

        return replace(trainer, change=change)  # type: ignore[type-var]  # a dataclass, as it has fields


def weights(flat: NDArray[Any], features: int, width: int, classes: int) -> list[NDArray[Any]]:
    """The weights of each layer, as views of a net's flat parameters; width 0 is one layer.

    >>> flat = np.arange(12.0)  # 2 inputs, 2 hidden units, 2 classes: weights, biases, weights, biases
    >>> [layer.tolist() for layer in weights(flat, features=2, width=2, classes=2)]
    [[0.0, 1.0, 2.0, 3.0], [6.0, 7.0, 8.0, 9.0]]
    """
    if width == 0:
        return [flat[: features * classes]]
    out = (features + 1) * width
    return [flat[: features * width], flat[out : out + width * classes]]


def prune(layers: list[NDArray[Any]], sparsity: float, scope: str) -> None:
    """Put 0 for the share of weights of the least magnitude, ties by their place, in every array.

    >>> w = np.array([[3.0, -1.0], [0.5, 2.0]])
    >>> prune([w], 0.5, "global"); w
    array([[3., 0.],
           [0., 2.]])
    """
    groups = [layers] if scope == "global" else [[layer] for layer in layers]
    for group in groups:
        size = np.abs(np.concatenate([layer.ravel() for layer in group]))
        count = round(sparsity * len(size))
        if not count:
            continue
        least = np.partition(size, count - 1)[count - 1]
        gone = size < least
        gone[np.flatnonzero(size == least)[: count - np.count_nonzero(gone)]] = True
        first = 0
        for layer in group:
            layer[gone[first : first + layer.size].reshape(layer.shape)] = 0
            first += layer.size
