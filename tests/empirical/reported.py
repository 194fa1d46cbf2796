"""Experiments to report on, and their pages."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from empirical.bridge.comparison import Comparison
from empirical.bridge.fit import fit, planted
from empirical.data.data import Data
from empirical.data.dataset import Dataset
from empirical.estimates.measured import Experiment, Measured
from empirical.estimates.noise import SubsetNoise
from empirical.report.exhibits import exhibits
from empirical.report.page import page
from longtail import Problem, Zipf
from longtail.experiment.coupling import Beta

CRAFTED = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">{{ 7*7 }}"


@cache
def experiment(n: int, kind: str) -> tuple[Measured, Dataset]:
    """A planted data set of ``n`` examples with pictures of noise (what compresses worst) or crafted texts."""
    rng = np.random.default_rng(3)
    _, memorization = planted(Problem(Zipf(alpha=0.8, size=max(n // 4, 60)), n, 10), Beta(1, 1), SubsetNoise(500), rng)
    y, z = rng.integers(0, 4, n), rng.integers(0, 4, 50)
    classes = ("cat", CRAFTED, 'dog\'s "n" & more', "<b>bold</b>") if kind == "text" else ("a", "b", "c", "d")
    table = pd.DataFrame({"index": np.arange(n), "label": [classes[k] for k in y], "memorization": memorization})
    table["stderr"] = 0.02
    pairs = pd.DataFrame({"train_index": rng.choice(n, 40, replace=False), "test_index": rng.integers(0, 50, 40)})
    pairs["influence"], pairs["stderr"] = rng.uniform(0.15, 1, 40), 0.04
    if kind == "text":
        x, x_test = (np.array([f"{CRAFTED} number {k}" for k in range(m)], dtype=object) for m in (n, 50))
        data = Data(list(x), y, list(x_test), z, classes)
    else:
        data = Data(rng.random((n, 32, 32, 3), np.float32), y, rng.random((50, 32, 32, 3), np.float32), z, classes)
    name = CRAFTED if kind == "text" else "noise"
    return Measured(Experiment(name, 50, 500, 0.7, 10), table, pairs), Dataset(name, data)


@cache
def fitted() -> Comparison:
    """Theory fitted to 400 examples: every page shows it, for what pages are tried for is how they hold it."""
    observed = experiment(400, "text")[0]
    return Comparison(observed, (fit(observed.values, 10, observed.noise, "Zipf", "uniform", simulations=10),))


def written(n: int, kind: str, folder):
    observed, dataset = experiment(n, kind)
    comparison = replace(fitted(), observed=observed)
    path = folder / f"{kind}{n}.html"
    path.write_text(page(comparison, exhibits(dataset), dataset), encoding="utf-8")
    return path


def many(n: int, classes: int) -> Measured:
    """More examples than are shown, in so many classes, with 400 pairs."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"index": np.arange(n), "label": rng.integers(0, classes, n)})
    table["memorization"] = rng.beta(0.3, 1, n)
    pairs = pd.DataFrame({"train_index": rng.choice(n, 400, replace=False), "test_index": np.arange(400) % 50})
    pairs["influence"] = rng.uniform(0.15, 1, 400)
    return Measured(Experiment("many", 50, 500, 0.7, classes), table, pairs)


def put(driver, control: str, value: object) -> None:
    """Set a control as a reader does."""
    driver.execute_script(
        "const c = document.getElementById(arguments[0]); c.value = arguments[1]; c.dispatchEvent(new Event('input'))",
        control,
        value,
    )


def said(driver, place: str = "count") -> int:
    """The number that a line of the page begins with."""
    return int(driver.find_element("id", place).text.split(" ")[0].replace(",", ""))


def slide(driver, value: float) -> tuple[int, int]:
    """Move the slider; how many examples the page says there are, and how many cards it drew."""
    put(driver, "threshold", value)
    return said(driver), len(driver.find_elements("css selector", ".card"))
