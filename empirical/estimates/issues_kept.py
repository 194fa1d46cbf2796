"""The labels that are likely wrong, on disk: ``issues.csv``, ranked, and ``issues.json``, which has its digest.

``python -m empirical.clean`` writes them, and a run of ``python -m empirical.estimate --score predicted`` into its own folder.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longtail.core.files import read_json, read_table, write_json
from longtail.core.opened import why
from longtail.core.sealed import check, sealed

if TYPE_CHECKING:
    import pandas as pd

TABLE, RECORD = "issues.csv", "issues.json"
WORDS = ("part", "id", "given", "suggested", "nearest_label")
NUMBERS = ("index", "share", "chance", "memorization")
log = logging.getLogger("empirical")


def write_record(record: Mapping[str, Any], written: Iterable[Path], directory: Path) -> Path:
    """What else there is to say, and the digests of what was written: last.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_record({"models": 8}, [], Path(folder)).name
    'issues.json'
    """
    return write_json(directory / RECORD, sealed(record, written))


def read(directory: Path, memorization: pd.DataFrame) -> pd.DataFrame | None:
    """The table of a run's folder; None where there is none, or it is of other examples or labels, which is logged.

    >>> import pandas as pd
    >>> read(Path("nowhere"), pd.DataFrame()) is None
    True
    """
    if not (directory / RECORD).is_file() or not (directory / TABLE).is_file():
        return None
    try:
        check(read_json(directory / RECORD), RECORD, directory, (TABLE,))
        table = read_table(directory / TABLE, WORDS, NUMBERS)
        missing = [name for name in ("given", "suggested") if name not in table]
        if missing:
            raise ValueError(f"no column {missing[0]} in {TABLE}")
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read (%s); run python -m empirical.clean again", directory / TABLE, why(error))
        return None
    if "part" in table:  # of test examples a run's report says nothing
        table = table[table["part"] == "train"].reset_index(drop=True)
    place = table["index"].to_numpy(float)
    if not np.array_equal(np.sort(place), np.arange(len(memorization))) or not _same(table, memorization):
        log.info("left out: %s is of other examples or labels", directory / TABLE)
        return None
    return table


def _same(table: pd.DataFrame, memorization: pd.DataFrame) -> bool:
    """Whether the labels given are the run's."""
    if "label" not in memorization:
        return False
    given = table.set_index("index")["given"]
    known = memorization.set_index("index")["label"].astype(str)
    return bool((given.astype(str).reindex(known.index) == known).all())
