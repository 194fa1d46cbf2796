"""Training in the array namespace of a GPU: each learner's oracle, a fixed number of trials at a time.

Blocks are padded to one shape with copies of a subset, and a trial has a place of its own in them, so that its rounding
does not depend on its batch (``empirical.learners.shared.places``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.learners.learner import Score, subsets
from empirical.learners.shared.places import seated
from empirical.learners.shared.scores import held_classes, scored
from longtail.core import Bools, arrays

Outputs = Callable[[Any, Bools, NDArray[np.int64]], Any]
MOST = 64  # trials a block: a shard of the default size
ROOM = 2**29  # numbers a block may hold: 2 GB in float32


@dataclass(frozen=True)
class Batched:
    """Trainer: ``outputs(xp, masks, trials)`` gives decision values (t, rows, K) as arrays of namespace ``xp``."""

    outputs: Outputs
    score: Score
    data: Data
    batch: int

    @classmethod
    def of(cls, outputs: Outputs, score: Score, data: Data, numbers: int) -> Batched:
        """With as many trials a block as fit, each taking ``numbers`` numbers: a shard's, or an even part of one."""
        fits = max(1, min(MOST, ROOM // numbers))
        return cls(outputs, score, data, 2 ** (fits.bit_length() - 1))

    def __call__(self, masks: Bools, trials: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
        masks, trials = subsets(masks, trials, self.data.n)
        device: Any = arrays.device("gpu")
        xp = array_namespace(device.xp.asarray([0.0]))
        labels = xp.asarray(np.append(self.data.y_train, self.data.y_test))
        scores = np.empty((len(masks), self.data.n + self.data.n_test), bool if self.score == "correct" else np.float32)
        for rows, places in seated(trials, self.batch):
            some = np.full(self.batch, rows[0])
            some[places] = rows
            present = xp.asarray(held_classes(masks[some], self.data.y_train, self.data.labels))
            found = scored(self.outputs(xp, masks[some], trials[some]), present, labels, self.score)
            host = found.get() if hasattr(found, "get") else np.asarray(found)
            scores[rows] = host[places]
        return scores[:, : self.data.n], scores[:, self.data.n :]
