"""Memorization, influence, their errors, false discoveries and plans against dense oracles, enumeration and published
numbers.

Statistical tests: seed 17, z = 5.
"""

from dataclasses import replace
from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy import stats

from empirical.designs import Bernoulli, Fixed, Orthogonal
from empirical.estimates.cells import Cells
from empirical.estimates.false_pairs import discoveries, expected_false, hypergeometric, threshold_for
from empirical.estimates.halves import agreement, halves
from empirical.estimates.influence import counted_pairs, influence, influence_pairs, pair_cells, stream
from empirical.estimates.memorization import memorization, memorization_cells
from empirical.estimates.orthogonal_errors import arrays
from empirical.estimates.pairing import Pairing
from empirical.estimates.planning import plan, stderr
from empirical.training.job import Job
from empirical.training.run import run
from empirical.training.trials import Trials
from longtail.core import ArgumentError
from longtail.core.intervals import wilson
from tests.empirical.nearest import Nearest, blobs

pytestmark = pytest.mark.kernels

SEED = 17


@pytest.fixture(scope="module")
def trials(data):
    return run(Job(data, Nearest(), Fixed(0.7), seed=SEED), 400)


def oracle(m, f):
    """Everything by the definition, example by example."""
    out = np.full((m.shape[1], f.shape[1]), np.nan)
    error = out.copy()
    for i in range(m.shape[1]):
        a, b = f[m[:, i]].astype(float), f[~m[:, i]].astype(float)
        if len(a) and len(b):
            out[i] = a.mean(0) - b.mean(0)
        if len(a) > 1 and len(b) > 1:
            error[i] = np.sqrt(a.var(0, ddof=1) / len(a) + b.var(0, ddof=1) / len(b))
    return out, error


@pytest.mark.parametrize("score", ["correct", "loss"])
def test_estimates_are_the_definition(trials, data, score):
    m, a, b = trials.masks(), trials.train_scores(), trials.test_scores()
    if score == "loss":
        rng = np.random.default_rng(SEED)
        a, b = ((v + rng.normal(size=v.shape)).astype(np.float32) for v in (a, b))
        trials = Trials.of(m, a, b, score="loss")
    value, error = oracle(m, b)
    value = -value if score == "loss" else value  # of a loss, what it falls by
    frame = influence_pairs(trials, Pairing(data.y_train, data.y_test, 0.05))
    hit = (value >= 0.05) & (data.y_train[:, None] == data.y_test)
    assert len(frame) == hit.sum() > 20
    i, j = frame["train_index"], frame["test_index"]
    assert frame["influence"].to_numpy() == pytest.approx(value[i, j], abs=1e-5)
    assert frame["stderr"].to_numpy() == pytest.approx(error[i, j], abs=1e-5)
    assert (frame["label"] == data.y_train[i]).all()
    assert frame["influence"].is_monotonic_decreasing
    assert influence(trials, slice(3, 9)) == pytest.approx(value[:, 3:9], abs=1e-5)
    everything = counted_pairs(trials, Pairing(data.y_train, data.y_test, -2.0, same_class=False))
    assert len(everything) == data.n * data.n_test
    own, own_error = (np.diag(v) for v in oracle(m, a))
    own = -own if score == "loss" else own
    table = memorization(trials, data.y_train)
    assert table["memorization"].to_numpy() == pytest.approx(own, abs=1e-5)
    assert table["stderr"].to_numpy() == pytest.approx(own_error, abs=1e-5)
    gain = (table["in_accuracy"] - table["out_accuracy"]).to_numpy()
    assert gain == pytest.approx(-own if score == "loss" else own, abs=1e-5)
    assert (table["low"] <= table["memorization"]).all()
    assert (table["high"] >= table["memorization"]).all()


def test_streams_hold_the_hits_alone(trials, data):
    parts = list(stream(trials, Pairing(data.y_train, data.y_test, 0.1)))
    assert sum(len(p) for p in parts) == len(counted_pairs(trials, Pairing(data.y_train, data.y_test, 0.1)))
    assert len(counted_pairs(trials, Pairing(data.y_train, data.y_test, 2.0))) == 0
    assert len(influence_pairs(trials, Pairing(data.y_train, data.y_test, 1.0))) == 0


