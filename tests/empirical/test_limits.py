"""What limits cost: differences against plain loops, groups dealt at random, and who is a learner's limited twin."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from empirical.bridge.beside import beside
from empirical.data.data import Data
from empirical.data.dataset import Dataset
from empirical.learners.knn.knn import KNN
from empirical.learners.mlp.mlp import MLP
from empirical.learners.private.dpsgd import DPSGD
from empirical.learners.private.output import PrivateRidge, PrivateSoftmax
from empirical.learners.pruned import Pruned
from empirical.learners.ridge.ridge import Ridge
from empirical.learners.softmax.softmax import Softmax
from empirical.limits import losses
from empirical.limits.arms import Arm, arms, private_kind, with_epsilon
from empirical.limits.costs import Groups, costs, observed
from empirical.limits.losses import Pair
from empirical.limits.theory import Theory
from empirical.training.trials import Trials
from longtail import Problem, Zipf
from longtail.core import ArgumentError
from longtail.exact.scored import by_count
from longtail.experiment.coupling import Fixed
from longtail.experiment.limited import error
from longtail.learners import Learner, Limited, Memorizer


def drawn(
    seed: int, models: int, chance_in: np.ndarray, chance_out: np.ndarray, tests: np.ndarray, coins: int
) -> Trials:
    """Trials whose models are right with these chances; one ``seed`` is one set of subsets."""
    masks = np.random.default_rng(seed).random((models, len(chance_in))) < 0.7
    rng = np.random.default_rng(coins)
    train = rng.random(masks.shape) < np.where(masks, chance_in, chance_out)
    return Trials.of(masks, train, rng.random((models, len(tests))) < tests)


@pytest.fixture(scope="module")
def pair() -> Pair:
    """Ten examples memorized and held at half, and ninety that are typical; ten groups of tests that all lose a tenth."""
    out = np.where(np.arange(100) < 10, 0.1, 0.95)
    tests = np.full(300, 0.9)
    return Pair(
        drawn(0, 400, np.ones(100), out, tests, 1),
        drawn(0, 400, np.where(np.arange(100) < 10, 0.55, 0.95), out, tests - 0.1, 2),
    )


def test_losses_are_those_of_plain_loops(pair: Pair) -> None:
    difference, masks = pair.train(), pair.unlimited.masks()
    found, stderr = losses.within(difference[:, :12], masks[:, :12])
    each = [np.mean([difference[t, i] for t in range(400) if masks[t, i]]) for i in range(12)]
    model = [np.mean([difference[t, i] for i in range(12) if masks[t, i]]) for t in range(400) if masks[t, :12].any()]
    assert found == pytest.approx(np.mean(each), abs=1e-6)
    want = math.hypot(np.std(each, ddof=1) / math.sqrt(12), np.std(model, ddof=1) / math.sqrt(len(model)))
    assert stderr == pytest.approx(want, rel=1e-5)


def test_bins_hold_what_was_lost_there(pair: Pair) -> None:
    """z = 5: .45 of those memorized where trained on, nothing where held out; .05 of the others."""
    found = losses.by_memorization(pair, np.array([0.5]))
    for column, want in (("in", (0.05, 0.45)), ("out", (0.0, 0.0))):
        z = (found[f"{column}_lost"] - np.array(want)) / found[f"{column}_stderr"]
        assert np.abs(z).max() < 5
    assert (found["in_lost"] / found["in_stderr"]).min() > 5
    assert found["examples"].tolist() == [90, 10]


def test_who_looks_memorized_by_chance_loses_nothing() -> None:
    """A learner and its twin with other coins: bins by the same models would make it lose (negative control)."""
    out = np.full(2000, 0.5)
    twins = Pair(*(drawn(3, 20, np.ones(2000), out, np.full(9, 0.5), coins) for coins in (4, 5)))
    halved = losses.by_memorization(twins, np.array([0.3, 0.7]))
    assert np.abs(halved["out_lost"] / halved["out_stderr"]).max() < 5
    alike = losses._binned(twins, losses.memorized(twins.unlimited), np.array([0.3, 0.7]))
    assert np.abs(alike["out_lost"] / alike["out_stderr"]).max() > 10


def test_the_error_of_gamma_is_what_it_varies_by() -> None:
    """z = 5 for the mean, and for the mean z² over 100 runs, whose own error is √(2/100); half the error would not pass."""
    out, held = np.where(np.arange(60) < 20, 0.1, 0.95), np.where(np.arange(60) < 20, 0.55, 0.95)
    z = []
    for k in range(100):
        one, other = (
            drawn(k, 60, chance, out, np.full(2, 0.9), 1000 + 2 * k + j) for j, chance in enumerate((np.ones(60), held))
        )
        found = Pair(one, other)
        z.append((losses.gamma(found, 10) - 0.45) / losses.gamma_stderr(found, 10))
    square, own = float(np.mean(np.square(z))), 5 * math.sqrt(2 / 100)
    assert abs(np.mean(z)) < 5 / math.sqrt(100)
    assert abs(square - 1) < own
    assert abs(4 * square - 1) > own
    assert math.isnan(losses.gamma_stderr(found.take(np.arange(3)), 10))


def test_gamma_is_what_is_left_of_memorization(pair: Pair) -> None:
    assert losses.gamma(Pair(pair.unlimited, pair.unlimited), 10) == 0.9
    assert losses.gamma(pair, 10) == pytest.approx(0.9 * 0.45 / 0.9, abs=5 * 0.9 * math.sqrt(0.25 / 10 / 120))
    typical = drawn(0, 40, np.ones(30), np.ones(30), np.ones(3), 1)
    assert math.isnan(losses.gamma(Pair(typical, typical), 10))


def test_other_subsets_are_refused(pair: Pair) -> None:
    other = drawn(9, 400, np.ones(100), np.ones(100), np.ones(300), 1)
    with pytest.raises(ArgumentError, match="one design"):
        Pair(pair.unlimited, other)
    with pytest.raises(ArgumentError):
        Pair(pair.unlimited, replace(pair.unlimited, number=pair.unlimited.number + 1))


def test_groups_dealt_at_random_show_no_disparity_and_one_that_pays_does() -> None:
    """The negative control: p-values of random groups are uniform (z = 5); where one group pays they are the least possible."""
    tests = np.random.default_rng(0).uniform(0.2, 1, 240)
    paid = np.where(np.arange(240) < 24, 0.3, 0.1)
    twin = drawn(1, 60, np.ones(4), np.ones(4), tests, 1)
    found = Pair(twin, drawn(1, 60, np.ones(4), np.ones(4), np.maximum(tests - paid, 0), 2))
    groups = np.arange(240) // 24
    assert losses.disparity(found, groups, dealt=199) == 1 / 200
    rng = np.random.default_rng(5)
    p = np.array([losses.disparity(found, rng.permutation(groups), seed, dealt=99) for seed in range(120)])
    assert abs((p <= 0.1).mean() - 0.1) < 5 * math.sqrt(0.09 / 120)
    assert abs(p.mean() - 0.5) < 5 * math.sqrt(1 / 12 / 120)
    table = losses.by_group(found, groups)
    assert int(table["lost"].to_numpy().argmax()) == 0
    assert (np.abs(table["lost"] - np.minimum(tests, paid).reshape(10, 24).mean(1)) < 5 * table["stderr"]).all()


def test_arms_are_the_nearest_private_and_pruned_learners() -> None:
    found = arms(Ridge(), 1000, 10, private=[1.0], delta=0.0, prune=[0.0, 0.5], others=[MLP(4)])
    assert [arm.kind for arm in found] == ["unlimited", "private", "pruned", "pruned", "other"]
    assert found[1].learner == PrivateRidge(epsilon=1.0, delta=0.0)
    assert found[1].record()["epsilon"] == 1.0
    assert found[3].learner == Pruned(Ridge(), 0.5)
    assert len({arm.folder for arm in found}) == len({arm.name for arm in found}) == 5
    assert with_epsilon(DPSGD(width=0, clip=0.3), 2.0, 1e-6) == DPSGD(width=0, clip=0.3, epsilon=2.0, delta=1e-6)
    assert with_epsilon(PrivateSoftmax(), 2.0, 0.0).epsilon == 2.0


def test_limits_that_make_no_sense_are_refused() -> None:
    for options, said in (
        ({}, "how the learner is to be limited"),
        ({"private": [-1.0]}, "private"),
        ({"private": [0.0]}, "private"),
        ({"prune": [1.0]}, "prune"),
        ({"prune": [-0.1]}, "prune"),
        ({"prune": [0.5, 0.5]}, "twice"),
        ({"private": [1.0], "mechanism": KNN()}, "mechanism"),
    ):
        with pytest.raises(ArgumentError, match=said):
            arms(Ridge(), 1000, 10, delta=0.0, **options)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="no private one"):
        arms(KNN(), 1000, 10, private=[1.0])


def modeled(learner: Learner, members: np.ndarray, tested: np.ndarray, coins: int, share: float = 0.7) -> Trials:
    """Models that err as the theory's learner does, by how many members of a subpopulation their subset holds."""
    masks = np.random.default_rng(0).random((300, len(members))) < share
    size = 1 + max(members.max(), tested.max())
    held = np.array([np.bincount(members[mask], minlength=size) for mask in masks])
    table, _ = by_count(learner, 10, len(members))
    wrong = table[np.minimum(held, len(table) - 1)]
    rng = np.random.default_rng(coins)
    return Trials.of(masks, *(rng.random((300, len(of))) >= wrong[:, of] for of in (members, tested)))


