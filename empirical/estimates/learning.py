"""The learning curve: test error of models that trained on a share r of the examples, and of others that trained on half as many.

    error(r) = mean over models and test examples of 1[wrong],

with two errors, of models and of test examples. Models are independent; of arrays, whole arrays are. Test examples are the same
at each share: the covariance over them of the shares of models that are wrong, over n_test, where on the diagonal the variance
that models give to it, the mean of p(1 − p)/(t − 1), is taken off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from empirical.estimates.memorization import slices
from empirical.estimates.totals import left_out, scores
from empirical.training.columns import Bits
from empirical.training.trials import Trials
from longtail.core import ArgumentError, Estimate, Floats

if TYPE_CHECKING:
    import pandas as pd

PART = 10  # the second design has one model in so many


@dataclass(frozen=True)
class Learning:
    """At each ``fraction`` of ``n`` training examples: how many ``models``, their test ``error``, its ``stderr`` over models, and
    over test examples the covariance of all of them.

    >>> masks = np.eye(4, dtype=bool)
    >>> whole, half = (Trials.of(masks, masks, [[1, k], [1, 1], [0, k], [1, 1]]) for k in (1, 0))
    >>> learning([(whole, 0.5), (half, 0.25)]).gain.value  # errors of 1/8 and 3/8
    0.25
    """

    n: int
    fraction: Floats
    models: Floats
    error: Floats
    stderr: Floats
    covariance_tests: Floats = field(repr=False)

    @property
    def stderr_tests(self) -> Floats:
        """Over test examples."""
        return np.sqrt(np.maximum(np.diag(self.covariance_tests), 0.0))

    @property
    def gain(self) -> Estimate:
        """By how much less models err at the first share than at the last, on the same test examples; NaN of one share."""
        if len(self.error) < 2:
            return Estimate(float("nan"), float("nan"))
        tests = self.covariance_tests
        apart = max(float(tests[0, 0] + tests[-1, -1] - 2 * tests[0, -1]), 0.0)
        error = np.sqrt(self.stderr[0] ** 2 + self.stderr[-1] ** 2 + apart)
        return Estimate(float(self.error[-1] - self.error[0]), float(error))

    @property
    def table(self) -> pd.DataFrame:
        """One row a share: fraction, samples, models, error, stderr, stderr_tests."""
        import pandas as pd

        columns = {"fraction": self.fraction, "samples": self.fraction * self.n, "models": self.models}
        columns |= {"error": self.error, "stderr": self.stderr, "stderr_tests": self.stderr_tests}
        return pd.DataFrame(columns)


def learning(parts: Sequence[tuple[Trials | Bits, float]]) -> Learning:
    """From trials and the share of examples that each was trained on, the run's own first; others by halves of it.

    >>> masks = np.eye(4, dtype=bool)
    >>> whole, half = (Trials.of(masks, masks, [[1, k], [1, 1], [0, k], [1, 1]]) for k in (1, 0))
    >>> found = learning([(whole, 0.5), (half, 0.25)])
    >>> found.fraction.tolist(), found.error.tolist()
    ([0.5, 0.25], [0.125, 0.375])
    """
    rows, wrong = [], []
    for trials, fraction in parts:
        if trials.score != "correct":
            raise ArgumentError("score", trials.score, "an error is read off right and wrong; estimate --score correct")
        rows.append((fraction, trials.count, *_error(trials)))
        wrong.append(1 - np.concatenate([trials.test_scores(s).mean(0) for s in slices(trials.n_test)]))
    tests = len(wrong[0])
    p = np.array(wrong)
    covariance = np.cov(p, ddof=1).reshape(len(p), -1) if tests > 1 else np.full((len(p), len(p)), np.nan)
    fraction, models, error, stderr = np.array(rows, float).T
    covariance[np.diag_indices(len(p))] -= (p * (1 - p)).mean(1) / np.maximum(models - 1, 1)
    return Learning(parts[0][0].n, fraction, models, error, stderr, covariance / tests)


def _error(trials: Trials | Bits) -> tuple[float, float]:
    """Mean and standard error over models; over arrays where there are some."""
    wrong = 1 - scores(trials)
    groups = left_out(trials)
    if groups.max() > 0:
        wrong = np.bincount(groups, wrong) / np.bincount(groups)
    return float(wrong.mean()), float(wrong.std(ddof=1) / np.sqrt(len(wrong)))