def test_never_in_or_never_out_is_nan_and_counted():
    masks = np.random.default_rng(SEED).random((50, 6)) < 0.5
    masks[:, 0], masks[:, 1] = True, False
    trials = Trials.of(masks, masks, masks)
    table = memorization(trials)
    assert table["memorization"].isna().tolist() == [True, True] + [False] * 4
    assert table["stderr"].isna().sum() == table["low"].isna().sum() == 2
    assert table["n_out"][0] == table["n_in"][1] == 0
    pairs = influence_pairs(trials, Pairing(np.zeros(6, int), np.zeros(6, int), -0.99))
    assert not pairs["train_index"].isin([0, 1]).any()
    assert np.isnan(pair_cells(trials, [0, 1], [3, 3]).value).all()


def test_intervals_hold_the_truth():
    rng = np.random.default_rng(SEED)
    p, q, inside, outside, times = 0.95, 0.7, 70, 30, 20_000
    a, b = rng.binomial(inside, p, times), rng.binomial(outside, q, times)
    cells = Cells.of_sums(inside + outside, np.full(times, inside), a, a + b)
    low, high = cells.interval(0.95)
    cover = ((low <= p - q) & (p - q <= high)).mean()
    assert abs(cover - 0.95) < 0.01
    wald = abs(cells.value - (p - q)) <= 1.96 * cells.stderr
    assert wald.mean() < cover
    certain = Cells.of_sums(20, np.array([14.0]), np.array([14.0]), np.array([14.0]))
    assert certain.stderr == 0
    assert certain.interval()[0] < 0.9 < certain.value == 1.0  # all right in, none out: not certain all the same


def nearest_truth(data, p):
    """Bernoulli(p) influence of one nearest neighbor, in closed form: chances of being right, in and out."""
    order = ((data.x_test[:, None] - data.x_train) ** 2).sum(-1).argsort(1, kind="stable")
    infl, later = np.zeros((data.n, data.n_test)), np.zeros(data.n_test)
    for s in range(data.n - 1, -1, -1):
        i = order[:, s]
        c = data.y_train[i] == data.y_test
        infl[i, np.arange(data.n_test)] = (1 - p) ** s * (c - later)
        later = p * c + (1 - p) * later
    return later + (1 - p) * infl, later - p * infl


@pytest.mark.parametrize(
    ("design", "low", "high"),
    [
        (Bernoulli(0.75), 0.95, 1.05),
        (Orthogonal(0.75, 256), 0.95, 1.05),
        (Orthogonal(0.5, 128), 0.95, 1.05),
        (Orthogonal(0.75, 256, stratified=True), 0.95, 1.05),
    ],
    ids=repr,
)
def test_standard_errors_are_those_of_the_design(learner, design, low, high):
    """z by the reported standard error, pairs with 20 successes and failures in both cells, has sd near 1."""
    data = blobs(80, 60, 4, 1.5, seed=6)
    t, p = 1024, design.fraction
    q_in, q_out = nearest_truth(data, p)
    many = (np.minimum(q_in, 1 - q_in) * t * p > 20) & (np.minimum(q_out, 1 - q_out) * t * (1 - p) > 20)
    i, j = np.nonzero(many)
    truth = (q_in - q_out)[many]
    known = np.sqrt(q_in * (1 - q_in) / (t * p) + q_out * (1 - q_out) / (t * (1 - p)))[many]
    z, plain = [], []
    for seed in range(8):
        cells = pair_cells(run(Job(data, learner, design, seed=SEED + seed), t), i, j, data.y_train)
        z.append((cells.value - truth) / cells.stderr)
        plain.append((cells.value - truth) / known)
    sd = np.sqrt(np.mean(np.square(z)))
    assert low < sd < high
    if not design.iid:  # the control: the formula for independent trials is too wide
        assert np.sqrt(np.mean(np.square(plain))) < 0.95


@pytest.mark.parametrize("design", [Orthogonal(0.75, 64), Orthogonal(0.5, 32)], ids=repr)
@pytest.mark.parametrize("copies", [1, 8])
def test_standard_errors_leave_out_what_arrays_cancel(design, copies):
    """Right where 0, 1 and 2 are all in, or 3 is out with 0: mean squared error and mean variance agree over designs."""
    p, t, times = design.fraction, copies * design.rows, 400
    train, test = np.array([0, 1, 5, 0]), np.array([0, 0, 0, 1])
    truth = np.array([p * p, p * p, 0, -p])
    gap, reported, plain = [], [], []
    for seed in range(times):
        m = design.subsets(SEED + seed, np.arange(t), 12)
        f = np.column_stack([m[:, 0] & m[:, 1] & m[:, 2], ~(m[:, 0] & m[:, 3])])
        cells = pair_cells(Trials.of(m, m, f, design=design), train, test)
        gap.append(cells.value - truth)
        reported.append(cells.stderr)
        plain.append(replace(cells, residual=None).stderr)
    square, claimed, independent = np.square(gap), np.square(reported), np.square(plain)
    spread = 5 * (square - claimed).std(0) / np.sqrt(times)
    assert abs((square - claimed).mean(0))[2] < spread[2]
    assert np.abs(np.array(gap)[:, 3]).max() < 1e-12  # a function of two examples is averaged exactly
    # one array in all is taken from the test point at large, so bars of pairs that it cancels are a little wide
    assert ((claimed - square).mean(0)[:2] > -spread[:2]).all()
    if copies > 1:
        assert ((claimed - square).mean(0) < (independent - square).mean(0) / 2).all()
        assert ((independent - square).mean(0) > spread).all()  # the control: independent trials' formula is too wide


