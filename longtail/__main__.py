"""``longtail COMMAND ...``: the commands of every installed package that has some, under one name.

A package names them as entry points of the group ``longtail.commands``; ours are there without an installation too.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from importlib.abc import InspectLoader
from importlib.metadata import entry_points

GROUP = "longtail.commands"
OURS = {name: f"longtail.{name}:main" for name in ("simulate", "infer", "cost")}


def commands() -> dict[str, str]:
    """``module:function`` of each command by its name, ours first."""
    return OURS | {point.name: point.value for point in entry_points(group=GROUP) if point.name not in OURS}


def about(command: str) -> str:
    """What the first line of a command's module says of it, which is read but not run: to list is not to import."""
    try:
        spec = importlib.util.find_spec(command.partition(":")[0])
        loader = spec.loader if spec else None
        source = loader.get_source(spec.name) if spec and isinstance(loader, InspectLoader) else None
    except ImportError:
        return ""
    said = ast.get_docstring(ast.parse(source or "")) or ""
    return said.partition("\n")[0].rpartition("``: ")[2].rstrip(".")


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
