"""What a run says beyond memorization and pairs, in memory and on disk: ``observed.json``, beside its tables.

Each part is read off models that are there already, and is None where it is not known: in folders of runs from before it was
kept, of published estimates, and of scores for which it makes no sense.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.estimates.histogram import Histogram
from empirical.estimates.learning import Learning
from empirical.estimates.taught import Taught
from empirical.estimates.totals import Totals
from longtail.core import Floats
from longtail.core.files import read_json, read_table, write_json, write_table

if TYPE_CHECKING:
    import pandas as pd

NAME = "observed.json"
PAIRS = "pairs_train.csv"
WORDS = ("label", "train_id", "taught_id")
FORMAT = 1


@dataclass(frozen=True)
class Observed:
    """``totals``: influence on the whole test set, by bin of memorization; ``histogram``: pairs by influence; ``taught``: pairs
    of training examples; ``learning``: test error by the share of examples that models trained on.

    >>> from empirical.training.trials import Trials
    >>> from empirical.estimates.totals import totals
    >>> masks = np.random.default_rng(0).random((64, 5)) < 0.5
    >>> list(Observed(totals(Trials.of(masks, masks, masks))).tables)
    ['influence_by_memorization']
    """

    totals: Totals | None = None
    histogram: Histogram | None = None
    taught: Taught | None = None
    learning: Learning | None = None

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """What is known, for people: a table a part, by name; all but the pairs of training examples."""
        known = {
            "influence_by_memorization": self.totals,
            "influence_histogram": self.histogram,
            "learning_curve": self.learning,
        }
        return {name: part.table for name, part in known.items() if part is not None}

    @property
    def summary(self) -> dict[str, Any]:
        """The tables as lists by column; what is not known is None, for JSON has no NaN."""
        facts: dict[str, Any] = {
            name: {column: [None if v != v else v for v in values] for column, values in table.to_dict("list").items()}
            for name, table in self.tables.items()
        }
        if self.taught is not None:
            facts |= {"train_pairs": len(self.taught.pairs), "expected_false_train_pairs": self.taught.false}
        return facts

    def write(self, directory: Path) -> list[Path]:
        """All of it, covariances too."""
        written = []
        if self.taught is not None:
            written.append(write_table(directory / PAIRS, self.taught.pairs, digits=9))
        parts: dict[str, Any] = {"format": FORMAT}
        for name, part in vars(self).items():
            if part is not None:
                known = {key: value for key, value in vars(part).items() if key != "pairs" or name != "taught"}
                parts[name] = {
                    key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in known.items()
                }
        return [*written, write_json(directory / NAME, parts, indent=None)]

    @classmethod
    def read(cls, directory: Path) -> Observed:
        """As it was written; nothing where there is no such file; a ValueError where it is no such file."""
        if not (directory / NAME).exists():
            return cls()
        parts = read_json(directory / NAME)
        if parts.get("format") != FORMAT:
            raise ValueError(f"{NAME} is of another version ({str(parts.get('format'))[:20]}, here {FORMAT})")
        readers: dict[str, Any] = {"totals": _totals, "histogram": _histogram, "learning": _learning}
        known = {name: read(parts[name]) for name, read in readers.items() if name in parts}
        if "taught" in parts:
            pairs = read_table(directory / PAIRS, WORDS, ("train_index", "taught_index", "influence"))
            known["taught"] = Taught(
                pairs, *(float(_numbers(parts["taught"], name)) for name in ("threshold", "false"))
            )
        return cls(**known)


def _totals(part: Any) -> Totals:
    edges = _numbers(part, "edges", None)
    width = len(edges) + 1
    vectors = [_numbers(part, name, width) for name in ("examples", "memorization", "total")]
    squares = [_numbers(part, name, width, width) for name in ("covariance", "covariance_tests")]
    return Totals(edges, *vectors, *squares)


def _histogram(part: Any) -> Histogram:
    levels = _numbers(part, "levels", None)
    k = len(levels)
    counts = {name: _numbers(part, name, k) for name in ("pairs", "false", "tests", "single")}
    return Histogram(levels, **counts, covariance=_numbers(part, "covariance", 3 * k, 3 * k))


def _learning(part: Any) -> Learning:
    fraction = _numbers(part, "fraction", None)
    k = len(fraction)
    columns = {name: _numbers(part, name, k) for name in ("models", "error", "stderr")}
    n = int(_numbers(part, "n"))
    return Learning(n, fraction, **columns, covariance_tests=_numbers(part, "covariance_tests", k, k))


def _numbers(part: Any, name: str, *shape: int | None) -> Floats:
    """A list of numbers of that shape, whatever the length where it is None; null is NaN."""
    given = part.get(name) if isinstance(part, Mapping) else None
    try:
        found = np.array(given, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"no numbers for {name} in {NAME}") from error
    fits = found.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, found.shape, strict=True))
    if not fits or _worded(given):
        raise ValueError(f"no numbers for {name} in {NAME}")
    return found


def _worded(value: Any) -> bool:
    """Whether words or truths are among numbers, which NumPy would take for some."""
    if isinstance(value, list):
        return any(_worded(item) for item in value)
    return isinstance(value, (str, bool))
