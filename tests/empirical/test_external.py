"""Models from outside: classifiers, pipelines on text, plain functions, and what they may not do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from empirical.data.data import Data
from empirical.learners.external import External
from empirical.learners.knn.knn import KNN
from longtail.core import ArgumentError, arrays


def nearest_mean(x: np.ndarray, y: np.ndarray, subset: np.ndarray) -> np.ndarray:
    means = np.full((3, x.shape[1]), np.inf)
    for c in np.unique(y[subset]):
        means[c] = x[subset][y[subset] == c].mean(0)
    return np.asarray(((x[:, None] - means) ** 2).sum(2).argmin(1))


def coin(x: np.ndarray, y: np.ndarray, subset: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(3), len(x))


def test_a_classifier_is_fit_on_the_subset_alone(small: Data, masks: np.ndarray) -> None:
    train, test = External(LogisticRegression()).prepare(small)(masks[:4], np.arange(4))
    for mask, a, b in zip(masks, train, test, strict=False):
        peer = LogisticRegression().fit(small.x_train[mask], small.y_train[mask])
        np.testing.assert_array_equal(a, peer.predict(small.x_train) == small.y_train)
        np.testing.assert_array_equal(b, peer.predict(small.x_test) == small.y_test)


@pytest.mark.parametrize("names", [("spam", "ham", "eggs"), (1, 2, 3), (3, 1, 2)])
def test_a_classifier_knows_the_users_own_labels(small: Data, masks: np.ndarray, names: tuple[object, ...]) -> None:
    """A weight is of the class it names, which may be another's index, and scores are in the order of the classes."""
    model = LogisticRegression(class_weight={names[0]: 20, names[1]: 1, names[2]: 1})
    y, z = (np.asarray(names)[part] for part in (small.y_train, small.y_test))
    peer = model.fit(small.x_train[masks[0]], y[masks[0]])
    given = replace(small, classes=names)
    _, test = External(model).prepare(given)(masks[:1], np.arange(1))
    np.testing.assert_array_equal(test[0], peer.predict(small.x_test) == z)
    assert test[0][small.y_test == 0].all()
    _, test = External(model).prepare(given, "probability")(masks[:1], np.arange(1))
    own = peer.predict_proba(small.x_test)[np.arange(40), np.searchsorted(peer.classes_, z)]
    np.testing.assert_allclose(test[0], own, atol=1e-6)


@pytest.mark.parametrize("score", ["probability", "loss", "margin"])
def test_other_scores(small: Data, masks: np.ndarray, score: str) -> None:
    trainer = External(LogisticRegression()).prepare(small, score)  # type: ignore[arg-type]
    train, _ = trainer(masks[:5], np.arange(5))
    assert train.dtype == np.float32
    assert np.isfinite(train).all()
    peer = LogisticRegression().fit(small.x_train[masks[0]], small.y_train[masks[0]])
    own = peer.predict_proba(small.x_train)[np.arange(90), small.y_train]
    if score == "probability":
        np.testing.assert_allclose(train[0], own, atol=1e-6)
        assert (train[3][small.y_train == 1] == 0).all()
        np.testing.assert_array_equal(train[4], small.y_train == 2)
    if score == "loss":
        np.testing.assert_allclose(train[0], -np.log(own), atol=1e-6)
    if score == "margin":
        np.testing.assert_array_equal(train[0] > 0, peer.predict(small.x_train) == small.y_train)


def test_a_trial_does_not_depend_on_its_batch(small: Data, masks: np.ndarray) -> None:
    for model in (DecisionTreeClassifier(splitter="random"), coin):
        trainer = External(model).prepare(small, seed=3)
        whole, _ = trainer(masks[:4], np.arange(4))
        part, _ = trainer(masks[2:4], np.arange(2, 4))
        np.testing.assert_array_equal(whole[2:], part)
        other, _ = trainer(masks[2:4], np.arange(12, 14))
        assert not np.array_equal(part, other)


