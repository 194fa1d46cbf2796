"""Which pairs of a training and a test example are looked at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from empirical.data.examples import Examples
from empirical.estimates import THRESHOLD
from longtail.core import ArgumentError, Bools, Floats, Integers, flag, real


@dataclass(frozen=True)
class Pairing:
    """Pairs of one class, as published, or of any two; of all training examples or of those in ``kept`` alone; and the
    influence from which a pair counts.

    >>> pairing = Pairing(np.array(["cat", "dog"]), np.array(["dog"]), threshold=0.2)
    >>> pairing.at(0.3).threshold, Pairing(same_class=False).classes(2, 1)
    (0.3, None)
    """

    y_train: Any = field(default=None, repr=False)
    y_test: Any = field(default=None, repr=False)
    threshold: float = THRESHOLD
    same_class: bool = True
    kept: Bools | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        real("threshold", self.threshold, -np.inf)
        flag("same_class", self.same_class)

    @classmethod
    def of(cls, examples: Examples, threshold: float = THRESHOLD, kept: Bools | None = None) -> Pairing:
        """Of one class where both parts have labels, else of any two."""
        return cls(examples.y_train, examples.y_test, threshold, examples.labeled, kept)

    def at(self, threshold: float) -> Pairing:
        """The same pairs from another influence on."""
        return replace(self, threshold=float(threshold))

    def classes(self, n: int, n_test: int) -> tuple[Integers, Integers] | None:
        """Labels of both parts as whole numbers, where only pairs of one class are looked at; None where any are."""
        left, right = whole_labels("y_train", self.y_train, n), whole_labels("y_test", self.y_test, n_test)
        if not self.same_class:
            return None
        if left is None or right is None:
            remedy = "pairs of one class need both labels; or give same_class=False"
            raise ArgumentError("y_train, y_test", None, remedy)
        return left, right


def growing(argument: str, values: Any) -> Floats:
    """Numbers of which each is larger than the one before, one or more.

    >>> growing("edges", [0.25, 0.5]).tolist()
    [0.25, 0.5]
    """
    try:
        found = np.asarray(values, float)
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.ndim != 1 or not found.size or not (np.diff(found) > 0).all() or np.isnan(found).any():
        raise ArgumentError(argument, values, "give numbers that grow")
    return found


def whole_labels(argument: str, y: Any, n: int) -> Integers | None:
    """Labels as whole numbers, one an example; None stays None.

    >>> whole_labels("y_train", ["dog", "cat", "dog"], 3).tolist()
    [1, 0, 1]
    """
    if y is None:
        return None
    values = np.asarray(y)
    if values.shape != (n,):
        raise ArgumentError(argument, f"shape {values.shape}", f"give one label for each of the {n} examples")
    if not np.issubdtype(values.dtype, np.integer):
        values = np.unique(values, return_inverse=True)[1]
    return values.astype(np.int64, copy=False)
