"""Training in the array namespace of a GPU: each learner's oracle, a fixed number of trials at a time.

Blocks are padded to one shape with copies of a subset, and a trial has a place of its own in them, so that its rounding
does not depend on its batch (``empirical.learners.shared.places``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.learners.learner import Trainer
from empirical.learners.score import Score
from empirical.learners.shared.places import seated
from empirical.learners.shared.scores import scored
from longtail.core import Bools
from longtail.core.arrays import Device

Outputs = Callable[[Any, Bools, NDArray[np.int64]], Any]
OutputsAt = Callable[[Any, Bools, NDArray[np.int64], Sequence[int]], Iterable[Any]]
MOST = 64  # trials a block: a shard of the default size
ROOM = 2**29  # numbers a block may hold: 2 GB in float32


@dataclass(frozen=True)
class Batched(Trainer):
    """``outputs(xp, masks, trials)`` gives decision values (t, rows, K) as arrays of namespace ``xp``; ``outputs_at(xp, masks,
    trials, epochs)``, where models are trained by epochs, those after each.
    """

    device: Device
    outputs: Outputs
    score: Score
    data: Data
    batch: int = 1
    outputs_at: OutputsAt | None = None

    @classmethod
    def of(
        cls,
        device: Device,
        outputs: Outputs,
        score: Score,
        data: Data,
        numbers: int,
        outputs_at: OutputsAt | None = None,
    ) -> Batched:
        """With as many trials a block as fit, each taking ``numbers`` numbers: a shard's, or an even part of one."""
        fits = max(1, min(MOST, ROOM // numbers))
        return cls(device, outputs, score, data, 2 ** (fits.bit_length() - 1), outputs_at)

    def fill(self, masks: Bools, trials: NDArray[np.int64], present: Bools, scores: NDArray[Any]) -> None:
        self._fill(masks, trials, present, lambda xp, m, k: [self.outputs(xp, m, k)], scores[None])

    def fill_at(
        self, masks: Bools, trials: NDArray[np.int64], present: Bools, epochs: Sequence[int], scores: NDArray[Any]
    ) -> None:
        outputs_at = self.outputs_at
        if outputs_at is None:
            super().fill_at(masks, trials, present, epochs, scores)
        else:
            self._fill(masks, trials, present, lambda xp, m, k: outputs_at(xp, m, k, epochs), scores)

    def _fill(
        self,
        masks: Bools,
        trials: NDArray[np.int64],
        present: Bools,
        outputs: Callable[[Any, Bools, NDArray[np.int64]], Iterable[Any]],
        scores: NDArray[Any],
    ) -> None:
        xp = array_namespace(self.device.xp.asarray([0.0]))
        labels = xp.asarray(np.append(self.data.y_train, self.data.y_test))
        for rows, places in seated(trials, self.batch):
            own = np.arange(len(masks))[rows]
            some = np.full(self.batch, own[0])
            some[places] = own
            for values, out in zip(outputs(xp, masks[some], trials[some]), scores, strict=True):
                found = scored(values, xp.asarray(present[some]), labels, self.score)
                host = found.get() if hasattr(found, "get") else np.asarray(found)
                out[rows] = host[places]
