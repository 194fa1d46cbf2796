"""The commands of every installed package that has some, by name.

A package names them as entry points of the group ``longtail.commands``; ours are there without an installation too.
"""

from __future__ import annotations

import ast
import importlib.util
from importlib.abc import InspectLoader
from importlib.metadata import entry_points

GROUP = "longtail.commands"
OURS = {name: f"longtail.{name}:main" for name in ("simulate", "infer", "cost", "doctor")}


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
