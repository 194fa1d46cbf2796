"""Which labels are likely wrong: what is asked of a fitted estimator."""

from __future__ import annotations

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from empirical.estimates.issues import issues
from empirical.estimates.suspects import suspects
from empirical.fitted.fitted import Fitted
from longtail.core import ArgumentError


class NotKept(ArgumentError, AttributeError):
    """What a run with another score would have: an attribute that is not there, to whoever lists attributes."""


class Labels(Fitted):
    """Training examples whose labels models that did not see them speak against."""

    @property
    def label_issues_(self) -> pd.DataFrame:
        """Training examples ranked by the chance that their label is wrong (``empirical.estimates.issues``); models must have
        kept classes: ``scoring="predicted"``, or better "probabilities", where the learner gives them.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("digits").data
        >>> found = SubsetEstimator("mlp(64, epochs=10)", models=40, scoring="probabilities").fit(data.x_train, data.y_train)
        >>> found.label_issues_["chance"].is_monotonic_decreasing
        True
        """
        check_is_fitted(self, "trials_")
        if self.predicted_ is None:
            raise NotKept(
                "scoring", self.trials_.score, "classes tell wrong labels: use 'predicted' or 'probabilities'"
            )
        x = self.data_.x_train if hasattr(self, "data_") else None
        return issues(self.predicted_, self.examples_, x, seed=getattr(self, "random_state_", 0)).table

    @property
    def suspects_(self) -> pd.DataFrame:
        """Examples that most models which did not train on them get wrong, the worst first: 1 − out_accuracy is what tells a
        wrong label, whether models fit it (then it is memorized) or not (never right).

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train)
        >>> bool((found.suspects_["out_accuracy"] < 0.5).all())
        True
        """
        check_is_fitted(self, "trials_")
        if self.trials_.score != "correct":
            raise NotKept("scoring", self.trials_.score, "who is wrong is read off right and wrong: use 'correct'")
        return suspects(self.memorization_)
