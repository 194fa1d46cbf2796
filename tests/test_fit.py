"""Counts → prior: the likelihood is the model's own, what was planted is found again, and a wrong family is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

from longtail import ArgumentError, Gamma, Geometric, Listed, LogNormal, Pareto, Uniform, Zipf
from longtail.counts.fit import Bins, Counts, fit, fits, profiled, table
from longtail.counts.law import log_law, survival, tied_scale

PRIORS = [
    Zipf(alpha=1, size=5000),
    Zipf(alpha=2, size=300),
    LogNormal(sigma=2, size=2000),
    Geometric(ratio=0.99, size=2000),
    Pareto(shape=1.5, size=1000),
    Uniform(size=7),
    Listed([5.0, 3.0, 3.0, 0.01]),
]


@pytest.mark.kernels
@pytest.mark.parametrize("prior", PRIORS, ids=repr)
def test_law_of_a_count_is_the_sum_over_the_list(prior):
    scale = tied_scale(prior, 60_000)
    counts = np.unique(np.concatenate([np.arange(0.0, 60), np.geomspace(60, 20_000, 40).round()]))
    rate = prior.entries() * np.exp(scale + prior.nodes().log_value.max())
    direct = np.array([stats.poisson.pmf(c, rate).mean() for c in counts])
    seen = direct > 1e-25
    law = np.exp(log_law(prior, scale, counts))
    np.testing.assert_allclose(law[seen], direct[seen], rtol=1e-9)
    above = np.array([stats.poisson.sf(c - 1, rate).mean() for c in counts[1:]])
    np.testing.assert_allclose(survival(prior, scale, counts[1:]), above, rtol=1e-9, atol=1e-14)


@pytest.mark.kernels
def test_law_of_a_gamma_prior_is_negative_binomial_and_its_nodes_agree():
    from longtail.core import Nodes, Prior

    class Wrapped(Prior):  # the same nodes, without the closed form
        size = 1000

        def nodes(self, refine: float = 1.0) -> Nodes:
            return Gamma(shape=0.3, size=1000).nodes(refine)

        def entries(self):
            raise NotImplementedError

    c = np.arange(0.0, 150)
    closed = log_law(Gamma(shape=0.3, size=1000), np.log(20.0), c)
    np.testing.assert_allclose(closed, stats.nbinom.logpmf(c, 0.3, 1 / 21), atol=1e-11)
    np.testing.assert_allclose(log_law(Wrapped(), np.log(20.0), c), closed, atol=1e-9)
    above = survival(Gamma(shape=0.3, size=1000), np.log(20.0), c[1:])
    np.testing.assert_allclose(above, stats.nbinom.sf(c[1:] - 1, 0.3, 1 / 21), rtol=1e-9)


@pytest.mark.kernels
def test_scale_integrated_out_is_the_likelihood_of_the_model():
    """L(c) = n ∫ Π P(c_x; s) ds/s against the multinomial averaged over every draw of frequencies."""
    values, counts = np.array([1.0, 0.4, 0.05]), np.array([3, 1, 0, 0])
    n, size = int(counts.sum()), len(counts)
    draws = np.array(np.meshgrid(*[values] * size)).reshape(size, -1)
    ways = special.factorial(n) / special.factorial(counts).prod()
    exact = np.mean(ways * ((draws / draws.sum(0)) ** counts[:, None]).prod(0))
    prior = Listed(values)
    assert prior.size == 3  # a list of three, of which four subpopulations draw

    def integrand(log_s: float) -> float:
        law = log_law(prior, log_s + np.log(1.0), np.array([0.0, 1.0, 3.0]))
        return float(np.exp(law[2] + law[1] + 2 * law[0]))

    found = n * integrate.quad(integrand, -12, 8, epsabs=1e-14, limit=200)[0]
    assert found == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize(
    ("prior", "family"), [(Zipf(alpha=1, size=3000), "Zipf"), (LogNormal(sigma=1.5, size=3000), "LogNormal")], ids=repr
)
def test_planted_prior_is_found_again(prior, family):
    """Seed 11; z = 5 on the mean of five estimates over their reported error, whose own size is checked."""
    rng = np.random.default_rng(11)
    z, p_values = [], []
    for _ in range(5):
        p = prior.sample(rng, (prior.size,))
        found = fit(rng.multinomial(8000, p / p.sum()), family)
        name = next(iter(found.parameters))
        z.append((found.parameters[name].value - getattr(prior, name)) / found.parameters[name].stderr)
        p_values.append(found.goodness.p_value)
    assert abs(np.mean(z)) < 5 / np.sqrt(5)
    assert 0.04 < np.mean(np.square(z)) < 4.1  # chi square of 5 degrees: 1 in 10^3 either side
    assert np.mean(p_values) > 0.5 - 5 * np.sqrt(1 / 12 / 5)
    wrong = fit(rng.multinomial(20_000, p / p.sum()), "Geometric")  # negative control
    assert wrong.goodness.p_value < 1e-3


def test_size_has_no_upper_end_where_a_list_goes_on_unseen():
    p = Zipf(alpha=2, size=10**6).entries()
    found = fit(np.random.default_rng(0).multinomial(3000, p / p.sum()), "Zipf")
    assert found.intervals["size"][1] == np.inf
    assert found.intervals["size"][0] > found.seen
    low, high = found.intervals["alpha"]
    assert low < 2 < high


def test_table_puts_the_true_family_first():
    rng = np.random.default_rng(3)
    p = Zipf(alpha=1, size=3000).sample(rng, (3000,))
    frame = table(rng.multinomial(8000, p / p.sum()), ("Zipf", "Geometric", "Uniform"))
    assert frame["family"].iloc[0] == "Zipf"
    assert frame["aic_difference"].iloc[0] == 0
    assert frame["p_value"].iloc[0] > 0.01
    assert (frame["p_value"].iloc[1:] < 1e-3).all()


@pytest.mark.kernels
def test_bins_hold_every_subpopulation_and_probabilities_sum_to_one():
    counts = Counts.of(np.random.default_rng(0).zipf(1.8, 3000))
    bins = Bins.of(counts)
    assert bins.number.sum() == counts.seen
    log_none, p = bins.probability(Zipf(alpha=1.2, size=9000), 3.0)
    assert np.exp(log_none) + p.sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("bad", [[1.5, 2], [-1, 3], [np.nan, 2], [0, 0, 3], ["a"]], ids=str)
def test_counts_that_are_none_are_named(bad):
    with pytest.raises(ArgumentError, match="counts"):
        fit(bad)


@pytest.mark.parametrize("counts", [[1] * 40, [4] * 40], ids=["once", "four times"])
def test_counts_that_are_all_alike_are_refused(counts):
    with pytest.raises(ArgumentError, match="give counts that differ"):
        fit(counts, "Uniform")


def test_unknown_family_is_named():
    with pytest.raises(ArgumentError, match="family: got Zeta"):
        table([1, 2, 3], ["Zipf", "Zeta"])
    with pytest.raises(ArgumentError, match="family"):
        fit([1, 2, 3], "Zeta")


@pytest.mark.parametrize("level", [0.5, 0.8])
def test_intervals_are_as_wide_as_their_level_asks(level: float) -> None:
    """Of a normal estimate: z(level) standard errors either side."""
    counts = np.random.default_rng(3).multinomial(20_000, 1 / np.arange(1, 3001) / (1 / np.arange(1, 3001)).sum())
    found = fit(counts, "Zipf", level=level)
    low, high = found.intervals["alpha"]
    z = (np.log(high) - np.log(low)) / (2 * found.parameters["alpha"].stderr / found.parameters["alpha"].value)
    assert z == pytest.approx(stats.norm.ppf((1 + level) / 2), rel=0.02)


def test_the_likelihoods_own_intervals_keep_the_level_of_the_fit() -> None:
    counts = np.array([1] * 60 + [2] * 20 + [3] * 9 + [5] * 7 + [12] * 4)
    rough = fits(counts, ["Uniform"], level=0.5)[0]
    found = profiled(counts, rough)
    assert not rough.sharp
    assert found == fit(counts, "Uniform", level=0.5)
    assert found.level == rough.level == 0.5


def test_counts_may_stand_in_a_column_or_a_row_and_be_objects() -> None:
    counts = [3, 1, 1, 1, 0]
    one = Counts.of(counts)
    frame = pd.DataFrame({"count": counts})
    for given in (np.array([counts]), frame, frame.to_numpy(), frame["count"].astype(object), frame.astype("Int64")):
        same = Counts.of(given)
        assert (same.times.tolist(), same.number.tolist()) == (one.times.tolist(), one.number.tolist())
