"""The whole estimator on digits: drawing subsets, training nearest neighbors, estimates; the answer is a dense oracle's."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.alternating import FULL, Side, alternate
from empirical.data.examples import Examples
from empirical.data.load import load
from empirical.designs import Fixed
from empirical.estimates.influence import influence, influence_pairs
from empirical.estimates.measure import measure
from empirical.estimates.memorization import memorization
from empirical.estimates.pairing import Pairing
from empirical.learners import KNN
from empirical.training.job import Job
from empirical.training.run import run

TRIALS = 2000 if FULL else 256


def test_whole_estimate(benchmark: Any) -> None:
    data = load("digits").data
    job = Job(data, KNN(), Fixed(0.7))
    trials = run(job, TRIALS)
    value = influence(trials, slice(0, data.n_test))
    wanted = ((value >= 0.15) & (data.y_train[:, None] == data.y_test)).sum()
    assert len(influence_pairs(trials, Pairing(data.y_train, data.y_test))) == wanted > 0
    numbers = np.arange(TRIALS)
    alternate(
        f"digits, {TRIALS} models of nearest neighbors, seconds a model",
        [
            Side("train and estimate", lambda: measure(run(job, TRIALS), Examples(data.y_train, data.y_test)), TRIALS),
            Side("  subsets alone", lambda: job.design.subsets(0, numbers, data.n), TRIALS),
            Side("  subsets and training", lambda: run(job, TRIALS), TRIALS),
            Side("  memorization alone", lambda: memorization(trials, data.y_train), TRIALS),
            Side("  pairs alone", lambda: influence_pairs(trials, Pairing(data.y_train, data.y_test)), TRIALS),
        ],
    )
    benchmark.pedantic(lambda: measure(run(job, TRIALS), Examples(data.y_train, data.y_test)), rounds=1)
