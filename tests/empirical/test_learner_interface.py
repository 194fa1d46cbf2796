"""What every learner checks first: one row per label, finite features, two classes, subsets with examples."""

from __future__ import annotations

import numpy as np
import pytest

from empirical.data.data import Data
from empirical.learners.learner import features, subsets
from longtail.core import ArgumentError


def data(x: np.ndarray, y: list[int]) -> Data:
    return Data(x, np.array(y), x[:1], np.array(y[:1]), ("a", "b"))


def test_images_become_rows_of_float32() -> None:
    x, _ = features(data(np.arange(24).reshape(2, 3, 4), [0, 1]))
    assert x.shape == (2, 12)
    assert x.dtype == np.float32


@pytest.mark.parametrize(
    ("x", "y", "argument"),
    [
        (np.zeros((2, 3)), [0, 1, 1], "x_train"),
        (np.zeros((2, 3)), [0, 2], "y_train"),
        (np.zeros((2, 3)), [0, -1], "y_train"),
    ],
)
def test_data_of_mismatched_shape_is_refused(x: np.ndarray, y: list[int], argument: str) -> None:
    with pytest.raises(ArgumentError, match=argument):
        data(x, y)


def test_nan_features_are_refused_by_name() -> None:
    x = np.zeros((3, 2))
    x[1, 1] = np.nan
    with pytest.raises(ArgumentError, match="x_train: got 1 value that is NaN"):
        features(data(x, [0, 1, 0]))


def test_an_empty_subset_is_refused_by_its_trial_number() -> None:
    masks = np.array([[True, False], [False, False]])
    with pytest.raises(ArgumentError, match="trial 7"):
        subsets(masks, [6, 7], 2)
