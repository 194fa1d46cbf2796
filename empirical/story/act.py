"""An act: what it says, what was published and found of it, and the tables that its figures are drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longtail.core.published import Finding

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Act:
    """``title`` is the question's answer, ``says`` how it was found; ``frames`` by the name of their file."""

    name: str
    title: str
    says: str
    findings: tuple[Finding, ...]
    frames: dict[str, pd.DataFrame] = field(repr=False)

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        claims = [finding.record() for finding in self.findings]
        return {"part": self.name, "title": self.title, "claims": claims}
