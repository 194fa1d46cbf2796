"""Errors at a share of the examples and at half of it: against planted truth, and what the command makes of it."""

import argparse
import json

import numpy as np
import pytest

from empirical import estimate
from empirical.command import running
from empirical.data.examples import Examples
from empirical.data.load import load
from empirical.designs import Bernoulli, Fixed, Orthogonal, halved
from empirical.estimates import costs
from empirical.estimates.kept import read
from empirical.estimates.learning import learning
from empirical.estimates.measure import measure
from empirical.learners import KNN
from empirical.training.job import Job
from empirical.training.resources import duration
from empirical.training.trials import Trials
from longtail.core import ArgumentError
from tests.empirical.teachers import Teachers

Z, RUNS = 5, 80
PLANTED = ["planted", "--learner", "knn", "--n", "120", "--prior", "Zipf(alpha=1, size=60)", "--no-plot", "--quiet"]


def wrong(planted):
    """Of each test example, the chance that a model is wrong on it."""
    m = planted.n * planted.design.inclusion(planted.n)
    size = np.append(np.bincount(planted.cluster), 0)[planted.tested]
    return planted.wrong * planted.none(size, planted.n, m)


@pytest.fixture(scope="module")
def known():
    full = Teachers.drawn(Fixed(0.6))
    half = Teachers.drawn(halved(full.design))
    truth = np.array([wrong(full), wrong(half)])
    found = [learning([(full.trials(seed, 100), 0.6), (half.trials(10**6 + seed, 20), 0.3)]) for seed in range(RUNS)]
    return truth, found


def test_errors_over_models(known):
    truth, found = known
    apart = np.array([f.error for f in found]) - truth.mean(1)
    z = apart / np.array([f.stderr for f in found])
    assert (abs(z.mean(0)) < Z / np.sqrt(RUNS)).all()
    student = np.array([99 / 97, 19 / 17])  # z² of so many models, on average
    assert (abs((z**2).mean(0) / student - 1) < Z * np.sqrt(2 / RUNS) * 1.2).all()
    each = np.array([truth.mean(1) * (1 - truth.mean(1)) / (f.models * truth.shape[1]) for f in found])
    assert ((apart**2 / each).mean(0) > 2).all()  # the control: as if a model's answers were independent of each other


def test_errors_over_test_examples(known):
    truth, found = known
    said = np.array([f.covariance_tests for f in found])
    apart = said.mean(0) - np.cov(truth) / truth.shape[1]
    assert (abs(apart) < Z * said.std(0, ddof=1) / np.sqrt(RUNS)).all()
    assert (said.std(0, ddof=1) * Z / np.sqrt(RUNS) < 0.15 * np.cov(truth) / truth.shape[1]).all()
    naive = np.mean(
        [np.diag(f.covariance_tests)[1] + (f.error[1] * (1 - f.error[1])) / 19 / truth.shape[1] for f in found]
    )
    assert abs(naive / (np.cov(truth)[1, 1] / truth.shape[1]) - 1) > 0.2  # the control: with what models add to it
    one = found[0]
    assert one.gain.value == one.error[1] - one.error[0]
    spread = np.cov(truth)
    expected = (spread[0, 0] + spread[1, 1] - 2 * spread[0, 1]) / truth.shape[1]
    assert np.isclose(np.mean([f.gain.stderr**2 - (f.stderr**2).sum() for f in found]), expected, rtol=0.3)


def test_over_arrays_and_of_one_share_alone():
    planted = Teachers.drawn(Orthogonal(0.5, 64), sizes=((1, 20), (3, 5)), n_test=40)
    trials = planted.trials(0, 256)
    one = learning([(trials, 0.5)])
    accuracy = trials.test_scores().reshape(4, -1).mean(1)
    assert np.isclose(one.stderr[0], accuracy.std(ddof=1) / 2)
    assert np.isclose(one.error[0], 1 - accuracy.mean())
    assert np.isnan(one.gain.value)
    assert np.isnan(one.gain.stderr)
    floats = [np.asarray(part, np.float32) for part in (trials.train_scores(), trials.test_scores())]
    with pytest.raises(ArgumentError, match="score"):
        learning([(Trials.of(trials.masks(), *floats, score="loss"), 0.5)])


