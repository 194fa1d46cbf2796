"""What was measured of a data set: how much each example is memorized, which pairs carry influence, and by what experiment.

One noun, in memory and on disk (``empirical.estimates.kept``): figures, report, theory and simulations take it as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.estimates import MEMORIZED, THRESHOLD
from empirical.estimates.cells import root_mean_square
from empirical.estimates.noise import SubsetNoise
from empirical.estimates.observed import Observed
from longtail.core import ArgumentError, Floats
from longtail.core.shown import table
from longtail.experiment.noise import Noise

if TYPE_CHECKING:
    import pandas as pd

    from empirical.data.data import Data
    from empirical.data.dataset import Dataset
    from empirical.estimates.leak.leak import Leak
    from empirical.learners.learner import Learner


@dataclass(frozen=True)
class Experiment:
    """How it was measured: ``models`` of ``learner``, each trained on a share ``fraction`` of the examples of ``data``
    and tested on ``n_test`` others.

    ``kernels`` are those that its models were trained by, more than one kind where runs were merged.

    ``n_classes`` is None where nobody has said it: theory then has nothing to say. ``fingerprint`` tells the examples from
    all others, where it was kept. ``arguments`` are those of the command, by which its data can be loaded again; ``given`` is
    what the user names now, and goes before them.

    >>> how = Experiment("digits", n_test=297, models=2000, fraction=0.7, n_classes=10, learner="KNN(k=1)")
    >>> how.iid, how.models, how.learner
    (True, 2000, 'KNN(k=1)')
    """

    data: str
    n_test: int
    models: int
    fraction: float
    n_classes: int | None = None
    score: str = "correct"
    design: str | None = None
    learner: str | None = None
    seed: int | None = None
    device: str | None = None
    fingerprint: str = field(default="", repr=False)
    kernels: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)
    given: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def iid(self) -> bool:
        """Whether trials are independent of each other: those of an orthogonal array are not."""
        return not (self.design or "").startswith("Orthogonal")

    @property
    def source(self) -> str | None:
        """The name of the data, as given, else as recorded; None where there is none that could be one."""
        name = self.given.get("data", self.arguments.get("data"))
        return name if isinstance(name, str) else None

    def taught(self, given: str | None = None) -> Learner:
        """The learner that was trained, or the one ``given`` in its stead.

        >>> how = Experiment(data="digits", n_test=10, models=64, fraction=0.7, n_classes=10, learner="KNN(k=3)")
        >>> how.taught(), how.taught("ridge")
        (KNN(k=3), Ridge(penalty=1.0))
        """
        from empirical.estimates.recorded import recorded_learner
        from empirical.learners.parse import parse_learner

        return parse_learner(given) if given else recorded_learner(self.arguments.get("learner") or self.learner or "")

    def dataset(self, n: int, data_dir: str | None = None) -> Dataset:
        """The data set, loaded again; an ArgumentError where that cannot be, or it is another by now."""
        from empirical.estimates.recorded import recorded_dataset

        if not self.source:
            raise ArgumentError("directory", self.data, "its data set has no name; the report does without pictures")
        given = {**self.given} if data_dir is None else {**self.given, "data_dir": str(data_dir)}
        dataset = recorded_dataset(dict(self.arguments), given, self.fingerprint)
        self._check_same(dataset.data, n)
        return dataset

    def _check_same(self, data: Data, n: int) -> None:
        """Refuse data that are not those of the run: an example's number would then be another example."""
        from empirical.data.fingerprint import digest

        sizes, run = (data.n, data.n_test), (n, self.n_test)
        if sizes != run:
            changed = "{} + {} examples where the run had {} + {}".format(*sizes, *run)
        elif self.fingerprint and digest(data) != self.fingerprint:
            changed = "other examples or labels"
        else:
            return
        remedy = "its data have changed since the run; estimate again with these"
        raise ArgumentError("directory", f"{self.data}, now with {changed}", remedy)


