"""What came out of all simulations, recorded in docs/claims.json, as tables in docs/claims.md and, of each its first claim,
in README.md between two markers. These are made from the record alone, so that a test can make them again. The table that each
simulation gave, which its claims are read off and its figure is drawn from, is kept in docs/tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.core import ArgumentError
from longtail.core.files import json_text, read_json, whole_file
from longtail.core.published import UNTRIED, tally
from longtail.core.record import versions
from simulations.simulation import NAMES

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).parents[1]
RECORD, TABLE, TABLES = Path("docs/claims.json"), Path("docs/claims.md"), Path("docs/tables")
GAP = "nan"
BEGIN, END = "<!-- claims: made by python -m simulations --all --quick --readme -->\n", "<!-- end of claims -->\n"


def write(
    simulations: list[dict[str, Any]],
    *,
    quick: bool,
    root: Path = ROOT,
    tables: Mapping[str, pd.DataFrame | None] | None = None,
) -> None:
    """The record, both tables of it, and at small size ``tables`` that simulations gave, by their names."""
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ArgumentError("--readme", str(readme), "it has no place for the claims; run in a checkout of the project")
    record = {"quick": quick, "versions": versions(), "simulations": _beside(simulations, quick, root)}
    before, _, rest = text.partition(BEGIN)
    files = {
        root / RECORD: json_text(record, indent=1, ensure_ascii=False) + "\n",
        root / TABLE: table(record),
        readme: before + BEGIN + summary(record) + END + rest.partition(END)[2],
    }
    if quick:
        files |= {
            root / TABLES / f"{name}.csv": frame.to_csv(index=False, na_rep=GAP)
            for name, frame in (tables or {}).items()
            if frame is not None
        }
        (root / TABLES).mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        with whole_file(path) as temporary:
            temporary.write_text(content, encoding="utf-8")


def _beside(simulations: list[dict[str, Any]], quick: bool, root: Path) -> list[dict[str, Any]]:
    """These, dated, in place of those of their names on record; where it lacks others they cannot be put beside it."""
    date = datetime.now(UTC).date().isoformat()
    new = {one["simulation"]: one | {"date": date} for one in simulations}
    if not set(NAMES) - set(new):
        return [new[name] for name in NAMES]
    old = read(root) if (root / RECORD).is_file() else {}
    kept = {one["simulation"]: one for one in old.get("simulations", [])} | new
    if old.get("quick") != quick or old.get("versions") != versions() or set(NAMES) - set(kept):
        raise ArgumentError(
            "--readme", ", ".join(new), "the record is of other versions, size or simulations: give --all"
        )
    return [kept[name] for name in NAMES]


def read(root: Path = ROOT) -> dict[str, Any]:
    """The record."""
    return read_json(root / RECORD)


def kept(name: str, root: Path = ROOT) -> pd.DataFrame:
    """The table of a simulation as it was kept: no number where there was none, and words that were empty empty."""
    import pandas as pd

    return pd.read_csv(root / TABLES / f"{name}.csv", keep_default_na=False, na_values=[GAP])


def shown(readme: str) -> str:
    """What README.md has between its markers."""
    return readme.partition(BEGIN)[2].partition(END)[0]


def summary(record: dict[str, Any]) -> str:
    """A row a simulation, its first claim that was tried, and how all of its claims fared."""
    rows = ["| | claim | published | ours | of its claims |", "|---|---|---|---|---|"]
    for one in record["simulations"]:
        claims = one["claims"]
        first = next((claim for claim in claims if claim["verdict"] != UNTRIED), claims[0])
        told = tally([claim["verdict"] for claim in claims])
        rows.append(
            row(f"`{one['simulation']}`", f"{one['says']}: {first['claim']}", first["published"], first["shown"], told)
        )
    return "\n".join(rows) + "\n"


def row(*cells: str) -> str:
    """Of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def table(record: dict[str, Any]) -> str:
    """Every claim, a section a simulation."""
    claims = [claim["verdict"] for one in record["simulations"] for claim in one["claims"]]
    seconds = sum(one["seconds"] for one in record["simulations"])
    size = "at their small sizes (`--quick`)" if record["quick"] else "at full size"
    used = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    lines = [
        "# Claims",
        "",
        f"Made by `python -m simulations --all{' --quick' if record['quick'] else ''} --readme`, {size}, "
        f"in {seconds:,.0f} processor seconds, with {used}.",
        "",
        f"Of {len(claims)} claims {tally(claims)}. Ours has its standard error, where it is not exact. A number differs where it "
        "is more than three standard errors from what is published, and the half of a last digit or the cut-off rest that print "
        "may hide; it is not tried here where this size cannot tell the claim from its contrary, or data are missing. What was "
        "measured at full size is in the docstring of each simulation.",
        "",
    ]
    for one in record["simulations"]:
        lines += [
            f"## {one['simulation']}",
            "",
            f"{one['says']}." + (f" It failed: {one['error']}" if one["error"] else ""),
            "",
        ]
        lines += ["| claim | published | ours | |", "|---|---|---|---|"]
        lines += [row(c["claim"], c["published"], c["shown"], c["verdict"]) for c in one["claims"]]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _failed(one: dict[str, Any]) -> str:
    return f" It failed: {one['error']}" if one["error"] else ""
