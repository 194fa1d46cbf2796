"""Whole laws at N = n = 50,000 and 10^12, beside plain ways to the same numbers, answers checked first.

Work: the spread that ``simulate`` prints needs, of two lattices, 2,000 points of the ray × some 100 list nodes, 2e5 complex
exponentials, and a dozen FFTs of 2,000: under 20 ms. A law needs some 100 values of θ × 1,000 scales × 40 powers of δ, 4e6
complex multiply-adds, twice, and 1,600 products of 6,000 frequencies: some .2 s. Beside them: for the spread, points (s, w)
taken one by one (``longtail.exact.contours``), the same formula without what ``longtail.exact.scales`` does; for the law and the
excess, data sets simulated, with as many digits as the root of their number: three in seconds, ten in a billion times that.
"""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from longtail import Prior, Problem, Random, Uniform, Zipf, exact, montecarlo
from longtail.core import compressed
from longtail.exact import contours, laws, mellin, scales, spectrum

PROBLEMS = [
    Problem(Zipf(alpha=1, size=50_000), 50_000),
    Problem(Zipf(alpha=2, size=50_000), 50_000),
    Problem(Uniform(size=50_000), 50_000),
    Problem(Zipf(alpha=1, size=50_000), 50_000, mode="fixed"),
    Problem(Zipf(alpha=1, size=10**12), 10**12),
    Problem(Zipf(alpha=2, size=10**12), 10**6),
]
IDS = [f"{p.prior!r}, n={p.n}, {p.mode}" for p in PROBLEMS]


def forget() -> None:
    """Empty every cache: each round is a first call."""
    for cached in (
        compressed,
        mellin.law,
        spectrum.grid,
        contours.contour,
        scales._ray,
        scales.scales,
        laws._tabulated,
    ):
        cached.cache_clear()


@pytest.mark.parametrize("problem", PROBLEMS, ids=IDS)
def test_spread(benchmark: BenchmarkFixture, problem: Problem) -> None:
    found = exact.spread(problem)
    for part in (found.singleton_fraction, found.unseen_mass, found.cost):
        assert part.bound < 1e-8 * part.value
    benchmark.pedantic(lambda: exact.spread(problem), setup=forget, rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("problem", PROBLEMS, ids=IDS)
def test_law(benchmark: BenchmarkFixture, problem: Problem) -> None:
    law = exact.law(problem)
    share = law.probability * law.step
    assert law.bound < 1e-9
    assert share @ law.values == pytest.approx(law.mean.value, rel=1e-10)
    assert share @ (law.values - law.mean.value) ** 2 == pytest.approx(law.variance.value, rel=1e-9)
    benchmark.pedantic(lambda: exact.law(problem), setup=forget, rounds=2, warmup_rounds=0)


@pytest.mark.parametrize("problem", [PROBLEMS[0], PROBLEMS[4]], ids=[IDS[0], IDS[4]])
def test_a_curve_of_a_hundred_rooms_once_the_law_is_known(benchmark: BenchmarkFixture, problem: Problem) -> None:
    mean = exact.subpopulations(problem, 1).value
    rooms = np.linspace(0, 1.2 * mean, 100).astype(np.int64)
    found = exact.capacity_excess(problem, rooms)
    assert found.value[0] == pytest.approx(exact.cost(problem).value, rel=1e-10)
    assert (np.diff(found.value) <= found.bound[1:]).all()
    benchmark.pedantic(lambda: exact.capacity_excess(problem, rooms), rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("way", ["joined", "plain"])
def test_variance_beside_points_one_by_one(
    benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    problem = Problem(Zipf(alpha=2, size=50_000), 50_000)
    joined = exact.variance(problem, 1)

    def plain() -> float:
        center = float(spectrum.spectrum(problem, np.array([1])).seen[0])
        return contours.contour(problem, 40.0, 1.0).moments(1, center)[1]

    assert plain() == pytest.approx(joined.value, rel=1e-9)
    call = plain if way == "plain" else lambda: float(exact.variance(problem, 1).value)
    benchmark.group = "variance of singletons, Zipf 2"
    benchmark.pedantic(call, setup=forget, rounds=2, warmup_rounds=0)


@pytest.mark.parametrize("way", ["exact", "simulated"])
@pytest.mark.parametrize("prior", [Zipf(alpha=1, size=50_000)], ids=repr)
def test_excess_beside_simulation(benchmark: BenchmarkFixture, prior: Prior, way: str) -> None:
    """A thousand data sets: three digits of one room's excess; the exact way has ten of all rooms'."""
    problem, room = Problem(prior, 50_000), 4_000

    def simulated() -> tuple[float, float]:
        parts = list(montecarlo.censuses(problem, trials=1_000, ells=2, rng=Random(5), workers=1))
        number, mass = (np.concatenate([np.asarray(getattr(p, x))[:, 1] for p in parts]) for x in ("number", "mass"))
        unfit = problem.guess * np.maximum(1 - room / np.maximum(number, 1), 0) * mass
        return float(unfit.mean()), float(unfit.std() / np.sqrt(len(unfit)))

    value, error = simulated()
    assert abs(value - exact.capacity_excess(problem, room).value) < 5 * error
    call = simulated if way == "simulated" else lambda: exact.capacity_excess(problem, room)
    benchmark.group = "room for 4,000 singletons, Zipf 1"
    benchmark.pedantic(call, setup=forget, rounds=2, warmup_rounds=0)
