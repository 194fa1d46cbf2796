"""A prior from its repr: ``Zipf(alpha=2.0, size=50000)``, read as data. Nothing is evaluated.

A name with dots, ``package.module.MyPrior(a=1)``, imports that class: your own priors work wherever ours do.
"""

from __future__ import annotations

import ast
import importlib
from typing import Any

from longtail.core import ArgumentError, Prior


def parse(text: str) -> Prior:
    """The prior that ``text`` names.

    >>> parse("Zipf(alpha=1, size=100)")
    Zipf(alpha=1.0, size=100)
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ArgumentError("prior", text, "write it as a call, for example Zipf(alpha=2, size=50000)") from error
    prior = _value(tree, text)
    if not isinstance(prior, Prior):
        raise ArgumentError("prior", text, "write it as a call, for example Zipf(alpha=2, size=50000)")
    return prior


def _value(node: ast.expr, text: str) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(_value(item, text) for item in items)
        case ast.Name(id="inf" | "nan" as name):
            return float(name)
        case ast.Call(func=function, args=positional, keywords=named) if all(word.arg for word in named):
            kind = _class(function, text)
            arguments = [_value(item, text) for item in positional]
            try:
                return kind(*arguments, **{str(word.arg): _value(word.value, text) for word in named})
            except TypeError as error:
                raise ArgumentError("prior", text, _signature(kind)) from error
    raise ArgumentError("prior", ast.unparse(node), "write numbers, strings, lists and priors only")


def _class(function: ast.expr, text: str) -> type[Prior]:
    from longtail.priors import NAMES

    name = ast.unparse(function)
    if name in NAMES:
        return NAMES[name]
    module, _, attribute = name.rpartition(".")
    if not module or not all(part.isidentifier() for part in name.split(".")):
        raise ArgumentError("prior", text, f"give one of {', '.join(NAMES)}, or package.module.YourPrior(...)")
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ArgumentError(
            "prior", name, f"cannot be imported ({error}); give package.module.YourPrior(...)"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Prior)):
        raise ArgumentError("prior", name, "give a subclass of longtail.Prior")
    return kind


def _signature(kind: type[Prior]) -> str:
    fields = [f.name for f in getattr(kind, "__dataclass_fields__", {}).values() if f.init]
    return f"write {kind.__name__}({', '.join(f'{name}=...' for name in fields)})"
