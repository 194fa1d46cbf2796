"""The trials of an estimator that was fitted, and the memorization that they say."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from empirical.data.data import Data
from empirical.data.examples import Examples
from empirical.estimates.measured import Experiment
from empirical.estimates.memorization import memorization
from empirical.learners.learner import Learner
from empirical.learners.parameters import WithLearner
from empirical.learners.parse import parse_learner
from empirical.learners.score import BY_CLASS
from empirical.training.trials import Trials
from longtail.core import ArgumentError, arrays
from longtail.core.arrays import Device

P = ParamSpec("P")
OTHERS = {  # what the command and others call by another name
    "score": "scoring",
    "trials": "models",
    "n_models": "models",
    "n_estimators": "models",
    "seed": "random_state",
    "workers": "n_jobs",
    "estimator": "learner",
    "model": "learner",
    "out": "store",
}


@contextlib.contextmanager
def scoring() -> Iterator[None]:
    """What the command calls ``--score`` is ``scoring`` here, where scikit-learn's ``score`` is a method: errors say so."""
    try:
        yield
    except ArgumentError as error:
        if error.argument != "score":
            raise
        remedy = error.remedy.replace("estimate --score ", "fit with scoring ").replace("--score", "scoring")
        raise type(error)("scoring", error.shown, remedy) from error


def refuse_others(init: Callable[P, None]) -> Callable[P, None]:
    """An initializer that says what an option is called here which the command, or another library, calls by another name.

    >>> from empirical import SubsetEstimator
    >>> SubsetEstimator(score="margin")
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: score: got margin; it is called scoring here
    """
    known = tuple(inspect.signature(init).parameters)[1:]

    @functools.wraps(init)
    def checked(*args: P.args, **options: P.kwargs) -> None:
        for name, value in options.items():
            if name not in known:
                remedy = f"it is called {OTHERS[name]} here" if name in OTHERS else f"give one of {', '.join(known)}"
                raise ArgumentError(name, value, remedy)
        init(*args, **options)

    return checked


class Fitted(WithLearner):
    """``trials_`` of models and ``examples_`` they are of; ``data_`` where models were trained here; ``predicted_`` the trials
    by class, where models kept that.
    """

    device: str
    n_jobs: int | None
    trials_: Trials
    predicted_: Trials | None
    examples_: Examples
    experiment_: Experiment
    data_: Data
    classes_: tuple[Any, ...] | None
    memorization_: pd.DataFrame

    @property
    def _device(self) -> Device:
        """Where pairs are found: where models are trained, if arrays can be there."""
        return (arrays.device(self.device) if self.learner is None else self._learner().place(self.device)).arrays

    def _learner(self) -> Learner:
        learner = "knn" if self.learner is None else self.learner
        if isinstance(learner, type):
            raise ArgumentError("learner", learner, "give one, for example empirical.learners.KNN(), or a classifier")
        if isinstance(learner, str):
            return parse_learner(learner)
        if isinstance(learner, Learner):
            return learner
        from empirical.learners.external import External

        try:
            return External(learner)
        except ArgumentError as error:
            if error.argument != "model":
                raise
            remedy = f"{error.remedy}, or one of empirical.learners, or its name"
            raise ArgumentError("learner", error.shown, remedy) from error

    def _check_tested(self) -> None:
        check_is_fitted(self, "trials_")
        if not self.trials_.n_test:
            remedy = "fit with test examples, whom training examples may influence; of training examples ask taught()"
            raise ArgumentError("X_test", None, remedy)

    def _take(self, trials: Trials, examples: Examples) -> Self:
        self.predicted_ = trials if trials.score in BY_CLASS else None
        if self.predicted_ is not None:
            known = examples.y_test
            trials = trials.judged(examples.y_train, () if known is None else known)
        self.trials_, self.examples_, self.classes_ = trials, examples, examples.classes
        table = memorization(trials, examples.y_train)
        if examples.classes is not None:
            table["label"] = np.array(examples.classes, dtype=object)[table["label"]]
        if examples.train_ids is not None:
            table.insert(1, "id", list(examples.train_ids))
        self.memorization_ = table
        return self
