"""Decision values read as a score, most of the true label; the same rules for every learner that has decision values.

- predicted: the class of the largest value, ties to the lower class;  correct: whether it is the label;
- margin: the label's value less the largest other;
- probability: softmax;  loss: −log of it, at most 87.3 (the logarithm of the least float32);
- probabilities: softmax, of every class.

A class that the subset lacks is never predicted, has probability 0, and ranks with the lowest class present in margins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from empirical.learners.score import BY_CLASS, Score
from longtail.core import Bools

LARGEST_LOSS = 87.3


def scored(values: Any, present: Any, labels: Any, score: Score) -> Any:
    """Scores (t, rows) of decision values (t, rows, K), in any array namespace, or (t, rows, K): the oracle of ``read``.

    ``present`` (t, K) says which classes a subset holds; ``labels`` (rows,) are the true ones.
    """
    xp = array_namespace(values, present, labels)
    held = xp.broadcast_to(xp.expand_dims(present, axis=1), values.shape)
    lowest = xp.min(xp.where(held, values, xp.inf), axis=2, keepdims=True)
    ranked = xp.where(held, values, -xp.inf)
    classes = xp.arange(values.shape[2], dtype=labels.dtype)
    own = xp.broadcast_to(xp.expand_dims(labels, axis=1) == classes, values.shape)
    if score in ("correct", "predicted"):
        largest = xp.astype(xp.argmax(ranked, axis=2), labels.dtype)
        return largest == labels if score == "correct" else largest
    if score == "probabilities":
        shares = xp.exp(ranked - xp.max(ranked, axis=2, keepdims=True))
        return shares / xp.sum(shares, axis=2, keepdims=True)
    mine = xp.sum(xp.where(own, xp.where(held, values, lowest), 0.0), axis=2)
    if score == "margin":
        rest = xp.max(xp.where(own, -xp.inf, ranked), axis=2)
        return mine - xp.where(xp.isinf(rest), mine, rest)  # one class only: nothing to be apart from
    high = xp.max(ranked, axis=2, keepdims=True)
    total = xp.sum(xp.exp(ranked - high), axis=2)
    there = xp.any(own & held, axis=2)
    loss = xp.where(there, xp.log(total) + high[:, :, 0] - mine, LARGEST_LOSS)
    if score == "loss":
        return xp.where(loss > LARGEST_LOSS, LARGEST_LOSS, loss)
    return xp.where(there, xp.exp(-loss), 0.0)


def held_classes(masks: Bools, labels: NDArray[np.int64], classes: int) -> Bools:
    """(t, K): whether a subset holds an example of the class."""
    from empirical.learners.shared import scores_cpu

    present = np.zeros((len(masks), classes), bool)
    order = np.argsort(labels, kind="stable")
    scores_cpu.held(masks, order, np.searchsorted(labels[order], np.arange(classes + 1)), present)
    return present


def read(
    values: NDArray[np.float32], present: Bools, labels: NDArray[np.int64], score: Score, out: NDArray[Any]
) -> None:
    """``scored`` for values (t, K, rows), the rows contiguous, into ``out`` (t, rows) or (t, rows, K): compiled."""
    from empirical.learners.shared import scores_cpu

    if score in BY_CLASS:
        (scores_cpu.predicted if score == "predicted" else scores_cpu.probabilities)(values, present, out)
        return
    {
        "correct": scores_cpu.correct,
        "margin": scores_cpu.margin,
        "loss": scores_cpu.loss,
        "probability": scores_cpu.probability,
    }[score](values, present, labels, out)
