"""The command that every simulation shares: its numbers on stdout, its table and figure in ``--out``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from longtail.core import ArgumentError
from longtail.core.files import folder

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def main_of(
    claim: str | None, config: type[Any], run: Callable[[Any], pd.DataFrame], plot: Callable[[pd.DataFrame], Figure]
) -> int:
    """Print the claim and what was found; write both where told."""
    parser = argparse.ArgumentParser(description=claim, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", metavar="DIR", help="write the table (CSV), the figure and the record of the run there"
    )
    arguments = parser.parse_args()
    try:
        target = folder("--out", arguments.out) if arguments.out else None
        settings = config()
        frame = run(settings)
        sys.stdout.write(f"{(claim or '').strip()}\n\n{frame.to_string(index=False)}\n")
        if target is not None:
            from longtail.core.record import Run
            from longtail.plots import save

            for kind in ("png", "svg"):
                save(plot(frame), target / f"figure.{kind}")
            Run.of(asdict(settings), 0, {"table": frame}).write(target)
    except ArgumentError as error:
        sys.stderr.write(f"{parser.prog}: error: {error}\n")
        return 2
    return 0
