"""What was observed of a data set: memorization and pairs, from a run's folder or as published, and how it was measured."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longtail.core import ArgumentError, Floats, whole

if TYPE_CHECKING:
    import pandas as pd

    from empirical.data.data import Data
    from empirical.data.dataset import Dataset

PUBLISHED = {"cifar100": (100, 10_000, 4000, 0.7)}  # classes, test examples, models, share of examples in a subset
NAMED = ("label", "id", "train_id", "test_id")  # columns of names
TABLES = {  # of a run, with the numbers in them that are needed
    "memorization": ("index", "memorization", "stderr"),
    "pairs": ("train_index", "test_index", "influence"),
}
FACTS = ("n_test", "trials", "fraction")  # numbers in its summary that are
OPTIONS = ("data_dir", "label", "id", "text", "test", "test_fraction", "prior", "n", "seed")


@dataclass(frozen=True)
class Observed:
    """Estimates of one experiment. ``threshold`` is the influence from which pairs were kept, ``memorized`` their least
    memorization; ``arguments`` are those of the run, by which its data can be loaded again. ``labels`` is the number of
    classes, None where nobody has said it: theory then has nothing to say. ``digest`` is that of the data, where it was kept.
    ``test_accuracy`` is of models trained on a share ``trained`` of the examples.
    """

    name: str
    memorization: pd.DataFrame = field(repr=False)
    pairs: pd.DataFrame = field(repr=False)
    labels: int | None
    tests: int
    trials: int
    rate: float
    threshold: float = 0.15
    memorized: float = 0.0
    learner: str = ""
    test_accuracy: float = float("nan")
    trained: float = float("nan")
    iid: bool = True
    arguments: dict[str, Any] = field(default_factory=dict, repr=False)
    digest: str = field(default="", repr=False)

    @property
    def values(self) -> Floats:
        """Memorization of the examples that have an estimate."""
        value = self.memorization["memorization"].to_numpy(float)
        return np.asarray(value[np.isfinite(value)])

    @property
    def partners(self) -> float:
        """How many training examples a test example was paired with, if tests are as many of each class."""
        if "label" not in self.memorization:
            return float(len(self.memorization))
        sizes = self.memorization["label"].value_counts().to_numpy(float)
        return float((sizes**2).sum() / sizes.sum())

    @property
    def equivalent(self) -> int:
        """How many independent trials would have had this noise: more than there were, where the design is balanced."""
        if self.iid or "stderr" not in self.memorization:
            return self.trials
        value, error = (self.memorization[name].to_numpy(float) for name in ("memorization", "stderr"))
        known = np.isfinite(value) & np.isfinite(error) & (value > 0) & (value < 1)
        noise = float((error[known] ** 2).sum())
        if noise <= 0:
            return self.trials
        return max(round(float((value[known] * (1 - value[known])).sum()) / noise / (1 - self.rate)), 2)

    @property
    def influenced(self) -> tuple[int, int, int]:
        """Pairs, distinct test examples in them, and test examples in exactly one."""
        times = self.pairs["test_index"].value_counts()
        return len(self.pairs), len(times), int((times == 1).sum())

    @property
    def mark(self) -> str:
        """Twelve digits that tell these estimates, on these data, from all others."""
        table = self.memorization[["index", "memorization"]].to_numpy(float)
        return hashlib.sha256(self.digest.encode() + table.tobytes()).hexdigest()[:12]

    def dataset(self, data_dir: str | None = None) -> Dataset:
        """The data set that the run was on, loaded again; an ArgumentError where that cannot be."""
        from empirical.data.load import load

        source = self.arguments.get("data")
        if not source:
            raise ArgumentError("DIR", self.name, "its data set has no name; the report does without pictures")
        options = {name: self.arguments.get(name) for name in OPTIONS}
        if data_dir is not None:
            options["data_dir"] = data_dir
        dataset = load(source, **options)
        self._same(dataset.data)
        return dataset

    def _same(self, data: Data) -> None:
        """Refuse data that are not those of the run: an example's number would then be another example."""
        from empirical.data.fingerprint import digest

        sizes, run = (data.n, data.n_test), (len(self.memorization), self.tests)
        if sizes != run:
            changed = "{} + {} examples where the run had {} + {}".format(*sizes, *run)
        elif self.digest and digest(data) != self.digest:
            changed = "other examples or labels"
        else:
            return
        remedy = "its data have changed since the run; estimate again with these"
        raise ArgumentError("DIR", f"{self.name}, now with {changed}", remedy)


