"""Models trained elsewhere: who was in, who was predicted right, and as far as they are known labels and names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from empirical.data.dataset import encoded, one_each
from empirical.data.examples import Examples
from empirical.learners.score import SCORES
from empirical.training.trials import Trials, enough
from longtail.core import ArgumentError, instance

NEEDED = ("masks", "correct_train", "correct_test")
OPTIONAL = ("y_train", "y_test", "train_ids", "test_ids")


def outside(
    masks: Any,
    correct_train: Any,
    correct_test: Any,
    *,
    score: str = "correct",
    parts: Mapping[str, Any],
    y: str = "y_train",
) -> tuple[Trials, Examples]:
    """Trials and examples of two models or more. ``parts`` may hold y_train, y_test, train_ids and test_ids; the labels of
    training examples go by the name ``y`` in what an error says.

    >>> masks, train, test = [[1, 0], [0, 1], [1, 1]], [[1, 0], [1, 1], [1, 1]], [[1], [0], [1]]
    >>> trials, examples = outside(masks, train, test, parts={"y_train": ["cat", "dog"], "train_ids": ["tom", "rex"]})
    >>> trials.count, examples.classes, examples.train_ids
    (3, ('cat', 'dog'), ('tom', 'rex'))
    """
    instance("score", score, str, f"give one of {', '.join(SCORES)}")
    if score == "predicted":
        return _by_labels(masks, correct_train, correct_test, parts, y)
    trials = enough(Trials.of(masks, correct_train, correct_test, score=score))
    given = {name: parts.get(name) for name in OPTIONAL}
    if given["y_train"] is None and given["y_test"] is not None:
        raise ArgumentError(y, None, "give the labels of the training examples too, or no y_test")
    return trials, _examples(given, trials.n, trials.n_test, y)


def _examples(given: Mapping[str, Any], n: int, n_test: int, y: str) -> Examples:
    """Who the examples are, as far as it was given."""
    for name, value in given.items():
        one_each(y if name == "y_train" else name, value, n if "train" in name else n_test)
    ids = {name: None if given[name] is None else tuple(_items(given[name])) for name in ("train_ids", "test_ids")}
    if given["y_train"] is None:
        return Examples(**ids)
    told = np.asarray(given["y_train"])
    a, b, classes = encoded(f"{y}, y_test", told, told[:0] if given["y_test"] is None else given["y_test"])
    return Examples(a, None if given["y_test"] is None else b, classes, **ids)


def _by_labels(masks: Any, train: Any, test: Any, parts: Mapping[str, Any], y: str) -> tuple[Trials, Examples]:
    """Predictions that are the user's own labels, as numbers of classes; with labels, else who is right is not known."""
    given = {name: parts.get(name) for name in OPTIONAL}
    for name in ("y_train", "y_test"):
        if given[name] is None:
            raise ArgumentError(y if name == "y_train" else name, None, "give labels: of classes alone none is right")
    a, b = (np.asarray(v) for v in (train, test))
    if a.ndim != 2 or b.ndim != 2:
        raise ArgumentError("correct_train", f"shapes {a.shape}, {b.shape}", "give a row of predictions for each mask")
    known = _examples(given, a.shape[1], b.shape[1], y)
    place = {label: k for k, label in enumerate(known.classes or ())}
    found = [np.array([place.get(one, -1) for one in v.ravel().tolist()], np.int64).reshape(v.shape) for v in (a, b)]
    for name, at, v in zip(("correct_train", "correct_test"), found, (a, b), strict=True):
        if (at < 0).any():
            raise ArgumentError(name, f"a prediction {v[at < 0][0]!s}", "predict labels that are in y or y_test")
    return enough(Trials.of(masks, *found, score="predicted")), known


def _items(names: Any) -> list[Any]:
    return names.tolist() if isinstance(names, np.ndarray) else list(names)