def test_with_models_on_half_as_many_examples_theory_is_fitted_to_more() -> None:
    """At the truth all of it lies within z = 5 of what is predicted; where the half is no half it does not (negative control)."""
    rng = np.random.default_rng(1)
    p = 1 / np.arange(1, 601.0)
    members, tested = (rng.choice(600, count, p=p / p.sum()) for count in (900, 3000))
    data = Data(np.zeros((900, 1)), members % 10, np.zeros((3000, 1)), tested % 10, tuple(range(10)))
    whole = modeled(Memorizer(), members, tested, 10)
    off = []
    for share in (0.35, 0.6):
        half = modeled(Memorizer(), members, tested, 11, share)
        seen = observed(Dataset("drawn", data), whole, 0.7, "Memorizer()", half)
        curve = seen.observed.learning
        assert curve is not None
        assert curve.fraction.tolist() == [0.7, 0.35]
        assert curve.error == pytest.approx([1 - one.test_scores(slice(0, 3000)).mean() for one in (whole, half)])
        aside = beside(replace(seen, experiment=replace(seen.experiment, design="Bernoulli(0.7)")))
        assert aside is not None
        assert aside.words == ("the error at another size", "what examples carry")
        problem = Problem(Zipf(alpha=1, size=600), 900, 10, mode="fixed")
        z = (aside.predicted(problem, Fixed(1.0)) - aside.value) / np.sqrt(np.diag(aside.covariance))
        totals = seen.observed.totals
        assert totals is not None
        off.append(np.abs(z[np.append(True, totals.examples > 5)]).max())  # of a bin without examples there is no error
    assert off[0] < 5 < off[1]
    assert beside(observed(Dataset("drawn", data), whole, 0.7, "Memorizer()")) is None


