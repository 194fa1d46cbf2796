"""Where the real data sets are: LONGTAIL_DATA, or ../shared/data beside the checkout; tests skip where they are absent."""

import os
from pathlib import Path

import pytest


def real(*names):
    """The data folder, if it holds all of these; else the test is skipped with the reason."""
    root = Path(os.environ.get("LONGTAIL_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
    for name in names:
        if not (root / name).exists():
            pytest.skip(f"{root / name} is not there")
    return root
