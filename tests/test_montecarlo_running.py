"""How a simulation runs: on any number of workers, in batches that fit, to a tolerance, until it is interrupted."""

from __future__ import annotations

import signal
import tracemalloc
from typing import Any

import numpy as np
import pytest
from tables import LEARNERS

from longtail import Problem, Uniform, Zipf, montecarlo
from longtail.core.arrays import Random
from longtail.montecarlo import kernels
from longtail.montecarlo.simulation import Simulation


@pytest.mark.kernels
def test_results_do_not_depend_on_workers_or_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(Zipf(alpha=1, size=500), 800)
    one = montecarlo.run(problem, trials=600, learners=LEARNERS, rng=Random(3), workers=1)
    for workers, cells in ((2, 10**9), (5, 10_000), (1, 500)):
        monkeypatch.setattr("longtail.montecarlo.functions.CELLS", cells)
        other = montecarlo.run(problem, trials=600, learners=LEARNERS, rng=Random(3), workers=workers)
        assert np.array_equal(one.moments.mean, other.moments.mean)
        assert np.array_equal(one.moments.comoment, other.moments.comoment)


def test_running_out_of_memory_halves_the_batch_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(Zipf(alpha=1, size=500), 800)
    whole = montecarlo.run(problem, trials=300, rng=Random(3))
    asked, census = [], kernels.census

    def scarce(source: Any, rng: Random, first: int, trials: int, rows: int, workers: int = 1) -> Any:
        asked.append(trials)
        if trials > 37:
            raise MemoryError
        return census(source, rng, first, trials, rows, workers)

    monkeypatch.setattr(kernels, "census", scarce)
    starved = montecarlo.run(problem, trials=300, rng=Random(3))
    assert asked[:5] == [1, 256, 128, 64, 32]
    assert max(asked[4:]) == 32
    assert np.array_equal(whole.moments.mean, starved.moments.mean)

    def none(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(kernels, "census", none)
    with pytest.raises(MemoryError):
        montecarlo.run(problem, trials=300, rng=Random(3))


def test_a_run_stops_at_the_tolerance() -> None:
    problem = Problem(Zipf(alpha=1, size=500), 500)
    loose, tight = (montecarlo.run(problem, tolerance=r, rng=Random(1)) for r in (0.02, 0.005))
    for found, goal in ((loose, 0.02), (tight, 0.005)):
        assert found.cost.stderr <= goal * found.cost.value
    assert tight.cost.stderr > 0.8 * 0.005 * tight.cost.value
    assert loose.trials < tight.trials
    assert montecarlo.run(problem, tolerance=1e-9, trials=700, rng=Random(1)).trials == 700
    assert montecarlo.run(problem, rng=Random(1)).trials == 1000


def test_progress_sees_every_estimate_and_an_interrupt_keeps_what_is_known() -> None:
    problem = Problem(Zipf(alpha=1, size=500), 500)
    seen: list[Simulation] = []

    def watch(so_far: Simulation) -> None:
        seen.append(so_far)
        if so_far.trials == 512:
            signal.raise_signal(signal.SIGINT)

    found = montecarlo.run(problem, trials=2_000, rng=Random(1), progress=watch)
    assert found.interrupted
    assert [s.trials for s in seen] == [256, 512]
    assert found.trials == 512
    assert found.cost == seen[-1].cost == montecarlo.run(problem, trials=512, rng=Random(1)).cost


def test_an_interrupt_before_the_first_batch_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(kernels, "census", stop)
    found = montecarlo.run(Problem(Uniform(size=5), 5), rng=Random(1))
    assert found.interrupted
    assert found.trials == 0
    assert np.isnan(found.cost.stderr)


def test_memory_stays_flat_however_many_data_sets() -> None:
    problem = Problem(Uniform(size=4), 3)
    montecarlo.run(problem, trials=1000, rng=Random(1), workers=1)
    peaks = []
    for trials in (2_000, 40_000):
        tracemalloc.start()
        montecarlo.run(problem, trials=trials, rng=Random(1), workers=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
