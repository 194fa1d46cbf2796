"""No value is off by more than it says: thousands of random problems against references of more digits than a double.

Each test has two controls: that the same values go beyond a thousandth of their bounds, so that a bound which is too small by
as much would be seen, and that no more than a stated share of them is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from truths import PLACE, Enumerated, Fixed, dirichlet, uniform

from longtail import (
    AccuracyError,
    Gamma,
    Geometric,
    Listed,
    LogNormal,
    Mixture,
    Pareto,
    Prior,
    Problem,
    TwoLevel,
    Uniform,
    Zipf,
    exact,
)
from longtail.exact import functions
from longtail.exact.mellin import Rule
from longtail.exact.spectrum import DIGITS, SMALLEST, spectrum
from longtail.witnesses import fourier

ENOUGH = 5_000  # random problems (prior, n, ℓ) of each kind
IN_REACH = 1e-280  # what is larger must have an answer, or counts as refused


@dataclass
class Tally:
    """How far values are off, beside what they and the references say."""

    asked: int = 0
    refused: int = 0
    off: list[float] = field(default_factory=list)
    stated: list[float] = field(default_factory=list)
    slack: list[float] = field(default_factory=list)
    where: list[str] = field(default_factory=list)

    def add(self, where: str, value: float, error: float, truth: np.longdouble, slack: float) -> None:
        """One value, unless it is one that the library would refuse."""
        if not (value > SMALLEST and error <= DIGITS * value):
            self.refused += bool(truth > IN_REACH)
            return
        self.off.append(float(abs(np.longdouble(value) - truth) / truth))
        self.stated.append(error / value)
        self.slack.append(slack)
        self.where.append(where)

    def beyond(self, scale: float = 1.0) -> list[str]:
        """The values that are off by more than ``scale`` of what they say."""
        over = np.array(self.off) > scale * np.array(self.stated) * (1 + DIGITS) + np.array(self.slack)
        return [f"{self.where[i]}: off {self.off[i]:.2e}, said {self.stated[i]:.2e}" for i in np.flatnonzero(over)]

    def solve(
        self, problem: Problem, ell: np.ndarray, truth: Callable[[int], tuple[np.longdouble, np.longdouble, float]]
    ) -> None:
        """E|X_ℓ|, their mass and τ_ℓ for every ℓ."""
        with np.errstate(divide="ignore", invalid="ignore"):
            s = spectrum(problem, ell)
            tau, tau_error = functions.ratio(s)
        for j, times in enumerate(ell):
            seen, mass, slack = truth(int(times))
            if not mass > SMALLEST:  # an answer there could only be wrong
                assert not (s.mass[j] > SMALLEST and s.mass_error[j] <= DIGITS * s.mass[j])
                continue
            self.asked += 1
            at = f"{problem.prior!r}, n = {problem.n}, mode = {problem.mode}, ell = {times}"
            self.add(f"subpopulations of {at}", s.seen[j], s.seen_error[j], seen, slack)
            self.add(f"mass of {at}", s.mass[j], s.mass_error[j], mass, slack)
            self.add(f"tau of {at}", tau[j], tau_error[j], mass / seen, slack)

    def judge(self, refused: float) -> None:
        """Enough problems, none beyond its bound, bounds not a thousand times too wide, few refused."""
        assert self.asked >= ENOUGH
        assert self.beyond() == []
        assert self.beyond(1e-3) != []
        assert self.refused <= refused * 3 * self.asked


def numbers(rng: np.random.Generator, most: float, count: int) -> list[int]:
    """Log-uniform whole numbers."""
    return np.unique(np.exp(rng.uniform(0, np.log(most), count)).astype(np.int64)).tolist()


def sightings(rng: np.random.Generator, n: int, most: int = 1000) -> np.ndarray:
    """0 to 3, and more up to n."""
    highest = min(n, most)
    more = [10, int(rng.integers(highest + 1)), int(np.exp(rng.uniform(0, np.log(highest + 1))))]
    return np.array(sorted({ell for ell in (0, 1, 2, 3, *more) if ell <= highest}))


def some(rng: np.random.Generator, size: int) -> Prior:
    """A random list of one of eight kinds."""
    common = int(rng.integers(1, size))
    first = Zipf(alpha=rng.uniform(0.1, 3), size=common)
    kinds: list[Callable[[], Prior]] = [
        lambda: Zipf(alpha=10 ** rng.uniform(-1, 0.8), size=size),
        lambda: Geometric(ratio=10 ** rng.uniform(-2, -0.02), size=size),
        lambda: LogNormal(sigma=10 ** rng.uniform(-1, 0.6), size=size),
        lambda: Pareto(shape=10 ** rng.uniform(-0.7, 1), size=size),
        lambda: TwoLevel(common=common, rare=size - common, ratio=10 ** rng.uniform(-3, -0.1)),
        lambda: Listed(rng.integers(1, 30, size).astype(float)),
        lambda: Mixture(parts=((common / size, first), (1 - common / size, Uniform(size=1))), size=size),
        lambda: Uniform(size=size),
    ]
    return kinds[int(rng.integers(len(kinds)))]()


def few_values(rng: np.random.Generator, size: int) -> Prior:
    """A longer list of two or three values, whose draws can still be counted."""
    common, rare = int(rng.integers(1, size)), 10 ** rng.uniform(-2, -0.1)
    if rng.random() < 0.5:
        return TwoLevel(common=common, rare=size - common, ratio=rare)
    return Listed(rng.choice([1.0, rare, 10 ** rng.uniform(-2, 0)], size))


def tally(priors: Iterator[Prior], rng: np.random.Generator, most: float, count: int) -> Tally:
    """Lists against enumeration."""
    found = Tally()
    for prior in priors:
        reference = Enumerated(prior)
        for n in numbers(rng, most, count):
            found.solve(Problem(prior, n), sightings(rng, n), lambda ell, n=n, r=reference: r.seen(n, ell))
    return found


def short(rng: np.random.Generator) -> Iterator[Prior]:
    """Mostly of two to seven entries: nine have 115,830 different draws."""
    sizes = np.append(rng.integers(2, 8, 235), [8, 8, 9])
    return (some(rng, int(size)) for size in sizes)


def test_short_lists() -> None:
    rng = np.random.default_rng(1)
    tally(short(rng), rng, 10**7, 6).judge(refused=0.001)


def test_lists_of_few_values() -> None:
    rng = np.random.default_rng(2)
    tally((few_values(rng, int(size)) for size in rng.integers(10, 60, 160)), rng, 10**6, 6).judge(refused=0.01)


def test_without_the_bound_of_the_law_values_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the rules' difference and rounding alone let through what tilted laws and terms put right."""
    rng = np.random.default_rng(1)
    monkeypatch.setattr(Rule, "error", lambda self, g: np.zeros(len(g)))
    assert len(tally((some(rng, 6) for _ in range(20)), rng, 10**7, 6).beyond()) > 0


