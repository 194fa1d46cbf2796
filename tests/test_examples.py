"""The examples in docstrings print what they say."""

from __future__ import annotations

import doctest
import importlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
FILES = [
    path.relative_to(ROOT)
    for package in ("longtail", "empirical", "simulations")
    for path in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
NEEDS = {  # what the README's test command does not install, by the name in whose docstring it is needed, or its module
    "empirical.attributions.lists.read": "pyarrow",
    "empirical.estimates.matrix.write": "pyarrow",
    "empirical.estimates.measure.written": "pyarrow",
    "empirical.estimates.streamed.parquet": "pyarrow",
    "empirical.estimates.streamed.write": "pyarrow",
    "empirical.fitted.influences.Influences.write_influence": "pyarrow",
    "empirical.fitted.influences.Influences.write_pairs": "pyarrow",
    "empirical.learners.sequence.recurrent": "torch",
    "empirical.learners.torch.on_disk.library": "transformers",
    "empirical.training.bucket.Bucket": "obstore",
    "empirical.training.cluster.Cluster": "distributed",
}


def of_torch(path: Path) -> bool:
    """Whether the file itself is for PyTorch alone."""
    return path.parent.name == "torch" or path.stem.endswith("_torch")


def module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


@cache
def installed(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def lacks(name: str) -> bool:
    """Whether an example of this name needs what is not installed."""
    return not all(installed(NEEDS[one]) for one in NEEDS if f"{name}.".startswith(f"{one}."))


def marks(path: Path) -> list[pytest.MarkDecorator]:
    """Those by which CI runs a file again where the extras are."""
    needs = {NEEDS[one] for one in NEEDS if f"{one}.".startswith(f"{module_of(path)}.")}
    return [pytest.mark.torch] if of_torch(path) or "torch" in needs else [pytest.mark.extra] if needs else []


@pytest.mark.parametrize("path", [pytest.param(path, marks=marks(path)) for path in FILES], ids=str)
def test_examples_hold(path: Path) -> None:
    if of_torch(path) and not installed("torch"):
        pytest.skip("PyTorch is not installed")
    module = importlib.import_module(module_of(path))
    found = [one for one in doctest.DocTestFinder().find(module, extraglobs={"np": np}) if one.examples]
    assert found
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    here = [one for one in found if not lacks(one.name)]
    if not here:
        pytest.skip("an extra is not installed")
    for one in here:
        runner.run(one)
    assert runner.tries
    assert not runner.failures
