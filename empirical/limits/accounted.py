"""What the accountant says of a run's learner, found again by its record."""

from __future__ import annotations

import logging

from empirical.estimates.measured import Experiment
from empirical.learners.private.accountant import Privacy
from empirical.limits.arms import privacy_of
from longtail.core import ArgumentError

log = logging.getLogger("empirical")


def accounted(how: Experiment, n: int) -> Privacy | None:
    """Of models trained on the run's share of ``n`` examples; None of a learner that is not private, or not known.

    >>> accounted(Experiment("digits", n_test=297, models=100, fraction=0.7, learner="KNN(k=1)"), n=1500) is None
    True
    >>> accounted(Experiment("digits", 297, 100, 0.7, 10, learner="PrivateRidge(epsilon=2.0, delta=0.0)"), n=1500).epsilon
    2.0
    """
    try:
        return privacy_of(how.taught(), round(how.fraction * n), how.n_classes or 2)
    except ArgumentError as error:
        log.info("no accountant's ε: %s", error)
        return None