@pytest.mark.parametrize("design", [["fixed"], ["orthogonal", "--fraction", "0.75", "--trials", "1024"], ["bernoulli"]])
def test_the_command_trains_a_tenth_as_many_on_half_as_many(tmp_path, design):
    trials = [] if "--trials" in design else ["--trials", "100"]
    asked = [*PLANTED, *trials, "--design", *design, "--learning-curve", "--shard", "16", "--out", str(tmp_path)]
    assert estimate.main(asked) == 0
    found = read(tmp_path)
    curve = found.observed.learning
    fraction = 0.75 if "orthogonal" in design else 0.7
    assert np.allclose(curve.fraction, [fraction, fraction / 2])
    assert curve.models.tolist() == [found.experiment.models, round(found.experiment.models / 10)]
    assert np.isclose(curve.error[0], 1 - found.test_accuracy)
    assert curve.error[1] > curve.error[0]
    kept = {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")}
    half = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "trials-half").glob("shard*")}
    assert half
    assert estimate.main(asked) == 0  # nothing is trained again
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")} == kept
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "trials-half").glob("shard*")} == half
    told = json.loads((tmp_path / "summary.json").read_text())["learning_curve"]
    assert told["samples"] == [pytest.approx(120 * share) for share in curve.fraction]


def test_without_it_there_is_one_share(tmp_path):
    assert estimate.main([*PLANTED, "--trials", "60", "--out", str(tmp_path)]) == 0
    assert read(tmp_path).observed.learning.fraction.tolist() == [0.7]
    assert not (tmp_path / "trials-half").exists()


def test_margins_have_one_too():
    planted = Teachers.drawn(Fixed(0.6), sizes=((1, 20), (3, 5)), n_test=40)
    both = [planted.trials(seed, 40) for seed in range(2)]
    floats = [
        Trials.of(t.masks(), *(np.where(part, 1, -1) for part in (t.train_scores(), t.test_scores())), score="margin")
        for t in both
    ]
    examples = Examples(*planted.y, (0, 1))
    found = measure(floats[0], examples, half=floats[1]).observed.learning
    assert np.allclose(found.error, [1 - t.test_scores().mean() for t in both])
    assert measure(floats[0], examples).observed.learning.error.tolist() == found.error[:1].tolist()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--score", "probability"], "--learning-curve"),
        (["--fraction", "0.008"], "fraction"),
        (["--store", "s3://bucket"], "--store"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(capsys, tmp_path, more, said):
    assert estimate.main([*PLANTED, "--trials", "60", "--learning-curve", "--out", str(tmp_path), *more]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert said in told
    assert not (tmp_path / "trials").exists()


def test_half_of_a_design():
    assert halved(Fixed(0.7, stratified=True)) == Fixed(0.35, stratified=True)
    assert halved(Bernoulli(0.5)) == Bernoulli(0.25)
    with pytest.raises(ArgumentError, match="design"):
        halved(object())


def test_the_time_that_a_curve_takes_is_said(monkeypatch):
    """Of the models on half as many, and of theory, which is then fitted to more; without a report only of the models, and of
    theory only where a report is to have it.
    """
    monkeypatch.setattr(running, "rehearsal", lambda job, models, workers: models / workers)
    job = Job(load("planted", n=60).data, KNN(), Fixed(0.7))
    asked = argparse.Namespace(
        learning_curve=True, out="x", no_plot=False, no_theory=False, score="margin", threshold=None
    )

    def said(**other: object) -> str:
        return running._after(argparse.Namespace(**vars(asked) | other), job, 300, 2)

    def after(seconds: float, report: str = " and the report") -> str:
        return f"; then about {duration(seconds)} for tables, figures{report} (--no-plot: sooner)"

    models = "; then at most 15 s for 30 models on half as many"
    assert said() == models + after(costs.FIGURES + costs.THEORY + costs.JOINT)
    assert said(learning_curve=False) == after(costs.FIGURES + costs.THEORY)
    assert said(no_theory=True) == models + after(costs.FIGURES)
    assert said(score="loss") == models + after(costs.FIGURES, "")
    monkeypatch.setattr(costs, "rough", lambda *_: costs.Rates(*[0.0] * 6))
    assert said(score="correct", no_theory=True) == models + after(costs.FIGURES)
    assert said(no_plot=True) == said(out=None) == models
