"""scikit-learn's parameters, where one of them is a learner of ours: its own are ``learner__k``."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, Self, cast

from sklearn.base import BaseEstimator

from empirical.learners.learner import Learner
from empirical.learners.parse import parse_learner
from longtail.core import ArgumentError


class WithLearner(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """``learner`` is one of ours, its name, or a classifier.

    >>> from empirical import SubsetEstimator
    >>> SubsetEstimator("knn").set_params(learner__k=3).learner
    KNN(k=3)
    """

    learner: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters, and those of the learner as ``learner__k``."""
        params: dict[str, Any] = super().get_params(deep=deep)
        own: Any = self.learner if isinstance(self.learner, Learner) else None
        if deep and is_dataclass(own):
            params |= {f"learner__{f.name}": getattr(own, f.name) for f in fields(own) if f.init}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters; one of our learners is replaced by another, since they do not change."""
        own = params.pop("learner", self.learner)
        inner = [name for name in params if name.startswith("learner__")]
        if inner and isinstance(own, str):
            own = parse_learner(own)
        if inner and isinstance(own, Learner):
            try:
                own = replace(cast(Any, own), **{name.removeprefix("learner__"): params.pop(name) for name in inner})
            except TypeError as error:
                raise ArgumentError("learner", repr(own), str(error)) from error
        super().set_params(learner=own, **params)
        return self
