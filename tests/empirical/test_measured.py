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
from empirical.estimates.halves import halves
from empirical.estimates.influence import above
from empirical.estimates.measure import lowest_threshold, measure
from empirical.estimates.measured import pairs_key
from empirical.estimates.pairing import Pairing
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
        for p in (above(half, Pairing(own, z, 0.1, same_class=labeled)) for half in halves(alone))
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
