"""Total influence by bin of memorization against planted truth, dense influences, and models that are left out one by one."""

from dataclasses import replace

import numpy as np
import pytest

from empirical.designs import Bernoulli, Fixed, Orthogonal
from empirical.designs.everything import Everything
from empirical.estimates.halves import halves
from empirical.estimates.influence import influence
from empirical.estimates.memorization import memorization_cells
from empirical.estimates.totals import binned, contrast, totals
from empirical.training.trials import Trials
from longtail.core import ArgumentError
from tests.empirical.teachers import Teachers

Z = 5
EDGES = np.array([0.06, 0.21, 0.7])  # the last two are true values of many examples: there chance decides the bin
RUNS = 80


def bins_of(trials):
    return [binned(memorization_cells(part).value, EDGES) for part in halves(trials)]


def truth(planted, bins):
    each = planted.influence.mean(1)
    return np.mean([np.bincount(bin, each, minlength=len(EDGES) + 1) for bin in bins], axis=0)


def means(value, bin):
    return np.bincount(bin, value, minlength=len(EDGES) + 1) / np.bincount(bin, minlength=len(EDGES) + 1)


def own_memorization(trials, bins):
    """Of each bin by the half that chose it."""
    return np.mean(
        [means(memorization_cells(part).value, bin) for part, bin in zip(halves(trials), bins, strict=True)], axis=0
    )


def deviations(design, t):
    """Of many runs: z of each bin, and the same where one half both chooses and measures."""
    planted = Teachers.drawn(design)
    z, same, seen = [], [], []
    for seed in range(RUNS):
        trials = planted.trials(seed, t)
        found, bins = totals(trials, EDGES), bins_of(trials)
        z.append((found.total - truth(planted, bins)) / found.stderr)
        own = contrast(halves(trials)[0], bins[0], len(EDGES) + 1)
        for value, chosen in ((found.memorization, bins), (own_memorization(trials, bins), bins)):
            seen.append(value - np.mean([means(planted.memorization, bin) for bin in chosen], axis=0))
        same.append((own.total - truth(planted, bins[:1])) / np.sqrt(np.diag(own.covariance)))
    return np.array(z), np.array(same), np.array(seen).reshape(RUNS, 2, -1)


@pytest.fixture(scope="module", params=[Bernoulli(0.7), Fixed(0.7)], ids=["bernoulli", "fixed"])
def known(request):
    return deviations(request.param, 240)


def test_what_the_memorized_teach_is_right_on_average_and_so_are_its_errors(known):
    z, _, _ = known
    assert (abs(z.mean(0)) < Z / np.sqrt(RUNS)).all()
    assert abs((z**2).mean() - 1) < Z * np.sqrt(2 / z.size) * 1.5  # bins of one run are not quite independent


def test_bins_that_are_chosen_and_measured_on_the_same_models_are_biased(known):
    _, same, _ = known
    assert same[:, 3].mean() > Z / np.sqrt(RUNS)  # the memorized seem to teach
    assert same[:, 2].mean() < -Z / np.sqrt(RUNS)


def test_memorization_of_a_bin_is_seen_by_the_half_that_did_not_choose_it(known):
    other, own = known[2].transpose(1, 0, 2)
    assert (abs(other.mean(0)) < Z * other.std(0, ddof=1) / np.sqrt(RUNS)).all()
    assert own.mean(0)[3] > Z * own.std(0, ddof=1)[3] / np.sqrt(RUNS)  # the control: who is high by chance stays high


def test_errors_over_arrays():
    """Six whole arrays, three a half, whose errors have two degrees of freedom each: z is Student's, and so is its square."""
    planted = Teachers.drawn(Orthogonal(0.75, 256), sizes=((1, 30), (2, 10), (5, 6)), guesses=(0.2, 0.2))
    z, over_arrays, over_models = [], [], []
    for seed in range(36):
        trials = planted.trials(seed, 6 * 256)
        found, bins = totals(trials, EDGES), bins_of(trials)
        z.append((found.total - truth(planted, bins))[2:] / found.stderr[2:])
        everyone = np.zeros(trials.n, int)
        over_arrays.append(contrast(trials, everyone, 1).covariance)
        over_models.append(contrast(replace(trials, design=None), everyone, 1).covariance)
    inside = np.mean(np.abs(z) < 2.776)  # 95 % of Student's law with four
    assert abs(inside - 0.95) < Z * np.sqrt(0.95 * 0.05 / 72)
    part = planted.trials(0, 256)
    assert np.isnan(totals(part, EDGES).stderr).all()  # one array alone has no error, and says so
    assert np.isnan(totals(part.take(slice(0, 200)), EDGES).stderr).all()
    assert np.mean(over_arrays) < np.mean(over_models) / 2  # the control: arrays cancel what independent trials do not


