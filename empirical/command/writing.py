"""What a command leaves in its folder: each file is named in the log when it is there."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger("empirical")


def told(paths: Iterable[Path]) -> None:
    """Name what was written.

    >>> told([Path("out/leak.json")])
    """
    for path in paths:
        log.info("wrote %s", path)


def drawn(figure: Figure, path: Path) -> None:
    """The figure, as PNG and as SVG.

    >>> import tempfile
    >>> from matplotlib.figure import Figure
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     drawn(Figure(), Path(folder) / "leak")
    ...     sorted(one.name for one in Path(folder).iterdir())
    ['leak.png', 'leak.svg']
    """
    from longtail.plots import save_both

    told(save_both(figure, path))


def recorded(record: dict[str, Any], path: Path, arguments: dict[str, Any]) -> None:
    """The record of what was found; in it what was asked, with which versions on which machine.

    >>> import json, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     recorded({"models": 64}, Path(folder) / "leak.json", {"delta": 1e-5})
    ...     list(json.loads((Path(folder) / "leak.json").read_text("utf-8")))
    ['models', 'arguments', 'versions', 'hardware']
    """
    from longtail.core.files import write_json
    from longtail.core.record import hardware, versions

    told([write_json(path, record | {"arguments": arguments, "versions": versions(), "hardware": hardware()})])
