"""Turn-over dropout: for every example a sub-network that learns from it, and one that never does.

Kobayashi, Yokoi, Suzuki & Inui, "Efficient estimation of influence of a training instance" (arXiv 2012.04207). Unit u of hidden
layer ℓ is in the sub-network of example i where word u of (seed, ``MASK`` of layer ℓ, i) is below p · 2^32: a function of these
four alone, so that nothing is stored and any mask can be had on any device in any order. Whenever the net trains on i, the units
outside its mask are 0; so what they hand on, and hence the gradient of every weight into and out of them, is 0 too. The units
outside are the *flipped* sub-network, which i has never updated.

As in the authors' code (soskek/turnover_dropout), units of the one are multiplied by 1/p, of the other by 1/(1 − p), and of the
whole net, which is asked where no example is named, by 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.core import ArgumentError, Bools, flag, real, whole
from longtail.philox import MASK, substream

LAYERS = 64  # hidden layers at most


@dataclass(frozen=True)
class Masks:
    """``kept`` is p; ``layers`` are the hidden layers whose units are masked, from 1 on, () for all of them.

    Of the units of such a layer the share ``shared`` (the first of them) is touched by no mask, as in example-tied dropout.
    With ``scaled`` false no unit is multiplied.
    """

    kept: float = 0.5
    layers: tuple[int, ...] = ()
    shared: float = 0.0
    scaled: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "kept", real("kept", self.kept, 0, 1, open_low=True, open_high=True))
        object.__setattr__(self, "scaled", flag("scaled", self.scaled))
        object.__setattr__(self, "shared", real("shared", self.shared, 0, 1, open_high=True))
        if not isinstance(self.layers, (tuple, list)):
            raise ArgumentError("layers", self.layers, "give a tuple of hidden layers, from 1 on")
        layers = tuple(whole("layers", layer, 1, LAYERS) for layer in self.layers)
        if list(layers) != sorted(set(layers)):
            raise ArgumentError("layers", layers, "give each once, in ascending order")
        object.__setattr__(self, "layers", layers)

    def of(self, depth: int) -> tuple[int, ...]:
        """The masked ones of ``depth`` hidden layers."""
        if not depth:
            raise ArgumentError("widths", (), "turn-over dropout masks hidden units: give at least one hidden layer")
        beyond = [layer for layer in self.layers if layer > depth]
        if beyond:
            raise ArgumentError("layers", self.layers, f"the net has {depth} hidden layers: give some of 1 to {depth}")
        return self.layers or tuple(range(1, depth + 1))

    def untouched(self, width: int) -> int:
        """How many of a masked layer's units no mask touches."""
        count = round(self.shared * width)
        if count == width:
            raise ArgumentError("shared", self.shared, f"no unit of {width} would be left to mask")
        return count

    def bits(self, seed: int, layer: int, width: int, groups: Sequence[int] | NDArray[Any]) -> Bools:
        """Whether each unit is in an example's sub-network, (examples, width); shared ones are.

        ``groups`` are the examples by number, or whatever has one mask in common: a writer's texts, a user's data.

        >>> m = Masks()
        >>> bool((m.bits(3, 1, 100, [7, 8])[1] == m.bits(3, 1, 100, [8])[0]).all())
        True
        """
        from empirical.dynamics.masks_cpu import below

        own = np.asarray(groups, np.int64)
        if own.size:
            whole("groups", int(own.min()), 0, 2**62)
        drawn = np.empty((len(own), width), bool)
        limit = np.uint64(round(self.kept * 2**32))
        below(np.uint64(seed), np.uint32(substream(MASK, layer)), own.astype(np.uint64), limit, drawn)
        drawn[:, : self.untouched(width)] = True
        return drawn

    def scales(self, width: int, *, masked: bool = True) -> NDArray[np.float32]:
        """What units are multiplied by, (3, 2, width): in an example's sub-network, the flipped one and the whole net; where its
        bit is 0 and where it is 1.
        """
        table = np.ones((3, 2, width), np.float32)
        if masked:
            own = slice(self.untouched(width), None)
            up, down = (1 / self.kept, 1 / (1 - self.kept)) if self.scaled else (1.0, 1.0)
            table[:2, :, own] = np.array([[0, up], [down, 0]], np.float32)[:, :, None]
        return table
