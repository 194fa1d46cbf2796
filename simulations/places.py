"""Where the data are that these claims are checked on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from empirical.data.dataset import Dataset

BESIDE = Path("../shared/data")  # of a checkout, where the project keeps its own


def data_folder(given: str | None) -> str | None:
    """The folder of real data: as told, else LONGTAIL_DATA, else the project's own if it is there; None means a download."""
    told = given or os.environ.get("LONGTAIL_DATA")
    return told or (str(BESIDE) if BESIDE.is_dir() else None)


def loaded(source: str) -> Dataset:
    """A data set by name, or a file of texts of the project's own, by the coarser of its two labels."""
    from empirical.data.load import load

    folder = data_folder(None)
    if source.endswith(".zip"):
        return load(str(Path(folder or ".") / source), label="coarse")
    options: dict[str, Any] = {} if source == "digits" else {"data_dir": folder}
    return load(source, **options)
