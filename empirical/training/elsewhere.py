"""Models trained elsewhere: who was in, who was predicted right, and as far as they are known labels and names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from empirical.data.dataset import encoded, one_each
from empirical.data.examples import Examples
from empirical.training.trials import Trials, enough
from longtail.core import ArgumentError

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
    """
    trials = enough(Trials.of(masks, correct_train, correct_test, score=score))
    given = {name: parts.get(name) for name in OPTIONAL}
    if given["y_train"] is None and given["y_test"] is not None:
        raise ArgumentError(y, None, "give the labels of the training examples too, or no y_test")
    for name, value in given.items():
        one_each(y if name == "y_train" else name, value, trials.n if "train" in name else trials.n_test)
    ids = {name: None if given[name] is None else tuple(_items(given[name])) for name in ("train_ids", "test_ids")}
    if given["y_train"] is None:
        return trials, Examples(**ids)
    told = np.asarray(given["y_train"])
    a, b, classes = encoded(f"{y}, y_test", told, told[:0] if given["y_test"] is None else given["y_test"])
    return trials, Examples(a, None if given["y_test"] is None else b, classes, **ids)


def _items(names: Any) -> list[Any]:
    return names.tolist() if isinstance(names, np.ndarray) else list(names)
