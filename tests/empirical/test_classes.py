"""Scores that say which class: what models predict, and the probabilities of all classes, from learner to store and back."""

from __future__ import annotations

import json
from dataclasses import replace

import array_api_strict
import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from empirical import SubsetEstimator, estimate, explain
from empirical.data.data import Data
from empirical.designs import Fixed
from empirical.learners import (
    DPSGD,
    KNN,
    MLP,
    External,
    KernelRidge,
    PrivateRidge,
    PrivateSoftmax,
    Pruned,
    RandomFeatures,
    Ridge,
    Softmax,
)
from empirical.learners.score import class_type
from empirical.learners.shared.scores import read, scored
from empirical.training.elsewhere import outside
from empirical.training.job import Job
from empirical.training.run import run
from empirical.training.store import Store
from empirical.training.stored import stored
from empirical.training.trials import Trials
from longtail.core import ArgumentError

pytestmark = pytest.mark.kernels

LEARNERS = [
    KNN(),
    KNN(3),
    Ridge(),
    KernelRidge(),
    RandomFeatures(width=40),
    Softmax(),
    MLP(8, epochs=3),
    DPSGD(width=8, epochs=2, noise=1.0),
    PrivateRidge(epsilon=9.0, delta=0.0),
    PrivateSoftmax(epsilon=9.0, delta=0.0),
    Pruned(Softmax(), 0.5),
    External(KNeighborsClassifier(3)),
]


def drawn():
    rng = np.random.default_rng(0)
    values = np.round(rng.normal(size=(6, 50, 4)) * 8, 0).astype(np.float32)  # ties are common
    present = rng.random((6, 4)) < 0.7
    present[0], present[1] = True, [False, False, True, False]
    present[:, 2] = True
    return values, present, rng.integers(0, 4, 50)


@pytest.mark.parametrize("score", ["predicted", "probabilities"])
def test_compiled_classes_are_the_oracles(score):
    values, present, labels = drawn()
    want = scored(values, present, labels, score)
    strict = scored(*(array_api_strict.asarray(v) for v in (values, present, labels)), score)
    np.testing.assert_allclose(np.asarray(strict), want, rtol=1e-6)
    out = np.empty(want.shape, np.uint8 if score == "predicted" else np.float32)
    read(np.ascontiguousarray(values.transpose(0, 2, 1)), present, labels, score, out)
    np.testing.assert_allclose(out, want, rtol=2e-6, atol=1e-7)
    correct = scored(values, present, labels, "correct")
    np.testing.assert_array_equal(correct, (want if score == "predicted" else out.argmax(2)) == labels)
    if score == "probabilities":
        np.testing.assert_allclose(out.sum(2), 1, rtol=1e-6)
        assert (out[~np.broadcast_to(present[:, None], out.shape)] == 0).all()
        own = scored(values, present, labels, "probability")
        np.testing.assert_allclose(out[:, np.arange(50), labels], own, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("learner", LEARNERS, ids=repr)
def test_every_learner_says_which_class_and_is_right_where_it_is_the_label(learner, small, masks):
    data, masks = small, masks[:5]  # the last of one class only
    given = {}
    for score in ("correct", "predicted", *(["probabilities"] if "probabilities" in learner.scores else [])):
        given[score] = learner.prepare(data, score, seed=3)(masks, np.arange(5))
    right, classes = given["correct"], given["predicted"]
    for k, y in enumerate((data.y_train, data.y_test)):
        assert classes[k].dtype == np.uint8
        np.testing.assert_array_equal(classes[k] == y, right[k])
    alone = learner.prepare(data, "predicted", seed=3)
    np.testing.assert_array_equal(alone(masks[3:4], np.arange(3, 4))[0], classes[0][3:4])  # whatever its block
    if not isinstance(learner, (DPSGD, PrivateRidge, PrivateSoftmax)):  # which do not tell who is there
        assert (classes[0][4] == 2).all()
    if "probabilities" in given:
        chances = given["probabilities"][0]
        assert chances.shape == (5, 90, 3)
        np.testing.assert_allclose(chances.sum(2), 1, rtol=1e-5)
        if not isinstance(learner, External):  # scikit-learn's may predict another of two equally likely
            np.testing.assert_array_equal(chances.argmax(2), classes[0])


def test_classes_take_a_byte_or_two_and_no_more():
    assert [class_type(k).itemsize for k in (2, 256, 257, 65_536)] == [1, 1, 2, 2]
    with pytest.raises(ArgumentError, match="two bytes tell"):
        class_type(65_537)
    x = np.arange(600, dtype=np.float32)[:, None]
    data = Data(x, np.arange(600) % 300, x[:3], np.arange(3), tuple(range(300)))
    found = KNN().prepare(data, "predicted")(np.ones((1, 600), bool), np.arange(1))[0]
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[0], data.y_train)


