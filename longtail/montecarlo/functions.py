"""Feldman's model simulated: frequencies drawn, a sample drawn, a learner scored exactly on D (arXiv 1906.05271).

With X_ℓ the subpopulations seen ℓ times in a simulated data set, averages over data sets estimate

    E|X_ℓ|,   τ_ℓ = E Σ_{X_ℓ} D(x) / E|X_ℓ|,   unseen mass E Σ_{X_0} D(x),   opt = (1 − 1/K) · unseen mass,
    cost of guessing what was seen ℓ times = (1 − 1/K) E Σ_{X_ℓ} D(x),   a learner's error E Σ_x D(x) errors(ℓ_x).

Names and arguments are those of ``longtail.exact``, which this module does not know of: that they agree is evidence.
``run`` simulates once and everything is read off it. ``conditional=True`` integrates the sample out given the
frequencies, E[· | D], instead of drawing it: the same means with less variance (Rao-Blackwell), more time a trial.

Results are additive moments of rows, one a data set, merged in order in blocks of ``BLOCK``, so they do not depend on
the number of workers or on the batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from longtail.core import ArgumentError, Estimate, Floats, Moments, Problem, arrays, flag, instance, posed, real, whole
from longtail.core.arrays import Random
from longtail.learners import Learner, Seen
from longtail.montecarlo import kernels
from longtail.montecarlo.census import Census, Draws, census, rows
from longtail.montecarlo.simulation import Simulation
from longtail.philox import FREQUENCIES

BLOCK = 256  # data sets merged at a time
TRIALS = 1000
MOST = 10**9
CELLS = 2 * 10**7  # drawn between two reports of progress, about
LONGEST = 2**16  # the most rows a census may have


Progress = Callable[[Simulation], Any]


def run(
    problem: Problem,
    *,
    trials: int | None = None,
    tolerance: float | None = None,
    ells: int = 10,
    learners: Sequence[Learner] = (),
    rng: Random | None = None,
    workers: int | None = None,
    conditional: bool = False,
    progress: Progress | None = None,
) -> Simulation:
    """Simulate ``trials`` data sets (1,000 unless told), or until the cost's relative standard error is ``tolerance``.

    With both, whichever comes first. ``progress`` is called with the Simulation so far after every batch. An interrupt
    (Ctrl-C) ends the run and returns what is known, marked ``interrupted``.

    >>> from longtail import Problem, Zipf, exact
    >>> from longtail.learners import Forget
    >>> problem = Problem(Zipf(alpha=1, size=100), n=100)
    >>> found = run(problem, trials=512, learners=[Forget(1)])
    >>> bool(abs((found.cost - exact.cost(problem)).z) < 5), round(found.error(Forget(1)).value, 2)
    (True, 0.37)
    """
    posed(problem)
    rng, learners = _random(rng), _given(learners)
    ells = whole("ells", ells, 1, LONGEST)
    most = whole("trials", trials, 1, MOST) if trials is not None else TRIALS if tolerance is None else MOST
    goal = 0.0 if tolerance is None else real("tolerance", tolerance, 0, open_low=True)
    nothing = Moments.of(np.empty((0, 2 * (ells + 1) + len(learners))))
    conditional = flag("conditional", conditional)
    so_far = Simulation(problem, nothing, ells, learners, rng, conditional=conditional)
    try:
        kernels.ready(rng)
        start = time.perf_counter()
        for block in _blocks(_statistics(problem, most, ells, learners, rng, workers, conditional)):
            moments = so_far.moments + Moments.of(block)
            so_far = replace(so_far, moments=moments, seconds=time.perf_counter() - start)
            if progress is not None:
                progress(so_far)
            if goal and moments.count >= 2 * BLOCK and so_far.cost.stderr <= goal * so_far.cost.value:
                break
    except KeyboardInterrupt:
        so_far = replace(so_far, interrupted=True)
    return so_far


def _random(rng: Random | None) -> Random:
    if rng is None:
        return Random()
    instance("rng", rng, Random, "give a longtail.Random, as Random(seed=7)")
    return rng


def _given(learners: Any) -> tuple[Learner, ...]:
    """Learners, each of which is one."""
    remedy = "give a list of longtail.learners, as [Forget(1)]"
    try:
        given = tuple(learners)
    except TypeError as error:
        raise ArgumentError("learners", learners, remedy) from error
    for one in given:
        instance("learners", one, Learner, remedy)
    return given


def censuses(
    problem: Problem,
    *,
    trials: int = TRIALS,
    ells: int = 10,
    rng: Random | None = None,
    workers: int | None = None,
    conditional: bool = False,
    first: int = 0,
) -> Iterator[Census]:
    """|X_ℓ| and mass, ℓ = 0 … ``ells`` and the rest, of data sets first, first + 1, …, in batches that fit.

    >>> from longtail import Problem, Zipf
    >>> first = next(censuses(Problem(Zipf(alpha=1, size=100), n=100), trials=4, ells=2))
    >>> first.number.shape  # of |X_0|, |X_1|, |X_2| and the rest, in four data sets
    (4, 4)
    """
    rng, threads = _random(rng), arrays.workers(workers)
    conditional = flag("conditional", conditional)
    source, batch = sources(posed(problem), rng)
    on = kernels.expected if conditional else kernels.census

    def work(start: int, count: int) -> Census:
        return on(batch(start, count), rng, start, count, ells + 2, threads)

    size = _batch(source, rng)
    for _, counted in arrays.batches(work, first, trials, size):
        yield counted


def draws(
    problem: Problem, *, trials: int, rng: Random | None = None, workers: int | None = None, first: int = 0
) -> Iterator[Draws]:
    """The same data sets drawn out, in batches: counts and D(x), (batch, N), on the device of ``rng``.

    >>> from longtail import Problem, Zipf
    >>> first = next(draws(Problem(Zipf(alpha=1, size=100), n=50), trials=4))
    >>> first.counts.shape, first.counts.sum(axis=1).tolist()
    ((4, 100), [50, 50, 50, 50])
    """
    rng, threads = _random(rng), arrays.workers(workers)
    source, batch = sources(posed(problem), rng)

    def work(start: int, count: int) -> Draws:
        return kernels.draws(batch(start, count), rng, start, count, threads)

    for _, drawn in arrays.batches(work, first, trials, _batch(source, rng, drawn=True)):
        yield drawn


def sources(problem: Problem, rng: Random) -> tuple[kernels.Source, Callable[[int, int], kernels.Source]]:
    """The problem as kernels take it, and a function that gives it for trials start, …, start + count.

    >>> from longtail import Uniform
    >>> source, batch = sources(Problem(Uniform(size=3), n=5), Random())
    >>> source.size, source.n, batch(0, 10) is source  # a list is the same for all trials
    (3, 5, True)
    """
    prior = problem.prior
    size = whole("size", prior.size, 1, 2**31)
    try:
        entries = np.array(prior.entries(), float)
    except ArgumentError:
        if problem.mode == "fixed":
            raise
        entries = None
    if entries is not None:
        if np.mean(entries == 0) ** size > 1e-15:
            raise ArgumentError("prior", prior, "its list spans more than a double holds; give a shorter list")
        if problem.mode == "fixed":
            source = kernels.Source(size, problem.n, entries, entries[None, :])
        else:
            source = kernels.Source(size, problem.n, entries)
        return source, lambda start, count: source

    def batch(start: int, count: int) -> kernels.Source:
        own = (prior.sample(rng.generator(FREQUENCIES, t), (size,)) for t in range(start, start + count))
        return kernels.Source(size, problem.n, np.empty(0), np.stack([np.asarray(p, float) for p in own]))

    return batch(0, 2), batch


def _batch(source: kernels.Source, rng: Random, *, drawn: bool = False) -> int:
    """Trials at a time: as many as fit, and on a CPU few enough that progress and Ctrl-C are prompt."""
    most = 2**16 if rng.device.kind == "gpu" else max(1, min(BLOCK, CELLS // source.size))
    return arrays.fitting(kernels.item(source, rng.device.kind, drawn=drawn), rng.device, most)


def _statistics(
    problem: Problem,
    trials: int,
    ells: int,
    learners: tuple[Learner, ...],
    rng: Random,
    workers: int | None,
    conditional: bool,
) -> Iterator[Floats]:
    """For each data set a row: |X_ℓ| and mass for ℓ = 0 … ells, then each learner's error."""
    if conditional:
        for learner in learners:
            if not (learner.symmetric and learner.own):
                raise ArgumentError("learners", learner, "its error needs the sample itself; give conditional=False")
    depth = max([ells, *(x.settled(problem.n_classes, problem.n) for x in learners if x.symmetric and x.own)])
    if depth > LONGEST:
        raise ArgumentError(
            "learners", learners, f"one needs more than {LONGEST} sightings to settle on an answer; give fewer samples"
        )
    simulate: Iterator[Floats]
    if all(learner.symmetric for learner in learners):
        parts = censuses(problem, trials=trials, ells=depth, rng=rng, workers=workers, conditional=conditional)
        simulate = (_row(part, ells, learners, problem.n_classes) for part in parts)
    else:
        drawn = draws(problem, trials=trials, rng=rng, workers=workers)
        simulate = (_scored(part, ells, depth, learners, problem.n_classes) for part in drawn)
    return simulate


