"""Where real data lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data, or a skip."""
    path = Path(os.environ.get("LONGTAIL_DATA", Path(__file__).parents[1] / "../shared/data")).resolve()
    if not path.is_dir():
        pytest.skip(f"no real data at {path}: set LONGTAIL_DATA")
    return path
