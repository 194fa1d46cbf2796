"""What to look at first: likely wrong labels, near-duplicates across training and test, examples at risk, those that carry many.

Each is a list with the count of all, the first of them as cards, and all as a file.
"""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from empirical.estimates.suspects import suspects
from empirical.report.exhibits import Place
from empirical.report.numbers import points
from longtail.core import Bools, Integers
from longtail.core.intervals import Z95
from longtail.core.shares import percent

if TYPE_CHECKING:
    from empirical.data.dataset import Dataset
    from empirical.estimates.measured import Measured

log = logging.getLogger("empirical")
TOP = 12  # cards of a list
FILED = 5000  # rows of its file at the most
# chances that a label is wrong: likelier than not, worth a look, as good as sure
LIKELY, LISTED, CERTAIN = 0.5, 0.05, 0.995
MENTIONED = 0.05  # of all pairs those expected by chance, to be told
MANY = 2  # test examples that an example carries, to be one that carries many
BY_WORDS = "the same words, or nine of ten of them"
BY_DISTANCE = "nearer than a quarter of the distance that training examples usually have to their nearest"


@dataclass(frozen=True)
class Card:
    """Examples to be shown side by side, what to call each, and what is said of them."""

    places: tuple[Place, ...]
    names: tuple[str, ...]
    says: str


@dataclass(frozen=True)
class Task:
    """One list: ``said`` how many there are and what to do; the first as ``cards``; all of them in ``table``."""

    name: str
    title: str
    said: str
    cards: tuple[Card, ...]
    table: pd.DataFrame = field(repr=False)

    @property
    def link(self) -> str:
        """The table as a CSV in a data URI; nothing where it has no rows."""
        if self.table.empty:
            return ""
        text = self.table.head(FILED).to_csv(index=False, float_format="%.6g")
        return "data:text/csv;base64," + base64.b64encode(text.encode("utf-8", "backslashreplace")).decode()


def tasks(found: Measured, dataset: Dataset | None = None, *, all_twins: bool = False) -> list[Task]:
    """Those lists that can be made of what was measured, none of them empty; near-duplicates are looked for where that takes
    seconds, or with ``all_twins`` however long it takes.
    """
    labels = _labels(found) if found.issues is None else _issues(found.issues)
    made = (labels, _twins(dataset, all_twins), _risk(found), _carry(found))
    return [task for task in made if task is not None]


def places(every: list[Task]) -> list[Place]:
    """All examples on cards."""
    return [place for task in every for card in task.cards for place in card.places]


def _issues(table: pd.DataFrame) -> Task | None:
    """What ``longtail clean`` finds, as it finds it: the likeliest wrong first, each beside its nearest of another label."""
    some = table[table["chance"] >= LISTED].reset_index(drop=True)
    if some.empty:
        return None
    wrong, expected = int((some["chance"] >= LIKELY).sum()), float(table["chance"].sum())
    about = f"{expected:,.0f}" if expected >= 10 else f"{expected:.1f}"
    said = (
        f"Of {len(table):,} labels about {about} are expected to be wrong; {_many_are(wrong)} likelier "
        "wrong than right, by models that did not see them. Beside each, the nearest example of another label."
    )
    cards = [Card(*_beside(row), _judged(row)) for row in _rows(some)]
    return Task("labels", "Labels to check", said, tuple(cards), some)


def _beside(row: dict[str, Any]) -> tuple[tuple[Place, ...], tuple[str, ...]]:
    """The example and its nearest of another label, where that is known."""
    at, name = ("train", int(row["index"])), _name(row, "id", "index")
    near = row.get("nearest")
    if pd.isna(near):
        return (at,), (name,)
    return (at, ("train", int(near))), (name, f"#{int(near)}: {row['nearest_label']}")


