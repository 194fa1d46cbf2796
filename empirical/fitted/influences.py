"""Which training examples carry which test examples, and each other: what is asked of a fitted estimator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from empirical.estimates import THRESHOLD
from empirical.estimates.explained import explained
from empirical.estimates.halves import Agreement, agreement
from empirical.estimates.histogram import Histogram, histogram
from empirical.estimates.influence import influence_pairs, pair_cells
from empirical.estimates.matrix import write
from empirical.estimates.measure import lowest_threshold, written
from empirical.estimates.pairing import Pairing
from empirical.estimates.streamed import memory as memory_of
from empirical.estimates.taught import Taught, taught
from empirical.estimates.totals import EDGES, Totals, totals
from empirical.fitted.fitted import Fitted, scoring
from empirical.training.asked import jobs
from longtail.core import ArgumentError, Estimate
from longtail.core.files import path_of


class Influences(Fitted):
    """Pairs, single influences, totals and their histogram; of test examples, and of training examples held out."""

    @scoring()
    def influence_pairs(self, threshold: float = THRESHOLD, *, same_class: bool | None = None) -> pd.DataFrame:
        """Pairs with influence ≥ threshold, largest first; of one class unless told, or unless there are no labels.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
        >>> found.influence_pairs(threshold=0.5).columns.tolist()
        ['train_index', 'test_index', 'label', 'influence', 'stderr', 'low', 'high']
        """
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

    @scoring()
    def taught(self, threshold: float = THRESHOLD, *, same_class: bool | None = None) -> Taught:
        """Pairs of training examples of which one teaches the other, to models that did not train on it.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train)
        >>> found.taught(threshold=0.5).pairs.columns.tolist()
        ['train_index', 'taught_index', 'label', 'influence', 'stderr', 'low', 'high']
        """
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

    @scoring()
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

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found.write_pairs(f"{folder}/pairs.parquet", memory="1G") == len(found.influence_pairs())
        True
        """
        self._check_tested()
        target = path_of("path", path)
        if target.suffix != ".parquet" or not target.absolute().parent.is_dir() or target.is_dir():
            raise ArgumentError("path", str(path), "give NAME.parquet, in a folder that is there")
        how: dict[str, Any] = {"memory": memory_of(memory), "workers": jobs(self.n_jobs)}
        return written(target, self.trials_, self.examples_, threshold=threshold, same_class=same_class, **how).pairs

    @scoring()
    def write_influence(self, path: str | Path, *, memory: str | float | None = None) -> Path:
        """The influence of every training on every test example, float32, into NAME.zarr or NAME.parquet, block by block in so
        much ``memory`` beside the trials; ``empirical.attributions.scores.read``, judge and the libraries themselves read it.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found.write_influence(f"{folder}/influence.parquet", memory="1G").name
        'influence.parquet'
        """
        self._check_tested()
        return write(path, self.trials_, memory=memory_of(memory), workers=jobs(self.n_jobs))

    @scoring()
    def influence(self, train: Any, test: Any) -> Estimate:
        """Influence of training examples on test examples, two lists of one length.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
        >>> found.influence([0, 1], [5, 5]).value.shape  # of 0 and of 1 on test example 5
        (2,)
        """
        self._check_tested()
        cells = pair_cells(self.trials_, np.atleast_1d(train), np.atleast_1d(test), self.examples_.y_train)
        return Estimate(cells.value, cells.stderr)

    @scoring()
    def explain(self, *, test: Any = None, train: Any = None) -> pd.DataFrame:
        """Which training examples carry the answer on a test or a training example, and which hurt it, strongest carriers first:
        influence, its error, and the chance that it is noise (``empirical.estimates.explained``). By name of the row, or index.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
        >>> found.explain(test=0).columns.tolist()
        ['index', 'label', 'influence', 'stderr', 'low', 'high', 'p_value', 'noise']
        """
        check_is_fitted(self, "trials_")
        return explained(self.trials_, self.examples_, test=test, train=train).table

    @scoring()
    def totals(self, edges: Any = EDGES) -> Totals:
        """Influence on the whole test set by bin of memorization.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
        >>> found.totals([0.5]).examples.sum().tolist()  # of little memorization, and of much
        120.0
        """
        self._check_tested()
        return totals(self.trials_, edges)

    @scoring()
    def histogram(self, levels: Any = None) -> Histogram:
        """How many pairs have how much influence, how many of them are false, and what other models would have counted.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
        >>> found.histogram([0.3, 0.6]).pairs.tolist()  # of influence .3 or more, and of .6 or more
        [43.0, 32.0]
        """
        self._check_tested()
        return histogram(self.trials_, Pairing.of(self.examples_), levels, device=self._device)

    @scoring()
    def threshold_for(self, rate: float = 0.05) -> float:
        """The lowest threshold at which at most ``rate`` of the pairs are expected to be false.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
        >>> 0 < found.threshold_for(0.05) < 1
        True
        """
        self._check_tested()
        return lowest_threshold(self.trials_, self.examples_, rate, device=self._device)

    @scoring()
    def agreement(self, threshold: float = THRESHOLD) -> Agreement:
        """What two halves of the trials agree on.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
        >>> found.agreement().reliability > 0.9
        True
        """
        check_is_fitted(self, "trials_")
        return agreement(self.trials_, Pairing.of(self.examples_, threshold), device=self._device)
