"""Where the data are that these claims are checked on."""

from __future__ import annotations

import os
from pathlib import Path

BESIDE = Path("../shared/data")  # of a checkout, where the project keeps its own


def data_folder(given: str | None) -> str | None:
    """The folder of real data: as told, else LONGTAIL_DATA, else the project's own if it is there; None means a download."""
    told = given or os.environ.get("LONGTAIL_DATA")
    return told or (str(BESIDE) if BESIDE.is_dir() else None)
