"""Turn-over dropout as its authors have it (soskek/turnover_dropout, ``tod/tod.py``), in PyTorch: training and influence.

An example's mask is ⌊1000 sin((i + 199) v)⌋ mod 2 with v a number of each unit, made anew for every row of every batch; influence
is two passes of the whole net for every example, all tests in one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from empirical.dynamics.net import Net

Mask = Callable[[int, Any], Any]  # of a hidden layer (from 1) and examples: (examples, width), 1 where kept


def sines(net: Net) -> Mask:
    """The authors' masks."""

    def mask(layer: int, examples: Any) -> Any:
        v = torch.arange(1, net.widths[layer - 1] + 1, dtype=torch.float32) + 1000 * layer
        return torch.floor(1000 * torch.sin((examples[:, None] + 199) * v[None])) % 2

    return mask


def given(net: Net, bits: Any) -> Mask:
    """Ours, from their bits (n, Σ widths): to be held to the same answer."""
    columns = dict(enumerate(net.columns(), 1))
    whole = torch.tensor(np.asarray(bits), dtype=torch.float32)
    return lambda layer, examples: whole[examples][:, columns[layer]]


class Peer(torch.nn.Module):
    """The net, p = ½."""

    def __init__(self, net: Net, size: int, classes: int, start: Any, mask: Mask) -> None:
        super().__init__()
        self.net, self.mask = net, mask
        self.layers = torch.nn.ModuleList(
            torch.nn.Linear(a, b, bias=net.biases) for a, b in pairwise((size, *net.widths, classes))
        )
        self.load(start)

    def load(self, start: Any) -> None:
        """Flat parameters of ours."""
        flat, first = torch.tensor(np.asarray(start)), 0
        with torch.no_grad():
            for layer in self.layers:
                count = layer.weight.numel()
                layer.weight.copy_(flat[first : first + count].reshape(layer.weight.shape[::-1]).T)
                first += count
                if layer.bias is not None:
                    layer.bias.copy_(flat[first : first + layer.bias.numel()])
                    first += layer.bias.numel()

    def flat(self) -> Any:
        """Its parameters as ours are."""
        parts = [p.detach().T.reshape(-1) if p.ndim == 2 else p.detach() for p in self.parameters()]
        return torch.cat(parts).numpy()

    def forward(self, x: Any, examples: Any = None, flipped: bool = False) -> Any:
        for layer, into in enumerate(self.layers[:-1], 1):
            x = functional.relu(into(x))
            if examples is not None and layer in self.net.masked:
                mask = self.mask(layer, examples)
                x = x * ((1 - mask) if flipped else mask) / 0.5
            x = functional.dropout(x, self.net.dropout, self.training)
        return self.layers[-1](x)

    def learn(self, x: Any, labels: Any, orders: Sequence[Any]) -> None:
        """One row of ``orders`` an epoch."""
        net = self.net
        optimizer = torch.optim.SGD(self.parameters(), lr=net.rate, momentum=net.momentum, weight_decay=net.decay)
        self.train()
        for order in orders:
            for own in torch.split(torch.as_tensor(order), net.batch):
                loss = functional.cross_entropy(self(x[own], own), labels[own], label_smoothing=net.smoothing)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    @torch.no_grad()
    def influence(self, examples: Sequence[int], z: Any, labels: Any) -> Any:
        """(examples, tests)."""
        self.eval()
        rows = []
        for example in examples:
            own = torch.full((len(z),), example)
            losses = [
                functional.cross_entropy(self(z, own, flipped), labels, reduction="none") for flipped in (True, False)
            ]
            rows.append(losses[0] - losses[1])
        return torch.stack(rows).numpy()
