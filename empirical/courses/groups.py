"""Groups of training examples: by a number, as memorization, by whether their label was replaced, by a column of the user's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from longtail import philox
from longtail.core import ArgumentError, Floats, Integers, whole

THIRDS = ("easy", "middle", "hard")
LEARNED = ("not memorized", "between", "memorized")
EDGES = (0.1, 0.25)  # of memorization; from .25 on Feldman & Zhang call it so
MOST = 100  # groups


@dataclass(frozen=True)
class Groups:
    """``of`` (n,) says which of ``names`` each example is in, −1 for none."""

    names: tuple[str, ...]
    of: Integers = field(repr=False)

    def __post_init__(self) -> None:
        of = np.asarray(self.of, np.int64)
        empty = [name for k, name in enumerate(self.names) if not (of == k).any()]
        if empty:
            raise ArgumentError("groups", f"no example in {empty[0]!r}", "give groups of one example or more")
        object.__setattr__(self, "of", of)

    @classmethod
    def ranked(cls, numbers: Any, names: tuple[str, ...] = THIRDS) -> Groups:
        """As large as each other, the smallest numbers first; where equal ones fall on both sides of a border, the later go up.

        >>> Groups.ranked([0.3, 0.1, 0.2, 0.9], ("easy", "hard")).of.tolist()
        [1, 0, 0, 1]
        """
        v, of = _known(numbers)
        order = np.flatnonzero(of == 0)[np.argsort(v[of == 0], kind="stable")]
        of[order] = np.arange(len(order)) * len(names) // len(order)
        return cls(names, of)

    @classmethod
    def cut(cls, numbers: Any, edges: tuple[float, ...] = EDGES, names: tuple[str, ...] = LEARNED) -> Groups:
        """By how many of the ascending ``edges`` a number reaches.

        >>> Groups.cut([0.3, 0.0, 0.25], (0.25,), ("low", "high")).of.tolist()
        [1, 0, 1]
        """
        if len(names) != len(edges) + 1 or list(edges) != sorted(set(edges)):
            raise ArgumentError("edges", edges, f"give {len(names) - 1} for {len(names)} names, in ascending order")
        v, of = _known(numbers)
        of[of == 0] = np.searchsorted(edges, v[of == 0], side="right")
        there = [k for k in range(len(names)) if (of == k).any()]
        return cls(tuple(names[k] for k in there), np.where(of < 0, -1, np.searchsorted(there, of)))

    @classmethod
    def by_column(cls, values: Any) -> Groups:
        """One for each value of a column, in their order as text is sorted."""
        names, of = np.unique(np.asarray(values).astype(str), return_inverse=True)
        if len(names) > MOST:
            raise ArgumentError("values", f"{len(names)} different ones", f"give a column of at most {MOST}")
        return cls(tuple(names.tolist()), of)

    @classmethod
    def by_change(cls, changed: Any) -> Groups:
        """Labels as they were, and replaced ones (``empirical.data.relabeled``)."""
        return cls(("as given", "relabeled"), np.asarray(changed, np.int64))

    @classmethod
    def at_random(cls, n: int, names: tuple[str, ...] = THIRDS, *, seed: int = 0, number: int = 0) -> Groups:
        """As large as each other, with nothing in common: the control of what is said by group. Each ``number`` draws anew."""
        drawn = philox.uniforms(seed, philox.substream(philox.RESAMPLE, 1), number, 0, whole("n", n, len(names)))
        return cls.ranked(drawn, names)

    def index(self, name: str) -> int:
        """Which group this is."""
        if name not in self.names:
            raise ArgumentError("group", name, f"give one of {', '.join(self.names)}")
        return self.names.index(name)

    def some(self, examples: Integers) -> Groups:
        """Of some of the examples; groups of which none is among them are left out."""
        there, of = np.unique(self.of[examples], return_inverse=True)
        names = tuple(self.names[k] for k in there if k >= 0)
        return Groups(names, np.asarray(of) - int(there[0] < 0))

    def check(self, n: int) -> Groups:
        """The groups, if they are of so many examples."""
        if self.of.shape != (n,):
            raise ArgumentError("groups", f"of {self.of.size} examples", f"give those of all {n}")
        return self


def _known(numbers: Any) -> tuple[Floats, Integers]:
    """The numbers, and 0 where there is one, −1 where not."""
    v = np.asarray(numbers, float)
    if v.ndim != 1 or not np.isfinite(v).any():
        raise ArgumentError("numbers", f"shape {v.shape}", "give one number for each example")
    return v, np.where(np.isfinite(v), 0, -1)
