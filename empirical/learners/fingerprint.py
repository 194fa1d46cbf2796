"""A learner in words that any process would find again: whose trials a store holds is told by them.

Everything that may train otherwise is in them: parameters, a function's code, defaults and closure, the helpers and
constants of its module. Nothing that a process makes up is: no addresses, no order of sets. What can be told by its
address alone is refused, since a resumed run could not know it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from longtail.core import ArgumentError

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
PLAIN = (type(None), bool, int, float, complex, str, bytes, range, type(...), type(NotImplemented))
CONTAINERS = (dict, list, tuple, set, frozenset, types.CodeType)


def named(learner: Any) -> str:
    """A learner's repr where it says everything, else with a digest of what is behind it.

    >>> from empirical.learners import KNN
    >>> named(KNN())
    'KNN(k=1)'
    """
    text = repr(learner)
    if _says_all(learner, text):
        return text
    try:
        told = described(learner)
    except _Untold as error:
        raise ArgumentError(
            "learner",
            ADDRESS.sub("", text),
            f"it holds a {error}, known by its address in memory or a shortened text alone, so no later run could tell "
            "that it is the same: keep no trials (no --out, no store), or build it from functions and plain values",
        ) from error
    return f"{ADDRESS.sub('', text)} {hashlib.sha256(told.encode()).hexdigest()[:12]}"


def shown(model: Any) -> str:
    """A model in one line for a person; two that differ may look alike, but a run never does in two processes.

    >>> shown(np.linalg.norm), shown(functools.partial(round, ndigits=2))
    ('numpy.linalg.norm', 'partial(builtins.round, ndigits=2)')
    """
    if isinstance(model, functools.partial):
        given = [*map(repr, model.args), *(f"{name}={value!r}" for name, value in model.keywords.items())]
        text = f"partial({', '.join([shown(model.func), *given])})"
    elif name := getattr(model, "__qualname__", None):
        text = f"{model.__module__}.{name}"
    else:
        text = " ".join(_uncut(model).split())
    return ADDRESS.sub("", text)


def _uncut(model: Any) -> str:
    """The repr; scikit-learn's is cut at 700 characters unless told."""
    if "sklearn" in sys.modules:
        from sklearn.base import BaseEstimator

        if type(model).__repr__ is BaseEstimator.__repr__:
            return str(model.__repr__(N_CHAR_MAX=sys.maxsize))
    return repr(model)


class _Untold(Exception):
    """Something of this type has no description that another process would find again."""


def described(value: Any, seen: dict[int, tuple[int, Any]] | None = None) -> str:
    """Everything a value is made of; what comes again, as a function that calls itself does, is a number from ``seen``.

    >>> described({"b": {2, 1}, "a": [None]})
    "builtins.dict('a': builtins.list(None), 'b': builtins.set(1, 2))"
    """
    if _plain(value):
        return repr(value)
    known: dict[int, tuple[int, Any]] = {} if seen is None else seen
    if not isinstance(value, CONTAINERS):  # these may be shared by chance: one empty tuple is every empty tuple
        if id(value) in known:
            return f"number {known[id(value)][0]} again"
        known[id(value)] = (len(known), value)  # kept, or another could get its address
    if isinstance(value, dict):
        items = sorted(((described(k, known), v) for k, v in value.items()), key=lambda item: item[0])
        inside = [f"{k}: {described(v, known)}" for k, v in items]
    elif isinstance(value, (set, frozenset)):
        inside = sorted(described(part, known) for part in value)
    else:
        inside = [described(part, known) for part in _parts(value)]
    return f"{_path(type(value))}({', '.join(inside)})"


