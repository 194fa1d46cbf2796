"""What each limit costs: one table of the learners, one by bin of memorization, one by group, theory's word beside each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.dataset import Dataset
from empirical.estimates.learning import learning
from empirical.estimates.measure import accuracy
from empirical.estimates.measured import Experiment, Measured
from empirical.estimates.memorization import memorization
from empirical.estimates.observed import Observed
from empirical.estimates.removal import paired
from empirical.estimates.totals import totals
from empirical.limits import losses
from empirical.limits.arms import Arm
from empirical.limits.losses import Pair
from empirical.limits.theory import Theory, limit
from empirical.training.trials import Trials
from longtail.core import ArgumentError
from longtail.learners import Private

if TYPE_CHECKING:
    import pandas as pd

NAN = float("nan")


@dataclass(frozen=True)
class Groups:
    """The group of each training and test example.

    >>> from empirical.data.load import load
    >>> np.unique(Groups.of(load("planted", n=60)).train).tolist()
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']
    """

    train: NDArray[np.str_]
    test: NDArray[np.str_]

    @classmethod
    def of(cls, dataset: Dataset, column: bool = False) -> Groups:
        """The classes, or the column that was read as the rows' names."""
        data = dataset.data
        if column:
            if dataset.train_ids is None or dataset.test_ids is None:
                raise ArgumentError("groups", dataset.name, "it has no columns; leave it out, and groups are classes")
            return cls(np.array([str(v) for v in dataset.train_ids]), np.array([str(v) for v in dataset.test_ids]))
        names = np.array([str(c) for c in data.classes])
        return cls(names[data.y_train], names[data.y_test])


@dataclass(frozen=True)
class Costs:
    """``arms``: accuracy lost by each; ``bins``: by bin of the unlimited learner's memorization; ``groups``: by group.

    >>> import pandas as pd
    >>> found = Costs(pd.DataFrame({"arm": ["ε = 2"], "lost": [0.03]}), pd.DataFrame(), pd.DataFrame())
    >>> list(found.frames), found.theory
    (['arms', 'bins', 'groups'], None)
    """

    arms: pd.DataFrame = field(repr=False)
    bins: pd.DataFrame = field(repr=False)
    groups: pd.DataFrame = field(repr=False)
    theory: dict[str, Any] | None = None

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """By the names of their files."""
        return {"arms": self.arms, "bins": self.bins, "groups": self.groups}


def observed(dataset: Dataset, trials: Trials, fraction: float, learner: str, half: Trials | None = None) -> Measured:
    """What the unlimited learner memorizes, as theory takes it; with models on ``half`` as many examples what these err too, and
    what examples carry: theory is then fitted to all of it.

    >>> from empirical.data.load import load
    >>> from empirical.designs import Fixed
    >>> from empirical.learners import KNN
    >>> from empirical.training.job import Job
    >>> from empirical.training.run import run
    >>> dataset = load("planted", n=60)
    >>> seen = observed(dataset, run(Job(dataset.data, KNN(), Fixed(0.7)), 16), 0.7, "KNN(k=1)")
    >>> seen.n, seen.experiment.models
    (60, 16)
    """
    import pandas as pd

    data = dataset.data
    seen = memorization(trials, data.y_train)
    none = pd.DataFrame({"train_index": [], "test_index": [], "influence": []})
    how = Experiment(dataset.name, data.n_test, trials.count, fraction, data.n_classes, learner=learner)
    more = Observed()
    if half is not None:
        more = Observed(totals(trials), learning=learning([(trials, fraction), (half, fraction / 2)]))
    return Measured(how, seen, none, test_accuracy=accuracy(trials), accurate_at=fraction, observed=more)


