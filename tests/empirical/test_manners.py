"""scikit-learn's and a notebook's manners: no test set, seeds and jobs as elsewhere, from a fitted estimator to its report."""

import inspect
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.utils import check_random_state, estimator_checks

import empirical
import longtail
from empirical import SubsetEstimator, learners
from empirical.attributions.scores import checked
from empirical.data.relabeled import relabeled
from empirical.data.sources.planted import planted
from empirical.dynamics.masks import Masks
from empirical.dynamics.net import Net
from empirical.estimates.kept import read
from empirical.estimates.measure import lowest_threshold, measure, written
from empirical.estimates.suspects import suspects
from empirical.learners import KNN, MLP, Ridge, Softmax
from empirical.training.asked import jobs, seed, size
from empirical.training.shelf import shelf
from longtail import Estimate, Problem, Zipf, montecarlo
from longtail.core import ArgumentError
from longtail.core.record import Run

NOT_APPLYING: dict[str, str] = {}  # scikit-learn's checks that do not apply, and why


@pytest.fixture(scope="module")
def long():
    return planted(Zipf(1.0, 60), 150, 40, n_classes=3, seed=1).data


@pytest.fixture(scope="module")
def alone(long):
    return SubsetEstimator(models=128, random_state=0).fit(long.x_train, long.y_train)


@pytest.fixture(scope="module")
def both(long):
    return SubsetEstimator(models=128, random_state=0).fit(long.x_train, long.y_train, long.x_test, long.y_test)


def test_scikit_learns_checks_pass_but_for_those_that_do_not_apply():
    if "on_fail" not in inspect.signature(estimator_checks.check_estimator).parameters:
        pytest.skip("scikit-learn before 1.6 stops at the first check that fails")
    how = {"expected_failed_checks": NOT_APPLYING, "on_fail": None, "on_skip": None}
    found = estimator_checks.check_estimator(SubsetEstimator(models=8, random_state=0), **how)
    assert not [f"{one['check_name']}: {one['exception']}" for one in found if one["status"] == "failed"]
    assert {one["check_name"] for one in found if one["status"] == "xfail"} == set(NOT_APPLYING)
    assert sum(one["status"] == "passed" for one in found) > 40


def test_sparse_matrices_are_taken_by_whom_they_can_be_taken():
    def takes(learner):
        return SubsetEstimator(learner, random_state=0).__sklearn_tags__().input_tags.sparse

    assert takes(None)
    assert takes(LogisticRegression())
    assert not takes(GaussianNB())


@pytest.mark.parametrize("learner", [KNN(), Ridge(), Softmax(), MLP(4, epochs=1)], ids=repr)
def test_without_a_test_set_memorization_is_the_same(long, learner):
    parts = long.x_train, long.y_train
    found = SubsetEstimator(learner, models=16, random_state=0).fit(*parts)
    tested = SubsetEstimator(learner, models=16, random_state=0).fit(*parts, long.x_test, long.y_test)
    pd.testing.assert_frame_equal(found.memorization_, tested.memorization_)
    assert found.trials_.test.shape == (16, 0)


def test_without_a_test_set_training_examples_teach_each_other(alone, both):
    pd.testing.assert_frame_equal(alone.taught().pairs, both.taught().pairs)
    assert len(alone.taught().pairs)
    assert alone.agreement().correlation == both.agreement().correlation
    assert np.isnan(alone.measured.test_accuracy)
    asks = ("influence_pairs", "totals", "histogram", "threshold_for")
    for ask in [*(getattr(alone, name) for name in asks), lambda: alone.influence(0, 0)]:
        with pytest.raises(ArgumentError, match="X_test: got None; fit with test examples"):
            ask()


def test_half_a_test_set_is_refused(long):
    for more in ((long.x_test, None), (None, long.y_test)):
        with pytest.raises(ArgumentError, match="give both X_test and y_test, or neither"):
            SubsetEstimator(models=8, random_state=0).fit(long.x_train, long.y_train, *more)


