"""The exact solution of one problem, ℓ ≤ 10, first call in a process but for imports: 50 ms on one core, N = 1e12 alike.

Work: the law of T needs one complex exponential for each (point of the ray, list node that is not small), about 400 × 150,
twice (coarse, fine): 1.2e5 × three real transcendental functions; the double sum 300 × 300 nodes × 12 values of ℓ, twice:
2.2e6 multiply-adds. At some 2 ns each that is under 5 ms; caches are emptied before every round, so nothing is kept. The
plain way, a uniform Fourier grid for T that must resolve its smallest value, is ``longtail.witnesses.fourier``, timed beside it.
"""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.alternating import FULL
from longtail import (
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
from longtail.core import compressed
from longtail.exact import mellin, spectrum
from longtail.witnesses import fourier

ELL = np.arange(11)


def at(size: int) -> list[Prior]:
    """Every kind of prior at one size."""
    return [
        Zipf(alpha=0.5, size=size),
        Zipf(alpha=1, size=size),
        Zipf(alpha=2, size=size),
        Uniform(size=size),
        Geometric(ratio=0.999, size=size),
        LogNormal(sigma=1, size=size),
        Pareto(shape=1.5, size=size),
        Gamma(shape=1, size=size),
        TwoLevel(common=100, rare=size - 100, ratio=1e-3),
        Mixture(parts=((0.5, Zipf(alpha=1, size=size)), (0.5, LogNormal(sigma=1, size=size))), size=size),
    ]


def forget() -> None:
    """Empty every cache: each round is a first call."""
    compressed.cache_clear()
    mellin.law.cache_clear()
    spectrum.grid.cache_clear()


@pytest.mark.parametrize("prior", [*at(50_000), *at(10**12), Listed(1 / np.arange(1.0, 20_001.0))], ids=repr)
def test_exact(benchmark: BenchmarkFixture, prior: Prior) -> None:
    n = min(prior.size, 10**9)
    problem = Problem(prior, n)
    rare = prior == TwoLevel(common=100, rare=49_900, ratio=1e-3)  # seven times are seen: one in 274 data sets
    ell = ELL[:7] if rare else ELL
    table = exact.table(problem, ell)
    assert table["relative_error"].max() < 1e-8
    if prior.size <= 50_000:
        assert table["sample_fraction"].sum() <= 1
    alone = exact.unseen_mass(problem)  # in last bits another number: sums over one ℓ and over eleven are not alike
    assert abs(table["mass"].iloc[0] - alone.value) <= alone.bound + alone.value * 1e-15
    benchmark.pedantic(lambda: exact.table(problem, ell), setup=forget, rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("engine", ["exact", "plain"])
def test_one_tau_against_the_plain_way(benchmark: BenchmarkFixture, alpha: float, engine: str) -> None:
    size = 50_000 if FULL else 2_000  # the plain way takes half a minute a call at 50,000
    problem = Problem(Zipf(alpha=alpha, size=size), n=size)
    assert exact.tau(problem, 1).value == pytest.approx(fourier.tau(problem, 1).value, rel=1e-11)

    def cold() -> None:
        forget()
        fourier._law.cache_clear()

    call = exact.tau if engine == "exact" else fourier.tau
    benchmark.group = f"tau_1, Zipf {alpha}"
    benchmark.pedantic(lambda: call(problem, 1), setup=cold, rounds=3 if FULL else 1, warmup_rounds=1)