def test_a_plain_function(small: Data, masks: np.ndarray) -> None:
    learner = External(nearest_mean)
    train, test = learner.prepare(small)(masks, np.arange(40))
    assert train.shape == (40, 90)
    assert test[:3].mean() > 0.6
    assert not train[3][small.y_train == 1].any()
    assert repr(learner).endswith("nearest_mean)")
    assert "0x" not in repr(learner)


def test_text_in_a_pipeline() -> None:
    texts = ["cats purr", "cats meow", "dogs bark", "dogs growl", "cats sleep", "dogs sleep"]
    y = np.array([0, 0, 1, 1, 0, 1])
    data = Data(texts, y, ["cats cats", "dogs"], np.array([0, 1]), ("cat", "dog"))
    masks = np.array([[1, 1, 1, 1, 0, 0], [0, 1, 0, 1, 1, 1]], bool)
    _, test = External(make_pipeline(TfidfVectorizer(), MultinomialNB())).prepare(data)(masks, np.arange(2))
    assert test.all()
    sparse = TfidfVectorizer().fit_transform(texts)
    data = Data(sparse, y, sparse[:2], y[:2], ("cat", "dog"))
    train, _ = External(MultinomialNB()).prepare(data)(masks, np.arange(2))
    assert train.shape == (2, 6)


def test_what_cannot_be_is_refused(small: Data, masks: np.ndarray) -> None:
    with pytest.raises(ArgumentError, match="model"):
        External("ridge")
    with pytest.raises(ArgumentError, match="predict_proba"):
        External(LinearSVC()).prepare(small, "probability")
    with pytest.raises(ArgumentError, match="fit_predict"):
        External(lambda x, y, subset: np.zeros(3)).prepare(small)(masks[:1], np.arange(1))
    with pytest.raises(ArgumentError, match="probabilities"):
        External(nearest_mean).prepare(small, "loss")(masks[:1], np.arange(1))
    assert repr(External(DummyClassifier())) == "External(DummyClassifier())"


@pytest.mark.parametrize("model", [LinearRegression(), KMeans(3), make_pipeline(StandardScaler(), LinearRegression())])
def test_what_is_no_classifier_is_refused(model: object) -> None:
    with pytest.raises(ArgumentError, match=r"model: got External\(.*; it is a (regressor|clusterer), .*classifier"):
        External(model)
    with pytest.raises(ArgumentError, match="model"):
        External(DecisionTreeClassifier)


class Elsewhere(DummyClassifier):
    """A classifier that predicts what is no class."""

    def __init__(self, answer: object = 7) -> None:
        super().__init__()
        self.answer = answer

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.answer)


@pytest.mark.parametrize("answer", [7, -1, 0.5, np.nan, "z"])
def test_predictions_that_are_no_class_are_refused(small: Data, masks: np.ndarray, answer: object) -> None:
    def function(x: np.ndarray, y: np.ndarray, subset: np.ndarray) -> np.ndarray:
        return np.full(len(x), answer)

    for model in (Elsewhere(answer), function):
        with pytest.raises(ArgumentError, match=r"(predictions|fit_predict): got "):
            External(model).prepare(small)(masks[:1], np.arange(1))
    with pytest.raises(ArgumentError, match=r"got 7 for row 0 from External\(.*; predict a class \(a, b, c\)"):
        External(Elsewhere()).prepare(small)(masks[:1], np.arange(1))


@pytest.mark.parametrize("answer", [1.0, [1]])
def test_classes_as_floats_or_in_a_column_are_classes(small: Data, masks: np.ndarray, answer: object) -> None:
    class Odd(Elsewhere):
        def predict(self, X: np.ndarray) -> np.ndarray:
            return np.array([answer] * len(X))

    train, _ = External(Odd()).prepare(replace(small, classes=(0, 1, 2)))(masks[:1], np.arange(1))
    np.testing.assert_array_equal(train[0], small.y_train == 1)


