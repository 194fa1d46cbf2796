"""From RUN, a run's folder or a file of models trained elsewhere, to its trials and who the examples are."""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from empirical.data.examples import Examples
from empirical.data.sources.arrays import opened
from empirical.estimates.kept import read
from empirical.learners.score import BY_CLASS
from empirical.training.elsewhere import NEEDED, OPTIONAL, outside
from empirical.training.stored import stored
from longtail.core import ArgumentError, Integers, whole

if TYPE_CHECKING:
    from empirical.data.dataset import Dataset
    from empirical.estimates.measured import Measured
    from empirical.training.trials import Trials
    from longtail.command.parser import Parser

log = logging.getLogger("empirical")


@dataclass(frozen=True)
class Kept:
    """A run that is kept: its name and trials. ``measured`` are its estimates; None of models trained elsewhere, of which
    ``told`` is who the examples are.
    """

    name: str
    trials: Trials = field(repr=False)
    measured: Measured | None = field(default=None, repr=False)
    told: Examples = field(default=Examples(), repr=False)
    data_dir: str | None = None

    def dataset(self) -> Dataset:
        """The data set, loaded again; an ArgumentError where it cannot be."""
        if self.measured is None:
            remedy = "models trained elsewhere come without their data; give a run that estimate trained"
            raise ArgumentError("run", self.name, remedy)
        return self.measured.dataset(self.data_dir)

    @cached_property
    def shown(self) -> Dataset | None:
        """The data set, where it can be had; else None, and the reason in the log."""
        try:
            return self.dataset()
        except ArgumentError as error:
            log.info("without its data: %s", error)
            return None

    @property
    def examples(self) -> Examples:
        """Who the examples are, as far as it is known."""
        return self.told if self.shown is None else Examples.of(self.shown)


def kept(arguments: argparse.Namespace, score: str | None = None) -> Kept:
    """What RUN names, of the ``score`` that is needed; None takes any."""
    path = Path(arguments.run)
    if path.suffix == ".npz" and not path.is_dir():
        parts = opened(str(path), (*NEEDED, *OPTIONAL), NEEDED, "run")
        given = score or getattr(arguments, "score", None) or "correct"
        trials, examples = outside(*(parts[name] for name in NEEDED), score=given, parts=parts)
        if trials.score in BY_CLASS:
            trials = trials.judged(examples.y_train, examples.y_test)
        return Kept(path.name, trials, told=examples)
    if getattr(arguments, "score", None) is not None:
        raise ArgumentError("--score", arguments.score, "a run knows its own score: it is of a .npz file only")
    found = read(path, data=arguments.data, prior=arguments.prior, score=score)
    how = found.experiment

    def loaded() -> Integers:
        return found.dataset(arguments.data_dir).data.y_train

    first = whole("first", how.arguments.get("first", 0), 0)
    away = how.arguments.get("store")
    if away and not (path / "trials").is_dir():
        remedy = f"its trials are in {away}: bring them by python -m empirical.estimate ... --merge {away} --out {path}"
        raise ArgumentError("run", str(path), remedy)
    if isinstance(how.arguments.get("masks"), str) and not (path / "trials").is_dir():
        remedy = "its models were trained elsewhere: give the .npz file of them itself"
        raise ArgumentError("run", str(path), remedy)
    trials = stored(path / "trials", how.models, first=first, classes=loaded)
    if trials.score in BY_CLASS and (trials.n, trials.n_test) == (found.n, how.n_test):
        data = found.dataset(arguments.data_dir).data
        trials = trials.judged(data.y_train, data.y_test)
    if (trials.n, trials.n_test, trials.score) != (found.n, how.n_test, how.score):
        remedy = "its trials are of another run than its tables: estimate again into a new folder"
        raise ArgumentError("run", f"{path}, of {found.n} examples and trials of {trials.n}", remedy)
    return Kept(how.data, trials, found, data_dir=arguments.data_dir)


def add_kept(p: Parser, score: str | None = None) -> None:
    """RUN, of one ``score`` or of any, and what of it no folder can name."""
    wanted, having = ("", "") if score is None else (f" --score {score}", f", with {score}s")
    p.add_argument(
        "run",
        metavar="RUN",
        help=f"folder that python -m empirical.estimate{wanted} --out wrote, or models trained elsewhere: a .npz file of masks, "
        f"correct_train, correct_test as estimate --masks takes it{having}",
    )
    p.add_argument("--data-dir", metavar="DIR", help="where official files are (default: LONGTAIL_DATA)")
    p.add_argument("--data", metavar="DATA", help="the run's data, where they moved or are a function of yours")
    p.add_argument("--prior", metavar="SPEC", help="the run's prior of planted data, where it is a class of yours")