def _parts(value: Any) -> list[Any]:
    """What else a value is made of, in an order of its own."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, (type, types.ModuleType, types.BuiltinFunctionType, np.ufunc)):
        return _names(value)
    if isinstance(value, types.FunctionType):
        return _function(value)
    if isinstance(value, types.CodeType):
        return [
            value.co_code,
            value.co_exceptiontable,
            value.co_consts,
            value.co_names,
            value.co_varnames,
            value.co_freevars,
        ]
    if isinstance(value, types.MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    for name in ("py_func", "__wrapped__"):  # numba's, functools.lru_cache's
        if isinstance(getattr(value, name, None), types.FunctionType):
            return [getattr(value, name)]
    return _numbers(value) or _state(value)


def _names(value: Any) -> list[Any]:
    """A class, module or compiled function: by its name, and the object whose method it is."""
    owner = getattr(value, "__self__", None)
    bound = [] if owner is None or isinstance(owner, types.ModuleType) else [owner]
    return [_path(value), *bound]


def _function(function: types.FunctionType) -> list[Any]:
    """Name, code, defaults, closure, and what of its own module it uses: constants and functions."""
    known = function.__globals__
    uses: dict[str, Any] = {}
    for name in _globals(function.__code__):
        value = known.get(name)
        helper = isinstance(value, types.FunctionType) and value.__module__ == function.__module__
        if name in known and (helper or _plain(value) or (type(value) is tuple and all(map(_plain, value)))):
            uses[name] = value
    cells = [_content(cell) for cell in function.__closure__ or ()]
    return [_path(function), function.__code__, function.__defaults__, function.__kwdefaults__, cells, uses]


def _globals(code: types.CodeType) -> Iterator[str]:
    """Names that a function and those inside it look up outside; attributes are among them, which does no harm."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _globals(inner)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet assigned
        return "nothing"


def _numbers(value: Any) -> list[Any]:
    """Arrays, sparse matrices, data frames and random states: by their content. None of these: nothing."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return [value.shape, value.tolist()]
        return [value.dtype.str, value.shape, hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()]
    if hasattr(value, "tocsr"):
        rows = value.tocsr()
        return [rows.shape, rows.data, rows.indices, rows.indptr]
    if hasattr(value, "to_numpy") and hasattr(value, "index"):
        return [list(getattr(value, "columns", ())), list(value.index), value.to_numpy()]
    if isinstance(value, np.random.RandomState):
        return [value.get_state(legacy=False)]
    if isinstance(value, np.random.Generator):
        return [value.bit_generator.state]
    return []


def _state(value: Any) -> list[Any]:
    """An object: a dataclass's fields, an estimator's parameters, else its attributes if they are all it has."""
    if dataclasses.is_dataclass(value):
        return [{f.name: getattr(value, f.name) for f in dataclasses.fields(value)}, *_methods(value)]
    if type(value).__name__ == "FrozenEstimator":  # scikit-learn's for what is fitted and stays so
        return [vars(value.estimator)]
    if hasattr(value, "get_params"):
        return [value.get_params(deep=False)]
    if _inherits(value, "__new__") and hasattr(value, "__dict__"):  # compiled types hide more than that
        return [vars(value), *_methods(value)]
    text = repr(value)
    if ADDRESS.search(text) or "..." in text:
        raise _Untold(_path(type(value)))
    return [text]


def _methods(value: Any) -> list[Any]:
    """The code of an object that is called as a function is: its class's methods, and those of bases in its module."""
    if not callable(value):
        return []
    own = [kind for kind in type(value).__mro__ if kind.__module__ == type(value).__module__]
    return [{name: m for name, m in vars(kind).items() if isinstance(m, types.FunctionType)} for kind in own]


def _path(value: Any) -> str:
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    return f"{getattr(value, '__module__', None) or ''}.{name}"


def _plain(value: Any) -> bool:
    return type(value) in PLAIN or (isinstance(value, np.generic) and not value.dtype.hasobject)


def _says_all(learner: Any, text: str) -> bool:
    """Whether the repr is a name: of a dataclass whose fields are plain, or one that its class writes itself."""
    if dataclasses.is_dataclass(learner):
        return all(f.repr and _simple(getattr(learner, f.name)) for f in dataclasses.fields(learner))
    return not _inherits(learner, "__repr__") and not ADDRESS.search(text)


def _inherits(value: Any, name: str) -> bool:
    """Whether it has this method from ``object``, and not of its own."""
    return getattr(type(value), name) is getattr(object, name)


def _simple(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_simple, value))
    return _plain(value) or (dataclasses.is_dataclass(value) and _says_all(value, ""))