@dataclass(frozen=True)
class Trust:
    """How far to trust the estimates: the number of pairs that chance alone would give, and what two halves of the models
    agree on, the correlation of their memorization and the Jaccard index of their pairs; NaN where it is not known.
    ``halves`` has what either half says of each example.

    >>> Trust(false_pairs=0.4, correlation=0.93, jaccard=0.71)
    Trust(false_pairs=0.4, correlation=0.93, jaccard=0.71)
    """

    false_pairs: float = float("nan")
    correlation: float = float("nan")
    jaccard: float = float("nan")
    halves: pd.DataFrame | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Measured:
    """Memorization of every training example, the pairs of influence ``threshold`` or more whose training example has
    memorization ``least`` or more, and the experiment.

    ``test_accuracy`` (the mean score, of other scores) is of models trained on a share ``accurate_at`` of the examples.
    ``usual_pairs`` counts the pairs of influence .15 or more, where these were not all kept. ``leak`` is what margins leak,
    ``observed`` what else models say of influence, ``explained`` which examples carry and hurt the answers that hang most on who
    was trained on, ``issues`` which labels are likely wrong, where models kept classes (``empirical.estimates.issues``).

    >>> import pandas as pd
    >>> table = pd.DataFrame({"index": [0, 1], "memorization": [0.5, 0.0], "stderr": 0.1, "in_accuracy": 1.0})
    >>> pairs = pd.DataFrame({"train_index": [0], "test_index": [2], "influence": [0.3], "stderr": [0.1]})
    >>> found = Measured(Experiment("mine", n_test=3, models=100, fraction=0.7), table, pairs)
    >>> found.n, found.influenced, found.summary["mean_memorization"]
    (2, (1, 1, 1), 0.25)
    """

    experiment: Experiment
    memorization: pd.DataFrame = field(repr=False)
    pairs: pd.DataFrame = field(repr=False)
    threshold: float = THRESHOLD
    least: float = 0.0
    test_accuracy: float = float("nan")
    accurate_at: float = float("nan")
    usual_pairs: int | None = None
    trust: Trust = field(default_factory=Trust)
    leak: Leak | None = field(default=None, repr=False)
    observed: Observed = field(default_factory=Observed, repr=False)
    explained: pd.DataFrame | None = field(default=None, repr=False)
    issues: pd.DataFrame | None = field(default=None, repr=False)

    def _repr_html_(self) -> str:
        """The summary, and who is memorized most."""
        told = [(name, value) for name, value in self.summary.items() if isinstance(value, (int, float, str))]
        top = self.memorization.nlargest(5, "memorization")
        most = table("memorized most", top.to_numpy().tolist(), [str(name) for name in top])
        return "".join(table("Measured", part) for part in (told[:20], told[20:]) if part) + most

    @property
    def n(self) -> int:
        """How many training examples."""
        return len(self.memorization)

    @property
    def values(self) -> Floats:
        """Memorization of the examples that have an estimate."""
        value = self.memorization["memorization"].to_numpy(float)
        return np.asarray(value[np.isfinite(value)])

    @property
    def partners(self) -> float:
        """How many training examples a test example was paired with, if tests are as many of each class."""
        if "label" not in self.memorization:
            return float(self.n)
        sizes = self.memorization["label"].value_counts().to_numpy(float)
        return float((sizes**2).sum() / sizes.sum())

    @property
    def equivalent(self) -> int:
        """How many independent trials would have had this noise: more than there were, where the design is balanced."""
        how = self.experiment
        if how.iid or "stderr" not in self.memorization:
            return how.models
        value, error = (self.memorization[name].to_numpy(float) for name in ("memorization", "stderr"))
        known = np.isfinite(value) & np.isfinite(error) & (value > 0) & (value < 1)
        noise = float((error[known] ** 2).sum())
        if noise <= 0:
            return how.models
        return max(round(float((value[known] * (1 - value[known])).sum()) / noise / (1 - how.fraction)), 2)

    @property
    def noise(self) -> Noise:
        """How far the subset estimator's estimates lie from the truth. What turn-over dropout finds is not fitted: it is biased,
        and comes with its own errors over nets (``empirical.report.turnover_section``).
        """
        return SubsetNoise(self.equivalent, self.experiment.fraction)

    @property
    def influenced(self) -> tuple[int, int, int]:
        """Pairs, distinct test examples in them, and test examples in exactly one."""
        times = self.pairs["test_index"].value_counts()
        return len(self.pairs), len(times), int((times == 1).sum())

    @property
    def mark(self) -> str:
        """Twelve digits that tell these estimates, on these data, from all others."""
        table = self.memorization[["index", "memorization"]].to_numpy(float)
        table = np.array([[float(f"{value:.9g}") for value in row] for row in table])  # as written, and read again
        return hashlib.sha256(self.experiment.fingerprint.encode() + table.tobytes()).hexdigest()[:12]

    def dataset(self, data_dir: str | None = None) -> Dataset:
        """The data set that the run was on, loaded again."""
        return self.experiment.dataset(self.n, data_dir)

    @property
    def summary(self) -> dict[str, Any]:
        """The object that ``--json`` prints; what is not known is None, for JSON has no NaN."""
        how, table = self.experiment, self.memorization
        value, error = (table[name].to_numpy(float) for name in ("memorization", "stderr"))
        known = np.isfinite(value)
        usual = self.usual_pairs
        if usual is None:
            usual = int((self.pairs["influence"].to_numpy(float) >= THRESHOLD).sum())
        facts = {
            "n": self.n,
            "n_test": how.n_test,
            "trials": how.models,
            "score": how.score,
            "mean_memorization": _mean(value[known]),
            "share_above_0.25": _mean(value[known] >= MEMORIZED),
            "threshold": float(self.threshold),
            pairs_key(self.threshold): len(self.pairs),
            pairs_key(THRESHOLD): usual,
            "expected_false_pairs": _number(self.trust.false_pairs),
            "test_accuracy": _number(self.test_accuracy),
            "train_accuracy": _mean(table["in_accuracy"].dropna().to_numpy(float)),  # of examples that were in
            "stderr": root_mean_square(error),
            "pairs_stderr": root_mean_square(self.pairs["stderr"].to_numpy(float)),
            "never_in_or_out": int((~known).sum()),
            "split_half_correlation": _number(self.trust.correlation),
            "split_half_jaccard": _number(self.trust.jaccard),
            "noise_share": _number(_noise_share(value, error)),
            "never_right": int((table["group"] == "never right").sum()) if "group" in table else None,
            "data": how.data,
            "fraction": how.fraction,
            "design": how.design,
            "learner": how.learner,
            "seed": how.seed,
        }
        if how.device is not None:
            facts["device"] = how.device
        if how.fingerprint:  # by which compare and remove know whether the data are still these
            facts["digest"] = how.fingerprint
            facts["kernels"] = list(how.kernels)
        if "label" not in table:
            facts["labels"] = how.n_classes
        return facts | self.observed.summary


def pairs_key(threshold: float) -> str:
    """The name under which the summary counts the pairs of at least that influence.

    >>> pairs_key(37 * 0.005), pairs_key(0.15)
    ('pairs_above_0.185', 'pairs_above_0.15')
    """
    return f"pairs_above_{threshold:.10g}"


def _noise_share(value: Floats, error: Floats) -> float:
    """How much of the variance of the estimates is their own error."""
    spread = float(np.nanvar(value)) if np.isfinite(value).any() else 0.0
    return min(float(np.nanmean(error**2)) / spread, 1.0) if spread > 0 and np.isfinite(error).any() else float("nan")


def _mean(values: Any) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
