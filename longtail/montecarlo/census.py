"""What is counted of a simulated data set, and the pure scoring of draws on any array library.

X_ℓ is the set of subpopulations seen exactly ℓ times. Of each data set everything that the theory speaks of follows
from |X_ℓ| and Σ_{x ∈ X_ℓ} D(x), ℓ = 0, 1, …: its ``Census``. ``census`` reads it off draws with array operations
alone (NumPy, CuPy, PyTorch, array-api-strict); the compiled kernels make it without the draws ever reaching memory,
and the two must agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from longtail.core import Floats
from longtail.core.arrays import namespace


@dataclass(frozen=True)
class Census:
    """For each data set (row) and ℓ (column): |X_ℓ| and Σ_{X_ℓ} D(x). The last column lumps all larger ℓ.

    >>> one = Census(np.array([[1, 2]]), np.array([[0.25, 0.75]]))  # one kind unseen, two seen once or more, which hold .75
    >>> len(Census.concatenate([one, one])), one[:1].mass.tolist()
    (2, [[0.25, 0.75]])
    """

    number: Any = field(repr=False)
    mass: Any = field(repr=False)

    def __len__(self) -> int:
        return len(self.number)

    def __getitem__(self, rows: slice) -> Census:
        return Census(self.number[rows], self.mass[rows])

    @classmethod
    def concatenate(cls, parts: list[Census]) -> Census:
        """The data sets of all parts, in order."""
        return cls(np.concatenate([p.number for p in parts]), np.concatenate([p.mass for p in parts]))


@dataclass(frozen=True)
class Draws:
    """Simulated data sets themselves, (batch, N): how often each x was seen, and its frequency D(x).

    >>> one = Draws(counts=np.array([[0, 1, 2]]), frequency=np.array([[0.5, 0.25, 0.25]]))
    >>> one.counts.sum(axis=1).tolist()  # samples of each data set
    [3]
    """

    counts: Any = field(repr=False)
    frequency: Any = field(repr=False)


def census(draws: Draws, rows: int) -> Census:
    """The census of draws, ℓ = 0 … rows − 2 and the rest, in their own array library.

    >>> one = Draws(counts=np.array([[0, 1, 2]]), frequency=np.array([[0.5, 0.25, 0.25]]))
    >>> found = census(one, rows=2)  # unseen, and the rest
    >>> found.number.tolist(), found.mass.tolist()
    ([[1, 2]], [[0.5, 0.5]])
    """
    xp = namespace(draws.counts, draws.frequency)
    zero = xp.zeros_like(draws.frequency)
    number, mass = [], []
    for ell in range(rows):
        seen = draws.counts == ell if ell < rows - 1 else draws.counts >= ell
        number.append(xp.sum(xp.astype(seen, xp.int64), axis=-1))
        mass.append(xp.sum(xp.where(seen, draws.frequency, zero), axis=-1))
    return Census(xp.stack(number, axis=-1), xp.stack(mass, axis=-1))


def rows(values: Any) -> Floats:
    """Any library's array as NumPy doubles.

    >>> rows([[1, 2]]).tolist()
    [[1.0, 2.0]]
    """
    return np.asarray(values.get() if hasattr(values, "get") else values, float)
