"""A classification data set: what a learner is trained on, and what it is judged by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from empirical.data.texts import Texts
from longtail.core import ArgumentError

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Data:
    """Training and test examples with labels as indices 0..K−1 into ``classes``.

    ``x`` is an array with one example a row: float32 features, or images of any shape. An external learner may take
    more (a list of texts, a sparse matrix); the learners of this package take arrays. Where ``x`` was made of texts,
    ``texts`` are those, to train on and to test on: learners that read take them. ``tested`` False: there are no test
    examples, and none are wanted.

    >>> data = Data(np.eye(4), np.array([0, 1, 0, 1]), np.eye(4), np.array([0, 1, 0, 1]), ("cat", "dog"))
    >>> data.n, data.n_test, data.n_classes
    (4, 4, 2)
    """

    x_train: Any = field(repr=False)
    y_train: NDArray[np.int64] = field(repr=False)
    x_test: Any = field(repr=False)
    y_test: NDArray[np.int64] = field(repr=False)
    classes: tuple[Any, ...]
    texts: tuple[Texts, Texts] | None = field(default=None, repr=False)
    tested: bool = field(default=True, repr=False)

    def __post_init__(self) -> None:
        names: Any = self.classes
        if not isinstance(names, tuple | list) and np.ndim(names) != 1:
            raise ArgumentError("classes", names, 'give the names of the classes in order, as ("cat", "dog")')
        for part in ("train", "test"):
            x, y = getattr(self, f"x_{part}"), np.asarray(getattr(self, f"y_{part}"))
            if y.ndim != 1 or (y.size and not np.issubdtype(y.dtype, np.integer)):
                raise ArgumentError(
                    f"y_{part}", f"{y.dtype} labels of shape {y.shape}", "give one whole number per example"
                )
            if not (x.shape if hasattr(x, "shape") else hasattr(x, "__len__")):
                raise ArgumentError(f"x_{part}", x, "give an array or list, one example a row")
            rows = x.shape[0] if hasattr(x, "shape") else len(x)
            if not rows and (part == "train" or self.tested):
                raise ArgumentError(f"x_{part}", "no examples", "give at least one to train on and one to test on")
            if rows != len(y):
                raise ArgumentError(f"x_{part}", f"{rows} rows for {len(y)} labels", "give as many rows as labels")
            if self.texts is not None and len(self.texts[part == "test"]) != len(y):
                raise ArgumentError(
                    "texts", f"{len(self.texts[part == 'test'])} for {len(y)} labels", "give one a label"
                )
            if y.size and not 0 <= y.min() <= y.max() < len(self.classes):
                raise ArgumentError(
                    f"y_{part}", f"labels {y.min()}..{y.max()}", f"number the {len(self.classes)} classes from 0"
                )
            object.__setattr__(self, f"y_{part}", y.astype(np.int64))
        if hasattr(self.x_train, "shape") and hasattr(self.x_test, "shape"):
            shape, tested = tuple(self.x_train.shape[1:]), tuple(self.x_test.shape[1:])
            if shape != tested:
                got = f"examples of shape {shape} to train and {tested} to test on"
                raise ArgumentError("x_test", got, "give both of one shape")
            if 0 in shape:
                raise ArgumentError("x_train", f"examples of shape {shape}", "give each at least one feature")

    @property
    def n(self) -> int:
        """How many training examples."""
        return len(self.y_train)

    @property
    def n_test(self) -> int:
        """How many test examples."""
        return len(self.y_test)

    @property
    def n_classes(self) -> int:
        """K, the number of classes."""
        return len(self.classes)


def makes_data(function: F) -> F:
    """Mark a function of yours that returns a Data or a Dataset, so that it is called by its name: ``package.module.function``.

    A function without the mark is not.

    >>> @makes_data
    ... def coins(seed: int = 0):
    ...     x = np.random.default_rng(seed).normal(size=(40, 2))
    ...     y = (x[:, 0] > 0).astype(int)
    ...     return Data(x[:30], y[:30], x[30:], y[30:], ("tails", "heads"))
    >>> coins.makes_data, coins().n
    (True, 30)
    """
    function.makes_data = True  # type: ignore[attr-defined]  # a mark, no part of its type
    return function
