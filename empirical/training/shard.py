"""What models of a shard, or of a part of it, said: packed bits, classes or floats, a row a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.training.spans import Span

NOTHING = np.empty((0, 0), np.uint8)  # scores that are elsewhere


@dataclass(frozen=True)
class Shard:
    """Scores of the trials from ``number · size + start`` on: packed bits, or floats; mostly of all ``size`` of a shard.

    ``earlier`` has the two arrays by epoch, of those asked for. Not stored: ``warned``, how many models warned of what when it
    was trained, and in which words; ``inside``, its subsets' bits.

    >>> bits = np.packbits(np.ones((2, 8), bool), axis=1)  # two models, right on all of eight examples
    >>> Shard(number=3, train=bits, test=bits)  # trials 6 and 7, where a shard has two
    Shard(number=3, train=array([[255],
           [255]], dtype=uint8), test=array([[255],
           [255]], dtype=uint8), warned={}, inside=None, earlier={}, start=0)
    """

    number: int
    train: NDArray[Any]
    test: NDArray[Any]
    warned: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    inside: NDArray[Any] | None = None
    earlier: Mapping[int, tuple[NDArray[Any], NDArray[Any]]] = field(default_factory=dict)
    start: int = 0

    @property
    def span(self) -> Span:
        """Which trials of the shard these are."""
        return self.start, self.start + max(len(self.train), len(self.test))

    def take(self, span: Span) -> Shard:
        """Some of them."""
        if span == self.span:
            return self
        rows = slice(span[0] - self.start, span[1] - self.start)
        earlier = {epoch: (a[rows], b[rows]) for epoch, (a, b) in self.earlier.items()}
        kept: dict[str, Any] = {
            "inside": None if self.inside is None else self.inside[rows],
            "earlier": earlier,
            "start": span[0],
        }
        return replace(self, train=self.train[rows], test=self.test[rows], **kept)


def pieced(parts: Sequence[Shard], span: Span) -> Shard:
    """A shard's trials from parts of it that have them all, and what models of all parts warned of.

    >>> first, rest = (Shard(0, np.zeros((k, 1)), np.zeros((k, 1)), start=at) for at, k in ((0, 2), (2, 3)))
    >>> pieced([rest, first], (1, 4)).span
    (1, 4)
    """
    taken: list[Shard] = []
    at = span[0]
    for part in sorted(parts, key=lambda one: one.span):
        stop = min(part.span[1], span[1])
        if part.span[0] <= at < stop:
            taken.append(part.take((at, stop)))
            at = stop
    if at < span[1]:
        raise ValueError(f"trials {at} to {span[1]} of shard {parts[0].number} are in no part of it")
    warned: dict[str, tuple[int, str]] = {}
    for part in parts:
        for name, (count, words) in part.warned.items():
            warned[name] = (warned.get(name, (0, words))[0] + count, warned.get(name, (0, words))[1])
    if len(taken) == 1:
        return replace(taken[0], warned=warned)

    def together(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(arrays)

    known = [part.inside for part in taken if part.inside is not None]
    return Shard(
        taken[0].number,
        together([part.train for part in taken]),
        together([part.test for part in taken]),
        warned,
        together(known) if len(known) == len(taken) else None,
        {
            e: (together([p.earlier[e][0] for p in taken]), together([p.earlier[e][1] for p in taken]))
            for e in taken[0].earlier
        },
        span[0],
    )