def test_a_run_keeps_classes_and_comes_back_from_its_folder(tmp_path, data):
    for score in ("predicted", "probabilities"):
        job = Job(data, Softmax(), Fixed(0.7), 5, score, shard=4)
        where = tmp_path / score
        trials = run(job, 10, store=Store.open(where, job.identity()))
        (where / "shard-000001.npz").unlink()
        again = run(job, 10, store=Store.open(where, job.identity()))
        back = stored(where, 10)
        for one in (again, back):
            np.testing.assert_array_equal(one.train, trials.train)
            np.testing.assert_array_equal(one.test, trials.test)
        assert trials.train.dtype == (np.uint8 if score == "predicted" else np.float16)
        correct = run(replace(job, score="correct"), 10)
        judged = back.judged(data.y_train, data.y_test)
        np.testing.assert_array_equal(judged.train, correct.train)
        np.testing.assert_array_equal(judged.test, correct.test)
        with pytest.raises(ArgumentError, match="judged"):
            _ = back.right
    with pytest.raises(ArgumentError, match="does not tell which class"):
        correct.classes(correct.train, 60)
    known = json.loads((tmp_path / "predicted" / "identity.json").read_text())
    assert (known["dtype"], "classes" in known) == ("uint8", False)
    assert json.loads((tmp_path / "probabilities" / "identity.json").read_text())["classes"] == 3


def test_tables_of_a_run_that_keeps_classes_are_those_of_right_and_wrong(tmp_path, capsys):
    ask = ["planted", "--n", "80", "--trials", "40", "--learner", "ridge", "--shard", "8", "--no-plot", "--quiet"]
    for score in ("correct", "predicted"):
        where = tmp_path / score
        assert estimate.main([*ask, "--score", score, "--learning-curve", "--out", str(where), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["score"] == "correct"
    for name in ("memorization.csv", "pairs.csv", "observed.json"):
        assert (tmp_path / "predicted" / name).read_bytes() == (tmp_path / "correct" / name).read_bytes()
    told = []
    for score in ("correct", "predicted"):
        assert explain.main([str(tmp_path / score), "--test", "3", "--json", "--quiet"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]


def test_predictions_of_models_trained_elsewhere_are_labels(tmp_path, capsys):
    masks = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0]], bool)
    y, z = ["cat", "dog", "cat"], ["dog"]
    train, test = [["cat", "dog", "dog"], ["cat", "cat", "cat"], ["dog", "dog", "cat"]], [["dog"], ["cat"], ["dog"]]
    parts = {"y_train": y, "y_test": z}
    trials, examples = outside(masks, train, test, score="predicted", parts=parts)
    assert examples.classes == ("cat", "dog")
    right = trials.judged(examples.y_train, examples.y_test).train_scores()
    np.testing.assert_array_equal(right, np.asarray(train) == np.asarray(y))
    known = SubsetEstimator.from_predictions(masks, train, test, y=y, y_test=z, scoring="predicted")
    np.testing.assert_array_equal(known.trials_.train_scores(), right)
    for bad, match in (
        ({"y_train": y}, "y_test: got None"),
        ({"y_train": y, "y_test": ["cow"]}, "no prediction could be right"),
    ):
        with pytest.raises(ArgumentError, match=match):
            outside(masks, train, test, score="predicted", parts=bad)
    with pytest.raises(ArgumentError, match="a prediction emu"):
        outside(masks, [["emu"] * 3] * 3, test, score="predicted", parts=parts)
    file = tmp_path / "models.npz"
    numbers = {"masks": masks, "correct_train": [[0, 1, 0]] * 3, "correct_test": [[1]] * 3}
    np.savez(file, **numbers, y_train=[0, 1, 0], y_test=[1])
    assert estimate.main(["--masks", str(file), "--score", "predicted", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["test_accuracy"] == 1.0


def test_whole_numbers_only_are_classes():
    for bad in ([[0.5]], [[-1]]):
        with pytest.raises(ArgumentError, match="the number of a class"):
            Trials.of([[True]], bad, [[0]], score="predicted")
    table = pd.DataFrame({"a": [1, 2]})
    assert Trials.of([[True, True]], table.to_numpy().T[:1], [[300]], score="predicted").test.dtype == np.uint16