def test_the_sum_of_dense_influences():
    planted = Teachers.drawn(Fixed(0.5), sizes=((1, 20), (3, 5)), n_test=40)
    trials = planted.trials(1, 60)
    bins = np.arange(planted.n) % 3 - 1
    found = contrast(trials, bins, 2)
    dense = influence(trials, slice(0, 40))
    for bin in range(2):
        assert np.allclose(found.by_test[bin], dense[bins == bin].sum(0), rtol=0, atol=1e-12)
    assert np.allclose(found.total, found.by_test.mean(1), rtol=0, atol=1e-13)
    everyone = contrast(trials, np.zeros(planted.n, int), 1)
    assert abs(everyone.total[0]) < 0.2 * np.sqrt(everyone.covariance[0, 0]) * np.sqrt(planted.n)


def test_leaving_models_out_one_by_one():
    planted = Teachers.drawn(Bernoulli(0.6), sizes=((1, 20), (3, 5)), n_test=40)
    trials = planted.trials(2, 40)
    bins = np.arange(planted.n) % 2
    found = contrast(trials, bins, 2)
    for k in range(trials.count):
        without = contrast(trials.take(np.arange(trials.count) != k), bins, 2)
        assert np.allclose(without.total - found.total, found.moves[k], rtol=0, atol=1e-13)
    arrays = Teachers.drawn(Orthogonal(0.5, 64), sizes=((1, 20), (3, 5)), n_test=40)
    trials = arrays.trials(2, 3 * 64)
    found = contrast(trials, bins, 2)
    for k in range(3):
        without = contrast(trials.take(trials.number // 64 != k), bins, 2)
        assert np.allclose(without.total - found.total, found.moves[k], rtol=0, atol=1e-13)


def test_errors_of_the_test_examples():
    """Test examples drawn anew under the same models: the spread over them is what is said, where models are many."""
    planted = Teachers.drawn(Bernoulli(0.7), n_test=1000)
    alone = planted.memorization > 0.45
    truth = planted.influence[alone].sum(0).var(ddof=1) / 1000
    said, one_half = [], []
    for seed in range(24):
        trials = planted.trials(seed, 400)
        said.append(totals(trials, (0.45,)).covariance_tests[1, 1])
        one_half.append(contrast(halves(trials)[0], np.where(alone, 0, -1), 1).by_test.var(ddof=1) / 1000)
    error = np.std(said, ddof=1) / np.sqrt(24)
    assert abs(np.mean(said) - truth) < Z * error
    assert Z * error < 0.25 * truth
    assert np.mean(one_half) > 1.5 * truth  # the control: the spread of one half's estimates is noise too


def test_a_loss_counts_the_other_way_and_odd_arguments_are_refused():
    planted = Teachers.drawn(Bernoulli(0.7), sizes=((1, 20), (3, 5)), n_test=40)
    trials = planted.trials(2, 40)
    bits = (trials.masks(), trials.train_scores(), trials.test_scores())
    loss = Trials.of(bits[0], *(np.asarray(~part, np.float32) for part in bits[1:]), score="loss")
    one, other = totals(trials, EDGES), totals(loss, EDGES)
    assert np.allclose(one.total, other.total, rtol=0, atol=1e-12)
    assert np.allclose(one.covariance, other.covariance, rtol=0, atol=1e-12)
    for edges in ([], [0.5, 0.2], [[0.1]]):
        with pytest.raises(ArgumentError, match="edges"):
            totals(trials, edges)
    everyone = Trials.of(np.ones((10, 5), bool), np.ones((10, 5), bool), np.ones((10, 4), bool), design=Everything())
    assert totals(everyone, EDGES).examples.sum() == 0
    table = one.table
    assert table["examples"].sum() == planted.n
    assert np.allclose(table["each"] * table["examples"], one.total, rtol=0, atol=1e-12)
