"""A simulation: a file of this folder with its ``Config``, one that is ``QUICK``, ``run``, ``plot`` and its ``CLAIMS``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.core.published import Finding
from simulations.claim import Claim

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NAMES = (
    "zipf",
    "priors",
    "notail",
    "theorem",
    "clusters",
    "privacy",
    "compression",
    "noise",
    "subgroups",
    "scaling",
    "words",
    "coverage",
    "profiles",
    "verification",
    "agreement",
    "published",
    "cifar100",
    "standins",
    "speeds",
    "informs",
    "removal",
    "limits",
    "attributions",
    "leak",
    "irrelevant",
    "information",
)


@dataclass(frozen=True)
class Simulation:
    """What the file ``name`` has."""

    name: str
    doc: str
    config: Any
    quick: Any
    run: Callable[[Any], pd.DataFrame]
    plot: Callable[[pd.DataFrame], Figure]
    claims: tuple[Claim, ...]

    @classmethod
    def of(cls, name: str) -> Simulation:
        """The one in that file."""
        file = importlib.import_module(f"simulations.{name}")
        return cls(name, file.__doc__ or "", file.Config(), file.QUICK, file.run, file.plot, file.CLAIMS)

    @property
    def says(self) -> str:
        """Its claim in a line, the docstring's first, without who made it."""
        line = self.doc.partition("\n")[0]
        return line.partition(": ")[2].rstrip(".,")

    def found(self, table: pd.DataFrame | None) -> list[Finding]:
        """Every claim beside what the table has of it."""
        return [claim.found(table) for claim in self.claims]

    def write(self, target: Path, config: Any, table: pd.DataFrame) -> None:
        """Table, claims, figure and the record of the run."""
        import pandas as pd

        from longtail.core.record import Run
        from longtail.plots import save_both

        save_both(self.plot(table), target / "figure")
        rows = [finding.record() for finding in self.found(table)]
        claims = pd.json_normalize(rows)
        Run.of(asdict(config), getattr(config, "seed", 0), {"table": table, "claims": claims}).write(target)