def test_gamma() -> None:
    """Where a tilted law would be needed, a few only: they take a hundred times as long."""
    rng, found = np.random.default_rng(3), Tally()
    for _ in range(80):
        size, shape = int(10 ** rng.uniform(0.5, 12)), float(10 ** rng.uniform(-1, 2))
        for n in numbers(rng, min(size * 10**3, 10**12), 14):
            ell = np.arange(min(n, 10) + 1)
            log_truth = np.array([np.longdouble(str(dirichlet(shape, size, n, int(k)))) for k in ell])
            kept = log_truth > np.log(size) - 10
            known = dict(zip(ell.tolist(), log_truth, strict=True))

            def truth(
                k: int, n: int = n, a: float = shape, size: int = size
            ) -> tuple[np.longdouble, np.longdouble, float]:
                seen, tau = np.exp(known[k]), (np.longdouble(a) + k) / (np.longdouble(a) * size + n)  # noqa: B023
                return seen, seen * tau, 100 * PLACE

            if kept.any():
                found.solve(Problem(Gamma(shape=shape, size=size), n), ell[kept], truth)
    found.judge(refused=0.001)


def test_uniform() -> None:
    rng, found = np.random.default_rng(4), Tally()
    while found.asked < ENOUGH:
        size = int(10 ** rng.uniform(0.3, 12))
        n = int(min(size * 10 ** rng.uniform(-3, 2.5), 10**12 - 1)) + 1
        ell = np.unique(np.minimum(rng.poisson(min(n / size, 60), 4), min(n, 1000)))

        def truth(k: int, n: int = n, size: int = size) -> tuple[np.longdouble, np.longdouble, float]:
            seen = np.exp(np.longdouble(str(uniform(size, n, k))))
            return seen, seen / size, 1000 * PLACE

        found.solve(Problem(Uniform(size=size), n), ell, truth)
    found.judge(refused=0)


