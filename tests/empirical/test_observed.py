"""What a run says beyond memorization and pairs: kept as it is, read again, told of in the summary, and refused where broken."""

import json

import numpy as np
import pandas as pd
import pytest

from empirical import SubsetEstimator, estimate
from empirical.data.examples import Examples
from empirical.designs import Fixed
from empirical.estimates.kept import read
from empirical.estimates.measure import measure
from empirical.estimates.observed import NAME, Observed
from empirical.training.job import Job
from empirical.training.run import run
from empirical.training.trials import Trials
from longtail.core import ArgumentError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    options = ["--learner", "knn", "--trials", "64", "--n", "120", "--prior", "Zipf(alpha=1, size=60)"]
    assert estimate.main(["planted", *options, "--out", str(out), "--no-plot", "--quiet"]) == 0
    return out


def equal(a, b):
    if isinstance(a, pd.DataFrame):
        return a.equals(b)
    if hasattr(a, "__dict__"):
        return type(a) is type(b) and all(equal(vars(a)[name], vars(b)[name]) for name in vars(a))
    return np.array_equal(a, b, equal_nan=True) if isinstance(a, np.ndarray) else a == b


def test_written_and_read_again(folder, tmp_path):
    found = read(folder).observed
    assert None not in vars(found).values()
    found.write(tmp_path)
    again = Observed.read(tmp_path)
    assert equal(again, found)
    assert not equal(again, Observed())


def test_the_summary_tells_it(folder):
    summary = json.loads((folder / "summary.json").read_text())
    table = read(folder).observed.totals.table
    assert np.allclose(summary["influence_by_memorization"]["total"], table["total"], rtol=1e-12)
    assert (folder / "influence_by_memorization.csv").exists()


def test_who_teaches_whom(folder, tmp_path):
    found = read(folder)
    pairs, value = found.observed.taught.pairs, found.memorization["memorization"].to_numpy()
    assert len(pairs) > 10
    assert (pairs["influence"] >= 0.15).all()
    assert np.array_equal(pairs["taught_memorization"], value[pairs["taught_index"]])
    assert np.array_equal(pairs["memorization"], value[pairs["train_index"]])
    label = found.memorization["label"].to_numpy()
    assert np.array_equal(pairs["label"].astype(label.dtype), label[pairs["taught_index"]])
    assert json.loads((folder / "summary.json").read_text())["train_pairs"] == len(pairs)
    for path in folder.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    pairs.assign(taught_index=pairs["taught_index"] - 200).to_csv(tmp_path / "pairs_train.csv", index=False)
    with pytest.raises(ArgumentError, match="taught_index is not a number from 0"):
        read(tmp_path)


def test_the_estimator_says_the_same(data, learner):
    estimator = SubsetEstimator(learner, models=60, random_state=0).fit(
        data.x_train, data.y_train, data.x_test, data.y_test
    )
    found = measure(estimator.trials_, estimator.examples_).observed
    assert equal(estimator.totals(), found.totals)
    assert equal(estimator.histogram(), found.histogram)
    own = estimator.taught()
    assert own.pairs.equals(found.taught.pairs[list(own.pairs)])
    assert own.false == found.taught.false
    assert len(estimator.taught(same_class=False).pairs) >= len(own.pairs) > 0


def test_a_run_from_before_is_read_without_it(folder, tmp_path):
    for path in folder.glob("*.*"):
        if path.name != NAME:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    assert read(tmp_path).observed == Observed()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda parts: parts | {"format": 99},
        lambda parts: parts | {"totals": 3},
        lambda parts: parts | {"totals": parts["totals"] | {"total": [1.0]}},
        lambda parts: parts | {"totals": parts["totals"] | {"edges": ["0.1"] * 6}},
        lambda parts: parts | {"totals": parts["totals"] | {"covariance": [[1], [1, 2]]}},
        lambda parts: parts | {"totals": parts["totals"] | {"examples": [10**400] * 7}},
        lambda parts: parts | {"totals": {}},
        lambda parts: parts | {"histogram": parts["histogram"] | {"single": parts["histogram"]["single"][1:]}},
        lambda parts: parts | {"histogram": parts["histogram"] | {"covariance": [[0.0]]}},
        lambda parts: parts | {"taught": {"threshold": 0.15, "false": "no"}},
    ],
)
def test_what_is_broken_is_refused(folder, tmp_path, spoil):
    for path in folder.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    parts = json.loads((folder / NAME).read_text())
    (tmp_path / NAME).write_text(json.dumps(spoil(parts)))
    with pytest.raises(ArgumentError, match="not the folder of a run") as told:
        read(tmp_path)
    assert NAME in told.value.remedy


def test_scores_without_bounds_have_none(data, learner):
    trials = run(Job(data, learner, Fixed(0.7)), 30)
    parts = (trials.masks(), *(np.asarray(part(), np.float32) for part in (trials.train_scores, trials.test_scores)))
    examples = Examples(data.y_train, data.y_test, data.classes)
    assert measure(Trials.of(*parts, score="loss"), examples).observed == Observed()
    found = measure(Trials.of(*parts, score="probability"), examples).observed
    assert found.totals is not None
    assert found.histogram is not None
    assert found.taught is None  # read off right and wrong alone