def test_suspects_are_flipped_labels():
    made = planted(Zipf(0.0, 10), 200, 1, n_classes=4, seed=2).data  # each kind twenty times
    flipped = np.array([3, 50, 120, 199])
    y = made.y_train.copy()
    y[flipped] = (y[flipped] + 1) % 4
    found = SubsetEstimator("knn(5)", models=64, random_state=0).fit(made.x_train, y)
    assert sorted(found.suspects_["index"][:4]) == flipped.tolist()
    assert found.suspects_["out_accuracy"].is_monotonic_increasing
    assert (found.suspects_["out_accuracy"] < 0.5).all()
    rows = pd.DataFrame({"index": range(4), "out_accuracy": [0.2, 0.5, 0.1, 0.1], "memorization": [0, 0, 0.3, 0.8]})
    assert suspects(rows)["index"].tolist() == [3, 2, 0]
    with pytest.raises(ArgumentError, match="who is wrong"):
        _ = SubsetEstimator("ridge", models=8, scoring="margin", random_state=0).fit(made.x_train, y).suspects_


@pytest.mark.parametrize("kind", [scipy.sparse.csr_array, scipy.sparse.coo_matrix, scipy.sparse.bsr_array])
def test_sparse_matrices_are_filled_for_learners_of_ours(long, kind):
    dense = [np.where(x > 0, x, 0) for x in (long.x_train, long.x_test)]
    found, own = (
        SubsetEstimator(Softmax(), models=8, random_state=0)
        .fit(make(dense[0]), long.y_train, make(dense[1]), long.y_test)
        .trials_
        for make in (kind, np.asarray)
    )
    assert np.array_equal(found.train, own.train)
    assert np.array_equal(found.test, own.test)
    with pytest.raises(ArgumentError, match="NaN or infinite"):
        SubsetEstimator(models=8, random_state=0).fit(
            kind(np.where(dense[0] == dense[0].max(), np.nan, dense[0])), long.y_train
        )


def test_sparse_matrices_that_memory_does_not_hold_are_refused():
    x = scipy.sparse.csr_array((np.ones(6, np.float32), (range(6), range(6))), shape=(6, 2**45))
    with pytest.raises(
        ArgumentError, match=r"x_train: got a sparse matrix of 6 × .*, or a classifier that takes sparse"
    ):
        SubsetEstimator(models=8, random_state=0).fit(x, [0, 1] * 3)


def test_seeds_as_scikit_learn_takes_them(long):
    def fitted(state, **more):
        return SubsetEstimator(models=8, random_state=state, **more).fit(long.x_train, long.y_train)

    assert SubsetEstimator().random_state is None
    assert fitted(5).random_state_ == fitted(np.int64(5)).random_state_ == 5
    for make in (np.random.RandomState, np.random.default_rng):
        one, same = make(1), make(1)
        assert fitted(one).random_state_ == fitted(same).random_state_ != fitted(one).random_state_
    drawn = [fitted(None) for _ in range(3)]
    assert len({one.random_state_ for one in drawn}) > 1
    assert np.array_equal(fitted(drawn[0].random_state_).trials_.train, drawn[0].trials_.train)
    assert drawn[0].measured.experiment.seed == drawn[0].random_state_
    state = check_random_state(None).get_state()
    first = seed(None)
    check_random_state(None).set_state(state)
    assert seed(np.random) == first  # scikit-learn's None is NumPy's global state
    for bad in ("a", -1, 1.5, [1]):
        with pytest.raises(ArgumentError, match=r"random_state: got .*None, or a RandomState or Generator"):
            seed(bad)


def test_a_store_gives_its_seed_to_who_names_none(long, tmp_path):
    def fitted(models, **more):
        return SubsetEstimator(models=models, store=tmp_path, **more).fit(long.x_train, long.y_train)

    first, more = fitted(64), fitted(80)
    assert more.random_state_ == first.random_state_
    assert np.array_equal(more.trials_.train[:64], first.trials_.train)
    with pytest.raises(ArgumentError, match="another run is there"):
        fitted(64, random_state=(first.random_state_ + 1) % 1000)


