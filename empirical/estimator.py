"""The subset estimator in scikit-learn's manners: fit, then ask, or write the report."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from empirical.data.data import Data
from empirical.data.dataset import Dataset
from empirical.data.examples import Examples
from empirical.data.fingerprint import digest
from empirical.data.given import columns, given, width
from empirical.designs import design as design_of
from empirical.estimates import THRESHOLD
from empirical.estimates.explained import explained
from empirical.estimates.halves import Agreement, agreement
from empirical.estimates.histogram import Histogram, histogram
from empirical.estimates.influence import influence_pairs, pair_cells
from empirical.estimates.issues import issues, judged
from empirical.estimates.kept import write_summary, write_tables
from empirical.estimates.measure import lowest_threshold, measure, of_trials, written
from empirical.estimates.measured import Measured
from empirical.estimates.memorization import memorization
from empirical.estimates.pairing import Pairing
from empirical.estimates.streamed import memory as memory_of
from empirical.estimates.suspects import suspects
from empirical.estimates.taught import Taught, taught
from empirical.estimates.totals import EDGES, Totals, totals
from empirical.learners import parse as spec
from empirical.learners.learner import Learner
from empirical.learners.parameters import WithLearner
from empirical.learners.score import BY_CLASS
from empirical.training.asked import jobs, seed, size
from empirical.training.elsewhere import outside
from empirical.training.executors import executor
from empirical.training.job import Job
from empirical.training.progress import Bar
from empirical.training.run import run
from empirical.training.shelf import Shelf, shelf
from empirical.training.store import Store
from empirical.training.trials import Trials
from longtail.core import ArgumentError, Estimate, arrays, whole
from longtail.core.arrays import Device
from longtail.core.files import folder

if TYPE_CHECKING:
    from empirical.bridge.comparison import Comparison


class NotKept(ArgumentError, AttributeError):
    """What a run with another score would have: an attribute that is not there, to whoever lists attributes."""


class SubsetEstimator(WithLearner):
    """Memorization and influence of a learner on your data, from models trained on random subsets.

    Parameters
    ----------
    learner : one of ``empirical.learners``, its name as the command takes it ("mlp(256)"), or any scikit-learn classifier;
        None is the nearest neighbor, the command's own.
    models : how many are trained. Errors fall as 1/√models.
    fraction : of the examples in a subset; None is .7, or .75 for design "orthogonal".
    design : how subsets are drawn: "fixed", "bernoulli" or "orthogonal"; ``stratified``: the same share of each class.
    score : what is kept of a prediction: "correct", "predicted", "probability", "margin" or "loss"; numbers in ``dtype``,
        float16, which ends at 65,504, or float32.
    random_state : a whole number, the same models whenever it is the same; None or a NumPy generator draw one (``seed_``).
    n_jobs : worker processes, of one thread each; None is 1, −1 as many as there are processors.
    verbose : 1 shows how far training is, how long it will take, and the error by then.
    device : "cpu", "gpu" or "auto".
    shard : models trained and kept at a time. None: 64; where there is a store, its own, or as many as divide ``models``.
    store : where trials are kept and taken up again: a folder, or s3://bucket/prefix (extra ``bucket``).
    executor : "processes", "dask" or one of ``concurrent.futures``.
    epochs : of a learner's training after which models are scored too: ``at(epoch)`` is then the estimator as it was there.

    Attributes
    ----------
    memorization_ : a row for each training example, with errors and intervals.
    suspects_ : those that models which did not see them mostly get wrong, the likeliest wrong label first.
    classes_, n_features_in_, feature_names_in_ (of data frames), trials_, examples_, seed_.

    Examples
    --------
    >>> from empirical import SubsetEstimator, load
    >>> data = load("digits").data
    >>> found = SubsetEstimator("knn", models=200).fit(data.x_train, data.y_train, data.x_test, data.y_test)
    >>> found.memorization_.nlargest(1, "memorization")["out_accuracy"].tolist()
    [0.0]
    >>> len(found.influence_pairs(threshold=0.3)) > 0
    True
    >>> alone = SubsetEstimator("knn", models=200).fit(data.x_train, data.y_train)  # no test set
    >>> alone.memorization_.equals(found.memorization_)
    True
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
        random_state: Any = 0,
        n_jobs: int | None = None,
        verbose: int = 0,
        device: str = "cpu",
        shard: int | None = None,
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
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.device = device
        self.shard = shard
        self.store = store
        self.executor = executor
        self.epochs = epochs

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may expect: labels are needed, and examples may be all that the learner takes."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        own = getattr(self.learner, "__sklearn_tags__", None)
        tags.input_tags = replace(tags.input_tags, string=True, sparse=own is None or own().input_tags.sparse)
        return tags

    def fit(self, X: Any, y: Any, X_test: Any = None, y_test: Any = None) -> Self:
        """Train on the subsets of (X, y); test on (X_test, y_test), if they are given. Without them memorization is measured,
        and what training examples teach each other (``taught``).

        Arrays, lists, data frames, whose index names the rows, and sparse matrices; texts for a learner that reads.
        """
        if (X_test is None) != (y_test is None):
            missing = "X_test" if X_test is None else "y_test"
            raise ArgumentError(missing, None, "give both X_test and y_test, or neither")
        data, named = given(X, y, X_test, y_test, frames=self._is_classifier)
        self.n_features_in_ = width(X)
        if (names := columns(X)) is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        learner = self._learner()
        self.seed_ = seed(self.random_state, stored=self.store is not None)
        models, processes = whole("models", self.models, 2), jobs(self.n_jobs)
        place = None if self.store is None else shelf(self.store)
        job = self._job(learner, data, models, place)
        store = None if place is None else Store.open(place, job.identity())
        trainers = executor(self.executor, processes)
        bar = Bar(job.design.inclusion(data.n), data.n_test, score=job.score, drawn=True) if self.verbose else None
        try:
            found = run(job, models, store=store, executor=trainers, progress=bar)
        finally:
            if bar is not None:
                bar.close()
        self.data_ = data
        self._take(found, named)
        self.experiment_ = of_trials(
            self.trials_,
            named,
            data="your data",
            fraction=job.design.inclusion(data.n),
            learner=repr(learner),
            design=repr(job.design),
            seed=job.seed,
            device=job.device.kind,
        )
        return self

    def at(self, epoch: int) -> Self:
        """What the same models say after that many epochs, one of ``epochs``."""
        check_is_fitted(self, "trials_")
        trials = self.trials_ if self.predicted_ is None else self.predicted_
        other = type(self)(**self.get_params(deep=False))
        for name in ("data_", "experiment_", "seed_", "n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(other, name, getattr(self, name))
        return other._take(trials.at(epoch), self.examples_)

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
        made = cls(models=trials.count, score=score)
        made.experiment_ = of_trials(trials, examples, data="models trained elsewhere")
        return made._take(trials, examples)

    def influence_pairs(self, threshold: float = THRESHOLD, *, same_class: bool | None = None) -> pd.DataFrame:
        """Pairs with influence ≥ threshold, largest first; of one class unless told, or unless there are no labels."""
        self._check_tested()
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
        self._check_tested()
        how: dict[str, Any] = {"memory": memory_of(memory), "workers": jobs(self.n_jobs)}
        return written(
            Path(path), self.trials_, self.examples_, threshold=threshold, same_class=same_class, **how
        ).pairs

    def influence(self, train: Any, test: Any) -> Estimate:
        """Influence of training examples on test examples, two lists of one length."""
        self._check_tested()
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
        self._check_tested()
        return totals(self.trials_, edges)

    def histogram(self, levels: Any = None) -> Histogram:
        """How many pairs have how much influence, how many of them are false, and what other models would have counted."""
        self._check_tested()
        return histogram(self.trials_, Pairing.of(self.examples_), levels, device=self._device)

    def threshold_for(self, rate: float = 0.05) -> float:
        """The lowest threshold at which at most ``rate`` of the pairs are expected to be false."""
        self._check_tested()
        return lowest_threshold(self.trials_, self.examples_, rate, device=self._device)

    def agreement(self, threshold: float = THRESHOLD) -> Agreement:
        """What two halves of the trials agree on."""
        check_is_fitted(self, "trials_")
        return agreement(self.trials_, Pairing.of(self.examples_, threshold), device=self._device)

    @property
    def label_issues_(self) -> pd.DataFrame:
        """Training examples ranked by the chance that their label is wrong (``empirical.estimates.issues``); models must have
        kept classes: ``score="predicted"``, or better "probabilities", where the learner gives them.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("digits").data
        >>> found = SubsetEstimator("mlp(64, epochs=10)", models=40, score="probabilities").fit(data.x_train, data.y_train)
        >>> found.label_issues_["chance"].is_monotonic_decreasing
        True
        """
        check_is_fitted(self, "trials_")
        if self.predicted_ is None:
            raise NotKept("score", self.trials_.score, "classes tell wrong labels: use 'predicted' or 'probabilities'")
        x = self.data_.x_train if hasattr(self, "data_") else None
        return issues(self.predicted_, self.examples_, x, seed=getattr(self, "seed_", 0)).table

    @property
    def suspects_(self) -> pd.DataFrame:
        """Examples that most models which did not train on them get wrong, the worst first: 1 − out_accuracy is what tells a
        wrong label, whether models fit it (then it is memorized) or not (never right).
        """
        check_is_fitted(self, "trials_")
        if self.trials_.score != "correct":
            raise NotKept("score", self.trials_.score, "who is wrong is read off right and wrong: use 'correct'")
        return suspects(self.memorization_)

    @property
    def measured(self) -> Measured:
        """All that was measured, as tables, figures, theory and commands take it."""
        check_is_fitted(self, "trials_")
        experiment = replace(self.experiment_, score=self.trials_.score)  # of classes predicted, right and wrong
        if hasattr(self, "data_"):
            with contextlib.suppress(ArgumentError):  # examples of a kind that has no fingerprint
                experiment = replace(experiment, fingerprint=digest(self.data_))
        found = measure(self.trials_, self.examples_, experiment, device=self._device)
        x = self.data_.x_train if hasattr(self, "data_") else None
        return replace(found, issues=judged(self.predicted_, self.examples_, x, seed=getattr(self, "seed_", 0)))

    def to_csv(self, directory: str | Path) -> list[Path]:
        """``memorization.csv``, ``pairs.csv`` and more, and ``summary.json``: a run's folder, as ``longtail compare`` and
        others take it; the files written.
        """
        found, out = self.measured, folder("directory", directory)
        return [*write_tables(found, out, {}), write_summary(found, out, {})]

    def compare(self, **options: Any) -> Comparison:
        """How well the long-tail theory explains it. ``family`` and ``coupling`` are lists as the command takes them,
        ``simulations`` how many data sets are simulated for errors and p, ``seed`` theirs.
        """
        from empirical.command.reporting import compared

        known = ("family", "coupling", "simulations", "seed")
        for name in options:
            if name not in known:
                raise ArgumentError(name, options[name], f"give {', '.join(known)}")
        return compared(self.measured, options)

    def report(self, directory: str | Path, *, twins: bool = False) -> Path:
        """``report.html``, with figures and tables beside it, in a folder; its path. With ``twins`` near-duplicates across
        training and test are looked for however long it takes.
        """
        from empirical.command import reporting

        found = self.measured
        if found.experiment.score != "correct":
            raise ArgumentError("score", found.experiment.score, "a report speaks of right and wrong: use 'correct'")
        out = folder("directory", directory)
        known = getattr(self, "data_", None)
        ids = self.examples_
        shown = None if known is None else Dataset("your data", known, ids.train_ids, ids.test_ids)
        self.to_csv(out)
        page = reporting.report(found, out, shown, seed=0, twins=twins)
        assert page is not None
        return page

    @property
    def _device(self) -> Device:
        """Where pairs are found: where models are trained, if arrays can be there."""
        return (arrays.device(self.device) if self.learner is None else self._learner().place(self.device)).arrays

    def _learner(self) -> Learner:
        learner = "knn" if self.learner is None else self.learner
        if isinstance(learner, type):
            raise ArgumentError("learner", learner, "give one, for example empirical.learners.KNN(), or a classifier")
        if isinstance(learner, str):
            return spec.learner(learner)
        if isinstance(learner, Learner):
            return learner
        from empirical.learners.external import External

        return External(learner)

    def _check_tested(self) -> None:
        check_is_fitted(self, "trials_")
        if not self.trials_.n_test:
            remedy = "fit with test examples, whom training examples may influence; of training examples ask taught()"
            raise ArgumentError("X_test", None, remedy)

    @property
    def _is_classifier(self) -> bool:
        """Whether it is from outside, and may ask for columns by name or type."""
        return hasattr(getattr(self._learner(), "model", None), "fit")

    def _job(self, learner: Learner, data: Data, models: int, place: Shelf | None) -> Job:
        choice = design_of(
            self.design, self.fraction, models=models, n=data.n, classes=data.y_train, stratified=self.stratified
        )
        kept: dict[str, Any] = {"score": self.score, "dtype": self.dtype}
        kept |= {
            "shard": size(self.shard, models, place),
            "device": learner.place(self.device),
            "epochs": tuple(self.epochs),
        }
        if kept["epochs"]:
            learner.check_epochs(kept["epochs"], kept["device"])
        return Job(data, learner, choice, self.seed_, **kept)

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