def _row(part: Census, ells: int, learners: tuple[Learner, ...], n_classes: int) -> Floats:
    number, mass = rows(part.number), rows(part.mass)
    times = np.arange(number.shape[1])[None, :]
    errors = [np.sum(learner.errors(Seen(times, number, n_classes)) * mass, axis=1) for learner in learners]
    return np.column_stack([number[:, : ells + 1], mass[:, : ells + 1], *errors])


def _scored(drawn: Draws, ells: int, depth: int, learners: tuple[Learner, ...], n_classes: int) -> Floats:
    """The same from the draws themselves, for learners that do not treat subpopulations alike; on the draws' device."""
    counted = census(drawn, depth + 2)
    seen = Seen(drawn.counts, counted.number, n_classes)
    errors = [rows(seen.xp.sum(learner.errors(seen) * drawn.frequency, axis=-1)) for learner in learners]
    return np.column_stack([rows(counted.number)[:, : ells + 1], rows(counted.mass)[:, : ells + 1], *errors])


def _blocks(parts: Iterator[Floats]) -> Iterator[Floats]:
    """Rows regrouped in blocks of exactly BLOCK (the last one shorter), whatever the batches they come in."""
    waiting: list[Floats] = []
    held = 0
    for part in parts:
        waiting.append(part)
        held += len(part)
        while held >= BLOCK:
            joined = np.concatenate(waiting)
            yield joined[:BLOCK]
            waiting, held = [joined[BLOCK:]], held - BLOCK
    if held:
        yield np.concatenate(waiting)


