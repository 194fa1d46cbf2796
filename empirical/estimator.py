"""The subset estimator in scikit-learn's manners.

>>> from empirical.learners import KNN
>>> rng = np.random.default_rng(0)
>>> X, y = rng.normal(size=(40, 2)), np.arange(40) % 2
>>> estimator = SubsetEstimator(KNN(), trials=64).fit(X[:30], y[:30], X[30:], y[30:])
>>> list(estimator.memorization_)[:4]
['index', 'label', 'memorization', 'stderr']
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from empirical.data import Data
from empirical.dataset import encoded, finite
from empirical.designs import design as design_of
from empirical.halves import Agreement, agreement
from empirical.influence import influence_pairs, pair_cells
from empirical.learner import Learner
from empirical.memorization import memorization
from empirical.names import SHARD, THRESHOLD
from empirical.results import lowest_threshold
from empirical.run import Job, run
from empirical.store import Store
from empirical.trials import Trials
from longtail.core import ArgumentError, Estimate, whole


class SubsetEstimator(BaseEstimator):  # type: ignore[misc]
    """Memorization and influence of a learner on your data, from models trained on random subsets.

    ``learner`` is one of ``empirical.learners`` or any scikit-learn classifier. ``fraction`` None is .7, or .75 for design
    "orthogonal". ``dtype`` is what scores other than "correct" are kept in: float16, which ends at 65,504, or float32.
    ``store`` names a folder in which trials are kept and taken up again.
    """

    def __init__(
        self,
        learner: Any = None,
        trials: int = 2000,
        fraction: float | None = None,
        design: str = "fixed",
        *,
        stratified: bool = False,
        score: str = "correct",
        dtype: str = "float16",
        random_state: int = 0,
        workers: int = 1,
        device: str = "cpu",
        shard: int = SHARD,
        store: str | Path | None = None,
        executor: str = "processes",
    ) -> None:
        self.learner = learner
        self.trials = trials
        self.fraction = fraction
        self.design = design
        self.stratified = stratified
        self.score = score
        self.dtype = dtype
        self.random_state = random_state
        self.workers = workers
        self.device = device
        self.shard = shard
        self.store = store
        self.executor = executor

    def fit(self, X: Any, y: Any, X_test: Any, y_test: Any) -> Self:
        """Train on the subsets of (X, y); test on (X_test, y_test). Data frames keep their index as names of rows."""
        ids = [
            list(part.index) if hasattr(part, "index") and hasattr(part, "columns") else None for part in (X, X_test)
        ]
        a, b, classes = encoded("y, y_test", y, y_test)
        data = Data(_examples("X", X), a, _examples("X_test", X_test), b, classes)
        job = self._job(data)
        store = None if self.store is None else Store.open(self.store, job.identity())
        found = run(job, self.trials, store=store, workers=self.workers, executor=self.executor)
        return self._take(found, data.y_train, data.y_test, classes, ids[0], ids[1])

    @classmethod
    def from_predictions(
        cls,
        masks: Any,
        correct_train: Any,
        correct_test: Any,
        *,
        y: Any = None,
        y_test: Any = None,
        score: str = "correct",
    ) -> Self:
        """From models trained elsewhere: masks (t, n), correct_train (t, n), correct_test (t, n_test).

        Without labels, pairs are of any two classes.
        """
        trials = Trials.of(masks, correct_train, correct_test, score=score)
        made = cls(trials=trials.count, score=score)
        if y is None or y_test is None:
            return made._take(trials, None, None, None, None, None)
        a, b, classes = encoded("y, y_test", y, y_test)
        for name, labels, n in (("y", a, trials.n), ("y_test", b, trials.n_test)):
            if len(labels) != n:
                raise ArgumentError(name, f"{len(labels)} labels", f"give one for each of the {n} examples")
        return made._take(trials, a, b, classes, None, None)

    def influence_pairs(self, threshold: float = THRESHOLD, *, same_class: bool | None = None) -> pd.DataFrame:
        """Pairs with influence ≥ threshold, largest first; of one class unless told, or unless there are no labels."""
        same = self._labeled if same_class is None else same_class
        y_test = self._y_test if self._labeled else np.zeros(self.trials_.n_test, np.int64)
        pairs = influence_pairs(self.trials_, self._y_train, y_test, threshold, same_class=same, device=self.device)
        if self.classes_ is not None:
            pairs["label"] = np.array(self.classes_, dtype=object)[pairs["label"]]
        else:
            pairs = pairs.drop(columns="label")
        for name, ids in (("train", self._train_ids), ("test", self._test_ids)):
            if ids is not None:
                pairs[f"{name}_id"] = [ids[i] for i in pairs[f"{name}_index"]]
        return pairs

    def influence(self, train: Any, test: Any) -> Estimate:
        """Influence of training examples on test examples, two lists of one length."""
        cells = pair_cells(self.trials_, np.atleast_1d(train), np.atleast_1d(test), self._y_train)
        return Estimate(cells.value, cells.stderr)

    def threshold_for(self, rate: float = 0.05) -> float:
        """The lowest threshold at which at most ``rate`` of the pairs are expected to be false."""
        return lowest_threshold(self.trials_, self._y_train, self._y_test, rate, device=self.device)

    def agreement(self, threshold: float = THRESHOLD) -> Agreement:
        """What two halves of the trials agree on."""
        labeled = self._labeled
        return agreement(self.trials_, self._y_train, self._y_test, threshold, same_class=labeled, device=self.device)

    @property
    def _labeled(self) -> bool:
        return self._y_train is not None

    def _job(self, data: Data) -> Job:
        learner = self.learner
        if learner is None or isinstance(learner, type):
            raise ArgumentError("learner", learner, "give one, for example empirical.learners.KNN(), or a classifier")
        if not isinstance(learner, Learner):
            from empirical.learners import External

            learner = External(learner)
        trials = whole("trials", self.trials, 2)
        seed = whole("random_state", self.random_state, 0, 2**64 - 1)
        choice = design_of(
            self.design, self.fraction, trials=trials, n=data.n, classes=data.y_train, stratified=self.stratified
        )
        kept: dict[str, Any] = {"score": self.score, "dtype": self.dtype}
        return Job(data, learner, choice, seed, **kept, shard=self.shard, device=self.device)

    def _take(self, trials: Trials, y: Any, y_test: Any, classes: Any, train_ids: Any, test_ids: Any) -> Self:
        self.trials_, self._y_train, self._y_test, self.classes_ = trials, y, y_test, classes
        self._train_ids, self._test_ids = train_ids, test_ids
        table = memorization(trials, y)
        if classes is not None:
            table["label"] = np.array(classes, dtype=object)[table["label"]]
        if train_ids is not None:
            table.insert(1, "id", train_ids)
        self.memorization_ = table
        return self


def _examples(argument: str, x: Any) -> Any:
    """Arrays as they are, tables as arrays of numbers where they are all numbers; lists of texts pass through."""
    values = x.to_numpy() if hasattr(x, "to_numpy") else x
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        finite(argument, values)
        return values.astype(np.float32, copy=False)
    return values
