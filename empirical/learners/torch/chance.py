"""A trial's own random words of PyTorch's: in the place of the process's while the trial goes on, kept while another does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


class Chance:
    """From a whole number, on the device ``where`` ("cpu", "cuda:0").

    >>> import torch
    >>> def drawn(chance):
    ...     with chance.turn():
    ...         return torch.rand(1).item()
    >>> one, other, again = Chance(1, "cpu"), Chance(2, "cpu"), Chance(1, "cpu")
    >>> first = drawn(one), drawn(other), drawn(one)
    >>> (first[0], first[2]) == (drawn(again), drawn(again))  # whatever others drew between
    True
    """

    def __init__(self, seed: int, where: str) -> None:
        import torch

        self.where = where
        with torch.random.fork_rng(devices=[where] if where.startswith("cuda") else []):
            torch.manual_seed(seed)
            self.state = self._words()
        self.generator = torch.Generator(where).manual_seed(seed)  # of orders and of augmentation

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """What is drawn inside is drawn from these words."""
        before = self._words()
        self._put(self.state)
        try:
            yield
        finally:
            self.state = self._words()
            self._put(before)

    def _words(self) -> list[Any]:
        import torch

        on_gpu = [torch.cuda.get_rng_state(self.where)] if self.where.startswith("cuda") else []
        return [torch.get_rng_state(), *on_gpu]

    def _put(self, state: list[Any]) -> None:
        import torch

        torch.set_rng_state(state[0])
        if len(state) > 1:
            torch.cuda.set_rng_state(state[1], self.where)
