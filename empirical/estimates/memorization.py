"""mem_i = mean(right on i | i in) − mean(right on i | i out), with its error (Feldman & Zhang, arXiv 2008.03703)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from empirical.designs import Orthogonal
from empirical.estimates import orthogonal_errors as residuals
from empirical.estimates.cells import Cells
from empirical.estimates.groups import groups
from empirical.estimates.pairing import whole_labels
from empirical.training.trials import Trials
from longtail.core import Floats, Integers

BLOCK = 1024  # examples at a time
LEVEL = 0.95


def memorization(trials: Trials, y_train: Any = None, *, level: float = LEVEL) -> pd.DataFrame:
    """One row an example: index, label, memorization, stderr, in_accuracy, out_accuracy, low, high, n_in, n_out, group
    (``empirical.estimates.groups``).

    With another score than "correct" the accuracies are mean scores; of a loss, memorization is what it falls by. An
    example never in or never out is NaN.

    >>> masks = [[1, 1], [1, 0], [0, 1], [0, 0]]
    >>> right = [[1, 1], [1, 1], [0, 1], [0, 0]]  # on the first example where it was in, on the second in one more
    >>> memorization(Trials.of(masks, right, masks))[["memorization", "in_accuracy", "out_accuracy"]].to_numpy().tolist()
    [[1.0, 1.0, 0.0], [0.5, 1.0, 0.5]]
    """
    y = whole_labels("y_train", y_train, trials.n)
    return table(memorization_cells(trials, y), y, level=level)


def table(cells: Cells, y: Integers | None = None, *, level: float = LEVEL) -> pd.DataFrame:
    """The same of cells; with groups where scores are right and wrong.

    >>> table(Cells.of_sums(4, [2], [2], 2))["memorization"].tolist()
    [1.0]
    """
    low, high = cells.interval(level)
    columns: dict[str, Any] = {"index": np.arange(len(low))}
    if y is not None:
        columns["label"] = y
    columns |= {"memorization": cells.value, "stderr": cells.stderr}
    columns |= {"in_accuracy": cells.in_mean, "out_accuracy": cells.out_mean, "low": low, "high": high}
    columns |= {"n_in": cells.n_in.astype(int), "n_out": cells.n_out.astype(int)}
    found = pd.DataFrame(columns)
    if cells.binary:
        found["group"] = groups(found)
    return found


def memorization_cells(trials: Trials, y_train: Integers | None = None) -> Cells:
    """The two cells of every training example, on itself.

    >>> masks = [[1, 1], [1, 0], [0, 1], [0, 0]]
    >>> cells = memorization_cells(Trials.of(masks, [[1, 1], [1, 1], [0, 1], [0, 0]], masks))
    >>> cells.value.tolist(), cells.n_in.tolist()
    ([1.0, 0.5], [2.0, 2.0])
    """
    binary = trials.score == "correct"
    n_in, in_sum, total, in_square, square = np.zeros((5, trials.n))
    for s in slices(trials.n):
        masks, scores = trials.masks_columns(s), trials.train_scores(s)
        n_in[s] = masks.sum(0)
        if binary:
            in_sum[s], total[s] = (masks & scores).sum(0), scores.sum(0)
        else:
            f = scores.astype(float)
            in_sum[s], total[s] = (f * masks).sum(0), f.sum(0)
            in_square[s], square[s] = (f * f * masks).sum(0), (f * f).sum(0)
    squares = () if binary else (in_square, square)
    cells = replace(Cells.of_sums(trials.count, n_in, in_sum, total, *squares), sign=trials.sign)
    design = residuals.arrays(trials)
    return cells if design is None else replace(cells, residual=_residual(trials, design, y_train))


def _residual(trials: Trials, design: Orthogonal, y_train: Integers | None) -> Floats:
    """Standard errors of memorization under an orthogonal array."""
    out = np.full(trials.n, np.nan)
    everyone, scores = trials.masks(), trials.train_scores()
    for members in residuals.groups(trials, y_train):
        masks = everyone[:, members]
        for s in slices(len(members)):
            part = members[s]
            own = np.arange(len(part))
            out[part] = np.sqrt(residuals.variance(design, masks, scores[:, part], s.start + own, own))
    return out


def slices(width: int, step: int = BLOCK) -> Iterator[slice]:
    """Consecutive slices of at most ``step`` that cover ``width``; they start at whole bytes.

    >>> list(slices(2500))
    [slice(0, 1024, None), slice(1024, 2048, None), slice(2048, 2500, None)]
    """
    for start in range(0, width, step):
        yield slice(start, min(start + step, width))
