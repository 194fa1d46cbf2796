"""A command that is not as it should be: it adds to a file bit by bit, and begins anew behind what a killed one left."""

from __future__ import annotations

import time
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Ten lines, a moment each, after those that are there."""
    out = Path(arguments[0])
    out.mkdir(exist_ok=True)
    with open(out / "lines.txt", "a", encoding="utf-8") as file:
        for number in range(10):
            file.write(f"{number}\n")
            file.flush()
            time.sleep(0.01)
    return 0
