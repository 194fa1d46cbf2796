"""A prior from its repr: ``Zipf(alpha=2.0, size=50000)``, read as data. Nothing is evaluated.

A name with dots, ``package.module.MyPrior(a=1)``, imports that class: your own priors work wherever ours do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from longtail.core import ArgumentError, Prior, calls

EXAMPLE = "write it as a call, for example Zipf(alpha=2, size=50000)"


def parse(text: str, *, imports: bool = True) -> Prior:
    """The prior that ``text`` names; without ``imports``, as for a name in a file, one of ours only.

    >>> parse("Zipf(alpha=1, size=100)")
    Zipf(alpha=1.0, size=100)
    """
    call = calls.read("prior", text, EXAMPLE)
    if call.bare:
        raise ArgumentError("prior", calls.shortened(text), EXAMPLE)
    return _prior(call, imports)


def _prior(call: calls.Call, imports: bool) -> Prior:
    kind = _class(call.name, imports)
    arguments = tuple(_filled(value, imports) for value in call.arguments)
    keywords = tuple((name, _filled(value, imports)) for name, value in call.keywords)
    prior: Prior = calls.made("prior", replace(call, arguments=arguments, keywords=keywords), kind)
    return prior


def _filled(value: Any, imports: bool) -> Any:
    """Calls inside become priors, and lists tuples: a prior is a value."""
    if isinstance(value, calls.Call):
        return _prior(value, imports)
    return tuple(_filled(item, imports) for item in value) if isinstance(value, (tuple, list)) else value


def _class(name: str, imports: bool) -> type[Prior]:
    from longtail.priors import NAMES

    if name in NAMES:
        return NAMES[name]
    remedy = f"give one of {', '.join(NAMES)}, or package.module.YourPrior(...)"
    if "." in name and not imports:
        raise calls.Foreign("prior", calls.shortened(name), "a name in a file is not imported")
    kind = calls.imported("prior", name, remedy)
    if not (isinstance(kind, type) and issubclass(kind, Prior)):
        raise ArgumentError("prior", calls.shortened(name), "give a subclass of longtail.Prior")
    return kind