def published(name: str, data_dir: str | None = None) -> Observed:
    """Feldman & Zhang's estimates (arXiv 2008.03703), in original order."""
    from empirical.data.load import load_published, load_published_pairs

    if name not in PUBLISHED:
        raise ArgumentError("--published", name, f"memorization was published for {', '.join(PUBLISHED)}")
    labels, tests, trials, rate = PUBLISHED[name]
    table, pairs = load_published(name, data_dir=data_dir), load_published_pairs(name, data_dir=data_dir)
    table["stderr"], table["low"], table["high"] = _held_out(table["memorization"].to_numpy(float), (1 - rate) * trials)
    pairs["stderr"] = np.sqrt(1 / (4 * rate * (1 - rate) * trials))  # at the most: none was published
    return Observed(
        f"{name} (published)",
        table,
        pairs,
        labels,
        tests,
        trials,
        rate,
        memorized=0.25,
        learner="ResNet-50",
        test_accuracy=0.7606,
        trained=1.0,
        arguments={"data": name},
    )


def _held_out(value: Floats, count: float) -> tuple[Floats, Floats, Floats]:
    """Standard error and Wilson's 95 % interval of memorization by a learner that is right on what it trained on."""
    z = 1.96
    middle = (value + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(value * (1 - value) / count + z * z / (4 * count**2))
    return np.sqrt(value * (1 - value) / count), middle - half, middle + half


def read(directory: str | Path, labels: int | None = None) -> Observed:
    """The folder that ``python -m empirical.estimate --out`` wrote; ``labels`` where it does not know its classes."""
    from longtail.core.files import read_table

    folder = Path(directory)
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        facts = summary if isinstance(summary, dict) else {}
        lacking = [name for name in FACTS if not isinstance(facts.get(name), (int, float))]
        if lacking:
            raise ValueError(f"no numbers for {', '.join(lacking)} in summary.json")
        table, pairs = (read_table(folder / f"{name}.csv", NAMED, numbers) for name, numbers in TABLES.items())
    except (OSError, ValueError) as error:
        remedy = f"not the folder of a run ({error}); give one that python -m empirical.estimate --out wrote"
        raise ArgumentError("DIR", str(directory), remedy) from error
    if summary.get("score", "correct") != "correct":
        raise ArgumentError(
            "DIR", f"score {summary['score']}", "the theory speaks of right and wrong: estimate --score correct"
        )
    arguments = summary.get("arguments") or {}
    threshold = summary.get("threshold", arguments.get("threshold"))
    design = str(summary.get("design") or "")
    return Observed(
        str(summary.get("data", folder.name)),
        table,
        pairs,
        _labels(labels, table, summary.get("labels")),
        int(summary["n_test"]),
        int(summary["trials"]),
        float(summary["fraction"]),
        threshold=_threshold(threshold, pairs),
        memorized=0.25 if arguments.get("published_rule") else 0.0,
        learner=str(summary.get("learner") or ""),
        test_accuracy=float(summary.get("test_accuracy") or np.nan),
        trained=float(summary["fraction"]),
        iid=not design.startswith("Orthogonal"),
        arguments=arguments,
        digest=str(summary.get("digest") or _kept_digest(folder)),
    )


def _kept_digest(folder: Path) -> str:
    """The digest of the data that the trials have, in folders whose summary has none."""
    try:
        return str(json.loads((folder / "trials" / "identity.json").read_text(encoding="utf-8"))["data"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _labels(asked: int | None, table: pd.DataFrame, told: Any) -> int | None:
    """How many classes: those of the table, else as the run was told, else as asked."""
    known = max(int(table["label"].nunique()), 2) if "label" in table else told
    if asked is None or known is None:
        return whole("--labels", asked, 2) if asked is not None else known
    raise ArgumentError("--labels", asked, f"the run has {known} classes of its own; leave it out")


def _threshold(known: Any, pairs: pd.DataFrame) -> float:
    """As the summary has it; of folders from before it did, what --threshold was, else a guess by the least influence."""
    if known is not None:
        return float(known)
    least = float(pairs["influence"].min()) if len(pairs) else 0.15
    return min(least, 0.15)
