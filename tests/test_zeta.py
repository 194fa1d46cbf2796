"""Power-law tails: the powerlaw package's exponent on Moby Dick, planted ones, and the distance it would print."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from longtail import ArgumentError
from longtail.counts.fit import Counts
from longtail.counts.tail import tail


@pytest.mark.kernels
def test_moby_dicks_words_have_the_exponent_that_powerlaw_finds(data):
    """powerlaw 2.0.0, Fit(words, discrete=True): alpha 1.95273, xmin 7, sigma 0.0175, D 0.00826."""
    found = tail(np.loadtxt(data / "frequencies/words.txt"))
    assert found.start == 7
    assert found.exponent.value == pytest.approx(1.95273, abs=1e-4)
    assert found.exponent.stderr == pytest.approx(0.0175, abs=2e-4)
    assert found.distance == pytest.approx(0.00826, abs=2e-5)


def test_powerlaw_itself_agrees(data):
    powerlaw = pytest.importorskip("powerlaw")
    words = np.loadtxt(data / "frequencies/words.txt")
    for start in (3, 7, 20):
        theirs = powerlaw.Fit(words, discrete=True, estimate_discrete=False, xmin=start, verbose=0).power_law
        ours = tail(words, start)
        assert abs(theirs.alpha - ours.exponent.value) < 0.02 * ours.exponent.stderr


@pytest.mark.parametrize("gamma", [1.7, 2.0, 3.0])
def test_planted_exponent_is_found_again(gamma):
    """Thirty samples of 2,000, seed 8; z = 5, and the reported errors' own size."""
    rng = np.random.default_rng(8)
    z = []
    for _ in range(30):
        found = tail(rng.zipf(gamma, 2000).clip(max=10**9), start=1)
        z.append((found.exponent.value - gamma) / found.exponent.stderr)
    assert abs(np.mean(z)) < 5 / np.sqrt(30)
    assert 0.4 < np.mean(np.square(z)) < 2


def test_likelihood_is_greatest_there():
    counts = np.random.default_rng(0).zipf(2.2, 5000)
    found = tail(counts, start=1)
    given = Counts.of(counts)

    def log_likelihood(gamma: float) -> float:
        return float(-gamma * (given.number @ np.log(given.times)) - given.seen * np.log(special.zeta(gamma, 1)))

    at, step = found.exponent.value, 1e-3
    assert log_likelihood(at) > max(log_likelihood(at - step), log_likelihood(at + step))


def test_shortcut_finds_what_looking_everywhere_finds():
    counts = np.random.default_rng(5).zipf(1.9, 3000)
    counts = counts[counts < 10**8]
    found = tail(counts)
    value = np.unique(counts)
    everywhere = [tail(counts, int(v)) for v in value if (counts >= v).sum() >= 50]
    best = min(everywhere, key=lambda t: t.distance)
    assert (best.start, best.distance) == (found.start, found.distance)


def test_too_few_counts_are_refused():
    with pytest.raises(ArgumentError, match="counts"):
        tail([1, 2, 3])
    with pytest.raises(ArgumentError, match="start"):
        tail(np.arange(1, 100), start=90)
