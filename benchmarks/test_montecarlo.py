"""Simulated data sets a second, beside the plain NumPy way and beside what the machine could do at best.

    pytest benchmarks/test_montecarlo.py --benchmark-only -s      N = n = 5,000, as continuous integration runs it
    LONGTAIL_SIZE=50000 pytest benchmarks/test_montecarlo.py --benchmark-only -s      the papers' size

The plain way draws one data set at a time: ``rng.choice`` of the list, normalized, ``rng.multinomial``, then counts of
what was seen ℓ times and their mass. Timings alternate in one run and are compared by their medians, in seconds on the
clock and in seconds of processor time; where other work shares the machine the second is the one to believe.

Bytes and operations a cell (a subpopulation of one data set), CPU kernel: one Philox word (20 multiplications for every
four), a multiplication and a look-up of 8 bytes in the list, one e^(−λ), four thresholds and comparisons in single precision
(46 operations in lanes of 32 bits), one addition to the mass of its count; 13 bytes written (frequency, fraction and count) and
13 read back in the second-level cache; nothing to main memory while N is below about 10^5.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numba as nb
import numpy as np
import pytest

from longtail import Problem, Uniform, Zipf, exact, montecarlo
from longtail.core import Floats, arrays
from longtail.core.arrays import Random
from longtail.montecarlo.kernels import poisson
from longtail.montecarlo.kernels.census_cpu import STRIP
from longtail.montecarlo.kernels.poisson_cpu import quick
from longtail.philox import FREQUENCIES
from longtail.philox.block_cpu import fill

SIZE = int(os.environ.get("LONGTAIL_SIZE", "5000"))
FULL = SIZE >= 50_000
PRIORS = [Zipf(alpha=1, size=SIZE), Zipf(alpha=0.5, size=SIZE), Zipf(alpha=2, size=SIZE), Uniform(size=SIZE)]
SEED, ELLS, ROUNDS = 1, 10, 7


def plain(problem: Problem, trials: int, rng: np.random.Generator) -> Floats:
    """The NumPy loop: rows of |X_ℓ| and mass, as the kernel gives."""
    entries, size = problem.prior.entries(), problem.prior.size
    rows = np.empty((trials, 2 * (ELLS + 2)))
    for trial in range(trials):
        p = rng.choice(entries, size)
        share = p / p.sum()
        counts = np.minimum(rng.multinomial(problem.n, share), ELLS + 1)
        rows[trial, : ELLS + 2] = np.bincount(counts, minlength=ELLS + 2)
        rows[trial, ELLS + 2 :] = np.bincount(counts, share, minlength=ELLS + 2)
    return rows


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def alternating(*works: Callable[[], Any], rounds: int = ROUNDS) -> Floats:
    """Seconds (round, work, on the clock and of processor time), measured in turn.

    Compare them round by round: what else the machine does falls on a whole round, and the median leaves it out.
    """
    for work in works:
        work()
    return np.array([[seconds(work) for work in works] for _ in range(rounds)])


@pytest.mark.parametrize("prior", PRIORS, ids=repr)
def test_data_sets_a_second_beside_numpy(benchmark: Any, prior: Any) -> None:
    problem, cores = Problem(prior, SIZE), arrays.workers()
    want = exact.cost(problem).value
    found = montecarlo.run(problem, trials=400, rng=Random(SEED))
    numpys = plain(problem, 100, np.random.default_rng(SEED))[:, ELLS + 3] * problem.guess
    assert abs(found.cost.value - want) < 5 * found.cost.stderr + 1e-12
    assert abs(numpys.mean() - want) < 5 * numpys.std() / 10 + 1e-12

    ours, theirs = (512, 8) if FULL else (2048, 64)
    rng = np.random.default_rng(SEED)
    times = alternating(
        lambda: montecarlo.run(problem, trials=ours, rng=Random(SEED), workers=cores),
        lambda: plain(problem, theirs, rng),
    )
    (wall, processor), (numpy_wall, numpy_processor) = np.median(times, axis=0).tolist()
    on_clock, of_core = np.median(times[:, 1] / times[:, 0] * (ours / theirs), axis=0).tolist()
    benchmark.extra_info.update(
        data_sets_per_second=ours / wall,
        numpy=theirs / numpy_wall,
        ratio=on_clock,
        data_sets_per_core_second=ours / processor,
        numpy_per_core_second=theirs / numpy_processor,
        ratio_per_core=of_core,
        cores=cores,
        size=SIZE,
    )
    say(
        f"{prior!r} on {cores} cores: {ours / wall:,.0f} data sets/s, NumPy {theirs / numpy_wall:,.0f}: {on_clock:.1f} "
        f"times; a second of one core {ours / processor:,.0f}, NumPy {theirs / numpy_processor:,.0f}: {of_core:.1f} times"
    )
    assert of_core > (6 if FULL else 1)
    assert cores * of_core > 10 or cores == 1 or not FULL
    benchmark.pedantic(lambda: montecarlo.run(problem, trials=ours, rng=Random(SEED), workers=cores), rounds=3)


@nb.njit
def make(words: Any, seed: Any, repeat: int) -> None:
    for trial in range(repeat):
        fill(words, seed, np.uint32(FREQUENCIES), np.uint64(trial), np.uint64(0))


@nb.njit
def look_up(entries: Any, index: Any, out: Any, repeat: int) -> None:
    for k in range(repeat):
        for i in range(len(index)):
            out[i] = entries[index[i] - (k & 1)]


@nb.njit
def exponentiate(words: Any, p: Any, small: Any, repeat: int) -> None:
    for _ in range(repeat):
        quick(words, p, 1.0, small)


def test_words_look_ups_and_exponentials_beside_their_ceilings(benchmark: Any) -> None:
    """Each on its own, on data that is at hand, is a ceiling; a fused data set needs one of each a cell."""
    problem = Problem(PRIORS[0], SIZE)
    entries = problem.prior.entries()
    words, index, small = np.empty(STRIP, np.uint32), np.empty(STRIP, np.uint32), np.empty(STRIP, np.uint8)
    p, seed, trial = np.full(STRIP, 0.7), np.uint64(SEED), np.uint64(0)
    fill(words, seed, np.uint32(FREQUENCIES), trial, np.uint64(0))
    index[:] = words.astype(np.uint64) * np.uint64(SIZE) >> np.uint64(32)
    quick(words, p, 1.0, small)
    share = np.mean(small != poisson.UNSURE)
    assert 0.99 < share < 1  # of 0.7: counts below four
    index = np.maximum(index, 1)
    values, repeat = np.empty(STRIP), 5_000
    trials = max(64, 200_000 // SIZE)
    times = alternating(
        lambda: montecarlo.run(problem, trials=trials, rng=Random(SEED), workers=1),
        lambda: make(words, seed, repeat),
        lambda: look_up(entries, index, values, repeat),
        lambda: exponentiate(words, p, small, repeat),
    )
    fused, *parts = times[..., 1].T
    cells = trials * SIZE / float(np.median(fused))
    best = [repeat * STRIP / float(np.median(part)) for part in parts]
    at_best = float(np.median(sum(parts) / (repeat * STRIP) * trials * SIZE / fused))
    say(f"one core, {cells / 1e6:,.0f} million cells/s, {100 * at_best:.0f} % of the time at its ceilings")
    for name, each, ceiling in zip(("words", "look-ups", "exponentials"), (1, 1, 1), best, strict=True):
        benchmark.extra_info[name] = (each * cells, ceiling)
        used = 100 * each * cells / ceiling
        say(f"  {name}: {each * cells / 1e6:,.0f} of {ceiling / 1e6:,.0f} million/s, {used:.0f} %")
    assert at_best < 1.2  # no faster than its parts, but for noise
    benchmark.pedantic(lambda: montecarlo.run(problem, trials=trials, rng=Random(SEED), workers=1), rounds=3)


@pytest.mark.parametrize("prior", [Zipf(alpha=1, size=1000), Zipf(alpha=0.5, size=1000), Uniform(size=1000)], ids=repr)
def test_what_integrating_the_sample_out_gains(benchmark: Any, prior: Any) -> None:
    """Variance of singletons and of the cost, plain over conditional; and the same at equal time."""
    problem, trials = Problem(prior, 1000), 1024
    plainly, smooth = (montecarlo.run(problem, trials=trials, rng=Random(2), conditional=c) for c in (False, True))
    times = alternating(
        lambda: montecarlo.run(problem, trials=trials, rng=Random(2), conditional=True, workers=1),
        lambda: montecarlo.run(problem, trials=trials, rng=Random(2), workers=1),
        rounds=5,
    )
    slower = float(np.median(times[:, 0, 1] / times[:, 1, 1]))
    assert abs((plainly.cost - smooth.cost).z) < 5
    assert smooth.cost.stderr < plainly.cost.stderr
    for name, a, b in (
        ("singletons", plainly.singleton_fraction, smooth.singleton_fraction),
        ("cost", plainly.cost, smooth.cost),
        ("unseen mass", plainly.unseen_mass, smooth.unseen_mass),
    ):
        gain = (a.stderr / b.stderr) ** 2 if b.stderr > 1e-12 else np.inf
        benchmark.extra_info[name] = (gain, gain / slower)
        say(f"{prior!r}, {name}: variance / {gain:.3g}, at equal time / {gain / slower:.3g}")
    benchmark.pedantic(lambda: montecarlo.run(problem, trials=256, rng=Random(2), conditional=True), rounds=3)


def test_a_million_data_sets_hold_memory_flat(benchmark: Any) -> None:
    problem = Problem(Zipf(alpha=1, size=50), 50)
    montecarlo.run(problem, trials=10_000, rng=Random(SEED))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    trials = 10**6 if FULL else 10**5
    found = benchmark.pedantic(lambda: montecarlo.run(problem, trials=trials, rng=Random(SEED)), rounds=1)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    say(f"{found.trials:,} data sets in {found.seconds:.1f} s; the process grew by {grown / 1024:.1f} MiB")
    assert abs((found.cost - exact.cost(problem)).z) < 5
    assert grown < 16 * 1024
