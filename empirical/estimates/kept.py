"""What was measured, on disk: the folder that ``python -m empirical.estimate --out`` writes, and the published estimates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.estimates import MEMORIZED, THRESHOLD, issues_kept
from empirical.estimates.measured import Experiment, Measured
from empirical.estimates.observed import NAME, Observed
from empirical.learners.score import SCORES
from longtail.core import ArgumentError, whole
from longtail.core.files import read_json, read_table, write_json, write_table
from longtail.core.intervals import Z95, wilson
from longtail.core.opened import shortened, why
from longtail.core.sealed import check, sealed

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = {"cifar100": (100, 10_000, 4000, 0.7)}  # classes, test examples, models, share of examples in a subset
NAMED = ("label", "id", "train_id", "test_id", "train_label", "test_label", "group")  # columns of words
EXPLAINED = "explained"  # a table that a run may have
# of a run, with the numbers in them that are needed
TABLES = {"memorization": ("index", "memorization", "stderr"), "pairs": ("train_index", "test_index", "influence")}
FACTS = ("n_test", "trials", "fraction")  # numbers in its summary that are
# by score, who asks for it
SPEAKS = {"correct": "the theory speaks of right and wrong", "margin": "the attack reads margins"}
KNOWN = ("threshold", "test_accuracy", "labels")  # and that may be


def write_tables(found: Measured, directory: Path, beside: Mapping[str, pd.DataFrame]) -> list[Path]:
    """All tables, and others ``beside`` them, as CSV, and what ``Observed`` keeps: each whole or not at all.

    >>> import tempfile
    >>> from empirical.data.examples import Examples
    >>> from empirical.estimates.measure import measure
    >>> from empirical.training.trials import Trials
    >>> masks = np.random.default_rng(0).random((64, 5)) < 0.5
    >>> found = measure(Trials.of(masks, masks, masks[:, [3]]), Examples(), threshold=0.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in write_tables(found, Path(folder), {})][:4]
    ['pairs_train.csv', 'observed.json', 'memorization.csv', 'pairs.csv']
    """
    written = found.observed.write(directory)
    tables = {"memorization": found.memorization, "pairs": found.pairs, **found.observed.tables, **beside}
    if found.explained is not None:
        tables[EXPLAINED] = found.explained
    for name, frame in tables.items():
        written.append(write_table(directory / f"{name}.csv", frame, digits=9))
    if found.issues is not None:
        table = write_table(directory / issues_kept.TABLE, found.issues, digits=9)
        record = {name: getattr(found.experiment, name) for name in ("data", "learner", "design", "models", "seed")}
        written += [table, issues_kept.write_record(record, [table], directory)]
    return written


def write_summary(found: Measured, directory: Path, facts: Mapping[str, Any]) -> Path:
    """``summary.json``, with further ``facts`` and a digest of what ``read`` reads beside it: written last, it says that the
    folder is complete.

    >>> import tempfile
    >>> from empirical.data.examples import Examples
    >>> from empirical.estimates.measure import measure
    >>> from empirical.training.trials import Trials
    >>> masks = np.random.default_rng(0).random((64, 5)) < 0.5
    >>> found = measure(Trials.of(masks, masks, masks[:, [3]]), Examples(), threshold=0.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_tables(found, Path(folder), {})
    ...     read_json(write_summary(found, Path(folder), {"by": "me"}))["by"]
    'me'
    """
    beside = [directory / name for name in (*(f"{name}.csv" for name in TABLES), NAME)]
    return write_json(directory / "summary.json", sealed({**found.summary, **facts}, beside))


def read(
    directory: str | Path,
    n_classes: int | None = None,
    *,
    data: str | None = None,
    prior: str | None = None,
    score: str | None = "correct",
) -> Measured:
    """A run's folder; ``n_classes`` where it does not know its own, ``data`` and ``prior`` where these are the user's own.

    A run of another ``score`` is refused, unless that is None.

    >>> import tempfile
    >>> from empirical.data.examples import Examples
    >>> from empirical.estimates.measure import measure
    >>> from empirical.training.trials import Trials
    >>> masks = np.random.default_rng(0).random((64, 5)) < 0.5
    >>> found = measure(Trials.of(masks, masks, masks[:, [3]]), Examples(), threshold=0.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_tables(found, Path(folder), {}), write_summary(found, Path(folder), {})
    ...     read(folder).mark == found.mark
    True
    """
    folder = Path(directory)
    try:
        summary = read_json(folder / "summary.json")
        check(summary, "summary.json", folder, (*(f"{name}.csv" for name in TABLES), NAME))
        lacking = [name for name in FACTS if not isinstance(summary.get(name), (int, float))]
        if lacking:
            raise ValueError(f"no numbers for {', '.join(lacking)} in summary.json")
        odd = [name for name in KNOWN if not isinstance(summary.get(name), (int, float, type(None)))]
        if odd or not (summary["trials"] >= 1 and 0 < summary["fraction"] < 1):
            raise ValueError(f"{', '.join(odd) or 'trials or fraction'} in summary.json cannot be")
        table, pairs = (read_table(folder / f"{name}.csv", NAMED, numbers) for name, numbers in TABLES.items())
        _check_places(table["index"], len(table))
        _check_places(pairs["train_index"], len(table))
        _check_places(pairs["test_index"], int(summary["n_test"]))
        observed, answers = Observed.read(folder), _answers(folder, len(table), int(summary["n_test"]))
        if observed.taught is not None:
            for name in ("train_index", "taught_index"):
                _check_places(observed.taught.pairs[name], len(table))
    except (OSError, ValueError) as error:
        remedy = f"it is not the folder of a run ({why(error)}); give one that python -m empirical.estimate --out wrote"
        raise ArgumentError("directory", str(directory), remedy) from error
    kept = summary.get("score", "correct")
    if score is None and kept not in SCORES:
        raise ArgumentError("directory", f"score {shortened(str(kept))}", f"give a run of {', '.join(SCORES)}")
    if score is not None and kept != score:
        raise ArgumentError("directory", f"score {kept}", f"{SPEAKS[score]}: estimate --score {score}")
    asked = summary.get("arguments")
    arguments = asked if isinstance(asked, dict) else {}
    experiment = Experiment(
        data=str(summary.get("data", folder.name)),
        n_test=int(summary["n_test"]),
        models=int(summary["trials"]),
        fraction=float(summary["fraction"]),
        n_classes=_classes(n_classes, table, summary.get("labels")),
        score=kept,
        design=_text(summary.get("design")),
        learner=_text(summary.get("learner")),
        seed=summary.get("seed"),
        device=_text(summary.get("device")),
        fingerprint=str(summary.get("digest") or _kept_digest(folder)),
        arguments=arguments,
        given={name: value for name, value in (("data", data), ("prior", prior)) if value is not None},
    )
    return Measured(
        experiment,
        table,
        pairs,
        threshold=_threshold(summary.get("threshold", arguments.get("threshold")), pairs),
        least=MEMORIZED if arguments.get("published_rule") else 0.0,
        test_accuracy=float(summary.get("test_accuracy") or np.nan),
        accurate_at=experiment.fraction,
        observed=observed,
        explained=answers,
        issues=issues_kept.read(folder, table),
    )


def _answers(folder: Path, n: int, n_test: int) -> pd.DataFrame | None:
    """Answers that were explained; None in folders from before they were."""
    if not (folder / f"{EXPLAINED}.csv").is_file():
        return None
    numbers = ("test_index", "right", "train_index", "influence", "stderr", "noise")
    table = read_table(folder / f"{EXPLAINED}.csv", NAMED, numbers)
    _check_places(table["train_index"], n)
    _check_places(table["test_index"], n_test)
    return table


def published(name: str, data_dir: str | None = None) -> Measured:
    """Feldman & Zhang's estimates (arXiv 2008.03703), in original order.

    >>> published("mnist")
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: published: got mnist; memorization was published for cifar100
    """
    from empirical.data.load import load_published, load_published_pairs

    if name not in PUBLISHED:
        raise ArgumentError("published", name, f"memorization was published for {', '.join(PUBLISHED)}")
    n_classes, tests, trials, fraction = PUBLISHED[name]
    table, pairs = load_published(name, data_dir=data_dir), load_published_pairs(name, data_dir=data_dir)
    value, held_out = table["memorization"].to_numpy(float), (1 - fraction) * trials
    table["stderr"] = np.sqrt(value * (1 - value) / held_out)  # of a learner that is right on what it trained on
    table["low"], table["high"] = wilson(value, held_out, Z95)
    pairs["stderr"] = np.sqrt(1 / (4 * fraction * (1 - fraction) * trials))  # at the most: none was published
    experiment = Experiment(
        f"{name} (published)", tests, trials, fraction, n_classes, learner="ResNet-50", arguments={"data": name}
    )
    return Measured(experiment, table, pairs, least=MEMORIZED, test_accuracy=0.7606, accurate_at=1.0)


def _check_places(column: pd.Series[Any], n: int) -> None:
    """Refuse a table that speaks of examples that are not there: an index below 0 would be another's."""
    at = column.to_numpy(float)
    if not ((at >= 0) & (at < n) & (at % 1 == 0)).all():
        raise ValueError(f"{column.name} is not a number from 0 to {n - 1} throughout")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _kept_digest(folder: Path) -> str:
    """The digest of the data that the trials have, in folders whose summary has none."""
    try:
        return str(read_json(folder / "trials" / "identity.json")["data"])
    except (OSError, ValueError, KeyError):
        return ""


def _classes(asked: int | None, table: pd.DataFrame, told: Any) -> int | None:
    """How many classes: those of the table, else as the run was told, else as asked."""
    known = max(int(table["label"].nunique()), 2) if "label" in table else told
    if asked is None or known is None:
        return whole("n_classes", asked, 2) if asked is not None else known
    raise ArgumentError("n_classes", asked, f"the run has {known} classes of its own; leave it out")


def _threshold(known: Any, pairs: pd.DataFrame) -> float:
    """As the summary has it; of folders from before it did, what --threshold was, else a guess by the least influence."""
    if known is not None:
        return float(known)
    least = float(pairs["influence"].min()) if len(pairs) else THRESHOLD
    return min(least, THRESHOLD)
