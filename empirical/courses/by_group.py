"""How groups of training examples fare by epoch: what models make of their own, of what they did not see, and the difference.

For example i, a_i is the mean score of models that trained on i and b_i of those that did not (``empirical.estimates.cells``); a
group has the means of a, of b and of a − b (b − a for a loss) over its examples with two models or more in either cell asked for.
Its examples share their models, so the error is one over models: with f_m the score of model m on i, out of t models n_i with i,
the part that m has in the group's mean of a is

    ψ_m = (t/g) Σ_{i in the group, i in m} (f_m − a_i) / √(n_i (n_i − 1)),

g the examples, and its standard error √(Σ_m ψ_m²)/t; likewise for b, and for the difference with the difference of both parts.
The root puts right that a_i is itself a mean of n_i: the error of a group of one example is that of ``memorization``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from empirical.courses.groups import Groups
from empirical.estimates.memorization import slices
from empirical.training.trials import Trials
from longtail.core import Bools, Floats

LEAST = 2  # models in a cell
CELLS = ("in", "out", "memorization")


def by_group(trials: Trials, groups: Groups, last: int) -> pd.DataFrame:
    """One row a group and epoch: group, epoch, examples, and in, out and memorization with their ``_stderr``.

    ``last`` is the epoch at which training ended. ``examples`` are those with models enough in both cells, else in one.

    >>> masks, right = [[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 0], [0, 0, 1, 1]], np.eye(4, dtype=bool)
    >>> trials = Trials.of(np.array(masks, bool), right, np.ones((4, 1), bool))
    >>> table = by_group(trials, Groups(("first", "others"), np.array([0, 1, 1, 1])), last=1)
    >>> table[["group", "examples", "in", "out", "memorization"]].round(2).values.tolist()
    [['first', 1, 0.5, 0.0, 0.5], ['others', 3, 0.33, 0.17, 0.17]]
    """
    groups.check(trials.n)
    whole = [(epoch, trials.at(epoch)) for epoch in trials.earlier] + [(last, trials)]
    rows: list[dict[str, Any]] = []
    for epoch, one in whole:
        values, errors, sizes = _cells(one, groups)
        for g, name in enumerate(groups.names):
            row: dict[str, Any] = {"group": name, "epoch": epoch, "examples": int(sizes[2, g] or sizes[:, g].max())}
            for k, cell in enumerate(CELLS):
                row |= {cell: values[k, g], f"{cell}_stderr": errors[k, g]}
            rows.append(row)
    return pd.DataFrame(rows)


def _cells(trials: Trials, groups: Groups) -> tuple[Floats, Floats, Floats]:
    """Means, errors and numbers of examples, (3 cells, groups) each."""
    t, wide = trials.count, len(groups.names)
    total, sizes, parts = np.zeros((3, wide)), np.zeros((3, wide)), np.zeros((3, t, wide))
    for s in slices(trials.n):
        masks, scores = trials.masks_columns(s), trials.train_scores(s).astype(float)
        mean_in, part_in, known_in = _cell(masks, scores)
        mean_out, part_out, known_out = _cell(~masks, scores)
        both = known_in & known_out
        member = np.eye(wide)[groups.of[s]] * (groups.of[s] >= 0)[:, None]
        for k, (mean, part, known) in enumerate(
            (
                (mean_in, part_in, known_in),
                (mean_out, part_out, known_out),
                (trials.sign * (mean_in - mean_out), part_in - part_out, both),
            )
        ):
            of = member[known]
            total[k] += mean[known] @ of
            parts[k] += part[:, known] @ of
            sizes[k] += of.sum(0)
    with np.errstate(invalid="ignore"):
        values = total / sizes
        errors = np.sqrt((parts**2).sum(1)) / sizes
    return values, errors, sizes


def _cell(masks: Bools, scores: Floats) -> tuple[Floats, Floats, Bools]:
    """Means (n,), each model's part in them (t, n), and of which there are models enough."""
    n = masks.sum(0)
    known = n >= LEAST
    count = np.maximum(n, LEAST)
    mean = np.where(masks, scores, 0).sum(0) / count
    return mean, np.where(masks, scores - mean, 0) / np.sqrt(count * (count - 1)), known