def test_theory_foretells_who_pays_where_data_are_drawn_from_the_model() -> None:
    """Prior, coupling and γ are all fitted; losses on tests, in bins and by group within z = 5; another γ's are not (control)."""
    rng = np.random.default_rng(1)
    p = rng.permutation(1 / np.arange(1, 601.0))[rng.integers(0, 600, 600)]
    members, tested = (rng.choice(600, count, p=p / p.sum()) for count in (900, 3000))
    copies = np.bincount(members, minlength=600)
    limit = Limited(0.3)
    trials = [modeled(one, members, tested, coins) for coins, one in enumerate((Memorizer(), limit), 10)]
    data = Data(np.zeros((900, 1)), members % 10, np.zeros((3000, 1)), tested % 10, tuple(range(10)))
    seen = observed(Dataset("drawn", data), trials[0], 0.7, "Memorizer()")
    theory = Theory.of(seen, 5)
    kinds = np.where(copies > 20, "common", np.where(copies > 3, "rare", "rarest"))
    groups = Groups(kinds[members], kinds[tested])
    found = costs([Arm("unlimited", KNN()), Arm("other", Ridge())], trials, seen, groups, theory)
    row = found.arms.iloc[1]
    assert row["gamma"] == pytest.approx(0.3, abs=0.03)
    spread = theory.stderr(limit)
    of_error = float(theory.fit.stderr(lambda problem, coupling: np.array(error(problem, coupling, limit, 0.7))))
    assert 0 < spread <= 3 * of_error
    assert row["lost_limited_stderr"] == pytest.approx(spread, rel=0.2)
    assert abs(row["lost"] - row["lost_limited"]) < 5 * math.hypot(row["stderr"], spread)
    assert abs(row["lost"] - theory.lost(Limited(0.05))) > 5 * math.hypot(row["stderr"], spread)
    for name in ("in", "out"):
        off = (found.bins[f"{name}_lost"] - found.bins[f"{name}_predicted"]) / np.hypot(
            found.bins[f"{name}_stderr"], 0.01
        )
        assert np.abs(off).max() < 5
    by_group = found.groups.set_index("group")
    assert by_group["predicted"].idxmax() == by_group["lost"].idxmax() == "rarest"
    assert np.abs(by_group["predicted"] - by_group["lost"]).max() < 0.05 < np.ptp(by_group["lost"]) / 3
    dealt = theory.by_group(limit, rng.permutation(groups.train), ["common", "rare", "rarest"])
    assert np.ptp(dealt) < np.ptp(by_group["predicted"]) / 3
    assert row["disparity_p"] == 0.001


def test_softmax_has_its_own_kind() -> None:
    assert private_kind(Softmax()) == DPSGD(width=0)
    assert private_kind(MLP(7)) == DPSGD(width=7)
