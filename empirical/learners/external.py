"""Any scikit-learn classifier, or a plain function, trained on one subset after the other.

    External(RandomForestClassifier(100))        fit on the subset, predict every example
    External(fit_predict)                        fit_predict(X, y, subset) -> predictions of every row of X

A classifier is given the user's own labels, and predicts them. For a function, ``X`` holds the training examples and after
them the test examples, ``y`` the training labels as class indices, 0 to K − 1, ``subset`` the positions to train on; X and
y are not to be written to. It returns class indices (rows,) or probabilities (rows, K). A parameter named ``seed`` gets the
trial's own whole number, as does every ``random_state`` of a scikit-learn model, so that a trial is the same in any process
and any batch. A run gives each worker process its own trainer; here everything is one thread. A GPU is refused:
a model that uses a GPU does so by its own settings.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import textwrap
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.learners.fingerprint import shown
from empirical.learners.learner import Learner, Trainer, Warned
from empirical.learners.score import Score
from empirical.learners.shared.naming import naming
from empirical.learners.shared.scores import scored
from empirical.learners.shared.threads import one_thread
from longtail.core import ArgumentError, Bools
from longtail.core.arrays import CPU, Device
from longtail.philox import LEARNER, words

PROBABLE = ("probability", "loss", "probabilities")  # scores that are read off probabilities
OTHERS = ("regressor", "clusterer", "outlier_detector", "density_estimator")  # scikit-learn's names


@dataclass(frozen=True, repr=False)
class External(Learner):
    """``model``: a classifier with ``fit`` and ``predict``, or a function of (X, y, subset).

    >>> from sklearn.naive_bayes import GaussianNB
    >>> from empirical import SubsetEstimator, load
    >>> data = load("planted", n=60).data
    >>> found = SubsetEstimator(GaussianNB(), models=8, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
    >>> len(found.memorization_)
    60
    """

    model: Any
    scores: ClassVar[tuple[str, ...]] = ("correct", "predicted", "probability", "margin", "loss", "probabilities")
    devices: ClassVar[tuple[str, ...]] = ("cpu",)

    def __post_init__(self) -> None:
        fits = hasattr(self.model, "fit") and hasattr(self.model, "predict")
        if isinstance(self.model, type) or not (fits or callable(self.model)):
            raise ArgumentError("model", self.model, "give a scikit-learn classifier, or a function of (X, y, subset)")
        kind = _kind(self.model) if fits else ""
        if kind in OTHERS:
            raise ArgumentError(
                "model", repr(self), f"it is a {kind}, whose predictions are no classes: give a classifier"
            )

    def __repr__(self) -> str:
        return f"External({shown(self.model)})"

    @one_thread
    def prepare(self, data: Data, score: Score = "correct", *, seed: int = 0, device: Device = CPU) -> Outside:
        """Nothing is shared; a score the model cannot give is refused, and so is a GPU: where it trains is its own."""
        self.check_device(device)
        self.check(data, score)
        fits = hasattr(self.model, "fit")
        has = [name for name in ("predict_proba", "decision_function") if hasattr(self.model, name)]
        if fits and score in PROBABLE and "predict_proba" not in has:
            raise ArgumentError("score", score, f"{type(self.model).__name__} has no predict_proba: use 'correct'")
        if fits and score == "margin" and not has:
            raise ArgumentError("score", score, f"{type(self.model).__name__} has no decision_function: use 'correct'")
        rows = _joined(data, flat=fits)
        known = np.asarray(data.classes) if fits else np.arange(data.n_classes)
        return Outside(
            self, score, data, rows if fits else _locked(rows), np.append(data.y_train, data.y_test), known, seed
        )


@dataclass(frozen=True)
class Outside(Trainer):
    """Trainer: one model at a time in this process. ``known``: the labels that models are given and predict;
    ``counted``: in the last call, models by warning, and its words.

    >>> from sklearn.naive_bayes import GaussianNB
    >>> data = Data(np.eye(4), np.array([0, 1, 0, 1]), np.eye(4), np.array([0, 1, 0, 1]), ("a", "b"))
    >>> trainer = External(GaussianNB()).prepare(data)
    >>> [part.shape for part in trainer(np.ones((2, 4), bool), np.arange(2))], dict(trainer.warned)
    ([(2, 4), (2, 4)], {})
    """

    learner: External
    score: Score
    data: Data
    rows: Any
    labels: NDArray[np.int64]
    known: NDArray[Any]
    seed: int
    batch: int = 1
    counted: dict[str, tuple[int, str]] = field(default_factory=dict, repr=False)

    @property
    def warned(self) -> Warned:
        return self.counted

    def fill(self, masks: Bools, trials: NDArray[np.int64], present: Bools, scores: NDArray[Any]) -> None:
        self.counted.clear()
        for k, (mask, trial) in enumerate(zip(masks, trials.tolist(), strict=True)):
            own = int(words(self.seed, LEARNER, trial, 0, 1)[0] >> 1)
            with naming(self.learner, trial), self._counting_warnings(), _printing_to_stderr():
                found = self._outputs(np.flatnonzero(mask), present[k], own)
            scores[k] = self._scores(found, present[k])

    def _outputs(self, subset: NDArray[np.int64], present: Bools, seed: int) -> NDArray[Any]:
        """Class indices (rows,), or values (rows, K) to rank by."""
        model = self.learner.model
        if not hasattr(model, "fit"):
            more = {"seed": seed} if "seed" in inspect.signature(model).parameters else {}
            return self._checked(np.asarray(model(_own(self.rows), _locked(self.data.y_train), subset, **more)))
        if present.sum() == 1:  # most classifiers refuse one class; there is one thing to predict
            return np.full(len(self.labels), np.flatnonzero(present)[0])
        from sklearn.base import clone

        fresh = clone(model)
        states = [name for name in fresh.get_params() if name.split("__")[-1] == "random_state"]
        fresh.set_params(**dict.fromkeys(states, seed))
        fresh.fit(_taken(self.rows, subset), self.known[self.data.y_train[subset]])
        if self.score in ("correct", "predicted"):
            return self._classes(np.asarray(fresh.predict(self.rows)))
        asks_margin = self.score == "margin" and hasattr(fresh, "decision_function")
        found = np.asarray((fresh.decision_function if asks_margin else fresh.predict_proba)(self.rows), np.float64)
        if found.ndim == 1:
            found = np.column_stack([np.zeros(len(found)), found])
        values = np.zeros((len(found), self.data.n_classes))
        values[:, self._indices(np.asarray(fresh.classes_))] = found
        return self._numbers(values)

    @contextlib.contextmanager
    def _counting_warnings(self) -> Iterator[None]:
        """What a model warns of is counted, to be said once of all; filters that ignore it or make it an error hold."""
        if not _alone():
            yield
            return
        with warnings.catch_warnings(record=True) as caught:
            yield
        for name, text in {w.category.__name__: str(w.message) for w in caught}.items():
            count, said = self.counted.get(name, (0, textwrap.shorten(text, 200, placeholder=" ...")))
            self.counted[name] = count + 1, said

    def _checked(self, found: NDArray[Any]) -> NDArray[Any]:
        """What a function gave: class indices, or numbers to rank by."""
        rows, classes = len(self.labels), self.data.n_classes
        whole = found.ndim == 1 and np.issubdtype(found.dtype, np.integer)
        shaped = found.shape in ((rows,), (rows, classes)) and found.dtype.kind in "iufb"
        if not shaped or (found.ndim == 1 and not whole):
            raise ArgumentError(
                "fit_predict",
                f"{found.dtype} of shape {found.shape}",
                f"return {rows} class indices, or probabilities of shape ({rows}, {classes}), for all rows of X",
            )
        return self._classes(found) if found.ndim == 1 else self._numbers(found)

    def _classes(self, found: NDArray[Any]) -> NDArray[Any]:
        """Predictions that are all classes as indices, one for each row."""
        rows = len(self.labels)
        flat = found.reshape(-1) if found.shape == (rows, 1) else found  # some give a column
        at = self._indices(flat) if flat.shape == (rows,) else np.full(1, -1)
        if (at < 0).any():
            first = int(np.flatnonzero(at < 0)[0])
            got = f"{flat[first]!s} for row {first}" if flat.shape == (rows,) else f"{found.dtype} {found.shape}"
            names = ", ".join(map(str, self.known[:5].tolist())) + (", ..." if len(self.known) > 5 else "")
            raise ArgumentError(
                "predictions", f"{got} from {self.learner!r}", f"predict a class ({names}) for each row of X"
            )
        return at

    def _indices(self, labels: NDArray[Any]) -> NDArray[np.int64]:
        """Where labels are among the known; −1 where one is not."""
        return np.asarray(pd.Index(self.known).get_indexer(labels), np.int64)

    def _numbers(self, found: NDArray[Any]) -> NDArray[Any]:
        """Values to rank by that can be ranked; as probabilities, none below 0."""
        probability = self.score in PROBABLE
        bad = found[np.isnan(found) | (found < 0)] if probability else found[np.isnan(found)]
        if bad.size:
            wanted = "probabilities, none below 0" if probability else "numbers"
            raise ArgumentError("predictions", f"{bad[0]!s} from {self.learner!r}", f"predict {wanted} for all classes")
        return found

    def _scores(self, found: NDArray[Any], present: Bools) -> NDArray[Any]:
        if found.ndim == 1:
            if self.score in ("correct", "predicted"):
                return np.asarray(found == self.labels if self.score == "correct" else found)
            if present.sum() > 1:
                raise ArgumentError("score", self.score, "return probabilities from fit_predict, or use 'correct'")
            found = np.eye(self.data.n_classes)[found]
        if self.score in PROBABLE:
            with np.errstate(divide="ignore"):
                found = np.log(found)
            found = np.maximum(found, -87.3)
        return np.asarray(scored(found[None], present[None], self.labels, self.score)[0])


@contextlib.contextmanager
def _printing_to_stderr() -> Iterator[None]:
    """What models print, in compiled code too, goes to stderr: stdout is for results."""
    if not _alone():
        yield
        return
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _alone() -> bool:
    """Whether what belongs to the whole process may be changed: threads of a cluster would undo each other's changes."""
    return threading.current_thread() is threading.main_thread()


def _joined(data: Data, *, flat: bool) -> Any:
    """Training and then test examples in one container of their own kind."""
    a, b = data.x_train, data.x_test
    if isinstance(a, np.ndarray):
        rows = np.concatenate([a, b])
        return rows.reshape(len(rows), -1) if flat and rows.ndim > 2 else rows
    if hasattr(a, "tocsr"):
        from scipy.sparse import vstack

        return vstack([a, b]).tocsr()
    if hasattr(a, "iloc"):
        shared = [name for name, kind in a.dtypes.items() if isinstance(kind, pd.CategoricalDtype)]
        kinds = {name: _categories(a[name], b[name]) for name in shared}
        return pd.concat([a.astype(kinds), b.astype(kinds)], ignore_index=True)
    return [*a, *b]


def _categories(a: Any, b: Any) -> Any:
    """One type for both: columns whose categories differ would be joined as plain objects."""
    return pd.api.types.union_categoricals([a, b.astype("category")], ignore_order=True).dtype


def _kind(model: Any) -> str:
    """What scikit-learn calls it: "classifier", "regressor" and so on; empty where the model does not say."""
    if hasattr(model, "__sklearn_tags__"):
        with contextlib.suppress(AttributeError):  # classes derived in an order that scikit-learn does not expect
            return str(model.__sklearn_tags__().estimator_type)
    return str(getattr(model, "_estimator_type", "")).replace("DensityEstimator", OTHERS[-1])


def _locked(rows: Any) -> Any:
    """The same array, but that a function which writes to it fails: later trials would train on what it wrote."""
    if isinstance(rows, np.ndarray):
        view = rows.view()
        view.flags.writeable = False
        return view
    if hasattr(rows, "tocsr"):
        rows.sort_indices()  # or the first to need them sorted would write
        for part in (rows.data, rows.indices, rows.indptr):
            part.flags.writeable = False
    return rows


def _own(rows: Any) -> Any:
    """A table or list of a function's own, since these cannot be locked."""
    return rows.copy() if isinstance(rows, list) or hasattr(rows, "iloc") else rows


def _taken(rows: Any, at: NDArray[np.int64]) -> Any:
    if hasattr(rows, "iloc"):
        return rows.iloc[at]
    return [rows[i] for i in at] if isinstance(rows, list) else rows[at]
