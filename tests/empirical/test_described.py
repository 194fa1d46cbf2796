"""Names of learners: the same in every process, and another one where anything trains otherwise."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, StandardScaler

from empirical.designs import Fixed
from empirical.estimator import SubsetEstimator
from empirical.learners import KNN, External
from empirical.learners.fingerprint import described, named
from empirical.training.job import Job
from longtail.core import ArgumentError
from tests.empirical.nearest import Nearest

ROOT = Path(__file__).parents[2]
DEPTH = 3


def closure(label: Any) -> Any:
    return lambda X, y, subset: np.full(len(X), label)


def default(label: Any) -> Any:
    def constant(X, y, subset, given=label):
        return np.full(len(X), given)

    return constant


def keyword(label: Any) -> Any:
    def constant(X, y, subset, *, given=label):
        return np.full(len(X), given)

    return constant


def nested(which: int) -> Any:
    """Two that differ inside a lambda or a comprehension alone."""
    if which:
        model = lambda X, y, subset: np.array([(lambda: 1)() for _ in X])  # noqa: E731
    else:
        model = lambda X, y, subset: np.array([(lambda: 0)() for _ in X])  # noqa: E731
    return model


def takes(X, y, subset, label=0):
    return np.full(len(X), label)


def partial(label: int) -> Any:
    return functools.partial(takes, label=label)


class Always:
    def __init__(self, label: Any) -> None:
        self.label = label

    def __call__(self, X, y, subset):
        return np.full(len(X), self.label)


def method(label: int) -> Any:
    return Always(label).__call__


def long_pipeline(bins: int) -> Any:
    """Its repr is over 700 characters, and what changes is in the middle."""
    steps = [
        (f"step_number_{i}", KBinsDiscretizer(n_bins=bins) if i == 15 else StandardScaler(with_mean=False), [i])
        for i in range(30)
    ]
    return make_pipeline(ColumnTransformer(steps), LogisticRegression())


def function_inside(label: int) -> Any:
    return make_pipeline(FunctionTransformer(closure(label)), LogisticRegression())


def array_inside(label: int) -> Any:
    values = np.zeros(5000)
    values[2500] = label
    return closure(values)


def odd(X, y, subset):
    return np.zeros(len(X), int) if len(subset) == 1 else even(X, y, subset[1:])


def even(X, y, subset):
    return odd(X, y, subset[1:]) if str(DEPTH) in {"1", "2", "3", "4", "5", "6"} else None


MAKERS = (closure, default, keyword, nested, partial, Always, method, long_pipeline, function_inside, array_inside)


def names() -> list[str]:
    return [named(External(make(2))) for make in MAKERS] + [named(External(odd)), named(KNN())]


@pytest.mark.parametrize("make", MAKERS)
def test_what_trains_otherwise_is_another_learner(make: Any) -> None:
    ones, again, other = (named(External(make(label))) for label in (2, 2, 0 if make is nested else 3))
    assert ones == again != other
    assert "0x" not in ones


def test_every_process_finds_the_same_names() -> None:
    code = "from tests.empirical.test_described import names; print(*names(), sep='\\n')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    here = [name.replace(__name__, "tests.empirical.test_described") for name in names()]
    assert done.stdout.splitlines() == here


def test_helpers_and_constants_of_its_module_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = named(External(odd))
    monkeypatch.setitem(globals(), "DEPTH", 4)
    changed = named(External(odd))
    monkeypatch.undo()
    monkeypatch.setitem(globals(), "even", takes)
    assert len({before, changed, named(External(odd))}) == 3


@dataclass(frozen=True)
class Weighted(Nearest):
    weights: Any = None
    hidden: int = field(default=0, repr=False)


def test_a_learner_of_plain_fields_is_its_repr_and_others_add_a_digest() -> None:
    assert named(KNN(3)) == "KNN(k=3)"
    assert named(Nearest()) == "Nearest()"
    assert named(Weighted((1, 2.0))).startswith("Weighted(weights=(1, 2.0)) ")
    assert named(Weighted(hidden=1)) != named(Weighted(hidden=2))
    many = np.zeros(5000)
    one = replace(Weighted(), weights=many)
    other = replace(Weighted(), weights=np.where(np.arange(5000) == 2500, 1, many))
    assert repr(one) == repr(other)
    assert named(one) != named(other)


def test_what_has_an_address_alone_cannot_be_kept(data: Any, tmp_path: Path) -> None:
    stray = closure(iter([1]))
    with pytest.raises(ArgumentError, match=r"learner: .*list_iterator.*address.*--out"):
        Job(data, External(stray), Fixed(0.7)).identity()
    x = (data.x_train, data.y_train, data.x_test, data.y_test)
    with pytest.raises(ArgumentError, match="address"):
        SubsetEstimator(stray, models=8, store=tmp_path, random_state=0).fit(*x)
    assert SubsetEstimator(closure(1), models=8, random_state=0).fit(*x).trials_.count == 8


def test_descriptions_go_into_everything() -> None:
    rng = np.random.default_rng
    assert described(rng(1)) == described(rng(1)) != described(rng(2))
    old = np.random.RandomState
    assert described(old(1)) == described(old(1)) != described(old(2))
    assert described([1, (2,)]) != described([1, [2]])
    assert described({1: "a", 2: "b"}) == described({2: "b", 1: "a"})
    assert described(Always({1, 2})) == described(Always({2, 1})) != described(Always({1, 3}))
    assert described(np.array([None, 1])) != described(np.array([None, 2]))
