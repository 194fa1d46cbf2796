"""A learner from its repr: ``Ridge(penalty=1.0)``, or its bare name; read as data, nothing is evaluated.

A name with dots is imported, and called if it is a subclass of ``Learner``, a scikit-learn classifier
(``sklearn.tree.DecisionTreeClassifier(max_depth=3)``) or a function marked by ``makes_learner``. A function of
(X, y, subset) is one that trains: ``package.module.fit_predict`` by its name alone, uncalled.
"""

from __future__ import annotations

import inspect
from typing import Any

from empirical.learners import ALIASES
from empirical.learners.learner import Learner
from longtail.core import ArgumentError, calls

REMEDY = (
    f"give one of {', '.join(ALIASES)}, as a call for its options, or package.module.YourLearner(...), "
    "or package.module.fit_predict"
)


def parse_learner(text: str, *, imports: bool = True) -> Learner:
    """The learner that ``text`` names; without ``imports``, as for a name in a file, one of ours only.

    >>> parse_learner("knn")
    KNN(k=1)
    >>> parse_learner("Pruned(ridge(penalty=2), 0.5)")
    Pruned(learner=Ridge(penalty=2.0), sparsity=0.5, scope='global')
    """
    return _made(calls.read("learner", text, REMEDY), text, imports)


def _made(call: calls.Call, text: str, imports: bool) -> Learner:
    from empirical.learners.external import External

    kind = _named(call.name, imports)
    if _trains(kind):
        if not call.bare:
            raise ArgumentError(
                "learner", calls.shortened(text), "a function of (X, y, subset) is named alone: no (...)"
            )
        return External(kind)
    if not _makes(kind):
        remedy = (
            "it is no Learner, classifier or function of (X, y, subset); if it is a function of yours that makes one, "
            "mark it by @empirical.makes_learner"
        )
        raise ArgumentError("learner", calls.shortened(call.name), remedy)
    if getattr(kind, "wraps", False) is True:
        call = calls.Call(
            call.name,
            tuple(_inside(value, text, imports) for value in call.arguments),
            tuple((name, _inside(value, text, imports)) for name, value in call.keywords),
        )
    if not _literal([*call.arguments, *dict(call.keywords).values()]):
        raise ArgumentError("learner", calls.shortened(text), "write numbers, strings and lists only")
    made = calls.made("learner", call, kind)
    if isinstance(made, Learner):
        return made
    if _trains(made) or (hasattr(made, "fit") and hasattr(made, "predict")):
        return External(made)
    raise ArgumentError(
        "learner", calls.shortened(text), "it is no learner, classifier or function of (X, y, subset); " + REMEDY
    )


def _inside(value: Any, text: str, imports: bool) -> Any:
    """A learner that another is made of, where the value is a call."""
    return _made(value, text, imports) if isinstance(value, calls.Call) else value


def _makes(kind: Any) -> bool:
    """Whether it may be called for a learner: what has another purpose never is, whoever named it."""
    if isinstance(kind, type):
        return issubclass(kind, Learner) or (hasattr(kind, "fit") and hasattr(kind, "predict"))
    return callable(kind) and getattr(kind, "makes_learner", False) is True


def _trains(value: Any) -> bool:
    """Whether it is a function of (X, y, subset), perhaps of a seed and of what has a default."""
    if isinstance(value, type) or not callable(value):
        return False
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):  # a compiled function may not say
        return False
    asked = [
        p
        for p in parameters
        if p.default is p.empty and p.name != "seed" and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    return len(asked) == 3 and all(p.kind is not p.KEYWORD_ONLY for p in asked)


def _literal(values: Any) -> bool:
    """Whether no call is among the values: a learner of ours is made of plain ones."""
    if isinstance(values, (list, tuple)):
        return all(map(_literal, values))
    return all(map(_literal, values.values())) if isinstance(values, dict) else not isinstance(values, calls.Call)


def _named(name: str, imports: bool) -> Any:
    """A class of this package by its name or alias, or what the user names by its path."""
    from empirical import learners

    own = ALIASES.get(name.lower(), name)
    if own in learners.__all__:
        try:
            return getattr(learners, own)
        except ImportError as error:
            raise ArgumentError("learner", name, f"it cannot be imported here: {error}") from error
    if "." in name and not imports:
        raise calls.Foreign("learner", calls.shortened(name), "a name in a file is not imported")
    return calls.imported("learner", name, REMEDY)
