"""Test examples that nearly stand in the training set: as near as training examples hardly ever are to each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.data.sources.text import tfidf
from longtail.core import Bools, Floats, Integers

TWIN = 0.25  # of the usual distance of a training example to its nearest other: nearer are twins
SAMPLE = 1000  # training examples whose distances say what is usual
MOST = 3e10  # products that a search for twins may take
APART = 0.1  # of all words of two texts those that one of them lacks, at the most, where they are twins
NEAR = 0.05  # quantile of the distances of training examples to their nearest other
BLOCK = 1024


def near_duplicates(data: Data, quantile: float = NEAR) -> Bools:
    """Test examples whose nearest training example is as near as the nearest twentieth of training examples are.

    Texts are compared by their words (``said_alike``), whatever ``quantile`` is; of what is neither numbers nor
    texts none is known to be one.

    >>> from empirical import load
    >>> int(near_duplicates(load("digits").data).sum())
    12
    """
    found = _compared(data)
    if found is None:
        return np.zeros(data.n_test, bool)
    x, z = found
    if (texts := texts_of(data)) is not None:
        near = np.zeros(data.n_test, bool)
        near[said_alike(*texts, _distances(z, x)[1])["test_index"].to_numpy(np.int64)] = True
        return near
    among = nearest(x, x, own=True)
    return np.asarray(nearest(z, x) <= np.quantile(among, quantile))


@dataclass(frozen=True)
class Twins:
    """What was found, test_index, train_index and distance, nearest first: None where nothing was looked for, because examples
    cannot be compared (``products`` is 0) or because it would take so many products. ``by_words``: they are texts, and were found
    by ``said_alike``.

    >>> Twins(products=4.7e11).table is None
    True
    """

    table: pd.DataFrame | None = field(default=None, repr=False)
    products: float = 0.0
    by_words: bool = False


def words_apart(a: str, b: str) -> float:
    """Of all different words of two texts the share that one of them lacks: 1 − |A ∩ B| / |A ∪ B|, case and punctuation aside.

    >>> words_apart("Who was Monet ?", "who was Galileo"), words_apart("Who ?", "who")
    (0.5, 0.0)
    """
    mine, other = (frozenset(re.findall(r"\w+", text.lower())) for text in (a, b))
    return 1 - len(mine & other) / max(len(mine | other), 1)


def said_alike(train: Sequence[str], test: Sequence[str], at: Integers) -> pd.DataFrame:
    """Test texts with the words of a training text (distance 0, case and punctuation aside), or with at least nine tenths of both
    texts' different words in common; ``at`` is the nearest training text of each by TF-IDF, which has the commonest words only,
    and takes texts for one that differ in others. Of training texts with the same words it is the very same one, else the first.

    >>> said_alike(["Who was Monet ?"], ["who was Monet", "Who was Galileo ?"], np.array([0, 0]))[["test_index", "distance"]]
       test_index  distance
    0           0       0.0
    """
    own = [tuple(re.findall(r"\w+", text.lower())) for text in train]
    exact, first, bags = dict[str, int](), dict[tuple[str, ...], int](), dict[frozenset[str], int]()
    for i, said in enumerate(own):
        exact.setdefault(train[i], i)
        first.setdefault(said, i)
        bags.setdefault(frozenset(said), i)
    rows: list[tuple[int, int, float]] = []
    for j, text in enumerate(test):
        said = tuple(re.findall(r"\w+", text.lower()))
        if said in first:
            rows.append((j, exact.get(text, first[said]), 0.0))
            continue
        mine = frozenset(said)
        near = bags.get(mine, int(at[j]))  # the same in another order, or what TF-IDF finds
        apart = words_apart(text, train[near])
        if apart <= APART:
            rows.append((j, near, max(apart, 1 / len(said))))
    rows.sort(key=lambda row: row[2])
    return pd.DataFrame(rows, columns=["test_index", "train_index", "distance"])


def twins(data: Data, near: float = TWIN, *, most: float | None = None) -> Twins:
    """Test examples and the training example nearest to each, where their distance is at most ``near`` of the usual one, the
    median distance of training examples to their nearest other. Looked for where that takes ``most`` products (3e10, seconds)
    or less: (q + min(n, 1000)) n d of them, for q tests and n training examples of d numbers. Texts are compared by their words
    (``said_alike``), of which nine tenths are to be common whatever ``near`` is.

    >>> from empirical import load
    >>> found = twins(load("digits").data)
    >>> len(found.table), found.products
    (0, 124512000.0)
    """
    found = _compared(data) if data.n_test else None
    if found is None:
        return Twins()
    x, z = found
    products = (data.n_test + min(data.n, SAMPLE)) * float(data.n) * x.shape[1]
    if products > (MOST if most is None else most):
        return Twins(products=products)
    if (texts := texts_of(data)) is not None:
        return Twins(said_alike(*texts, _distances(z, x)[1]), products, by_words=True)
    some = np.unique(np.linspace(0, data.n - 1, min(data.n, SAMPLE)).astype(int))
    usual = np.median(_distances(x[some], x, some)[0])
    distance, at = _distances(z, x)
    kept = np.flatnonzero(distance <= near * usual)
    order = kept[np.argsort(distance[kept], kind="stable")]
    table = pd.DataFrame({"test_index": order, "train_index": at[order], "distance": distance[order]})
    return Twins(table, products)


def texts_of(data: Data) -> tuple[Sequence[str], Sequence[str]] | None:
    """Examples to train and to test on as texts, where they are texts.

    >>> y = np.array([0])
    >>> texts_of(Data(["a text"], y, ["another"], y, ("x",)))
    (['a text'], ['another'])
    """
    if data.texts is not None:
        return list(data.texts[0]), list(data.texts[1])
    x = data.x_train
    return (list(x), list(data.x_test)) if isinstance(x, (list, np.ndarray)) and isinstance(x[0], str) else None


def _compared(data: Data) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Rows of numbers of both parts, of texts by TF-IDF; None of anything else."""
    x, z = data.x_train, data.x_test
    try:
        if isinstance(x, (list, np.ndarray)) and isinstance(x[0], str):
            x, z = tfidf(list(x), list(z))
        x, z = (np.asarray(part, np.float32).reshape(len(part), -1) for part in (x, z))
    except (TypeError, ValueError):
        return None
    return None if np.isnan(x).any() or np.isnan(z).any() else (x, z)


