"""All that was measured, as a run's folder, theory and report take it: what is asked of a fitted estimator."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from empirical.data.dataset import Dataset
from empirical.data.fingerprint import digest
from empirical.estimates.issues import judged
from empirical.estimates.kept import write_summary, write_tables
from empirical.estimates.measure import measure
from empirical.estimates.measured import Measured
from empirical.fitted.fitted import Fitted
from longtail.core import ArgumentError, flag
from longtail.core.files import folder

if TYPE_CHECKING:
    from empirical.bridge.comparison import Comparison


class Results(Fitted):
    """From a fitted estimator to tables on disk, to theory beside observation, and to a page."""

    @property
    def measured(self) -> Measured:
        """All that was measured, as tables, figures, theory and commands take it.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
        >>> found.measured.summary["trials"]
        64
        """
        check_is_fitted(self, "trials_")
        experiment = replace(self.experiment_, score=self.trials_.score)  # of classes predicted, right and wrong
        if hasattr(self, "data_"):
            with contextlib.suppress(ArgumentError):  # examples of a kind that has no fingerprint
                experiment = replace(experiment, fingerprint=digest(self.data_))
        found = measure(self.trials_, self.examples_, experiment, device=self._device)
        x = self.data_.x_train if hasattr(self, "data_") else None
        return replace(found, issues=judged(self.predicted_, self.examples_, x, seed=getattr(self, "random_state_", 0)))

    def to_csv(self, directory: str | Path) -> list[Path]:
        """``memorization.csv``, ``pairs.csv`` and more, and ``summary.json``: a run's folder, as ``longtail compare`` and
        others take it; the files written.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sorted(path.name for path in found.to_csv(folder))[:3]
        ['explained.csv', 'influence_by_memorization.csv', 'influence_histogram.csv']
        """
        found, out = self.measured, folder("directory", directory)
        return [*write_tables(found, out, {}), write_summary(found, out, {})]

    def compare(self, **options: Any) -> Comparison:
        """How well the long-tail theory explains it. ``family`` and ``coupling`` are lists as the command takes them,
        ``simulations`` how many data sets are simulated for errors and p, ``seed`` theirs.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
        >>> found.compare(family=["Zipf"], simulations=20).best.prior  # doctest: +SKIP
        Zipf(alpha=1.08, size=171)
        """
        from empirical.command.reporting import compared

        known = ("family", "coupling", "simulations", "seed")
        for name in options:
            if name not in known:
                raise ArgumentError(name, options[name], f"give {', '.join(known)}")
        return compared(self.measured, options)

    def report(self, directory: str | Path, *, twins: bool = False, theory: bool = True) -> Path:
        """``report.html``, with figures and tables beside it, in a folder; its path. With ``twins`` near-duplicates across
        training and test are looked for however long it takes; without ``theory`` none is fitted.

        >>> from empirical import SubsetEstimator, load
        >>> data = load("planted", n=120).data
        >>> found = SubsetEstimator(models=64, random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)
        >>> found.report("runs/mine")  # doctest: +SKIP
        PosixPath('runs/mine/report.html')
        """
        from empirical.command import reporting

        twins, theory = flag("twins", twins), flag("theory", theory)
        found = self.measured
        if found.experiment.score != "correct":
            raise ArgumentError("scoring", found.experiment.score, "a report speaks of right and wrong: use 'correct'")
        out = folder("directory", directory)
        known = getattr(self, "data_", None)
        ids = self.examples_
        shown = None if known is None else Dataset("your data", known, ids.train_ids, ids.test_ids)
        write_tables(found, out, {})
        write_summary(found, out, {})
        page = reporting.report(found, out, shown, seed=0, twins=twins, theory=theory)
        assert page is not None
        return page
