"""The least ε that an attack proves: never more than there is, but in the share of cases that is stated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom

from empirical.designs import Bernoulli, Fixed
from empirical.estimates.leak.audit import audit, chance, least_epsilon
from empirical.training.trials import Trials
from longtail.core import ArgumentError
from tests.empirical.attacked import gaussian, response

Z = 5
DESIGNS = {"bernoulli": Bernoulli(0.5), "uneven": Bernoulli(0.7), "fixed": Fixed(0.5), "stratified": Fixed(0.6, True)}


def drawn(design, seed: int, t: int, n: int, epsilon: float, delta: float) -> Trials:
    if design != DESIGNS["stratified"]:
        return response(seed, t, n, epsilon, delta, design)
    classes = np.arange(n) % 2
    rng = np.random.default_rng(seed)
    masks = design.subsets(seed, np.arange(t), n, classes)
    scores = np.where(masks == (rng.random((t, n)) < 1 / (1 + np.exp(-epsilon))), 1.0, -1.0)
    return Trials.of(masks, scores, np.zeros((t, 1)), score="margin", design=design)


@pytest.mark.parametrize("name", list(DESIGNS))
def test_it_exceeds_the_truth_no_more_often_than_stated(name):
    """1,000 mechanisms a design, of randomized response, whose ε is known; z = 5. The truth less .3 it does exceed."""
    design, runs = DESIGNS[name], 1000
    above = below = 0
    for seed in range(runs):
        rng = np.random.default_rng([1, seed])
        epsilon, t, n = rng.uniform(0, 2), int(rng.integers(40, 120)), 8
        found = audit(drawn(design, seed, t, n, epsilon, 0.0), "pooled", delta=0.0, classes=np.arange(n) % 2)
        above += found.epsilon > epsilon
        below += found.epsilon > epsilon - 0.5
    assert above / runs < 0.05 + Z * np.sqrt(0.05 * 0.95 / runs)
    assert below / runs > 0.2  # negative control: of an ε that is not the truth it says so


def test_with_a_delta_it_holds_too():
    runs = 400
    above = 0
    for seed in range(runs):
        trials = response(seed, 80, 10, 1.0, 0.02, Bernoulli(0.5))
        above += audit(trials, "pooled", delta=0.02).epsilon > 1.0
    assert above / runs < 0.05 + Z * np.sqrt(0.05 * 0.95 / runs)
    denied = [response(seed, 400, 10, 1.0, 0.05, Bernoulli(0.5)) for seed in range(20)]
    assert np.mean([audit(one, "pooled", delta=0.0).epsilon > 1.0 for one in denied]) > 0.5  # negative control


def test_gaussian_noise_is_proved_most_of():
    """A margin that is bit + N(0, σ²) is (ε, δ(ε))-private with δ = Φ(1/2σ − εσ) − e^ε Φ(−1/2σ − εσ) (Balle and Wang 2018)."""
    noise, epsilon = 1.0, 6.0
    delta = float(ndtr(0.5 / noise - epsilon * noise) - np.exp(epsilon) * ndtr(-0.5 / noise - epsilon * noise))
    found = audit(gaussian(0, 4000, 60, 1 / noise, design=Bernoulli(0.5)), "pooled", delta=delta)
    assert 1.5 < found.epsilon < epsilon
    assert found.neighbors == "one more"
    replaced = audit(gaussian(0, 4000, 60, 1 / noise, design=Fixed(0.5)), "pooled", delta=delta)
    assert 0.7 < replaced.epsilon < epsilon
    assert replaced.neighbors == "one replaced"
    nothing = audit(gaussian(0, 4000, 60, 1 / noise, design=Bernoulli(0.5), shuffled=True), "pooled", delta=delta)
    assert nothing.epsilon == 0


def test_one_half_of_the_models_says_nothing_of_the_other():
    """What is chosen by the even models is the same whatever the odd ones are: their number of guesses stays."""
    trials = gaussian(0, 200, 40, 1.0, design=Bernoulli(0.5))
    odd = np.arange(200) % 2 == 1
    scores = trials.train.copy()
    scores[odd] = -scores[odd]
    other = Trials.of(trials.masks(), scores, trials.test, score="margin", design=trials.design)
    a, b = (audit(one, "own", delta=0.0) for one in (trials, other))
    assert (a.canaries, a.guesses, a.examples) == (b.canaries, b.guesses, b.examples)
    assert a.epsilon > 0 == b.epsilon


def test_the_chance_is_the_published_one():
    """Steinke et al.'s own sum (arXiv 2305.08846, appendix D), to the 2 % by which steps may exceed it."""
    rng = np.random.default_rng(0)
    for _ in range(2000):
        r = int(rng.integers(1, 2000))
        v, epsilon, delta = int(rng.integers(1, r + 1)), float(rng.exponential()), float(10 ** -rng.uniform(2, 8))
        q, i = 1 / (1 + np.exp(-epsilon)), np.arange(1, v + 1)
        beta = binom.sf(v - 1, r, q)
        published = beta + 4 * r * delta * np.max(np.cumsum(binom.pmf(v - i, r, q)) / i)
        found = chance(2 * r, r, v, epsilon, delta)
        assert min(published, 1) * (1 - 1e-9) <= found <= min(published * 1.021, 1) + 1e-12
        assert np.isclose(chance(r, r, v, epsilon, 0.0), beta, rtol=1e-9)
        assert chance(r, r, v, epsilon, delta, steps=2) == chance(r, r, v, 2 * epsilon, (1 + np.exp(epsilon)) * delta)


def test_the_bound_is_where_the_chance_is_what_is_left():
    for m, r, v, delta, steps in [(500, 300, 260, 1e-5, 1), (500, 300, 260, 1e-5, 2), (99, 99, 70, 0.0, 1)]:
        found = least_epsilon(m, r, v, delta, 0.95, steps)
        assert np.isclose(chance(m, r, v, found, delta, steps), 0.05, rtol=1e-4)
        assert found > least_epsilon(m, r, v, delta, 0.99, steps) > least_epsilon(m, r, v - 10, delta, 0.99, steps)
    assert least_epsilon(100, 100, 50, 0.0) == least_epsilon(100, 100, 0, 0.0) == least_epsilon(10, 0, 0, 0.0) == 0
    assert least_epsilon(100, 100, 100, 0.5) == 0


@pytest.mark.parametrize(("name", "value"), [("delta", 1.0), ("delta", -1e-9), ("level", 1.0)])
def test_bad_numbers_are_refused(name, value):
    with pytest.raises(ArgumentError, match=f"{name}: got"):
        audit(gaussian(0, 60, 10, 1.0), "own", **{name: value})
