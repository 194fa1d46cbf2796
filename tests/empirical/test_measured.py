"""The summary of a run: counts that are of the same pairs, and nothing in it that JSON has no word for."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest

from empirical.data.data import Data
from empirical.data.examples import Examples
from empirical.designs import Fixed
from empirical.estimates.false_pairs import expected_false, threshold_for
from empirical.estimates.groups import NAMES
from empirical.estimates.halves import halves
from empirical.estimates.influence import counted_pairs
from empirical.estimates.measure import lowest_threshold, measure
from empirical.estimates.measured import pairs_key
from empirical.estimates.memorization import memorization
from empirical.estimates.pairing import Pairing
from empirical.learners import KNN
from empirical.report.exhibits import exhibits
from empirical.report.gallery import gallery
from empirical.report.run_text import report
from empirical.training.job import Job
from empirical.training.run import run
from empirical.training.trials import Trials
from tests.empirical.nearest import Nearest


def of(data: Data) -> Examples:
    return Examples(data.y_train, data.y_test)


@pytest.fixture(scope="module")
def trials(data: Data) -> Trials:
    return run(Job(data, Nearest(), Fixed(0.7), seed=1), 128)


@pytest.mark.parametrize("labeled", [True, False])
def test_published_rule_counts_false_pairs_and_agreement_of_the_examples_it_keeps(
    trials: Trials, data: Data, labeled: bool
) -> None:
    y, z = (data.y_train, data.y_test) if labeled else (None, None)
    found = measure(trials, Examples(y, z), threshold=0.1, published_rule=True)
    kept = (found.memorization["memorization"] >= 0.25).to_numpy()
    assert 0 < kept.sum() < trials.n / 2
    masks, scores = trials.masks(), trials.train_scores()
    alone = Trials.of(masks[:, kept], scores[:, kept], trials.test_scores())  # as if there were no other examples
    own = data.y_train[kept] if labeled else None
    expected = expected_false(alone, Pairing(own, z, same_class=labeled), 0.1)[0]
    assert found.summary["expected_false_pairs"] == pytest.approx(expected)
    assert expected < expected_false(trials, Pairing(y, z, same_class=labeled), 0.1)[0] / 2
    sets = [
        set(zip(p.train, p.test, strict=True))
        for p in (counted_pairs(half, Pairing(own, z, 0.1, same_class=labeled)) for half in halves(alone))
    ]
    assert found.summary["split_half_jaccard"] == pytest.approx(len(sets[0] & sets[1]) / len(sets[0] | sets[1]))
    wanted = lowest_threshold(trials, Examples(y, z), 0.05, published_rule=True)
    assert wanted == threshold_for(alone, Pairing(own, z, same_class=labeled), 0.05)
    assert wanted < lowest_threshold(trials, Examples(y, z), 0.05)


@pytest.mark.parametrize("rule", [False, True])
@pytest.mark.parametrize("threshold", [0.1, 0.15, 0.22, 37 * 0.005])
def test_summary_says_the_threshold_and_always_counts_the_usual_pairs(
    trials: Trials, data: Data, threshold: float, rule: bool
) -> None:
    found = measure(trials, of(data), threshold=threshold, published_rule=rule)
    usual = measure(trials, of(data), published_rule=rule)
    assert found.summary["threshold"] == threshold
    assert found.summary["pairs_above_0.15"] == len(usual.pairs) > 0
    assert found.summary[pairs_key(threshold)] == len(found.pairs)
    assert f"pairs with influence ≥ {threshold:g} " in report(found)


def test_what_two_models_leave_unknown_is_null_and_not_nan(data: Data) -> None:
    """Of two models some examples are in neither, and no error is known."""
    few = run(Job(data, Nearest(), Fixed(0.7), seed=1), 2)
    found = measure(few, of(data))
    json.dumps(found.summary, allow_nan=False)
    assert found.summary["pairs_stderr"] is None
    masks = few.masks()
    some = masks.any(0)
    right = [few.train_scores()[masks[:, i], i].mean() for i in np.flatnonzero(some)]
    assert not some.all()
    assert found.summary["train_accuracy"] == pytest.approx(np.mean(right))


def test_what_is_said_of_errors_is_true_of_the_table(trials: Trials, data: Data) -> None:
    """Most errors are 0 here: their mean square would make the others look small."""
    found = measure(trials, of(data))
    table = found.memorization
    off = table["stderr"] > 0
    assert 0 < off.sum() < len(table)
    usual = np.sqrt((table["stderr"][off] ** 2).mean())
    other = table[table["memorization"] != 0]
    nothing = ((other["low"] <= 0) & (other["high"] >= 0)).sum()
    said = " ".join(report(found).split())
    assert f"off by about {usual:.2g} (one standard error" in said
    assert f"{nothing:,} of the {len(other):,} that are not 0" in said
    assert f"{usual:.3f} of memorization where models disagree" in said


def test_where_no_model_disagreed_the_interval_is_shown() -> None:
    masks = np.arange(40)[:, None] % 2 == np.array([[0, 1]])
    trials = Trials.of(masks, masks, np.ones((40, 1), bool))  # right if and only if it was in
    found = measure(trials, Examples([0, 1], [0]))
    assert (found.memorization["stderr"] == 0).all()
    low = found.memorization["low"].iloc[0]
    assert 0.5 < low < 1
    assert f"[{low:.3f}, 1.000]" in report(found)


def test_row_names_are_text_that_no_format_rounds(trials: Trials, data: Data) -> None:
    names = tuple(20240000000001.5 + i for i in range(max(trials.n, trials.n_test)))
    named = Examples(data.y_train, data.y_test, None, names[: trials.n], names[: trials.n_test])
    found = measure(trials, named, threshold=0.05)
    written = pd.read_csv(io.StringIO(found.memorization.to_csv(index=False, float_format="%.9g")))
    assert tuple(written["id"]) == names[: trials.n]
    assert len(found.pairs)
    for side in ("train", "test"):
        assert found.pairs[f"{side}_id"].tolist() == [repr(names[i]) for i in found.pairs[f"{side}_index"]]


def test_what_models_never_get_right_is_not_typical() -> None:
    """Both have memorization 0; who is right without the example tells them apart, in the table, the words and the page."""
    masks = np.arange(40)[:, None] % 2 == np.array([[0, 1, 0, 1]])
    right = np.stack([masks[:, 0], np.zeros(40, bool), np.ones(40, bool), np.arange(40) % 4 < 2], axis=1)
    found = measure(Trials.of(masks, right, np.ones((40, 1), bool)), Examples([0, 0, 1, 1], [0]))
    assert found.memorization["group"].tolist() == ["memorized", "never right", "typical", "between"]
    assert found.memorization["memorization"].tolist() == [1, 0, 0, 0]
    assert found.summary["never_right"] == 1
    said = report(found)
    assert "1 example: mislabelled, or too hard for this learner" in said
    assert [row[7] for row in gallery(found, exhibits(None)).examples] == [
        NAMES.index(name) for name in found.memorization["group"]
    ]


def test_flipped_labels_are_never_called_typical(digits: Data) -> None:
    """Of five neighbors that outvote it a flipped label has memorization 0, as the typical have."""
    rng = np.random.default_rng(0)
    flipped = rng.choice(digits.n, 75, replace=False)
    y = digits.y_train.copy()
    y[flipped] = (y[flipped] + rng.integers(1, 10, 75)) % 10
    data = Data(digits.x_train, y, digits.x_test, digits.y_test, digits.classes)
    table = memorization(run(Job(data, KNN(5), Fixed(0.7)), 200), y)
    groups = table["group"].to_numpy()
    near = (np.abs(table["memorization"].to_numpy()) < 0.05)[flipped]
    assert near.sum() > 60  # memorization alone would have called them typical
    assert (groups[flipped] != "typical").all()
    assert (groups[flipped] == "never right").sum() > 60
    assert (groups[np.setdiff1d(np.arange(digits.n), flipped)] == "typical").mean() > 0.9
