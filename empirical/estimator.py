"""The subset estimator in scikit-learn's manners: fit, then ask, or write the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from sklearn.utils.validation import check_is_fitted

from empirical.data.data import Data
from empirical.data.given import columns, given, width
from empirical.designs import design as design_of
from empirical.estimates.measure import of_trials
from empirical.fitted.fitted import refuse_others, scoring
from empirical.fitted.influences import Influences
from empirical.fitted.labels import Labels
from empirical.fitted.results import Results
from empirical.learners.learner import Learner
from empirical.training.asked import jobs, loud, seed, size
from empirical.training.elsewhere import outside
from empirical.training.executors import executor
from empirical.training.job import Job
from empirical.training.progress import Bar
from empirical.training.run import run
from empirical.training.shelf import Shelf, shelf
from empirical.training.store import Store
from longtail.core import ArgumentError, whole


class SubsetEstimator(Influences, Labels, Results):
    """Memorization and influence of a learner on your data, from models trained on random subsets.

    Parameters
    ----------
    learner : one of ``empirical.learners``, its name as the command takes it ("mlp(256)"), or any scikit-learn classifier;
        None is the nearest neighbor, the command's own.
    models : how many are trained. Errors fall as 1/√models.
    fraction : of the examples in a subset; None is .7, or .75 for design "orthogonal".
    design : how subsets are drawn: "fixed", "bernoulli" or "orthogonal"; ``stratified``: the same share of each class.
    scoring : what is kept of a prediction, the command's ``--score``: "correct", "predicted", "probability", "margin", "loss" or
        "probabilities"; numbers in ``dtype``, float16, which ends at 65,504, or float32.
    random_state : a whole number gives the same models each time. None draws one afresh, or takes that of a ``store`` that is
        there; NumPy's RandomState or Generator draw one, the same from the same state. ``random_state_`` is it.
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
    classes_, n_features_in_, feature_names_in_ (of data frames), trials_, examples_, random_state_.

    Examples
    --------
    >>> from empirical import SubsetEstimator, load
    >>> data = load("digits").data
    >>> found = SubsetEstimator("knn", models=200, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
    >>> found.memorization_.nlargest(1, "memorization")["out_accuracy"].tolist()
    [0.0]
    >>> len(found.influence_pairs(threshold=0.3)) > 0
    True
    >>> alone = SubsetEstimator("knn", models=200, random_state=0).fit(data.x_train, data.y_train)  # no test set
    >>> alone.memorization_.equals(found.memorization_)
    True
    """

    @refuse_others
    def __init__(
        self,
        learner: Any = None,
        models: int = 2000,
        fraction: float | None = None,
        design: str = "fixed",
        *,
        stratified: bool = False,
        scoring: str = "correct",
        dtype: str = "float16",
        random_state: Any = None,
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
        self.scoring = scoring
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

    @scoring()
    def fit(self, X: Any, y: Any, X_test: Any = None, y_test: Any = None) -> Self:
        """Train on the subsets of (X, y); test on (X_test, y_test), if they are given. Without them memorization is measured,
        and what training examples teach each other (``taught``).

        Arrays, lists, data frames, whose index names the rows, and sparse matrices; texts for a learner that reads.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
        >>> found.memorization_.shape[0], found.n_features_in_
        (120, 32)
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
        models, processes, shown = whole("models", self.models, 2), jobs(self.n_jobs), loud(self.verbose)
        if not isinstance(self.store, str | Path | None):
            raise ArgumentError("store", self.store, "give a folder, or s3://bucket/prefix")
        if not isinstance(self.epochs, tuple | list):
            raise ArgumentError("epochs", self.epochs, "give several, as (1, 5), or ()")
        place = None if self.store is None else shelf(self.store)
        self.random_state_ = seed(self.random_state, place)
        job = self._job(learner, data, models, place)
        store = None if place is None else Store.open(place, job.identity())
        trainers = executor(self.executor, processes)
        bar = Bar(job.design.inclusion(data.n), data.n_test, score=job.score, drawn=True) if shown else None
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
        """What the same models say after that many epochs, one of ``epochs``.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> net = SubsetEstimator("mlp(16, epochs=8)", models=16, epochs=(1,), random_state=0)
        >>> net = net.fit(data.x_train, data.y_train)
        >>> early, late = (one.memorization_["memorization"].mean() for one in (net.at(1), net))
        >>> bool(early < late)  # a net fits before it memorizes
        True
        """
        check_is_fitted(self, "trials_")
        trials = self.trials_ if self.predicted_ is None else self.predicted_
        other = type(self)(**self.get_params(deep=False))
        for name in ("data_", "experiment_", "random_state_", "n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(other, name, getattr(self, name))
        return other._take(trials.at(epoch), self.examples_)

    @classmethod
    @scoring()
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
        scoring: str = "correct",
    ) -> Self:
        """From models trained elsewhere: masks (t, n), correct_train (t, n), correct_test (t, n_test).

        Without labels of both parts, pairs are of any two classes. ``train_ids`` and ``test_ids`` name the examples.

        >>> from empirical import SubsetEstimator
        >>> masks = np.arange(8)[:, None] // [1, 2, 4] % 2 == 0  # eight models of three examples
        >>> found = SubsetEstimator.from_predictions(masks, masks, masks[:, :1])  # right on what they saw
        >>> found.memorization_["memorization"].tolist()
        [1.0, 1.0, 1.0]
        >>> found.influence([0, 1], [0, 0]).value.tolist()
        [1.0, 0.0]
        """
        parts = {"y_train": y, "y_test": y_test, "train_ids": train_ids, "test_ids": test_ids}
        trials, examples = outside(masks, correct_train, correct_test, score=scoring, parts=parts, y="y")
        made = cls(models=trials.count, scoring=scoring)
        made.experiment_ = of_trials(trials, examples, data="models trained elsewhere")
        return made._take(trials, examples)

    @property
    def _is_classifier(self) -> bool:
        """Whether it is from outside, and may ask for columns by name or type."""
        return hasattr(getattr(self._learner(), "model", None), "fit")

    def _job(self, learner: Learner, data: Data, models: int, place: Shelf | None) -> Job:
        choice = design_of(
            self.design, self.fraction, models=models, n=data.n, classes=data.y_train, stratified=self.stratified
        )
        kept: dict[str, Any] = {"score": self.scoring, "dtype": self.dtype}
        kept |= {"shard": size(self.shard, place), "device": learner.place(self.device), "epochs": tuple(self.epochs)}
        if kept["epochs"]:
            learner.check_epochs(kept["epochs"], kept["device"])
        return Job(data, learner, choice, self.random_state_, **kept)
