"""Texts in one array: their UTF-8 one after the other, and where each ends. Worker processes share it as they do any array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Texts:
    """Text i is what ``raw`` holds from ``ends[i - 1]`` to ``ends[i]``.

    >>> list(Texts.of(["long", "", "tail"]))
    ['long', '', 'tail']
    """

    raw: NDArray[np.uint8]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Texts:
        coded = [text.encode("utf-8", "replace") for text in texts]
        ends = np.cumsum([len(one) for one in coded], dtype=np.int64)
        return cls(np.frombuffer(b"".join(coded), np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, at: int) -> str:
        place = range(len(self))[at]
        return self.raw[self.ends[place - 1] if place else 0 : self.ends[place]].tobytes().decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        return (self[at] for at in range(len(self)))


def words(x: Any) -> Texts | None:
    """The texts that ``x`` is a list or an array of, if it is one.

    >>> list(words(["long", "tail"])), words(np.zeros((2, 3)))
    (['long', 'tail'], None)
    """
    rows = x.tolist() if isinstance(x, np.ndarray) and x.ndim == 1 else x
    if isinstance(rows, (list, tuple)) and rows and all(isinstance(text, str) for text in rows):
        return Texts.of(rows)
    return None
