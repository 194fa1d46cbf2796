"""The subset estimator in scikit-learn's manners.

>>> from empirical.learners import KNN
>>> rng = np.random.default_rng(0)
>>> X, y = rng.normal(size=(40, 2)), np.arange(40) % 2
>>> estimator = SubsetEstimator(KNN(), models=64).fit(X[:30], y[:30], X[30:], y[30:])
>>> list(estimator.memorization_)[:4]
['index', 'label', 'memorization', 'stderr']
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from empirical.data.data import Data
from empirical.data.dataset import encoded, finite
from empirical.data.examples import Examples
from empirical.designs import design as design_of
from empirical.estimates import THRESHOLD
from empirical.estimates.explained import explained
from empirical.estimates.halves import Agreement, agreement
from empirical.estimates.histogram import Histogram, histogram
from empirical.estimates.influence import influence_pairs, pair_cells
from empirical.estimates.measure import lowest_threshold, written
from empirical.estimates.memorization import memorization
from empirical.estimates.pairing import Pairing
from empirical.estimates.streamed import memory as memory_of
from empirical.estimates.taught import Taught, taught
from empirical.estimates.totals import EDGES, Totals, totals
from empirical.learners import parse as spec
from empirical.learners.learner import Learner
from empirical.learners.score import BY_CLASS
from empirical.training import SHARD
from empirical.training.elsewhere import outside
from empirical.training.executors import executor
from empirical.training.job import Job
from empirical.training.run import run
from empirical.training.store import Store
from empirical.training.trials import Trials
from longtail.core import ArgumentError, Estimate, arrays, whole
from longtail.core.arrays import Device


class SubsetEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Memorization and influence of a learner on your data, from models trained on random subsets.

    ``learner`` is one of ``empirical.learners``, or its name as the command takes it ("mlp(256)"), or any scikit-learn
    classifier. ``fraction`` None is .7, or .75 for design "orthogonal". ``dtype`` is what scores other than "correct" are
    kept in: float16, which ends at 65,504, or float32. ``store`` is where trials are kept and taken up again: a folder, or
    s3://bucket/prefix (extra ``bucket``).
    ``executor`` is "processes", "dask" or one of ``concurrent.futures``. ``epochs`` are those of a learner's training after which
    models are scored too: ``at(epoch)`` is then the estimator as it was there.
    """

    def __init__(
        self,
        learner: Any = None,
        models: int = 2000,
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
        executor: Any = "processes",
        epochs: tuple[int, ...] = (),
    ) -> None:
        self.learner = learner
        self.models = models
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
        self.epochs = epochs

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
            own = spec.learner(own)
        if inner and isinstance(own, Learner):
            try:
                own = replace(cast(Any, own), **{name.removeprefix("learner__"): params.pop(name) for name in inner})
            except TypeError as error:
                raise ArgumentError("learner", repr(own), str(error)) from error
        super().set_params(learner=own, **params)
        return self

    def fit(self, X: Any, y: Any, X_test: Any, y_test: Any) -> Self:
        """Train on the subsets of (X, y); test on (X_test, y_test). Data frames keep their index as names of rows."""
        ids = [
            tuple(part.index) if hasattr(part, "index") and hasattr(part, "columns") else None for part in (X, X_test)
        ]
        X_test = _aligned(X, X_test)
        learner = self._learner()
        classifier = hasattr(getattr(learner, "model", None), "fit")  # which may ask for columns by name or type
        frames = classifier and _is_frame(X) and _is_frame(X_test)
        x, z = (_examples(name, part, frames=frames) for name, part in (("X", X), ("X_test", X_test)))
        a, b, classes = encoded("y, y_test", y, y_test)
        data = Data(x, a, z, b, classes)
        job = self._job(learner, data)
        store = None if self.store is None else Store.open(self.store, job.identity())
        trainers = executor(self.executor, self.workers)
        found = run(job, whole("models", self.models, 2), store=store, executor=trainers)
        return self._take(found, Examples(data.y_train, data.y_test, classes, *ids))

    def at(self, epoch: int) -> Self:
        """What the same models say after that many epochs, one of ``epochs``."""
        check_is_fitted(self, "trials_")
        trials = self.trials_ if self.predicted_ is None else self.predicted_
        return type(self)(**self.get_params(deep=False))._take(trials.at(epoch), self.examples_)

    @classmethod
    def from_predictions(
        cls,
        masks: Any,
        correct_train: Any,
        correct_test: Any,
        *,
        y: Any = None,
        y_test: Any = None,
        train_ids: Any = None,
        test_ids: Any = None,
        score: str = "correct",
    ) -> Self:
        """From models trained elsewhere: masks (t, n), correct_train (t, n), correct_test (t, n_test).

        Without labels of both parts, pairs are of any two classes. ``train_ids`` and ``test_ids`` name the examples.
        """
        parts = {"y_train": y, "y_test": y_test, "train_ids": train_ids, "test_ids": test_ids}
        trials, examples = outside(masks, correct_train, correct_test, score=score, parts=parts, y="y")
        return cls(models=trials.count, score=score)._take(trials, examples)

    def influence_pairs(self, threshold: float = THRESHOLD, *, same_class: bool | None = None) -> pd.DataFrame:
        """Pairs with influence ≥ threshold, largest first; of one class unless told, or unless there are no labels."""
        check_is_fitted(self, "trials_")
        known = self.examples_
        same = known.labeled if same_class is None else same_class
        if same and not known.labeled:
            raise ArgumentError("same_class", same, "pairs of one class need the labels of both parts, y and y_test")
        pairing = Pairing(known.y_train, known.y_test, threshold, same)
        pairs = influence_pairs(self.trials_, pairing, device=self._device)
        if known.labeled:
            pairs["label"] = np.array(self.classes_, dtype=object)[pairs["label"]]
        for name, ids in (("train", known.train_ids), ("test", known.test_ids)):
            if ids is not None:
                pairs[f"{name}_id"] = [ids[i] for i in pairs[f"{name}_index"]]
        return pairs

    def taught(self, threshold: float = THRESHOLD, *, same_class: bool | None = None) -> Taught:
        """Pairs of training examples of which one teaches the other, to models that did not train on it."""
        check_is_fitted(self, "trials_")
        known = self.examples_
        same = known.y_train is not None if same_class is None else same_class
        found = taught(self.trials_, Pairing(known.y_train, None, threshold, same))
        if known.classes is not None:
            found.pairs["label"] = np.array(known.classes, dtype=object)[found.pairs["label"]]
        if known.train_ids is not None:
            for which in ("train", "taught"):
                found.pairs[f"{which}_id"] = [known.train_ids[i] for i in found.pairs[f"{which}_index"]]
        return found

    def write_pairs(
        self,
        path: str | Path,
        threshold: float = THRESHOLD,
        *,
        same_class: bool | None = None,
        memory: str | float | None = None,
    ) -> int:
        """The same into a Parquet file, in the order of the data, found block by block; how many. ``memory``, in bytes or as
        "2G", is what may be held for it beside the trials: a third of what is free, unless told.
        """
        check_is_fitted(self, "trials_")
        how: dict[str, Any] = {"memory": memory_of(memory), "workers": whole("workers", self.workers)}
        return written(
            Path(path), self.trials_, self.examples_, threshold=threshold, same_class=same_class, **how
        ).pairs

    def influence(self, train: Any, test: Any) -> Estimate:
        """Influence of training examples on test examples, two lists of one length."""
        check_is_fitted(self, "trials_")
        cells = pair_cells(self.trials_, np.atleast_1d(train), np.atleast_1d(test), self.examples_.y_train)
        return Estimate(cells.value, cells.stderr)

    def explain(self, *, test: Any = None, train: Any = None) -> pd.DataFrame:
        """Which training examples carry the answer on a test or a training example, and which hurt it, strongest carriers first:
        influence, its error, and the chance that it is noise (``empirical.estimates.explained``). By name of the row, or index.
        """
        check_is_fitted(self, "trials_")
        return explained(self.trials_, self.examples_, test=test, train=train).table

    def totals(self, edges: Any = EDGES) -> Totals:
        """Influence on the whole test set by bin of memorization."""
        check_is_fitted(self, "trials_")
        return totals(self.trials_, edges)

    def histogram(self, levels: Any = None) -> Histogram:
        """How many pairs have how much influence, how many of them are false, and what other models would have counted."""
        check_is_fitted(self, "trials_")
        return histogram(self.trials_, Pairing.of(self.examples_), levels, device=self._device)

    def threshold_for(self, rate: float = 0.05) -> float:
        """The lowest threshold at which at most ``rate`` of the pairs are expected to be false."""
        check_is_fitted(self, "trials_")
        return lowest_threshold(self.trials_, self.examples_, rate, device=self._device)

    def agreement(self, threshold: float = THRESHOLD) -> Agreement:
        """What two halves of the trials agree on."""
        check_is_fitted(self, "trials_")
        return agreement(self.trials_, Pairing.of(self.examples_, threshold), device=self._device)

    @property
    def _device(self) -> Device:
        """Where pairs are found: where models are trained, if arrays can be there."""
        return (arrays.device(self.device) if self.learner is None else self._learner().place(self.device)).arrays

    def _learner(self) -> Learner:
        learner = self.learner
        if learner is None or isinstance(learner, type):
            raise ArgumentError("learner", learner, "give one, for example empirical.learners.KNN(), or a classifier")
        if isinstance(learner, str):
            return spec.learner(learner)
        if isinstance(learner, Learner):
            return learner
        from empirical.learners.external import External

        return External(learner)

    def _job(self, learner: Learner, data: Data) -> Job:
        models = whole("models", self.models, 2)
        seed = whole("random_state", self.random_state, 0, 2**64 - 1)
        choice = design_of(
            self.design, self.fraction, models=models, n=data.n, classes=data.y_train, stratified=self.stratified
        )
        kept: dict[str, Any] = {"score": self.score, "dtype": self.dtype}
        kept |= {
            "shard": whole("shard", self.shard),
            "device": learner.place(self.device),
            "epochs": tuple(self.epochs),
        }
        if kept["epochs"]:
            learner.check_epochs(kept["epochs"], kept["device"])
        return Job(data, learner, choice, seed, **kept)

    def _take(self, trials: Trials, examples: Examples) -> Self:
        self.predicted_ = trials if trials.score in BY_CLASS else None
        if self.predicted_ is not None:
            trials = trials.judged(examples.y_train, examples.y_test)
        self.trials_, self.examples_, self.classes_ = trials, examples, examples.classes
        table = memorization(trials, examples.y_train)
        if examples.classes is not None:
            table["label"] = np.array(examples.classes, dtype=object)[table["label"]]
        if examples.train_ids is not None:
            table.insert(1, "id", list(examples.train_ids))
        self.memorization_ = table
        return self