def test_every_method_has_an_example():
    ours = {
        name: getattr(SubsetEstimator, name)
        for name in dir(SubsetEstimator)
        if not name.startswith(("_", "set_", "get_"))
    }
    assert len(ours) > 15
    assert not [name for name, one in ours.items() if ">>> " not in (getattr(one, "__doc__", "") or "")]


def test_the_name_of_the_score_is_the_parameter_s(long):
    made = SubsetEstimator("softmax", models=8, scoring="margin", random_state=0).fit(
        long.x_train, long.y_train, long.x_test, long.y_test
    )
    with pytest.raises(ArgumentError, match=r"scoring: got margin; who teaches whom .* fit with scoring correct"):
        made.taught()
    with pytest.raises(ArgumentError, match="scoring: got nope"):
        SubsetEstimator(models=8, scoring="nope", random_state=0).fit(long.x_train, long.y_train)
    with pytest.raises(ArgumentError, match="scoring: got margin; a report speaks"):
        made.report("anywhere")


def test_jobs_as_scikit_learn_counts_them(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert [jobs(n) for n in (None, 1, 3, -1, -2, -100)] == [1, 1, 3, 8, 7, 1]
    with pytest.raises(ArgumentError, match="n_jobs: got 0"):
        jobs(0)


def test_shards_are_as_asked_or_as_a_store_has_them(long, tmp_path):
    assert [size(7, shelf(tmp_path)), size(None, shelf(tmp_path)), size(None, None)] == [7, 64, 64]
    SubsetEstimator(models=8, shard=5, store=tmp_path, random_state=0).fit(long.x_train, long.y_train)
    assert size(None, shelf(tmp_path)) == 5


def test_no_more_models_are_trained_than_asked_for(long, tmp_path):
    trained = []

    def model(X, y, subset):
        trained.append(len(subset))
        return np.zeros(len(X), int)

    SubsetEstimator(model, models=70, random_state=0).fit(long.x_train, long.y_train)
    assert len(trained) == 70
    kept = SubsetEstimator("knn", models=70, store=tmp_path, random_state=0).fit(long.x_train, long.y_train)
    assert [p.name for p in sorted(tmp_path.glob("shard-*.npz"))] == ["shard-000000.npz", "shard-000001-0-6.npz"]
    # in shards of the store's
    more = SubsetEstimator("knn", models=100, store=tmp_path, random_state=0).fit(long.x_train, long.y_train)
    assert np.array_equal(more.trials_.train[:70], kept.trials_.train)


def test_a_bar_where_it_is_asked_for(long, capsys):
    for verbose, shown in ((0, False), (1, True)):
        SubsetEstimator(models=8, verbose=verbose, random_state=0).fit(
            long.x_train, long.y_train, long.x_test, long.y_test
        )
        said = capsys.readouterr()
        assert ("8/8" in said.err and "error 0." in said.err) == shown
        assert not said.out


def test_features_are_counted_and_named(long):
    frame = pd.DataFrame(long.x_train).add_prefix("x")
    found = SubsetEstimator(models=8, random_state=0).fit(frame, long.y_train)
    assert found.n_features_in_ == frame.shape[1]
    assert found.feature_names_in_.tolist() == list(frame)
    found.fit(long.x_train, long.y_train)
    assert not hasattr(found, "feature_names_in_")


def test_from_a_fitted_estimator_to_a_folder_that_commands_take(long, both, tmp_path):
    assert {path.name for path in both.to_csv(tmp_path)} > {"memorization.csv", "pairs.csv", "summary.json"}
    again = read(tmp_path)
    assert again.mark == both.measured.mark
    assert len(again.pairs) == len(both.influence_pairs())
    assert again.experiment.learner == "KNN(k=1)"
    kept = SubsetEstimator(models=128, scoring="predicted", random_state=0).fit(
        long.x_train, long.y_train, long.x_test, long.y_test
    )
    assert kept.measured.mark == both.measured.mark
    assert kept.measured.experiment.score == "correct"


@pytest.mark.parametrize("tested", [True, False])
def test_from_a_fitted_estimator_to_a_report(data, tmp_path, tested):
    more = (data.x_test, data.y_test) if tested else ()
    page = SubsetEstimator(models=32, random_state=0).fit(data.x_train, data.y_train, *more).report(tmp_path)
    assert page == tmp_path / "report.html"
    text = page.read_text(encoding="utf-8")
    assert "Memorization of your data" in text
    assert "32 models, KNN(k=1)" in text
    assert (tmp_path / "memorization.csv").is_file()
    with pytest.raises(NotFittedError):
        SubsetEstimator(random_state=0).report(tmp_path)


def test_theory_is_asked_as_the_command_asks_it(both, monkeypatch):
    asked = []
    monkeypatch.setattr("empirical.command.reporting.compared", lambda found, options: asked.append((found, options)))
    both.compare(family=["Zipf"], simulations=3)
    assert asked[0][0].mark == both.measured.mark
    assert asked[0][1] == {"family": ["Zipf"], "simulations": 3}
    with pytest.raises(ArgumentError, match="familly: got 3; give family"):
        both.compare(familly=3)


def test_names_complete():
    for module in (longtail, empirical, learners):
        assert set(module.__all__) <= set(dir(module))
        assert not [name for name in dir(module) if name.startswith("_") and name != "__version__"]
        assert all(hasattr(module, name) for name in module.__all__ if module is not learners)


def test_a_notebook_shows_results_as_tables(both):
    one = Estimate(0.25, 0.5)._repr_html_()
    assert "<td>0.25</td><td>0.5</td>" in one
    assert "numerical error" not in one
    many = Estimate(np.arange(30.0), 0.0, 1e-9)._repr_html_()
    assert many.count("<tr>") == 1 + 20 + 1
    assert "and 10 more" in many
    assert "numerical error" in many
    problem = Problem(Zipf(alpha=1, size=50), n=1234)
    assert "1,234" in problem._repr_html_()
    found = montecarlo.run(problem, trials=10)
    assert f"{float(found.cost):.6g}" in found._repr_html_()
    record = Run("a <b> command", {"x": 1}, 0, {"t": pd.DataFrame({"c": [1]})})._repr_html_()
    assert "a &lt;b&gt; command" in record
    assert "1 rows: c" in record
    assert "mean_memorization" in both.measured._repr_html_()


def test_what_a_score_does_not_tell_is_no_attribute() -> None:
    """Whoever lists or completes attributes is not stopped by one that this run has no classes for."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 2)), np.arange(40) % 2
    right = SubsetEstimator("knn", models=32, random_state=0).fit(x, y)
    assert not hasattr(right, "label_issues_")
    assert hasattr(right, "suspects_")
    with pytest.raises(ArgumentError, match="'predicted' or 'probabilities'"):
        right.label_issues_  # noqa: B018
    assert not hasattr(SubsetEstimator("ridge", models=32, scoring="margin", random_state=0).fit(x, y), "suspects_")


def test_what_cannot_be_is_said_by_its_name(both, long, tmp_path):
    """Found by hand in a session: each was an error of NumPy's or Python's, or an answer."""
    for ask, said in (
        (lambda: both.influence(1.5, 0), "train: got indices of float64; give whole numbers"),
        (lambda: both.influence(0, "a"), "test: got indices of <U1"),
        (lambda: both.totals("a"), "edges: got a; give numbers that grow"),
        (lambda: both.histogram(["x"]), "levels: got .*; give numbers that grow"),
        (
            lambda: both.write_pairs(tmp_path / "no" / "p.parquet"),
            "path: got .*p.parquet; give NAME.parquet, in a folder",
        ),
        (lambda: both.write_pairs(tmp_path / "p.csv"), "path: got .*p.csv; give NAME.parquet"),
        (lambda: both.explain(), "test: got None; give test or train"),
    ):
        with pytest.raises(ArgumentError, match=said):
            ask()
    fitted = {"X": long.x_train, "y": long.y_train}
    for change, said in (
        ({"X": None}, "X: got None; give an array"),
        ({"X": "abc"}, "X: got abc; give an array"),
        ({"X_test": 3, "y_test": [0]}, "X_test: got 3; give an array"),
    ):
        with pytest.raises(ArgumentError, match=said):
            SubsetEstimator(models=8, random_state=0).fit(**fitted | change)
    for options, said in (
        ({"store": 5}, "store: got 5; give a folder"),
        ({"epochs": 3}, "epochs: got 3; give several"),
        ({"learner": 3}, "learner: got 3; give a scikit-learn classifier"),
    ):
        with pytest.raises(ArgumentError, match=said):
            SubsetEstimator(**{"models": 8, "random_state": 0, **options}).fit(**fitted)


def test_options_that_are_true_or_false_take_nothing_else(long, both, tmp_path):
    """The string "no" is true to Python."""
    parts = long.x_train, long.y_train
    for name, wanted in (("stratified", "give True or False"), ("verbose", "give a whole number from 0")):
        with pytest.raises(ArgumentError, match=rf"{name}: got .*no.*; {wanted}"):
            SubsetEstimator(models=8, random_state=0, **{name: "no"}).fit(*parts)
    fitted = SubsetEstimator(models=8, random_state=0, stratified=np.True_, verbose=False).fit(*parts)
    assert "stratified=True" in repr(fitted.trials_.design)
    asks = {
        "same_class": lambda value: both.influence_pairs(same_class=value),
        "twins": lambda value: both.report(tmp_path / "none", twins=value),
        "conditional": lambda value: montecarlo.run(Problem(Zipf(1, 10), 10), trials=2, conditional=value),
        "slowly": lambda value: longtail.exact.mass_law(Problem(Zipf(1, 10), 10), slowly=value),
        "biases": lambda value: Net(biases=value),
        "scaled": lambda value: Masks(scaled=value),
        "others": lambda value: relabeled(long, 0.1, others=value),
        "queries_first": lambda value: checked([[1.0]], 1, 1, queries_first=value),
        "theory": lambda value: SubsetEstimator(models=8).report(tmp_path / "none", theory=value),  # before what costs
    }
    for name, ask in asks.items():
        for value in ("no", 1, None) if name != "same_class" else ("no", 1):
            with pytest.raises(ArgumentError, match=f"{name}: got .*; give True or False"):
                ask(value)
    for measured in (measure, partial(lowest_threshold, rate=0.05), partial(written, Path("none"), memory=1e9)):
        with pytest.raises(ArgumentError, match=r"published_rule: got 'no'; give True or False"):
            measured(None, None, published_rule="no")  # before trials are looked at
    assert not (tmp_path / "none").exists()


def test_what_others_call_an_option_is_told_by_its_name_here():
    for name, here in (("score", "scoring"), ("trials", "models"), ("seed", "random_state"), ("workers", "n_jobs")):
        with pytest.raises(ArgumentError, match=f"{name}: got 3; it is called {here} here"):
            SubsetEstimator(**{name: 3})
    with pytest.raises(ArgumentError, match="colour: got 3; give one of learner, models, fraction"):
        SubsetEstimator("knn", colour=3)
    assert list(inspect.signature(SubsetEstimator).parameters)[:2] == ["learner", "models"]


def test_a_data_set_shows_itself(long):
    shown = empirical.load("planted", n=60)._repr_html_()
    assert "training examples</td><td>60, each 32 numbers" in shown
    texts = replace(long, x_train=["<b>a</b>"] * long.n, x_test=["c"] * long.n_test)
    shown = empirical.Dataset("<i>", texts, notes=("as <is>",))._repr_html_()
    assert "each a text" in shown
    assert "as &lt;is&gt;" in shown
    assert "<i>" not in shown


def test_an_error_is_one_line_whatever_it_was_given():
    for got in (np.zeros((40, 40)), "two\nlines", "x" * 10**5, "", list(range(10**4)), pd.DataFrame({"a": range(99)})):
        said = str(ArgumentError("x", got, "give less"))
        assert said.isprintable()
        assert len(said) < 250
        assert not said.startswith("x: got ;")
