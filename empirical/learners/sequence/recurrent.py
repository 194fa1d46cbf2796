"""A recurrent net (GRU) that foretells the next bit of a subpopulation's string, by torch (extra ``torch``).

The state starts as an embedding of the subpopulation; each step reads the bit before and the place; a linear reading of the state
is the log-odds of the next bit. Trained by Adam on every place that an example shows, full batch, a step an epoch. In training a
share of the bits before is ``hidden``: a net that may rely on all of them learns strings by heart as they are, noise and all, and
loses its way in a fresh one, whose noise is another.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.core import ArgumentError, real, whole

Bits = NDArray[np.uint8]
UNKNOWN = 2  # the bit before the first, and one that is hidden


@dataclass(frozen=True)
class Recurrent:
    """``width`` units of state, ``epochs`` at ``rate``.

    >>> x = np.array([[1, 0, 1], [0, 1, 1]], np.uint8)  # of two subpopulations, of three bits
    >>> Recurrent(width=8, epochs=2).train(np.arange(2), x, np.array([2, 2]), size=2).dimension
    3
    """

    width: int = 128
    epochs: int = 150
    rate: float = 0.01
    hidden: float = 0.9

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", whole("width", self.width, 1, 2**14))
        object.__setattr__(self, "epochs", whole("epochs", self.epochs, 0, 10**6))
        object.__setattr__(self, "rate", real("rate", self.rate, 0, open_low=True))
        object.__setattr__(self, "hidden", real("hidden", self.hidden, 0, 1))

    def train(
        self, cluster: NDArray[np.int64], x: Bits, length: NDArray[np.int64], size: int, seed: int = 0
    ) -> Trained:
        """On rows of bits, of which the first ``length`` + 1 are shown, of ``size`` subpopulations."""
        torch = needed()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            d = x.shape[1]
            place = torch.nn.Embedding(d, self.width)
            parts = torch.nn.ModuleDict(
                {
                    "start": torch.nn.Embedding(size, self.width),
                    "place": place,
                    "bit": torch.nn.Embedding(3, self.width),
                    "cell": torch.nn.GRU(self.width, self.width, batch_first=True),
                    "read": torch.nn.Linear(self.width, 1),
                }
            )
            net = Trained(parts, d)
            given, of = torch.from_numpy(x.astype(np.int64)), torch.from_numpy(np.asarray(cluster, np.int64))
            shown = torch.arange(d)[None] <= torch.from_numpy(np.asarray(length, np.int64))[:, None]
            optimizer = torch.optim.Adam(parts.parameters(), lr=self.rate)
            for _ in range(self.epochs):
                loss = torch.nn.functional.binary_cross_entropy_with_logits(
                    net.forward(of, torch.where(torch.rand(given.shape) < self.hidden, UNKNOWN, given))[shown],
                    given[shown].to(torch.float32),
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return net


@dataclass(frozen=True)
class Trained:
    """Answers questions: ``log_odds`` of the next bit.

    >>> x = np.array([[1, 0, 1], [0, 1, 1]], np.uint8)  # of two subpopulations, of three bits
    >>> net = Recurrent(width=8, epochs=60, rate=0.05, hidden=0.0).train(np.arange(2), x, np.array([2, 2]), size=2)
    >>> (net.log_odds(np.arange(2), x, np.array([0, 0])) > 0).tolist()  # whether the first bit is a 1
    [True, False]
    """

    parts: Any = field(repr=False)
    dimension: int

    def forward(self, cluster: Any, x: Any) -> Any:
        """Log-odds (rows, d) of every bit given those before it."""
        torch = needed()
        parts = self.parts
        before = torch.cat([torch.full((len(x), 1), UNKNOWN), x[:, :-1]], dim=1)
        step = parts["bit"](before) + parts["place"].weight[None]
        state, _ = parts["cell"](step, parts["start"](cluster)[None].contiguous())
        return parts["read"](state)[..., 0]

    def log_odds(self, cluster: NDArray[np.int64], x: Bits, length: NDArray[np.int64]) -> NDArray[np.float64]:
        """The whole string is run; bits from ``length`` on bear on nothing that is read."""
        torch = needed()
        with torch.no_grad():
            said = self.forward(torch.from_numpy(np.asarray(cluster, np.int64)), torch.from_numpy(x.astype(np.int64)))
        return np.asarray(said.numpy()[np.arange(len(x)), length], np.float64)


def needed() -> Any:
    """torch, or how to get it.

    >>> needed().__name__
    'torch'
    """
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise ArgumentError("learner", "recurrent", "it needs PyTorch: pip install 'longtail[torch]'") from error
