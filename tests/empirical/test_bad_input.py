"""What a user may give by mistake is refused in a line that names the argument, what it got and what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from empirical import Data, SubsetEstimator, load, load_published_pairs, plan
from empirical.designs import Fixed
from empirical.training.trials import Trials
from longtail import Problem, Zipf, bounds, exact, montecarlo
from longtail.core import ArgumentError, real, whole
from longtail.counts.fit import fit as fitted_counts
from longtail.exact import limits
from longtail.montecarlo import functions

X, Y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 2
PROBLEM = Problem(Zipf(alpha=1, size=100), n=50)
MASKS = np.arange(8)[:, None] // [1, 2, 4] % 2 == 0
NUMBERS = [
    "0.5",
    b"3",
    True,
    np.True_,
    None,
    float("nan"),
    1j,
    [1, 2],
    np.array([0.5]),
    pd.Series([1], index=[9]),
    {},
    object,
    [[1], [1, 2]],
    np.array(True),
    np.array("0.5"),
    np.array("1", object),
    np.complex128(1),
    np.timedelta64(1),
    np.ma.masked,
    np.ma.array(1.0, mask=True),
]


def estimator(**options: Any) -> SubsetEstimator:
    return SubsetEstimator(**{"models": 8, "random_state": 0, **options})


@pytest.fixture(scope="module")
def fitted() -> SubsetEstimator:
    return estimator().fit(X, Y, X[:8], Y[:8])


@pytest.mark.parametrize("given", NUMBERS, ids=lambda v: " ".join(repr(v).split()))
@pytest.mark.parametrize("check", [lambda v: real("it", v, 0), lambda v: whole("it", v, 0)], ids=["real", "whole"])
def test_a_number_is_a_number(check: Callable[[Any], object], given: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^it: got .*; give a "):
        check(given)


def test_numbers_of_any_kind_are() -> None:
    reals = (1, np.float32(0.5), np.array(2.0), np.int8(3), Decimal("0.5"), Fraction(1, 2), np.array(4.0, object))
    assert [real("it", v, 0) for v in reals] == [1, 0.5, 2, 3, 0.5, 0.5, 4]
    wholes = (
        5e4,
        np.array(2.0),
        np.uint8(3),
        Decimal(4),
        Fraction(5),
        np.array(6, object),
        pd.Series([7], dtype="Int64")[0],
    )
    assert [whole("it", v, 0) for v in wholes] == [50_000, 2, 3, 4, 5, 6, 7]
    assert repr(Fixed(np.float32(0.5))) == repr(Fixed(0.5))  # its name in a run's folder


def test_a_number_in_words_is_told_in_quotes() -> None:
    for check in (lambda v: whole("it", v), lambda v: real("it", v, 0)):
        for given in ("64", np.str_("64")):
            with pytest.raises(ArgumentError, match=r"^it: got '64'; give a "):
                check(given)


@pytest.mark.torch
def test_numbers_of_torch_are() -> None:
    torch = pytest.importorskip("torch")
    assert (real("it", torch.tensor(0.5), 0), whole("it", torch.tensor(5), 0)) == (0.5, 5)
    with pytest.raises(ArgumentError, match=r"^it: got tensor"):
        whole("it", torch.tensor([5]), 0)


REFUSED: dict[str, tuple[str, Callable[[], object]]] = {
    "no problem": ("problem", lambda: exact.cost("Zipf")),
    "a law of no problem": ("problem", lambda: exact.law(50)),
    "a spread of no problem": ("problem", lambda: exact.spread(None)),
    "a weight of no problem": ("problem", lambda: bounds.weight(None, 0, 1)),
    "a simulation of no problem": ("problem", lambda: montecarlo.run(pd.Series([1]))),
    "draws of no problem": ("problem", lambda: next(functions.draws(5, trials=4))),
    "censuses of no problem": ("problem", lambda: next(functions.censuses(5, trials=4))),
    "a seed for censuses": ("rng", lambda: next(functions.censuses(PROBLEM, trials=4, rng=3))),
    "privacy of no problem": ("problem", lambda: limits.privacy(5, 1)),
    "a limit on no problem": ("problem", lambda: limits.memorization(5, 1)),
    "room of no problem": ("problem", lambda: limits.compression(5, 1)),
    "the least ε of no problem": ("problem", lambda: limits.least_epsilon(5, 0.1)),
    "the least γ of no problem": ("problem", lambda: limits.least_gamma(5, 0)),
    "the least γ within of no problem": ("problem", lambda: limits.least_gamma(5, 0.1)),
    "the least room of no problem": ("problem", lambda: limits.least_capacity(5, 1)),
    "no learner": ("learner", lambda: exact.error(PROBLEM, "Forget(1)")),
    "one learner": ("learners", lambda: montecarlo.run(PROBLEM, learners=1)),
    "learners by name": ("learners", lambda: montecarlo.run(PROBLEM, learners=["Forget(1)"])),
    "a seed as rng": ("rng", lambda: montecarlo.run(PROBLEM, rng=7)),
    "complex sights": ("ell", lambda: exact.tau(PROBLEM, ell=1j)),
    "complex room": ("items", lambda: exact.capacity_excess(PROBLEM, 1j)),
    "a level in words": ("level", lambda: exact.law(PROBLEM).quantile("0.5")),
    "several levels": ("level", lambda: exact.law(PROBLEM).quantile([0.1, 0.2])),
    "a frequency in words": ("low", lambda: bounds.weight(PROBLEM, "0", 1)),
    "no frequency": ("high", lambda: bounds.weight(PROBLEM, 0, None)),
    "counts in words": ("counts", lambda: fitted_counts(["1", "2"])),
    "a table of counts": ("counts", lambda: fitted_counts([[1, 2], [3, 4]])),
    "true counts": ("counts", lambda: fitted_counts([True, True])),
    "true counts among objects": ("counts", lambda: fitted_counts(np.array([True, 2, 3], object))),
    "words among objects": ("counts", lambda: fitted_counts(np.array(["1", "2"], object))),
    "complex counts": ("counts", lambda: fitted_counts(np.array([1j, 2, 3]))),
    "complex counts among objects": ("counts", lambda: fitted_counts(np.array([1 + 0j, 2], object))),
    "missing counts": ("counts", lambda: fitted_counts([1, None, 2])),
    "counts of a dictionary": ("counts", lambda: fitted_counts({"a": 1})),
    "an error in words": ("error", lambda: plan(error="0.02")),
    "a seed below 0": ("seed", lambda: load("planted", n=60, seed=-0.5)),
    "a seed beyond": ("seed", lambda: load("planted", n=60, seed=2**70)),
    "a seed in words": ("seed", lambda: load("planted", n=60, seed="x")),
    "pairs of a list": ("name", lambda: load_published_pairs(["cifar100"])),
    "a dictionary": ("X", lambda: estimator().fit({"a": 1}, Y)),
    "a set": ("X", lambda: estimator().fit({1, 2, 3}, Y)),
    "masked values": ("X", lambda: estimator().fit(np.ma.masked_array(X, X > 1), Y)),
    "masked labels": ("y", lambda: estimator().fit(X, np.ma.masked_array(Y, Y > 0))),
    "masked labels of tests": ("y_test", lambda: estimator().fit(X, Y, X, np.ma.masked_array(Y, Y > 0))),
    "one label for all": ("y", lambda: estimator().fit(X, 1)),
    "a word for labels": ("y", lambda: estimator().fit(X, "a" * 30)),
    "a generator of labels": ("y", lambda: estimator().fit(X, (v for v in Y))),
    "a share in words": ("fraction", lambda: estimator(fraction="0.5").fit(X, Y)),
    "true models": ("models", lambda: estimator(models=np.True_).fit(X, Y)),
    "no classes": ("classes", lambda: Data(X, Y, X, Y, None)),
    "a word for classes": ("classes", lambda: Data(X, Y, X, Y, "ab")),
    "no examples": ("x_train", lambda: Data(None, Y, X, Y, ("a", "b"))),
    "one number for examples": ("x_test", lambda: Data(X, Y, np.array(3), Y, ("a", "b"))),
    "a score of arrays": ("scoring", lambda: SubsetEstimator.from_predictions(MASKS, MASKS, MASKS, scoring=MASKS)),
}


@pytest.mark.parametrize(("argument", "ask"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_by_name(argument: str, ask: Callable[[], object]) -> None:
    with pytest.raises(ArgumentError) as error:
        ask()
    assert error.value.argument == argument
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("argument", "given"),
    [("test_fraction", "0.2"), ("test_fraction", [0.2]), ("label", ["y"]), ("id", {}), ("seed", True), ("rows", "5")],
    ids=str,
)
def test_an_option_of_a_table_has_its_type(argument: str, given: Any, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    pd.DataFrame(X).assign(label=Y).to_csv(path, index=False)
    assert load(path, test_fraction=0.2, seed=np.int64(3), rows=5.0).data.n == 5
    with pytest.raises(ArgumentError, match=f"^{argument}: got ") as error:
        load(path, **{argument: given})
    assert "\n" not in str(error.value)


OF_FITTED: dict[str, tuple[str, Callable[[SubsetEstimator], object]]] = {
    "no folder": ("directory", lambda e: e.to_csv(None)),
    "a report nowhere": ("directory", lambda e: e.report(b"runs")),
    "pairs nowhere": ("path", lambda e: e.write_pairs(3)),
    "influence nowhere": ("matrix", lambda e: e.write_influence(["a"])),
    "several epochs": ("epoch", lambda e: e.at([1])),
    "a true example": ("test", lambda e: e.explain(test=True)),
    "an example in bytes": ("train", lambda e: e.explain(train=b"3")),
    "a number of families": ("family", lambda e: e.compare(family=3)),
    "families of numbers": ("family", lambda e: e.compare(family=[1, 2])),
    "a true coupling": ("coupling", lambda e: e.compare(coupling=True)),
}


@pytest.mark.parametrize(("argument", "ask"), OF_FITTED.values(), ids=OF_FITTED)
def test_it_is_refused_of_a_fitted_estimator(
    argument: str, ask: Callable[[SubsetEstimator], object], fitted: SubsetEstimator
) -> None:
    with pytest.raises(ArgumentError) as error:
        ask(fitted)
    assert error.value.argument == argument
    assert "\n" not in str(error.value)


def test_pairs_of_any_influence_are_counted(fitted: SubsetEstimator) -> None:
    """Also where an example was held out by one model, of which nothing is said."""
    masks = MASKS.copy()
    masks[:, 0] = np.arange(8) > 0
    found = SubsetEstimator.from_predictions(masks, masks, masks[:, :1]).taught(threshold=0)
    assert np.isfinite(found.false)
    assert np.isfinite(fitted.taught(threshold=-0.5).false)


def test_lists_of_several_lengths_are_refused() -> None:
    with pytest.raises(ArgumentError) as refused:
        estimator().fit([[1, 2], [3]] * 15, Y)
    assert refused.value.argument == "x_train"
    assert "\n" not in str(refused.value)


def test_an_epoch_may_be_numpys_or_a_float_of_a_table() -> None:
    bits = Trials.of(MASKS, MASKS, MASKS)
    one = replace(bits, earlier={5: (bits.test, bits.train)})
    for epoch in (np.int64(5), 5.0, np.float32(5)):
        assert one.at(epoch).train is bits.test
    for epoch, remedy in (
        (np.int64(3), "kept at the end"),
        (True, "give a whole number"),
        (4.5, "give a whole number"),
    ):
        with pytest.raises(ArgumentError, match=remedy):
            one.at(epoch)
