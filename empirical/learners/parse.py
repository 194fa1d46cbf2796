"""A learner from its repr: ``Ridge(penalty=1.0)``, or its bare name; read as data, nothing is evaluated.

A name with dots imports that class: ``package.module.MyLearner(depth=3)``, or function that makes a learner. What is no
learner of ours is taken for a scikit-learn classifier: ``sklearn.tree.DecisionTreeClassifier(max_depth=3)``. A function of
(X, y, subset) is one that trains: ``package.module.fit_predict`` by its name alone, uncalled.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from typing import Any

from empirical.learners import ALIASES
from empirical.learners.learner import Learner
from longtail.core import ArgumentError

REMEDY = (
    f"give one of {', '.join(ALIASES)}, as a call for its options, or package.module.YourLearner(...), "
    "or package.module.fit_predict"
)


def learner(text: str) -> Learner:
    """The learner that ``text`` names.

    >>> learner("knn")
    KNN(k=1)
    >>> learner("Ridge(penalty=2)")
    Ridge(penalty=2.0)
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ArgumentError("learner", text, REMEDY) from error
    call = tree if isinstance(tree, ast.Call) else ast.Call(func=tree, args=[], keywords=[])
    kind = named(ast.unparse(call.func), text)
    if tree is not call and trains(kind):
        from empirical import learners

        return learners.External(kind)  # type: ignore[no-any-return]
    if not callable(kind):
        raise ArgumentError("learner", text, "it is neither a class nor a function; " + REMEDY)
    try:
        positional = [ast.literal_eval(node) for node in call.args]
        keywords = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except ValueError as error:
        raise ArgumentError("learner", text, "write numbers, strings and lists only") from error
    try:
        made = kind(*positional, **keywords)
    except TypeError as error:
        raise ArgumentError("learner", text, str(error)) from error
    if isinstance(made, Learner):
        return made
    if trains(made) or (hasattr(made, "fit") and hasattr(made, "predict")):
        from empirical import learners

        return learners.External(made)  # type: ignore[no-any-return]
    raise ArgumentError("learner", text, "it is no learner, classifier or function of (X, y, subset); " + REMEDY)


def trains(value: Any) -> bool:
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


def named(name: str, text: str) -> Any:
    """A class of this package by its name or alias, or any other by its path."""
    from empirical import learners

    own = ALIASES.get(name.lower(), name)
    if own in learners.__all__:
        try:
            return getattr(learners, own)
        except ImportError as error:
            raise ArgumentError("learner", text, f"it cannot be imported here: {error}") from error
    module, _, attribute = name.rpartition(".")
    if not module or not all(part.isidentifier() for part in name.split(".")):
        raise ArgumentError("learner", text, REMEDY)
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ArgumentError("learner", name, f"cannot be imported ({error})") from error
