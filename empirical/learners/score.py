"""What may be kept of a prediction: whether it was right, the class that it is, the probability of the true label, its margin,
or its loss; or the probabilities of all classes.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from longtail.core import ArgumentError

Score = Literal["correct", "predicted", "probability", "margin", "loss", "probabilities"]
SCORES: tuple[Score, ...] = ("correct", "predicted", "probability", "margin", "loss")  # one number an example
BY_CLASS = ("predicted", "probabilities")  # which say nothing of labels: with these they say who was right
MOST = 2**16  # classes that two bytes tell apart
Floats32 = NDArray[np.float32]


def class_type(classes: int) -> np.dtype[Any]:
    """A byte for the number of a class, or two.

    >>> class_type(256), class_type(257)
    (dtype('uint8'), dtype('uint16'))
    """
    if classes > MOST:
        raise ArgumentError(
            "score", f"predicted, of {classes:,} classes", f"two bytes tell {MOST:,} apart: give correct"
        )
    return np.dtype(np.uint8 if classes <= 2**8 else np.uint16)


def empty(score: Score, shape: tuple[int, ...], classes: int) -> NDArray[Any]:
    """Room of that ``shape`` for the scores of models and examples: booleans, numbers of classes, float32, or float32 for each of
    so many ``classes``.

    >>> empty("predicted", (2, 3), classes=10).dtype, empty("probabilities", (2, 3), classes=10).shape
    (dtype('uint8'), (2, 3, 10))
    """
    if score == "probabilities":
        return np.empty((*shape, classes), np.float32)
    if score == "predicted":
        return np.empty(shape, class_type(classes))
    return np.empty(shape, bool if score == "correct" else np.float32)
