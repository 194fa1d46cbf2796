"""``longtail COMMAND ...``: the commands of every installed package that has some, under one name."""

from __future__ import annotations

import importlib
import sys

from longtail.command.known import OURS, about, commands


def main() -> int:
    """Run the command that the first argument names."""
    arguments, known = sys.argv[1:], commands()
    if arguments and arguments[0] in known:
        module, _, function = known[arguments[0]].partition(":")
        return int(getattr(importlib.import_module(module), function)(arguments[1:]))
    if arguments == ["--version"]:
        from longtail import __version__

        sys.stdout.write(f"longtail {__version__}\n")
        return 0
    more = "" if len(known) > len(OURS) else "; an installed copy (pip install .) knows those of other packages too"
    if arguments and arguments[0] not in ("-h", "--help"):
        sys.stderr.write(f"longtail: error: no command {arguments[0]!r}; give one of {', '.join(known)}{more}\n")
        return 2
    usage = "usage: longtail COMMAND [options]\n\n" + "".join(
        f"  {name:10} {about(at)}\n" for name, at in known.items()
    )
    sys.stdout.write(usage + f"\nlongtail COMMAND --help says more{more}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
