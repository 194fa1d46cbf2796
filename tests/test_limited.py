"""What a limit costs where subsets teach: against the exact error, against what memorizers do, and against a simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from empirical.estimates.noise import SubsetNoise
from longtail import Problem, Zipf, exact
from longtail.experiment import limited
from longtail.experiment import predictions as predicted
from longtail.experiment.coupling import Beta, Fixed
from longtail.learners import Forget, Learner, Limited, Memorizer, Private

PROBLEM = Problem(Zipf(alpha=1.0, size=300), n=400, n_classes=10)
LEARNERS: tuple[Learner, ...] = (Memorizer(), Forget(1), Limited(0.4), Limited(0.05), Private(1.0, 1e-5), Private(3.0))
EDGES = np.array([0.05, 0.3, 0.6])


@pytest.mark.parametrize("learner", LEARNERS, ids=repr)
def test_where_every_example_teaches_it_is_the_exact_error(learner: Learner) -> None:
    found = limited.error(PROBLEM, Fixed(1.0), learner)
    assert found == pytest.approx(exact.error(PROBLEM, learner).value, rel=1e-8)


def test_of_a_memorizer_it_is_what_is_predicted_of_test_errors() -> None:
    for coupling in (Fixed(0.6), Beta(2.0, 1.0)):
        want = predicted.error_against_samples(PROBLEM, coupling, [PROBLEM.n])["error"].iloc[0]
        assert limited.error(PROBLEM, coupling, Memorizer()) == pytest.approx(want, rel=2e-5)


def test_expectations_over_what_teaches_are_sums_of_a_binomial_law() -> None:
    table, c, q = np.array([0.9, 0.5, 0.3, 0.2]), np.array([0.0, 1.0, 5.0, 40.0]), np.array([0.0, 0.3, 1.0])
    for i, n in enumerate(c.astype(int)):
        for j, p in enumerate(q):
            law = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
            want = sum(chance * table[min(k, 3)] for k, chance in enumerate(law))
            assert limited.taught(table, c, q)[i, j] == pytest.approx(want, abs=1e-13)


def test_memorizers_lose_nothing_in_any_bin() -> None:
    found = limited.by_memorization(PROBLEM, Beta(1.0, 1.0), [Memorizer()], EDGES, SubsetNoise(200, 0.7))
    np.testing.assert_allclose(found[["in_lost", "out_lost"]], 0, atol=1e-12)
    assert found["share"].sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("learner", [Limited(0.3), Private(1.0)], ids=repr)
def test_bins_are_those_of_a_simulated_experiment(learner: Learner) -> None:
    """Data sets drawn from the model, J and all; z = 5, with the spread of z checked; another γ is told apart (control)."""
    rng, coupling, noise, r = np.random.default_rng(0), Beta(1.5, 1.0), SubsetNoise(60, 0.7), 0.7
    sums = np.array([_data_set(rng, coupling, noise, learner, r) for _ in range(300)])
    count = sums[:, 0].mean(0)
    found = limited.by_memorization(PROBLEM, coupling, [learner, Limited(0.9)], EDGES, noise)
    own, other = found[found["learner"] == repr(learner)], found[found["learner"] == "Limited(gamma=0.9)"]
    z = []
    for k, name in ((1, "in_lost"), (2, "out_lost")):
        ratio = sums[:, k].mean(0) / count
        stderr = (sums[:, k] - ratio * sums[:, 0]).std(0, ddof=1) / count / math.sqrt(len(sums))
        z.append((own[name].to_numpy() - ratio) / stderr)
        assert np.abs((other[name].to_numpy() - ratio) / stderr).max() > 5
    assert np.abs(z).max() < 5
    assert np.mean(np.square(z)) < 1 + 5 * math.sqrt(2 / 8)
    share = sums[:, 0] / PROBLEM.n
    assert (np.abs(share.mean(0) - own["share"]) < 5 * share.std(0) / math.sqrt(len(sums))).all()


def _data_set(rng: np.random.Generator, coupling: Beta, noise: SubsetNoise, learner: Learner, r: float) -> np.ndarray:
    """Of one data set: (examples, lost where trained on, lost where held out) by bin."""
    size, guess = PROBLEM.prior.size, PROBLEM.guess
    p = rng.permutation(1 / np.arange(1, size + 1.0))[rng.integers(0, size, size)]
    c = rng.multinomial(PROBLEM.n, p / p.sum())
    lam = coupling.sample(rng, size)
    copies, strength = np.repeat(c, c), np.repeat(lam, c)
    true = guess * (1 - r * strength) ** (copies - 1)
    place = np.digitize(noise.draw(true, rng), EDGES)
    table, _ = exact.scored.by_count(learner, PROBLEM.n_classes, PROBLEM.n)
    taught = rng.binomial(copies - 1, r * strength)
    inside, out = (table[np.minimum(taught + k, len(table) - 1)] for k in (1, 0))
    values = (np.ones(len(true)), inside, out - np.where(taught == 0, guess, 0.0))
    return np.array([np.bincount(place, weights=v, minlength=len(EDGES) + 1) for v in values])
