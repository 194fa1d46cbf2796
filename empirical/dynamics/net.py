"""A net of dense layers for turn-over dropout, described once for NumPy, compiled code and CuPy.

Hidden layer ℓ gives h_ℓ = s_ℓ · ReLU(h_{ℓ−1} W_ℓ + b_ℓ), where s_ℓ is an example's mask, scaled (``masks``), and dropout; the
last layer gives decision values. It goes down the softmax loss, labels smoothed to (1 − s) 1{label} + s/K, by momentum:

    v ← μ v + g + λ w,     w ← w − rate · v,     g the gradient of the minibatch's mean loss.

Weights at the start, the order of examples in each epoch, masks and dropout are Philox words of (seed, example): the net of a
seed is the same whichever others are trained beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.dynamics.masks import LAYERS, Masks
from empirical.learners.score import Floats32
from longtail.core import ArgumentError, flag, real, whole
from longtail.philox import WEIGHTS, substream


@dataclass(frozen=True)
class Net:
    """``widths`` are the hidden layers', ``decay`` is λ, of all parameters; features should be of order 1.

    >>> net = Net(widths=(64, 32), epochs=5)
    >>> net.parameters(size=20, classes=10), net.masked
    (3754, (1, 2))
    """

    widths: tuple[int, ...] = (256,)
    masks: Masks = field(default_factory=Masks)
    biases: bool = True
    rate: float = 0.02
    momentum: float = 0.9
    decay: float = 0.0
    batch: int = 32
    epochs: int = 20
    smoothing: float = 0.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.widths, (tuple, list)):
            raise ArgumentError("widths", self.widths, "give a tuple of the hidden layers' widths")
        object.__setattr__(self, "widths", tuple(whole("widths", width, 1, 2**16) for width in self.widths))
        if len(self.widths) > LAYERS:
            raise ArgumentError("widths", f"{len(self.widths)} hidden layers", f"give at most {LAYERS}")
        if not isinstance(self.masks, Masks):
            raise ArgumentError("masks", self.masks, "give Masks(...)")
        for layer in self.masks.of(len(self.widths)):
            self.masks.untouched(self.widths[layer - 1])
        object.__setattr__(self, "biases", flag("biases", self.biases))
        for name in ("batch", "epochs"):
            object.__setattr__(self, name, whole(name, getattr(self, name), 1, 2**20))
        object.__setattr__(self, "rate", real("rate", self.rate, 0, open_low=True))
        object.__setattr__(self, "decay", real("decay", self.decay, 0))
        for name in ("momentum", "smoothing", "dropout"):
            object.__setattr__(self, name, real(name, getattr(self, name), 0, 1, open_high=True))

    @property
    def masked(self) -> tuple[int, ...]:
        """The hidden layers that are masked, from 1 on."""
        return self.masks.of(len(self.widths))

    def check_epochs(self, epochs: Sequence[int]) -> tuple[int, ...]:
        """Epochs to give scores at, each once and ascending; an ArgumentError for one beyond training."""
        found = tuple(whole("epochs", epoch, 1, self.epochs) for epoch in epochs)
        if not found or any(a >= b for a, b in pairwise(found)):
            raise ArgumentError("epochs", tuple(epochs), "give each once, in ascending order")
        return found

    def shapes(self, size: int, classes: int) -> tuple[tuple[int, int], ...]:
        """Of the parameters, layer by layer: weights (in, out), then biases (1, out) if there are any."""
        layers = tuple(pairwise((size, *self.widths, classes)))
        return tuple(s for a, b in layers for s in ((a, b), (1, b))) if self.biases else layers

    def parameters(self, size: int, classes: int) -> int:
        """How many there are."""
        return sum(math.prod(shape) for shape in self.shapes(size, classes))

    def start(self, seed: int, size: int, classes: int) -> Floats32:
        """Flat parameters before the first step: Glorot's uniform weights, biases 0."""
        from longtail.philox.block_cpu import words

        layers = tuple(pairwise((size, *self.widths, classes)))
        drawn = words(seed, substream(WEIGHTS, 0), 0, 0, sum(a * b for a, b in layers))
        parts: list[NDArray[Any]] = []
        first = 0
        for a, b in layers:
            bound = np.float32(np.sqrt(6 / (a + b)))
            unit = drawn[first : first + a * b].astype(np.float32) * np.float32(2.0**-31) - np.float32(1)
            parts += [bound * unit, np.zeros(b if self.biases else 0, np.float32)]
            first += a * b
        return np.concatenate(parts)

    def order(self, seed: int, epoch: int, n: int) -> NDArray[np.int64]:
        """Of ``n`` examples in an epoch, from 0 on: by sorting a word each; ties by index."""
        from longtail.philox.block_cpu import words

        drawn = words(seed, substream(WEIGHTS, 1 + epoch), 0, 0, n).astype(np.uint64)
        return np.asarray(np.argsort(drawn << np.uint64(32) | np.arange(n, dtype=np.uint64)))

    def bits(self, seed: int, groups: NDArray[Any]) -> NDArray[np.uint8]:
        """Masks of all hidden layers side by side, (examples, Σ widths); 1 throughout where a layer has none."""
        parts = [
            self.masks.bits(seed, layer, width, groups) if layer in self.masked else np.ones((len(groups), width), bool)
            for layer, width in enumerate(self.widths, 1)
        ]
        return np.hstack(parts).view(np.uint8)

    def scales(self) -> Floats32:
        """``Masks.scales`` of all hidden layers side by side, (3, 2, Σ widths)."""
        return np.concatenate(
            [self.masks.scales(w, masked=layer in self.masked) for layer, w in enumerate(self.widths, 1)], axis=2
        )

    def columns(self) -> Iterator[slice]:
        """Where each hidden layer is among them."""
        first = 0
        for width in self.widths:
            yield slice(first, first + width)
            first += width


AUTHORS = Net(
    widths=(768, 768, 768),
    masks=Masks(layers=(1, 3)),
    biases=False,
    rate=0.01,
    momentum=0.9,
    decay=0.01,
    batch=32,
    epochs=40,
    smoothing=0.01,
    dropout=0.1,
)  # for MNIST, but for their slight augmentation and their first weights (PyTorch's)
