"""``longtail COMMAND ...``: the commands of both packages under one name."""

from __future__ import annotations

import importlib
import sys

COMMANDS = {
    "simulate": ("longtail.simulate", "what memorizing buys under a long tail, in theory"),
    "infer": ("longtail.infer", "which frequencies made your counts, and what is unseen"),
    "estimate": ("empirical.estimate", "what a learner memorizes on real data"),
    "compare": ("empirical.compare", "theory against observation, and a report"),
    "remove": ("empirical.remove", "what it costs to train without the memorized"),
}


def main() -> int:
    """Run the command that the first argument names."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in COMMANDS:
        return int(importlib.import_module(COMMANDS[arguments[0]][0]).main(arguments[1:]))
    if arguments == ["--version"]:
        from longtail import __version__

        sys.stdout.write(f"longtail {__version__}\n")
        return 0
    usage = "usage: longtail COMMAND [options]\n\n" + "".join(
        f"  {name:10} {text}\n" for name, (_, text) in COMMANDS.items()
    )
    if arguments and arguments[0] not in ("-h", "--help"):
        sys.stderr.write(f"longtail: error: no command {arguments[0]!r}; give one of {', '.join(COMMANDS)}\n")
        return 2
    sys.stdout.write(usage + "\nlongtail COMMAND --help says more.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