def test_longer_lists_beside_the_uniform_grid() -> None:
    """``witnesses.fourier`` says how far its two grids differ, but not its rounding, at most 1e-12 of what is not rare."""
    rng, compared, apart = np.random.default_rng(6), 0, 0
    for _ in range(16):
        prior = some(rng, int(rng.integers(20, 300)))
        for n in (prior.size // 3, 3 * prior.size):
            for ell in (0, 1, 3):
                found = exact.subpopulations(Problem(prior, n), ell)
                try:
                    witness = fourier.subpopulations(Problem(prior, n), ell)
                except AccuracyError:
                    continue
                if found.value > 1e-3:
                    compared += 1
                    off, rounding = abs(found.value - witness.value), 1e-12 * found.value
                    assert off <= found.bound + witness.bound + rounding, (prior, n, ell)
                    apart += off > found.bound / 1e3
    assert compared >= 50
    assert apart > 0


def test_fixed_mode() -> None:
    rng, found = np.random.default_rng(5), Tally()
    for _ in range(125):
        prior = some(rng, int(10 ** rng.uniform(0.4, 2.8)))
        if prior.entries().min() < 1e-280:  # entries that a double does not hold
            continue
        reference = Fixed(prior)
        for n in numbers(rng, 10**9, 11):
            ell = sightings(rng, n, 20_000)
            found.solve(Problem(prior, n, mode="fixed"), ell, lambda k, n=n, r=reference: r.seen(n, k))
    found.judge(refused=0.001)


def test_what_was_wrong_without_a_word() -> None:
    """Far more samples than subpopulations, T with atoms: once off in the first digit, and said to be good to rounding."""
    assert exact.tau(Problem(Zipf(alpha=3, size=2), 2118), 0).value == pytest.approx(1 / 9, rel=1e-12)
    problem = Problem(TwoLevel(common=3, rare=2, ratio=0.1), 5183)
    seen, _, _ = Enumerated(problem.prior).seen(5183, 1)
    assert exact.subpopulations(problem, 1).value == pytest.approx(float(seen), rel=1e-11)
    for prior, n in ((TwoLevel(common=11, rare=52, ratio=0.1), 24_394), (Zipf(alpha=1.5, size=5), 3_453)):
        for ell in (0, 2):
            seen, mass, slack = Enumerated(prior).seen(n, ell)
            tau = exact.tau(Problem(prior, n), ell)
            assert abs(tau.value - float(mass / seen)) <= tau.bound + slack * tau.value


def test_public_functions_state_it() -> None:
    """The functions of ``exact``, and the relative error in its table, of a problem whose truth is known."""
    problem = Problem(Zipf(alpha=1, size=6), 40)
    reference = Enumerated(problem.prior)
    table = exact.table(problem, range(4)).set_index("ell")
    for ell in range(4):
        seen, mass, _ = reference.seen(40, ell)
        for estimate, truth in (
            (exact.tau(problem, ell), mass / seen),
            (exact.subpopulations(problem, ell), seen),
            (exact.samples(problem, ell), ell * seen),
            (exact.cost(problem, ell), mass * 9 / 10),
        ):
            assert abs(np.longdouble(estimate.value) - truth) <= estimate.bound <= 1e-11 * max(float(truth), 0)
        row = table.loc[ell]
        for name, truth in (("tau", mass / seen), ("subpopulations", seen), ("mass", mass)):
            assert abs(row[name] / float(truth) - 1) <= row["relative_error"] + 2e-16
