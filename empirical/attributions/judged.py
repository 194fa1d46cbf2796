"""Attribution scores judged by models that they have not seen: one row a test example, and a handful of numbers in all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.attributions.ceiling import ceiling
from empirical.attributions.lds import lds
from empirical.standins.judge import auc
from empirical.training.trials import Trials
from longtail.core import ArgumentError, Estimate, Integers

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Judged:
    """``table``: index, lds, stderr, low, high, explained, loo, reliability, by test example. ``models`` judge; ``lds`` is the
    mean, ``highest`` its noise ceiling, ``left_out`` the corrected leave-one-out correlation; ``mislabeled`` the AUC of what
    hurts for flipped labels, where these are known; ``brittle`` a table where models were retrained.

    >>> rng = np.random.default_rng(0)
    >>> masks, w = rng.random((200, 5)) < 0.5, np.array([[3.0], [2.0], [1.0], [0.0], [-1.0]])
    >>> trials = Trials.of(masks, masks * 1.0, masks @ w + rng.normal(size=(200, 1)), score="margin")
    >>> judged(trials, w).summary["tests_that_vary"]
    1
    """

    models: int
    score: str
    table: pd.DataFrame = field(repr=False)
    lds: Estimate
    highest: Estimate | None
    left_out: Estimate | None
    mislabeled: Estimate | None = None
    brittle: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def summary(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        found: dict[str, Any] = {"models": self.models, "score": self.score, "tests": len(self.table)}
        found["tests_that_vary"] = int(self.table["lds"].notna().sum())
        for name in ("lds", "highest", "left_out", "mislabeled"):
            one = getattr(self, name)
            found[name] = None if one is None else float(one.value)
            found[f"{name}_stderr"] = None if one is None else float(one.stderr)
        found["brittle"] = None if self.brittle is None else self.brittle.to_dict("records")
        return found


def judged(trials: Trials, scores: Any, *, tests: Integers | None = None, flipped: Any = None) -> Judged:
    """Scores (n, q) against trials that had no part in them; ``tests`` are the q test examples, all of them unless told.

    ``flipped``, booleans or indices, are training examples whose labels are known to be wrong. A ceiling and leaving one out
    are told of independent trials only.

    >>> rng = np.random.default_rng(0)
    >>> masks, w = rng.random((200, 5)) < 0.5, np.array([[3.0], [2.0], [1.0], [0.0], [-1.0]])
    >>> trials = Trials.of(masks, masks * 1.0, masks @ w + rng.normal(size=(200, 1)), score="margin")
    >>> list(judged(trials, w).table)
    ['index', 'lds', 'stderr', 'low', 'high', 'explained', 'loo', 'reliability']
    """
    import pandas as pd

    a = np.asarray(scores, float)
    at = np.arange(trials.n_test) if tests is None else np.asarray(tests, np.int64)
    if at.size and not 0 <= at.min() <= at.max() < trials.n_test:
        raise ArgumentError("tests", f"{at.min()}..{at.max()}", f"give indices from 0 to {trials.n_test - 1}")
    one = lds(trials, a, at)
    low, high = one.interval
    columns: dict[str, Any] = {"index": at, "lds": one.value, "stderr": one.stderr, "low": low, "high": high}
    table = pd.DataFrame(columns)
    limit = ceiling(trials, a, at) if trials.iid else None
    if limit is not None:
        beside = {"explained": limit.explained, "loo": limit.loo, "reliability": limit.reliability}
        table = table.merge(pd.DataFrame({"index": limit.tests, **beside}), on="index", how="left")
    wrong = None if flipped is None else auc(-a.sum(1), marked(flipped, trials.n))
    return Judged(
        trials.count,
        trials.score,
        table,
        one.mean,
        None if limit is None else limit.lds,
        None if limit is None else limit.left_out,
        wrong,
    )


def marked(flipped: Any, n: int) -> Any:
    """Booleans (n,) of indices, or of one number an example that is 0 or 1.

    >>> marked([2], 4).tolist()
    [False, False, True, False]
    """
    values = np.asarray(flipped)
    if values.shape == (n,) and np.isin(values, (0, 1)).all():
        return values.astype(bool)
    whole = values.ndim == 1 and values.size and values.dtype.kind in "iuf" and bool((values % 1 == 0).all())
    if not whole or not 0 <= values.min() <= values.max() < n or len(np.unique(values)) < len(values):
        remedy = f"give {n} numbers 0 or 1, or the indices, each once, from 0 to {n - 1}, of the examples whose label is wrong"
        raise ArgumentError("flipped", f"{values.dtype} of shape {values.shape}", remedy)
    out = np.zeros(n, bool)
    out[values.astype(np.int64)] = True
    return out