def test_whole_arrays_are_told_from_parts(data, learner):
    whole = run(Job(data, learner, Orthogonal(0.75, 256), seed=SEED), 512)
    assert arrays(whole) is not None
    assert arrays(whole.take(slice(0, 256))) is not None
    assert arrays(whole.take(slice(128, 384))) is None
    assert arrays(whole.take(slice(0, 100))) is None
    assert [h.number[0] for h in halves(whole)] == [0, 256]
    assert np.isfinite(memorization_cells(whole).stderr).all()


def test_the_tail_is_hypergeometric():
    t, inside = 30, 21
    theta = np.array([0.05, 0.15, 0.4, 1.0])
    total = np.arange(t + 1)
    ours = hypergeometric(t, total, inside, theta)
    x = np.arange(t + 1)
    law = stats.hypergeom(t, total[:, None], inside).pmf(x)
    value = x / inside - (total[:, None] - x) / (t - inside)
    for row, level in enumerate(theta):
        assert ours[row] == pytest.approx((law * (value >= level - 1e-12)).sum(1), abs=1e-12)
    assert hypergeometric(4, [2], 2, [1.0])[0, 0] == pytest.approx(1 / comb(4, 2))


def test_expected_false_pairs_are_what_shuffled_trials_give(data, trials):
    """With the masks of one run and the scores of another no pair has influence."""
    theta = np.array([0.06, 0.1])
    counts = []
    for seed in range(12):
        other = run(Job(data, Nearest(), Fixed(0.7), seed=100 + seed), 400)
        null = Trials.of(trials.masks(), other.train_scores(), other.test_scores())
        found = counted_pairs(null, Pairing(data.y_train, data.y_test, 0.06)).influence
        counts.append([(found >= v).sum() for v in theta])
    seen = np.mean(counts, 0)
    expected = expected_false(null, Pairing(data.y_train, data.y_test), theta)
    spread = np.maximum(np.std(counts, 0, ddof=1), np.sqrt(expected)) / np.sqrt(len(counts))
    assert (abs(seen - expected) < 5 * spread).all()
    assert expected[1] < expected[0] / 3
    doubled = expected_false(null, Pairing(data.y_train, data.y_test, same_class=False), theta)
    assert (doubled > 2 * expected).all()


def test_published_numbers_of_false_pairs():
    """Shared theory: 5·10^6 pairs, q uniform, threshold .15: about 1,800 false ones at t = 500, 9 at 1000."""
    t = np.array([500, 1000])
    for k, wanted in zip(t, (1800, 9), strict=True):
        tail = hypergeometric(int(k), np.arange(k + 1), 0.7 * k, [0.15])[0]
        assert 5e6 * tail.mean() == pytest.approx(wanted, rel=0.25)


def test_false_discovery_rate_falls_with_the_threshold(trials, data):
    table = discoveries(trials, Pairing(data.y_train, data.y_test))
    assert table["expected_false"].is_monotonic_decreasing
    assert table["pairs"].is_monotonic_decreasing
    at = threshold_for(trials, Pairing(data.y_train, data.y_test), 0.05)
    row = table.iloc[(table["threshold"] - at).abs().argmin()]
    assert row["false_discovery_rate"] <= 0.05
    assert (table["false_discovery_rate"][table["threshold"] < at - 1e-9] > 0.05).all()
    assert threshold_for(trials, Pairing(data.y_train, data.y_test), 1e-12) > at or np.isnan(
        threshold_for(trials, Pairing(data.y_train, data.y_test), 1e-12)
    )


def test_halves_agree_on_what_is_not_noise(trials, data):
    agreed = agreement(trials, Pairing(data.y_train, data.y_test, 0.1))
    assert 0.5 < agreed.correlation < 1
    assert agreed.reliability > agreed.correlation
    assert 0 < agreed.jaccard <= 1
    noise = np.random.default_rng(SEED)
    m = trials.masks()
    shuffled = Trials.of(m, noise.random(m.shape) < 0.5, noise.random((400, 30)) < 0.5)
    lost = agreement(shuffled, Pairing(data.y_train, data.y_test, 0.1))
    assert abs(lost.correlation) < 5 / np.sqrt(60)
    assert lost.jaccard < 0.2