def nearest(z: NDArray[Any], x: NDArray[Any], own: bool = False) -> Floats:
    """Euclidean distance of each row of ``z`` to the nearest of ``x``; with ``own`` the rows are the same and not their own.

    >>> x = np.array([[0.0, 0], [3, 4], [3, 5]])
    >>> nearest(np.array([[0.0, 1]]), x).tolist(), nearest(x, x, own=True).tolist()
    ([1.0], [5.0, 1.0, 1.0])
    """
    return _distances(z, x, np.arange(len(x)) if own else None)[0]


def _distances(z: NDArray[Any], x: NDArray[Any], own: Integers | None = None) -> tuple[Floats, Integers]:
    """The same, and which row of ``x`` it is; ``own``: the rows of ``x`` that those of ``z`` are, and are not
    their own nearest.
    """
    square = (x**2).sum(1)
    out, which = np.empty(len(z)), np.empty(len(z), np.int64)
    for start in range(0, len(z), BLOCK):
        block = z[start : start + BLOCK]
        distance = square - 2 * (block @ x.T)
        if own is not None:
            rows = np.arange(len(block))
            distance[rows, own[start + rows]] = np.inf
        at = distance.argmin(1)
        out[start : start + BLOCK] = np.sqrt(((block - x[at]) ** 2).sum(1))
        which[start : start + BLOCK] = at
    return out, which