def _judged(row: dict[str, Any]) -> str:
    """The label given, what models say, the chance, and what the other example does."""
    said = (
        f"labelled {row['given']}; {_percent(row['share'])} of models say {row['suggested']}. Wrong with a chance of "
    )
    said += percent(row["chance"], ".0f") if row["chance"] < CERTAIN else "more than 99 %"
    value, error = (float(row.get(name, np.nan)) for name in ("influence", "influence_stderr"))
    if pd.notna(row.get("nearest")) and abs(value) > Z95 * error:  # told from chance
        often = f"{'more' if value > 0 else 'less'} often, by {points(abs(value), Z95 * error)}"
        said += f". Models that saw the other say {row['nearest_label']} {often}"
    return said + (". Nearly the same" if str(row.get("duplicate")) == "True" else "")


def _labels(found: Measured) -> Task | None:
    """Suspects, where models that did not see an example say what they take it for, or whether they are right."""
    table = found.memorization
    if found.experiment.score != "correct" or "out_accuracy" not in table or "in_accuracy" not in table:
        return None
    wrong = suspects(table)
    if wrong.empty:
        return None
    said = (
        f"{_many(len(wrong), 'training example')} of {len(table):,} that models which did not train on them mostly get wrong. "
        "A wrong label looks like this; so does the only one of its kind, which is right. Look at the label first."
    )
    cards = [
        Card(
            (("train", int(row["index"])),),
            (_name(row, "id", "index"),),
            f"{_label(row)}right in {_percent(row['out_accuracy'])} of models without it, {_percent(row['in_accuracy'])} with it",
        )
        for row in _rows(wrong)
    ]
    return Task("labels", "Labels to check", said, tuple(cards), wrong)


def _twins(dataset: Dataset | None, every: bool) -> Task | None:
    from empirical.data.duplicates import twins

    if dataset is None:
        return None
    looked = twins(dataset.data, most=np.inf if every else None)
    if looked.table is None and looked.products:
        return _unlooked(dataset, looked.products)
    found = looked.table
    if found is None or found.empty:
        return None
    near = (found["distance"] == 0).to_numpy()
    found["identical"], gaps = np.zeros((2, len(found)), bool)
    found.loc[near, "identical"], gaps[near] = _alike(
        dataset, *found.loc[near, ["train_index", "test_index"]].to_numpy(int).T
    )
    same, count = int(found["identical"].sum()), len(found)
    exact = f", {same:,} of them identical" if same else ""
    said = (
        f"{_many(count, 'test example')} of {dataset.data.n_test:,} with a near-duplicate in training{exact}: "
        f"{BY_WORDS if looked.by_words else BY_DISTANCE}. What models are right on there they may only remember: leave them out "
        "of the test, or of training."
    )
    ids = {"train": dataset.train_ids, "test": dataset.test_ids}
    labels = {"train": dataset.data.y_train, "test": dataset.data.y_test}
    classes = dataset.data.classes
    for part in ("train", "test"):
        found[f"{part}_label"] = [str(classes[labels[part][at]]) for at in found[f"{part}_index"]]
        if (names := ids[part]) is not None:
            found[f"{part}_id"] = [str(names[at]) for at in found[f"{part}_index"]]
    cards = [
        Card(
            (("train", int(row["train_index"])), ("test", int(row["test_index"]))),
            (_name(row, "train_id", "train_index"), "test " + _name(row, "test_id", "test_index")),
            (
                row["train_label"]
                if row["train_label"] == row["test_label"]
                else f"{row['train_label']} and {row['test_label']}"
            )
            + _as_near(row, looked.by_words, gap),
        )
        for row, gap in zip(_rows(found), gaps, strict=False)  # cards are of the first
    ]
    return Task("duplicates", "In training and in test", said, tuple(cards), found)


def _alike(dataset: Dataset, train: Integers, test: Integers) -> tuple[Bools, Bools]:
    """Which examples that are one to a learner are the same letter by letter, or as they stand in their file, where they have
    such words; and which are where gaps of their rows are filled.
    """
    from empirical.data.duplicates import texts_of
    from empirical.data.sources.table import Rows

    none = np.zeros(len(train), bool)
    own, others = texts_of(dataset.data) or dataset.rows or (None, None)
    if own is None or others is None:
        return ~none, none
    if isinstance(own, Rows) and isinstance(others, Rows):
        return own.alike(train, others, test)
    return np.array([own[i] == others[j] for i, j in zip(train, test, strict=True)], bool), none


