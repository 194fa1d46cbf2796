"""Pages from the templates beside this file: everything is escaped but what was made here, and formulas are set."""

from __future__ import annotations

from importlib.resources import files
from typing import Any


def file(name: str) -> str:
    """A template, a style or a script as it lies here."""
    return (files("empirical.report") / name).read_text(encoding="utf-8")


def rendered(template: str, /, **values: Any) -> str:
    """A template with these values; ``{{ text | formulas | safe }}`` is a sentence with its formulas as MathML."""
    from jinja2 import Environment, StrictUndefined

    from empirical.report.formulas import typeset

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["formulas"] = typeset
    return environment.from_string(file(template)).render(**values)
