"""Simulated against exact: every quantity, prior and learner; and the run itself: order, stops, memory, interrupts.

Tests reject beyond z = 5 at the seeds stated, ask the standard errors to be right too (mean z² near 1), and each has
negative controls that must be rejected: a shifted truth, a wrong τ, a biased sampler.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from tables import LEARNERS

from longtail import Gamma, LogNormal, Mixture, Prior, Problem, TwoLevel, Uniform, Zipf, exact, montecarlo
from longtail.core import ArgumentError, Estimate, Floats
from longtail.core.arrays import Random
from longtail.learners import Capacity, Forget, Learner, Limited, Memorizer, Private, Seen
from longtail.montecarlo.simulation import Simulation

SEED = 20_200_622
REPEATS, TRIALS = 40, 400
SIZE = 120
PROBLEMS = [
    Problem(Zipf(alpha=0.5, size=SIZE), SIZE),
    Problem(Zipf(alpha=1, size=SIZE), 3 * SIZE),
    Problem(Zipf(alpha=1, size=SIZE), SIZE, mode="fixed"),
    Problem(Zipf(alpha=2, size=SIZE), 40, n_classes=3),
    Problem(Uniform(size=SIZE), SIZE),
    Problem(Gamma(shape=0.4, size=SIZE), SIZE),
    Problem(LogNormal(sigma=1.5, size=SIZE), 60, n_classes=2),
    Problem(TwoLevel(common=10, rare=110, ratio=0.02), SIZE),
    Problem(Mixture(parts=((0.25, Uniform(size=1)), (0.75, Zipf(alpha=1, size=30))), size=SIZE), SIZE),
]


def truth(problem: Problem) -> dict[str, float]:
    """Every quantity, exactly."""
    out: dict[str, float] = {}
    for ell in range(5):
        out[f"seen {ell}"] = exact.subpopulations(problem, ell).value
        out[f"mass {ell}"] = exact.cost(problem, ell).value / problem.guess
        if ell:
            out[f"tau {ell}"] = exact.tau(problem, ell).value
    out["opt"], out["unseen"] = exact.optimal_error(problem).value, exact.unseen_mass(problem).value
    out["singletons"], out["cost"] = exact.singleton_fraction(problem).value, exact.cost(problem).value
    for learner in LEARNERS:
        out[repr(learner)] = exact.error(problem, learner).value
    return out


def readings(found: Simulation) -> dict[str, Estimate]:
    out: dict[str, Estimate] = {}
    for ell in range(5):
        out[f"seen {ell}"], out[f"mass {ell}"] = found.subpopulations(ell), found.mass(ell)
        if ell:
            out[f"tau {ell}"] = found.tau(ell)
    out["opt"], out["unseen"] = found.optimal_error, found.unseen_mass
    out["singletons"], out["cost"] = found.singleton_fraction, found.cost
    return out | {repr(learner): found.error(learner) for learner in LEARNERS}


def simulate(problem: Problem, repeat: int) -> Simulation:
    return montecarlo.run(problem, trials=TRIALS, ells=4, learners=LEARNERS, rng=Random(SEED + repeat), workers=2)


@cache
def deviations(problem: Problem) -> dict[str, Floats]:
    """z of every quantity, in each of REPEATS independent runs; what varies by rounding alone is left out."""
    exactly = truth(problem)
    runs = [readings(simulate(problem, repeat)) for repeat in range(REPEATS)]
    found = {}
    for name, value in exactly.items():
        estimates = [run[name] for run in runs]
        if max(e.stderr for e in estimates) > 1e-7 * abs(value):  # the root of a variance known to 1e-16
            found[name] = np.array([(e.value - value) / e.stderr for e in estimates])
        else:
            np.testing.assert_allclose([e.value for e in estimates], value, rtol=1e-12)
    return found


@pytest.mark.kernels
@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_every_quantity_is_within_five_standard_errors(problem: Problem) -> None:
    z = deviations(problem)
    assert len(z) >= 18
    assert max(np.abs(row).max() for row in z.values()) < 5


def test_standard_errors_are_right_over_the_whole_table() -> None:
    """Mean z² over priors × quantities × runs: 1 within 0.15, about 3 of its own standard deviations."""
    table = np.concatenate([np.stack(list(deviations(problem).values())) for problem in PROBLEMS])
    assert table.shape[0] > 180
    assert abs(np.mean(table**2) - 1) < 0.15
    assert abs(table.mean()) < 0.1
    for quantity in ("seen 1", "mass 0", "tau 1", "cost"):
        rows = np.concatenate([z[quantity] for problem in PROBLEMS if quantity in (z := deviations(problem))])
        assert abs(np.mean(rows**2) - 1) < 5 * np.sqrt(2 / len(rows))


def rejected(z: Any) -> bool:
    return bool(np.abs(z).max() > 5)


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_a_truth_shifted_by_six_standard_errors_is_rejected(problem: Problem) -> None:
    for row in deviations(problem).values():
        assert not rejected(row)
        assert rejected(row - 6)
        assert rejected(row + 6)


def test_a_wrong_tau_is_rejected() -> None:
    """τ of the list taken as it is instead of drawn and normalized; and τ_2 for τ_1."""
    problem = Problem(Zipf(alpha=1, size=SIZE), SIZE)
    fixed = exact.tau(Problem(problem.prior, problem.n, mode="fixed")).value
    found = montecarlo.tau(problem, trials=40_000, rng=Random(SEED))
    assert abs((found - exact.tau(problem)).z) < 5
    assert rejected((found.value - fixed) / found.stderr)
    assert rejected((found - exact.tau(problem, 2)).z)


@dataclass(frozen=True)
class Bent(Prior):
    """Negative control: says it is one prior and draws another."""

    said: Prior
    drawn: Prior

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.said.size

    def nodes(self, refine: float = 1.0) -> Any:
        return self.said.nodes(refine)

    def entries(self) -> Floats:
        return self.drawn.entries()


def test_a_biased_sampler_is_rejected() -> None:
    """Frequencies from a slightly different list; and samples one point short."""
    bent = Problem(Bent(Zipf(alpha=1, size=SIZE), Zipf(alpha=1.05, size=SIZE)), SIZE)
    found = montecarlo.run(bent, trials=4_000, rng=Random(SEED))
    straight = montecarlo.run(Problem(Zipf(alpha=1, size=SIZE), SIZE), trials=4_000, rng=Random(SEED))
    for quantity in ("unseen_mass", "optimal_error", "singleton_fraction", "cost"):
        claimed = getattr(exact, quantity)(bent)
        assert rejected((getattr(found, quantity) - claimed).z)
        assert not rejected((getattr(straight, quantity) - claimed).z)
    short = Problem(Uniform(size=SIZE), SIZE - 1)
    fewer = montecarlo.run(short, trials=20_000, rng=Random(SEED))
    assert rejected((fewer.unseen_mass - exact.unseen_mass(Problem(short.prior, SIZE))).z)


# theory.md, computed in random mode at N = n = 50,000 and K = 10: nτ_1, nτ_2, singletons/n, unseen mass, cost.
COMPUTED = {
    Zipf(alpha=0.5, size=50_000): (0.8590463058, 1.085633723, 0.3267993763, 0.3267937616, 0.2526622173),
    Zipf(alpha=1, size=50_000): (0.4746527491, 1.089789362, 0.1710558076, 0.1710541838, 0.0730728984),
    Zipf(alpha=2, size=50_000): (0.5027945957, 1.500000215, 0.003711323331, 0.003711286011, 0.001679429982),
    Uniform(size=50_000): (1, 1, 0.36788312, 0.3678757623, 0.331094808),
}


@pytest.mark.kernels
@pytest.mark.parametrize("prior", COMPUTED, ids=repr)
def test_the_papers_size_gives_the_computed_table(prior: Prior) -> None:
    s = montecarlo.run(Problem(prior, 50_000), trials=512, rng=Random(SEED))
    for found, value in zip(
        (s.n_tau(1), s.n_tau(2), s.singleton_fraction, s.unseen_mass, s.cost), COMPUTED[prior], strict=True
    ):
        assert abs(found.value - value) <= 5 * found.stderr + 1e-9 * value
        assert found.stderr < 0.03 * value


def test_capacity_costs_what_the_law_of_the_singletons_says() -> None:
    """(1 − 1/K) E[(1 − B/|X_1|)_+ Σ_{X_1} D] from draws, and near τ_1 (1 − 1/K) E(|X_1| − B)_+ (within 8 % at N = 100)."""
    problem, learner = Problem(Zipf(alpha=0.5, size=100), 100), Capacity(25)
    s = montecarlo.run(problem, trials=4_000, learners=[learner, Forget(1)], rng=Random(SEED))
    price, excess = [], []
    for drawn in montecarlo.draws(problem, trials=4_000, rng=Random(SEED)):
        single = drawn.counts == 1
        many = single.sum(1)
        price.append(0.9 * np.maximum(1 - 25 / np.maximum(many, 1), 0) * (single * drawn.frequency).sum(1))
        excess.append(np.maximum(many - 25, 0))
    assert s.excess(learner).value == pytest.approx(np.concatenate(price).mean(), rel=1e-12)
    near = s.tau(1).value * 0.9 * np.concatenate(excess).mean()
    assert s.excess(learner).value == pytest.approx(near, rel=0.08)
    assert 0 < s.excess(learner).value < s.excess(Forget(1)).value


@dataclass(frozen=True)
class Odd(Learner):
    """Memorizes only every other subpopulation: not symmetric, so it is shown all of them."""

    symmetric = False

    def errors(self, seen: Seen) -> Any:
        xp = seen.xp
        kept = xp.arange(seen.times.shape[-1]) % 2 == 0
        return seen.among((seen.times == 0) | ~kept[None, :], seen.guess)


def test_a_learner_that_is_not_symmetric_is_run_on_the_draws() -> None:
    problem = Problem(Zipf(alpha=1, size=SIZE), SIZE)
    both = montecarlo.run(problem, trials=2_000, learners=[Odd(), Forget(1)], rng=Random(SEED))
    fused = montecarlo.run(problem, trials=2_000, learners=[Forget(1)], rng=Random(SEED))
    assert both.error(Forget(1)).value == pytest.approx(fused.error(Forget(1)).value, rel=1e-12)
    half = (both.optimal_error.value + 0.9) / 2  # unseen: a guess; seen: right on half of the mass, on average
    assert abs(both.error(Odd()).value - half) < 5 * both.error(Odd()).stderr


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_integrating_the_sample_out_agrees_and_varies_less(problem: Problem) -> None:
    plain = simulate(problem, 0)
    smooth = montecarlo.run(problem, trials=TRIALS, ells=4, learners=LEARNERS, rng=Random(SEED), conditional=True)
    exactly_ = truth(problem)
    for name, found in readings(smooth).items():
        assert abs(found.value - exactly_[name]) <= 5 * found.stderr + 1e-9 * abs(exactly_[name])
        if not name.startswith("tau"):
            assert found.stderr <= 1.05 * readings(plain)[name].stderr
    if problem.mode == "fixed" or isinstance(problem.prior, Uniform):  # nothing is left to vary: it is exact
        assert smooth.subpopulations(1).stderr < 1e-9
        assert smooth.subpopulations(1).value == pytest.approx(exactly_["seen 1"], rel=1e-10)


def test_functions_are_namesakes_of_exact() -> None:
    problem = Problem(Gamma(shape=1, size=40), 40)
    options: dict[str, Any] = {"trials": 2_000, "rng": Random(SEED)}
    # over data sets
    laws = {"Law", "MassLaw", "Spread", "capacity_excess", "law", "mass_law", "mass_variance", "spread", "variance"}
    for name in set(exact.__all__) - laws:
        mine, theirs = getattr(montecarlo, name), getattr(exact, name)
        shared = list(inspect.signature(theirs).parameters)
        assert list(inspect.signature(mine).parameters)[: len(shared)] == shared
        if name == "table":
            continue
        extra: tuple[Any, ...] = (2,) if "ell" in shared else (Limited(0.3),) if "learner" in shared else ()
        assert abs((mine(problem, *extra, **options) - theirs(problem, *extra)).z) < 5
    table, theirs_table = montecarlo.table(problem, **options), exact.table(problem)
    assert [c for c in theirs_table if c != "relative_error"] == [c for c in table if not str(c).endswith("_stderr")]
    both = montecarlo.tau(problem, [1, 3], **options)
    assert both.value.tolist() == [montecarlo.tau(problem, ell, ells=3, **options).value for ell in (1, 3)]


@pytest.mark.kernels
def test_draws_of_gamma_do_not_depend_on_the_batch() -> None:
    problem = Problem(Gamma(shape=0.5, size=30), 50)
    whole = next(montecarlo.draws(problem, trials=6, rng=Random(2)))
    later = next(montecarlo.draws(problem, trials=2, first=4, rng=Random(2)))
    assert np.array_equal(whole.counts[4:], later.counts)
    assert np.array_equal(whole.frequency[4:], later.frequency)


@pytest.mark.parametrize(
    "call",
    [
        lambda p: montecarlo.run(p, trials=0),
        lambda p: montecarlo.run(p, tolerance=0),
        lambda p: montecarlo.run(p, workers=0),
        lambda p: montecarlo.run(p, trials=10).subpopulations(11),
        lambda p: montecarlo.run(p, trials=10).error(Memorizer()),
        lambda p: montecarlo.run(p, trials=10, learners=[Capacity(2)], conditional=True),
        lambda p: montecarlo.run(Problem(Zipf(alpha=1, size=10**12), 10), trials=1),
        lambda p: montecarlo.run(Problem(Gamma(shape=1, size=10), 10, mode="fixed"), trials=1),
        lambda p: Random(-1),
    ],
)
def test_what_cannot_be_simulated_is_refused(call: Any) -> None:
    with pytest.raises(ArgumentError):
        call(Problem(Uniform(size=5), 5))


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_limits_on_memorization_are_paid(problem: Problem) -> None:
    """Section 4's lower bounds: limited memorization on singletons, and ℓ-fold points under privacy by group."""
    guess, labels = problem.guess, problem.n_classes
    single = exact.tau(problem).value * exact.subpopulations(problem, 1).value
    for gamma in (0.1, 0.3, 0.8):
        excess = exact.error(problem, Limited(gamma)).value - exact.optimal_error(problem).value
        assert excess >= single * max(0, guess - gamma) - 1e-10
    for epsilon, delta in ((0.2, 0.0), (1.0, 0.0), (0.5, 0.01)):
        excess = exact.error(problem, Private(epsilon, delta)).value - exact.optimal_error(problem).value
        bound = 0.0
        for ell in range(1, 5):
            group = (np.exp(ell * epsilon) - 1) / (np.exp(epsilon) - 1)
            share = max(0, 1 - np.exp(ell * epsilon) / labels - group * delta)
            bound += exact.tau(problem, ell).value * exact.subpopulations(problem, ell).value * share
        assert excess >= bound - 1e-10
        assert bound >= 0
