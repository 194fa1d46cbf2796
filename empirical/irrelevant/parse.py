"""A learner on these tasks from its name, and back: as a call for its options, read as data; a limited one has another within."""

from __future__ import annotations

from dataclasses import fields

from empirical.irrelevant import learners, limited
from empirical.irrelevant.learners import Learner
from longtail.core import ArgumentError, calls


def _named() -> dict[str, type[Learner]]:
    """All of them, those that limit another among them."""
    return learners.NAMES | limited.NAMES


def learner(text: str) -> Learner:
    """The learner that ``text`` names, as a call for its options; read as data.

    >>> learner("softmax(steps=10)").steps
    10
    >>> shown(learner("pruned(ridge(penalty=2), 0.5)"))
    'pruned(ridge(penalty=2.0), share=0.5)'
    """
    return _made(calls.read("learner", text, _remedy()), text)


def _remedy() -> str:
    return f"give one of {', '.join(_named())}, as a call for its options"


def _made(call: calls.Call, text: str) -> Learner:
    if call.name.lower() not in _named():
        raise ArgumentError("learner", calls.shortened(text), _remedy())
    within = [_made(value, text) if isinstance(value, calls.Call) else value for value in call.arguments]
    words = [(name, _made(value, text) if isinstance(value, calls.Call) else value) for name, value in call.keywords]
    made: Learner = calls.made(
        "learner", calls.Call(call.name, tuple(within), tuple(words)), _named()[call.name.lower()]
    )
    return made


def shown(one: Learner) -> str:
    """Its name as the command knows it, with what differs from the defaults.

    >>> from empirical.irrelevant.learners import KNN, Softmax
    >>> shown(Softmax(steps=10)), shown(KNN())
    ('softmax(steps=10)', 'knn')
    """
    name = next(name for name, kind in _named().items() if kind is type(one))
    told = []
    for field in fields(one):
        value = getattr(one, field.name)
        if isinstance(value, Learner):
            told.append(shown(value))
        elif value != field.default:
            told.append(f"{field.name}={value!r}")
    return f"{name}({', '.join(told)})" if told else name