def _as_near(row: dict[str, Any], by_words: bool, gap: bool) -> str:
    """How near two examples are that are the same to a learner, or as they are read."""
    if row["identical"]:
        return ", identical"
    if row["distance"] > 0:
        return ""
    return (
        ", the same words" if by_words else f", {'identical once gaps are filled' if gap else 'the same to a learner'}"
    )


def _unlooked(dataset: Dataset, products: float) -> Task:
    """What was not looked for is said, here and in the log, with what does it anyway."""
    n, tests = dataset.data.n, dataset.data.n_test
    said = (
        f"Near-duplicates were not looked for: to compare {tests:,} test examples with {n:,} training examples takes "
        f"{products:.2g} products, minutes perhaps. Ask for them by --twins (estimate or compare), or report(…, twins=True)."
    )
    log.info("%s", said)
    return Task("duplicates", "In training and in test", said, (), pd.DataFrame())


def _risk(found: Measured) -> Task | None:
    """Test examples that one training example carries alone."""
    pairs = found.pairs.sort_values("influence", ascending=False)
    alone = pairs[~pairs["test_index"].duplicated(keep=False)]
    if alone.empty:
        return None
    hang, them, these = ("hangs", "it", "this") if len(alone) == 1 else ("hang", "them", "these")
    said = (
        f"{_many(len(alone), 'test example')} of {found.experiment.n_test:,} that {hang} on one training example: without it "
        f"models are right on {them} {100 * found.threshold:.3g} points less often, or worse. More like {these} would make "
        f"{them} safe."
    )
    if (chance := found.trust.false_pairs) >= MENTIONED * len(pairs):
        said += f" Of the {len(pairs):,} pairs of such influence about {chance:,.0f} are expected by chance."
    cards = [
        Card(
            (("test", int(row["test_index"])), ("train", int(row["train_index"]))),
            ("test " + _name(row, "test_id", "test_index"), _name(row, "train_id", "train_index")),
            f"{_label(row)}right {100 * row['influence']:.0f} points more often with it",
        )
        for row in _rows(alone)
    ]
    return Task("risk", "Hanging on one example", said, tuple(cards), alone)


def _carry(found: Measured) -> Task | None:
    """Training examples that carry several test examples."""
    pairs = found.pairs
    if pairs.empty:
        return None
    groups = pairs.groupby("train_index", sort=False)
    table = pd.DataFrame({"tests": groups.size(), "influence": groups["influence"].sum()})
    for name in ("train_id", "label", "memorization"):
        if name in pairs:
            table[name] = groups[name].first()
    table = table[table["tests"] >= MANY].sort_values(["tests", "influence"], ascending=False, kind="stable")
    if table.empty:
        return None
    table = table.reset_index()
    said = (
        f"{_many(len(table), 'training example')} that {'each carry' if len(table) > 1 else 'carries'} several test examples: "
        "their labels are worth a second look, and more like them worth collecting."
    )
    cards = [
        Card(
            (("train", int(row["train_index"])),),
            (_name(row, "train_id", "train_index"),),
            f"{_label(row)}carries {row['tests']:,} test examples, {100 * row['influence']:.0f} points in all",
        )
        for row in _rows(table)
    ]
    return Task("carrying", "Carrying many", said, tuple(cards), table)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The first rows, each by its columns."""
    return [{str(name): value for name, value in row.items()} for row in table.head(TOP).to_dict("records")]


def _name(row: dict[str, Any], column: str, index: str) -> str:
    return str(row[column]) if column in row else f"#{int(row[index])}"


def _label(row: dict[str, Any]) -> str:
    return f"{row['label']}: " if "label" in row else ""


def _percent(value: float) -> str:
    return percent(value, ".0f") if np.isfinite(value) else "unknown"


def _many_are(count: int) -> str:
    return "none is" if not count else f"{count:,} {'is' if count == 1 else 'are'}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
