"""Whether a learner is better than always saying the class that most training examples have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from longtail.core.intervals import Z95
from longtail.core.shown import many

if TYPE_CHECKING:
    from empirical.data.dataset import Dataset
    from empirical.estimates.measured import Measured


def no_better(found: Measured, dataset: Dataset | None = None) -> str:
    """A word where the learner is no better than always saying the class that most training examples have; else nothing.

    That share is counted among test examples where they are known, else among training examples.
    """
    if not knows(found):
        return ""
    if dataset is not None and len(dataset.data.y_test):
        most = int(np.bincount(dataset.data.y_train).argmax())
        share, name = float((dataset.data.y_test == most).mean()), str(dataset.data.classes[most])
    elif "label" in found.memorization and found.n:
        counts = found.memorization["label"].value_counts(normalize=True)
        share, name = float(counts.iloc[0]), str(counts.index[0])
    else:
        return ""
    error = np.sqrt(share * (1 - share) / found.experiment.n_test)
    if found.test_accuracy > share + Z95 * error:
        return ""
    tests = many(found.experiment.n_test, "test example")
    surely = found.test_accuracy <= share
    return (
        f"This learner is {'no better than' if surely else 'not told from'} always saying {name}: right on "
        f"{100 * found.test_accuracy:.3g} % of {tests}, where that is right on {100 * share:.3g} %. What it memorizes then says "
        f"little of the data: try another learner, or more data{'' if surely else ' to train or to test on'}."
    )


def knows(found: Measured) -> bool:
    """Whether it is known how often models are right on test examples."""
    return (
        found.experiment.score == "correct" and bool(np.isfinite(found.test_accuracy)) and found.experiment.n_test > 0
    )
