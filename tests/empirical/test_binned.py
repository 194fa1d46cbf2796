"""What fitting memorization rests on: noise by bins, and data sets drawn fast, against ones drawn example by example."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from empirical.bridge.bins import EDGES, drawn, goodness, histogram, probabilities, seen
from empirical.bridge.fit import planted
from empirical.estimates.noise import SubsetNoise, above
from longtail import Gamma, LogNormal, Problem, Zipf
from longtail.experiment.coupling import Beta, Fixed

PROBLEM = Problem(Zipf(alpha=0.8, size=3000), 10_000, 10)
NOISE = SubsetNoise(1000, 0.7)


def test_noise_by_bins_counts_the_steps_of_estimates():
    """Against the sum over how often an example is held out; with all steps evened out, half is off (negative control)."""
    relative = np.array([1.0, 0.6, 0.51, 0.3, 0.1])
    h = np.arange(1.0, 1001)
    chance = stats.binom.pmf(h, 1000, 0.3)
    exact = np.empty((len(EDGES), len(relative)))
    for i, edge in enumerate(EDGES):
        first = np.ceil(edge * h - 1e-9)
        exact[i] = chance @ special.betainc(first[:, None], (h - first + 1)[:, None], 0.9 * relative)
    over = 1 - NOISE.chances(EDGES, 0.9 * relative).cumsum(0)[:-1]
    assert np.abs(over - exact).max() < 6e-4
    plain = above(EDGES, 0.9 * relative, NOISE.held_out)
    assert np.abs(plain - exact).max() > 3e-3


def test_an_estimate_at_an_edge_lies_above_it():
    counts = histogram(np.array([90 / 600, 0.15, np.nextafter(0.15, 0), 0.1499]))
    assert counts[3] == 3
    assert counts[2] == 1


@pytest.mark.parametrize(
    ("coupling", "other"),
    [
        (Fixed(0.7), Fixed(0.72)),
        (Beta(2, 1), Beta(2, 1.3)),
        (Fixed(0.7, steady=1), Fixed(0.7)),
        (Beta(2, 1, steady=1), Beta(2, 1)),
        (Fixed(0.7, steady=0.8), Fixed(0.7, steady=0.7)),
        (Beta(2, 1, steady=0.5), Beta(2, 1, steady=0.4)),
    ],
    ids=repr,
)
def test_histograms_drawn_are_those_of_planted_data_sets(coupling, other):
    """Bin means and variances, z = 5; another coupling is told apart (negative control)."""
    rng = np.random.default_rng(12)
    slow = np.array([histogram(planted(PROBLEM, coupling, NOISE, rng)[1]) for _ in range(150)])
    fast = drawn(PROBLEM, coupling, NOISE, 600, rng)
    assert (fast.sum(1) == PROBLEM.n).all()
    kept = slow.mean(0) > 20
    assert np.abs(_z(slow, fast)[kept]).max() < 5
    ratio = np.log(slow[:, kept].var(0) / fast[:, kept].var(0))
    assert np.abs(ratio).max() < 5 * np.sqrt(2 / 149 + 2 / 599)
    wrong = drawn(PROBLEM, other, NOISE, 600, rng)
    assert np.abs(_z(slow, wrong)[kept]).max() > 5


def test_a_tight_law_of_strengths_is_one_strength():
    """Bins expected within a count in 1,000, and bins drawn, z = 5; a strength .002 away is told apart (negative control)."""
    noise, problem = SubsetNoise(4000, 0.7), Problem(Zipf(alpha=0.8, size=3000), 20_000, 10)
    found = {}
    for strength, law in ((0.7013, None), (0.7013, Beta(701_300, 298_700)), (0.6993, None)):
        coupling = law or Fixed(strength)
        expected = probabilities(problem, coupling, noise)
        found[strength, law] = expected, drawn(problem, coupling, noise, 300, np.random.default_rng(8))
    (one, own), (tight, like), (_, other) = found.values()
    assert np.abs(tight - one).max() < 1e-3
    kept = own.mean(0) > 20
    assert np.abs(_z(own, like)[kept]).max() < 5
    assert np.abs(_z(other, like)[kept]).max() > 5


@pytest.mark.parametrize("prior", [Zipf(1.0, 40_000), LogNormal(2.0, 40_000), Gamma(0.1, 40_000)], ids=repr)
def test_more_subpopulations_than_samples_are_met_by_nodes_of_the_list(prior):
    """Numbers seen once, twice, three times, at all, and pairs, against all entries drawn; z = 5."""
    rng = np.random.default_rng(4)

    def entry_by_entry(one):
        frequency = one.sample(rng, (one.size,))
        counts = rng.multinomial(5000, frequency / frequency.sum())
        return counts[counts > 0]

    fast = np.array([_summary(seen(prior, 5000, rng)[0]) for _ in range(300)])
    slow = np.array([_summary(entry_by_entry(prior)) for _ in range(150)])
    assert np.abs(_z(slow, fast)).max() < 5
    assert 0.5 < (slow.std(0) / fast.std(0)).min() < (slow.std(0) / fast.std(0)).max() < 2
    fewer = type(prior)(**(vars(prior) | {"size": 30_000}))
    assert np.abs(_z(np.array([_summary(entry_by_entry(fewer)) for _ in range(150)]), fast)).max() > 5


def _summary(counts):
    return [(counts == 1).sum(), (counts == 2).sum(), (counts == 3).sum(), len(counts), np.log((counts**2.0).sum())]


def _z(a, b):
    return (a.mean(0) - b.mean(0)) / np.sqrt(a.var(0) / len(a) + b.var(0) / len(b) + 1e-12)


@pytest.mark.parametrize("freedom", [np.inf, 3.0])
def test_the_truth_is_refused_as_often_as_said_where_large_clusters_make_long_tails(freedom):
    """1,500 data sets each judged by 100 others of their law, normal or Student's; z = 5. F's tail alone refuses too many of the
    latter, and what lies three deviations off in every bin is refused (negative controls).
    """
    rng, refused, by_f, off = np.random.default_rng(11), [], [], []
    expected, fitted = np.full(20, 100.0), np.repeat([[1.0], [-1.0]], 10, axis=0) / np.sqrt(20)  # one parameter was
    for _ in range(1500):
        wide = np.sqrt(freedom / rng.chisquare(freedom, 101)) if np.isfinite(freedom) else np.ones(101)
        x = rng.normal(size=(101, 20)) * wide[:, None]
        x -= x.mean(1, keepdims=True)  # histograms are of as many examples
        found = goodness(x[0], x[1:], fitted, fitted.T, expected)
        refused.append(found.p_value < 0.05)
        k = found.freedom
        by_f.append(stats.f.sf(found.statistic / 1.01 * (100 - k) / (k * 99), k, 100 - k) < 0.05)
        off.append(goodness(x[0] + 3 * np.sign(x[0]), x[1:], fitted, fitted.T, expected).p_value < 0.05)
    spread = np.sqrt(0.05 * 0.95 / 1500)
    assert abs(np.mean(refused) - 5 / 101) < 5 * spread
    assert (abs(np.mean(by_f) - 0.05) < 5 * spread) == np.isinf(freedom)
    assert np.mean(off) > 0.5
