"""Which labels to look at first: one table, ranked by the chance that the label is wrong.

    part               train, or test: an example to test on, which no model trained on
    index, id          the example in that part, and the user's name of it, where there is one
    given              its label
    suggested, share   the class that most models predict which did not see it (of equally many the likelier), and their share
    chance             that the given label is wrong (``empirical.estimates.mislabeled``)
    memorization       mean probability of its label, or share of models that predict it, with it in training less without
    nearest            the nearest training example of another label, that one's and its influence (``estimates.rivals``)
    duplicate          whether that one is nearly the same

The last are of the likeliest and of the memorized only, ``SHOWN`` at the least, for distances take n times as long. Test
examples are judged by all models, with the training examples' law of wrong labels and a share of wrong ones of their own; where
they are of another kind (of digits other people's), models err on them as on no training example, and chances are too high.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from empirical.estimates import MEMORIZED
from empirical.estimates.mislabeled import Mislabeled, Said, said, together
from empirical.estimates.rivals import Rivals, rivals
from empirical.learners.score import BY_CLASS
from empirical.training.trials import Trials
from longtail.core import ArgumentError, Integers

if TYPE_CHECKING:
    from empirical.data.examples import Examples

log = logging.getLogger("empirical")
SHOWN = 1000
LIKELY = 0.5  # chance from which a label is called an issue
FEW = 4000  # examples below which half of them teach too little
LEAST = 2  # models that did not see an example, on average, for anything to be said


@dataclass(frozen=True)
class Issues:
    """The ``table`` of a ``part``, ranked; ``found`` of it; ``models`` in all, and ``unseen`` of an example on average.

    >>> from empirical.data.examples import Examples
    >>> rng = np.random.default_rng(0)
    >>> y, masks = np.arange(60) % 3, rng.random((40, 60)) < 0.7
    >>> said = np.where(rng.random((40, 60)) < 0.99, y, (y + 1) % 3)  # what models predict
    >>> y[5] = 2 - y[5]  # a wrong label; it was 2
    >>> found = issues(Trials.of(masks, said, said[:, :1], score="predicted"), Examples(y, None, ("a", "b", "c")))
    >>> found.likely, sorted(found.summary)[:3]
    (1, ['duplicates', 'expected', 'likely'])
    """

    table: pd.DataFrame = field(repr=False)
    found: Mislabeled = field(repr=False)
    classes: tuple[Any, ...]
    models: int
    unseen: float
    part: str = "train"

    @property
    def likely(self) -> int:
        """How many labels are likelier wrong than right."""
        return int((self.table["chance"] >= LIKELY).sum())

    @property
    def expected(self) -> float:
        """How many are expected to be wrong."""
        return float(self.table["chance"].sum())

    @property
    def duplicates(self) -> int:
        """Near-duplicates that are labelled otherwise."""
        return int(self.table["duplicate"].fillna(False).astype(bool).sum())

    @property
    def taken(self) -> pd.DataFrame:
        """Which class is labelled as which: expected numbers, largest first."""
        counts = np.where(np.eye(len(self.classes), dtype=bool), 0.0, self.found.taken)
        true, given = np.nonzero(counts > 0)
        names = np.array([str(one) for one in self.classes], dtype=object)
        frame = pd.DataFrame({"class": names[true], "labelled": names[given], "expected": counts[true, given]})
        return frame.sort_values("expected", ascending=False, kind="stable").reset_index(drop=True)

    @property
    def summary(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {
            "n": len(self.table),
            "models": self.models,
            "unseen": self.unseen,
            "rate": self.found.rate,
            "expected": self.expected,
            "likely": self.likely,
            "duplicates": self.duplicates,
            "unknown": int(self.table["chance"].isna().sum()),
        }


def rounds(n: int) -> tuple[int, int]:
    """Into how many parts to deal n examples, and how many models to train without one: what costs as much as five folds, or,
    where examples are few and models cheap, twice as much.

    p parts and m models train on m (1 − 1/p) n examples, 4 n as five folds do or 8 n, and m/p models judge each label. Of 5,000
    halves that are judged by four find more; of 1,500 models on half or two thirds know less (benchmarks/wrong_labels.py).

    >>> rounds(5000), rounds(1500)
    ((2, 8), (5, 10))
    """
    return (2, 8) if n >= FEW else (5, 10)


def judged(trials: Trials | None, examples: Examples, x: Any = None, *, seed: int = 0) -> pd.DataFrame | None:
    """The table of ``issues``; None where no classes were kept, or too few models judge a label.

    >>> from empirical.data.examples import Examples
    >>> judged(None, Examples()) is None
    True
    """
    if trials is None:
        return None
    try:
        return issues(trials, examples, x, seed=seed).table
    except ArgumentError as error:
        log.info("labels are not judged: %s; %s", error.shown, error.remedy)
        return None


def issues(trials: Trials, examples: Examples, x: Any = None, *, seed: int = 0) -> Issues:
    """Of trials that keep classes or probabilities; ``x`` are the training examples, for which are near which.

    >>> from empirical.data.examples import Examples
    >>> rng = np.random.default_rng(0)
    >>> y, masks = np.arange(60) % 3, rng.random((40, 60)) < 0.7
    >>> said = np.where(rng.random((40, 60)) < 0.99, y, (y + 1) % 3)  # what models predict
    >>> y[5] = 2 - y[5]  # a wrong label; it was 2
    >>> found = issues(Trials.of(masks, said, said[:, :1], score="predicted"), Examples(y, None, ("a", "b", "c")))
    >>> int(found.table["index"][0]), found.table["given"][0], found.table["suggested"][0]
    (5, 'a', 'c')
    """
    return _found(trials, examples, x, None, ("train",), seed)[0]


def with_tests(trials: Trials, examples: Examples, x: Any = None, x_test: Any = None, *, seed: int = 0) -> list[Issues]:
    """The same of training examples and of test examples.

    >>> from empirical import load
    >>> from empirical.data.examples import Examples
    >>> from empirical.designs import Folds
    >>> from empirical.learners import Softmax
    >>> from empirical.training.job import Job
    >>> from empirical.training.run import run
    >>> data = load("planted", n=60)
    >>> trials = run(Job(data.data, Softmax(), Folds(2), score="probabilities"), 4)
    >>> [(one.part, len(one.table), one.unseen) for one in with_tests(trials, Examples.of(data))][0]
    ('train', 60, 2.0)
    """
    return _found(trials, examples, x, x_test, ("train", "test"), seed)


def _found(trials: Trials, examples: Examples, x: Any, x_test: Any, parts: Sequence[str], seed: int) -> list[Issues]:
    if trials.score not in BY_CLASS:
        remedy = "wrong labels are found by what models predict: keep --score predicted (in Python also probabilities)"
        raise ArgumentError("score", trials.score, remedy)
    labels = {"train": examples.y_train, "test": examples.y_test}
    for part in parts:
        if labels[part] is None or not len(labels[part]) or examples.classes is None:
            raise ArgumentError(f"y_{part}", None, "give the labels that are to be judged")
    unseen = {"train": float((~trials.masks()).sum()) / trials.n, "test": float(trials.count)}
    if trials.count < 2 or unseen["train"] < LEAST:
        got = f"{trials.count}, of which {unseen['train']:.3g} did not see an example on average"
        raise ArgumentError("models", got, f"train more: {LEAST} or more are to judge each label")
    ids = {"train": examples.train_ids, "test": examples.test_ids}
    y, classes = {part: np.asarray(labels[part]) for part in parts}, examples.classes or ()
    every = [said(trials, y[part], len(classes), tests=part == "test") for part in parts]
    chances = together([(one.share, y[part]) for one, part in zip(every, parts, strict=True)], seed=seed)
    out = []
    for part, one, found in zip(parts, every, chances, strict=True):
        table, order = _ranked(one, found, y[part], classes, ids[part], part)
        some = np.sort(np.union1d(order[:SHOWN], np.flatnonzero(table["memorization"] >= MEMORIZED)))
        near = rivals(trials, x, y["train"], some, (x_test, y["test"]) if part == "test" else None)
        if examples.texts is not None:
            near = near.by_words(examples.texts[part == "test"], examples.texts[0])
        _beside(table, near, np.array(classes, object)[y["train"]])
        table = table.iloc[order].reset_index(drop=True)
        out.append(Issues(table, found, classes, trials.count, unseen[part], part))
    return out


def _ranked(
    votes: Said, found: Mislabeled, y: Integers, classes: tuple[Any, ...], ids: Any, part: str
) -> tuple[pd.DataFrame, Integers]:
    """What models say of each example, in the order of the data, and which comes first."""
    n, names = len(y), np.array(classes, dtype=object)
    agreed = (votes.votes + np.nan_to_num(votes.share) / 2).argmax(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = votes.votes[np.arange(n), agreed] / votes.models
    table = pd.DataFrame({"part": part, "index": np.arange(n)})
    if ids is not None:
        table["id"] = [str(one) for one in ids]
    table["given"], table["suggested"], table["share"] = names[y], names[agreed], share
    table["chance"], table["memorization"] = found.chance, votes.seen - votes.unseen
    return table, np.lexsort((np.arange(n), votes.unseen, -np.nan_to_num(found.chance, nan=-1.0)))


def _beside(table: pd.DataFrame, near: Rivals, labels: Any) -> None:
    """Columns of the nearest training example with another label; ``labels`` are those of training examples."""
    n, known = len(table), near.nearest >= 0
    nearest = np.full(n, -1)
    nearest[near.at] = near.nearest
    table["nearest"] = pd.Series(nearest).where(nearest >= 0).astype("Int64")
    names = np.full(n, None, dtype=object)
    names[near.at[known]] = labels[near.nearest[known]]
    table["nearest_label"] = names
    for name, values in (("influence", near.influence), ("influence_stderr", near.stderr)):
        column = np.full(n, np.nan)
        column[near.at] = values
        table[name] = column
    double = pd.Series(pd.NA, index=table.index, dtype="boolean")
    double.iloc[near.at] = near.duplicate
    table["duplicate"] = double
