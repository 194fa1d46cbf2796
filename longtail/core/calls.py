"""``Name(a=1)`` read as data, and the one place where a user's own name is imported. Nothing is ever evaluated.

A name on your command line, or in your call from Python, is imported; a name in a file is only looked up. What is
imported is called only if it is what was asked for (a subclass of ``Prior``, say), which its reader checks first. A
module runs when it is imported, so Python's own are refused before that: none of them holds a prior, learner or data set.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import keyword
import math
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from longtail.core.checks import ArgumentError

LONGEST = 10_000  # characters of a call
DEEPEST = 20  # brackets within brackets: a mixture takes three, and its work doubles with each mixture inside it
NAME = 200  # characters of a name
INTEGER = 2**64  # seeds are below it
SHOWN = 60  # characters of a text in an error


class Foreign(ArgumentError):
    """A name in a file that is none of ours, and is not imported therefore."""


@dataclass(frozen=True)
class Call:
    """``name(*arguments, **keywords)``, not called; ``bare`` where the name stood alone. A call among the arguments is one too.

    >>> read("prior", "Zipf(alpha=1, size=100)", "write a call")
    Call(name='Zipf', arguments=(), keywords=(('alpha', 1), ('size', 100)), bare=False)
    """

    name: str
    arguments: tuple[Any, ...] = ()
    keywords: tuple[tuple[str, Any], ...] = ()
    bare: bool = False


def read(argument: str, text: str, remedy: str) -> Call:
    """The call or the bare name that ``text`` is, or an ArgumentError.

    Its arguments are numbers, strings, True, False, None, inf, nan, tuples, lists, dicts and calls.
    """
    if not isinstance(text, str):
        raise ArgumentError(argument, shortened(repr(text)), remedy)
    if len(text) > LONGEST:
        raise ArgumentError(argument, f"{len(text):,} characters", f"write it in at most {LONGEST:,}")
    try:
        with warnings.catch_warnings():  # of "\d" in a string and the like
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ArgumentError(argument, shortened(text), remedy) from error
    if isinstance(tree, ast.Call):
        return _call(argument, tree, text, 0)
    return Call(_name(argument, tree, text, remedy), bare=True)


def shortened(text: str) -> str:
    """The first characters of what may be long; quoted where it would be no plain line of a terminal."""
    cut = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
    return cut if cut.isprintable() else repr(cut)


def _call(argument: str, node: ast.Call, text: str, depth: int) -> Call:
    remedy = "call nothing but Name(...) or package.module.Name(...)"
    name = _name(argument, node.func, text, remedy)
    if any(word.arg is None for word in node.keywords):
        raise ArgumentError(argument, shortened(text), "write every argument out, without **")
    arguments = tuple(_value(argument, item, text, depth + 1) for item in node.args)
    keywords = tuple((str(word.arg), _value(argument, word.value, text, depth + 1)) for word in node.keywords)
    return Call(name, arguments, keywords)


def _name(argument: str, node: ast.expr, text: str, remedy: str) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    name = ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
    if not 0 < len(name) <= NAME:
        raise ArgumentError(argument, shortened(text), remedy)
    return name


def _value(argument: str, node: ast.expr, text: str, depth: int) -> Any:
    if depth > DEEPEST:
        raise ArgumentError(argument, shortened(text), f"write at most {DEEPEST} brackets within each other")
    match node:
        case ast.Constant(value=bool() | str() | None as value):
            return value
        case ast.Constant(value=int() | float() as value):
            return _number(argument, value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -_number(argument, value)
        case ast.Name(id="inf" | "nan" as name):
            return float(name)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Name(id="inf")):
            return -math.inf
        case ast.Tuple(elts=items):
            return tuple(_value(argument, item, text, depth + 1) for item in items)
        case ast.List(elts=items):
            return [_value(argument, item, text, depth + 1) for item in items]
        case ast.Dict(keys=keys, values=values) if all(isinstance(key, (ast.Constant, ast.UnaryOp)) for key in keys):
            inside = [[_value(argument, part, text, depth + 1) for part in parts if part] for parts in (keys, values)]
            return dict(zip(*inside, strict=True))
        case ast.Call():
            return _call(argument, node, text, depth)
    shown = ast.get_source_segment(text.strip(), node) or text
    raise ArgumentError(argument, shortened(shown), "write numbers, strings, lists and calls only")


def _number(argument: str, value: int | float) -> int | float:
    """Refuse what is larger than any number that means something here, before it costs time or memory."""
    if isinstance(value, int) and value >= INTEGER:
        raise ArgumentError(argument, "a whole number of 2^64 or more", "write a smaller one")
    if isinstance(value, float) and math.isinf(value):
        raise ArgumentError(argument, "a number beyond 1.8e308", "write a smaller one, or inf")
    return value


def imported(argument: str, name: str, remedy: str) -> Any:
    """What the user's own ``package.module.name`` is, uncalled; an ArgumentError where there is no such thing.

    Its module may lie in the working directory, which is looked in last: a ``random.py`` there hides nothing of Python's.
    """
    module, _, attribute = name.rpartition(".")
    if not module or not all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split(".")):
        raise ArgumentError(argument, shortened(name), remedy)
    first = name.partition(".")[0]
    if first in sys.stdlib_module_names:
        raise ArgumentError(argument, shortened(name), f"{first} is a module of Python's own; {remedy}")
    try:
        with _working_directory(first):
            importlib.invalidate_caches()
            return getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:  # a module may do anything when it is imported
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise ArgumentError(argument, shortened(name), f"it cannot be imported ({said}); {remedy}") from error


@contextmanager
def _working_directory(package: str) -> Iterator[None]:
    """The working directory as the last place to import from; for good if ``package`` was there, as worker processes need it."""
    here = os.getcwd()
    if sys.flags.safe_path or here in sys.path or "" in sys.path:
        yield
        return
    sys.path.append(here)
    try:
        yield
    finally:
        spec = getattr(sys.modules.get(package), "__spec__", None)
        places = [getattr(spec, "origin", None), *(getattr(spec, "submodule_search_locations", None) or ())]
        if here not in [os.path.dirname(str(place)) for place in places]:
            sys.path.remove(here)


def made(argument: str, call: Call, kind: Any) -> Any:
    """``kind``, which the caller knows to be right, called with the call's arguments; what it raises is an ArgumentError."""
    try:
        return kind(*call.arguments, **dict(call.keywords))
    except ArgumentError:
        raise
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise ArgumentError(argument, shortened(call.name), f"it raised {said}{_signature(kind)}") from error


def _signature(kind: Any) -> str:
    if not dataclasses.is_dataclass(kind):
        return ""
    fields = [f"{field.name}=..." for field in dataclasses.fields(kind) if field.init]
    return f"; write {getattr(kind, '__name__', '')}({', '.join(fields)})"
