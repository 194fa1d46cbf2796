"""Data sets, pages and a browser that tests share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg  # noqa: F401 - loads the BLAS that is held below
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from empirical.bridge.comparison import Comparison
from empirical.data.data import Data
from empirical.designs import Fixed
from empirical.estimates.leak.leak import leak
from empirical.report.page import write
from empirical.training.job import Job
from tests.empirical.attacked import gaussian
from tests.empirical.nearest import Nearest, blobs
from tests.empirical.reported import experiment, written


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


@pytest.fixture(scope="session")
def chromium():
    """A driver, or a skip with the reason."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    browser = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("no Chromium with its driver here: apt-get install chromium chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = browser
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for argument in (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            f"--user-data-dir={profile}",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        found = selenium.Chrome(options=options, service=Service(driver, log_output=os.devnull))
        yield found
        found.quit()


@pytest.fixture(scope="session")
def large_page(tmp_path_factory):
    """Ten thousand pictures."""
    return written(10_000, "image", tmp_path_factory.mktemp("large"))


@pytest.fixture(scope="session")
def crafted_page(tmp_path_factory):
    """Texts and names that would run, were they not escaped."""
    return written(400, "text", tmp_path_factory.mktemp("crafted"))


@pytest.fixture(scope="session")
def leaking_page(tmp_path_factory):
    """A page with what margins leak."""
    observed, dataset = experiment(100, "image")
    found = replace(observed, leak=leak(gaussian(0, 200, 100, 1.0)))
    path = tmp_path_factory.mktemp("leaking") / "report.html"
    return write(Comparison(found, ()), path, None, dataset)


@pytest.fixture(scope="session")
def listed_page(tmp_path_factory):
    """A page with lists of what to look at, and how often models are right."""
    observed, dataset = experiment(300, "image")
    table = observed.memorization.assign(in_accuracy=0.75, out_accuracy=np.linspace(0, 1, 300), group="between")
    path = tmp_path_factory.mktemp("listed") / "report.html"
    return write(Comparison(replace(observed, memorization=table), ()), path, None, dataset)
