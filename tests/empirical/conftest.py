"""Data sets that the estimator's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import scipy.linalg  # noqa: F401 - loads the BLAS that is held below
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from empirical.data.data import Data
from empirical.designs import Fixed
from empirical.training.job import Job
from tests.empirical.nearest import Nearest, blobs


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """Peers too run on one thread: on a shared machine several crawl."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def digits() -> Data:
    """scikit-learn's digits, 1,500 to train on and 297 to test on, pixels in [0, 1]."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    return Data(x[:1500], y[:1500], x[1500:], y[1500:], tuple(range(10)))


@pytest.fixture(scope="session")
def small() -> Data:
    """Three classes in seven dimensions, 90 to train on and 40 to test on; the last feature is constant."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 130)
    x = (rng.normal(size=(130, 7)) + 1.5 * np.eye(7)[y]).astype(np.float32)
    x[:, 6] = 2
    return Data(x[:90], y[:90], x[90:], y[90:], ("a", "b", "c"))


@pytest.fixture(scope="session")
def masks() -> np.ndarray:
    """Bernoulli .7 subsets of 90; trial 3 lacks a class of ``small``, trial 4 holds one class only."""
    drawn = np.random.default_rng(1).random((40, 90)) < 0.7
    y = np.random.default_rng(0).integers(0, 3, 130)[:90]
    drawn[3] &= y != 1
    drawn[4] = y == 2
    return drawn


@pytest.fixture(scope="session")
def data() -> Data:
    """Three clouds in the plane, 60 to train on and 30 to test on, for what is not about data."""
    return blobs()


@pytest.fixture
def learner() -> Nearest:
    """A learner that needs nothing, for what is not about learners."""
    return Nearest()


@pytest.fixture
def job(data, learner):
    return Job(data, learner, Fixed(0.7), seed=3, shard=16)
