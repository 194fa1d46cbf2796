"""``python -m longtail.doctor``: what of this machine and installation bears on speed, and what will be slow.

It looks at the processor and the kernels in force, threads, GPU, memory, disk, versions, extras, and whether compiled loops
are cached; ``--warm`` runs two small commands, so that all they need is compiled now.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict

from longtail.command import parser as command
from longtail.core.files import json_text

WARM = {
    "simulate": ["--alpha", "2", "--samples", "1000", "--subpopulations", "1000", "--trials", "100"],
    "estimate": ["digits", "--trials", "32"],
}  # what most first runs need


def main(argv: Sequence[str] | None = None) -> int:
    """Print the findings; 0 whether or not something is slow."""
    return command.run(_parser(), argv, _work)


def _work(arguments: argparse.Namespace) -> int:
    from longtail.command.checkup import checkup
    from longtail.command.known import commands

    known = commands()
    if arguments.warm:
        for name in [one for one in WARM if one in known]:
            module = known[name].partition(":")[0]
            subprocess.run([sys.executable, "-m", module, *WARM[name]], check=True, stdout=subprocess.DEVNULL)
    packages = tuple(dict.fromkeys(one.partition(".")[0] for one in known.values()))
    found = checkup(packages)
    if arguments.json:
        command.say(json_text([asdict(one) for one in found]))
        return 0
    for one in found:
        command.say(f"{one.about:>22}  {one.found}")
        if one.remedy:
            command.say(f"{'':>22}  -> {one.remedy}")
    bad = sum(1 for one in found if one.remedy)
    command.say("\n" + ("Nothing here will be slow." if not bad else f"{bad} of these will be slow, or fail: see ->."))
    return 0


def _parser() -> command.Parser:
    parser = command.Parser(
        prog="python -m longtail.doctor",
        description="What of this machine and installation bears on speed, and what will be slow.",
    )
    parser.add_argument("--warm", action="store_true", help="compile now what simulate and estimate need, once")
    command.add_output(parser, prints="one JSON list: about, found, remedy", plot="")
    return parser


if __name__ == "__main__":
    sys.exit(main())
