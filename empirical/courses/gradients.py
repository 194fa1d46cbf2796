"""Gradients by group and epoch: how long an example's own is, and how far a group's goes the way of the others'.

With g_i the gradient of example i's loss, Ḡ the mean over a group's and R̄ over all other examples that the model trained on:

    norm = mean ‖g_i‖,   coherence = ‖Ḡ‖ / norm,   alignment = Ḡ·R̄ / (‖Ḡ‖ ‖R̄‖).

A coherence of 1 means that a group's gradients are all the same, of 1/√(size of the group) that they have nothing in common; an
alignment below 0 that a step for the others undoes what the group has learned. In closed form, ``empirical.courses.backward``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from empirical.courses.backward import Backward, Nets
from empirical.courses.groups import Groups
from longtail.core import Bools, Floats, whole

COLUMNS = ("norm", "coherence", "alignment")


def gradients(nets: Nets, groups: Groups, models: int, epochs: Sequence[int]) -> pd.DataFrame:
    """One row a group and epoch: group, epoch, and the three with ``_stderr`` over models, each on its own examples.

    >>> from empirical.data.data import Data
    >>> from empirical.learners import MLP
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> nets = Nets.of(MLP(3, epochs=2), Data(x, y, x, y, (0, 1)))
    >>> table = gradients(nets, Groups(("zeros", "ones"), y), models=2, epochs=(1, 2))
    >>> table[["group", "epoch"]].values.tolist(), table.columns[2:4].tolist()
    ([['zeros', 1], ['ones', 1], ['zeros', 2], ['ones', 2]], ['norm', 'norm_stderr'])
    """
    groups.check(nets.data.n)
    found = np.array([_model(nets, groups, k, epochs) for k in range(whole("models", models, 2))])
    mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(models)
    rows: list[dict[str, Any]] = []
    for e, epoch in enumerate(epochs):
        for g, name in enumerate(groups.names):
            row: dict[str, Any] = {"group": name, "epoch": epoch}
            for k, column in enumerate(COLUMNS):
                row |= {column: mean[e, g, k], f"{column}_stderr": error[e, g, k]}
            rows.append(row)
    return pd.DataFrame(rows)


def _model(nets: Nets, groups: Groups, model: int, epochs: Sequence[int]) -> list[Floats]:
    inside = nets.mask(model)
    members = [inside & (groups.of == g) for g in range(len(groups.names))]
    return nets.read(model, epochs, lambda back: _three(back, inside, members))


def _three(back: Backward, inside: Bools, members: Sequence[Bools]) -> Floats:
    """(groups, 3); NaN for a group of which the model saw none, or all that it saw."""
    norms, found = back.norms(), np.full((len(members), 3), np.nan)
    for own, out in zip(members, found, strict=True):
        rest = inside & ~own
        if own.any() and rest.any():
            mine, others = back.mean(own), back.mean(rest)
            length = float(np.linalg.norm(mine))
            out[0], out[1] = norms[own].mean(), length / norms[own].mean()
            out[2] = mine @ others / (length * np.linalg.norm(others))
    return found
