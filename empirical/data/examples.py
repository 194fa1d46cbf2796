"""Who the examples are: their labels, and the user's own names of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from empirical.data.dataset import Dataset
from empirical.data.duplicates import texts_of


@dataclass(frozen=True)
class Examples:
    """Labels of training and test examples as indices into ``classes``, row names, and both parts as ``texts`` where they are
    texts; None where there are none.

    >>> from empirical import load
    >>> mine = Examples.of(load("digits"))
    >>> mine.labeled, len(mine.y_train), mine.classes[:3]
    (True, 1500, (0, 1, 2))
    """

    y_train: Any = field(default=None, repr=False)
    y_test: Any = field(default=None, repr=False)
    classes: tuple[Any, ...] | None = None
    train_ids: tuple[Any, ...] | None = field(default=None, repr=False)
    test_ids: tuple[Any, ...] | None = field(default=None, repr=False)
    texts: tuple[Sequence[str], Sequence[str]] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, dataset: Dataset) -> Examples:
        """Those of a data set."""
        data = dataset.data
        return cls(data.y_train, data.y_test, data.classes, dataset.train_ids, dataset.test_ids, texts_of(data))

    @property
    def labeled(self) -> bool:
        """Whether both parts have labels, so that pairs can be of one class."""
        return self.y_train is not None and self.y_test is not None