def test_ends_of_wilsons_interval_are_where_the_proportion_is_z_off():
    """(q − x)² = z² x (1 − x)/n, of which the ends are the two roots x (Wilson 1927)."""
    q, n, z = np.array([0.0, 0.1, 0.5, 0.93, 1.0])[:, None], np.array([5.0, 40.0, 1000.0]), 1.96
    low, high = wilson(q, n, z)
    for x in (low, high):
        np.testing.assert_allclose((q - x) ** 2, z * z * x * (1 - x) / n, atol=1e-15)
    assert (low <= q).all()
    assert (q <= high).all()


def test_plans_are_inverted_by_their_own_numbers():
    assert stderr(100) == pytest.approx(0.109, abs=5e-4)  # arXiv 2008.03703, lemma 2.1, at r = .7
    assert stderr(500) == pytest.approx(0.049, abs=5e-4)
    assert stderr(2000) == pytest.approx(0.0244, abs=5e-4)
    assert stderr(4000) == pytest.approx(0.0173, abs=5e-4)
    one = plan(error=0.02)
    assert one.stderr <= 0.02 < stderr(one.models - 1)
    strong = plan(power=0.9, influence=0.25, threshold=0.15, pairs=5_000_000, false=1.0)
    assert strong.power >= 0.9
    assert strong.expected_false <= 1.001
    powered = plan(power=0.9, influence=0.25, threshold=0.15)
    assert powered.power >= 0.9
    gap = 0.1 / stderr(powered.models)
    assert stats.norm.cdf(gap) == pytest.approx(powered.power)
    assert stats.norm.cdf(0.1 / stderr(powered.models - 1)) < 0.9
    assert plan(error=0.02, factor=2.0).models == pytest.approx(one.models / 2, abs=1)
    for bad in ({}, {"power": 0.9, "influence": 0.1}, {"error": 0.0}, {"error": 0.1, "fraction": 1.0}):
        with pytest.raises(ArgumentError):
            plan(**bad)


def test_every_subset_enumerated(learner):
    """All C(7, 4) subsets once: the estimate is then the quantity itself, and exact."""
    data = blobs(7, 5, 2, 2.0)
    masks = np.zeros((comb(7, 4), 7), bool)
    for row, chosen in enumerate(combinations(range(7), 4)):
        masks[row, list(chosen)] = True
    train, test = learner.prepare(data)(masks, np.arange(len(masks)))
    trials = Trials.of(masks, train, test)
    value = memorization_cells(trials).value
    assert np.allclose(value, np.diag(oracle(masks, train)[0]))
    assert (memorization_cells(trials).n_in == comb(6, 3)).all()


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda t: influence_pairs(t, Pairing(None, None)), "labels"),
        (
            lambda t: influence_pairs(t, Pairing(threshold=15.0, same_class=False)),
            r"threshold: got 15.0; .* lies between -1 and 1",
        ),
        (lambda t: influence_pairs(t, Pairing(threshold=-1.0, same_class=False)), "threshold: got -1.0"),
        (lambda t: agreement(t, Pairing(threshold=15.0, same_class=False)), "threshold: got 15.0"),
        (lambda t: influence_pairs(t, Pairing(np.zeros(5, int), np.zeros(30, int))), "y_train"),
        (lambda t: pair_cells(t, [0], [99]), "0 to 29"),
        (lambda t: pair_cells(t, [0, 1], [2]), "one length"),
        (lambda t: Trials.of(np.ones((3, 4)), np.ones((3, 5)), np.ones((3, 2))), "train"),
        (lambda t: Trials.of(np.ones((3, 4)), np.ones((3, 4)), np.ones((2, 2))), "test"),
        (lambda t: Trials.of(np.ones((3, 4)) * 0.5, np.ones((3, 4)), np.ones((3, 2))), "booleans"),
        (lambda t: Trials.of(np.ones((3, 4)), np.full((3, 4), np.nan), np.ones((3, 2)), score="loss"), "NaN"),
        (
            lambda t: Trials.of(*[np.ones((3, 4))] * 3, score="Loss"),
            "score: got Loss; give one of correct, predicted, prob",
        ),
    ],
)
def test_bad_input_is_refused(trials, make, named):
    with pytest.raises(ArgumentError, match=named):
        make(trials)
