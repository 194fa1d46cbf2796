"""``python -m simulations NAME ... | --all``: each ends with its claims, what was published, ours, and whether they agree."""

from __future__ import annotations

import argparse
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.command import parser as command
from longtail.core import ArgumentError
from longtail.core.files import folder, json_text
from longtail.core.published import Finding, tally
from simulations.places import Missing
from simulations.readme import write
from simulations.simulation import NAMES, Simulation

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("simulations")


@dataclass(frozen=True)
class Outcome:
    """A simulation that was run: its findings and processor seconds, and what went wrong, if something did."""

    simulation: Simulation
    findings: list[Finding]
    seconds: float
    error: str = ""
    table: pd.DataFrame | None = None

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "simulation": self.simulation.name,
            "says": self.simulation.says,
            "seconds": round(self.seconds, 1),
            "error": self.error or None,
            "claims": [finding.record() for finding in self.findings],
        }


def main(argv: Sequence[str] | None = None, name: str | None = None) -> int:
    """The command; ``name`` is the simulation whose file was called itself. Returns the exit code."""
    return command.run(parser(name), argv, _run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.list:
        return _listed()
    if arguments.all == bool(arguments.names):
        raise ArgumentError("NAME", " ".join(arguments.names) or "nothing", "name simulations (--list), or give --all")
    unknown = [name for name in arguments.names if name not in NAMES]
    if unknown:
        raise ArgumentError("NAME", unknown[0], f"give {', '.join(NAMES)}")
    if arguments.data is not None:
        os.environ["LONGTAIL_DATA"] = str(_readable(arguments.data))
    names = NAMES if arguments.all else arguments.names
    out = folder("--out", arguments.out) if arguments.out else None
    outcomes = []
    for place, name in enumerate(names, 1):
        log.info("%s of %s: %s", place, len(names), name)
        outcomes.append(
            _outcome(Simulation.of(name), arguments.quick, out if out is None or len(names) == 1 else out / name)
        )
        log.info("%s: %.1f s of processor time%s", name, outcomes[-1].seconds, _error(outcomes[-1]))
    if arguments.readme:
        tables = {outcome.simulation.name: outcome.table for outcome in outcomes}
        write([outcome.record() for outcome in outcomes], quick=arguments.quick, tables=tables)
    if arguments.json:
        command.say(json_text({"quick": arguments.quick, "simulations": [outcome.record() for outcome in outcomes]}))
    else:
        for outcome in outcomes:
            command.say(_told(outcome, alone=len(outcomes) == 1))
    return command.FAILED if any(outcome.error for outcome in outcomes) else 0


def _readable(data: str) -> Path:
    if not Path(data).is_dir():
        raise ArgumentError("--data", data, "there is no such folder")
    return Path(data).absolute()


def _outcome(simulation: Simulation, quick: bool, out: Path | None) -> Outcome:
    """Run it; what goes wrong in one must not stop the others."""
    began, config = _spent(), simulation.quick if quick else simulation.config
    try:
        table = simulation.run(config)
        findings = simulation.found(table)
        if out is not None:
            simulation.write(folder("--out", out), config, table)
    except Missing as error:
        log.warning("%s was not tried: %s", simulation.name, error)
        return Outcome(simulation, simulation.found(None), _spent() - began)
    except Exception as error:
        log.debug("%s", simulation.name, exc_info=True)
        return Outcome(simulation, simulation.found(None), _spent() - began, f"{type(error).__name__}: {error}")
    return Outcome(simulation, findings, _spent() - began, table=table)


def _spent() -> float:
    """Processor seconds of this process and of the workers that it has waited for."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _listed() -> int:
    for name in NAMES:
        simulation = Simulation.of(name)
        command.say(f"{name}: {simulation.says}")
        for claim in simulation.claims:
            command.say(f"    {claim.text}: {claim.published.text}")
    return 0


def _told(outcome: Outcome, alone: bool) -> str:
    """The claims in lines; of one simulation alone its docstring and table before."""
    rows = [("claim", "published", "ours", "verdict")]
    rows += [(one.text, one.published.text, one.shown, one.verdict) for one in outcome.findings]
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    told = tally([finding.verdict for finding in outcome.findings])
    head = f"{outcome.simulation.name}: {outcome.simulation.says}. Of its claims {told}.{_error(outcome)}"
    if alone and outcome.table is not None:
        head = f"{outcome.simulation.doc.strip()}\n\n{outcome.table.to_string(index=False)}\n\n{head}"
    return "\n".join([head, "", *lines, ""])


def _error(outcome: Outcome) -> str:
    return f" It failed: {outcome.error}" if outcome.error else ""


def parser(name: str | None = None) -> command.Parser:
    """All options."""
    p = command.Parser(
        prog=f"python -m simulations.{name}" if name else "python -m simulations",
        description="Run simulations, each a published figure, table or claim, and say where ours agrees and where it differs. "
        "Errors are standard errors; numbers differ where they are more than three of them apart.",
        epilog="Example: python -m simulations zipf; python -m simulations --all --quick",
    )
    p.set_defaults(names=[name] if name else [])
    if name is None:
        p.add_argument("names", nargs="*", metavar="NAME", help="which, --list says what there is")
    p.add_argument("--quick", action="store_true", help="each at its small size: all of them in minutes")
    p.add_argument("--data", metavar="DIR", help="the folder of the data sets (default $LONGTAIL_DATA)")
    command.add_output(p, "tables, claims, figures and records", plot="")
    several = p.add_argument_group("several") if name is None else None
    for flag, says in (
        ("all", "all of them"),
        ("list", "only list them and what they claim"),
        ("readme", "in a checkout: put what came out into docs/claims.md, docs/tables and README.md"),
    ):
        if several is None:
            p.set_defaults(**{flag: False})
        else:
            several.add_argument(f"--{flag}", action="store_true", help=says)
    return p
