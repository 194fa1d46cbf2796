"""From a run's folder, or a file of models trained elsewhere, to the margins that an attack reads."""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from empirical.data.sources.npz import opened
from empirical.estimates.kept import read
from empirical.limits.accounted import accounted
from empirical.training.elsewhere import NEEDED, OPTIONAL, outside
from empirical.training.stored import stored
from empirical.training.trials import Trials
from longtail.core import ArgumentError, Integers, whole

if TYPE_CHECKING:
    from empirical.learners.private.accountant import Privacy

log = logging.getLogger("empirical")


@dataclass(frozen=True)
class Target:
    """Margins, what is called how, and what the accountant says of the learner where it is a private one."""

    name: str
    trials: Trials
    classes: Integers | None
    names: pd.DataFrame
    privacy: Privacy | None = None


def target(arguments: argparse.Namespace) -> Target:
    """What RUN names."""
    path = Path(arguments.run)
    return _elsewhere(path) if path.suffix == ".npz" and not path.is_dir() else _trained(path, arguments)


def _elsewhere(path: Path) -> Target:
    parts = opened(str(path), (*NEEDED, *OPTIONAL), NEEDED, "run")
    trials, examples = outside(*(parts[name] for name in NEEDED), score="margin", parts=parts)
    names = pd.DataFrame(index=np.arange(trials.n))
    if examples.train_ids is not None:
        names["id"] = [str(one) for one in examples.train_ids]
    if examples.y_train is not None and examples.classes is not None:
        names["label"] = np.array(examples.classes, dtype=object)[examples.y_train]
    log.info("how subsets were drawn is not known of models trained elsewhere: no ε is proved")
    return Target(path.name, trials, examples.y_train, names)


def _trained(path: Path, arguments: argparse.Namespace) -> Target:
    found = read(path, data=arguments.data, prior=arguments.prior, score="margin")
    how = found.experiment

    def loaded() -> Integers:
        return found.dataset(arguments.data_dir).data.y_train

    first = whole("first", how.arguments.get("first", 0), 0)
    kept = how.arguments.get("store")
    if kept and not (path / "trials").is_dir():
        remedy = f"its trials are in {kept}: bring them by python -m empirical.estimate ... --merge {kept} --out {path}"
        raise ArgumentError("run", str(path), remedy)
    trials = stored(path / "trials", how.models, first=first, classes=loaded)
    if (trials.n, trials.score) != (found.n, "margin"):
        remedy = "its trials are of another run than its tables: estimate again into a new folder"
        raise ArgumentError("run", f"{path}, of {found.n} examples and trials of {trials.n}", remedy)
    names = found.memorization[[name for name in ("id", "label") if name in found.memorization]]
    classes = loaded() if getattr(trials.design, "stratified", False) else None
    return Target(how.data, trials, classes, names, accounted(how, found.n))
