"""What the commands share: an error is one line and exit code 2, results go to stdout, diagnostics to stderr."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any

from longtail import __version__
from longtail.core import ArgumentError
from longtail.core.files import refusable

BAD, FAILED, STOPPED = 2, 1, 130
UNKNOWN = "unrecognized arguments: "  # as argparse says it
LIKE = 0.75  # of an option, to be meant by another word: --alhpa is .86 of --alpha, --size .67 of --seed
# options, by Python's names
ALSO = {
    "n": "samples",
    "n_classes": "labels",
    "models": "trials",
    "size": "subpopulations",
    "counts": "file",
    "directory": "run",
    "epsilon": "private",
}


class Parser(argparse.ArgumentParser):
    """argparse, but that a wrong argument is one line, without the usage."""

    def error(self, message: str) -> Any:
        if message.startswith(UNKNOWN):
            given = (message.removeprefix(UNKNOWN).split() or [""])[0].partition("=")[0]
            known = [name for action in self._actions for name in action.option_strings]
            called = self.option(given.removeprefix("--").replace("-", "_"))  # by Python's name
            meant = [called] if called in known else get_close_matches(given, known, 1, LIKE)
            message += "".join(f"; did you mean {name}?" for name in meant)
        self.exit(BAD, f"{self.prog}: error: {message}\n")

    def option(self, argument: str) -> str:
        """How the user writes an argument of this name: ``--trials``, or DATA; itself where there is no such option."""
        for name in (argument, ALSO.get(argument)):
            for action in self._actions:
                if action.dest == name:
                    return action.option_strings[-1] if action.option_strings else str(action.metavar)
        return argument


def add_output(
    parser: Parser, writes: str = "", prints: str = "one JSON object", *, plot: str = "figure"
) -> argparse._ArgumentGroup:
    """The options every command ends with; those of what it does not write, print or draw are left out."""
    output = parser.add_argument_group("output")
    if writes:
        output.add_argument("--out", metavar="DIR", help=f"write {writes} there")
    if plot:
        output.add_argument("--no-plot", action="store_true", help=f"write no {plot}")
    if prints:
        output.add_argument("--json", action="store_true", help=f"print {prints}")
    output.add_argument("--quiet", action="store_true", help="no diagnostics on stderr")
    output.add_argument("--version", action="version", version=f"longtail {__version__}")
    return output


def say(text: str) -> None:
    """A result, at once: who reads the other end of a pipe need not wait for the end."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def resumable(arguments: argparse.Namespace) -> str:
    """What Ctrl-C leaves to say of a command that trains, and keeps what it trained where --out or --store say.

    >>> resumable(argparse.Namespace(out=None, store=None))
    'stopped'
    """
    kept = "; what was trained is kept, and the same command goes on from there"
    return "stopped" + (kept if arguments.out or arguments.store else "")


def run(
    parser: Parser,
    argv: Sequence[str] | None,
    work: Callable[[argparse.Namespace], int],
    stopped: Callable[[argparse.Namespace], str] = lambda _: "",
) -> int:
    """Parse, ``work``, and turn what went wrong into a line and an exit code; ``stopped`` is what Ctrl-C leaves to say.

    An error of the library names its Python argument, and is shown by the option that stands for it.
    """
    arguments = parser.parse_args(argv)
    level = logging.WARNING if arguments.quiet else logging.INFO
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr, force=True)
    try:
        with refusable():
            return work(arguments)
    except ArgumentError as error:
        shown = f"{parser.option(error.argument)}: got {error.shown}; {error.remedy}"
        sys.stderr.write(f"{parser.prog}: error: {' '.join(shown.split())}\n")
        return BAD
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        sys.stderr.write(f"{parser.prog}: error: {error.strerror or error}{where}\n")
        return FAILED
    except KeyboardInterrupt:
        if message := stopped(arguments):
            logging.getLogger("longtail").warning(message)
        return STOPPED
