"""The likelihood-ratio attack: each model by the others only, its curve and errors, and what it finds where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from empirical.designs import Bernoulli, Orthogonal
from empirical.estimates.leak import RATES
from empirical.estimates.leak.attacked import above
from empirical.estimates.leak.curve import Counts, keys
from empirical.estimates.leak.gaussians import Gaussians, blocks, gaussians
from empirical.estimates.leak.leak import leak
from empirical.training.trials import Trials
from longtail.core import ArgumentError
from tests.empirical.attacked import gaussian

Z = 5


def refitted(trials: Trials, attack: str) -> np.ndarray:
    """Λ as people write it: for every model everything is fitted again to the others."""
    masks, scores = trials.masks(), trials.train.astype(float)
    out = np.zeros(scores.shape)
    for k in range(trials.count):
        inside, s = np.delete(masks, k, 0), np.delete(scores, k, 0)
        cells = [[s[mask[:, i], i] for i in range(trials.n)] for mask in (inside, ~inside)]
        deviations = [
            np.sqrt(sum(((c - c.mean()) ** 2).sum() for c in cell) / sum(len(c) - 1 for c in cell)) for cell in cells
        ]
        for i in range(trials.n):
            a, b = (cell[i] for cell in cells)
            p, q = (a.std(ddof=1), b.std(ddof=1)) if attack == "own" else deviations
            out[k, i] = norm.logpdf(scores[k, i], a.mean(), p) - norm.logpdf(scores[k, i], b.mean(), q)
    return out


def ratios(trials: Trials, fitted: Gaussians, attack: str) -> np.ndarray:
    return np.concatenate([fitted.ratios(attack, s, m) for _, s, m in blocks(trials)])


@pytest.mark.parametrize("attack", ["own", "pooled"])
def test_a_model_taken_out_is_as_if_it_had_never_been_fitted(attack):
    trials = gaussian(0, 30, 17, 1.5, spread=0.5, design=Bernoulli(0.6))
    found, wanted = ratios(trials, gaussians(trials), attack), refitted(trials, attack)
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)
    kept = gaussians(trials).ratios(attack, trials.train, trials.masks().view(np.uint8), held=False)
    assert abs(kept - wanted).max() > 0.1  # negative control: with itself among those fitted


@pytest.mark.parametrize("design", ["fixed", "bernoulli"])
def test_planted_gaussians_are_told_apart_as_well_as_they_can_be(design):
    """The best attack on N(0, 1) and N(d, 1) has TPR Φ(Φ⁻¹(FPR) + d) and area Φ(d/√2).

    That of fitted Gaussians has less by a share of 1/models, which so few examples do not show.
    """
    d, runs = 1.0, 20
    far = []
    for seed in range(runs):
        trials = gaussian(seed, 2000, 30, d, **({"design": Bernoulli(0.6)} if design == "bernoulli" else {}))
        found = leak(trials)
        assert found.attack == "own"
        table = found.rates[found.rates["attack"] == "pooled"]
        wanted = ndtr(ndtri(table["false_rate"]) + d)
        z = ((table["true_rate"] - wanted) / table["stderr"]).to_numpy()
        area = (table["area"].iloc[0] - ndtr(d / np.sqrt(2))) / table["area_stderr"].iloc[0]
        far.append([*z, area])
        inside = (table["low"] <= wanted) & (wanted <= table["high"])
        assert (inside == (abs(z) <= 1.96)).all()
    far = np.array(far)
    assert abs(far).max() < Z
    assert 0.7 < (far**2).mean() < 1.4  # of 80 values that share 20 runs: 1 ± .2
    simple = found.rates[found.rates["attack"] == "margin"]  # negative control: one threshold for all examples
    assert ((simple["true_rate"] - ndtr(ndtri(simple["false_rate"]) + d)) / simple["stderr"] < -Z).all()


def test_own_variances_tell_more_where_variances_differ_and_many_models_show_it():
    far = gaussian(1, 1000, 200, 1.0, spread=0.5)
    table = leak(far).rates.set_index(["attack", "false_rate"])["true_rate"]
    assert (table["own"] > table["pooled"] + 0.01).all()
    few = gaussian(1, 16, 200, 1.0)
    found = leak(few)
    assert found.attack == "pooled"
    table = found.rates.set_index(["attack", "false_rate"])["true_rate"]
    assert table["pooled", 0.1] > table["own", 0.1]


def test_nothing_is_found_where_models_say_nothing():
    """Masks of other models. A rate is compared with its spread over 24 such runs, and that with the error stated."""
    found = [leak(gaussian(seed, 600, 150, 1.0, spread=0.2, shuffled=True)) for seed in range(24)]
    rates = np.array([one.rates["true_rate"] / one.rates["false_rate"] for one in found])
    stated = np.array([one.rates["stderr"] / one.rates["false_rate"] for one in found])
    spread = rates.std(0, ddof=1)
    assert (abs(rates.mean(0) - 1) < Z * spread / np.sqrt(len(found))).all()
    assert (abs(rates - 1) < Z * spread).all()
    assert 0.5 < (((rates - 1) / stated) ** 2).mean() < 1.6
    areas = np.array([one.rates["area"][::3] for one in found])
    assert (abs(areas.mean(0) - 0.5) < Z * areas.std(0, ddof=1) / np.sqrt(len(found))).all()
    assert np.mean([one.audit.epsilon > 0 for one in found]) < 0.05 + Z * np.sqrt(0.05 * 0.95 / len(found))
    told = leak(gaussian(0, 600, 150, 1.0, spread=0.2))
    assert (told.rates["true_rate"][:6] / told.rates["false_rate"][:6] - 1 > Z * spread[:6]).all()


def test_the_curve_is_that_of_a_plain_count():
    rng = np.random.default_rng(0)
    members = rng.random(4000) < 0.6
    scores = np.float16(rng.normal(members * 1.2, 1.5).round(1))  # with ties
    counts, key = Counts(), keys(scores[None])
    for half in (slice(0, 1500), slice(1500, None)):
        counts.count(key[:, half], members[None, half])
    np.testing.assert_allclose(counts.area, roc_auc_score(members, scores.astype(float)), rtol=1e-12)
    pairs = np.subtract.outer(scores[members].astype(float), scores[~members].astype(float))
    np.testing.assert_allclose(counts.area, (pairs > 0).mean() + (pairs == 0).mean() / 2, rtol=1e-12)
    false, true = counts.rates
    # the lowest level of a rate
    reached = {(scores[~members] >= level).mean(): level for level in np.unique(scores)[::-1]}
    for at, level in reached.items():
        np.testing.assert_allclose(counts.true_rate(at + 1e-12), (scores[members] >= level).mean(), rtol=1e-8)
    assert false[-1] == true[-1] == 1
    for rate in (*RATES, 0.5, 1.0):
        guessed = above(key[0], *counts.threshold(rate)).astype(float)
        np.testing.assert_allclose(guessed[~members].mean(), rate, rtol=1e-6)
        np.testing.assert_allclose(guessed[members].mean(), counts.true_rate(rate), rtol=1e-6)


def test_keys_have_the_order_of_scores():
    scores = np.sort(np.random.default_rng(0).standard_cauchy(10_000) * 100)
    scores = scores[abs(scores) > 2.0**-14]
    found = keys(scores[None])[0].astype(int)
    assert (np.diff(found) >= 0).all()
    a, b = np.clip(scores[:-1], -65504, 65504), np.clip(scores[1:], -65504, 65504)
    apart = (b - a) / np.maximum(abs(a), abs(b))
    assert apart[np.diff(found) == 0].max() < 2.0**-10 < apart.max()
    assert (np.diff(found)[apart > 2.0**-10] > 0).all()
    assert len(np.unique(keys(np.array([[-0.0, 0.0, 1e-5, -1e-5]])))) == 1


def test_risk_is_the_advantage_of_the_attack_and_no_less_than_that_of_being_right():
    """Being right is one threshold on the margin, Λ > 0 the best one for Gaussians: advantage 2Φ(d/2) − 1."""
    d = 1.5
    found = leak(gaussian(3, 2000, 100, d, design=Bernoulli(0.5)))
    table = found.examples
    z = (table["risk"] - (2 * ndtr(d / 2) - 1)) / table["stderr"]
    assert abs(z).max() < Z
    assert 0.6 < (z**2).mean() < 1.5
    assert (table["risk"] - table["memorization"] > -Z * table["stderr"]).all()
    assert abs(table["separation"] - d).max() < Z * np.sqrt(4 / 2000 * (1 + d * d / 8))
    caught = table["caught"].mean()
    row = found.rates.set_index(["attack", "false_rate"]).loc[("own", 0.001)]
    assert abs(caught - row["true_rate"]) < 0.002  # their mean, but for how many models had each example
    bins = found.bins
    assert bins["examples"].sum() == 100
    weighted = (bins["risk"] * bins["examples"]).sum() / 100
    assert abs(weighted - table["risk"].mean()) < 1e-3
    assert (abs(bins["risk"] - (2 * ndtr(d / 2) - 1)) < Z * bins["stderr"]).all()


def test_examples_without_models_enough_are_not_attacked():
    trials = gaussian(0, 40, 20, 1.0)
    masks = trials.masks().copy()
    masks[:, 3], masks[:, 7] = False, np.arange(40) < 2
    short = Trials.of(masks, trials.train, trials.test, score="margin")
    found = leak(short)
    table = found.examples
    assert table.loc[[3, 7], ["risk", "stderr", "caught", "separation"]].isna().all().all()
    assert table.drop(index=[3, 7])["risk"].notna().all()
    assert found.members + found.others == 40 * 18
    assert found.summary["not_attacked"] == 2
    assert found.audit is None  # who drew these subsets is not known
    rest = np.delete(np.arange(20), [3, 7])
    alone = leak(Trials.of(masks[:, rest], trials.train[:, rest], trials.test, score="margin"))
    np.testing.assert_allclose(alone.rates["true_rate"], found.rates["true_rate"], rtol=1e-12)


@pytest.mark.parametrize("values", ["votes", "constant"])
def test_margins_of_a_few_values_have_a_risk(values):
    """Nearest neighbors say 1 or −1, whether or not they are ever wrong."""
    rng = np.random.default_rng(0)
    masks = rng.random((100, 30)) < 0.5
    votes = np.where(masks | (rng.random(30) < 0.5), 1.0, -1.0) if values == "votes" else np.ones((100, 30))
    found = leak(Trials.of(masks, votes, votes, score="margin"))
    table = found.examples
    np.testing.assert_allclose(table["risk"], table["memorization"])
    assert set(table["risk"]) == ({0.0, 1.0} if values == "votes" else {0.0})
    assert np.isfinite(found.rates["true_rate"].dropna()).all()


def test_blocks_make_no_difference(monkeypatch):
    trials = gaussian(0, 60, 40, 1.0)
    once = leak(trials)
    heard = []
    monkeypatch.setattr("empirical.estimates.leak.gaussians.CELLS", 280)
    again = leak(trials, told=lambda models, of: heard.append((models, of)))
    assert once.examples.equals(again.examples)
    assert once.curve.equals(again.curve)
    np.testing.assert_allclose(once.rates["stderr"], again.rates["stderr"], rtol=1e-6)
    assert set(heard[:-1]) == {(7, 60), (4, 60)}
    assert sum(models for models, _ in heard) == 120


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"score": "correct"}, "score: got correct; .* --score margin"),
        ({"design": Orthogonal(0.75, 16)}, "design: .* --design fixed"),
        ({"few": 4}, "models: got 4; .* train more"),
    ],
)
def test_what_cannot_be_attacked_is_refused(change, says):
    trials = gaussian(0, change.pop("few", 32), 12, 1.0)
    if "score" in change:
        trials = trials.right
    if "design" in change:
        trials = Trials.of(trials.masks(), trials.train, trials.test, score="margin", **change)
    with pytest.raises(ArgumentError, match=says):
        leak(trials)


def test_right_is_read_off_margins():
    trials = Trials.of([[True, False]], [[0.5, 0.0]], [[-1.0]], score="margin")
    assert trials.right.train_scores().tolist() == [[True, False]]
    assert trials.right.test_scores().tolist() == [[False]]
    assert trials.right.right is trials.right or trials.right.right == trials.right
    with pytest.raises(ArgumentError, match="score: got loss"):
        _ = Trials.of([[True, False]], [[0.5, 0.0]], [[1.0]], score="loss").right
