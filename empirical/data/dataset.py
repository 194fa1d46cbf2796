"""A data set as it is loaded: the examples, the user's own row names, and what a reader should know about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from empirical.data.data import Data
from longtail import philox
from longtail.core import ArgumentError, real
from longtail.core.shown import many, not_finite, table

NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")  # as pandas calls them


@dataclass(frozen=True)
class Dataset:
    """``data`` with a name; ``train_ids`` and ``test_ids`` are row names to carry through, where there are any; ``rows`` are
    examples to train and to test on in words, by number, for who looks at them.

    >>> from empirical import load
    >>> load("digits").balance.head(2).values.tolist()
    [['0', 151, 27], ['1', 151, 31]]
    """

    name: str
    data: Data
    train_ids: tuple[Any, ...] | None = field(default=None, repr=False)
    test_ids: tuple[Any, ...] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    truth: pd.DataFrame | None = field(default=None, repr=False)
    rows: tuple[Any, Any] | None = field(default=None, repr=False)

    def _repr_html_(self) -> str:
        """What there is, how many of each class, and what a reader should know."""
        parts = (("training", self.data.x_train, self.data.n), ("test", self.data.x_test, self.data.n_test))
        told = [(f"{name} examples", f"{count:,}, each {_kind(x)}") for name, x, count in parts if count]
        told += [("note", note) for note in self.notes]
        return table(self.name, told) + table("classes", self.balance.to_numpy().tolist(), ("class", "train", "test"))

    @property
    def balance(self) -> pd.DataFrame:
        """How many training and test examples each class has."""
        k = self.data.n_classes
        return pd.DataFrame(
            {
                "class": [str(c) for c in self.data.classes],
                "train": np.bincount(self.data.y_train, minlength=k),
                "test": np.bincount(self.data.y_test, minlength=k),
            }
        )

    @property
    def imbalance(self) -> str:
        """One line for a person: classes, the largest and smallest, and those that one side lacks."""
        balance = self.balance
        seen = balance[balance["train"] > 0]
        low, high = (seen.iloc[int(at)] for at in (seen["train"].argmin(), seen["train"].argmax()))
        span = f"from {low['train']} ({low['class']}) to {high['train']} ({high['class']}) examples"
        line = f"{many(len(seen), 'class')}, {span}"
        absent = balance[balance["train"] == 0]
        if len(absent):
            line += f"; never trained on: {', '.join(absent['class'][:5])}"
        return line


def _kind(x: Any) -> str:
    """What an example is.

    >>> _kind(np.zeros((2, 28, 28))), _kind(["a text"]), _kind(np.zeros((2, 5)))
    ('28 × 28 numbers', 'a text', '5 numbers')
    >>> _kind(pd.DataFrame({"age": [30, 41], "color": ["red", "blue"]}))
    '2 columns'
    """
    if hasattr(x, "columns"):  # of a data frame, which may hold words
        return many(len(x.columns), "column")
    shape = getattr(x, "shape", ())[1:]
    if shape:
        return f"{' × '.join(f'{side:,}' for side in shape)} numbers"
    return "a text" if isinstance(x[0], str) else type(x[0]).__name__


def encoded(argument: str, train: Any, test: Any) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[Any, ...]]:
    """Labels of both parts as indices into their sorted classes; what is not one label an example is refused.

    >>> train, test, classes = encoded("y", ["cat", "dog", "cat"], ["dog"])
    >>> train.tolist(), test.tolist(), classes
    ([0, 1, 0], [1], ('cat', 'dog'))
    """
    y, z = (np.asarray(v) for v in (train, test))
    for values in (y, z):
        if values.ndim == 0:
            raise ArgumentError(argument, "one label for all", "give one for each example")
        if values.ndim == 2 and values.shape[1] == 1:
            continue
        nested = values.dtype == object and any(isinstance(v, (list, tuple, set, np.ndarray)) for v in values.flat)
        if values.ndim != 1 or nested:
            raise ArgumentError(
                argument,
                f"{values.shape[1] if values.ndim > 1 else 'several'} labels an example",
                "give one label each: memorization asks whether a prediction is right, which several labels leave open",
            )
    y, z = y.reshape(-1), z.reshape(-1)
    both = pd.Series(np.concatenate([y, z]) if y.dtype == z.dtype else [*y, *z])
    if both.isna().any():
        raise ArgumentError(argument, many(int(both.isna().sum()), "missing label"), "label every example or drop it")
    if pd.api.types.infer_dtype(both) in NUMBERS:  # by the values, which may be objects
        numbers = pd.to_numeric(both)
        whole = bool((numbers % 1 == 0).all())
        if not whole or (numbers.nunique() > 50 and numbers.nunique() > len(numbers) / 4):
            raise ArgumentError(
                argument,
                f"{numbers.nunique()} different numbers",
                "a quantity is not a class, and regression has no right or wrong prediction; bin it first",
            )
        most = 2**53 if numbers.dtype.kind == "f" else 2**63 - 1
        if bool(((numbers > most) | (numbers < -most)).any()):
            raise ArgumentError(argument, f"labels up to {numbers.abs().max():g}", "number classes by smaller numbers")
        both = numbers.astype(np.int64)
    classes, code = np.unique(both.astype(str) if both.dtype == object else both.to_numpy(), return_inverse=True)
    seen, tested = np.unique(code[: len(y)]), np.unique(code[len(y) :])
    if seen.size and tested.size and not np.isin(tested, seen).any():
        shown = [", ".join(map(str, classes[some[:5]])) for some in (tested, seen)]
        raise ArgumentError(
            argument,
            f"labels {shown[0]} to test on, {shown[1]} to train on",
            "no prediction could be right: test on classes that are trained on, written alike",
        )
    return code[: len(y)].astype(np.int64), code[len(y) :].astype(np.int64), tuple(classes.tolist())


def one_each(argument: str, given: Any, n: int) -> None:
    """Refuse names (``..._ids``) or labels, if there are any, that are not one for each of n examples.

    >>> one_each("train_ids", ["a", "b"], 2)
    >>> one_each("train_ids", ["a", "b"], 3)
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: train_ids: got 2 names; give one for each of the 3 examples
    """
    if given is None:
        return
    kind = "names" if argument.endswith("_ids") else "labels"
    shape = np.shape(given) if isinstance(given, np.ndarray) else np.asarray(given, dtype=object).shape[:1]
    if shape[:1] != (n,) or (kind == "names" and len(shape) > 1):  # ``encoded`` has a word for several labels
        got = many(shape[0], kind.removesuffix("s")) if len(shape) == 1 else f"{kind} of shape {shape}"
        raise ArgumentError(argument, got, f"give one for each of the {n} examples")


def split(n: int, test_fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers to train on and to test on, each ascending; a function of (n, fraction, seed) alone.

    >>> [part.size for part in split(10, 0.2, 0)]
    [8, 2]
    """
    share = real("test_fraction", test_fraction, 0, 1, open_low=True, open_high=True)
    held = round(share * n)
    if not 0 < held < n:
        raise ArgumentError(
            "test_fraction", test_fraction, f"{held} of {n} rows would be tested on; some must be, not all"
        )
    keys = philox.uniforms(seed, philox.substream(philox.RESAMPLE, 1), 0, 0, n)
    order = np.argsort(keys, kind="stable")
    return np.sort(order[held:]), np.sort(order[:held])


def finite(argument: str, x: Any) -> None:
    """Refuse features that are NaN or infinite.

    >>> finite("X", np.array([1.0, np.nan]))
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: X: got 1 value that is NaN or infinite (first in row 1); drop or fill them first
    """
    values = np.asarray(x)
    if values.dtype.kind == "f":
        bad = unusable(values)
        if bad.any():
            row = int(np.argwhere(bad)[0][0])
            got = f"{not_finite(int(bad.sum()))} (first in row {row})"
            raise ArgumentError(argument, got, "drop or fill them first")


def unusable(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where numbers are NaN, infinite, or would be as float32, which learners take.

    >>> unusable(np.array([1.0, np.nan, 1e39])).tolist()
    [False, True, True]
    """
    return np.asarray(~(np.abs(values) <= np.finfo(np.float32).max))
