"""From a run's folder, or a file of models trained elsewhere, to the margins that an attack reads."""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from empirical.command.opening import Kept, kept
from empirical.limits.accounted import accounted
from empirical.training.trials import Trials
from longtail.core import Integers

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
    found = kept(arguments, "margin")
    if found.measured is None:
        return _elsewhere(found)
    trials, measured = found.trials, found.measured
    names = measured.memorization[[name for name in ("id", "label") if name in measured.memorization]]
    classes = found.dataset().data.y_train if getattr(trials.design, "stratified", False) else None
    return Target(found.name, trials, classes, names, accounted(measured.experiment, measured.n))


def _elsewhere(found: Kept) -> Target:
    trials, examples = found.trials, found.told
    names = pd.DataFrame(index=np.arange(trials.n))
    if examples.train_ids is not None:
        names["id"] = [str(one) for one in examples.train_ids]
    if examples.y_train is not None and examples.classes is not None:
        names["label"] = np.array(examples.classes, dtype=object)[examples.y_train]
    log.info("how subsets were drawn is not known of models trained elsewhere: no ε is proved")
    return Target(found.name, trials, examples.y_train, names)