def tau(problem: Problem, ell: ArrayLike = 1, **options: Any) -> Estimate:
    """τ_ℓ: the expected frequency of what was seen ``ell`` times. ``options`` are those of ``run``, here and below.

    >>> from longtail import Problem, Uniform
    >>> round(tau(Problem(Uniform(size=10), n=10), ell=2, trials=64).value, 9)
    0.1
    """
    return _once(problem, ell, options).tau(ell)


def subpopulations(problem: Problem, ell: ArrayLike, **options: Any) -> Estimate:
    """E|X_ℓ|: how many subpopulations are seen ``ell`` times.

    >>> from longtail import Problem, Uniform
    >>> subpopulations(Problem(Uniform(size=1), n=10), ell=10, trials=64).value
    1.0
    """
    return _once(problem, ell, options).subpopulations(ell)


def samples(problem: Problem, ell: ArrayLike, **options: Any) -> Estimate:
    """ℓ E|X_ℓ|: how many samples come from subpopulations seen ``ell`` times.

    >>> from longtail import Problem, Uniform
    >>> samples(Problem(Uniform(size=1), n=10), ell=10, trials=64).value
    10.0
    """
    return _once(problem, ell, options).samples(ell)


def singleton_fraction(problem: Problem, **options: Any) -> Estimate:
    """E|X_1| / n.

    >>> from longtail import Problem, Zipf
    >>> found = singleton_fraction(Problem(Zipf(alpha=1, size=100), n=100), trials=512)
    >>> round(found.value, 2), round(found.stderr, 3)
    (0.24, 0.002)
    """
    return _once(problem, 1, options).singleton_fraction


def unseen_mass(problem: Problem, **options: Any) -> Estimate:
    """The mass of what was never seen.

    >>> from longtail import Problem, Zipf
    >>> round(unseen_mass(Problem(Zipf(alpha=1, size=100), n=100), trials=512).value, 2)
    0.25
    """
    return _once(problem, 1, options).unseen_mass


def optimal_error(problem: Problem, **options: Any) -> Estimate:
    """The least possible error.

    >>> from longtail import Problem, Zipf
    >>> round(optimal_error(Problem(Zipf(alpha=1, size=100), n=100), trials=512).value, 2)
    0.22
    """
    return _once(problem, 1, options).optimal_error


def cost(problem: Problem, ell: ArrayLike = 1, **options: Any) -> Estimate:
    """What it costs to guess what was seen ``ell`` times.

    >>> from longtail import Problem, Zipf, exact
    >>> problem = Problem(Zipf(alpha=1, size=100), n=100)
    >>> bool(abs((cost(problem, trials=512, conditional=True) - exact.cost(problem)).z) < 5)
    True
    """
    return _once(problem, ell, options).guessing(ell)


def error(problem: Problem, learner: Learner, **options: Any) -> Estimate:
    """The error of a learner.

    >>> from longtail import Problem, Zipf
    >>> from longtail.learners import Private
    >>> round(error(Problem(Zipf(alpha=1, size=100), n=100), Private(epsilon=1), trials=512).value, 2)
    0.38
    """
    return _once(problem, 1, {**options, "learners": (learner,)}).error(learner)


def table(problem: Problem, ell: ArrayLike = range(11), **options: Any) -> pd.DataFrame:
    """Everything by ℓ, each with its standard error.

    >>> from longtail import Problem, Zipf
    >>> table(Problem(Zipf(alpha=1, size=100), n=100), ell=[0, 1], trials=512)["subpopulations"].round(0).tolist()
    [58.0, 24.0]
    """
    return _once(problem, list(ell) if isinstance(ell, range) else ell, options).table(ell)


def _once(problem: Problem, ell: ArrayLike, options: dict[str, Any]) -> Simulation:
    return run(problem, **{"ells": max(1, int(np.max(ell))), **options})
