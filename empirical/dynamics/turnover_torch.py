"""Turn-over dropout in any PyTorch net (extra ``torch``): a module to put behind its layers, of the same masks as ``masks``.

    asked = Asked(Masks(), seed=0)
    net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), TurnOver(asked, 1), nn.Flatten(), nn.LazyLinear(10))
    with asked.seen(indices):       # train: each row is an example, whose sub-network it is given to
        loss = cross_entropy(net(x[indices]), y[indices])
    with asked.flipped(indices):    # the units that those examples never updated
        net(x[indices])
    net(x)                          # the whole net, where no example is named

Of features (rows, channels, ...) it masks channels: a filter is a unit, wherever it looks. What comes behind the module must not
bring back what it made 0: put it behind the activation, and no layer that adds a number of its own to a unit, such as batch
normalization, between it and the next weights; one before it shares its means among examples, so that a flipped sub-network
has seen a little of its example after all. Masks are those of (seed, layer, example), 1/p and 1/(1 − p) their scales, as in our
own nets (``Masks.bits``, ``Masks.scales``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from empirical.dynamics.masks import LAYERS, Masks
from empirical.dynamics.scores import FLIPPED, OWN, WHOLE
from empirical.learners.score import Floats32
from longtail.core import ArgumentError, whole


class Asked:
    """Which sub-networks the modules of one net give: of which examples, one for each row or one for all of them.

    >>> asked = Asked(Masks(), seed=0)
    >>> net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), TurnOver(asked, 1), nn.Linear(8, 3))
    >>> with asked.seen([5, 6, 7, 8]):  # a row an example, by its own sub-network; after that the whole net is back
    ...     tuple(net(torch.ones(4, 2)).shape), asked.side == OWN
    ((4, 3), True)
    """

    def __init__(self, masks: Masks | None = None, seed: int = 0) -> None:
        self.masks = Masks() if masks is None else masks
        if not isinstance(self.masks, Masks):
            raise ArgumentError("masks", masks, "give Masks(...)")
        self.seed = whole("seed", seed, 0, 2**64 - 1)
        self.side, self.examples = WHOLE, np.zeros(0, np.int64)

    @contextmanager
    def seen(self, examples: Any) -> Iterator[None]:
        """The sub-networks that these examples are trained in."""
        yield from self._side(OWN, examples)

    @contextmanager
    def flipped(self, examples: Any) -> Iterator[None]:
        """Those that they never updated."""
        yield from self._side(FLIPPED, examples)

    def _side(self, side: int, examples: Any) -> Iterator[None]:
        found = np.atleast_1d(np.asarray(examples.cpu() if isinstance(examples, Tensor) else examples))
        if found.ndim != 1 or found.dtype.kind not in "iu" or not len(found) or found.min() < 0:
            got = f"{found.dtype} of shape {found.shape}"
            raise ArgumentError("examples", got, "give the number of each row's example, or of one for all rows")
        before = self.side, self.examples
        self.side, self.examples = side, found.astype(np.int64)
        try:
            yield
        finally:
            self.side, self.examples = before


class TurnOver(nn.Module):
    """Masks the units of hidden layer ``layer``, from 1 on, as its ``Asked`` says; it has no parameters.

    >>> asked, units = Asked(), torch.ones(1, 4)
    >>> layer = TurnOver(asked, 1)
    >>> with asked.seen([3]):
    ...     own = layer(units)
    >>> with asked.flipped([3]):
    ...     flipped = layer(units)
    >>> (own + flipped).tolist(), layer(units).tolist()  # each unit in one of the two, where it counts twice; and the whole net
    ([[2.0, 2.0, 2.0, 2.0]], [[1.0, 1.0, 1.0, 1.0]])
    """

    def __init__(self, asked: Asked, layer: int) -> None:
        super().__init__()
        self.asked, self.layer = asked, whole("layer", layer, 1, LAYERS)

    def forward(self, x: Tensor) -> Tensor:
        asked = self.asked
        if asked.side == WHOLE or (asked.masks.layers and self.layer not in asked.masks.layers):
            return x
        if x.ndim < 2 or len(asked.examples) not in (1, len(x)):
            remedy = f"{len(asked.examples)} examples are named: give as many rows of features, or name one"
            raise ArgumentError("x", f"shape {tuple(x.shape)}", remedy)
        width = x.shape[1]
        on = asked.masks.bits(asked.seed, self.layer, width, asked.examples)
        table = asked.masks.scales(width)[asked.side]
        scale = torch.as_tensor(np.where(on, table[1], table[0]), dtype=x.dtype, device=x.device)
        return x * scale.reshape(*scale.shape, *(1 for _ in x.shape[2:]))

    def extra_repr(self) -> str:
        return f"layer={self.layer}, {self.asked.masks!r}"


def values(net: nn.Module, asked: Asked, x: Tensor, examples: Any) -> Floats32:
    """Decision values of rows by their examples' sub-networks, by the flipped ones and by the whole net, (3, rows, K).

    >>> asked = Asked()
    >>> net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), TurnOver(asked, 1), nn.Linear(8, 3))
    >>> values(net, asked, torch.ones(4, 2), [5, 6, 7, 8]).shape
    (3, 4, 3)
    """
    _check(net, asked)
    with torch.no_grad():
        with asked.seen(examples):
            own = net(x)
        with asked.flipped(examples):
            flipped = net(x)
        return np.asarray(torch.stack([own, flipped, net(x)]).cpu().numpy())


def influence(net: nn.Module, asked: Asked, examples: Sequence[int], x: Tensor, labels: Tensor) -> Floats32:
    """L(flipped) − L(own) of tests by each example's sub-networks, (examples, tests): two passes of the net an example.

    >>> asked = Asked()
    >>> net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), TurnOver(asked, 1), nn.Linear(8, 3))
    >>> influence(net, asked, [5, 6], torch.ones(4, 2), torch.tensor([0, 1, 2, 0])).shape  # examples, tests
    (2, 4)
    """
    _check(net, asked)
    rows = []
    with torch.no_grad():
        for example in examples:
            losses = []
            for side in (asked.flipped, asked.seen):
                with side([example]):
                    losses.append(functional.cross_entropy(net(x), labels, reduction="none"))
            rows.append(losses[0] - losses[1])
        return np.asarray(torch.stack(rows).cpu().numpy())


def _check(net: nn.Module, asked: Asked) -> None:
    """Refuse a net in which nothing is masked: its two sub-networks would be one."""
    if not any(isinstance(module, TurnOver) and module.asked is asked for module in net.modules()):
        raise ArgumentError(
            "net", type(net).__name__, "no TurnOver of this Asked is in it: put one behind a hidden layer"
        )
