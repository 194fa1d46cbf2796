"""Recovery and accuracy side by side as training goes on: the published plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from empirical.irrelevant.learners import Trained
from empirical.irrelevant.recovery import PARTS, Told, accuracies, check, compared
from longtail.core import ArgumentError, Moments, whole
from longtail.irrelevant.attacks import Attack
from longtail.irrelevant.tasks import Clusters

if TYPE_CHECKING:
    import pandas as pd


def course(
    task: Clusters,
    learner: Trained,
    attack: Attack,
    n: int,
    steps: Sequence[int],
    repeats: int = 1,
    seed: int = 0,
    told: Told | None = None,
) -> pd.DataFrame:
    """A row a repeat and step: share of bits recovered of all singletons, by part, with its error over them, and accuracies.

    A model after so many steps is the learner's own of as many: its rate does not go by where training ends.

    >>> from empirical.irrelevant.learners import Softmax
    >>> from longtail.irrelevant.attacks import Signs
    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> table = course(Hypercube(Uniform(size=10), 200, 0.4), Softmax(), Signs(), n=10, steps=[1, 20])
    >>> table["step"].tolist(), bool(table["recovered"].iloc[-1] > 0.9)
    ([1, 20], True)
    """
    import pandas as pd

    if not isinstance(learner, Trained):
        raise ArgumentError("learner", repr(learner), "it is not trained by steps: give softmax or mlp")
    check(task, learner, attack, n, seed)
    wanted = sorted({whole("steps", step, 0) for step in steps})
    rows = []
    for number in range(whole("repeats", repeats, 1, 10**6)):
        sample = task.draw(n, seed, number)
        own = sample.label[sample.population.alone]
        asked = own[own.argsort()]
        for step, model in zip(wanted, learner.at(sample, wanted, seed), strict=True):
            said = attack.recover(model, asked, task.dimension, seed, number)
            counts = compared(sample, asked, said, PARTS[:3])
            rates: dict[str, float] = {}
            for part in PARTS[:3]:
                by = Moments.of(np.stack([counts[f"{part}_right"], counts[f"{part}_bits"]], axis=1)).ratio(
                    (1, 0), (0, 1)
                )
                rates |= {part: by.value, f"{part}_stderr": by.stderr}
            rows.append({"repeat": number, "step": step} | rates | accuracies(task, model, sample, n, seed))
            if told is not None:
                told(step)
    return pd.DataFrame(rows)
