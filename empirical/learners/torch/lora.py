"""Low-rank adapters (Hu et al., arXiv 2106.09685): beside each frozen dense layer W of a model a product of two thin ones,

    W x + 2 B A x,  A of (rank, inputs) at random, B of (outputs, rank) from 0,

so that training begins at the model itself and moves 2·rank·width numbers a layer. These are the adapters of ``peft`` with
``lora_alpha = 2 r``, which tests hold them against; it would be a larger dependency (accelerate beside it) for these lines.
"""

from __future__ import annotations

import math
from collections.abc import Set
from typing import TYPE_CHECKING, Any

from torch import nn

from longtail.core import ArgumentError

if TYPE_CHECKING:
    from torch import Tensor

SCALE = 2.0


class Adapted(nn.Module):
    """A dense layer that is kept as it is, and the low-rank one beside it.

    >>> import torch
    >>> layer, x = nn.Linear(8, 4), torch.ones(2, 8)
    >>> adapted = Adapted(layer, rank=1)
    >>> torch.equal(adapted(x), layer(x)), sum(w.numel() for w in (adapted.a.weight, adapted.b.weight))
    (True, 12)
    """

    def __init__(self, inside: Any, rank: int) -> None:
        super().__init__()
        inputs, outputs = inside.weight.shape if _transposed(inside) else inside.weight.shape[::-1]
        self.inside = inside
        self.a, self.b = nn.Linear(inputs, rank, bias=False), nn.Linear(rank, outputs, bias=False)
        nn.init.kaiming_uniform_(self.a.weight, a=math.sqrt(5))
        nn.init.zeros_(self.b.weight)

    @property
    def weight(self) -> Any:
        """What some models ask a layer's type of."""
        return self.inside.weight

    def forward(self, x: Tensor) -> Any:
        return self.inside(x) + SCALE * self.b(self.a(x))


def adapt(model: Any, rank: int, learned: Set[str]) -> None:
    """Adapters beside every dense layer of the model's body; of all else only the parameters ``learned`` are trained.

    >>> class Model(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.base_model, self.head = nn.Sequential(nn.Linear(8, 8)), nn.Linear(8, 2)
    >>> model = Model()
    >>> adapt(model, rank=1, learned={"head.weight", "head.bias"})
    >>> [name for name, weight in model.named_parameters() if weight.requires_grad]
    ['base_model.0.a.weight', 'base_model.0.b.weight', 'head.weight', 'head.bias']
    """
    body = model.base_model
    layers = [
        (owner, name, layer)
        for owner in body.modules()
        for name, layer in owner.named_children()
        if (isinstance(layer, nn.Linear) or _transposed(layer)) and not _holds(model, layer, learned)
    ]
    if not layers:
        raise ArgumentError("lora", rank, f"{type(body).__name__} has no dense layers: leave it out")
    for name, weight in model.named_parameters():
        weight.requires_grad = name in learned
    for owner, name, layer in layers:
        setattr(owner, name, Adapted(layer, rank))


def _transposed(layer: Any) -> bool:
    """GPT-2's dense layers, whose weights lie the other way."""
    return type(layer).__name__ == "Conv1D" and layer.weight.ndim == 2


def _holds(model: Any, layer: Any, learned: Set[str]) -> bool:
    return any(weight is layer.weight for name, weight in model.named_parameters() if name in learned)
