"""A small problem and a small learner, for what is about neither."""

import pytest

from tests.empirical.nearest import Nearest, blobs


@pytest.fixture(scope="session")
def data():
    return blobs()


@pytest.fixture
def learner():
    return Nearest()