def costs(
    arms: Sequence[Arm], trials: Sequence[Trials], seen: Measured, groups: Groups, theory: Theory | None, seed: int = 0
) -> Costs:
    """Of all arms, the first of which is the unlimited one; ``trials`` are theirs, in order.

    >>> from empirical.data.load import load
    >>> from empirical.designs import Fixed
    >>> from empirical.learners import KNN
    >>> from empirical.limits.arms import OTHER, UNLIMITED
    >>> from empirical.training.job import Job
    >>> from empirical.training.run import run
    >>> dataset, both = load("planted", n=60), [Arm(UNLIMITED, KNN(1)), Arm(OTHER, KNN(9))]
    >>> trials = [run(Job(dataset.data, arm.learner, Fixed(0.7)), 8) for arm in both]
    >>> seen = observed(dataset, trials[0], 0.7, "KNN(k=1)")
    >>> costs(both, trials, seen, Groups.of(dataset), None).arms[["arm", "models"]].to_numpy().tolist()
    [['unlimited', 8], ['KNN(k=9)', 8]]
    """
    import pandas as pd

    rows, bins, parts = [], [], []
    edges, n_classes = np.array(losses.EDGES), int(seen.experiment.n_classes or 2)
    for arm, found in zip(arms, trials, strict=True):
        pair = Pair(trials[0], found)
        lost, stderr = paired(pair.test())
        level, unsure = losses.gamma(pair, n_classes), losses.gamma_stderr(pair, n_classes)
        row = {**arm.record(), "models": found.count, "test_accuracy": accuracy(found), "lost": lost, "stderr": stderr}
        row |= {
            "memorization": float(np.nanmean(losses.memorized(found))),
            "gamma": level,
            "gamma_stderr": unsure,
            "lost_limited": NAN,
            "lost_limited_stderr": NAN,
            "lost_private": NAN,
        }
        table, group = losses.by_memorization(pair, edges), losses.by_group(pair, groups.test)
        for frame, names in ((table, ("in_predicted", "out_predicted")), (group, ("predicted",))):
            for name in names:
                frame[name] = NAN
        if theory is not None and np.isfinite(level):
            learner = limit(level)
            error = theory.stderr(learner)
            if np.isfinite(unsure):
                ends = [theory.lost(limit(float(np.clip(level + s, 0, 1)))) for s in (-unsure, unsure)]
                error = float(np.hypot(error, (ends[0] - ends[1]) / 2))
            row |= {"lost_limited": theory.lost(learner), "lost_limited_stderr": error}
            if arm.privacy is not None:
                row["lost_private"] = theory.lost(Private(min(arm.privacy.epsilon, 700.0), arm.privacy.delta))
            # else half of them say nothing of bins
            if (1 - theory.fit.noise.fraction) * (half := found.count // 2) >= 1:
                expected = theory.by_memorization(learner, edges, half)
                table["in_predicted"], table["out_predicted"] = expected["in_lost"], expected["out_lost"]
            group["predicted"] = theory.by_group(learner, groups.train, group["group"].tolist())
        if arm is not arms[0]:
            row |= _disparity(pair, group, groups, seed)
            bins.append(table.assign(arm=arm.name))
            parts.append(group.assign(arm=arm.name))
        rows.append(row)
    told = None if theory is None else theory.fit.record()
    return Costs(pd.DataFrame(rows), _first(pd.concat(bins)), _first(pd.concat(parts)), told)


def _disparity(pair: Pair, group: pd.DataFrame, groups: Groups, seed: int) -> dict[str, Any]:
    """Who loses most, whether chance alone would do that, and whether theory has groups in the same order."""
    from scipy import stats

    worst = group.iloc[int(group["lost"].to_numpy().argmax())]
    both = group[["lost", "predicted"]].dropna()
    told = len(both) > 2 and (both.nunique() > 1).all()
    return {
        "worst_group": worst["group"],
        "worst_lost": float(worst["lost"]),
        "worst_stderr": float(worst["stderr"]),
        "disparity_p": losses.disparity(pair, groups.test, seed) if len(group) > 1 else NAN,
        "order": float(stats.spearmanr(both["lost"], both["predicted"])[0]) if told else NAN,
    }


def _first(frame: pd.DataFrame) -> pd.DataFrame:
    """``arm`` as the first column."""
    return frame[["arm", *(name for name in frame.columns if name != "arm")]].reset_index(drop=True)
