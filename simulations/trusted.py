"""How far estimates of memorization in 0/1 can be trusted where labels are flipped: bias, and what 95 % intervals hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.stats import t as student

from empirical.data.data import Data
from empirical.data.relabeled import Relabeled
from empirical.designs import Fixed
from empirical.dynamics.net import Net
from empirical.dynamics.scores import joined, scored
from empirical.dynamics.training import Trainer
from empirical.estimates.memorization import memorization
from empirical.learners.learner import Learner
from empirical.standins.subsets import Subsets
from empirical.training.job import Job
from empirical.training.run import run as train
from longtail.core import Floats


def trusted(
    noisy: Relabeled, net: Learner, models: tuple[int, ...], masked: Mapping[str, tuple[Net, int]], many: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Of the subset estimator from so many ``models`` each, and of ``masked`` nets by name and number, held against ``many``
    other models: bias over examples, and the share of them whose interval holds the reference, widened by its own, on clean
    examples and on flipped ones.
    """
    truth = memorization(train(Job(noisy.data, net, Fixed(0.7), seed + 1), many))
    value, unsure = (part.to_numpy(float) for part in (truth["memorization"], (truth["high"] - truth["low"]) / 2))
    for standin, count, (estimate, low, high) in _with_intervals(noisy.data, net, models, masked, seed):
        apart = estimate - value
        width = np.where(apart > 0, estimate - low, high - estimate)
        held = np.abs(apart) <= np.hypot(width, unsure)
        for side, some in (("clean", ~noisy.changed), ("flipped", noisy.changed)):
            known = some & np.isfinite(apart) & np.isfinite(unsure)
            for measure, one in ((f"bias, {side}", apart), (f"held, {side}", held.astype(float))):
                error = float(one[known].std(ddof=1) / np.sqrt(known.sum()))
                row = {"standin": standin, "models": count, "measure": measure}
                yield {**row, "value": float(one[known].mean()), "stderr": error}


def _with_intervals(
    data: Data, net: Learner, models: tuple[int, ...], masked: Mapping[str, tuple[Net, int]], seed: int
) -> Iterator[tuple[str, int, Floats]]:
    """Estimates with the bounds of their 95 % intervals, (3, n); those of masked nets by Student's t over nets."""
    for count in models:
        table = memorization(train(Job(data, net, Fixed(0.7), seed), count))
        yield Subsets.name, count, table[["memorization", "low", "high"]].to_numpy(float).T
    for name, (one, count) in masked.items():
        trainer = Trainer.of(one, data)
        scores = joined([scored(trainer, data, seed + k, (one.epochs,))[0] for k in range(count)])
        value, stderr = (part[0] for part in scores.memorization("correct"))
        width = student.ppf(0.975, count - 1) * stderr
        yield name, count, np.array([value, value - width, value + width])