@pytest.mark.parametrize(("score", "value"), [("correct", np.nan), ("probability", -0.5)])
def test_numbers_that_cannot_be_ranked_are_refused(small: Data, masks: np.ndarray, score: str, value: float) -> None:
    def function(x: np.ndarray, y: np.ndarray, subset: np.ndarray) -> np.ndarray:
        return np.full((len(x), 3), value)

    with pytest.raises(ArgumentError, match=f"predictions: got {value}"):
        External(function).prepare(small, score)(masks[:1], np.arange(1))  # type: ignore[arg-type]


def test_a_parameter_that_the_model_refuses_is_said_in_its_words(small: Data, masks: np.ndarray) -> None:
    wrong = External(DecisionTreeClassifier(max_depth=-3))
    with pytest.raises(ArgumentError, match=r"learner: got External\(.*max_depth=-3.*'max_depth' parameter") as caught:
        wrong.prepare(small)(masks[:1], np.arange(1))
    assert type(caught.value.__cause__).__name__ == "InvalidParameterError"


def test_what_a_model_raises_is_said_with_its_trial_and_place(small: Data, masks: np.ndarray) -> None:
    class Broken(DummyClassifier):
        def fit(self, X: np.ndarray, y: np.ndarray) -> Broken:
            raise KeyError("a bug " * 100)

    def function(x: np.ndarray, y: np.ndarray, subset: np.ndarray) -> np.ndarray:
        raise MemoryError

    for model, kind in ((Broken(), KeyError), (function, MemoryError)):
        said = rf"learner: got External\(.*\); in trial 7 it raised {kind.__name__}.* \(test_external.py, line \d+\)$"
        with pytest.raises(ArgumentError, match=said) as caught:
            External(model).prepare(small)(masks[:1], np.array([7]))
        assert type(caught.value.__cause__) is kind
        assert len(str(caught.value)) < 500


def test_a_function_cannot_write_to_what_later_trials_get(small: Data, masks: np.ndarray) -> None:
    def clears(x: np.ndarray, y: np.ndarray, subset: np.ndarray) -> np.ndarray:
        x[:] = 0
        return y[:1].repeat(len(x))

    def relabels(x: np.ndarray, y: np.ndarray, subset: np.ndarray) -> np.ndarray:
        y[:] = 0
        return y[:1].repeat(len(x))

    def sparse(x: csr_matrix, y: np.ndarray, subset: np.ndarray) -> np.ndarray:
        x.data[:] = 0
        return np.zeros(x.shape[0], int)

    thin = Data(csr_matrix(small.x_train), small.y_train, csr_matrix(small.x_test), small.y_test, small.classes)
    for function, given in ((clears, small), (relabels, small), (sparse, thin)):
        with pytest.raises(ValueError, match="read-only"):
            External(function).prepare(given)(masks[:1], np.arange(1))
    assert small.y_train.flags.writeable

    def shortens(x: list[str], y: np.ndarray, subset: np.ndarray) -> np.ndarray:
        size = len(x)
        x.clear()
        return np.full(size, y[subset[0]])

    texts = Data(["a", "b"], np.array([0, 1]), ["c"], np.array([0]), (0, 1))
    train, _ = External(shortens).prepare(texts)(np.eye(2, dtype=bool), np.arange(2))
    np.testing.assert_array_equal(train, np.eye(2, dtype=bool))


def test_a_gpu_is_refused_by_name_and_auto_is_the_cpu(
    small: Data, masks: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = External(nearest_mean)
    monkeypatch.setattr(arrays, "device", lambda choice, library="cupy": arrays.Device("gpu", "pretend"))
    with pytest.raises(ArgumentError, match="device: got gpu; External trains on the CPU only: give cpu or auto"):
        learner.prepare(small, device=arrays.Device("gpu"))
    assert (learner.place("auto").kind, KNN().place("auto").kind) == ("cpu", "gpu")
    there, here = (
        learner.prepare(small, device=choice)(masks, np.arange(40))[0] for choice in (learner.place("auto"), arrays.CPU)
    )
    np.testing.assert_array_equal(there, here)
