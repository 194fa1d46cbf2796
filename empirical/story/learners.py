"""That real learners do: memorization and influence of every example by training on random subsets (Feldman & Zhang 2020)."""

from __future__ import annotations

import numpy as np

from empirical.data.data import Data
from empirical.data.examples import Examples
from empirical.designs import Fixed
from empirical.estimates import MEMORIZED, THRESHOLD
from empirical.estimates.measure import measure
from empirical.learners.learner import Learner
from empirical.story.act import Act
from empirical.training.job import Job
from empirical.training.run import run
from longtail.core import Estimate, Floats
from longtail.core.published import Finding, above

SHOWN = 12  # examples in the gallery
FRACTION = 0.7


def learners(data: Data, net: Learner, models: int, seed: int) -> Act:
    """The share of examples memorized, and the pairs in which one example carries one test example."""
    trials = run(Job(data, net, Fixed(FRACTION), seed), models)
    found = measure(trials, Examples(data.y_train, data.y_test, data.classes), published_rule=True)
    table, pairs = found.memorization, found.pairs
    value = table["memorization"].to_numpy(float)
    tests = pairs["test_index"].value_counts()
    false = 0.0 if found.trust is None else found.trust.false_pairs
    findings = (
        Finding(
            f"examples of memorization ≥ {MEMORIZED}",
            above(0.0, "some: 36.2 % of CIFAR-100", percent=True),
            share(value >= MEMORIZED),
        ),
        Finding(
            f"pairs of influence ≥ {THRESHOLD} with such an example, beyond those by chance",
            above(0.0, "some: 35 (MNIST), 1,015 (CIFAR-100)"),
            Estimate(len(pairs) - false, float(np.sqrt(max(len(pairs), 1)))),
        ),
        Finding(
            "test examples in them that hang on one training example alone",
            above(0.5, "most: 31 of 33 (MNIST), 774 of 888 (CIFAR-100)", percent=True),
            share(tests.to_numpy() == 1) if len(tests) else None,
        ),
    )
    says = (
        f"{models:,} nets, each trained on a random {100 * FRACTION:.0f} % of {data.n:,} handwritten digits. Memorization of an "
        "example: how much more often nets that trained on it are right on it than nets that did not."
    )
    order = np.argsort(-value, kind="stable")[:SHOWN]
    frames = {"memorization": table, "pairs": pairs, "most_memorized": table.iloc[order]}
    return Act("learners", "That real learners do", says, findings, frames)


def share(held: np.ndarray) -> Estimate:
    """The share of a sample for which something holds, with the error that Agresti and Coull give it."""
    n = len(held)
    near = (held.sum() + 2) / (n + 4)
    return Estimate(float(held.mean()), float(np.sqrt(near * (1 - near) / (n + 4))))


def memorized(act: Act) -> Floats:
    """Memorization of every example, which later acts go on from."""
    return act.frames["memorization"]["memorization"].to_numpy(float)
