"""Groups that a command is asked for: by a column of the data, by class, by whose label was replaced, or by what a run found."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from longtail.core import ArgumentError, Bools

if TYPE_CHECKING:
    from empirical.courses.groups import Groups
    from empirical.data.data import Data
    from empirical.data.dataset import Dataset

LABELS, NOISE = "labels", "noise"
HELP = (
    f"{LABELS}; {NOISE}, labels as given and relabeled ones (the default with --noise); the folder of a run of estimate, "
    "thirds by its memorization; or a column of a table"
)


@dataclass(frozen=True)
class Loaded:
    """A data set, and the column that was asked for as each training example's group, if there is one."""

    dataset: Dataset
    column: NDArray[Any] | None = field(default=None, repr=False)


def loaded(arguments: argparse.Namespace) -> Loaded:
    """The data, with the column of groups read in the place of the rows' names."""
    from empirical.data.load import load
    from empirical.estimates.recorded import KINDS

    options: dict[str, Any] = {name: getattr(arguments, name) for name in KINDS}
    asked = arguments.groups
    if asked is None or asked in (LABELS, NOISE) or Path(asked).is_dir():
        return Loaded(load(arguments.data, **options))
    if options["id"] is not None:
        raise ArgumentError("--id", options["id"], "--groups takes its place; leave one out")
    try:
        dataset = load(arguments.data, **{**options, "id": asked})
    except ArgumentError as error:
        if error.argument != "id":
            raise
        raise ArgumentError("--groups", error.shown, f"{error.remedy}; or give {HELP}") from error
    if dataset.train_ids is None:
        raise ArgumentError("--groups", asked, f"{dataset.name} has no columns; give {HELP}")
    return Loaded(dataset, np.array([str(v) for v in dataset.train_ids]))


def grouped(asked: str | None, found: Loaded, data: Data, changed: Bools) -> Groups:
    """The groups of a data set's training examples, of which some labels may be ``changed``."""
    from empirical.courses.groups import MOST, Groups

    if asked == NOISE or (asked is None and changed.any()):
        if changed.all() or not changed.any():
            raise ArgumentError("--groups", NOISE, "labels are all of one kind: give a --noise above 0 and below 1")
        return Groups.by_change(changed)
    if found.column is not None:
        try:
            return Groups.by_column(found.column)
        except ArgumentError as error:
            raise ArgumentError("--groups", error.shown, f"give a column of at most {MOST}") from error
    if asked is None or asked == LABELS:
        held = np.unique(data.y_train)
        return Groups(tuple(str(data.classes[k]) for k in held), np.searchsorted(held, data.y_train))
    return Groups.ranked(_memorization(asked, found.dataset.data))


def _memorization(directory: str, data: Data) -> Any:
    from empirical.data.fingerprint import digest
    from empirical.estimates.kept import read

    try:
        run = read(directory)
    except ArgumentError as error:
        raise ArgumentError("--groups", error.shown, error.remedy) from error
    if run.n != data.n or (run.experiment.fingerprint and run.experiment.fingerprint != digest(data)):
        raise ArgumentError("--groups", directory, "it is a run on other data; give one on these")
    values = np.full(data.n, np.nan)
    values[run.memorization["index"].to_numpy(int)] = run.memorization["memorization"].to_numpy(float)
    return values
