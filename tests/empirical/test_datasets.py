"""What data may be: arrays, planted sets, functions from outside, their labels and parts, and what is refused."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from empirical.data.data import Data, makes_data
from empirical.data.dataset import Dataset, encoded, split
from empirical.data.load import load
from empirical.data.sources.planted import memorization, planted
from empirical.designs import Bernoulli, Fixed
from empirical.estimates.memorization import memorization_cells
from empirical.learners import KNN
from empirical.training.job import Job
from empirical.training.run import run
from longtail import Zipf
from longtail.core import ArgumentError


def test_digits_are_there():
    digits = load("digits")
    assert (digits.data.n, digits.data.n_test, digits.data.n_classes) == (1500, 297, 10)
    assert digits.data.x_train.max() == 1.0
    assert "10 classes, from" in digits.imbalance


def npz(path, **change):
    rng = np.random.default_rng(2)
    parts = {
        "X_train": rng.normal(size=(9, 4)),
        "y_train": np.arange(9) % 3,
        "X_test": rng.normal(size=(5, 4)),
        "y_test": np.arange(5) % 3,
    }
    np.savez(path, **{k: v for k, v in (parts | change).items() if v is not None})
    return path


def test_arrays_are_read(tmp_path):
    found = load(npz(tmp_path / "a.npz", train_ids=np.arange(100, 109)))
    assert found.train_ids == tuple(range(100, 109))
    assert found.data.x_train.dtype == np.float32
    words = load(npz(tmp_path / "b.npz", y_train=np.array(list("abcabcabc")), y_test=np.array(list("abcab"))))
    assert words.data.classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"y_train": None}, "y_train"),
        ({"X_train": np.full((9, 4), np.nan)}, "NaN"),
        ({"X_train": np.full((9, 4), 1e300)}, "36 values that are NaN or infinite"),
        ({"X_train": np.ones((8, 4))}, "8 rows for 9 labels"),
        ({"X_test": np.ones((5, 3))}, "one shape"),
        ({"y_train": np.eye(9)[:, :3]}, "several labels leave open"),
        ({"y_train": np.linspace(0, 1, 9)}, "regression"),
        ({"X_train": np.array([{}] * 9, object)}, "pickled"),
        ({"train_ids": np.arange(3)}, "train_ids: got 3 names"),
        ({"train_ids": np.float64(2)}, r"train_ids: got names of shape \(\)"),
        ({"test_ids": np.arange(10).reshape(5, 2)}, r"test_ids: got names of shape \(5, 2\)"),
        ({"y_train": np.int64(3)}, "one label for all"),
        ({"X_train": np.ones((0, 4)), "y_train": np.arange(0)}, "x_train: got no examples"),
        ({"X_test": np.ones((0, 4)), "y_test": np.arange(0)}, "x_test: got no examples"),
        ({"X_train": np.ones((9, 0)), "X_test": np.ones((5, 0))}, "at least one feature"),
    ],
)
def test_arrays_that_cannot_serve_are_refused(tmp_path, change, named):
    with pytest.raises(ArgumentError, match=named):
        load(npz(tmp_path / "a.npz", **change))


@pytest.mark.parametrize(
    ("x", "x_test", "named"),
    [
        (np.zeros((3, 5)), np.zeros((1, 64)), r"x_test: got examples of shape \(5,\) to train and \(64,\)"),
        (np.zeros((3, 0)), np.zeros((1, 0)), "at least one feature"),
        (np.zeros((0, 2)), np.zeros((1, 2)), "x_train: got no examples"),
        (np.zeros((3, 2)), np.zeros((0, 2)), "x_test: got no examples"),
        ([], ["a"], "x_train: got no examples"),
        (np.zeros((2, 2)), np.zeros((1, 2)), "2 rows for 3 labels"),
    ],
)
def test_data_that_nothing_can_be_trained_on(x, x_test, named):
    labels = np.zeros(0 if len(x) == 0 else 3, int), np.zeros(len(x_test), int)
    with pytest.raises(ArgumentError, match=named):
        Data(x, labels[0], x_test, labels[1], ("a",))
    assert Data(["a", "b"], [0, 0], ["c"], [0], ("a",)).n == 2


def test_planted_memorization_is_what_nearest_neighbors_have():
    """Averaged over the random labels, z = 5; the control is the curve of another number of copies."""
    n, times = 300, 12
    for design, law in ((Fixed(0.7), {"m": 210}), (Bernoulli(0.7), {"p": 0.7})):
        gaps, wrong = [], []
        for seed in range(times):
            made = planted(Zipf(1.0, 2000), n, 50, seed=seed)
            value = memorization_cells(run(Job(made.data, KNN(), design, seed=seed), 192)).value
            copies = made.truth["copies"].to_numpy()
            gaps.append(np.mean(value - memorization(copies, n, 10, **law)))
            wrong.append(np.mean(value - memorization(copies + 1, n, 10, **law)))
        z = np.mean(gaps) / (np.std(gaps, ddof=1) / np.sqrt(times))
        assert abs(z) < 5
        assert np.mean(wrong) / (np.std(wrong, ddof=1) / np.sqrt(times)) > 5
    assert np.allclose(made.truth["memorization"], memorization(copies, n, 10, m=210))
    assert memorization([1, 2, 3], 10**6, 10, m=700_000) == pytest.approx([0.9, 0.27, 0.081], abs=1e-4)


def test_planted_data_from_a_name_and_a_prior():
    made = load("planted", prior="Zipf(alpha=2, size=50)", n=40, seed=3)
    assert made.data.n == made.data.n_test == 40
    assert len(made.truth) == 40
    assert np.array_equal(made.data.x_train, load("planted", prior="Zipf(alpha=2, size=50)", n=40, seed=3).data.x_train)


@makes_data
def shapes(n=12):
    """A data set from outside the package."""
    x = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    return Data(x, np.arange(n) % 2, x, np.arange(n) % 2, ("even", "odd"))


def test_a_function_elsewhere_is_a_data_set():
    assert load("tests.empirical.test_datasets.shapes", n=8).data.n == 8
    for bad in ("tests.empirical.nowhere.shapes", "no_such_name", "missing.csv"):
        with pytest.raises(ArgumentError, match="data"):
            load(bad)


@makes_data
def eight(*, seed=0):
    return shapes(8 + seed)


@makes_data
def open_to_all(**options):
    return shapes(len(options))


@makes_data
def needy(argument):
    return shapes(argument)


def test_a_function_elsewhere_gets_the_options_it_names():
    here = "tests.empirical.test_datasets."
    assert load(here + "eight", seed=2).data.n == 10
    assert load(here + "shapes", n=8, seed=2).data.n == 8  # the run's seed is not for it
    assert load(here + "open_to_all", n=8, seed=2, label="x").data.n == 3
    for name, options, said in (
        ("eight", {"n": 8, "seed": 2}, "n: got 8; .*eight takes no such option"),
        ("shapes", {"n": 8, "label": "x"}, "label: got x"),
        ("needy", {}, "missing a required argument: 'argument'"),
        ("encoded", {}, "mark the function by @empirical.makes_data"),
        ("pytest", {}, "mark the function"),
    ):
        with pytest.raises(ArgumentError, match=said):
            load(here + name, **options)


def test_a_split_depends_on_its_seed_alone():
    train, test = split(100, 0.2, 0)
    assert len(test) == 20
    assert sorted([*train, *test]) == list(range(100))
    assert not np.array_equal(test, split(100, 0.2, 1)[1])
    with pytest.raises(ArgumentError, match="0 of 3"):
        split(3, 0.1, 0)


def test_labels_are_numbered_in_order():
    y, z, classes = encoded("y", np.array([5, 3, 5]), np.array([9, 5]))
    assert (y.tolist(), z.tolist(), classes) == ([1, 0, 1], [2, 1], (3, 5, 9))
    found = Dataset("x", Data(np.zeros((3, 1)), y, np.zeros((2, 1)), z, classes))
    assert "never trained on: 9" in found.imbalance


QUANTITIES = np.linspace(0, 1, 40).tolist()


@pytest.mark.parametrize(
    "values",
    [
        np.array(QUANTITIES, object),
        [Decimal(v) for v in QUANTITIES],
        [1, *QUANTITIES],
        pd.Series(QUANTITIES, dtype="Float64"),
        np.arange(200).astype(object),
    ],
    ids=["objects", "decimals", "whole ones among them", "nullable", "many whole ones"],
)
def test_quantities_are_no_classes_whatever_holds_them(values):
    with pytest.raises(ArgumentError, match="regression"):
        encoded("y", values, values[:2])


def test_whole_numbers_are_classes_whatever_holds_them():
    for values in (np.array([7, 10, 7], object), [Decimal(7), Decimal(10), Decimal(7)], np.array([7.0, 10.0, 7.0])):
        assert encoded("y", values, values[:1])[2] == (7, 10)
    assert encoded("y", np.array([True, False], object), [True])[2] == (False, True)


def test_parts_without_a_label_in_common_are_refused():
    said = r"y: got labels a, b to test on, 0, 1, 2, 3, 4 to train on; no prediction could be right"
    with pytest.raises(ArgumentError, match=said):
        encoded("y", np.arange(9), ["b", "a"])
    assert encoded("y", np.arange(2), ["0", "a"])[2] == ("0", "1", "a")
    assert encoded("y", ["a", "b"], [])[2] == ("a", "b")


def test_options_that_mean_nothing_are_refused():
    with pytest.raises(ArgumentError, match="no such option"):
        load("digits", label="x")
