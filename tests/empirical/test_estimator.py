"""scikit-learn's manners, models trained elsewhere, and learners and priors from outside the package."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from empirical.data.sources.planted import planted
from empirical.designs import Fixed
from empirical.estimates.influence import influence_pairs
from empirical.estimates.pairing import Pairing
from empirical.estimator import SubsetEstimator
from empirical.learners import KNN, MLP
from empirical.learners.learner import makes_learner
from empirical.learners.parse import parse_learner
from empirical.training.job import Job
from empirical.training.run import run
from longtail.core import ArgumentError, Nodes, Prior
from tests.empirical.nearest import Nearest


def fitted(data, **options):
    return SubsetEstimator(KNN(), models=128, random_state=3, **options).fit(
        data.x_train, data.y_train, data.x_test, data.y_test
    )


def test_fit_is_the_run(data):
    estimator = fitted(data)
    trials = run(Job(data, KNN(), Fixed(0.7), seed=3), 128)
    assert np.array_equal(estimator.trials_.train, trials.train)
    pairs = influence_pairs(trials, Pairing(data.y_train, data.y_test, 0.15))
    pd.testing.assert_frame_equal(estimator.influence_pairs(), pairs, check_dtype=False)
    assert list(estimator.memorization_)[:6] == [
        "index",
        "label",
        "memorization",
        "stderr",
        "in_accuracy",
        "out_accuracy",
    ]
    assert 0 < estimator.threshold_for(0.05) <= 1
    assert estimator.agreement().correlation > 0.5
    one = estimator.influence(pairs["train_index"][:3], pairs["test_index"][:3])
    assert one.value == pytest.approx(pairs["influence"][:3])


def test_parameters_are_kept_and_cloned(data):
    estimator = fitted(data, design="bernoulli", fraction=0.6)
    assert estimator.get_params()["fraction"] == 0.6
    copy = clone(estimator)
    assert not hasattr(copy, "trials_")
    assert copy.get_params() == estimator.get_params()
    again = copy.fit(data.x_train, data.y_train, data.x_test, data.y_test)
    assert np.array_equal(again.trials_.train, estimator.trials_.train)
    assert copy.set_params(models=64).models == 64
    assert "KNN(k=1)" in repr(estimator)


def test_whole_numbers_and_names_are_taken_as_the_command_takes_them(data):
    own = fitted(data)
    options = {"models": 128.0, "shard": 64.0, "n_jobs": 1.0, "random_state": 3.0}
    named = SubsetEstimator("knn", **options).fit(data.x_train, data.y_train, data.x_test, data.y_test)
    assert np.array_equal(named.trials_.test, own.trials_.test)
    assert clone(named).learner == "knn"
    with pytest.raises(ArgumentError, match="learner: got nope"):
        SubsetEstimator("nope", random_state=0).fit(data.x_train, data.y_train, data.x_test, data.y_test)


def test_parameters_of_a_learner_are_set_by_replacing_it():
    knn = KNN()
    estimator = SubsetEstimator(knn, models=8, random_state=0)
    assert estimator.get_params()["learner__k"] == 1
    assert clone(estimator).set_params(learner__k=3, models=5).get_params() == (
        estimator.set_params(learner__k=3, models=5).get_params()
    )
    assert (estimator.learner, knn) == (KNN(3), KNN(1))
    assert estimator.set_params(learner=MLP(8), learner__epochs=2).learner == MLP(8, epochs=2)
    assert SubsetEstimator("knn", random_state=0).set_params(learner__k=5).learner == KNN(5)
    assert (
        SubsetEstimator(GaussianNB(), random_state=0).set_params(learner__var_smoothing=0.1).learner.var_smoothing
        == 0.1
    )
    for bad in ({"learner__q": 1}, {"learner__epochs": 0}, {"q": 1}):
        with pytest.raises(ValueError, match=r"learner|epochs|Invalid parameter 'q'"):
            estimator.set_params(**bad)


def test_scores_are_kept_as_told(data):
    estimator = fitted(data, scoring="probability", dtype="float32")
    assert estimator.trials_.test.dtype == np.float32
    assert clone(estimator).get_params()["dtype"] == "float32"


def test_a_store_is_taken_up(data, tmp_path):
    first = fitted(data, store=tmp_path)
    assert len(list(tmp_path.glob("shard-*.npz"))) == 2
    assert np.array_equal(fitted(data, store=tmp_path).trials_.test, first.trials_.test)


def test_data_frames_carry_their_index(data):
    x = pd.DataFrame(data.x_train, index=[f"r{i}" for i in range(60)])
    x_test = pd.DataFrame(data.x_test, index=[f"t{i}" for i in range(30)])
    names = np.array(["ash", "elm", "oak"])
    estimator = SubsetEstimator(KNN(), models=128, random_state=3).fit(
        x, names[data.y_train], x_test, names[data.y_test]
    )
    assert estimator.memorization_["id"][5] == "r5"
    pairs = estimator.influence_pairs(0.1)
    assert set(pairs["label"]) <= set(names)
    assert (pairs["train_id"] == "r" + pairs["train_index"].astype(str)).all()
    assert np.array_equal(estimator.trials_.test, fitted(data).trials_.test)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(
            make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["side"]), remainder="passthrough"),
            GaussianNB(),
        ),
        HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=2),
    ],
    ids=["by name", "by type"],
)
def test_a_classifier_gets_the_data_frame(data, tmp_path, model):
    def frame(x, sides):
        right = np.where(x[:, 0] > 0, "right", "left")
        return pd.DataFrame({"a": x[:, 0], "b": pd.array(x[:, 1] > 0), "side": pd.Categorical(right, sides)})

    x, z = frame(data.x_train, ["left", "right"]), frame(data.x_test, ["right", "none", "left"])
    made = SubsetEstimator(model, models=4, shard=4, store=tmp_path, random_state=0).fit(
        x, data.y_train, z, data.y_test
    )
    mask = made.trials_.masks()[1]
    both = pd.concat([x, z.astype(x.dtypes)], ignore_index=True)
    found = clone(model).fit(both[:60][mask], data.y_train[mask]).predict(both[60:])
    assert np.array_equal(found == data.y_test, made.trials_.test_scores()[1])
    again = SubsetEstimator(model, models=4, shard=4, store=tmp_path, random_state=0)
    with pytest.raises(ArgumentError, match="data is"):
        again.fit(x.assign(side=x["side"].cat.as_ordered()), data.y_train, z, data.y_test)


def table(x):
    """A column of booleans, and one of whole numbers that could be missing."""
    return pd.DataFrame({"a": x[:, 0] > 0, "b": pd.array(x[:, 1].astype(int), "Int64")})


@pytest.mark.parametrize("kind", [list, np.ndarray.tolist, pd.DataFrame, table])
def test_numbers_come_in_many_ways(data, tmp_path, kind):
    given = [kind(x) for x in (data.x_train, data.x_test)]
    arrays = [np.asarray(x, np.float32) for x in given]
    found, own = (
        SubsetEstimator(KNN(), models=8, shard=8, store=store, random_state=0)
        .fit(x, data.y_train, z, data.y_test)
        .trials_
        for store, (x, z) in ((tmp_path, given), (None, arrays))
    )
    assert np.array_equal(found.test, own.test)


def test_models_trained_elsewhere(data):
    own = fitted(data).trials_
    parts = (own.masks(), own.train_scores(), own.test_scores())
    named = SubsetEstimator.from_predictions(*parts, y=data.y_train, y_test=data.y_test)
    pd.testing.assert_frame_equal(named.influence_pairs(), fitted(data).influence_pairs())
    bare = SubsetEstimator.from_predictions(*parts)
    assert len(bare.influence_pairs()) >= len(named.influence_pairs())
    assert "label" not in bare.influence_pairs()
    with pytest.raises(ArgumentError, match="59 labels"):
        SubsetEstimator.from_predictions(*parts, y=data.y_train[1:], y_test=data.y_test)
    with pytest.raises(ArgumentError, match="test"):
        SubsetEstimator.from_predictions(parts[0], parts[1], parts[2][1:])


def test_labels_of_one_part_are_used_for_what_they_can_be(data):
    own = fitted(data).trials_
    parts = (own.masks(), own.train_scores(), own.test_scores())
    half = SubsetEstimator.from_predictions(*parts, y=data.y_train)
    assert half.memorization_["label"].tolist() == data.y_train.tolist()
    pd.testing.assert_frame_equal(half.influence_pairs(), SubsetEstimator.from_predictions(*parts).influence_pairs())
    assert half.agreement().correlation > 0.5
    assert half.threshold_for(0.5) > 0
    with pytest.raises(ArgumentError, match="y and y_test"):
        half.influence_pairs(same_class=True)
    with pytest.raises(ArgumentError, match=r"^y: got None"):
        SubsetEstimator.from_predictions(*parts, y_test=data.y_test)


def test_models_trained_elsewhere_have_names_too(data):
    own = fitted(data).trials_
    parts = (own.masks(), own.train_scores(), own.test_scores())
    ids = {"train_ids": [f"r{i}" for i in range(60)], "test_ids": np.array([f"t{j}" for j in range(30)])}
    named = SubsetEstimator.from_predictions(*parts, **ids)
    pairs = named.influence_pairs()
    assert len(pairs)
    assert named.memorization_["id"][7] == "r7"
    assert (pairs["train_id"] == "r" + pairs["train_index"].astype(str)).all()
    assert (pairs["test_id"] == "t" + pairs["test_index"].astype(str)).all()
    for name in ids:
        with pytest.raises(ArgumentError, match=f"{name}: got 3 names"):
            SubsetEstimator.from_predictions(*parts, **{name: ["a", "b", "c"]})


@pytest.mark.parametrize(
    ("sizes", "options", "said"),
    [
        ((0, 5, 4), {}, "masks: got 0 trials of 5 and 4 examples; give those of two models or more"),
        ((1, 5, 4), {}, "masks: got 1 trials"),
        ((9, 0, 4), {}, "of 0 and 4 examples"),
        ((9, 5, 0), {}, "of 5 and 0 examples"),
        ((9, 5, 4), {"train_ids": 3.0}, r"train_ids: got names of shape \(\)"),
        ((9, 5, 4), {"test_ids": np.ones((4, 2))}, r"test_ids: got names of shape \(4, 2\)"),
        ((9, 5, 4), {"y": 1}, r"y: got labels of shape \(\)"),
        ((9, 5, 4), {"scoring": "Loss"}, "scoring: got Loss; give one of correct"),
    ],
)
def test_models_trained_elsewhere_that_say_nothing_are_refused(sizes, options, said):
    trials, n, n_test = sizes
    parts = (np.ones((trials, n)), np.ones((trials, n)), np.ones((trials, n_test)))
    with pytest.raises(ArgumentError, match=said):
        SubsetEstimator.from_predictions(*parts, **options)


@pytest.mark.parametrize(
    "ask",
    [
        lambda e: e.influence_pairs(),
        lambda e: e.influence([0], [0]),
        lambda e: e.threshold_for(),
        lambda e: e.agreement(),
    ],
)
def test_unfitted_it_says_so(ask):
    with pytest.raises(NotFittedError):
        ask(SubsetEstimator(KNN(), random_state=0))


def test_columns_of_data_frames_go_by_name(data):
    x = pd.DataFrame(data.x_train, columns=["a", "b"])
    x_test = pd.DataFrame(data.x_test, columns=["a", "b"])
    made = SubsetEstimator(KNN(), models=128, random_state=3).fit(x, data.y_train, x_test[["b", "a"]], data.y_test)
    assert np.array_equal(made.trials_.test, fitted(data).trials_.test)
    for wrong in (x_test.rename(columns={"b": "c"}), x_test[["a"]], x_test[["a", "a"]], x_test.assign(c=1.0)):
        with pytest.raises(ArgumentError, match="X_test"):
            SubsetEstimator(KNN(), models=8, random_state=0).fit(x, data.y_train, wrong, data.y_test)


def test_orthogonal_arrays_by_name(data):
    estimator = SubsetEstimator(KNN(), models=256, design="orthogonal", random_state=0).fit(
        data.x_train, data.y_train, data.x_test, data.y_test
    )
    assert repr(estimator.trials_.design) == "Orthogonal(fraction=0.75, rows=256, stratified=False)"
    with pytest.raises(ArgumentError, match="256"):
        clone(estimator).set_params(models=100).fit(data.x_train, data.y_train, data.x_test, data.y_test)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda x, y: (np.where(x == x[0, 0], np.nan, x), y), "NaN"),
        (lambda x, y: (x, np.zeros(len(y))), "class"),
        (lambda x, y: (x[:-1], y), "59 rows for 60 labels"),
        (lambda x, y: (x, np.linspace(0, 1, len(y))), "regression"),
        (lambda x, y: (x, np.eye(3)[y]), "several labels"),
    ],
)
def test_bad_data_are_refused(data, change, named):
    x, y = change(data.x_train, data.y_train)
    y_test = data.y_test if np.ndim(y) == 1 and len(np.unique(y)) > 1 else (y[:30] if np.ndim(y) > 1 else np.zeros(30))
    with pytest.raises(ArgumentError, match=named):
        SubsetEstimator(KNN(), models=8, random_state=0).fit(x, y, data.x_test, y_test)


@pytest.mark.parametrize(
    "options", [{"fraction": 1.0}, {"fraction": 0.001}, {"models": 0}, {"design": "x"}, {"learner": KNN}, {"n_jobs": 0}]
)
def test_bad_parameters_are_refused(data, options):
    estimator = SubsetEstimator(KNN(), models=8, random_state=0).set_params(**options)
    with pytest.raises(ArgumentError):
        estimator.fit(data.x_train, data.y_train, data.x_test, data.y_test)


@dataclass(frozen=True)
class Stairs(Prior):
    """A prior from outside the package: 1, 2, ..., size."""

    size: int = 5

    def nodes(self, refine=1.0):
        values = self.entries()
        return Nodes(np.log(values), np.ones(self.size))

    def entries(self):
        return np.arange(self.size, 0, -1.0)


def test_a_prior_and_a_learner_from_outside():
    made = planted(Stairs(30), 80, 40, n_classes=3, seed=1)
    assert made.data.n == 80
    estimator = SubsetEstimator(Nearest(), models=64, random_state=0).fit(
        made.data.x_train, made.data.y_train, made.data.x_test, made.data.y_test
    )
    own = SubsetEstimator(KNN(), models=64, random_state=0).fit(
        made.data.x_train, made.data.y_train, made.data.x_test, made.data.y_test
    )
    assert np.array_equal(estimator.trials_.test, own.trials_.test)
    assert parse_learner("tests.empirical.nearest.Nearest()") == Nearest()


def test_learners_by_name():
    assert parse_learner("knn") == parse_learner("KNN") == KNN()
    assert parse_learner("KNN(k=3)") == parse_learner("knn(3)") == KNN(3)
    for bad in ("nope", "KNN(k=", "KNN(q=3)", "KNN(k=0)", "no.such.Thing()", "KNN(k=__import__('os'))"):
        with pytest.raises(ArgumentError):
            parse_learner(bad)


def majority(X, y, subset, seed):
    return np.full(len(X), np.bincount(y[subset]).argmax())


@makes_learner
def always(label=0):
    """Makes a function that trains."""

    def constant(X, y, subset):
        return np.full(len(X), label)

    return constant


@makes_learner
def bayes(smoothing=1e-9):
    return GaussianNB(var_smoothing=smoothing)


def test_a_function_by_its_path_trains_or_makes_a_learner():
    here = "tests.empirical.test_estimator."
    assert parse_learner(here + "majority").model.__name__ == "majority"
    assert parse_learner(here + "bayes").model.var_smoothing == 1e-9
    assert parse_learner(here + "bayes(0.1)").model.var_smoothing == 0.1
    assert parse_learner(here + "Nearest") == Nearest()
    assert parse_learner(here + "always(2)").model([0, 0], None, None).tolist() == [2, 2]
    for bad, said in (
        ("majority()", "named alone"),
        ("here", "cannot be imported"),
        ("fitted", "mark it by @empirical.makes_learner"),
        ("pd", "it is no Learner"),
    ):
        with pytest.raises(ArgumentError, match=said):
            parse_learner(here + bad)


def test_any_classifier_serves(data):
    estimator = SubsetEstimator(GaussianNB(), models=64, random_state=0).fit(
        data.x_train, data.y_train, data.x_test, data.y_test
    )
    mask = estimator.trials_.masks()[5]
    alone = GaussianNB().fit(data.x_train[mask], data.y_train[mask])
    assert np.array_equal(alone.predict(data.x_test) == data.y_test, estimator.trials_.test_scores()[5])
    assert np.isfinite(estimator.memorization_["memorization"]).all()
    named = parse_learner("sklearn.naive_bayes.GaussianNB(var_smoothing=0.001)")
    assert repr(named) == "External(GaussianNB(var_smoothing=0.001))"
