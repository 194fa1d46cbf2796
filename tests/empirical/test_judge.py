"""Measures of a stand-in against loops and scikit-learn's own, and their errors against what chance does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from empirical.standins.judge import auc, average_precision, pearson, spearman
from longtail.core import ArgumentError


@pytest.mark.parametrize("ties", [False, True])
def test_against_a_loop_and_against_scikit_learn(ties: bool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, marked = rng.normal(size=80), rng.random(80) < 0.2
        x = np.round(x + marked) if ties else x + marked
        a, b = x[marked], x[~marked]
        beats = (a[:, None] > b) + 0.5 * (a[:, None] == b)
        found = auc(x, marked)
        assert found.value == pytest.approx(beats.mean(), rel=1e-12)
        assert found.value == pytest.approx(roc_auc_score(marked, x), rel=1e-12)
        variance = beats.mean(1).var(ddof=1) / len(a) + beats.mean(0).var(ddof=1) / len(b)
        assert found.stderr == pytest.approx(np.sqrt(variance), rel=1e-9)
        assert average_precision(x, marked).value == pytest.approx(average_precision_score(marked, x), rel=1e-12)
        y = rng.normal(size=80) + x
        assert pearson(x, y).value == pytest.approx(stats.pearsonr(x, y).statistic, rel=1e-9)
        assert spearman(x, y).value == pytest.approx(stats.spearmanr(x, y).statistic, rel=1e-9)


def test_numbers_that_know_nothing() -> None:
    """AUC of ½, within 5 standard errors, which are as large as they say: mean z² of 400 is 1 ± .07. One that knows is not."""
    rng = np.random.default_rng(1)
    z = []
    for _ in range(400):
        x, marked = rng.normal(size=200), rng.random(200) < 0.15
        found = auc(x, marked)
        z.append((found.value - 0.5) / found.stderr)
    assert np.abs(z).max() < 5
    assert abs(np.mean(np.square(z)) - 1) < 5 * 0.08
    assert auc(x + 2 * marked, marked).value - 0.5 > 5 * auc(x + 2 * marked, marked).stderr


def test_resampled_errors_are_as_large_as_they_say() -> None:
    """Against the standard deviation over 120 data sets, whose own error is 6.5 %."""
    rng = np.random.default_rng(2)
    found: dict[str, list[tuple[float, float]]] = {"precision": [], "pearson": [], "spearman": []}
    for _ in range(120):
        marked = rng.random(200) < 0.2
        x = rng.normal(size=200) + 1.5 * marked
        for name, one in (
            ("precision", average_precision(x, marked)),
            ("pearson", pearson(x, x + rng.normal(size=200))),
            ("spearman", spearman(x, x + rng.normal(size=200))),
        ):
            found[name].append((one.value, one.stderr))
    for pairs in found.values():
        values, errors = np.array(pairs).T
        assert values.std() / np.sqrt(np.mean(errors**2)) == pytest.approx(1, abs=5 * 0.065)


def test_what_has_no_number_is_left_out() -> None:
    x, marked = np.array([0.1, np.nan, 0.3, 0.9, 0.2]), np.array([0, 1, 1, 1, 0])
    assert auc(x, marked) == auc(x[[0, 2, 3, 4]], marked[[0, 2, 3, 4]])
    assert np.isnan(pearson(np.ones(4), np.arange(4)).value)
    with pytest.raises(ArgumentError, match="positive: got 0 mislabeled"):
        auc([1, 2, 3], [False] * 3)
    with pytest.raises(ArgumentError, match="numbers: got shape"):
        auc([1, 2, 3], [True, False])
    with pytest.raises(ArgumentError, match="numbers: got 1 that are known"):
        spearman([1, np.nan], [2, 3])
