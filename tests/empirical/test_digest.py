"""A digest tells data and functions apart."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from empirical.data.data import Data
from empirical.data.fingerprint import digest
from empirical.learners import External
from empirical.training.run import run
from longtail.core import ArgumentError


def test_a_digest_tells_data_apart():
    base = Data(np.zeros((2, 1)), np.array([0, 1]), np.zeros((1, 1)), np.array([0]), (0, 1))
    assert digest(base) == digest(replace(base))
    assert digest(base) == "7d44b51af121d2d88b4a4d417b465f81fa9eda7498bec74730d0f364aa4e320b"
    others = [replace(base, x_train=np.ones((2, 1))), replace(base, x_train=np.zeros((2, 1), np.float32))]
    others += [replace(base, classes=(0, 2)), replace(base, x_train=["a", "bc"], x_test=["d"])]
    others += [replace(base, x_train=["ab", "c"], x_test=["d"])]
    assert len({digest(d) for d in [base, *others]}) == 6


def test_a_digest_tells_data_frames_apart():
    y = np.array([0, 1])

    def of(**columns):
        frame = pd.DataFrame(columns)
        return digest(Data(frame, y, frame, y, (0, 1)))

    words, missing = ["u", "v"], pd.array([1, None], "Int64")
    frames = [
        {"a": words},
        {"b": words},
        {"a": ["v", "u"]},
        {"a": pd.Categorical(words)},
        {"a": [1, 2]},
        {"a": missing},
    ]
    frames += [
        {"a": pd.Categorical(words, ["u", "v", "w"])},
        {"a": pd.Categorical(words, ordered=True)},
        {"a": [1.0, 2]},
    ]
    frames += [
        {"a": words, "b": words},
        {"a": pd.to_datetime(["2020-01-01", None])},
        {"a": ["u", None]},
        {"a": ["u", 1]},
    ]
    assert [of(**f) for f in frames] == [of(**f) for f in frames]
    assert len({of(**f) for f in frames}) == len(frames)
    nested = [Data(x, y, x, y, (0, 1)) for x in ([[1], [2, 3]], [[1, 2], [3]], [["1"], [2, 3]])]
    assert len({digest(d) for d in nested}) == 3
    with pytest.raises(ArgumentError, match="data: got object"):
        of(a=[object(), object()])


def test_an_edited_function_is_another_learner(job):
    def majority(x, y, subset):
        return np.full(len(x), np.bincount(y[subset]).argmax())

    def minority(x, y, subset):
        return np.full(len(x), np.bincount(y[subset]).argmin())

    minority.__qualname__ = majority.__qualname__
    first, second = (replace(job, learner=External(f)) for f in (majority, minority))
    assert repr(first.learner) == repr(second.learner)
    assert first.identity() != second.identity()
    assert run(first, 8).count == 8