def _aligned(X: Any, X_test: Any) -> Any:
    """``X_test`` with its columns in the order of those of ``X``: a table's features go by name."""
    if not (hasattr(X, "columns") and hasattr(X_test, "columns")) or list(X.columns) == list(X_test.columns):
        return X_test
    names, found = list(X.columns), list(X_test.columns)
    if len(names) != len(found) or len(set(names)) != len(names) or set(names) != set(found):
        odd = [str(name) for name in [*names, *found] if (name in names) != (name in found)]
        got = f"other columns than X ({', '.join(odd[:5])})" if odd else "columns of the same name"
        raise ArgumentError("X_test", got, "give both tables the same columns")
    return X_test[names]


def _examples(argument: str, x: Any, *, frames: bool) -> Any:
    """Arrays, lists and tables of numbers as float32. Texts and tables of more pass through; with ``frames``, any table."""
    if _is_frame(x) and (frames or not all(pd.api.types.is_numeric_dtype(kind) for kind in x.dtypes)):
        return x
    given = x.to_numpy() if hasattr(x, "to_numpy") else x
    if _is_frame(x) and given.dtype == object:  # booleans beside numbers, or numbers that may be missing
        given = x.to_numpy(np.float64, na_value=np.nan)
    if isinstance(given, (list, tuple)) and given and isinstance(given[0], (str, bytes)):
        return given
    try:
        values = np.asarray(given)
    except ValueError:  # lists of different lengths
        return given
    if values.dtype.kind not in "fiub":
        return given
    finite(argument, values)
    return values.astype(np.float32, copy=False)


def _is_frame(x: Any) -> bool:
    return hasattr(x, "iloc") and hasattr(x, "columns")
