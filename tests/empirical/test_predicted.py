"""Predicted curves against a second derivation each: brute trials of the learner itself, and data sets drawn from the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from empirical.data.sources import planted as planted_data
from empirical.estimates.noise import SubsetNoise, above
from longtail import ArgumentError, Gamma, LogNormal, Problem, TwoLevel, Uniform, Zipf, exact
from longtail.experiment import occupancy as solved
from longtail.experiment import predictions as predicted
from longtail.experiment.coupling import Beta, Coupling, Fixed
from longtail.experiment.pairs import pairs_above
from longtail.experiment.predictions import error_against_samples, influence, memorization, removal, share_above

PROBLEM = Problem(Zipf(alpha=0.8, size=3000), 5000, 10)
SEED = 5
THETA = np.array([0.05, 0.25, 0.5, 0.85])


@pytest.mark.kernels
def test_lookup_table_gives_the_published_curve():
    np.testing.assert_allclose(memorization([1, 2, 3], 1.0, 10), [0.9, 0.27, 0.081])
    copies = np.array([1, 2, 5, 40])
    np.testing.assert_allclose(
        memorization(copies, 1.0, 10, 0.7, n=1000), planted_data.memorization(copies, 1000, 10, m=700), rtol=1e-9
    )


@pytest.mark.parametrize("fixed_size", [False, True])
@pytest.mark.parametrize(("copies", "strength"), [(1, 0.4), (2, 1.0), (3, 0.5), (6, 0.2)])
def test_memorization_and_influence_of_a_learner_that_is_simulated(copies, strength, fixed_size):
    """Subsets, teachers and guesses drawn one by one; z = 5, seed 1. A lone copy less is the negative control."""
    rng = np.random.default_rng(1)
    trials, n, rate, labels = 60_000, 30, 0.7, 10
    drawn = rng.random((trials, n))
    masks = drawn.argsort(1) < round(rate * n) if fixed_size else drawn < rate
    teaches = rng.random((trials, copies)) < strength
    others = (masks[:, 1:copies] & teaches[:, 1:]).any(1)
    guess = rng.random(trials) < 1 / labels
    right = masks[:, 0] | others | guess
    test_right = (masks[:, :copies] & teaches).any(1) | guess
    size = n if fixed_size else None
    for outcome, truth in (
        (right, memorization(copies, strength, labels, rate, n=size)),
        (test_right, influence(copies, strength, labels, rate, n=size)),
    ):
        inside = masks[:, 0]
        estimate = outcome[inside].mean() - outcome[~inside].mean()
        stderr = np.sqrt(sum(outcome[w].var() / w.sum() for w in (inside, ~inside)))
        assert abs(estimate - truth) < 5 * stderr + 1e-12
    wrong = memorization(copies + 1, strength, labels, rate, n=size)
    estimate = right[masks[:, 0]].mean() - right[~masks[:, 0]].mean()
    assert abs(estimate - wrong) > 5 * right[~masks[:, 0]].std() / np.sqrt((~masks[:, 0]).sum())


@pytest.fixture(scope="module", params=[Fixed(0.6), Beta(2, 1), Beta(2, 1, steady=1), Beta(2, 1, steady=0.6)], ids=repr)
def drawn(request):
    """Sixty data sets of the model (seed 3): coupling, and per data set shares above, losses, error and pairs."""
    coupling, rng, rows = request.param, np.random.default_rng(3), []
    for _ in range(60):
        p = PROBLEM.prior.sample(rng, (PROBLEM.prior.size,))
        d = p / p.sum()
        c = rng.multinomial(PROBLEM.n, d)
        lam = coupling.sample(rng, len(c))
        mem, infl = (f(np.maximum(c, 1), lam, PROBLEM.n_classes) for f in (memorization, influence))
        wrong = coupling.tops(PROBLEM.n_classes, rng, len(c))  # chance of a wrong guess
        mem, infl = mem * wrong / PROBLEM.guess, infl * wrong / PROBLEM.guess
        share = np.array([(c * (mem >= t)).sum() / PROBLEM.n for t in THETA])
        error = (wrong * d * (1 - lam) ** c).sum()
        lost = [(wrong * d * (1 - lam) ** np.where(mem < t, c, 0)).sum() - error for t in THETA]
        random = [(wrong * d * (1 - lam) ** rng.binomial(c, 1 - s)).sum() - error for s in share]
        hit = (infl >= 0.15) & (mem >= 0.25)
        pairs = [1000 * (d * c * hit).sum(), 1000 * (d * hit * (c > 0)).sum(), 1000 * (d * hit * (c == 1)).sum()]
        rows.append(np.concatenate([share, lost, random, [error], pairs]))
    return coupling, np.array(rows)


def test_curves_are_the_means_over_data_sets_of_the_model(drawn):
    coupling, rows = drawn
    curve = removal(PROBLEM, coupling, THETA)
    pairs = pairs_above(PROBLEM, coupling, 0.15, 1000, memorized=0.25)
    error = error_against_samples(PROBLEM, coupling, [PROBLEM.n])["error"].iloc[0]
    predicted = np.concatenate(
        [
            share_above(PROBLEM, coupling, THETA),
            curve["lost"],
            curve["lost_random"],
            [error],
            pairs[["pairs", "tests", "single"]].iloc[0],
        ]
    )
    z = (predicted - rows.mean(0)) / (rows.std(0, ddof=1) / np.sqrt(len(rows)))
    assert (np.abs(z) < 5).all()
    np.testing.assert_allclose(curve["removed_share"], predicted[:4], rtol=0.01)


def test_negative_control_another_coupling_is_told_apart(drawn):
    _, rows = drawn
    other = share_above(PROBLEM, Fixed(0.3), THETA)
    z = (other - rows.mean(0)[:4]) / (rows.std(0, ddof=1)[:4] / np.sqrt(len(rows)))
    assert np.abs(z).max() > 5


def test_noise_moves_shares_as_binomial_estimates_do():
    """Pr[estimate ≥ θ] evened out over the number of times held out, against binomials with random h; z = 5, seed 2."""
    rng = np.random.default_rng(2)
    for memorized in (0.02, 0.3, 0.9):
        held_out = rng.binomial(200, 0.3, size=200_000)
        estimate = rng.binomial(held_out, memorized) / held_out
        for theta in (0.05, 0.25, 0.3, 0.85, 0.95):
            share = (estimate >= theta).mean()
            stderr = np.sqrt(max(share * (1 - share), 1e-6) / 200_000)
            assert abs(above(np.array([theta]), np.array([memorized]), 60.0)[0, 0] - share) < 5 * stderr + 0.012


@pytest.mark.kernels
def test_everybody_is_above_nothing_and_nobody_above_a_guess():
    share = share_above(PROBLEM, Beta(), [0, 0.9, 0.91])
    assert share[0] == pytest.approx(1, abs=1e-5)
    assert share[1] == pytest.approx(exact.singleton_fraction(PROBLEM).value, abs=1e-12)
    assert share[2] == 0


@pytest.mark.kernels
@pytest.mark.parametrize(
    "problem", [PROBLEM, Problem(Gamma(shape=2, size=900), 5000, 10), Problem(Zipf(alpha=2, size=50), 40, 2)], ids=repr
)
def test_occupancy_holds_every_sample_and_all_the_mass(problem):
    seen = solved.occupancy(problem)
    assert seen.examples.sum() == pytest.approx(1, abs=1e-6)
    assert seen.mass.sum() == pytest.approx(1, abs=1e-6)
    assert seen.mass[0] == pytest.approx(exact.unseen_mass(problem).value, rel=1e-9)
    samples = exact.samples(problem, [1, 2, 37]).value / problem.n
    np.testing.assert_allclose(seen.examples[[1, 2, 37]], samples, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize(
    "problem",
    [
        PROBLEM,
        Problem(Gamma(shape=0.1, size=900), 5000, 10),
        Problem(Zipf(alpha=2, size=50), 40, 2),
        Problem(Zipf(alpha=1.5, size=40_000), 20_000, 10),
        Problem(LogNormal(sigma=40, size=300), 2000, 10),
        Problem(TwoLevel(common=400, rare=40_000, ratio=1e-3), 10_000, 10),
        Problem(Zipf(alpha=1, size=500), 3000, 10, "fixed"),
        Problem(Uniform(size=1), 40, 10),
    ],
    ids=repr,
)
def test_what_is_smooth_in_copies_is_summed_without_telling_all_of_them_apart(problem):
    """Up to thirty copies one by one; beyond, what examples and masses are worth where copies count as a power. With a coarser
    lattice both are off (negative control, below).
    """
    sharp, blurred = solved.occupancy(problem), solved.smooth(problem)
    dense = min(problem.n, solved.DENSE) + 1
    np.testing.assert_allclose(blurred.examples[:dense], sharp.examples[:dense], rtol=2e-6, atol=5e-9)
    np.testing.assert_allclose(blurred.mass[:dense], sharp.mass[:dense], rtol=2e-6, atol=5e-9)
    assert blurred.examples.sum() == pytest.approx(1, abs=1e-8)
    assert blurred.mass.sum() == pytest.approx(1, abs=1e-8)
    assert len(blurred.copies) < 120
    for lam in (0.3, 0.1, 0.03):
        kept = [(s.examples @ (1 - lam) ** s.copies, s.mass @ (1 - lam) ** s.copies) for s in (sharp, blurred)]
        np.testing.assert_allclose(kept[1], kept[0], atol=1e-4)


def test_negative_control_a_coarse_lattice_is_seen():
    fine, coarse = (solved.smooth(PROBLEM, spacing).examples[1:31] for spacing in (solved.SPACING, 0.5))
    assert np.abs(coarse / fine - 1).max() > 2e-6


@pytest.mark.kernels
def test_complete_coupling_has_the_optimal_error_of_the_theory():
    error = error_against_samples(PROBLEM, Fixed(1.0), [PROBLEM.n])["error"].iloc[0]
    assert error == pytest.approx(exact.optimal_error(PROBLEM).value, rel=1e-9)


def test_pairs_counted_from_few_models_with_those_that_pass_by_chance() -> None:
    """Data sets of the model, 100 models each, whose influences are estimated: most pairs found are false."""
    rng = np.random.default_rng(SEED)
    problem, rate, trials, tests = Problem(Zipf(alpha=0.7, size=600), 500, 5), 0.7, 100, 300
    for coupling, memorized in ((Fixed(1.0), 0.0), (Beta(1, 1), 0.25)):
        found = [_found(problem, coupling, rng, tests, rate, trials, memorized) for _ in range(8)]
        partners = float(np.mean([counts[-1] for counts in found]))
        seen, error = np.mean(found, 0)[:4], np.std(found, 0, ddof=1)[:4] / np.sqrt(len(found))
        noise = SubsetNoise(trials, rate)
        theory = pairs_above(problem, coupling, 0.15, tests, memorized=memorized, noise=noise, partners=partners)
        theory = theory[["pairs", "tests", "single", "false"]].iloc[0]
        assert (abs(theory - seen) < 5 * error + 0.05 * seen).all()  # the tail is not quite normal
        exact = pairs_above(problem, coupling, 0.15, tests, rate, memorized).iloc[0]
        assert exact["pairs"] < seen[0] - 5 * error[0]
        assert exact["false"] == 0
        many = replace(noise, models=10**7)
        told = pairs_above(problem, coupling, 0.151, tests, memorized=memorized, noise=many, partners=partners).iloc[0]
        true = pairs_above(problem, coupling, 0.151, tests, rate, memorized).iloc[0]
        assert told["pairs"] == pytest.approx(true["pairs"], rel=0.02)


def _found(
    problem: Problem,
    coupling: Coupling,
    rng: np.random.Generator,
    tests: int,
    rate: float,
    trials: int,
    memorized: float,
) -> list[float]:
    """Pairs, tests, single, false ones and partners, in one data set of the model."""
    size, n, labels = problem.prior.size, problem.n, problem.n_classes
    frequency = problem.prior.sample(rng, (size,))
    own, theirs = (rng.choice(size, k, p=frequency / frequency.sum()) for k in (n, tests))
    strength, label = coupling.sample(rng, size), rng.integers(0, labels, size)
    inside = rng.random((trials, n)) < rate
    included = np.stack([np.bincount(own[row], minlength=size) for row in inside])

    def right(subpopulations: np.ndarray) -> np.ndarray:
        untaught = (1 - strength[subpopulations]) ** included[:, subpopulations]
        return rng.random(untaught.shape) < 1 - (1 - 1 / labels) * untaught

    scores = right(theirs)
    value = np.stack([scores[inside[:, i]].mean(0) - scores[~inside[:, i]].mean(0) for i in range(n)])
    same = label[own][:, None] == label[theirs]
    hit = (value >= 0.15) & same & (1 - np.ma.masked_array(right(own), inside).mean(0) >= memorized)[:, None]
    each = hit.sum(0)
    false = (hit & (own[:, None] != theirs)).sum()
    return [float(v) for v in (each.sum(), (each > 0).sum(), (each == 1).sum(), false, same.sum() / tests)]


@pytest.mark.parametrize("coupling", [Fixed(0.7), Fixed(1.0, steady=0.6), Beta(20, 8)], ids=repr)
def test_what_is_removed_is_what_is_estimated_to_be_memorized(coupling):
    """The share removed against the share estimated above the threshold; without noise it is another (negative control)."""
    removed = removal(PROBLEM, coupling, THETA, noise=SubsetNoise(100))["removed_share"]
    np.testing.assert_allclose(removed, share_above(PROBLEM, coupling, THETA, noise=SubsetNoise(100)), rtol=1e-3)
    exact = removal(PROBLEM, coupling, THETA)["removed_share"]
    assert np.abs(exact / removed - 1).max() > 0.05


def test_errors_of_predictions_are_how_far_they_move_between_data_sets() -> None:
    """The fit of each of many data sets predicts the loss from removal anew."""
    from empirical.bridge.comparison import foretell
    from empirical.bridge.fit import fit, planted

    problem, coupling = Problem(Zipf(alpha=0.8, size=600), 1000, 10), Fixed(1.0)
    noise = SubsetNoise(1000)
    lost, error = [], []
    for seed in range(12):
        values = planted(problem, coupling, noise, np.random.default_rng([SEED, seed]))[1]
        table = foretell(fit(values, 10, noise, "Zipf", "lookup", simulations=30), [0.25])
        lost.append(table["lost"][0])
        error.append(table["lost_stderr"][0])
    truth = removal(problem, coupling, [0.25], noise=noise)["lost"][0]
    z = (np.array(lost) - truth) / error
    assert abs(z.mean()) < 5 / np.sqrt(12)
    assert 0.6 < z.std(ddof=1) < 1.5  # 1 ± .2


@pytest.mark.parametrize("coupling", [Fixed(0.7), Fixed(0.7, steady=0.4), Beta(0.5, 0.4, steady=1)], ids=repr)
def test_blocks_of_copies_are_fine_enough(coupling, monkeypatch):
    """Against every number of copies by itself; two blocks of all from two on are off."""
    problem = Problem(Zipf(alpha=1.2, size=15_000), 50_000, 10)

    def curves():
        pairs = pairs_above(
            problem, coupling, [0.02, 0.15], 1000, memorized=0.1, noise=SubsetNoise(2000), partners=100.0
        )
        lost = removal(problem, coupling, [0.05, 0.25], noise=SubsetNoise(2000))
        return np.concatenate([pairs[["pairs", "tests", "single"]], lost.drop(columns="threshold")], axis=1)

    coarse = curves()
    monkeypatch.setattr(predicted, "smooth", solved.occupancy)
    np.testing.assert_allclose(coarse, curves(), rtol=3e-3)
    whole = solved.occupancy(problem)
    two = np.array([0, 1, 2, 40])  # where numbers of copies are taken together
    subpopulations, total, mass = (
        np.add.reduceat(x, two) for x in (whole.subpopulations, whole.copies * whole.subpopulations, whole.mass)
    )
    rough = solved.Occupancy(total / subpopulations, subpopulations, mass, problem.n)
    monkeypatch.setattr(predicted, "smooth", lambda _, dust=0.0: rough)
    assert np.abs(curves() / coarse - 1).max() > 3e-3


@pytest.mark.kernels
def test_guesses_have_the_law_that_is_drawn():
    """Mean and spread against a Beta law's draws, z = 5; the ends are the fresh guess and the steady one."""
    for labels in (2, 10, 1000):
        for steady in (0.01, 0.3, 0.7, 0.999):
            tops, shares = Fixed(1.0, steady).guesses(labels)
            wrong = 1 - 1 / labels
            assert shares.sum() == pytest.approx(1)
            assert shares @ tops == pytest.approx(wrong)
            drawn = Fixed(1.0, steady).tops(labels, np.random.default_rng(6), 200_000)
            assert abs(drawn.mean() - wrong) < 5 * drawn.std() / np.sqrt(200_000)
            spread = (drawn - wrong) ** 2
            assert spread.mean() == pytest.approx(steady * wrong / labels, abs=5 * spread.std() / np.sqrt(200_000))
            assert shares @ (tops - wrong) ** 2 == pytest.approx(steady * wrong / labels, abs=1e-3)
        for steady, same in ((1e-9, 0.0), (1 - 1e-9, 1.0)):
            near, weight = Fixed(1.0, steady).guesses(labels)
            for power in (1, 2, 3):
                tops, shares = Fixed(1.0, same).guesses(labels)
                assert weight @ near**power == pytest.approx(shares @ tops**power, abs=1e-3)
    with pytest.raises(ArgumentError, match="steady"):
        Beta(1, 1, steady=1.5)
