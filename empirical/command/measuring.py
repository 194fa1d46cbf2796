"""From trials, held or left in their store, to what was measured: the threshold, the pairs in a file, tables and trust."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from empirical.command.running import Outcome
from empirical.estimates import THRESHOLD
from empirical.estimates.bounded import Bounded
from empirical.estimates.halves import curve
from empirical.estimates.issues import judged
from empirical.estimates.measure import lowest_threshold, measure, written
from empirical.estimates.measured import Measured
from empirical.estimates.streamed import Written, raised
from empirical.learners.score import BY_CLASS
from empirical.training.shelved import Shelved
from empirical.training.trials import Trials
from longtail.core import ArgumentError

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("empirical")


@dataclass(frozen=True)
class Found:
    """What was measured, what the summary says of pairs in a file, and how errors fell as trials grew in number."""

    measured: Measured
    facts: dict[str, Any]
    curve: Callable[[], pd.DataFrame] = field(repr=False)


def measured(outcome: Outcome, arguments: argparse.Namespace, out: Path | None, largest: int) -> Found:
    """Tables and trust; with --memory all pairs go to pairs.parquet, and at most the ``largest`` so many into tables."""
    if isinstance(outcome.trials, Shelved):
        return _in_store(outcome, outcome.trials, arguments, out, largest)
    trials, examples = outcome.trials, outcome.examples
    how = {"published_rule": arguments.published_rule, "device": outcome.device}
    threshold = _threshold(arguments, lambda rate: lowest_threshold(trials, examples, rate, **how))
    facts: dict[str, Any] = {}
    if outcome.memory is not None and out is not None:
        more = {"published_rule": arguments.published_rule, "memory": outcome.memory, "workers": arguments.workers}
        path = out / "pairs.parquet"
        done = written(path, trials, examples, threshold=threshold, keep=largest + 1, **more)
        facts, threshold = _told(path, done, threshold, largest)
    half = outcome.half if isinstance(outcome.half, Trials) else None
    found = measure(trials, examples, outcome.experiment, threshold=threshold, half=half, **how)
    x = None if outcome.dataset is None else outcome.dataset.data.x_train
    found = replace(found, issues=judged(outcome.predicted, examples, x, seed=arguments.seed))
    return Found(found, facts, lambda: curve(trials))


def _in_store(
    outcome: Outcome, trials: Shelved, arguments: argparse.Namespace, out: Path | None, largest: int
) -> Found:
    """The same of trials that stay where they are."""
    if outcome.memory is None or out is None:
        raise ArgumentError("--memory", None, "say how much, and by --out where pairs.parquet is to be written")
    if arguments.score in BY_CLASS:
        log.info("labels are not judged of trials that stay in their store: leave --memory out, or run longtail clean")
    bounded = Bounded(trials, outcome.examples, outcome.memory, arguments.workers)
    rule = arguments.published_rule
    threshold = _threshold(arguments, lambda rate: bounded.lowest_threshold(rate, published_rule=rule))
    path = out / "pairs.parquet"
    done = bounded.write(path, threshold, published_rule=rule, keep=largest + 1)
    facts, least = _told(path, done, threshold, largest)
    pairs = done.largest[done.largest["influence"] >= least]
    half = outcome.half.bits if isinstance(outcome.half, Shelved) else None
    found = bounded.measure(outcome.experiment, pairs, least, published_rule=rule, half=half)
    return Found(found, facts, lambda: bounded.curve)


def _threshold(arguments: argparse.Namespace, lowest: Callable[[float], float]) -> float:
    """That of pairs: given, or by the share of false ones."""
    threshold = THRESHOLD if arguments.threshold is None else arguments.threshold
    if arguments.fdr is not None:
        threshold = lowest(arguments.fdr)
        if threshold != threshold:
            remedy = "no threshold keeps false pairs to that share; train more models"
            raise ArgumentError("--fdr", arguments.fdr, remedy)
    return float(threshold)


def _told(path: Path, done: Written, threshold: float, largest: int) -> tuple[dict[str, Any], float]:
    """What the summary says of the file, and the threshold of pairs in tables."""
    log.info("wrote %s: %s pairs", path, f"{done.pairs:,}")
    least = raised(done, threshold, largest)
    if least > threshold:
        log.info("tables, figures and summary have the pairs of influence %.6g or more", least)
    return {"parquet": {"threshold": threshold, "pairs": done.pairs}}, least


def by_right(outcome: Outcome, found: Measured) -> Measured:
    """The same of being right, which margins tell too, for a report speaks of that; and with it what the margins leak."""
    if found.experiment.score != "margin" or not isinstance(outcome.trials, Trials):
        return found
    experiment = replace(found.experiment, score="correct")
    half = outcome.half if isinstance(outcome.half, Trials) else None
    return replace(measure(outcome.trials.right, outcome.examples, experiment, half=half), leak=found.leak)
