"""``python -m empirical.talk``: "What Neural Networks Memorize and Why", Feldman's talk, played at small size on one page."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from longtail.command import parser as command

if TYPE_CHECKING:
    from pathlib import Path

    from empirical.story.act import Act
    from empirical.story.talk import Talk

log = logging.getLogger("empirical")
OPTIONS = {  # of Talk, which holds their defaults
    "models": ("T", "nets trained on random subsets"),
    "removals": ("S", "nets retrained with and without the memorized"),
    "repeats": ("R", "data sets whose models are attacked"),
    "dimension": ("D", "bits of an example there"),
    "samples": ("N", "examples and clusters there"),
    "nets": ("S", "nets under turn-over dropout"),
    "epochs": ("E", "epochs that these are trained for"),
    "seed": ("S", "of everything"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command.run(parser(), argv, _run, lambda _: "stopped")


def _run(arguments: argparse.Namespace) -> int:
    from empirical.story.talk import SECONDS, Talk
    from empirical.training.resources import duration
    from longtail.core.files import folder, json_text

    given = {name: value for name in OPTIONS if (value := getattr(arguments, name)) is not None}
    talk = Talk(**given)
    talk.check()
    out = folder("--out", arguments.out) if arguments.out else None
    expected = talk.seconds()
    log.info("five parts, about %s on a quiet core", duration(sum(expected.values())))
    began = time.monotonic()
    acts: list[Act] = []
    seconds: dict[str, float] = {}
    for name, act in zip(SECONDS, talk.acts(_told), strict=True):
        acts.append(act)
        seconds[name] = time.monotonic() - began - sum(seconds.values())
        ahead = sum(expected[later] for later in SECONDS if later not in seconds)
        pace = sum(seconds.values()) / sum(expected[done] for done in seconds)
        left = f", about {duration(ahead * pace)} left" if ahead else ""
        log.info("%s of 5, %s: %s%s", len(acts), act.title, duration(seconds[name]), left)
    spent = sum(seconds.values())
    if out is not None:
        _write(acts, talk, spent, out)
    if arguments.json:
        parts = [act.record() | {"seconds": round(seconds[act.name], 3)} for act in acts]
        command.say(json_text({"seed": talk.seed, "parts": parts, "seconds": round(spent, 3)}))
    else:
        command.say(_text(acts))
    return 0


def _told(now: Any) -> None:
    """Progress of the longest part."""
    if now.done > now.found:
        log.info("net %s of %s", now.done, now.wanted)


def _write(acts: Sequence[Act], talk: Talk, seconds: float, out: Path) -> None:
    """The page, the tables and the record, which comes last."""
    from dataclasses import asdict

    from empirical.report.exhibits import Exhibits
    from empirical.report.talk_page import write
    from empirical.story.talk import digits
    from longtail.core.record import Run

    shown = Exhibits(images={"train": digits().x_train})
    log.info("wrote %s", write(acts, shown, talk.seed, seconds, out / "talk.html"))
    frames = {name: frame for act in acts for name, frame in act.frames.items()}
    for path in Run.of(asdict(talk), talk.seed, frames).write(out):
        log.info("wrote %s", path)


def _text(acts: Sequence[Act]) -> str:
    from empirical.report.talk_page import headline

    lines = []
    for place, act in enumerate(acts, 1):
        lines += [f"{place}. {act.title}", ""]
        rows = [(one.text, one.published.text, one.shown, one.verdict) for one in act.findings]
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        lines += [
            "   " + "  ".join(cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True)) for row in rows
        ]
        lines.append("")
    return "\n".join([*lines, headline(acts)])


def parser() -> command.Parser:
    """All options."""
    from empirical.story.talk import Talk

    p = command.Parser(
        prog="python -m empirical.talk",
        description='Play Feldman\'s talk "What Neural Networks Memorize and Why" at small size: why singletons must be fit, '
        "that real learners do, what it is worth, that even irrelevant bits are kept, and when. Each claim is told with "
        "the published number, ours with its error, and whether they agree.",
        epilog="Example: python -m empirical.talk --out talk",
    )
    size = p.add_argument_group("size")
    defaults = {one.name: one.default for one in fields(Talk)}
    for name, (metavar, says) in OPTIONS.items():
        kind = int if name == "seed" else float
        size.add_argument(f"--{name}", type=kind, metavar=metavar, help=f"{says} (default {defaults[name]})")
    command.add_output(p, "talk.html, tables and record", plot="")
    return p


if __name__ == "__main__":
    sys.exit(main())
