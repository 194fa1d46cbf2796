"""Stated errors of what an attack finds: right where nothing leaks and where much does; and what a model moves, derived twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import norm

from empirical.designs import Bernoulli
from empirical.estimates.leak import RATES
from empirical.estimates.leak.attacked import Attacked, over_models
from empirical.estimates.leak.curve import KEYS, WINDOW, Counts, keys, values
from empirical.estimates.leak.gaussians import gaussians
from empirical.estimates.leak.influence import Influence, weights
from longtail.core import ArgumentError
from tests.empirical.attacked import gaussian

Z, MODELS, N = 5, 120, 60
HALVES = np.arange(N)[:, None] % 2 == np.arange(2)


def told(seed: int, shuffled: bool) -> list[list[float]]:
    """By attack rates at .1 and .01, the area and a bin's risk; their errors; and the errors of guesses alone."""
    trials = gaussian(seed, MODELS, N, 1.5, shuffled=shuffled)
    attacked = Attacked(trials, gaussians(trials))
    counts = {name: one for name, one in attacked.counted("own")[0].items() if name != "margin"}
    out: list[list[float]] = [[], [], []]
    moved = attacked.moved(counts, "own", HALVES)
    alone = replace(moved, others={name: 0 * r for name, r in moved.others.items()})
    for name, one in counts.items():
        true = [float(one.true_rate(rate)) for rate in RATES[:2]]
        out[0] += [*true, one.area]
        slopes = [one.slope(rate) for rate in RATES[:2]]
        for to, each in zip(out[1:], (moved, alone), strict=True):
            to += [each.rate_stderr(name, j, true[j], RATES[j], slopes[j]) for j in range(2)]
            to.append(each.area_stderr(name, one.area))
    a, b, _, m = moved.grouped[:, 0].T
    out[0].append(a.sum() / m.sum() - b.sum() / (N // 2 - m).sum())
    for to, each in zip(out[1:], (moved, alone), strict=True):
        to.append(each.risk_stderr("own", 0, N // 2))
    return out


@pytest.mark.parametrize(("shuffled", "runs"), [(True, 100), (False, 50)], ids=["nothing", "much"])
def test_errors_are_those_of_many_runs(shuffled, runs):
    """z² of what a run tells by its error, from the mean of all runs: 1. By guesses alone (negative control) about 2.3 where
    nothing leaks.
    """
    found, stated, alone = np.swapaxes([told(seed, shuffled) for seed in range(runs)], 0, 1)
    far = (found - found.mean(0)) ** 2 * runs / (runs - 1)
    right, short = ((far / errors**2).mean(1) for errors in (stated, alone))
    spread = [z.std(ddof=1) / np.sqrt(runs) for z in (right, short)]
    assert abs(right.mean() - 1) < Z * spread[0] < 0.6
    assert (short.mean() - 1 > Z * spread[1]) == shuffled


@pytest.mark.parametrize("attack", ["own", "pooled"])
def test_what_a_model_moves_is_that_of_refitted_gaussians_and_slopes_by_differences(attack):
    """w Λ(θ) summed over models, ahead of θ and behind, by how leaving a model out moves θ."""
    trials = gaussian(0, 40, 12, 1.0, spread=0.3, design=Bernoulli(0.6))
    bins = np.arange(12)[:, None] % 2 == np.arange(2)
    fitted, masks, scores = gaussians(trials), trials.masks(), trials.train.astype(float)
    ratio = fitted.ratios(attack, trials.train, masks.view(np.uint8))
    counts, key = Counts(), keys(ratio)
    counts.count(key, masks)
    one = Influence.of(attack, fitted, np.arange(12), counts)
    one.lean(key, trials.train, masks.view(np.uint8))
    w = np.where(masks[:, :, None], one.weights[1][key], one.weights[0][key]).astype(float)
    shares = [bins[:, j] * 2 for j in range(2)]
    w = np.concatenate([w[:, :, :4], *(w[:, :, 4:] * share[:, None] for share in shares)], 2)

    def numbers(s, inside):
        cells = [np.where(mask, s, np.nan) for mask in (inside, ~inside)]
        out = np.array(
            [f(c, axis=0) for c in cells for f in (np.nanmean, lambda c, axis: np.nanvar(c, axis=axis, ddof=1))]
        )
        if attack == "pooled":
            free = [(~np.isnan(c)).sum(0) - 1 for c in cells]
            out[1::2] = [[(v * f).sum() / f.sum()] * 12 for v, f in zip(out[1::2], free, strict=True)]
        return out

    def total(theta):
        mean, p, other, q = theta
        return np.einsum("kij,ki->j", w, (np.log(q / p) + (scores - other) ** 2 / q - (scores - mean) ** 2 / p) / 2)

    theta, wanted = numbers(scores, masks), []
    for k in range(40):
        move = theta - numbers(np.delete(scores, k, 0), np.delete(masks, k, 0))
        wanted.append((total(theta + 1e-4 * move) - total(theta - 1e-4 * move)) / 2e-4)
    found = one.by(bins).moves(trials.train, masks.view(np.uint8))
    if attack == "own":
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6 * np.abs(wanted).max())
    else:  # a model taken out of a pooled variance goes once, not an example at a time
        most = np.abs(wanted).max(0)
        assert (np.abs(found - wanted) <= 0.04 * most).all(), (np.abs(found - wanted).max(0), most)


def test_weights_are_densities():
    """Summed over members: of N(d, 1) beside N(0, 1) the mean density in a window around a threshold; for the area
    ∫ φ(x) φ(x − d) dx = e^(−d²/4)/(2√π). Over others the same by λ, and for the area its negative.
    """
    rng, d, many = np.random.default_rng(0), 1.0, 400_000
    members, scores = np.arange(2 * many) < many, rng.normal(size=2 * many)
    scores[members] += d
    counts, key = Counts(), keys(scores[None])
    counts.count(key, members[None])
    w = weights(counts).astype(float)
    inside, outside = counts.members @ w[1], counts.others @ w[0]
    for j, rate in enumerate(RATES):
        low, high = -ndtri(rate * WINDOW), -ndtri(rate / WINDOW)
        share = norm.sf(low - d) - norm.sf(high - d)
        error = 1 / np.sqrt(many * share) + 2 * 2.0**-11 * high / (high - low) + 1 / np.sqrt(many * rate / WINDOW)
        assert abs(inside[j] / (share / (high - low)) - 1) < Z * error
        slope = share / (rate * WINDOW - rate / WINDOW)
        assert abs(outside[j] + slope * (rate * WINDOW - rate / WINDOW) / (high - low)) < Z * error * inside[j]
    np.testing.assert_allclose([inside[3], -outside[3]], np.exp(-d * d / 4) / (2 * np.sqrt(np.pi)), rtol=0.01)
    np.testing.assert_allclose([inside[4], -outside[4]], [norm.pdf(d), norm.pdf(0)], rtol=0.02)


def test_values_are_those_of_their_keys():
    value = values()
    assert (np.diff(value) >= 0).all()
    assert (keys(value[None])[0] == np.arange(KEYS))[(abs(value) > 0) & (abs(value) < 65504)].all()


def test_errors_of_a_sum_over_pairs_are_known():
    """T = Σ_k≠l z_k·A z_l, z standard normal in d dimensions: its variance is t(t − 1)(|A|² + tr A²), by guesses alone |A|²."""
    rng, t, d, runs = np.random.default_rng(0), 40, 5, 2000
    a = np.eye(d) + rng.normal(size=(d, d)) / 3
    squares = []
    for z in rng.normal(size=(runs, t, d)):
        pairs = z @ a @ z.T
        np.fill_diagonal(pairs, 0)
        squares.append([over_models(pairs.sum(1), pairs.sum(0)) ** 2, over_models(pairs.sum(1)) ** 2])
    wanted = t * (t - 1) * ((a * a).sum() + np.array([np.trace(a @ a), 0]))
    spread = np.std(squares, 0, ddof=1) / np.sqrt(runs)
    assert (abs(np.mean(squares, 0) - wanted) < Z * spread + wanted / t).all()


def test_weights_of_nothing_counted_are_refused():
    for members in ([], [True, True], [False]):
        counts = Counts()
        if members:
            counts.count(keys(np.ones((1, len(members)))), np.array([members]))
        with pytest.raises(ArgumentError, match=r"counts: got .*; count scores of both first"):
            weights(counts)
